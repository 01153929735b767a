"""A modelled grid of people: district totals spread over cells by a declared density model.

The model. Each district's published people are divided into three parts: those of its city (a share, in
`sources/shares.csv`), those of its small towns (so many each), and the rest. City people follow a sum of Gaussian
kernels around the metro stations, whose weight falls off exponentially with the distance from the old centre
(Clark 1951, *Urban population densities*), and around the urban centres of `sources/centres.csv`; the sum is cut
off below a density at which no city is, and levels off at the density of the densest quarters. Town people
follow small kernels around the GeoNames places outside the cities; the rest lies evenly, and denser within a few
kilometres of any place. A kernel counts in every district it reaches; within a district everything is scaled to
the district's total and counted in whole people by the largest remainder, so that no total changes.

Urban cells follow the degree of urbanisation (Eurostat, *Applying the degree of urbanisation*, 2021): 1 km2
cells in an equal-area projection; urban centre = 4-connected cells of at least 1,500 people per km2, together at
least 50,000 people, then smoothed by the iterated majority rule (five of eight neighbours) and holes under
15 km2 filled; urban cluster = 8-connected cells of at least 300 people per km2, together at least 5,000 people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer
from scipy import ndimage

if TYPE_CHECKING:
    import geopandas as gpd

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

CELL = 250.0  # metres; the finest cell
PER_KM = 4  # finest cells along a side of a 1 km cell
OUTSIDE = -1
CLASSES = ("rural", "urban cluster", "urban centre")
RURAL, CLUSTER, CENTRE = range(3)
BLOCK = (8, 4, 1)  # finest cells along a side of a demand cell, by class: 2 km, 1 km, 250 m

# Equal-area around the region's middle: a cell holds its nominal area, and shapes are true to 0.1 %.
PLANE = "+proj=laea +lat_0=27.4 +lon_0=113.1 +ellps=WGS84 +units=m +no_defs"

# The density model's own numbers; see the module's first paragraph. Weights are thousands of people.
OLD_CENTRE = (112.97, 28.20)  # Changsha, about Wuyi Square
METRO_WEIGHT = 40.0  # of a station in the old centre
METRO_FALL_KM = 14.0
METRO_SPREAD_KM = 1.1
NO_CITY = 2.5  # thousand people per km2: where the kernels add up to less is no city,
FULL_CITY = 5.0  # and, before the scaling, no quarter is much denser than this
TOWN_PEOPLE = 6.0  # of each small town: their people are not known
TOWN_SPREAD_KM = 0.9
HALO_KM = 5.0  # how far the countryside near a place is denser,
HALO_TIMES = 2.0  # and how many times denser it is at the place
KERNEL_REACH = 4.5  # spreads, beyond which a kernel is nothing


@dataclass(frozen=True)
class Kernels:
    """Places around which people live: plane positions (K, 2) in metres, weights, spreads in metres."""

    positions: Floats
    weight: Floats
    spread: Floats

    def __add__(self, other: Kernels) -> Kernels:
        return Kernels(
            np.vstack([self.positions, other.positions]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.spread, other.spread]),
        )


@dataclass(frozen=True)
class Raster:
    """Cells of 250 m over the region; row 0 in the south, aligned to whole kilometres of the plane.

    `district` (rows, columns) is the row of the district table, or `OUTSIDE`.
    """

    west: float
    south: float
    district: Ints

    @property
    def x(self) -> Floats:
        """Plane eastings of the cell centres, metres."""
        return self.west + CELL * (np.arange(self.district.shape[1]) + 0.5)

    @property
    def y(self) -> Floats:
        """Plane northings of the cell centres, metres."""
        return self.south + CELL * (np.arange(self.district.shape[0]) + 0.5)

    def cells(self, plane: Floats) -> tuple[Ints, Ints]:
        """Rows and columns of the cells that hold (N, 2) plane positions."""
        column, row = np.floor((plane - (self.west, self.south)) / CELL).astype(np.int64).T
        return row, column


def to_plane(positions: npt.ArrayLike) -> Floats:
    """Project (N, 2) longitude, latitude in degrees to metres in the equal-area plane."""
    return _transformed(positions, Transformer.from_crs("EPSG:4326", PLANE, always_xy=True))


def to_degrees(positions: npt.ArrayLike) -> Floats:
    """Bring (N, 2) metres in the equal-area plane back to longitude, latitude, rounded to 7 decimals."""
    return _transformed(positions, Transformer.from_crs(PLANE, "EPSG:4326", always_xy=True)).round(7)


def _transformed(positions: npt.ArrayLike, transformer: Transformer) -> Floats:
    given = np.asarray(positions, dtype=np.float64)
    return np.column_stack(transformer.transform(given[:, 0], given[:, 1]))


def rasterise(districts: gpd.GeoDataFrame) -> Raster:
    """Say for every 250 m cell in which district its centre lies."""
    polygons = shapely.transform(districts.geometry.to_numpy(), to_plane)
    step = CELL * max(BLOCK)
    west, south = np.floor(shapely.total_bounds(polygons)[:2] / step) * step
    columns, rows = np.ceil((shapely.total_bounds(polygons)[2:] - (west, south)) / step).astype(int) * max(BLOCK)
    raster = Raster(float(west), float(south), np.full((rows, columns), OUTSIDE, dtype=np.int64))
    for index, polygon in enumerate(polygons):
        _stamp(raster, polygon, index)
    return raster


def _stamp(raster: Raster, polygon: shapely.Geometry, index: int) -> None:
    shapely.prepare(polygon)
    x0, y0, x1, y1 = polygon.bounds
    columns = np.flatnonzero((raster.x > x0) & (raster.x < x1))
    rows = np.flatnonzero((raster.y > y0) & (raster.y < y1))
    x, y = np.meshgrid(raster.x[columns], raster.y[rows])
    window = raster.district[np.ix_(rows, columns)]
    raster.district[np.ix_(rows, columns)] = np.where(shapely.contains_xy(polygon, x, y), index, window)


def metro_kernels(stations: Floats) -> Kernels:
    """Kernels of the metro stations, lighter with the distance from the old centre."""
    plane = to_plane(stations)
    away = np.linalg.norm(plane - to_plane([OLD_CENTRE]), axis=1)
    weight = METRO_WEIGHT * np.exp(-away / (1000.0 * METRO_FALL_KM))
    return Kernels(plane, weight, np.full(len(plane), 1000.0 * METRO_SPREAD_KM))


def centre_kernels(centres: pd.DataFrame) -> Kernels:
    """Kernels of `sources/centres.csv`, with its weights and spreads."""
    spread = 1000.0 * centres["spread_km"].to_numpy(dtype=np.float64)
    return Kernels(to_plane(centres[["lon", "lat"]]), centres["weight"].to_numpy(dtype=np.float64), spread)


def town_kernels(places: Floats) -> Kernels:
    """Kernels of the small towns, all alike."""
    count = len(places)
    return Kernels(to_plane(places), np.full(count, TOWN_PEOPLE), np.full(count, 1000.0 * TOWN_SPREAD_KM))


def kernel_sum(raster: Raster, kernels: Kernels) -> Floats:
    """Sum Gaussian kernels over the raster, in thousands of people per km2."""
    total = np.zeros(raster.district.shape)
    for (x, y), weight, spread in zip(kernels.positions, kernels.weight, kernels.spread, strict=True):
        columns = _window(raster.x, x, KERNEL_REACH * spread)
        rows = _window(raster.y, y, KERNEL_REACH * spread)
        across = np.exp(-0.5 * ((raster.x[columns] - x) / spread) ** 2)
        along = np.exp(-0.5 * ((raster.y[rows] - y) / spread) ** 2)
        total[rows, columns] += 1e6 * weight / (2.0 * np.pi * spread**2) * np.outer(along, across)
    return total


def _window(axis: Floats, middle: float, reach: float) -> slice:
    return slice(int(np.searchsorted(axis, middle - reach)), int(np.searchsorted(axis, middle + reach)))


def countryside(raster: Raster, places: Floats) -> Floats:
    """Weight per cell of those who live in neither city nor town: even, and denser near places."""
    empty = np.ones(raster.district.shape, dtype=bool)
    empty[raster.cells(places)] = False
    away = ndimage.distance_transform_edt(empty, sampling=CELL)
    return 1.0 + (HALO_TIMES - 1.0) * np.exp(-away / (1000.0 * HALO_KM))


def city_shape(raster: Raster, city: Kernels) -> Floats:
    """How city people spread: the kernels' sum, cut off where no city is and levelled off where it is full."""
    return FULL_CITY * np.tanh(np.maximum(kernel_sum(raster, city) - NO_CITY, 0.0) / FULL_CITY)


