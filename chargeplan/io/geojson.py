"""GeoJSON as RFC 7946 wants it, and the same bytes for the same table.

WGS-84 longitude and latitude, at most 7 decimals, outer rings counter-clockwise and holes clockwise, no `crs`
member, ids kept; one feature per line.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    import numpy.typing as npt

_DECIMALS = 7
_WGS84 = CRS("EPSG:4326")


def feature_collection(table: gpd.GeoDataFrame) -> bytes:
    """Write a table as a GeoJSON FeatureCollection.

    Parameters
    ----------
    table
        Any geometry, with a CRS; it is brought to WGS-84 if need be. A column ``id`` becomes the features' id
        and stays among their properties. Floats are rounded to 7 decimals; missing values, NaN and infinities
        become null, and so do polygons that rounding makes nothing of.

    Returns
    -------
    bytes
        UTF-8.

    Raises
    ------
    InputError
        The table has no CRS.
    """
    if table.crs is None:
        raise InputError("a table without a CRS cannot become GeoJSON")
    table = table if table.crs == _WGS84 else table.to_crs(_WGS84)
    geometry = _geometries(np.asarray(table.geometry.array, dtype=object))
    columns = {str(name): _texts(table[name]) for name in table.columns if name != table.geometry.name}
    properties = _properties(columns, len(table))
    rows = zip(_heads(columns.get("id"), len(table)), geometry, properties, strict=True)
    features = ",\n".join(
        [f'{head}"geometry":{shape},"properties":{values}}}' for head, shape, values in rows]
    )
    return f'{{"type":"FeatureCollection","features":[\n{features}\n]}}\n'.encode()


def _heads(ids: list[str] | None, count: int) -> list[str]:
    begin = '{"type":"Feature",'
    if ids is None:
        return [begin] * count
    return [begin if name == "null" else f'{begin}"id":{name},' for name in ids]


def _properties(columns: dict[str, list[str]], count: int) -> Iterable[str]:
    if not columns:
        return ["{}"] * count
    keys = [json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in columns]
    template = "{" + ",".join(f"{key}:%s" for key in keys) + "}"
    return (template % row for row in zip(*columns.values(), strict=True))


# --- values ----------------------------------------------------------------------------------------------


def _texts(column: pd.Series[Any]) -> list[str]:
    """Write every value of a column as JSON."""
    if pd.api.types.is_float_dtype(column):
        return _numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.dtype.kind in "iu" and not column.hasnans:
        return list(map(str, column.tolist()))
    if column.dtype == np.bool_:
        return ["true" if value else "false" for value in column.tolist()]
    values = column.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(values, skipna=False) == "string":  # all of them, the usual case
        return list(map(encode_basestring, values.tolist()))
    missing = column.isna().to_numpy()
    return [
        "null" if gap else _text(value) for value, gap in zip(values.tolist(), missing.tolist(), strict=True)
    ]


def _numbers(values: npt.NDArray[np.float64]) -> list[str]:
    if values.size > 1 and (values == values[0]).all():  # as one radius, or one weight, for all
        return _numbers(values[:1]) * values.size
    texts = [f"{value:.7f}".rstrip("0").rstrip(".") for value in values.tolist()]
    for at in np.flatnonzero(~np.isfinite(values)):
        texts[at] = "null"
    return ["0" if text == "-0" else text for text in texts]


def _text(value: Any) -> str:
    """Write one value as JSON."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return _numbers(np.array([value]))[0]
    return json.dumps(value, ensure_ascii=False, default=str)


# --- geometry --------------------------------------------------------------------------------------------


def _geometries(geometry: npt.NDArray[np.object_]) -> list[str]:
    """Write every geometry as JSON; many points, the usual case, at once."""
    finite = np.isfinite(shapely.bounds(geometry)).all(axis=1)
    if finite.all() and (shapely.get_type_id(geometry) == shapely.GeometryType.POINT).all():
        lon, lat = (_numbers(axis) for axis in shapely.get_coordinates(geometry).T)
        return [f'{{"type":"Point","coordinates":[{x},{y}]}}' for x, y in zip(lon, lat, strict=True)]
    known = geometry.copy()
    known[~finite] = None
    return [_geometry(shape) for shape in _prepared(known)]


def _prepared(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Round to 7 decimals and wind rings the right way.

    Polygons are rounded as areas, so that neither slivers nor self-crossings arise; what is no valid polygon
    to begin with is rounded vertex by vertex.
    """
    flat = shapely.force_2d(geometry)
    whole = shapely.is_valid(flat) & (shapely.get_dimensions(flat) == 2)
    flat[whole] = shapely.set_precision(flat[whole], 10.0**-_DECIMALS)
    flat[~whole] = shapely.transform(flat[~whole], lambda given: np.round(given, _DECIMALS))
    return np.asarray(shapely.orient_polygons(flat), dtype=object)


def _geometry(shape: shapely.Geometry | None) -> str:
    if shape is None or shape.is_empty:
        return "null"
    if shape.geom_type == "GeometryCollection":
        return f'{{"type":"GeometryCollection","geometries":[{",".join(map(_geometry, shape.geoms))}]}}'
    return f'{{"type":"{shape.geom_type}","coordinates":{_coordinates(shape)}}}'


def _coordinates(shape: Any) -> str:
    if shape.geom_type == "Polygon":
        return "[" + ",".join(_positions(ring) for ring in (shape.exterior, *shape.interiors)) + "]"
    if hasattr(shape, "geoms"):
        return "[" + ",".join(_coordinates(part) for part in shape.geoms) + "]"
    positions = _positions(shape)
    return positions[1:-1] if shape.geom_type == "Point" else positions


def _positions(shape: shapely.Geometry) -> str:
    lon, lat = (_numbers(axis) for axis in shapely.get_coordinates(shape).T)
    return "[" + ",".join(f"[{x},{y}]" for x, y in zip(lon, lat, strict=True)) + "]"
