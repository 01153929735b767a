"""What a person reads on stdout after a command."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chargeplan.audit.reprove import outward
from chargeplan.errors import printable
from chargeplan.plan.wording import achieved, charger_lines, counted_stations, period_share
from chargeplan.problem import caveats, positions
from chargeplan.units import format_distance, format_gap, format_length, format_share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from chargeplan.audit import AuditReport
    from chargeplan.audit.reprove import Reproof
    from chargeplan.errors import Fault
    from chargeplan.plan import Plan, PlanRecord
    from chargeplan.plan.record import SizingRecord
    from chargeplan.problem import Problem, Standard

METRICS = {
    "geodesic": "straight line",
    "euclidean": "straight line",
    "road": "by road",
    "matrix": "by the given table",
}
BOUNDS = {
    "dual-certificate": "proven by prices on the demand points, which certificate.json holds",
    "block-certificate": "proven block by block, as certificate.json shows",
    "backend": "the solver backend's own word",
}
CHECKED = {
    "dual-certificate": "proven by the prices in certificate.json, added up afresh",
    "block-certificate": "the blocks in certificate.json add up to it",
    "backend": "the solver backend's own word; what certificate.json proves beside it was added up afresh",
}
RIGHT = {
    *("#", "Row", "Demand points", "Weight", "Before", "Covered", "Farthest"),
    *("People", "km2", "People per km2"),
}
WIDTH, INDENT = 110, 10
MOST_BLOCKS = 10  # printed of those that are not proven again


class Report:
    """Prints tables and sentences on stdout, `WIDTH` columns wide where stdout is no terminal."""

    def __init__(self) -> None:
        console = Console(highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console = Console(highlight=False, markup=False, emoji=False, width=WIDTH)
        self._console = console

    def problem(self, problem: Problem) -> None:
        """Say what a scenario's inputs hold."""
        self._title(problem.name, problem.scenario.title)
        table = _table("Standard", "Radius", "Asked", "Demand points", "Weight")
        for standard in problem.standards:
            table.add_row(
                printable(standard.name),
                _radius(standard.radius, standard.metric, strict=standard.strict),
                _asked(standard),
                f"{len(standard.points.ids):,}",
                f"{standard.points.weight.sum():,.0f}",
            )
        self._console.print(table)
        statuses = Counter(map(str, problem.sites.status)).most_common()
        counts = ", ".join(f"{count:,} {status}" for status, count in statuses)
        self._line("Sites", f"{len(problem.sites.ids):,}: {counts}")
        self._line("Inputs", ", ".join(source.name for source in problem.inputs))
        lines = (
            f"{standard.name}: {line}" for standard in problem.standards for line in standard.not_planned
        )
        self._caveats(problem, problem.warnings, problem.notes, [*problem.not_planned, *lines])

    def urban_centres(self, centres: gpd.GeoDataFrame) -> None:
        """List urban centres, those of each demand layer by themselves."""
        if centres.empty:
            self._line("Centres", "no urban centre: nowhere 50,000 people together at 1,500 per km2")
            return
        for layer, listed in centres.groupby("layer", sort=False):
            named = listed["districts"].map(bool).any()
            heads = ["#", "In", "Longitude, latitude", "People", "km2", "People per km2"]
            table = _table(*(head for head in heads if named or head != "In"))
            for row, (lon, lat) in zip(listed.itertuples(), positions(listed).tolist(), strict=True):
                table.add_row(
                    f"{row.centre:,}",
                    *([printable(", ".join(row.districts))] if named else []),
                    f"{lon:.3f}, {lat:.3f}",
                    f"{row.people:,.0f}",
                    f"{row.area_km2:,}",
                    f"{row.per_km2:,.0f}",
                )
            self._console.print(Text(printable(f"Urban centres, by {layer}"), style="bold"))
            self._console.print(table)

    def faults(self, faults: Sequence[Fault]) -> None:
        """Say what is wrong with inputs, a row for every problem place."""
        heads = ("#", "File", "Layer", "Row", "Column", "Longitude, latitude", "What is wrong")
        places = [(fault.layer, fault.row, fault.column, fault.position) for fault in faults]
        said = [any(value is not None for value in column) for column in zip(*places, strict=True)]
        there = [True, True, *said, True]
        table = _table(*(head for head, used in zip(heads, there, strict=True) if used))
        for number, fault in enumerate(faults, 1):
            lon_lat = "" if fault.position is None else "{:.5f}, {:.5f}".format(*fault.position)
            cells = (fault.file, fault.layer, fault.row, fault.column, lon_lat, fault.message)
            texts = [f"{number:,}", *("" if cell is None else printable(str(cell)) for cell in cells)]
            table.add_row(*(text for text, used in zip(texts, there, strict=True) if used))
        self._console.print(Text("Problem places", style="bold red"))
        self._console.print(table)

    def plan(
        self, problem: Problem, plan: Plan, before: AuditReport | None, folder: Path, files: Iterable[str]
    ) -> None:
        """Say what a plan achieves, what it costs, how good it provably is, and where it is written.

        Parameters
        ----------
        problem, plan
            What was asked, and the answer as written.
        before
            What the stations that stand already achieve by themselves; None where there are none.
        folder, files
            Where the plan is, and what lies there beside plan.json.
        """
        record = plan.record
        self._title(record.name, record.title)
        self._console.print(_verdict(plan))
        self._console.print(_plan_table(record, before))
        if record.periods:
            self._console.print(_periods_table(record))
        corridors = record.audit.corridors if record.audit else {}
        self._stretches({name: corridor["longest_gap_m"] for name, corridor in corridors.items()})
        for reason in record.infeasible.reasons if record.infeasible else ():
            self._line("Why", reason)
        self._line("Stations", f"{record.stations.total:,}: {counted_stations(record)}")
        self._line("Cost", _number(record.cost))
        self._chargers(record)
        self._line("Distance", achieved(record))
        self._line("Proof", _proof(record))
        self._line("Audit", _audit(record))
        self._line("Time", _times(record.seconds))
        self._line("Source", record.source)
        self._caveats(problem, record.warnings, record.notes, record.not_planned)
        self._line("Files", f"{folder}: {', '.join(['plan.json', *files])}")

    def _chargers(self, record: PlanRecord) -> None:
        """Say how many chargers there are, what they cost, and what they keep."""
        for line in charger_lines(record):
            self._line("Chargers", line)
        sizing = record.sizing
        if sizing is not None and any(each.vehicles is not None for each in sizing.districts.values()):
            self._districts(sizing)

    def _districts(self, sizing: SizingRecord) -> None:
        types = list(dict.fromkeys(name for each in sizing.districts.values() for name in each.chargers))
        table = _table("District", *types, "Vehicles", "Vehicles per charger")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, district in sizing.districts.items():
            each = district.vehicles_per_charger
            table.add_row(
                printable(name),
                *(f"{district.chargers.get(kind, 0):,}" for kind in types),
                "-" if district.vehicles is None else f"{district.vehicles:,.0f}",
                "-" if each is None else f"{each:,.2f}",
            )
        self._console.print(table)

    def audit(self, report: AuditReport) -> None:
        """Say what a set of stations achieves."""
        self._title(report.problem.name, report.problem.scenario.title)
        table = _table("Standard", "Radius", "Demand points", "Covered", "Farthest", "From", "Met")
        for standard in report.standards:
            table.add_row(
                _name(standard.name, required=standard.required),
                _radius(standard.radius_m, standard.metric, strict=standard.strict),
                f"{standard.demand_points:,}",
                format_share(standard.share),
                _distance(standard.max_distance_m),
                printable(standard.farthest or "-"),
                _yes_or_no(met=standard.met, required=standard.required),
            )
        self._console.print(table)
        self._stretches({name: corridor["longest_gap_m"] for name, corridor in report.corridors().items()})
        self._line("Not met", _left_out(report.problem.unmeasured).removeprefix("Not met: "))
        self._line("Stations", f"{report.stations:,}")
        self._caveats(report.problem, [*report.problem.warnings, *report.notes], report.problem.notes, [])

    def proof(self, record: PlanRecord, faults: Sequence[str], reproof: Reproof | None, backend: str) -> None:
        """Say whether what a plan says of itself is true, and what its bound rests on.

        Parameters
        ----------
        record
            The plan's own words.
        faults
            Where the audit finds otherwise.
        reproof, backend
            Its blocks proven again, and by whom; None where they were not.
        """
        for line in charger_lines(record):
            self._line("Chargers", line)
        said = "; ".join(faults)
        agrees = "its figures and its certificate agree with this audit"
        self._line("Plan", f"DISAGREES: {said}" if said else agrees)
        if faults or record.bound is None or record.bound_kind is None:
            return
        trusted = record.bound_kind == "block-certificate" and reproof is None
        word = "; that none can be done for less is the solver's word (--reprove proves it again)"
        self._line("Bound", f"{_number(record.bound)}: {CHECKED[record.bound_kind]}{word if trusted else ''}")
        if reproof is not None:
            self._reproof(reproof, backend)

    def _reproof(self, reproof: Reproof, backend: str) -> None:
        """Print the bound that was proven again, the claimed one beside it, and every block that was not."""
        claimed, proven = (
            _number(outward(bound, maximise=reproof.maximise)) for bound in (reproof.claimed, reproof.bound)
        )
        count = f"{len(reproof.numbers('proven')):,} of {len(reproof.blocks):,} blocks are proven as claimed"
        took = f"by {backend} in {reproof.seconds:.1f} s" + ("; interrupted" if reproof.interrupted else "")
        self._line("Again", f"{proven} is proven again, {claimed} is claimed: {count}, {took}")
        unit = 2.0**-reproof.scale
        left = [block for block in reproof.blocks if block.verdict != "proven"]
        for block in left[:MOST_BLOCKS]:
            figures = f"claimed {_number(block.claimed * unit)}, proven {_number(block.proven * unit)}"
            note = f" ({block.note})" if block.note else ""
            self._line("", f"block {block.number} {block.verdict}: {figures} in {block.seconds:.1f} s{note}")
        if len(left) > MOST_BLOCKS:
            self._line("", f"and {len(left) - MOST_BLOCKS:,} more, which --json names")

    def _title(self, name: str, title: str) -> None:
        self._console.print(Text(printable(f"{name}: {title}" if title else name), style="bold"))

    def _line(self, word: str, text: str) -> None:
        if not text:
            return
        first, *rest = textwrap.wrap(printable(text), self._console.width - INDENT, break_on_hyphens=False)
        self._console.print(Text.assemble((word.ljust(INDENT), "bold"), first), soft_wrap=True)
        for line in rest:
            self._console.print(Text(" " * INDENT + line), soft_wrap=True)

    def _stretches(self, longest: Mapping[str, float | None]) -> None:
        """Print the other reading of a corridor's promise: how far apart its stations are."""
        for name, metres in longest.items():
            length = "a road has no station" if metres is None else format_distance(metres)
            self._line("Spacing", f"{name}: longest stretch of a road between stations: {length}")

    def _caveats(
        self, problem: Problem, warnings: Iterable[str], notes: Iterable[str], not_planned: Iterable[str]
    ) -> None:
        for warning in [*caveats(problem), *warnings]:
            self._line("Mind", warning)
        for note in notes:
            self._line("Note", note)
        for line in not_planned:
            self._line("Not yet", line)