def density(raster: Raster, districts: pd.DataFrame, city: Kernels, places: Floats) -> Floats:
    """People per 250 m cell (not whole yet), summing up to each district's people.

    Parameters
    ----------
    raster
        The region's cells.
    districts
        `people` and `city_share`, in the raster's order.
    city
        Kernels of the city people.
    places
        (K, 2) longitude, latitude of the region's places; those outside the cities are its small towns.
    """
    in_city = city_shape(raster, city)
    towns = town_kernels(places[in_city[raster.cells(to_plane(places))] == 0.0])
    in_towns = kernel_sum(raster, towns)
    elsewhere = countryside(raster, np.vstack([city.positions, towns.positions]))
    cells = np.zeros(raster.district.shape)
    for index, row in enumerate(districts.itertuples()):
        inside = raster.district == index
        in_city_people = row.people * row.city_share
        in_town_people = 1000.0 * in_towns[inside].sum() * (CELL / 1000.0) ** 2
        rest = row.people - in_city_people - in_town_people
        for shape, people in ((in_city, in_city_people), (in_towns, in_town_people), (elsewhere, rest)):
            if people != 0.0:
                cells[inside] += people * shape[inside] / shape[inside].sum()
    return cells


def degree_of_urbanisation(people_per_km2: Floats) -> Ints:
    """Classify 1 km2 cells as rural, urban cluster or urban centre (indices into `CLASSES`)."""
    classes = np.full(people_per_km2.shape, RURAL, dtype=np.int64)
    corners = np.ones((3, 3), dtype=bool)
    classes[_clusters(people_per_km2, 300.0, 5_000.0, corners)] = CLUSTER
    cross = ndimage.generate_binary_structure(2, 1)
    labels, _ = ndimage.label(_clusters(people_per_km2, 1_500.0, 50_000.0, cross), structure=cross)
    for label in range(1, labels.max() + 1):
        classes[_filled(_smoothed(labels == label), hole=15)] = CENTRE
    return classes


