"""A plan in a few plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.units import format_count, format_distance, format_gap, format_length, format_share

if TYPE_CHECKING:
    from chargeplan.plan.answer import Plan, StandardResult
    from chargeplan.plan.record import PeriodRecord, PeriodStandardRecord, PlanRecord, SizingRecord

_DISTANCES = {
    "distance": "mean distance of the aims to the nearest station",
    "farthest": "farthest of the aims from its nearest station",
    "separation": "least distance of a new station from any other",
}
_WITH_ROOM = "mean distance of the aim to the stations that serve it"


def summary(plan: Plan) -> str:
    """Say what a plan achieves, what it takes and how good it provably is."""
    record = plan.record
    lines = [
        f"{record.title or record.name}",
        f"{record.stations.total:,} stations: {counted_stations(record)}; cost {record.cost:,.6g}",
        *(_standard_line(standard) for standard in plan.standards),
        *(_period_line(period) for period in record.periods),
        *(f"chargers: {line}" for line in charger_lines(record)),
        *filter(None, [achieved(record)]),
        _proof_line(plan),
    ]
    lines += [f"mind: {warning}" for warning in record.warnings]
    lines += [f"note: {note}" for note in record.notes]
    lines += [f"not planned yet: {line}" for line in record.not_planned]
    return "\n".join(lines)


def counted_stations(record: PlanRecord) -> str:
    """Say how many stations are new and how many existing; and how many are closed, where there are any.

    Parameters
    ----------
    record
        Of the plan.
    """
    count = record.stations
    said = f"{count.selected:,} new, {count.existing:,} existing"
    return f"{said}, {count.closed:,} closed" if count.closed else said


def _standard_line(standard: StandardResult) -> str:
    word = "less than" if standard.strict else "at most"
    far = "out of reach" if standard.max_distance_m is None else format_distance(standard.max_distance_m)
    promise = (
        f"{'' if standard.required else 'aim, '}{word} {format_length(standard.radius_m)} ({standard.metric})"
    )
    verdict = "met" if standard.met else "NOT MET"
    return f"{standard.name}: {promise}: {verdict}; {format_share(standard.share)} covered, farthest {far}"


def _period_line(period: PeriodRecord) -> str:
    """Say what a period builds and what there is by its end."""
    budget = "" if period.budget is None else f" of {period.budget:,.6g}"
    shares = ", ".join(f"{name} {period_share(each)}" for name, each in period.standards.items())
    opened = f"{period.stations_opened:,} opened, {period.stations_open:,} open"
    chargers = "".join(f"; {count:,} {name}" for name, count in period.chargers.items())
    return f"{period.name}: {opened}; {period.spent:,.6g}{budget} spent; {shares}{chargers}"


def period_share(standard: PeriodStandardRecord) -> str:
    """Say what share of a standard is covered by the end of a period, and in brackets what is asked.

    Parameters
    ----------
    standard
        Of the period.
    """
    share = format_share(standard.share)
    if standard.asked is None:
        return share
    missed = "" if standard.met else ", NOT MET"
    return f"{share} ({format_share(standard.asked)}{missed})"


def _proof_line(plan: Plan) -> str:
    if plan.gap is None:
        return f"{plan.status}: no bound is known"
    figures = f"objective {plan.objective:,.6g}, bound {plan.bound:,.6g}, gap {format_gap(plan.gap)}"
    return f"{plan.status}: {figures} ({plan.bound_kind})"


def charger_lines(record: PlanRecord) -> list[str]:
    """Say how many chargers a plan has, what they cost, and what they keep or miss.

    Parameters
    ----------
    record
        Of the plan.
    """
    sizing = record.sizing
    if sizing is None:
        return []
    counts = ", ".join(f"{count:,} {name}" for name, count in record.chargers.items())
    new = sum(sizing.new.values()) + sum(sizing.homes.values())
    lines = [f"{counts}: {new:,} new, {sum(sizing.standing.values()):,} standing; cost {sizing.cost:,.6g}"]
    lines += _load_lines(sizing)
    lines += [f"{rule.asked}: {'met' if rule.met else 'NOT MET'}, {rule.chargers:,}" for rule in sizing.rules]
    if sizing.substations:
        lines.append(_grid_line(sizing))
    return lines


def _load_lines(sizing: SizingRecord) -> list[str]:
    """Say what vehicles draw, how long they wait, and what is missing for it."""
    lines = []
    if sizing.load_kw is not None and sizing.worst_chance is not None:
        wait = "at all" if sizing.wait_s == 0.0 else f"longer than {sizing.wait_s / 60:g} min"
        lines.append(
            f"{sizing.load_kw:,.0f} kW in the busiest hour; {format_gap(sizing.worst_chance)} wait {wait} at "
            f"{sizing.worst_station}, where it is most; {format_gap(sizing.chance)} may"
        )
    if sizing.lost_kw >= 0.5:
        lines.append(f"{sizing.lost_kw:,.0f} kW of it reach no station")
    if sizing.beyond_kw >= 0.5:
        lines.append(f"{sizing.beyond_kw:,.0f} kW of it find no room within reach")
    if sizing.stations_short:
        short = format_count(sizing.chargers_short, "charger")
        verdict = "NOT MET" if sizing.required else "short, as an aim may be"
        lines.append(f"{format_count(sizing.stations_short, 'station')} {verdict}: {short} fewer than needed")
    return lines


def _grid_line(sizing: SizingRecord) -> str:
    """Say how full the substations are, and which is the fullest."""
    drawn = sum(each.drawn_kw for each in sizing.substations.values())
    limited = {name: each for name, each in sizing.substations.items() if each.spare_kw is not None}
    line = f"{drawn:,.0f} kW at {format_count(len(sizing.substations), 'substation')}"
    if not limited:
        return line
    name, fullest = max(
        limited.items(), key=lambda item: item[1].drawn_kw / max(item[1].spare_kw or 0.0, 1e-9)
    )
    return f"{line}; the fullest, {name}, gives {fullest.drawn_kw:,.0f} of {fullest.spare_kw:,.0f} kW"


def achieved(record: PlanRecord) -> str:
    """Say what a plan achieves whose objective is about distances; nothing of other plans.

    Parameters
    ----------
    record
        Of the plan.
    """
    if record.counts not in _DISTANCES or record.objective is None:
        return ""
    limited = (
        "weight_per_charger" in record.provenance.scenario["objective"] and record.status != "infeasible"
    )
    return f"{_WITH_ROOM if limited else _DISTANCES[record.counts]}: {format_distance(record.objective)}"
