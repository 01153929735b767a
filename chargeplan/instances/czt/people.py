"""A modelled grid of people: district totals spread over cells by a declared density model.

The model. Each district's published people are divided into three parts: those of its city (a share, in
`sources/shares.csv`), those of its small towns (so many each), and the rest. City people follow a sum of
Gaussian kernels around the metro stations, whose weight falls off exponentially with the distance from the
old centre (Clark 1951, *Urban population densities*), and around the urban centres of `sources/centres.csv`;
the sum is cut off below a density at which no city is, and levels off towards that of the densest quarters.
Town people follow small kernels around the GeoNames places outside the cities; the rest lies evenly, and
denser within a few kilometres of any place. A kernel counts in every district that it reaches; within a
district everything is scaled to the district's total and counted in whole people by the largest remainder,
so that no total changes.

Urban cells follow the degree of urbanisation (`chargeplan.prepare.urbanisation`), of 1 km2 cells in an
equal-area projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer
from scipy import ndimage

from chargeplan.prepare.urbanisation import degree_of_urbanisation

if TYPE_CHECKING:
    import geopandas as gpd

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
_Number = TypeVar("_Number", np.float64, np.int64)

CELL = 250.0  # metres; the finest cell
PER_KM = 4  # finest cells along a side of a 1 km cell
OUTSIDE = -1
BLOCK = (8, 4, 1)  # finest cells along a side of a demand cell, by class: 2 km, 1 km, 250 m

# Equal-area around the region's middle: a cell holds its nominal area, and shapes are true to 0.1 %.
PLANE = "+proj=laea +lat_0=27.4 +lon_0=113.1 +ellps=WGS84 +units=m +no_defs"

# The density model's own numbers; see the module's first paragraph. Weights are thousands of people, roughly:
# what counts is how they compare within a district.
OLD_CENTRE = (112.97, 28.20)  # Changsha, about Wuyi Square
METRO_WEIGHT = 40.0  # of a station in the old centre
METRO_FALL_KM = 14.0
METRO_SPREAD_KM = 1.1
NO_CITY = 2.5  # thousand people per km2: where the kernels add up to less is no city,
FULL_CITY = 5.0  # and above this, so many more, a quarter gets hardly any denser
TOWN_PEOPLE = 6.0  # of each small town, in thousands: they are not known
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
    """Cells of 250 m over the region; row 0 in the south, aligned to whole 2 km of the plane.

    `district` (rows, columns) is the row of the district table, or `OUTSIDE`.
    """

    west: float
    south: float
    district: Ints

    @cached_property
    def x(self) -> Floats:
        """Plane eastings of the columns' middles, metres."""
        return self.west + CELL * (np.arange(self.district.shape[1], dtype=np.float64) + 0.5)

    @cached_property
    def y(self) -> Floats:
        """Plane northings of the rows' middles, metres."""
        return self.south + CELL * (np.arange(self.district.shape[0], dtype=np.float64) + 0.5)

    def middles(self, row: Ints, column: Ints) -> Floats:
        """Plane positions (N, 2) of the middles of cells."""
        return np.column_stack([self.x[column], self.y[row]])

    def cells_of(self, plane: Floats) -> tuple[Ints, Ints]:
        """Rows and columns of the cells that hold (N, 2) plane positions."""
        column, row = np.floor((plane - (self.west, self.south)) / CELL).astype(np.int64).T
        return row, column


@dataclass(frozen=True)
class Grid(Raster):
    """A raster with people: `people` (rows, columns) per cell, not whole yet."""

    people: Floats

    @cached_property
    def per_km2(self) -> Floats:
        """People per km2, of the 1 km2 cell that holds a cell."""
        return _fine(_square_km(self.people))

    @cached_property
    def classes(self) -> Ints:
        """Class of the 1 km2 cell that holds a cell (indices into `urbanisation.CLASSES`)."""
        return _fine(degree_of_urbanisation(_square_km(self.people)))


