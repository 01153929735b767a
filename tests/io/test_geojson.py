"""GeoJSON as RFC 7946 wants it."""

from __future__ import annotations

import json
import re
import subprocess
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from geojson_pydantic import FeatureCollection
from shapely import (
    GeometryCollection,
    LinearRing,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    box,
)

from chargeplan.errors import InputError
from chargeplan.io.geojson import feature_collection

HOLE = Polygon(box(0, 0, 4, 4).exterior, [box(1, 1, 2, 2).exterior])


def written(frame) -> dict:
    content = feature_collection(frame)
    FeatureCollection.model_validate_json(content)
    return json.loads(content)


def many_points(count: int) -> gpd.GeoDataFrame:
    random = np.random.default_rng(0)
    covered = random.random(count) < 0.5
    return gpd.GeoDataFrame(
        {
            "id": [f"demand-{number}" for number in range(count)],
            "weight": random.random(count) * 100,
            "standard": "urban",
            "radius_m": 1000.0,
            "covered": covered,
            "station": np.where(covered, "station", None),
            "distance_m": np.where(covered, random.random(count) * 1000, np.nan),
        },
        geometry=gpd.points_from_xy(random.uniform(112, 114, count), random.uniform(27, 29, count)),
        crs=4326,
    )


def test_features() -> None:
    """Ids stand at the top of features and among their properties; no `crs` member; one feature a line."""
    frame = gpd.GeoDataFrame(
        {"id": ["a", "b"], "cost": [1.50, 2.0], "n": [3, 4]},
        geometry=[Point(113, 28), Point(-0.0, 1e-9)],
        crs=4326,
    )
    assert feature_collection(frame).decode() == (
        '{"type":"FeatureCollection","features":[\n'
        '{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[113,28]},'
        '"properties":{"id":"a","cost":1.5,"n":3}},\n'
        '{"type":"Feature","id":"b","geometry":{"type":"Point","coordinates":[0,0]},'
        '"properties":{"id":"b","cost":2,"n":4}}\n'
        "]}\n"
    )
    assert list(written(frame)) == ["type", "features"]


def test_values() -> None:
    """Every kind of value becomes what JSON has for it, and what is missing becomes null."""
    frame = gpd.GeoDataFrame(
        {
            "text": ['湘江 "x" %s\\ \n', None],
            "number": [1e-9, np.nan],
            "big": [np.inf, 123456789.123456789],
            "whole": pd.array([1, None], dtype="Int64"),
            "flag": [True, False],
            "mixed": [1, "b"],
            "when": pd.to_datetime(["2024-05-01", None]),
            "numpy": np.array([np.float32(0.5), np.int16(7)], dtype=object),
        },
        geometry=[Point(0, 0), Point(1, 1)],
        crs=4326,
    )
    first, second = (feature["properties"] for feature in written(frame)["features"])
    assert first == {
        "text": '湘江 "x" %s\\ \n',
        "number": 0,
        "big": None,
        "whole": 1,
        "flag": True,
        "mixed": 1,
        "when": "2024-05-01 00:00:00",
        "numpy": 0.5,
    }
    assert second == {
        "text": None,
        "number": None,
        "big": 123456789.1234568,
        "whole": None,
        "flag": False,
        "mixed": "b",
        "when": None,
        "numpy": 7,
    }


def test_decimals() -> None:
    """No number has more than 7 decimals, an exponent, or trailing zeros."""
    text = feature_collection(many_points(500)).decode()
    assert re.search(r"\d\.\d{8}", text) is None
    assert re.search(r"\d\.\d*0[,}\]]", text) is None
    assert re.search(r"\d[eE][+-]?\d", text) is None


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "shape", [HOLE, MultiPolygon([HOLE, box(10, 10, 11, 11)]), GeometryCollection([HOLE, Point(1, 1)])]
)
def test_winding(shape, turned) -> None:
    """Outer rings run counter-clockwise and holes clockwise, however they were drawn."""
    frame = gpd.GeoDataFrame(geometry=[shape.reverse() if turned else shape], crs=4326)
    geometry = written(frame)["features"][0]["geometry"]
    parts = geometry["geometries"][:1] if "geometries" in geometry else [geometry]
    polygons = [
        part["coordinates"] if part["type"] == "MultiPolygon" else [part["coordinates"]] for part in parts
    ]
    for outer, *holes in polygons[0]:
        assert LinearRing(outer).is_ccw
        assert not any(LinearRing(hole).is_ccw for hole in holes)


