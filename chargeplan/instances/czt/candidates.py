"""Candidate sites: real places and metro stations, and modelled parking, swap and service-area sites.

Parking sites are drawn by seeded dart throwing (Poisson-disc sampling, Cook 1986): the cells of urban centres
in a random order that prefers people, each taken if no site taken before lies within a distance that shrinks
with density; so sites are well spread, denser where people are, and no cell is left without one. Costs and
room are assumptions, declared here and in the README; costs are those of opening a station, without chargers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from chargeplan.instances.czt import people
from chargeplan.instances.czt.people import OUTSIDE, to_degrees, to_plane
from chargeplan.prepare.urbanisation import CENTRE

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.random import Generator

    from chargeplan.instances.czt.corridors import Node
    from chargeplan.instances.czt.inputs import Sources
    from chargeplan.instances.czt.people import Bools, Floats, Grid, Ints

SEED = 2025
# Metres between parking sites: in the densest core, at the edge of an urban centre, in towns and suburbs.
SPACING_CORE, SPACING_EDGE, SPACING_TOWN = 450.0, 560.0, 1_050.0
NOT_CENTRAL = 1.05  # times as far apart in urban centres outside the central list
DENSEST = 20_000.0  # people per km2, from which land is as densely served as it gets
SUBURB = 300.0  # people per km2, from which a 1 km cell outside the urban centres can hold a parking site
SWAP_SPACING = 3_000.0
SWAP_CITY = "Zhuzhou"  # whose five-year plan names battery-swap stations
JITTER = 100.0  # metres, off the middle of a cell

# Sorts of site: preparing it with its grid connection, 10,000 CNY, and how many chargers fit. A parking site
# is drawn to be one of three sorts, one as likely as another.
PARKING_SORTS = ("open lot", "car park", "garage")
PREPARATION = {
    "open lot": 40,
    "car park": 60,
    "garage": 100,
    "metro": 60,
    "town": 40,
    "service area": 100,
    "swap": 260,
}
ROOM = {"open lot": 16, "car park": 28, "garage": 40, "metro": 24, "town": 20, "service area": 40, "swap": 8}
LAND = {"core": 60, "urban": 40, "other": 20}  # 10,000 CNY, by the class of the land
CORE = 10_000.0  # people per km2, from which urban land is core land


@dataclass(frozen=True)
class Spots:
    """Where a site may be: plane positions (N, 2), people, and the distance wanted to other sites, metres."""

    plane: Floats
    people: Floats
    spacing: Floats


def candidate_sites(sources: Sources, grid: Grid, service_areas: list[Node]) -> pd.DataFrame:
    """Make the site layer: real places first, then modelled ones around them.

    Parameters
    ----------
    sources
        With metro stations in WGS-84.
    grid
        The modelled people.
    service_areas
        Those of the corridors.
    """
    random = np.random.default_rng(SEED)
    given = pd.concat([_metro(sources.metro), _towns(sources.places), _service_areas(service_areas)])
    spots = _parking_spots(grid, sources.districts["central"].to_numpy(dtype=bool), random)
    lots = _modelled("parking", spots, throw_darts(spots, to_plane(given[["lon", "lat"]]), random))
    spots = _swap_spots(grid, sources.districts["city"].to_numpy() == SWAP_CITY)
    swap = _modelled("swap", spots, throw_darts(spots, np.empty((0, 2)), random))
    sites = pd.concat([given, lots, swap], ignore_index=True)
    parking = sites["kind"] == "parking"
    sites.loc[parking, "name"] = random.choice(PARKING_SORTS, size=parking.sum())
    sort = sites["name"].where(parking, sites["kind"])
    sites["cost"] = sort.map(PREPARATION) + land_class(sites, grid).map(LAND)
    sites["room"] = sort.map(ROOM)
    held = sources.districts.iloc[_district_of(sites, sources.districts)]
    sites["city"], sites["district"] = held["city"].to_numpy(), held["name"].to_numpy()
    columns = ["id", "lon", "lat", "kind", "cost", "room", "synthetic", "name", "name_zh", "city", "district"]
    return sites[columns]


def throw_darts(spots: Spots, taken: Floats, random: Generator) -> Ints:
    """Choose well-spread spots.

    Parameters
    ----------
    spots
        Where a site may be.
    taken
        (K, 2) plane positions of sites that stand already.
    random
        Draws the order: the more people, the earlier, with odds like the square root of their number
        (Efraimidis and Spirakis 2006).

    Returns
    -------
    ndarray
        Indices of the chosen spots in ascending order. A spot is chosen if no earlier site lies within its
        spacing; so every spot has a site within its own spacing.
    """
    order = np.argsort(-np.log(random.random(len(spots.people))) / np.sqrt(spots.people), kind="stable")
    bins = _Bins(spots.spacing.max())
    for position in taken:
        bins.add(position)
    chosen = []
    for index in order:
        if bins.free(spots.plane[index], spots.spacing[index]):
            bins.add(spots.plane[index])
            chosen.append(index)
    return np.sort(np.array(chosen, dtype=np.int64))


class _Bins:
    """Positions in square bins, to find the near ones."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._bins: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def add(self, position: Floats) -> None:
        x, y = map(float, position)
        self._bins.setdefault((int(x // self._size), int(y // self._size)), []).append((x, y))

    def free(self, position: Floats, distance: float) -> bool:
        """Whether no position lies within a distance of at most the bins' size."""
        x, y = map(float, position)
        column, row = int(x // self._size), int(y // self._size)
        return not any(
            (x - other_x) ** 2 + (y - other_y) ** 2 < distance**2
            for i in range(column - 1, column + 2)
            for j in range(row - 1, row + 2)
            for other_x, other_y in self._bins.get((i, j), ())
        )


def spacing(per_km2: Floats, centre: Bools, central: Bools) -> Floats:
    """Metres wanted between sites: less where it is dense, more outside the central list and the centres."""
    dense = np.clip(per_km2 / DENSEST, 0.0, 1.0)
    urban = SPACING_EDGE + (SPACING_CORE - SPACING_EDGE) * dense
    return np.where(centre, urban * np.where(central, 1.0, NOT_CENTRAL), SPACING_TOWN)


def land_class(sites: pd.DataFrame, grid: Grid) -> pd.Series[str]:
    """Class of the land under the sites: core, urban or other."""
    row, column = grid.cells_of(to_plane(sites[["lon", "lat"]]))
    urban = np.where(grid.per_km2[row, column] >= CORE, "core", "urban")
    return pd.Series(np.where(grid.classes[row, column] == CENTRE, urban, "other").tolist())


def _parking_spots(grid: Grid, central: Bools, random: Generator) -> Spots:
    """One spot in every 250 m cell of an urban centre, and one in every denser 1 km cell elsewhere."""
    row, column = np.nonzero(grid.people > 0.0)
    drawn = random.integers(people.PER_KM, size=(2, *grid.people.shape))
    # The same number for all sixteen cells of a square kilometre picks one of them.
    corner = (row - row % people.PER_KM, column - column % people.PER_KM)
    picked = (row % people.PER_KM == drawn[0][corner]) & (column % people.PER_KM == drawn[1][corner])
    centre = grid.classes[row, column] == CENTRE
    kept = centre | (picked & (grid.per_km2[row, column] >= SUBURB))
    row, column, centre = row[kept], column[kept], centre[kept]
    plane = grid.middles(row, column)
    return Spots(
        plane + random.uniform(-JITTER, JITTER, plane.shape),
        grid.people[row, column],
        spacing(grid.per_km2[row, column], centre, central[grid.district[row, column]]),
    )


def _swap_spots(grid: Grid, in_city: Bools) -> Spots:
    """Urban-centre cells of the districts of one city."""
    inside = (grid.district != OUTSIDE) & in_city[grid.district]
    row, column = np.nonzero(inside & (grid.classes == CENTRE) & (grid.people > 0.0))
    return Spots(grid.middles(row, column), grid.people[row, column], np.full(len(row), SWAP_SPACING))


def _metro(metro: pd.DataFrame) -> pd.DataFrame:
    numbers = range(1, len(metro) + 1)
    table = metro[["lon", "lat"]].assign(id=[f"metro-{number:03d}" for number in numbers])
    return table.assign(kind="metro", synthetic=0, name="", name_zh=metro["station"])


def _towns(places: pd.DataFrame) -> pd.DataFrame:
    table = places[["lon", "lat", "name", "name_zh"]]
    return table.assign(id="town-" + places["geonameid"], kind="town", synthetic=0)


def _service_areas(nodes: list[Node]) -> pd.DataFrame:
    table = pd.DataFrame([node.position for node in nodes], columns=["lon", "lat"])
    table["id"] = [f"service-area-{number:02d}" for number in range(1, len(nodes) + 1)]
    table["name"] = [node.name for node in nodes]
    return table.assign(kind="service area", synthetic=1, name_zh="")


def _modelled(kind: str, spots: Spots, chosen: Ints) -> pd.DataFrame:
    table = pd.DataFrame(to_degrees(spots.plane[chosen]), columns=["lon", "lat"])
    table["id"] = [f"{kind}-{number:04d}" for number in range(1, len(table) + 1)]
    return table.assign(kind=kind, synthetic=1, name="", name_zh="")


def _district_of(sites: pd.DataFrame, districts: gpd.GeoDataFrame) -> Ints:
    """Row of the district that holds a site, or is nearest to it."""
    polygons = shapely.transform(districts.geometry.to_numpy(), to_plane)
    found: Ints = shapely.STRtree(polygons).nearest(shapely.points(to_plane(sites[["lon", "lat"]])))
    return found
