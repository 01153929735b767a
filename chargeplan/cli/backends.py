"""`chargeplan backends`."""

from __future__ import annotations

import typer


def backends() -> None:
    """List the solver backends and whether each is installed here."""
    from chargeplan.solvers import backends as engines

    here = {backend.name for backend in engines.available()}
    aliases = {name: alias for alias, name in engines.ALIASES.items()}
    for name in engines.names():
        also = f"  (also: {aliases[name]})" if name in aliases else ""
        typer.echo(f"{name:<16}{'installed' if name in here else 'not installed'}{also}")