@pytest.mark.parametrize(
    "shape",
    [
        Point(1.5, 2),
        MultiPoint([(1, 2), (3, 4)]),
        LineString([(1, 2), (3, 4.25)]),
        MultiLineString([[(1, 2), (3, 4)], [(5, 6), (7, 8)]]),
        HOLE,
        MultiPolygon([HOLE, box(10, 10, 11, 11)]),
        GeometryCollection([Point(1, 2), LineString([(1, 2), (3, 4)])]),
    ],
)
def test_shapes_are_read_back(tmp_path, shape) -> None:
    """geopandas reads back every kind of shape as it was, beside one of another kind and a missing one."""
    frame = gpd.GeoDataFrame({"id": ["x", "y", "z"]}, geometry=[shape, Point(0, 0), None], crs=4326)
    path = tmp_path / "shapes.geojson"
    path.write_bytes(feature_collection(frame))
    back = gpd.read_file(path)
    assert back.geometry[0].equals(shape)
    assert back.geometry[2] is None
    assert back["id"].tolist() == ["x", "y", "z"]
    assert back.crs == "EPSG:4326"


def test_rounding_keeps_polygons_whole() -> None:
    """A polygon with a spike thinner than a decimal stays valid; one that is only a spike becomes null."""
    spiky = Polygon([(0, 0), (1, 0), (1, 1), (0.50000002, 1), (0.50000001, 5), (0.5, 1), (0, 1)])
    sliver = Polygon([(0, 0), (1, 1e-9), (1, 2e-9)])
    features = written(gpd.GeoDataFrame(geometry=[spiky, sliver], crs=4326))["features"]
    assert Polygon(features[0]["geometry"]["coordinates"][0]).is_valid
    assert features[1]["geometry"] is None


def test_other_crs() -> None:
    """A table in metres is written in degrees; one without a CRS is refused."""
    frame = gpd.GeoDataFrame(geometry=[Point(113.25, 28.125, 60.0)], crs=4326).to_crs(32649)
    assert written(frame)["features"][0]["geometry"]["coordinates"] == [113.25, 28.125]
    with pytest.raises(InputError, match="without a CRS"):
        feature_collection(gpd.GeoDataFrame(geometry=[Point(0, 0)]))


def test_empty_table() -> None:
    """No rows are no features."""
    assert written(gpd.GeoDataFrame({"id": []}, geometry=[], crs=4326))["features"] == []


def test_same_table_same_bytes() -> None:
    """The same table gives the same bytes, and its index says nothing."""
    frame = many_points(200)
    assert feature_collection(frame) == feature_collection(frame.set_index(np.arange(200) + 5))


def test_forty_thousand_points() -> None:
    """A demand layer of a whole region is written in about a second of computing."""
    frame = many_points(40_000)
    start = time.process_time()
    content = feature_collection(frame)
    assert time.process_time() - start < 3.0
    assert content.count(b"\n") == 40_002


@pytest.mark.system("ogrinfo")
def test_ogrinfo_reads_it(tmp_path) -> None:
    """GDAL's own program finds the features, their ids and WGS-84."""
    path = tmp_path / "points.geojson"
    path.write_bytes(feature_collection(many_points(25)))
    done = subprocess.run(["ogrinfo", "-al", "-q", str(path)], capture_output=True, text=True, check=True)
    summary = subprocess.run(["ogrinfo", "-so", "-al", str(path)], capture_output=True, text=True, check=True)
    assert "Feature Count: 25" in summary.stdout
    assert "WGS 84" in summary.stdout
    assert "id (String) = demand-24" in done.stdout
    assert done.stderr == summary.stderr == ""
