"""`chargeplan audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from chargeplan.cli.exits import Exit


def audit(
    scenario: Annotated[str, typer.Argument(help="Scenario file, folder, or shipped instance.")],
    stations: Annotated[
        str, typer.Argument(help="Any point layer of stations, such as a plan's sites.geojson.")
    ],
) -> None:
    """Measure any set of stations against a scenario's standards, trusting nothing a solver said."""
    import chargeplan as cp
    from chargeplan.cli.report import Report
    from chargeplan.io.layers import read_layer

    report = cp.audit(cp.load(scenario), read_layer(stations))
    Report().audit(report)
    if not report.met:
        raise typer.Exit(Exit.NOT_MET)