def _square_km(cells: Floats) -> Floats:
    rows, columns = cells.shape
    summed: Floats = cells.reshape(rows // PER_KM, PER_KM, columns // PER_KM, PER_KM).sum(axis=(1, 3))
    return summed


def _fine(square_km: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    return square_km.repeat(PER_KM, axis=0).repeat(PER_KM, axis=1)


def to_plane(positions: npt.ArrayLike) -> Floats:
    """Project (N, 2) longitude, latitude in degrees to metres in the equal-area plane."""
    return _transformed(positions, Transformer.from_crs("EPSG:4326", PLANE, always_xy=True))


def to_degrees(plane: npt.ArrayLike) -> Floats:
    """Bring (N, 2) metres in the equal-area plane back to longitude, latitude, rounded to 7 decimals."""
    return _transformed(plane, Transformer.from_crs(PLANE, "EPSG:4326", always_xy=True)).round(7)


def _transformed(positions: npt.ArrayLike, transformer: Transformer) -> Floats:
    given = np.asarray(positions, dtype=np.float64)
    return np.column_stack(transformer.transform(given[:, 0], given[:, 1]))


def rasterise(districts: gpd.GeoDataFrame) -> Raster:
    """Say for every 250 m cell in which district its middle lies."""
    polygons = shapely.transform(districts.geometry.to_numpy(), to_plane)
    bounds = shapely.total_bounds(polygons)
    step = CELL * max(BLOCK)
    west, south = np.floor(bounds[:2] / step) * step
    columns, rows = np.ceil((bounds[2:] - (west, south)) / step).astype(int) * max(BLOCK)
    raster = Raster(float(west), float(south), np.full((rows, columns), OUTSIDE, dtype=np.int64))
    for index, polygon in enumerate(polygons):
        _stamp(raster, polygon, index)
    return raster


def _stamp(raster: Raster, polygon: shapely.Geometry, index: int) -> None:
    x0, y0, x1, y1 = polygon.bounds
    columns = np.flatnonzero((raster.x > x0) & (raster.x < x1))
    rows = np.flatnonzero((raster.y > y0) & (raster.y < y1))
    window = np.ix_(rows, columns)
    shapely.prepare(polygon)
    inside = shapely.contains_xy(polygon, *np.meshgrid(raster.x[columns], raster.y[rows]))
    raster.district[window] = np.where(inside, index, raster.district[window])


def metro_kernels(stations: npt.ArrayLike) -> Kernels:
    """Kernels of the metro stations (K, 2), lighter with the distance from the old centre."""
    plane = to_plane(stations)
    away = np.hypot(*(plane - to_plane([OLD_CENTRE])).T)
    weight = METRO_WEIGHT * np.exp(-away / (1000.0 * METRO_FALL_KM))
    return Kernels(plane, weight, np.full(len(plane), 1000.0 * METRO_SPREAD_KM))


def centre_kernels(centres: pd.DataFrame) -> Kernels:
    """Kernels of `sources/centres.csv`, with its weights and spreads."""
    spread = 1000.0 * centres["spread_km"].to_numpy(dtype=np.float64)
    return Kernels(to_plane(centres[["lon", "lat"]]), centres["weight"].to_numpy(dtype=np.float64), spread)


def town_kernels(plane: Floats) -> Kernels:
    """Kernels of the small towns, all alike."""
    count = len(plane)
    return Kernels(plane, np.full(count, TOWN_PEOPLE), np.full(count, 1000.0 * TOWN_SPREAD_KM))


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


def city_shape(raster: Raster, city: Kernels) -> Floats:
    """Spread city people: the kernels' sum, cut off where no city is, levelled off where it is full."""
    return FULL_CITY * np.tanh(np.maximum(kernel_sum(raster, city) - NO_CITY, 0.0) / FULL_CITY)


def countryside(raster: Raster, places: Floats) -> Floats:
    """Spread those who live in neither city nor town: evenly, and denser near the places (K, 2)."""
    empty = np.ones(raster.district.shape, dtype=bool)
    empty[raster.cells_of(places)] = False
    away = ndimage.distance_transform_edt(empty, sampling=CELL)
    return 1.0 + (HALO_TIMES - 1.0) * np.exp(-away / (1000.0 * HALO_KM))


def spread_people(raster: Raster, districts: pd.DataFrame, city: Kernels, places: npt.ArrayLike) -> Grid:
    """Spread every district's people over its cells by the density model.

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
    plane = to_plane(places)
    towns = town_kernels(plane[in_city[raster.cells_of(plane)] == 0.0])
    in_towns = 1000.0 * (CELL / 1000.0) ** 2 * kernel_sum(raster, towns)  # people per cell
    elsewhere = countryside(raster, np.vstack([city.positions, towns.positions]))
    cells = np.zeros(raster.district.shape)
    totals = districts["people"].to_numpy(dtype=np.float64)
    shares = districts["city_share"].to_numpy(dtype=np.float64)
    for index, (total, share) in enumerate(zip(totals, shares, strict=True)):
        inside = raster.district == index
        in_villages = total * (1.0 - share) - in_towns[inside].sum()
        cells[inside] = _scaled(in_city[inside], total * share)
        cells[inside] += in_towns[inside] + _scaled(elsewhere[inside], in_villages)
    return Grid(raster.west, raster.south, raster.district, cells)


def _scaled(shape: Floats, total: float) -> Floats:
    return shape * (total / float(shape.sum()))


def demand_cells(grid: Grid) -> pd.DataFrame:
    """Gather 250 m cells into demand cells: 250 m in urban centres, 1 km in urban clusters, 2 km elsewhere.

    A coarse cell that two districts or classes share becomes a row for each, in the middle of its part.

    Returns
    -------
    DataFrame
        `size` in 250 m, `row` and `column` in cells of that size, `district` and `class` (indices), `x`, `y`
        (metres), `people`, `shared` (whether the cell has several rows).
    """
    row, column = np.nonzero(grid.people > 0.0)
    kind = grid.classes[row, column]
    size = np.array(BLOCK)[kind]
    table = pd.DataFrame({"size": size, "row": row // size, "column": column // size, "class": kind})
    table["district"] = grid.district[row, column]
    table["x"], table["y"] = grid.x[column], grid.y[row]
    table["people"] = grid.people[row, column]
    keys = ["size", "row", "column", "district", "class"]
    gathered = table.groupby(keys, as_index=False).agg({"x": "mean", "y": "mean", "people": "sum"})
    return gathered.assign(shared=gathered.duplicated(["size", "row", "column"], keep=False))
