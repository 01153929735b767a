"""Layers as they stand, in every format that is read."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely import LineString, Point, Polygon

import chargeplan.io.layers
from chargeplan.errors import InputError
from chargeplan.io.files import digest
from chargeplan.io.layers import read_layer
from chargeplan.io.tables import read_table

POINTS = gpd.GeoDataFrame(
    {"id": ["a", "b"], "weight": [1.5, 2.0]}, geometry=[Point(113, 28), Point(114, 29)], crs="EPSG:4326"
)


def fault(path, layer=None) -> str:
    with pytest.raises(InputError) as error:
        read_layer(path, layer)
    assert all(fault.file == str(path) for fault in error.value.faults)
    return str(error.value)


@pytest.mark.parametrize(
    ("suffix", "driver"),
    [(".geojson", "GeoJSON"), (".gpkg", "GPKG"), (".fgb", "FlatGeobuf"), (".shp", "ESRI Shapefile")],
)
def test_formats(tmp_path, suffix, driver) -> None:
    """Every format gives the same rows, columns and positions."""
    path = tmp_path / f"points{suffix}"
    POINTS.to_file(path, driver=driver)
    frame = read_layer(path).sort_values("id", ignore_index=True)
    assert frame["weight"].tolist() == [1.5, 2.0]
    assert frame.geometry.to_list() == POINTS.geometry.to_list()
    assert frame.crs == POINTS.crs


def test_parquet(tmp_path) -> None:
    """GeoParquet is read where pyarrow is installed."""
    pytest.importorskip("pyarrow")
    POINTS.to_parquet(tmp_path / "points.parquet")
    assert read_layer(tmp_path / "points.parquet").equals(POINTS)


def test_parquet_without_pyarrow(tmp_path, monkeypatch) -> None:
    """Where pyarrow is missing, the message says what to install."""
    (tmp_path / "points.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(chargeplan.io.layers, "find_spec", lambda _: None)
    assert "pip install pyarrow" in fault(tmp_path / "points.parquet")


@pytest.mark.parametrize(
    "header", ["longitude,latitude", "lon,lat", "LNG,LAT", "x,y", "lon;lat", "lon\tlat", "\ufefflon,lat"]
)
def test_csv_positions(tmp_path, header) -> None:
    """Positions are found by the usual column names, whatever the separator or byte order mark."""
    path = tmp_path / "points.csv"
    row = "113.5,28.25".replace(",", "".join(set(header) & {";", "\t"}) or ",")
    path.write_bytes(f"{header}\r\n{row}\r\n".encode())
    frame = read_layer(path)
    assert frame.geometry.to_list() == [Point(113.5, 28.25)]
    assert frame.crs == "EPSG:4326"


def test_csv_well_known_text(tmp_path) -> None:
    """A WKT column is geometry; what cannot be parsed is missing geometry, to be told with its row later."""
    path = tmp_path / "areas.csv"
    path.write_text('name,WKT\na,"POLYGON ((0 0, 1 0, 1 1, 0 0))"\nb,POLYGON\nc,\n', encoding="utf-8")
    frame = read_layer(path)
    assert frame.geometry[0].equals(Polygon([(0, 0), (1, 0), (1, 1)]))
    assert frame.geometry.isna().tolist() == [False, True, True]
    assert "WKT" not in frame


def test_csv_types(tmp_path) -> None:
    """Columns of numbers are numbers; codes and mixed columns stay text; blanks are missing."""
    path = tmp_path / "points.csv"
    header = "lon,lat,code,count,share,mixed,blank,zip"
    path.write_text(f"{header}\n1,2,007,3,0.5,3,,78701\n1,2,010,4,,x,,78702\n", encoding="utf-8")
    frame = read_layer(path)
    assert frame["code"].tolist() == ["007", "010"]
    assert frame["count"].dtype == np.int64
    assert frame["share"].tolist()[0] == 0.5
    assert frame["share"].isna().tolist() == [False, True]
    assert frame["mixed"].tolist() == ["3", "x"]
    assert frame["blank"].isna().all()
    assert frame["zip"].dtype == np.int64


@pytest.mark.parametrize(
    "written",
    [
        ["1E5", "2"],
        ["1.50", "1.25"],
        ["1.10", "1.1"],
        ["1.0", "2.0"],
        ["3", "4.5"],
        ["+1", "2"],
        ["-0", "1"],
        ["inf", "1"],
        ["1_0", "2"],
        ["9007199254740993", None],
        ["18446744073709551615", "1"],
        ["1" * 5000, "1"],
    ],
)
def test_csv_ids_stay(tmp_path, written) -> None:
    """Values that a number would write otherwise stay text as they are written."""
    path = tmp_path / "points.csv"
    rows = "".join(f"1,2,{text or ''}\n" for text in written)
    path.write_text(f"lon,lat,id\n{rows}", encoding="utf-8")
    assert read_layer(path)["id"].tolist() == written


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"lon,lat,lon\n1,2,3\n", "columns of the same name: 'lon'"),
        (b"lon,lat,a\n1,2,3\n1,2\n", "row 2: has 2 fields where the header has 3"),
        (b"lon,lat\n1,2,3\n", "row 1: has 3 fields where the header has 2"),
        (b'lon,lat\n1,"2\n', "cannot be read"),
        (b"lon,lat,name\n1,2,\xb3\xa4\xc9\xb3\n", "is not UTF-8 text"),
        (b"a,b\n1,2\n", "no position columns"),
    ],
)
def test_csv_faults(tmp_path, content, message) -> None:
    """A damaged table is refused, and the message says where and why."""
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    assert message in fault(path)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".fgb", ".shp"])
def test_truncated_files(tmp_path, suffix) -> None:
    """A file that was cut off is never read in part."""
    path = tmp_path / f"points{suffix}"
    many = gpd.GeoDataFrame(
        {"id": range(2000)}, geometry=gpd.points_from_xy(range(2000), range(2000)), crs=3857
    )
    many.to_file(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cannot be read" in fault(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("points.geojson", b"<OGRVRTDataSource></OGRVRTDataSource>", "is not what its suffix"),
        ("points.geojson", b"{", "cannot be read"),
        ("points.geojson", b'{"a": 1}', "cannot be read"),
        ("points.gpkg", b"PK\x03\x04", "is not what its suffix"),
        ("points.zip", b"PK\x03\x04", "format that is not read"),
        ("points.kml", b"PK\x03\x04", "is not what its suffix"),
        ("points.kml", b"<gpx/>", "is XML of another kind"),
        ("points.kmz", b"PK\x03\x04", "format that is not read"),
        ("points.gml", b"<gml/>", "format that is not read"),
        ("points.vrt", b"<OGRVRTDataSource/>", "format that is not read"),
    ],
)
def test_other_formats_are_refused(tmp_path, name, content, message) -> None:
    """Only the formats we chose are opened, whatever GDAL would make of the content."""
    (tmp_path / name).write_bytes(content)
    assert message in fault(tmp_path / name)


@pytest.mark.parametrize("suffix", [".json", ".geojson"])
def test_pipelines_are_not_run(tmp_path, suffix) -> None:
    """JSON that tells GDAL to run a pipeline over another file is refused, and that file is not read."""
    POINTS.to_file(tmp_path / "secret.geojson")
    read = f"gdal vector pipeline ! read {tmp_path / 'secret.geojson'}"
    line = f"{read} ! write --output-format stream streamed_dataset"
    path = tmp_path / f"points{suffix}"
    path.write_text(json.dumps({"type": "gdal_streamed_alg", "command_line": line}), encoding="utf-8")
    assert "cannot be read" in fault(path)


@pytest.mark.parametrize("kind", ["json", "geojson"])
def test_other_json_is_refused(tmp_path, kind) -> None:
    """JSON of another kind than GeoJSON is refused, whichever driver knows it."""
    path = tmp_path / f"points.{kind}"
    arcs = {"type": "Topology", "objects": {"a": {"type": "Point", "coordinates": [1, 2]}}, "arcs": []}
    path.write_text(json.dumps(arcs), encoding="utf-8")
    assert "cannot be read" in fault(path)


@pytest.mark.parametrize(
    "crs",
    [
        '"crs": {"type": "link", "properties": {"href": "http://localhost:9/crs"}}',
        '"crs": {"type": "url", "properties": {"url": "http://localhost:9/crs"}}',
        '"CRS": {"Type": "LINK", "properties": {"href": "http://localhost:9/crs"}}',
        '"crs\\u0000": {"type": "link", "properties": {"href": "http://localhost:9/crs"}}',
        '"crs": {"type": "name", "type": "link", "properties": {"href": "http://localhost:9/crs"}}',
        '"crs": {"type": "link", "properties": {"href": "http://localhost:9/crs"}}, "crs": null',
        '"crs": {"properties": {"href": "http://localhost:9/crs"}}',
    ],
)
@pytest.mark.parametrize("where", ["collection", "geometry"])
def test_linked_crs_is_refused(tmp_path, crs, where) -> None:
    """A GeoJSON `crs` that is not a name is refused before GDAL could follow it, wherever it stands."""
    outer, inner = (f", {crs}" if where == place else "" for place in ("collection", "geometry"))
    point = f'{{"type": "Point", "coordinates": [1, 2]{inner}}}'
    row = f'{{"type": "Feature", "properties": {{}}, "geometry": {point}}}'
    path = tmp_path / "points.geojson"
    path.write_text(f'{{"type": "FeatureCollection"{outer}, "features": [{row}]}}', encoding="utf-8")
    assert "not given by name" in fault(path)


def test_named_crs_is_read(tmp_path) -> None:
    """A `crs` given by name still counts, and a column of that name is a column."""
    path = tmp_path / "points.geojson"
    POINTS.to_crs(3857).assign(crs="mine").to_file(path)
    assert read_layer(path).crs == "EPSG:3857"
    assert read_layer(path)["crs"].tolist() == ["mine", "mine"]


def test_nested_json_is_refused(tmp_path) -> None:
    """JSON nested beyond measure is bad input, not a crash."""
    path = tmp_path / "points.geojson"
    path.write_text('{"a": ' + "[" * 100_000, encoding="utf-8")
    assert "cannot be read" in fault(path)


@pytest.mark.parametrize("suffix", [".dbf", ".shx", ".prj"])
def test_shapefile_parts_outside(tmp_path, suffix) -> None:
    """A part of a Shapefile that is a link to another folder is refused, as the file itself would be."""
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / "points.shp"
    POINTS.to_file(path)
    part = path.with_suffix(suffix)
    part.rename(tmp_path / part.name)
    part.symlink_to(tmp_path / part.name)
    assert f"its part points{suffix} is a link out of its folder" in fault(path)


def test_shapefile_by_link(tmp_path) -> None:
    """A Shapefile whose parts are all links to one folder is read."""
    (tmp_path / "there").mkdir()
    POINTS.to_file(tmp_path / "there" / "points.shp")
    for part in (tmp_path / "there").iterdir():
        (tmp_path / part.name).symlink_to(part)
    assert len(read_layer(tmp_path / "points.shp")) == 2


def test_absent_files(tmp_path) -> None:
    """A missing file and a folder are named as such."""
    assert "there is no such file" in fault(tmp_path / "points.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is not a file" in fault(tmp_path / "folder.csv")


def test_layer_without_geometry(tmp_path) -> None:
    """A table without geometry is no layer."""
    path = tmp_path / "table.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), path, driver="GPKG")
    assert "has no geometry" in fault(path)


def test_damaged_parquet(tmp_path) -> None:
    """A GeoParquet file that is cut off is refused."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "points.parquet"
    POINTS.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read" in fault(path)


