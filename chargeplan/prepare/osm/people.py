"""People: where a layer says they live, and how they spread over the homes of an extract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from chargeplan.errors import Fault, InputError
from chargeplan.io.layers import read_layer
from chargeplan.prepare import columns
from chargeplan.prepare.features import POINTS, POLYGONS, WGS84, load, positions
from chargeplan.prepare.people_raster import check_raster, is_raster, read_people_raster
from chargeplan.scenario import DemandLayer

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from pathlib import Path

    import numpy.typing as npt

COLUMNS = ("people", "population", "pop", "residents", "inhabitants")
_STEP = 0.1  # degrees between corners of a box


@dataclass(frozen=True, eq=False)
class Population:
    """People by place.

    Parameters
    ----------
    ids
        (N,) str.
    areas
        (N,) polygons in degrees; None where the layer holds points.
    positions
        (N, 2) longitude, latitude in degrees; of a polygon a point inside.
    people
        (N,) at least 0.
    outside
        People of a raster far from where the roads are, or from the area; they are not among these.
    unknown
        Cells of a raster in which nobody is counted (nodata).
    """

    ids: npt.NDArray[np.object_]
    areas: npt.NDArray[np.object_] | None
    positions: npt.NDArray[np.float64]
    people: npt.NDArray[np.float64]
    outside: float = 0.0
    unknown: int = 0

    @property
    def total(self) -> float:
        """All people, those outside too."""
        return float(self.people.sum()) + self.outside


def open_population(path: Path, column: str | None = None) -> Callable[[npt.NDArray[np.float64]], Population]:
    """Open a raster or a layer of people.

    Parameters
    ----------
    path
        A GeoTIFF of people per cell; points or polygons in any format of layers.
    column
        Of a layer: which column counts them.

    Returns
    -------
    callable
        Reads them, given west, south, east, north in degrees: what of a raster is worth reading. A layer is
        read at once, so that its faults are found before anything takes long.

    Raises
    ------
    InputError
        It cannot be read, or has faults.
    """
    if is_raster(path):
        check_raster(path)
        if column is not None:
            raise InputError(Fault(f"is a raster and has no column {column!r}", file=str(path)))
        return lambda bounds: read_cells(path, bounds)
    population = read_population(path, column)
    return lambda _: population


def read_cells(path: Path, bounds: npt.NDArray[np.float64]) -> Population:
    """Read the cells of a raster that people live in: points, in the middle of each.

    Parameters
    ----------
    path
        A GeoTIFF.
    bounds
        West, south, east, north in degrees, of the cells that are taken; who lives in others is counted.

    Raises
    ------
    InputError
        rasterio is not installed, or the raster cannot be read, has faults, or nobody lives there.
    """
    box = shapely.segmentize(shapely.box(*bounds), _STEP)  # it is bent in the raster's CRS
    cells = read_people_raster(path, area=gpd.GeoDataFrame(geometry=[box], crs=WGS84), whole=True)
    people = cells["people"].to_numpy(dtype=np.float64)
    outside, unknown = cells.attrs["outside"], cells.attrs["unknown"]
    return Population(cells["id"].to_numpy(dtype=object), None, positions(cells), people, outside, unknown)


def read_population(path: str | PathLike[str], column: str | None = None) -> Population:
    """Read a layer of people.

    Parameters
    ----------
    path
        Points or polygons, in any format of layers.
    column
        Which column counts them; where left out, one of `COLUMNS`, whatever its capitals.

    Raises
    ------
    InputError
        The layer cannot be read, has no such column, or has faults, all of which are named.
    """
    frame = read_layer(path)
    flat = bool(len(frame)) and bool((shapely.get_dimensions(frame.geometry.array) == 2).all())
    layer = DemandLayer(name="population", file=str(path))
    features = load(layer, layer.name, lambda _: frame, POLYGONS if flat else POINTS)
    if column is None:
        named = {str(name).casefold(): str(name) for name in reversed(features.frame.columns)}
        column = next((named[word] for word in COLUMNS if word in named), None)
    if column is None:
        features.faults.add(f"no column counts people: there is none of {', '.join(COLUMNS)}; say which")
        raise InputError(features.faults.found)
    people = columns.numbers(features, column, "people", 0.0)
    ids = columns.ids(features, None)
    if features.faults.found:
        raise InputError(features.faults.found)
    areas = np.asarray(features.frame.geometry.array, dtype=object) if flat else None
    return Population(ids, areas, positions(features.frame), people)


def spread(
    population: Population, homes: npt.NDArray[np.float64], built: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Spread the people of every area over the homes in it, in proportion to built area.

    Parameters
    ----------
    population
        With areas. A home inside several counts in the first.
    homes
        (N, 2) longitude, latitude in degrees.
    built
        (N,) m2.

    Returns
    -------
    ndarray
        (N,) people in every home; 0 outside all areas.
    ndarray
        (A,) bool, the areas that have homes, all of whose people are among these.
    """
    assert population.areas is not None
    home, area = shapely.STRtree(population.areas).query(shapely.points(homes), predicate="intersects")
    order = np.lexsort([area, home])
    home, area = home[order], area[order]
    first = np.unique(home, return_index=True)[1]
    home, area = home[first], area[first]
    total = np.bincount(area, built[home], len(population.people))
    people = np.zeros(len(homes))
    people[home] = population.people[area] * built[home] / np.where(total > 0, total, 1.0)[area]
    return people, total > 0
