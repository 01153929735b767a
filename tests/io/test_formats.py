"""Tables keep their content in every format, and the same tables give the same bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
from shapely import Point

from chargeplan.errors import InputError
from chargeplan.io.formats import FORMATS, encode


@pytest.fixture
def tables():
    """Two small tables, one with an empty cell and a name that is not ASCII."""
    frame = gpd.GeoDataFrame(
        {"id": ["a", "b", "c"], "cost": [1.5, 2.0, 0.25], "name": ["长沙", None, "Zhuzhou"]},
        geometry=[Point(112.9, 28.2), Point(113.1, 27.8), Point(112.95, 27.85)],
        crs="EPSG:4326",
    )
    return {"sites": frame, "demand": frame[["id", "geometry"]]}


def read_sites(file: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(file) if file.suffix == ".parquet" else gpd.read_file(file, layer="sites")


@pytest.mark.parametrize("fmt", FORMATS)
def test_tables_come_back(tables, fmt, tmp_path):
    """What was encoded is read back by geopandas: rows, columns, CRS and positions."""
    for name, content in encode(tables, "plan", fmt).items():
        (tmp_path / name).write_bytes(content)
    file = tmp_path / ("plan.gpkg" if fmt == "gpkg" else f"sites.{fmt}")
    back = read_sites(file).set_index("id").loc[["a", "b", "c"]]
    assert back.crs == "EPSG:4326"
    assert back["cost"].tolist() == [1.5, 2.0, 0.25]
    assert back["name"].isna().tolist() == [False, True, False]
    assert back.geometry.x.tolist() == [112.9, 113.1, 112.95]


@pytest.mark.parametrize("fmt", FORMATS)
def test_same_tables_same_bytes(tables, fmt):
    """Encoding twice gives the same files, byte by byte, without a trace of the clock."""
    assert encode(tables, "plan", fmt) == encode(tables, "plan", fmt)


def test_the_fixed_date_does_not_stay(tables):
    """GDAL's clock is its own again after a GeoPackage has been written."""
    encode(tables, "plan", "gpkg")
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_geopackage_holds_every_table(tables, tmp_path):
    """One GeoPackage has a layer for each table."""
    file = tmp_path / "plan.gpkg"
    file.write_bytes(encode(tables, "plan", "gpkg")["plan.gpkg"])
    assert {name for name, _ in pyogrio.list_layers(file)} == {"sites", "demand"}


def test_unknown_format_is_named(tables):
    """A format that is not offered is an input error that lists those that are."""
    with pytest.raises(InputError, match="'shp'; there are geojson, gpkg, fgb, parquet"):
        encode(tables, "plan", "shp")


def test_missing_pyarrow_names_the_extra(tables, monkeypatch):
    """Without pyarrow, GeoParquet says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"chargeplan\[parquet\]"):
        encode(tables, "plan", "parquet")
