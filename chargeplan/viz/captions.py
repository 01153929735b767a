"""What a plan's map says in words: title, key figures, sources, what is schematic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chargeplan.problem import caveats
from chargeplan.units import format_count, format_distance, format_length, format_share
from chargeplan.viz.scene import district_names
from chargeplan.viz.style import lettering

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.plan import Plan, StandardResult
    from chargeplan.problem import Problem, Standard

_STATUS = {
    "optimal": "proven to be the best possible",
    "feasible": "",
    "infeasible": "the required standards cannot all be met: a plan for the rest",
    "stopped": "stopped early",
}


@dataclass(frozen=True)
class PeriodCaption:
    """What the map of a period says.

    Parameters
    ----------
    opened
        (M,) bool, sites opened in it.
    headline, figures
        As `headline` and `figures` give them of a whole plan.
    """

    opened: NDArray[np.bool_]
    headline: str
    figures: tuple[tuple[str, str, bool], ...]


def period_caption(problem: Problem, plan: Plan, number: int, opened: NDArray[np.bool_]) -> PeriodCaption:
    """Say what a period builds and achieves.

    Parameters
    ----------
    problem
        With its periods.
    plan
        As it is by the end of the period; its record is that of the whole plan.
    number
        Of the period, from 0.
    opened
        (M,) bool, sites opened in it.
    """
    told = plan.record.periods[number]
    spent = sum(period.spent for period in plan.record.periods[: number + 1])
    budget = "" if told.budget is None else f" of a budget of {told.budget:,.6g}"
    headline = (
        f"By the end of {told.name}: {told.stations_open:,} stations, {told.stations_opened:,} of them "
        f"opened in it  ·  {told.spent:,.6g} spent{budget}  ·  {spent:,.6g} spent so far"
    )
    figures = []
    for standard, result in zip(problem.standards, plan.standards, strict=True):
        each = told.standards[result.name]
        asked = "nothing more asked"
        if each.asked is not None:
            asked = f"{format_share(each.asked)} asked, {'kept' if each.met else 'not kept'}"
        text = "\n".join(_standard_lines(standard, result))
        figures.append((f"{result.name}: {asked}", text, each.met is not False))
    return PeriodCaption(opened, headline, tuple(figures))


def headline(plan: Plan) -> str:
    """Say in one line how many stations there are and how good the plan is."""
    count = plan.record.stations
    stations = f"{count.selected:,} new stations"
    if count.existing:
        stations += f" and {count.existing:,} existing ones"
    if count.closed:
        stations += f", {count.closed:,} closed"
    return "  ·  ".join(
        filter(
            None,
            (
                stations,
                _chargers(plan),
                f"cost {plan.record.cost:,.6g}",
                _STATUS[plan.status],
                _quality(plan),
            ),
        )
    )


def _chargers(plan: Plan) -> str:
    """Count the chargers at stations; what the stations cost is without them."""
    sizing = plan.record.sizing
    if sizing is None:
        return ""
    count = sum(plan.record.chargers.values()) - sum(sizing.homes.values())
    return f"{format_count(count, 'charger')} for {sizing.cost:,.6g}"


def _quality(plan: Plan) -> str:
    if plan.gap is None or plan.status in ("optimal", "infeasible"):
        return ""
    return f"proven to be within {math.ceil(1000 * plan.gap) / 10:.1f} % of the best possible"


def figures(problem: Problem, plan: Plan) -> Iterator[tuple[str, str, bool]]:
    """Say what becomes of each standard: a heading, some lines, and whether all is well."""
    for standard, result in zip(problem.standards, plan.standards, strict=True):
        verdict = "met" if result.met else "not met"
        heading = f"{result.name}: required, {verdict}" if result.required else f"{result.name}: an aim"
        lines = [*_standard_lines(standard, result), *_gap_lines(plan, result)]
        yield heading, "\n".join(lines), result.met or not result.required


def _standard_lines(standard: Standard, result: StandardResult) -> Iterator[str]:
    weight = f"{result.weight:,.0f} km of road" if standard.corridor else f"a weight of {result.weight:,.0f}"
    stations = f"{result.stations} stations" if result.stations > 1 else "a station"
    way = {"road": "by road", "matrix": "by the given table"}.get(result.metric, "in a straight line")
    yield f"{format_share(result.share)} of {weight}"
    radius = format_length(result.radius_m)
    yield f"less than {radius} from {stations}" if result.strict else f"within {radius} of {stations}"
    yield way
    if result.target_share < 1:
        yield f"(asked for: {format_share(result.target_share)})"
    if result.max_distance_m is not None:
        yield f"farthest: {format_distance(result.max_distance_m)}"


def _gap_lines(plan: Plan, result: StandardResult) -> Iterator[str]:
    """Say how far apart the stations of a corridor are, the other reading of its promise."""
    audited = plan.record.audit.corridors if plan.record.audit else {}
    gap = audited.get(result.name, {}).get("longest_gap_m")
    if gap is not None:
        yield f"longest stretch between stations: {format_distance(gap)}"


def remarks(problem: Problem, plan: Plan) -> str:
    """Say where the data come from, what is schematic, what is left out."""
    return "  ".join(_remarks(problem, plan))


def _remarks(problem: Problem, plan: Plan) -> Iterator[str]:
    if plan.record.source:
        yield f"Source: {plan.record.source.strip().rstrip('.')}."
    yield from caveats(problem)
    yield from (f"Mind: {warning.strip().rstrip('.')}." for warning in plan.record.warnings)
    if plan.record.not_planned:
        asked = "; ".join(line.removesuffix(": not planned yet") for line in plan.record.not_planned)
        yield f"Asked for but not planned yet: {asked}."
    yield "Maps are equirectangular, true to scale at their centre."
    if _lost(plan.record.title) or _lost(plan.record.source) or any(map(_lost, _names(problem))):
        yield "No Chinese font was found here: names are romanised, or boxes where nobody has romanised them."


def _lost(text: str) -> bool:
    return not lettering().can_draw(text)


def _names(problem: Problem) -> Iterator[str]:
    """List the names that the map would show if every letter could be drawn."""
    if problem.borders is not None:
        yield from district_names(problem.borders, every_letter=True) or []
    for lines in problem.lines.values():
        if "ref" in lines:
            yield from lines["ref"].dropna().astype(str)