def test_parquet_with_bad_geometry(tmp_path) -> None:
    """A GeoParquet file whose geometry is no WKB is refused."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "points.parquet"
    POINTS.to_parquet(path, compression=None)
    wkb = POINTS.geometry.iloc[0].wkb
    path.write_bytes(path.read_bytes().replace(wkb, b"\x01\x63" + wkb[2:]))
    assert "cannot be read" in fault(path)


def test_long_names(tmp_path) -> None:
    """A name longer than the system allows is bad input, not a crash."""
    assert "cannot be read" in fault(tmp_path / f"{'a' * 300}.csv")


def test_mixed_column(tmp_path) -> None:
    """A GeoJSON column of numbers and text is read as it stands, without a remark."""
    path = tmp_path / "points.geojson"
    point = {"type": "Point", "coordinates": [1, 2]}
    rows = [{"type": "Feature", "properties": {"id": key}, "geometry": point} for key in (7, "007")]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    frame = read_layer(path)
    assert frame["id"].tolist() == ["7", "007"]
    assert frame.attrs["remarks"] == ()


@pytest.mark.parametrize("given", [[7, 9], [7, 7], ["a", "b"], [7, "b"]])
def test_ids_of_geojson_features(tmp_path, given) -> None:
    """RFC 7946 has the id beside the properties, as a number or text; a property of that name goes before."""
    path = tmp_path / "points.geojson"
    point = {"type": "Point", "coordinates": [1, 2]}
    rows = [{"type": "Feature", "id": key, "properties": {"n": 1}, "geometry": point} for key in given]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    assert read_layer(path)["id"].tolist() == given
    rows = [{**row, "properties": {"id": f"own {at}"}} for at, row in enumerate(rows)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    assert read_layer(path)["id"].tolist() == ["own 0", "own 1"]


def test_several_layers(tmp_path) -> None:
    """Of several layers one must be chosen, and it must be there."""
    path = tmp_path / "all.gpkg"
    POINTS.to_file(path, layer="points")
    gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=4326).to_file(path, layer="roads")
    assert len(read_layer(path, "points")) == 2
    assert "several layers; say which: points, roads" in fault(path)
    assert "no layer 'rails': points, roads" in fault(path, "rails")


def test_digest(tmp_path) -> None:
    """The digest is the file's SHA-256; a Shapefile's changes with any of its parts."""
    path = tmp_path / "points.csv"
    path.write_bytes(b"lon,lat\n1,2\n")
    assert digest(path) == hashlib.sha256(b"lon,lat\n1,2\n").hexdigest()
    POINTS.to_file(tmp_path / "points.shp")
    before = digest(tmp_path / "points.shp")
    (tmp_path / "points.prj").write_text("", encoding="ascii")
    assert digest(tmp_path / "points.shp") != before


def test_shapefile_in_capitals(tmp_path) -> None:
    """`POINTS.SHP` with its parts is a Shapefile like any other, and its digest is of all of them."""
    POINTS.to_file(tmp_path / "points.shp")
    small = digest(tmp_path / "points.shp")
    for part in list(tmp_path.iterdir()):
        part.rename(tmp_path / part.name.upper())
    assert len(read_layer(tmp_path / "POINTS.SHP")) == 2
    assert digest(tmp_path / "POINTS.SHP") == small


def test_shapefile_among_others(tmp_path) -> None:
    """What is called alike beside a Shapefile is none of its parts: other copies, and folders."""
    path = tmp_path / "points.shp"
    POINTS.to_file(path)
    (tmp_path / "points.old.dbf").write_bytes(b"x")
    (tmp_path / "points.gdb").mkdir()
    (tmp_path / "points.zip").symlink_to("/dev/null")
    assert len(read_layer(path)) == 2
    path.with_suffix(".dbf").unlink()
    assert "its part points.dbf is missing" in fault(path)


def test_geopackage_with_changes_beside_it(tmp_path) -> None:
    """What another program has not written into it yet is neither left out nor read unseen."""
    path = tmp_path / "points.gpkg"
    POINTS.to_file(path)
    (tmp_path / "points.gpkg-wal").write_bytes(b"")  # of a program that has only opened it
    assert len(read_layer(path)) == 2
    with closing(sqlite3.connect(path)) as editor:
        editor.execute("PRAGMA journal_mode = WAL")
        editor.execute("CREATE TABLE note (word TEXT)")
        editor.commit()
        assert "has changes that still lie in points.gpkg-wal" in fault(path)
    assert len(read_layer(path)) == 2


def test_tables_are_text(tmp_path) -> None:
    """A table without positions is read as text, so that ids stay what they are."""
    path = tmp_path / "distances.csv"
    path.write_text("demand,007\n1,2.50\n2,\n", encoding="utf-8")
    table = read_table(path)
    assert list(table.columns) == ["demand", "007"]
    assert table["007"].tolist() == ["2.50", None]
