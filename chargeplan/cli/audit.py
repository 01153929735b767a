"""`chargeplan audit`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from chargeplan.cli.exits import Exit
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from chargeplan.audit import AuditReport


def audit(
    scenario: Annotated[str, typer.Argument(help="Scenario file, folder, or shipped instance.")],
    stations: Annotated[
        str, typer.Argument(help="Any point layer of stations, such as a plan's sites.geojson.")
    ],
) -> None:
    """Measure any set of stations against a scenario's standards, trusting nothing a solver said."""
    from chargeplan.cli.report import Report

    report = _measure(scenario, stations)
    Report().audit(report)
    if not report.met:
        raise typer.Exit(Exit.NOT_MET)


def _measure(scenario: str, stations: str) -> AuditReport:
    import chargeplan as cp
    from chargeplan.io.layers import read_layer

    problem, layer = cp.load(scenario), read_layer(stations)
    try:
        return cp.audit(problem, layer)
    except InputError as error:  # the layer does not know its file
        raise InputError(replace(fault, file=fault.file or stations) for fault in error.faults) from None
