"""`chargeplan check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chargeplan.cli.exits import Exit
from chargeplan.errors import Fault, InputError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAPS = (".html", ".geojson")


def check(
    scenario: Annotated[
        str, typer.Argument(help="Scenario file, folder with scenario.toml, or shipped instance.")
    ] = "czt",
    problem_map: Annotated[
        Path | None,
        typer.Option(
            "--map", help="Also write the problem places: FILE.html, a map, or FILE.geojson.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Read a scenario and all its inputs, and say what is there; every fault is named, with its place."""
    import chargeplan as cp
    from chargeplan.cli.report import Report

    _check_target(problem_map)
    faults: Sequence[Fault] = ()
    try:
        Report().problem(cp.load(scenario))
    except InputError as error:
        faults = error.faults
        Report().faults(faults)
    if problem_map is not None:
        _write(problem_map, scenario, faults)
    if faults:
        files = ", ".join(sorted({printable(fault.file) for fault in faults if fault.file is not None}))
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        typer.echo(f"Error: {count} in {files}" if files else f"Error: {count}", err=True)
        raise typer.Exit(Exit.BAD_INPUT)


def _check_target(path: Path | None) -> None:
    """Refuse a file that cannot be written, before anything takes long; a layer is never overwritten."""
    if path is None:
        return
    if path.suffix.lower() not in _MAPS:
        raise InputError(Fault(f"--map writes {' or '.join(_MAPS)}", file=str(path)))
    if path.suffix.lower() == ".geojson" and path.exists():
        raise InputError(Fault("is there already; a layer is not overwritten", file=str(path)))


def _write(path: Path, scenario: str, faults: Sequence[Fault]) -> None:
    from chargeplan.viz.problem_map import draw_problem_map, problem_places

    if path.suffix.lower() == ".geojson":
        content = problem_places(faults)
    else:
        content = draw_problem_map(scenario, faults)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(Fault(f"cannot be written: {error.strerror}", file=str(path))) from None
    what = "The problem places are" if faults else "There are no problem places; the layers are"
    typer.echo(f"{what} in {printable(str(path))}")
