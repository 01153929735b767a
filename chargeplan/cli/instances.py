"""`chargeplan instances`: list, show, export, build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargeplan.errors import InputError, printable

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


@instances.command("build")
def build(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the scenario; created if need be.")],
    osm: Annotated[Path | None, typer.Option(help="An OpenStreetMap extract, .osm.pbf.")] = None,
    place: Annotated[
        str | None, typer.Option(help="Instead: a place by name, downloaded into the folder.", metavar="NAME")
    ] = None,
    population: Annotated[
        Path | None,
        typer.Option(
            help="Where people live: a raster (GeoTIFF), points or polygons; without it built area stands "
            "for people."
        ),
    ] = None,
    people: Annotated[
        str | None, typer.Option(help="The column of the population that counts people.", metavar="COLUMN")
    ] = None,
    area: Annotated[Path | None, typer.Option(help="Polygons that demand and sites must lie in.")] = None,
    existing: Annotated[
        Path | None, typer.Option(help="Stations that stand, beside those of OpenStreetMap.")
    ] = None,
    radius: Annotated[str, typer.Option(help="Of the service standard, by road.")] = "1 km",
) -> None:
    """Build a scenario folder, ready for solve, from OpenStreetMap."""
    from rich.console import Console

    from chargeplan.prepare.osm import build as building
    from chargeplan.prepare.osm import folder, readme
    from chargeplan.prepare.osm.place import download
    from chargeplan.units import format_count

    if (osm is None) == (place is None) or (place is not None and area is not None):
        raise InputError("give either an extract (--osm FILE, perhaps with --area) or a place (--place NAME)")
    folder.check_target(out)
    if place is not None:
        osm, area = download(place, out)
    assert osm is not None
    name = folder.scenario_name(out)
    request = building.Request(osm, name, population, people, area, existing, radius, place or "")
    with Console(stderr=True).status("") as status:  # shown on a terminal alone
        built = building.build(request, on_stage=lambda stage: status.update(f"{stage} ..."))
    folder.write(out, request, built)
    kinds = ", ".join(f"{count} {kind}" for kind, count in built.sites["kind"].value_counts().items())
    typer.echo(f"{printable(name)} is in {printable(str(out))}")
    typer.echo(f"Roads     {built.counts['road metres'] / 1000:,.0f} km")
    points = format_count(len(built.demand), "point")
    typer.echo(f"Demand    {points}, {built.demand['weight'].sum():,.0f} {built.unit}")
    typer.echo(f"Sites     {len(built.sites):,}: {kinds}")
    typer.echo(f"Stations  {format_count(len(built.stations), 'that stands', 'that stand')}")
    typer.echo(f"Corridors {format_count(len(built.corridors), 'piece')}")
    for remark in readme.remarks(request, built):
        typer.echo(f"- {remark}", err=True)
    typer.echo(
        f"README.md says what was left out and assumed. Plan it with: chargeplan solve {printable(str(out))}"
    )
