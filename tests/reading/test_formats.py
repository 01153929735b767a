"""Every format that is read, with every kind of geometry, in any CRS and datum: the same places come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, box

from chargeplan.io.layers import read_layer
from chargeplan.prepare.datum import wgs84_to_gcj02
from chargeplan.prepare.features import LINES, POINTS, POLYGONS, Features, load, positions
from chargeplan.problem import Problem
from chargeplan.scenario import Scenario
from chargeplan.scenario.tables import DemandLayer

UTM = "EPSG:32649"  # metres, where these places are
SHAPES = {
    "points": [Point(112.9, 28.1), Point(113.0, 28.2)],
    "polygons": [box(112.9, 28.1, 112.92, 28.11), MultiPolygon([box(113, 28.2, 113.01, 28.21)])],
    "lines": [LineString([(112.9, 28.1), (113.0, 28.2)]), LineString([(113, 28.2), (113.1, 28.2)])],
}
KINDS = {"points": POINTS, "polygons": POLYGONS, "lines": LINES}


def by_gdal(**options: str) -> Callable[[gpd.GeoDataFrame, Path], None]:
    return lambda frame, path: frame.to_file(path, **options)


def as_wkt(frame: gpd.GeoDataFrame, path: Path) -> None:
    frame.assign(wkt=frame.geometry.to_wkt(rounding_precision=9)).drop(columns="geometry").to_csv(
        path, index=False
    )


def as_lon_lat(frame: gpd.GeoDataFrame, path: Path) -> None:
    table = frame.assign(lon=frame.geometry.x, lat=frame.geometry.y)
    table.drop(columns="geometry").to_csv(path, index=False)


# The file, how it is written, whether it says its CRS, and which kinds of geometry it holds.
FORMATS = {
    "GeoJSON": ("layer.geojson", by_gdal(driver="GeoJSON"), True, SHAPES),
    "GeoPackage": ("layer.gpkg", by_gdal(driver="GPKG"), True, SHAPES),
    "Shapefile": ("layer.shp", by_gdal(), True, SHAPES),
    "FlatGeobuf": ("layer.fgb", by_gdal(driver="FlatGeobuf"), True, SHAPES),
    "KML": ("layer.kml", by_gdal(driver="LIBKML"), None, SHAPES),  # always WGS-84
    "GeoParquet": ("layer.parquet", lambda frame, path: frame.to_parquet(path), True, SHAPES),
    "CSV with WKT": ("layer.csv", as_wkt, False, SHAPES),
    "CSV with lon and lat": ("layer.csv", as_lon_lat, False, ["points"]),
}
CASES = [(name, kind) for name, (*_, kinds) in FORMATS.items() for kind in kinds]


def layer_of(kind: str, shift: Callable[[np.ndarray], np.ndarray] | None = None) -> gpd.GeoDataFrame:
    shapes = np.array(SHAPES[kind], dtype=object)
    if shift is not None:
        shapes = shapely.transform(shapes, shift)
    return gpd.GeoDataFrame({"id": ["a", "b"], "weight": [1.5, 2.0]}, geometry=list(shapes), crs=4326)


def read(path: Path, kind: str, **keys: str) -> Features:
    layer = DemandLayer(name="layer", file=path.name, **keys)
    found = load(layer, "layer", lambda asked: read_layer(path, asked.layer), KINDS[kind])
    assert found.faults.found == []
    assert found.remarks == ()
    order = np.argsort(found.frame["id"].to_numpy(dtype=str))  # FlatGeobuf sorts by place
    return Features("layer", found.frame.iloc[order], found.rows, found.faults)


def assert_same_places(found: Features, kind: str) -> None:
    """To a centimetre; columns and weights as they were."""
    frame = found.frame
    assert frame.crs == "EPSG:4326"
    assert frame["id"].tolist() == ["a", "b"]
    assert frame["weight"].astype(float).tolist() == [1.5, 2.0]
    asked = shapely.normalize(shapely.segmentize(np.array(SHAPES[kind], dtype=object), 0.0005))
    got = shapely.normalize(shapely.segmentize(frame.geometry.to_numpy(), 0.0005))
    assert shapely.hausdorff_distance(asked, got).max() < 1e-6
    if kind != "lines":
        assert np.abs(positions(frame) - shapely.get_coordinates(shapely.centroid(asked))).max() < 0.01


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_formats(tmp_path, name, kind) -> None:
    """Points, polygons and lines come out as they were written."""
    file, write, _, _ = FORMATS[name]
    write(layer_of(kind), tmp_path / file)
    assert_same_places(read(tmp_path / file, kind), kind)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if FORMATS[case[0]][2] is not None])
def test_other_crs(tmp_path, name, kind) -> None:
    """A layer in metres comes out in degrees: by its own CRS, or by the one that the scenario states."""
    file, write, says_crs, _ = FORMATS[name]
    write(layer_of(kind).to_crs(UTM), tmp_path / file)
    keys = {} if says_crs else {"crs": UTM}
    assert_same_places(read(tmp_path / file, kind, **keys), kind)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_datum(tmp_path, name, kind) -> None:
    """A layer in GCJ-02 comes out on its real positions, corner by corner."""
    file, write, _, _ = FORMATS[name]
    write(layer_of(kind, wgs84_to_gcj02), tmp_path / file)
    found = read(tmp_path / file, kind, datum="gcj02")
    asked = shapely.get_coordinates(shapely.normalize(np.array(SHAPES[kind], dtype=object)))
    got = shapely.get_coordinates(shapely.normalize(found.frame.geometry.to_numpy()))
    assert np.abs(np.sort(asked, axis=0) - np.sort(got, axis=0)).max() < 2e-7


@pytest.mark.parametrize("name", FORMATS)
def test_as_demand(tmp_path, name) -> None:
    """Points and polygons of every format are demand, of the weight that they had."""
    file, write, _, kinds = FORMATS[name]
    for kind in set(kinds) - {"lines"}:
        write(layer_of(kind), tmp_path / file)
        (tmp_path / "sites.csv").write_text("lon,lat\n113,28.2\n", encoding="utf-8")
        tables = {
            "schema": 1,
            "name": "town",
            "demand": [{"name": "people", "file": file}],
            "sites": [{"name": "places", "file": "sites.csv"}],
            "standards": [{"name": "near", "demand": "people", "radius": "1 km"}],
            "objective": {"minimise": "cost"},
        }
        (standard,) = Problem.read(Scenario.parse(tables, tmp_path)).standards
        assert sorted(standard.points.weight) == [1.5, 2.0]
        assert sorted(standard.points.ids) == ["a", "b"]


KML = """\
<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>places</name>
<Placemark id="one"><name>Mall</name><ExtendedData><Data name="weight"><value>7</value></Data></ExtendedData>
<Point><coordinates>112.9,28.1,0</coordinates></Point></Placemark>
<Placemark {}><name>Park</name><ExtendedData><Data name="weight"><value>8</value></Data></ExtendedData>
<Point><coordinates>113,28.2,0</coordinates></Point></Placemark>
</Document></kml>
"""


@pytest.mark.parametrize(("second", "ids"), [('id="two"', ["one", "two"]), ("", None)])
def test_placemarks(tmp_path, second, ids) -> None:
    """Of KML the data, the names, and ids where all placemarks have one; nothing of how they are shown."""
    path = tmp_path / "places.kml"
    path.write_text(KML.format(second), encoding="utf-8")
    frame = read_layer(path)
    assert frame["Name"].tolist() == ["Mall", "Park"]
    assert frame["weight"].astype(float).tolist() == [7, 8]
    assert (frame["id"].tolist() if "id" in frame else None) == ids
    assert set(frame.columns) == {"Name", "weight", "geometry"} | ({"id"} if ids else set())
