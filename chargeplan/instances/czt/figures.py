"""What the built layers hold, in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import Geod
from scipy import ndimage
from scipy.spatial import cKDTree

from chargeplan.instances.czt.corridors import service_areas
from chargeplan.instances.czt.people import CELL, to_plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from chargeplan.instances.czt.corridors import Piece
    from chargeplan.instances.czt.people import Ints

_SIDE = 4  # cells of 250 m along a side of the 1 km2 cells that urban centres are made of
RADIUS = 1_000.0  # metres, of the coverage figures
LENGTH_FACTOR = 1.15  # road length of a schematic corridor
# Published built-up areas, km2, to compare with the modelled urban area; the README says where they are from.
BUILT_UP = {"Changsha": 567.32, "Zhuzhou": 142.19, "Xiangtan": 79.2}


def summary(demand: pd.DataFrame, sites: pd.DataFrame, pieces: list[Piece]) -> str:
    """Say what was built, in lines."""
    urban = demand[demand["class"] == "urban centre"]
    lines = [*_cities(demand, urban), *_classes(demand), *_kinds(sites), *_coverage(urban, sites)]
    lines += _listed(urban_centres(urban))
    return "\n".join([*lines, *_corridors(pieces)])


def _cities(demand: pd.DataFrame, urban: pd.DataFrame) -> Iterator[str]:
    km2 = urban.groupby("city").size() * (CELL / 1000.0) ** 2
    people = demand.groupby("city")[["people_2020", "people_2025"]].sum()
    in_centres = urban.groupby("city")["people_2020"].sum()
    yield "city        people 2020  people 2025  in urban centres  urban km2  published built-up km2"
    for city, built_up in BUILT_UP.items():
        counts = f"{people['people_2020'][city]:12,} {people['people_2025'][city]:12,} {in_centres[city]:17,}"
        yield f"{city:10} {counts} {km2[city]:10.1f} {built_up:23.1f}"


def _classes(demand: pd.DataFrame) -> Iterator[str]:
    central = demand["class"].where(demand["central"] == 0, demand["class"] + " of the central list")
    for name, rows in demand.groupby(central):
        yield f"{name}: {len(rows):,} demand cells, {rows['people_2020'].sum():,} people of 2020"


def urban_centres(urban: pd.DataFrame) -> pd.DataFrame:
    """List the urban centres: 1 km2 cells that share a side, by `_SIDE` of their 250 m cells' ids.

    Returns
    -------
    DataFrame
        `districts` (most people first, those with 1 % of them), `people_2020`, `people_2025`, `km2`; the
        largest first.
    """
    cells = urban["id"].str.extract(r"E(\d+)N(\d+)$").astype(np.int64).to_numpy() // _SIDE
    cells -= cells.min(axis=0)
    where = np.zeros(cells.max(axis=0) + 1, dtype=bool)
    where[*cells.T] = True
    centre = ndimage.label(where)[0][*cells.T]
    by_centre = urban.groupby(centre)
    found = by_centre[["people_2020", "people_2025"]].sum()
    found["km2"] = by_centre.size() * (CELL / 1000.0) ** 2
    found["districts"] = by_centre[["district", "people_2020"]].apply(_districts)
    return found.sort_values("people_2020", ascending=False, ignore_index=True)


def _districts(rows: pd.DataFrame) -> str:
    people = rows.groupby("district")["people_2020"].sum().sort_values(ascending=False)
    return ", ".join(people.index[people >= 0.01 * people.sum()])


def _listed(centres: pd.DataFrame) -> Iterator[str]:
    """Write the README's rows of urban centres."""
    for number, (_, row) in enumerate(centres.iterrows(), 1):
        people = f"{row['people_2020']:,} | {row['people_2025']:,}"
        yield f"| {number} | {row['districts']} | {people} | {row['km2']:.1f} |"


def _kinds(sites: pd.DataFrame) -> Iterator[str]:
    for kind, rows in sites.groupby("kind"):
        costs = " ".join(map(str, sorted(rows["cost"].unique())))
        yield f"{kind}: {len(rows):,} sites, costs {costs}, room {rows['room'].sum():,}"
    yield f"all kinds: {len(sites):,} sites, room {sites['room'].sum():,}"


def _coverage(urban: pd.DataFrame, sites: pd.DataFrame) -> Iterator[str]:
    count = sites_within(urban, sites[sites["kind"] != "swap"], RADIUS)
    people, central = urban["people_2020"].to_numpy(), urban["central"].to_numpy() == 1
    for name, kept in (("urban centres", np.ones_like(central)), ("of the central list", central)):
        by_people = np.average(count[kept], weights=people[kept])
        figures = f"least {count[kept].min()}, mean {count[kept].mean():.2f}, mean by people {by_people:.2f}"
        yield f"sites nearer than 1 km, {name}: {figures}"


def sites_within(demand: pd.DataFrame, sites: pd.DataFrame, radius: float) -> Ints:
    """Count the sites strictly nearer than a radius (geodesic metres) to every demand point."""
    points, places = (table[["lon", "lat"]].to_numpy() for table in (demand, sites))
    trees = (cKDTree(to_plane(points)), cKDTree(to_plane(places)))
    near = trees[0].sparse_distance_matrix(trees[1], 1.01 * radius, output_type="ndarray")
    start, end = points[near["i"]], places[near["j"]]
    metres = Geod(ellps="WGS84").inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2]
    return np.bincount(near["i"][metres < radius], minlength=len(points))


def _corridors(pieces: list[Piece]) -> Iterator[str]:
    inside = [piece for piece in pieces if piece.city]
    km = sum(piece.metres for piece in inside) / 1000.0
    roads = len({piece.ref for piece in pieces})
    yield f"corridors: {roads} roads, {len(pieces)} pieces, {len(inside)} of them inside the region"
    yield f"corridors inside the region: {km:,.0f} km straight, {LENGTH_FACTOR * km:,.0f} km by road"
    yield f"service areas inside the region: {len(service_areas(pieces))}"
