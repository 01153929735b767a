"""Input that could be read, but hardly as it was meant."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
from shapely import Point, box

import chargeplan as cp
from chargeplan.errors import InputError
from chargeplan.io.layers import read_layer

SITES = gpd.GeoDataFrame({"id": ["s"]}, geometry=[Point(113, 28)], crs=4326)
ASKED = {"standards": [{"radius": "1 km"}], "objective": {"minimise": "cost"}}


def read(demand: gpd.GeoDataFrame) -> cp.Problem:
    """A problem of one site."""
    return cp.Problem(demand=demand, sites=SITES, **ASKED)


def test_a_column_in_capitals_is_named() -> None:
    """`Weight` is not `weight`: the weight is 1, and a warning says how to have the column read."""
    problem = read(gpd.GeoDataFrame({"Weight": [7.0]}, geometry=[Point(113, 28)], crs=4326))
    assert problem.standards[0].points.weight.tolist() == [1.0]
    (warning,) = problem.warnings
    assert "column 'Weight' is not read as weight" in warning


def test_a_polygon_across_the_180th_meridian_is_refused() -> None:
    """Drawn from 179 to -179 degrees, it would lie around the other side of the Earth."""
    with pytest.raises(InputError, match=r"row 1.*180th meridian"):
        read(gpd.GeoDataFrame(geometry=[box(-179, 0, 179, 1)], crs=4326))


def test_a_geocentric_crs_is_refused() -> None:
    """EPSG:4978 counts metres from the Earth's centre."""
    with pytest.raises(InputError, match="geocentric"):
        read(gpd.GeoDataFrame(geometry=[Point(113, 28)], crs=4978))


@pytest.mark.parametrize(
    "ids",
    [
        ["2024-01-05", "2024-01-06"],
        [1, "a"],
        ["007", "8"],
        ["2024-01-05T10:00:00", "x"],
        ["2024/01/05", "2024/01/06"],
    ],
)
def test_ids_in_geojson_stay_as_they_are_written(ids: list[object], tmp_path) -> None:
    """GDAL takes dates for dates; an id is a text."""
    features = [
        {
            "type": "Feature",
            "properties": {"id": name},
            "geometry": {"type": "Point", "coordinates": [113.0, 28.0 + place / 10]},
        }
        for place, name in enumerate(ids)
    ]
    path = tmp_path / "demand.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    assert read(read_layer(path)).standards[0].points.ids.tolist() == [str(name) for name in ids]


@pytest.mark.parametrize("gap", [1.0, 2.0, -0.1])
def test_a_gap_that_is_no_share_is_refused(gap: float) -> None:
    """A gap of 2 is 200 %, hardly what was meant."""
    problem = read(gpd.GeoDataFrame(geometry=[Point(113, 28)], crs=4326))
    with pytest.raises(InputError, match="below 1"):
        cp.solve(problem, gap=gap)
    with pytest.raises(InputError):
        problem.replace(solve={"gap": gap})


def test_demand_that_no_standard_is_about(region) -> None:
    """It is read and changes nothing, which somebody may not know."""
    region.write("homes.csv", "id,lon,lat\nh,113,28\n")
    layers = [*region.scenario().tables()["demand"], {"name": "homes", "file": "homes.csv"}]
    assert region.read(demand=layers).warnings == ("demand homes: no standard is about it",)
