"""Vector layers and CSV tables, as they stand.

Files are opened by the driver that belongs to their suffix, and only if their first bytes agree: GDAL would
otherwise open whatever it recognises, such as a virtual layer that points elsewhere. JSON needs its driver by
name, since several drivers recognise it, and one of them runs what it says. Archives are not read, nor XML
other than KML without a document type.
"""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from shapely.errors import ShapelyError

from chargeplan.io.files import check_file, check_geojson, fault
from chargeplan.io.placemarks import own_columns, placemarks
from chargeplan.io.suspicious import (
    check_geopackage,
    check_kml,
    check_parquet,
    check_shapefile,
    feature_tables,
    has_code_page,
)
from chargeplan.io.tables import read_point_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

_PARQUET = (".parquet", ".geoparquet")
_GEOJSON = (".geojson", ".json")
_REFUSALS = (DataSourceError, DataLayerError, FeatureError, GeometryError, ValueError, RuntimeError)
_MIXED = re.compile("Could not parse column .* as JSON")  # text beside numbers: it is read as it stands


def read_layer(path: str | PathLike[str], layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a layer as it stands: its own CRS, all rows, all columns.

    Parameters
    ----------
    path
        CSV with longitude/latitude, lon/lat, lng/lat, x/y or WKT columns (WGS-84), GeoJSON, GeoPackage,
        Shapefile, FlatGeobuf, KML or GeoParquet.
    layer
        Which layer of the file; needed where there are several.

    Returns
    -------
    GeoDataFrame
        With a fresh index. What GDAL remarked while reading stands in ``attrs["remarks"]``.

    Raises
    ------
    InputError
        No such file or layer, a format that is not read, a file that is damaged or has no geometry.
    """
    path = Path(path)
    check_file(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_point_table(path)
    if suffix in _PARQUET:
        return _read_parquet(path)
    return _read_vector(path, layer)


def _read_vector(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    source, options, ids = _harmless(path)
    try:
        with warnings.catch_warnings(record=True) as remarks, own_columns():
            warnings.simplefilter("always")
            names = feature_tables(path) if path.suffix.lower() == ".gpkg" else _listed(source)
            layer = _choose_layer(path, names, layer)
            if path.suffix.lower() == ".gpkg":
                check_geopackage(path, layer)
            frame = pyogrio.read_dataframe(source, layer=layer, on_invalid="ignore", **options)
    except _REFUSALS as error:
        raise fault(path, f"cannot be read: {error}") from None
    except UnboundLocalError:  # of pyogrio 0.13, where GDAL cannot write the CRS as text
        raise fault(path, "cannot be read: its CRS is damaged") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise fault(path, "has no geometry")
    if path.suffix.lower() == ".kml":
        frame = placemarks(frame)
    if "id" not in frame and len(ids) == len(frame) and any(each is not None for each in ids):
        frame["id"] = ids
    said = dict.fromkeys(str(remark.message) for remark in remarks)
    frame.attrs["remarks"] = (*(text for text in said if not _MIXED.match(text)), *_guessed(path, frame))
    return frame


def _harmless(path: Path) -> tuple[str, dict[str, str], list[int | float | str | None]]:
    """Look a file through; say by what name and options GDAL should open it, and what ids it leaves out."""
    suffix = path.suffix.lower()
    if suffix in _GEOJSON:
        ids = check_geojson(path)
        return f"GeoJSON:{path}", {"DATE_AS_STRING": "YES"}, ids  # 2024-01-05 stays as it is written
    check = {".shp": check_shapefile, ".gpkg": check_geopackage, ".kml": check_kml}.get(suffix)
    if check is not None:
        check(path)
    return str(path), {}, []


def _guessed(path: Path, frame: gpd.GeoDataFrame) -> list[str]:
    """Remark on text of a Shapefile that does not say how it is encoded."""
    if path.suffix.lower() != ".shp" or has_code_page(path):
        return []
    texts = (
        value for name in frame.columns.drop("geometry") for value in frame[name] if isinstance(value, str)
    )
    if all(map(str.isascii, texts)):
        return []
    return [f"does not say how its text is encoded; it was read as Latin-1. A file {path.stem}.cpg says it"]


def _listed(source: str) -> list[str]:
    return [str(name) for name, _ in pyogrio.list_layers(source)]


def _choose_layer(path: Path, names: Sequence[str], layer: str | None) -> str:
    if layer is None and len(names) == 1:
        return names[0]
    if layer in names:
        return str(layer)
    which = "has several layers; say which" if layer is None else f"has no layer {layer!r}"
    raise fault(path, f"{which}: {', '.join(names)}" if names else "has no geometry: no layer of features")


def _read_parquet(path: Path) -> gpd.GeoDataFrame:
    if find_spec("pyarrow") is None:
        raise fault(path, "GeoParquet is read by pyarrow: pip install pyarrow")
    check_parquet(path)
    try:
        return gpd.read_parquet(path).reset_index(drop=True)
    except (ValueError, OSError, RuntimeError, TypeError, LookupError, ShapelyError) as error:
        raise fault(path, f"cannot be read: {error}") from None
