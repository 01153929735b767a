"""What a person reads on stdout after a command."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chargeplan.units import format_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chargeplan.audit import AuditReport
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


class Report:
    """Prints tables and sentences on stdout, 110 columns wide where stdout is no terminal."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = console if console.is_terminal else Console(highlight=False, width=110)

    def problem(self, problem: Problem) -> None:
        """Say what a scenario's inputs hold."""
        self._title(problem)
        table = _table("Standard", "Radius", "Asked", "Demand points", "Weight")
        for standard in problem.standards:
            points = standard.points
            table.add_row(
                standard.name,
                _radius(standard.radius, strict=standard.strict, metric=standard.metric),
                _asked(standard),
                f"{len(points.ids):,}",
                f"{points.weight.sum():,.0f}",
            )
        self._console.print(table)
        statuses = Counter(map(str, problem.sites.status))
        self._line("Sites", f"{len(problem.sites.ids):,}: " + _counts(statuses))
        self._line("Inputs", ", ".join(source.name for source in problem.inputs))
        self._caveats(problem)

    def plan(self, problem: Problem, plan: Mapping[str, Any], folder: Path) -> None:
        """Say what a plan (the content of its plan.json) achieves, costs, and how good it provably is."""
        self._title(problem)
        self._console.print(_verdict(plan))
        table = _table("Standard", "Radius", "Demand points", "Covered", "Farthest", "Met")
        for name, standard in plan["standards"].items():
            table.add_row(
                name if standard["required"] else f"{name} (an aim)",
                _radius(standard["radius_m"], strict=standard["strict"], metric=standard["metric"]),
                f"{standard['demand_points']:,}",
                _percent(standard["share"]),
                _distance(standard["max_distance_m"]),
                _yes_or_no(met=standard["met"], required=standard["required"]),
            )
        self._console.print(table)
        stations = plan["stations"]
        self._line(
            "Stations",
            f"{stations['total']:,}: {stations['selected']:,} new, {stations['existing']:,} existing",
        )
        self._line("Cost", f"{plan['cost']:,.6g}")
        self._line("Proof", _proof(plan))
        self._line("Time", _times(plan["seconds"]))
        self._caveats(problem)
        self._line(
            "Files",
            f"{folder}{'' if folder.name == '' else '/'}: " + ", ".join(["plan.json", *plan["files"]]),
        )

    def audit(self, report: AuditReport) -> None:
        """Say what a set of stations achieves."""
        table = _table("Standard", "Demand points", "Covered", "Farthest", "From", "Met")
        for standard in report.standards:
            table.add_row(
                standard.name if standard.required else f"{standard.name} (an aim)",
                f"{standard.demand_points:,}",
                _percent(standard.share),
                _distance(standard.max_distance_m),
                str(standard.farthest),
                _yes_or_no(met=standard.met, required=standard.required),
            )
        self._line("Stations", f"{report.stations:,}")
        self._console.print(table)

    def _title(self, problem: Problem) -> None:
        title = problem.scenario.title
        self._console.print(Text(f"{problem.name}: {title}" if title else problem.name, style="bold"))

    def _line(self, word: str, text: str) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=10, style="bold")
        grid.add_column()
        grid.add_row(word, Text(text))
        self._console.print(grid)

    def _caveats(self, problem: Problem) -> None:
        for warning in problem.warnings:
            self._line("Mind", warning)
        unplanned = [*problem.not_planned, *_not_planned_by_standard(problem.standards)]
        for line in unplanned:
            self._line("Not yet", line)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(
            head, justify="right" if head in {"Demand points", "Weight", "Covered", "Farthest"} else "left"
        )
    return table


def _not_planned_by_standard(standards: Iterable[Standard]) -> list[str]:
    return [f"{standard.name}: {line}" for standard in standards for line in standard.not_planned]


def _verdict(plan: Mapping[str, Any]) -> Text:
    missed = [
        name for name, standard in plan["standards"].items() if standard["required"] and not standard["met"]
    ]
    if missed:
        why = (
            "No choice of sites can meet it"
            if plan["status"] == "infeasible"
            else "This plan does not meet it"
        )
        return Text(f"Not met: {', '.join(missed)}. {why}.", style="bold red")
    return Text("Every required standard is met.", style="bold green")


def _proof(plan: Mapping[str, Any]) -> str:
    if plan["gap"] is None:
        return "no bound is known"
    kind = BOUNDS[plan["bound_kind"]]
    if plan["status"] == "optimal" and plan["gap"] < 1e-9:
        return f"no better plan exists ({kind})"
    change = "serve at most {} more" if plan["sense"] == "max" else "save at most {}"
    return f"a better plan could {change.format(_percent(plan['gap']))}: bound {plan['bound']:,.6g} ({kind})"


def _asked(standard: Standard) -> str:
    words = ["required" if standard.required else "an aim"]
    if standard.share < 1.0:
        words.append(f"{standard.share:.4g} of the weight")
    if standard.stations > 1:
        words.append(f"{standard.stations} stations each")
    return ", ".join(words)


def _radius(metres: float, *, strict: bool, metric: str) -> str:
    return f"{'less than' if strict else 'up to'} {format_length(metres)}, {METRICS[metric]}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.2%}" if share < 0.99995 or share >= 1.0 else "<100%"


def _distance(metres: float | None) -> str:
    return "-" if metres is None else format_length(metres)


def _yes_or_no(*, met: bool, required: bool) -> Text:
    return Text("yes", style="green") if met else Text("no", style="red" if required else "yellow")


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counter.most_common())


def _times(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values())
    return f"{total:.1f} s (" + ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items()) + ")"
