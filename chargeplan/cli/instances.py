"""`chargeplan instances`: list, show, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargeplan.errors import printable

instances = typer.Typer(help="The cases that ship with chargeplan.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="Name of a shipped instance.")]


@instances.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_instances()


@instances.command("list")
def list_instances() -> None:
    """List the shipped instances."""
    from chargeplan.instances import catalog

    shipped = catalog.shipped()
    width = max(len(instance.name) for instance in shipped)
    for instance in shipped:
        typer.echo(f"{instance.name:<{width}}  {instance.title}")


@instances.command("show")
def show(name: Name) -> None:
    """Print an instance's scenario file."""
    from chargeplan.instances import catalog

    for line in catalog.resolve(name).read_text(encoding="utf-8").removesuffix("\n").split("\n"):
        typer.echo("\t".join(map(printable, line.split("\t"))))


@instances.command("export")
def export(
    name: Name,
    folder: Annotated[Path | None, typer.Argument(help="Where to; ./NAME when left out.")] = None,
) -> None:
    """Copy an instance, scenario file and layers, to change it."""
    from chargeplan.instances import catalog

    target = folder or Path(name)
    catalog.export(name, target)
    typer.echo(f"{name} is in {target}; plan it with: chargeplan solve {target}")
