"""Vector layers and CSV tables, as they stand.

Files are opened by the driver that belongs to their suffix, and only if their first bytes agree: GDAL would
otherwise open whatever it recognises, such as a virtual layer that points elsewhere. Archives and XML formats
are not read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from os import PathLike

_FIRST_BYTES = {
    ".geojson": b"{",
    ".json": b"{",
    ".gpkg": b"SQLite format 3\0",
    ".fgb": b"fgb",
    ".shp": b"\x00\x00\x27\x0a",
}
_PARQUET = (".parquet", ".geoparquet")
_SIDECARS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
SUFFIXES = (".csv", *_FIRST_BYTES, *_PARQUET)

_POSITION_COLUMNS = (("longitude", "latitude"), ("lon", "lat"), ("lng", "lat"), ("x", "y"))
_WKT_COLUMNS = ("wkt", "geometry", "geom", "the_geom")
_CODE = r"[+-]?0\d"  # digits with a leading zero are a code, not a number


def read_layer(path: str | PathLike[str], layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a layer as it stands: its own CRS, all rows, all columns.

    Parameters
    ----------
    path
        CSV with longitude/latitude, lon/lat, lng/lat, x/y or WKT columns (WGS-84), GeoJSON, GeoPackage,
        Shapefile, FlatGeobuf or GeoParquet.
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
    _check_file(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path)
    if suffix in _PARQUET:
        return _read_parquet(path)
    return _read_vector(path, layer)


def digest(path: str | PathLike[str]) -> str:
    """Return the SHA-256 of a file, for a Shapefile of all its parts one after the other, in hexadecimal."""
    path = Path(path)
    parts = [path]
    if path.suffix.lower() == ".shp":
        parts = [part for suffix in _SIDECARS if (part := path.with_suffix(suffix)).exists()]
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(part.read_bytes())
    return sha256.hexdigest()


def _fault(path: Path, message: str, row: int | None = None) -> InputError:
    return InputError(Fault(message, file=str(path), row=row))


def _check_file(path: Path) -> None:
    if not path.exists():
        raise _fault(path, "there is no such file")
    if not path.is_file():
        raise _fault(path, "is not a file")
    if path.suffix.lower() not in SUFFIXES:
        raise _fault(path, f"is of a format that is not read; read are {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as file:
            first = file.read(64)
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from None
    if not first.strip():
        raise _fault(path, "is an empty file")
    if (
        not first.removeprefix(b"\xef\xbb\xbf")
        .lstrip(b" \t\r\n")
        .startswith(_FIRST_BYTES.get(path.suffix.lower(), b""))
    ):
        raise _fault(path, f"is not what its suffix {path.suffix} says")


# --- GDAL ------------------------------------------------------------------------------------------------


def _read_vector(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    try:
        with warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always")
            layer = _choose_layer(path, layer)
            frame = pyogrio.read_dataframe(path, layer=layer)
    except (DataSourceError, DataLayerError, FeatureError, GeometryError, ValueError, RuntimeError) as error:
        raise _fault(path, f"cannot be read: {error}") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise _fault(path, "has no geometry")
    frame.attrs["remarks"] = tuple(dict.fromkeys(str(remark.message) for remark in remarks))
    return frame


def _choose_layer(path: Path, layer: str | None) -> str:
    names = [str(name) for name, _ in pyogrio.list_layers(path)]
    if layer is None and len(names) == 1:
        return names[0]
    if layer in names:
        return str(layer)
    which = "has several layers; say which" if layer is None else f"has no layer {layer!r}"
    raise _fault(path, f"{which}: {', '.join(names)}")


def _read_parquet(path: Path) -> gpd.GeoDataFrame:
    if find_spec("pyarrow") is None:
        raise _fault(path, "GeoParquet is read by pyarrow: pip install pyarrow")
    try:
        return gpd.read_parquet(path).reset_index(drop=True)
    except (ValueError, OSError) as error:
        raise _fault(path, f"cannot be read: {error}") from None


# --- CSV -------------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> gpd.GeoDataFrame:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _fault(path, "is not UTF-8 text; save it as UTF-8") from None
    table = _parse_csv(path, text)
    geometry = _csv_geometry(path, table)
    return gpd.GeoDataFrame(table, geometry=geometry, crs="EPSG:4326")


def read_table(path: str | PathLike[str]) -> pd.DataFrame:
    """Read a CSV table without positions, every value as text, missing ones as NaN.

    Raises
    ------
    InputError
        No such file, or no table.
    """
    path = Path(path)
    _check_file(path)
    try:
        return _parse_text(path, path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _fault(path, "is not UTF-8 text; save it as UTF-8") from None


def _parse_csv(path: Path, text: str) -> pd.DataFrame:
    table = _parse_text(path, text)
    return pd.DataFrame({name: _typed(column) for name, column in table.items()})


def _parse_text(path: Path, text: str) -> pd.DataFrame:
    header = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=header.count)
    names = next(csv.reader([header.rstrip("\r")], delimiter=separator))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _fault(path, f"has columns of the same name: {', '.join(map(repr, twice))}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise _fault(path, f"cannot be read: {str(error).strip()}") from None
    short = table.isna().any(axis=1).to_numpy()  # a field may be blank; these are not there at all
    if short.any():
        raise _fault(
            path, f"has {short.sum()} rows with fewer fields than the header", int(short.argmax()) + 1
        )
    return table.mask(table == "")


def _typed(column: pd.Series[str]) -> pd.Series[str] | pd.Series[float]:
    """Turn a column into numbers where all its values are numbers, and none a code such as 007."""
    try:
        numbers = pd.to_numeric(column)
    except ValueError:
        return column
    return column if column.isna().all() or column.str.match(_CODE).any() else numbers


def _csv_geometry(path: Path, table: pd.DataFrame) -> object:
    names = {str(name).strip().lower(): name for name in table.columns}
    for x, y in _POSITION_COLUMNS:
        if x in names and y in names:
            lon, lat = (pd.to_numeric(table[names[axis]], errors="coerce") for axis in (x, y))
            return gpd.points_from_xy(lon, lat)
    for name in _WKT_COLUMNS:
        if name in names:
            texts = table.pop(names[name])
            return shapely.from_wkt(
                texts.where(texts.notna(), None).to_numpy(dtype=object), on_invalid="ignore"
            )
    pairs = ", ".join("/".join(pair) for pair in _POSITION_COLUMNS)
    raise _fault(
        path, f"has no position columns ({pairs}) and no WKT column; there are {', '.join(table.columns)}"
    )