def _plan_table(record: PlanRecord, before: AuditReport | None) -> Table:
    heads = ["Standard", "Radius", "Demand points", "Before", "Covered", "Farthest", "Met"]
    table = _table(*(head for head in heads if before or head != "Before"))
    for place, (name, standard) in enumerate(record.standards.items()):
        table.add_row(
            _name(name, required=standard.required),
            _radius(standard.radius_m, standard.metric, strict=standard.strict),
            f"{standard.demand_points:,}",
            *([format_share(before.standards[place].share)] if before else []),
            format_share(standard.share),
            _distance(standard.max_distance_m),
            _yes_or_no(met=standard.met, required=standard.required),
        )
    return table


def _periods_table(record: PlanRecord) -> Table:
    """List what is spent, opened and covered by the end of each period, and in brackets what is asked."""
    types = list(record.periods[0].chargers)
    heads = "Period", "Budget", "Spent", "Left", "New", "Stations", *types, *record.standards
    table = _table(*map(printable, heads))
    for column in table.columns[1:]:
        column.justify = "right"
    for period in record.periods:
        table.add_row(
            printable(period.name),
            "-" if period.budget is None else _number(period.budget),
            _number(period.spent),
            _number(period.carried),
            f"{period.stations_opened:,}",
            f"{period.stations_open:,}",
            *(f"{period.chargers[name]:,}" for name in types),
            *(Text(period_share(standard)) for standard in period.standards.values()),
        )
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, justify="right" if head in RIGHT else "left")
    return table


