"""`chargeplan check`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chargeplan.cli.exits import Exit
from chargeplan.errors import Fault, InputError, json_printable, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from chargeplan.problem import Problem

_MAPS = (".html", ".geojson")


def check(
    scenario: Annotated[
        str, typer.Argument(help="Scenario file, folder with scenario.toml, or shipped instance.")
    ] = "czt",
    problem_map: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="Also write the problem places, or where there are none the doubtful ones: FILE.html, a "
            "map, or FILE.geojson.",
            metavar="FILE",
        ),
    ] = None,
    urban: Annotated[
        bool,
        typer.Option(
            "--urban", help="Also list the urban centres (degree of urbanisation) with people and area."
        ),
    ] = False,
    people: Annotated[
        str | None,
        typer.Option(
            help="For --urban: the column of demand that counts people.",
            metavar="COLUMN",
            show_default="people",
        ),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option(
            help="For --urban: the equal-area CRS in metres of the 1 km2 cells, such as EPSG:3035.",
            metavar="CRS",
            show_default="around the region",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what is there as JSON alone on stdout.")
    ] = False,
) -> None:
    """Read a scenario and all its inputs, and say what is there; every fault is named, with its place."""
    import chargeplan as cp

    _check_target(problem_map)
    if not urban and (people is not None or plane is not None):
        raise typer.BadParameter("--people and --plane say how --urban counts, which is not asked for")
    problem, centres = None, None
    faults: Sequence[Fault] = ()
    try:
        problem = cp.load(scenario)
    except InputError as error:
        faults = error.faults
    if problem is not None and urban:
        centres = problem.urban_centres(people, plane)
    _show(problem, centres, faults, as_json=as_json)
    if problem_map is not None:
        _write(problem_map, scenario, faults, problem.doubtful if problem else (), quiet=as_json)
    if faults:
        files = ", ".join(sorted({printable(fault.file) for fault in faults if fault.file is not None}))
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        typer.echo(f"Error: {count} in {files}" if files else f"Error: {count}", err=True)
        raise typer.Exit(Exit.BAD_INPUT)


def _show(
    problem: Problem | None, centres: gpd.GeoDataFrame | None, faults: Sequence[Fault], *, as_json: bool
) -> None:
    if as_json:
        found: dict[str, Any] = {"schema": 1, "faults": [asdict(fault) for fault in faults]}
        if problem is not None:
            found |= _held(problem)
        if centres is not None:
            found["urban_centres"] = _listed(centres)
        typer.echo(json_printable(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)))
        return
    from chargeplan.cli.report import Report

    printed = Report()
    if problem is None:
        printed.faults(faults)
    else:
        printed.problem(problem)
    if centres is not None:
        printed.urban_centres(centres)


def _held(problem: Problem) -> dict[str, Any]:
    """Return what a scenario's inputs hold, in the words of plan.json where it has them."""
    from chargeplan.problem import caveats

    return {
        "name": problem.name,
        "standards": {
            standard.name: {
                "radius_m": standard.radius,
                "metric": standard.metric,
                "strict": standard.strict,
                "required": standard.required,
                "demand_points": len(standard.points),
                "weight": float(standard.points.weight.sum()),
            }
            for standard in problem.standards
        },
        "sites": Counter(map(str, problem.sites.status)),
        "inputs": [asdict(source) for source in problem.inputs],
        "warnings": [*caveats(problem), *problem.warnings],
        "doubtful": [asdict(doubt) for doubt in problem.doubtful],
        "notes": list(problem.notes),
        "not_planned": [
            *problem.not_planned,
            *(f"{standard.name}: {line}" for standard in problem.standards for line in standard.not_planned),
        ],
    }


def _listed(centres: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Return urban centres, each with a point inside it."""
    from chargeplan.problem import positions

    rows = centres.drop(columns="geometry").to_dict("records")
    return [{**row, "position": place} for row, place in zip(rows, positions(centres).tolist(), strict=True)]


def _check_target(path: Path | None) -> None:
    """Refuse a file that cannot be written, before anything takes long; a layer is never overwritten."""
    if path is None:
        return
    if path.suffix.lower() not in _MAPS:
        raise InputError(Fault(f"--map writes {' or '.join(_MAPS)}", file=str(path)))
    if path.suffix.lower() == ".geojson" and path.exists():
        raise InputError(Fault("is there already; a layer is not overwritten", file=str(path)))


def _write(
    path: Path, scenario: str, faults: Sequence[Fault], doubtful: Sequence[Fault], *, quiet: bool
) -> None:
    from chargeplan.viz.problem_map import draw_problem_map, problem_places

    if path.suffix.lower() == ".geojson":
        content = problem_places(faults, doubtful)
    else:
        content = draw_problem_map(scenario, faults, doubtful)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(Fault(f"cannot be written: {error.strerror}", file=str(path))) from None
    what = "There are no problem places; the layers are"
    if doubtful:
        what = "There are no problem places; the doubtful ones are"
    if faults:
        what = "The problem places are"
    typer.echo(f"{what} in {printable(str(path))}", err=quiet)
