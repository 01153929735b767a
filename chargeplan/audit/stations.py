"""The stations that an audit counts: a mask over the scenario's sites, or any layer of points."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj.exceptions import ProjError

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.problem import Problem

_LAYER = "stations"
_COUNTED = ("selected", "existing")


@dataclass(frozen=True, eq=False)
class Stations:
    """Open stations.

    Parameters
    ----------
    ids
        (S,) str.
    positions
        (S, 2) longitude and latitude in degrees, WGS-84, rounded to 7 decimals.
    sites
        (S,) index of the scenario's site of the same id, -1 for none.
    notes
        What was not counted.
    """

    ids: NDArray[np.object_]
    positions: NDArray[np.float64]
    sites: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def open_stations(problem: Problem, stations: gpd.GeoDataFrame | ArrayLike) -> Stations:
    """Take the open stations from whatever was given.

    Parameters
    ----------
    problem
        The problem whose sites a mask speaks of.
    stations
        A layer of points in any CRS (polygons count by a point inside), of which only the rows with status
        ``selected`` or ``existing`` count if it has a column `status`; or an (M,) array of bool over the
        problem's sites.

    Raises
    ------
    InputError
        No CRS, empty or missing geometry, lines, positions that are not on the Earth; a mask of another size
        or type.
    """
    if isinstance(stations, gpd.GeoDataFrame):
        return _from_layer(problem, stations)
    mask = np.asarray(stations)
    if mask.dtype != np.bool_ or mask.shape != (len(problem.sites.ids),):
        expected = f"a layer of points, or {len(problem.sites.ids)} truth values, one for each site"
        raise InputError(f"stations must be {expected}; this is {mask.dtype} of shape {mask.shape}")
    chosen = np.flatnonzero(mask)
    return Stations(problem.sites.ids[chosen], problem.sites.positions[chosen], chosen)


def _from_layer(problem: Problem, layer: gpd.GeoDataFrame) -> Stations:
    rows, notes = _counted(layer)
    positions = _positions(layer, rows)
    ids = _ids(layer)[rows]
    return Stations(ids, positions, _sites_by_id(problem, ids), notes)


def _counted(layer: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Row numbers that count, and what is said of those that do not."""
    if "status" not in layer:
        return np.arange(len(layer)), ()
    counted = layer["status"].isin(_COUNTED).to_numpy()
    left = Counter(str(status) for status in layer.loc[~counted, "status"])
    notes = tuple(
        f"{number:,} rows of status {status!r} are not counted" for status, number in sorted(left.items())
    )
    return np.flatnonzero(counted), notes


def _positions(layer: gpd.GeoDataFrame, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Positions of the rows that count; every fault of the layer in one error."""
    if layer.crs is None:
        raise InputError(Fault("states no CRS; which one its coordinates are in must be known", layer=_LAYER))
    shapes = layer.geometry.to_numpy()[rows]
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    kind = shapely.get_dimensions(shapes)
    faults = [(row, "has no geometry") for row in rows[empty]]
    faults += [(row, "is a line, not a point") for row in rows[~empty & (kind == 1)]]
    _raise(faults)
    points = gpd.GeoSeries(shapely.point_on_surface(shapes), crs=layer.crs)
    try:
        points = points.to_crs("EPSG:4326")
    except ProjError as error:
        raise InputError(Fault(f"its CRS cannot be converted to WGS-84: {error}", layer=_LAYER)) from None
    positions: NDArray[np.float64] = shapely.get_coordinates(points.to_numpy()).round(7)
    wrong = ~(np.abs(positions) <= (180.0, 90.0)).all(axis=1)
    _raise([(rows[i], f"lies at {positions[i].tolist()}, not on the Earth") for i in np.flatnonzero(wrong)])
    return positions


def _raise(faults: list[tuple[int, str]]) -> None:
    if faults:
        raise InputError(Fault(message, layer=_LAYER, row=int(row) + 1) for row, message in sorted(faults))


def _ids(layer: gpd.GeoDataFrame) -> NDArray[np.object_]:
    if "id" in layer:
        return np.array(layer["id"].astype(str), object)
    return np.array([f"{_LAYER}-{row + 1}" for row in range(len(layer))], object)


def _sites_by_id(problem: Problem, ids: NDArray[np.object_]) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(problem.sites.ids)}
    return np.array([place.get(name, -1) for name in ids], np.int64)
