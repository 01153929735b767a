"""`chargeplan check`."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    scenario: Annotated[
        str, typer.Argument(help="Scenario file, folder with scenario.toml, or shipped instance.")
    ] = "czt",
) -> None:
    """Read a scenario and all its inputs, and say what is there; every fault is named."""
    import chargeplan as cp
    from chargeplan.cli.report import Report

    Report().problem(cp.load(scenario))
