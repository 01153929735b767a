"""Layers in: selected rows, in WGS-84, with geometry that is whole; what is wrong is noted row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError

from chargeplan.errors import InputError
from chargeplan.prepare.datum import Datum, to_wgs84
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.where import select
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from chargeplan.scenario import Layer

    OpenLayer: TypeAlias = Callable[[Layer], gpd.GeoDataFrame]

DECIMALS = 7  # about a centimetre; rounded once, here, so that what is computed is what is written
_HALF = 180.0  # degrees; a part that is wider was drawn across the 180th meridian
WGS84 = pyproj.CRS("EPSG:4326")
POINTS = ("Point", "MultiPoint", "Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
POLYGONS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True, eq=False)
class Features:
    """A layer that was read.

    Parameters
    ----------
    name
        The layer's name in the scenario.
    frame
        The selected rows; geometry in WGS-84, rounded, None where it is faulty.
    rows
        (N,) their numbers in the file, from 1.
    faults
        What is wrong with them.
    remarks
        What GDAL remarked while reading.
    """

    name: str
    frame: gpd.GeoDataFrame
    rows: npt.NDArray[np.int64]
    faults: Faults
    remarks: tuple[str, ...] = ()

    @property
    def bounds(self) -> npt.NDArray[np.float64]:
        """West, south, east, north in degrees."""
        return np.asarray(self.frame.total_bounds, dtype=np.float64)


def load(layer: Layer, name: str, open_layer: OpenLayer, kinds: tuple[str, ...]) -> Features:
    """Open a layer, select its rows, and bring them to WGS-84.

    Parameters
    ----------
    layer
        The layer's table in the scenario.
    name
        What it is called in messages.
    open_layer
        Opens it as it stands.
    kinds
        The geometry types it may hold.

    Returns
    -------
    Features
        With its faults; where there are any, the rest is only good for finding more of them.

    Raises
    ------
    InputError
        It cannot be opened, selected from, or placed on the Earth.
    """
    faults = Faults(layer.file, name)
    try:
        frame = open_layer(layer)
        rows = np.arange(1, len(frame) + 1)
        if layer.where is not None:
            keep = select(frame.drop(columns=frame.geometry.name), layer.where)
            frame, rows = frame[keep], rows[keep]
        frame = _in_degrees(frame, layer.crs)
    except InputError as error:
        faults.adopt(error)
        raise InputError(faults.found) from None
    if len(frame) == 0:
        faults.add("is empty" if layer.where is None else f"where = {layer.where!r} keeps no row")
        raise InputError(faults.found)
    return _checked(frame, rows, kinds, faults, layer.datum)


def positions(frame: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """Turn geometry into positions: the one adapter between tables and arrays.

    Parameters
    ----------
    frame
        Points, or polygons, which are represented by a point inside; with a CRS.

    Returns
    -------
    ndarray
        (N, 2) longitude, latitude in degrees, WGS-84, rounded to 7 decimals, read-only; NaN where there is
        no geometry.

    Raises
    ------
    InputError
        The frame has no CRS, or holds lines.
    """
    found = _as_points(_in_degrees(frame, None).geometry.array)
    found = np.round(found, DECIMALS)
    found.flags.writeable = False
    return found


def _as_points(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    geometry = np.asarray(geometry, dtype=object)
    kinds = shapely.get_type_id(geometry)
    if np.isin(kinds, (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING)).any():
        raise InputError("lines have no position; points or polygons have")
    if (kinds > shapely.GeometryType.POINT).any():
        inside = kinds > shapely.GeometryType.POINT
        geometry = geometry.copy()
        geometry[inside] = shapely.point_on_surface(geometry[inside])
    return np.column_stack([shapely.get_x(geometry), shapely.get_y(geometry)])


def _in_degrees(frame: gpd.GeoDataFrame, crs: str | None) -> gpd.GeoDataFrame:
    try:
        if crs is not None:
            frame = frame.set_crs(crs, allow_override=True)
        if frame.crs is None:
            raise InputError('has no CRS; say which with crs = "EPSG:..."')
        if frame.crs.is_geocentric:
            raise InputError(f"its CRS is geocentric ({frame.crs.name}): it has no longitude and latitude")
        return frame if _is_wgs84(frame.crs) else frame.to_crs(WGS84)
    except (CRSError, ProjError) as error:
        raise InputError(f"its CRS cannot be used: {error}") from None


def _is_wgs84(crs: pyproj.CRS) -> bool:
    return crs == WGS84 or crs.to_authority() == ("OGC", "CRS84")


def _checked(
    frame: gpd.GeoDataFrame,
    rows: npt.NDArray[np.int64],
    kinds: tuple[str, ...],
    faults: Faults,
    datum: Datum,
) -> Features:
    """Note rows without usable geometry, which become None; round the others, in WGS-84."""
    geometry = np.array(frame.geometry.array, dtype=object)  # a copy: the frame is the caller's
    faults.locate(rows, _middles(geometry, datum))
    sound = _whole(geometry, rows, kinds, faults)
    remarks: tuple[str, ...] = frame.attrs.get("remarks", ())
    if kinds is POINTS:
        remarks += _crossed(geometry, rows, sound, faults)
        found = np.full((len(geometry), 2), np.nan)
        found[sound] = _as_points(geometry[sound])
        sound &= _in_range(found, found, rows, sound, faults)
        geometry[sound] = shapely.points(_settled(found[sound], datum))
    else:
        corners = shapely.bounds(geometry)
        sound &= _in_range(corners[:, :2], corners[:, 2:], rows, sound, faults)
        flat = shapely.force_2d(geometry[sound])
        geometry[sound] = shapely.transform(flat, lambda given: _settled(given, datum))
    geometry[~sound] = None
    settled = gpd.GeoDataFrame(frame.drop(columns=frame.geometry.name), geometry=geometry, crs=WGS84)
    return Features(faults.layer, settled, rows, faults, remarks)


def _middles(geometry: npt.NDArray[np.object_], datum: Datum) -> npt.NDArray[np.float64]:
    """Find about where each row is, whatever is wrong with it: the middle of its bounds; NaN if nowhere."""
    bounds = shapely.bounds(geometry)
    bounds[~(np.abs(bounds) <= (180.0, 90.0) * 2).all(axis=1)] = np.nan
    return _settled((bounds[:, :2] + bounds[:, 2:]) / 2, datum)


def _crossed(
    geometry: npt.NDArray[np.object_],
    rows: npt.NDArray[np.int64],
    sound: npt.NDArray[np.bool_],
    faults: Faults,
) -> tuple[str, ...]:
    """Doubt and count the polygons that are no valid areas: a point inside still stands for each of them."""
    crossed = sound & ~shapely.is_valid(geometry)
    says = "crosses or touches itself; a point inside stands for it"
    faults.doubt_rows(crossed, rows, lambda _: says, column="geometry")
    if count := int(crossed.sum()):
        which = f"{count:,} of {format_count(int(sound.sum()), 'polygon')}"
        return (f"polygons that cross or touch themselves: {which}; a point inside stands for each",)
    return ()


def _settled(degrees: npt.NDArray[np.float64], datum: Datum) -> npt.NDArray[np.float64]:
    """Bring positions to the WGS-84 that everything is computed with."""
    return np.round(to_wgs84(degrees, datum), DECIMALS)


def _whole(
    geometry: npt.NDArray[np.object_], rows: npt.NDArray[np.int64], kinds: tuple[str, ...], faults: Faults
) -> npt.NDArray[np.bool_]:
    """Find the rows that have geometry of the right kind, all finite."""
    absent = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    faults.add_rows(absent, rows, lambda _: "has no geometry, or none that can be read", column="geometry")
    names = np.array([kind.name.lower() for kind in shapely.GeometryType])  # MISSING is first, with id -1
    given = names[shapely.get_type_id(geometry) + 1]
    wrong = ~absent & ~np.isin(given, [kind.lower() for kind in kinds])
    asked = ", ".join(kinds)
    faults.add_rows(wrong, rows, lambda at: f"is a {given[at]}; read are {asked}", column="geometry")
    broken = ~absent & ~wrong & _has_nonfinite(geometry)
    bounds = np.where(broken[:, None], np.nan, shapely.bounds(geometry))
    wide = ~absent & ~wrong & (bounds[:, 2] / 2 - bounds[:, 0] / 2 > _HALF / 2)  # halves do not overflow
    for at in np.flatnonzero(wide):  # it may be split there already
        west, _, east, _ = shapely.bounds(shapely.get_parts(geometry[at])).T
        wide[at] = (east / 2 - west / 2 > _HALF / 2).any()
    says = "is more than 180 degrees wide: split it where it crosses the 180th meridian"
    faults.add_rows(wide, rows, lambda _: says, column="geometry")
    faults.add_rows(broken, rows, lambda _: "the position is missing or not a number", column="geometry")
    sound: npt.NDArray[np.bool_] = ~(absent | wrong | broken | wide)
    if kinds is POLYGONS:
        crossed = sound & ~shapely.is_valid(geometry)
        why = shapely.is_valid_reason(geometry)
        faults.add_rows(crossed, rows, lambda at: f"is no valid area: {why[at]}", column="geometry")
        sound &= ~crossed
    return sound


def _has_nonfinite(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    found = np.zeros(len(geometry), dtype=bool)
    found[owner[~np.isfinite(coordinates).all(axis=1)]] = True
    return found


def _in_range(
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    sound: npt.NDArray[np.bool_],
    faults: Faults,
) -> npt.NDArray[np.bool_]:
    """Find the rows between -180, -90 and 180, 90 degrees; say so where the axes look swapped."""
    limit = np.array([180.0, 90.0])
    inside = np.all((low >= -limit) & (high <= limit), axis=1)
    turned = np.all((low >= -limit[::-1]) & (high <= limit[::-1]), axis=1)
    swapped = sound & ~inside & turned
    if 2 * swapped.sum() > sound.sum():
        at = int(swapped.argmax())
        message = f"longitude and latitude look swapped in {swapped.sum()} of {len(rows)} rows"
        faults.add(f"{message}, such as {_at(low[at])}", row=int(rows[at]), column="geometry")
    else:
        wrong = sound & ~inside
        faults.add_rows(wrong, rows, lambda at: f"{_at(low[at])} is out of range", column="geometry")
    return np.asarray(inside, dtype=bool)


def _at(position: npt.NDArray[np.float64]) -> str:
    return f"longitude {position[0]:.6g}, latitude {position[1]:.6g}"
