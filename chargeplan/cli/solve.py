"""`chargeplan solve`."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chargeplan.cli.clock import Clock
from chargeplan.cli.exits import Exit
from chargeplan.cli.interrupt import Interruption, ending_at_once
from chargeplan.cli.progress import Progress
from chargeplan.cli.request import Request
from chargeplan.errors import json_printable
from chargeplan.events import Event

if TYPE_CHECKING:
    from chargeplan.plan import Plan
    from chargeplan.problem import Problem

FORMATS = ("geojson", "gpkg", "parquet", "fgb")
TABLES = ("sites", "demand", "coverage", "uncoverable")


def solve(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="Scenario file, folder with scenario.toml, or shipped instance; an existing path wins.",
            show_default="czt",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", help="Folder for the plan.", metavar="FOLDER", show_default="./<scenario>-plan"
        ),
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Stop after so many seconds, reading included and writing nearly so.")
    ] = None,
    gap: Annotated[
        float | None, typer.Option(help="Stop at a plan proven this close to the best: 0.01 is 1 %.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="MILP backend; see `chargeplan backends`.", metavar="NAME")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads to use.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.")] = None,
    radius: Annotated[
        str | None,
        typer.Option(help="Another radius, such as 800m, for all standards but those of corridors."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Serve as much weight as possible within this cost.")
    ] = None,
    stations: Annotated[
        int | None,
        typer.Option(
            help="Serve as much weight as possible with so many stations, or place so many where the "
            "scenario's objective is about distances."
        ),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help=f"Comma-separated: {', '.join(FORMATS)}; geojson is always there.")
    ] = "geojson",
    demand: Annotated[
        Path | None, typer.Option(help="Without a scenario: layer of demand points.", metavar="FILE")
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(help="Without a scenario: layer of sites.", metavar="FILE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print plan.json alone on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Plan stations that meet a scenario's service standards, with a proof of how good the plan is."""
    import chargeplan as cp

    clock = Clock()
    wanted = _parse_formats(formats)
    if gap is not None and not 0.0 <= gap < 1.0:
        raise typer.BadParameter("--gap is a share of the best, from 0 to below 1: 0.01 is 1 %")
    request = Request(scenario, demand, sites, radius, budget, stations)
    with Progress(quiet=quiet) as progress:
        with ending_at_once():
            problem = request.read()
            folder = _writable(f"{problem.name}-plan" if out is None else out, problem, wanted)
        with Interruption(progress) as interruption:
            plan = cp.solve(
                problem,
                time_limit=clock.left(time_limit, _rows(problem)),
                gap=gap,
                backend=backend,
                threads=threads,
                seed=seed,
                on_event=progress,
                cancel=interruption.cancel,
            )
            if plan.objective is not None:
                progress(Event("write"))
                _with_command(plan).write(folder, formats=wanted)
    if plan.objective is None:
        typer.echo("Stopped before there was a plan; nothing is written.", err=True)
    else:
        _show(problem, plan, folder, as_json=as_json, quiet=quiet)
    raise typer.Exit(_exit_code(plan, interrupted=interruption.cancel.is_set()))


def _parse_formats(text: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if unknown := [word for word in wanted if word not in FORMATS]:
        raise typer.BadParameter(
            f"--format knows {', '.join(FORMATS)}, not {', '.join(unknown) or 'nothing'}"
        )
    return wanted


def _writable(folder: str, problem: Problem, formats: tuple[str, ...]) -> Path:
    """Refuse a folder that cannot be written before the work, not after it."""
    from chargeplan.io.plan_folder import check_target

    if not folder.strip():
        raise typer.BadParameter("--out needs the name of a folder; the one you are in is .")
    periods = [period.name for period in problem.scenario.periods]
    check_target(folder, [*_file_names(problem.name, formats), *_map_names(periods)])
    return Path(folder)


def _file_names(name: str, formats: tuple[str, ...]) -> list[str]:
    """Every file that the plan folder may get, plan.json aside."""
    tables = [f"{table}.{fmt}" for table in TABLES for fmt in {"geojson", *formats} - {"gpkg"}]
    return ["certificate.json", "map.png", *sorted(tables), *([f"{name}.gpkg"] if "gpkg" in formats else [])]


def _map_names(periods: list[str]) -> list[str]:
    if not periods:
        return []
    from chargeplan.plan.period_maps import map_names  # draws, and so loads much

    return map_names(periods)


def _rows(problem: Problem) -> int:
    """Count the demand points and sites that are to be written."""
    return len(problem.sites) + sum(len(standard.points) for standard in problem.standards)


def _with_command(plan: Plan) -> Plan:
    """Note in the plan's provenance how it was asked for."""
    command = shlex.join(["chargeplan", *sys.argv[1:]])
    provenance = plan.record.provenance.model_copy(update={"command": command})
    return replace(plan, record=plan.record.model_copy(update={"provenance": provenance}))


def _show(problem: Problem, plan: Plan, folder: Path, *, as_json: bool, quiet: bool) -> None:
    content = (folder / "plan.json").read_text(encoding="utf-8")
    if as_json:
        typer.echo(json_printable(content), nl=False)
    elif not quiet:
        import chargeplan as cp
        from chargeplan.cli.report import Report

        existing = problem.sites.status == "existing"
        before = cp.audit(problem, existing) if existing.any() else None
        Report().plan(problem, plan, before, folder, json.loads(content)["files"])


def _exit_code(plan: Plan, *, interrupted: bool) -> Exit:
    if interrupted:
        return Exit.INTERRUPTED
    if plan.objective is None:
        return Exit.NO_PLAN
    kept = plan.met and plan.status != "infeasible"  # also where it is room or a way that is wanting
    return Exit.MET if kept else Exit.NOT_MET