def _name(name: str, *, required: bool) -> Text:
    return Text(printable(name if required else f"{name} (an aim)"))


def _asked(standard: Standard) -> str:
    words = ["required" if standard.required else "an aim"]
    if standard.share < 1.0:
        words.append(f"{standard.share:.4g} of the weight")
    if standard.stations > 1:
        words.append(f"{standard.stations} stations each")
    return ", ".join(words)


def _radius(metres: float, metric: str, *, strict: bool) -> str:
    return f"{'less than' if strict else 'at most'} {format_length(metres)}, {METRICS[metric]}"


def _distance(metres: float | None) -> str:
    return "out of reach" if metres is None else format_distance(metres)


def _yes_or_no(*, met: bool, required: bool) -> Text:
    return Text("yes", style="green") if met else Text("no", style="red" if required else "yellow")


def _verdict(plan: Plan) -> Text:
    required = [standard for standard in plan.standards if standard.required]
    missed = [standard.name for standard in required if not standard.met]
    left_out = plan.unmeasured
    if left_out and not missed:
        return Text(_left_out(left_out), style="bold red")
    if plan.short_of_chargers and not missed and plan.status != "infeasible":
        return Text("Not met: there are fewer chargers than are asked for.", style="bold red")
    if not missed and plan.status == "infeasible":
        return Text("What is asked for cannot be; this is the plan for the rest.", style="bold red")
    if not missed:
        met = (
            "Every required standard is met."
            if required
            else "No standard is required; the aims are served so far:"
        )
        return Text(met, style="bold green")
    why = {
        "infeasible": "No choice of sites can meet it; this is the plan for the rest.",
        "stopped": "The run was stopped before there was a plan.",
    }
    text = printable(f"Not met: {', '.join(missed)}. {why.get(plan.status, '')}".rstrip())
    return Text(f"{text} {_left_out(left_out)}".rstrip(), style="bold red")