def _clusters(people: Floats, least: float, together: float, structure: Bools) -> Bools:
    """Cells of at least `least` people in clusters of at least `together` people."""
    labels, count = ndimage.label(people >= least, structure=structure)
    sums = np.concatenate([[0.0], ndimage.sum_labels(people, labels, np.arange(1, count + 1))])
    return (sums >= together)[labels]


def _smoothed(centre: Bools) -> Bools:
    """Add cells with at least five of eight neighbours in the centre until there are none."""
    around = np.ones((3, 3), dtype=np.int64)
    around[1, 1] = 0
    while True:
        larger = centre | (ndimage.convolve(centre.astype(np.int64), around, mode="constant") >= 5)
        if (larger == centre).all():
            return centre
        centre = larger


def _filled(centre: Bools, hole: int) -> Bools:
    """Fill holes of fewer than `hole` cells."""
    labels, _ = ndimage.label(ndimage.binary_fill_holes(centre) & ~centre)
    sizes = np.bincount(labels.ravel())
    small = sizes < hole
    small[0] = False
    return centre | small[labels]


def blocks(cells: Floats, size: int) -> Floats:
    """Sum square blocks of `size` x `size` cells."""
    rows, columns = cells.shape
    return cells.reshape(rows // size, size, columns // size, size).sum(axis=(1, 3))


def urban_classes(people: Floats) -> Ints:
    """Class of every 250 m cell: that of its 1 km2 cell."""
    return degree_of_urbanisation(blocks(people, PER_KM)).repeat(PER_KM, axis=0).repeat(PER_KM, axis=1)


def demand_cells(raster: Raster, people: Floats) -> pd.DataFrame:
    """Gather 250 m cells into demand cells: 250 m in urban centres, 1 km in urban clusters, 2 km elsewhere.

    A coarse cell that two districts share becomes one row for each; its position is the middle of its part.

    Returns
    -------
    DataFrame
        `cell` (size and place in the grid), `district` (index), `class` (index), `x`, `y` (metres), `people`.
    """
    row, column = np.nonzero((raster.district != OUTSIDE) & (people > 0.0))
    kind = urban_classes(people)[row, column]
    size = np.array(BLOCK)[kind]
    table = pd.DataFrame(
        {
            "size": size,
            "row": row // size,
            "column": column // size,
            "district": raster.district[row, column],
            "class": kind,
            "x": raster.x[column],
            "y": raster.y[row],
            "people": people[row, column],
        }
    )
    keys = ["size", "row", "column", "district", "class"]
    gathered = table.groupby(keys, sort=True).agg({"x": "mean", "y": "mean", "people": "sum"}).reset_index()
    gathered["shared"] = gathered.duplicated(["size", "row", "column"], keep=False)
    return gathered


def whole_people(total: int, weight: Floats) -> Ints:
    """Divide whole people in proportion to weights, exactly, by the largest remainder."""
    quota = total * weight / weight.sum()
    whole = np.floor(quota).astype(np.int64)
    order = np.argsort(-(quota - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def whole_people_by_district(totals: Ints, district: Ints, weight: Floats) -> Ints:
    """Divide every district's whole people over its cells, exactly."""
    people = np.zeros(len(weight), dtype=np.int64)
    for index, total in enumerate(totals):
        inside = district == index
        people[inside] = whole_people(int(total), weight[inside])
    return people
