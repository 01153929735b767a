"""Tables as files of other formats than GeoJSON, as bytes: GeoPackage, FlatGeobuf, GeoParquet."""

from __future__ import annotations

import importlib.util
import io
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd

FORMATS = ("gpkg", "fgb", "parquet")


def encode(tables: Mapping[str, gpd.GeoDataFrame], name: str, fmt: str) -> dict[str, bytes]:
    """Encode tables in one format; the same tables give the same bytes.

    Parameters
    ----------
    tables
        By layer name.
    name
        Of the file, for formats that hold all tables in one.
    fmt
        ``"gpkg"`` (one file, a layer per table), ``"fgb"`` or ``"parquet"`` (a file per table).

    Returns
    -------
    dict of str to bytes
        Contents by file name.

    Raises
    ------
    InputError
        The format is not one of these, or it needs a library that is not installed.
    """
    if fmt == "parquet":
        return {f"{layer}.parquet": _geoparquet(table) for layer, table in tables.items()}
    if fmt == "gpkg":
        return {f"{name}.gpkg": _by_gdal(tables, "GPKG")}
    if fmt == "fgb":
        return {f"{layer}.fgb": _by_gdal({layer: table}, "FlatGeobuf") for layer, table in tables.items()}
    raise InputError(f"there is no format {fmt!r}; there are geojson, {', '.join(FORMATS)}")


def _by_gdal(tables: Mapping[str, gpd.GeoDataFrame], driver: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder, _fixed_date():
        file = Path(folder) / ("tables.gpkg" if driver == "GPKG" else "table.fgb")
        for layer, table in tables.items():
            table.to_file(file, layer=layer, driver=driver, engine="pyogrio")
        return file.read_bytes()


@contextmanager
def _fixed_date() -> Iterator[None]:
    """Let GDAL stamp files with a fixed date, so that equal tables make equal files."""
    import pyogrio  # noqa: PLC0415 - GDAL loads when it is needed

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _geoparquet(table: gpd.GeoDataFrame) -> bytes:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("GeoParquet needs pyarrow: pip install 'chargeplan[parquet]'")
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()