def _left_out(names: Sequence[str]) -> str:
    """Say which required standards nobody can call met."""
    return printable(f"Not met: {', '.join(names)}: required, but not planned yet.") if names else ""


def _proof(record: PlanRecord) -> str:
    if record.objective is None or record.gap is None or record.bound is None or record.bound_kind is None:
        return "no bound is known"
    kind = BOUNDS[record.bound_kind]
    if record.gap < 1e-9:
        return f"no better plan exists ({kind})"
    verb = {"min": "save", "max": "serve" if record.counts == "weight" else "gain"}[record.sense]
    more = " more" if record.sense == "max" else ""
    write = format_distance if achieved(record) else _number
    figures = f"{write(record.objective)}, bound {write(record.bound)}"
    return f"a better plan could {verb} at most {format_gap(record.gap)}{more}: {figures} ({kind})"


def _number(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00") if abs(value) >= 1.0 else f"{value:.6g}"


def _audit(record: PlanRecord) -> str:
    if record.audit is None:
        return "none"
    return "agrees" if record.audit.agrees else "DISAGREES: " + "; ".join(record.audit.disagreements)


def _times(seconds: Mapping[str, float]) -> str:
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items() if spent >= 0.05)
    return f"{sum(seconds.values()):.1f} s" + (f" ({stages})" if stages else "")
