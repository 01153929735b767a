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
_NOT_COUNTED = ("closed", "rejected", "forbidden", "candidate", "required")
_NEAR = 0.5  # degrees between extents that still belong together


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
        ``selected`` or ``existing``, in whatever case, count if it has a column `status`; or an (M,) array of
        bool over the problem's sites.

    Raises
    ------
    InputError
        No rows, no CRS, empty or missing geometry, lines, positions that are not on the Earth or that look
        swapped, an id twice, a column `status` of other words; a mask of another size or type.
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
    if layer.empty:
        raise InputError(Fault("holds no station: it has no rows", layer=_LAYER))
    rows, notes = _counted(layer)
    positions = _positions(layer, rows)
    ids = _ids(layer)[rows]
    _raise([(row, f"its id {name!r} is another station's too") for row, name in _repeated(rows, ids)])
    _refuse_swapped(problem, positions)
    return Stations(ids, positions, _sites_by_id(problem, ids), notes)


def _counted(layer: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Row numbers that count, and what is said of those that do not."""
    if "status" not in layer:
        return np.arange(len(layer)), ()
    status = layer["status"].astype(str).str.strip().str.lower()
    counted = status.isin(_COUNTED).to_numpy()
    if not counted.any() and (foreign := sorted(set(status[layer["status"].notna()]) - set(_NOT_COUNTED))):
        message = f"no row is {' or '.join(_COUNTED)}, and {foreign[0]!r} is no status that a plan gives"
        raise InputError(
            Fault(f"{message}; without this column every row counts", layer=_LAYER, column="status")
        )
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
    _raise([(rows[i], message) for i, shape in enumerate(shapes) if (message := _shape_fault(shape))])
    points = gpd.GeoSeries(shapely.point_on_surface(shapes), crs=layer.crs)
    try:
        points = points.to_crs("EPSG:4326")
    except ProjError as error:
        raise InputError(Fault(f"its CRS cannot be converted to WGS-84: {error}", layer=_LAYER)) from None
    positions: NDArray[np.float64] = shapely.get_coordinates(points.to_numpy()).round(7)
    wrong = ~(np.abs(positions) <= (180.0, 90.0)).all(axis=1)
    _raise([(rows[i], f"lies at {positions[i].tolist()}, not on the Earth") for i in np.flatnonzero(wrong)])
    return positions


def _shape_fault(shape: shapely.Geometry | None) -> str | None:
    """Say why a shape is no station's."""
    if shape is None or shape.is_empty:
        return "has no geometry"
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return "has a coordinate that is not a number"
    if shapely.get_dimensions(shape) == 1:
        return "is a line, not a point"
    return None if shape.is_valid else "is a polygon that crosses itself"


def _repeated(rows: NDArray[np.int64], ids: NDArray[np.object_]) -> list[tuple[int, str]]:
    """Rows whose id an earlier one has: a station listed twice must not be its own backup."""
    seen = Counter[str]()
    repeated = []
    for row, name in zip(rows, ids, strict=True):
        if seen[name]:
            repeated.append((int(row), str(name)))
        seen[name] += 1
    return repeated


def _refuse_swapped(problem: Problem, positions: NDArray[np.float64]) -> None:
    """Refuse stations that lie where the demand is only with their axes swapped."""
    if len(positions) == 0:
        return
    demand = np.concatenate([standard.points.positions for standard in problem.standards])
    if not _near(positions, demand) and _near(positions[:, ::-1], demand):
        message = "lies where the demand is only with longitude and latitude swapped"
        raise InputError(Fault(message, layer=_LAYER))


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    west_south = np.maximum(one.min(axis=0), other.min(axis=0))
    east_north = np.minimum(one.max(axis=0), other.max(axis=0))
    return bool(np.all(west_south <= east_north + _NEAR))


def _raise(faults: list[tuple[int, str]]) -> None:
    if faults:
        raise InputError(Fault(message, layer=_LAYER, row=int(row) + 1) for row, message in sorted(faults))


def _ids(layer: gpd.GeoDataFrame) -> NDArray[np.object_]:
    numbered = np.array([f"{_LAYER}-{row + 1}" for row in range(len(layer))], object)
    return np.where(layer["id"].notna(), layer["id"].astype(str), numbered) if "id" in layer else numbered


def _sites_by_id(problem: Problem, ids: NDArray[np.object_]) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(problem.sites.ids)}
    return np.array([place.get(name, -1) for name in ids], np.int64)
