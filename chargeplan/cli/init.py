"""`chargeplan init`."""

from __future__ import annotations

import typer


def init() -> None:
    """Print a scenario file with every key there is, commented, to start from."""
    from chargeplan.scenario import init_text

    typer.echo(init_text(), nl=False)
