"""`chargeplan audit`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chargeplan.cli.exits import Exit
from chargeplan.cli.interrupt import Interruption
from chargeplan.cli.reprove import DEFAULT_BACKEND, AuditProgress, another, find_backend, prove_again
from chargeplan.errors import Fault, InputError, json_printable
from chargeplan.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from chargeplan.audit import AuditReport
    from chargeplan.audit.reprove import Reproof
    from chargeplan.plan import Plan
    from chargeplan.problem import Problem

_TABLE = "sites.geojson"


@dataclass(frozen=True)
class _Given:
    """The stations to be audited, and the plan that they are of.

    Parameters
    ----------
    layer
        Of stations.
    plan
        None for any other layer.
    note
        What a reader should know of it.
    """

    layer: gpd.GeoDataFrame
    plan: Plan | None = None
    note: str | None = None


def audit(
    scenario: Annotated[str, typer.Argument(help="Scenario file, folder, or shipped instance.")],
    stations: Annotated[
        str,
        typer.Argument(
            help="A plan's folder or its sites.geojson: the plan's figures and its proof are checked too. "
            "Or any point layer of stations."
        ),
    ],
    reprove: Annotated[
        bool, typer.Option("--reprove", help="Prove every block of a block certificate again.")
    ] = False,
    backend: Annotated[
        str | None,
        typer.Option(
            help="Who proves blocks again; not who proved them first, as certificate.json says.",
            metavar="NAME",
            show_default=DEFAULT_BACKEND,
        ),
    ] = None,
    block_time_limit: Annotated[
        float, typer.Option(help="Seconds for each block; one that takes longer counts with what is proven.")
    ] = 60.0,
    threads: Annotated[
        int | None, typer.Option(help="Blocks proven at a time.", show_default="processors")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON alone on stdout.")
    ] = False,
) -> None:
    """Measure any set of stations against a scenario's standards, trusting nothing a solver said."""
    import chargeplan as cp
    from chargeplan.audit import check_plan

    engine = find_backend(backend or DEFAULT_BACKEND) if reprove else None
    _check_numbers(block_time_limit, threads)
    reproof, interrupted = None, False
    with AuditProgress(quiet=False) as progress:
        problem, given = cp.load(scenario), _read(stations)
        progress(Event("measure"))
        report = _measure(problem, given, stations)
        faults = () if given.plan is None else check_plan(given.plan, report)
        if engine is not None:
            blocks = _blocks(given, stations)
            with Interruption(progress) as interruption:
                if blocks is not None and not faults:
                    engine = another(engine, blocks, named=backend is not None)
                    reproof = prove_again(
                        problem, blocks, engine, block_time_limit, threads, progress, interruption.cancel
                    )
                interrupted = interruption.cancel.is_set()
    _show(report, given, faults, reproof, "" if engine is None else engine.name, as_json=as_json)
    short = given.plan is not None and given.plan.short_of_chargers
    _end(report, faults, reproof, stations, interrupted=interrupted, short=short)


def _check_numbers(seconds: float, threads: int | None) -> None:
    if not 0.0 < seconds < float("inf"):
        raise typer.BadParameter("--block-time-limit must be a positive number of seconds")
    if threads is not None and threads < 1:
        raise typer.BadParameter("--threads must be at least 1")


def _read(stations: str) -> _Given:
    """Read a plan folder, the table of sites in one, or any other layer."""
    import chargeplan as cp
    from chargeplan.errors import PlanFolderError
    from chargeplan.io.layers import read_layer
    from chargeplan.io.plan_folder import PLAN

    path = Path(stations)
    if path.is_dir():  # no layer is a folder
        plan = cp.read_plan(path)
        return _Given(plan.stations, plan)
    if path.name == _TABLE and (path.parent / PLAN).exists():
        try:
            plan = cp.read_plan(path.parent)
        except PlanFolderError as error:
            return _Given(read_layer(stations), note=f"measured as a layer like any other, since {error}")
        return _Given(plan.stations, plan)
    return _Given(read_layer(stations))


def _measure(problem: Problem, given: _Given, stations: str) -> AuditReport:
    import chargeplan as cp

    try:
        report = cp.audit(problem, given.layer)
    except InputError as error:  # the layer does not know its file
        raise InputError(replace(fault, file=fault.file or stations) for fault in error.faults) from None
    notes = [*report.notes, *([given.note] if given.note else []), *_strange_inputs(problem, given.plan)]
    return replace(report, notes=tuple(notes))


def _strange_inputs(problem: Problem, plan: Plan | None) -> list[str]:
    """Say which inputs are not those that a plan was made of."""
    if plan is None:
        return []
    known = {source.name: source.sha256 for source in plan.record.provenance.inputs}
    changed = [source.name for source in problem.inputs if known.get(source.name) != source.sha256]
    return [f"the plan was made of other inputs: {', '.join(changed)}"] if changed else []


def _blocks(given: _Given, stations: str) -> Mapping[str, Any] | None:
    """Return the blocks that prove a plan's bound; None where it is proven otherwise."""
    if given.plan is None:
        raise InputError(Fault("--reprove needs a plan folder; this is a layer", file=stations))
    if given.plan.bound_kind != "block-certificate":
        return None
    blocks: Mapping[str, Any] | None = given.plan.certificate.get("blocks")
    return blocks


def _show(
    report: AuditReport,
    given: _Given,
    faults: Sequence[str],
    reproof: Reproof | None,
    backend: str,
    *,
    as_json: bool,
) -> None:
    if as_json:
        found = _found(report, given.plan, faults, reproof, backend)
        typer.echo(json_printable(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)))
        return
    from chargeplan.cli.report import Report

    printed = Report()
    printed.audit(report)
    if given.plan is not None:
        printed.proof(given.plan.record, faults, reproof, backend)


def _found(
    report: AuditReport, plan: Plan | None, faults: Sequence[str], reproof: Reproof | None, backend: str
) -> dict[str, Any]:
    """Return what plan.json says of an audit, and what there is beside it."""
    found: dict[str, Any] = {
        "schema": 1,
        "name": report.problem.name,
        "met": report.met,
        "stations": report.stations,
        "standards": {standard.name: standard.to_dict() for standard in report.standards},
        "corridors": report.corridors(),
        "unmeasured": list(report.problem.unmeasured),
        "notes": [*report.problem.warnings, *report.notes, *report.problem.notes],
        "plan": None,
    }
    if plan is not None:
        found["plan"] = {
            "agrees": not faults,
            "disagreements": list(faults),
            "bound": plan.bound,
            "bound_kind": plan.bound_kind,
            "reproof": None if reproof is None else {"backend": backend, **reproof.to_dict()},
        }
    return found


def _end(
    report: AuditReport,
    faults: Sequence[str],
    reproof: Reproof | None,
    stations: str,
    *,
    interrupted: bool,
    short: bool,
) -> None:
    """End with the exit code of what was found; a plan that says what is not so is bad input."""
    refuted = [] if reproof is None else reproof.numbers("refuted")
    false = [f"block {number} can be done for less than the certificate claims" for number in refuted]
    if said := [*faults, *false]:
        raise InputError(Fault(line, file=stations) for line in said)
    if interrupted:
        raise typer.Exit(Exit.INTERRUPTED)
    if short or not report.met:
        raise typer.Exit(Exit.NOT_MET)
    if reproof is not None and not reproof.holds:
        raise typer.Exit(Exit.NO_PLAN)
