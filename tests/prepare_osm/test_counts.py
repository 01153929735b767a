"""Whatever a build leaves out is counted, and said on stderr and in the README."""

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio import Affine
from typer.testing import CliRunner

from chargeplan.cli import app
from chargeplan.errors import InputError
from chargeplan.prepare import people_raster
from chargeplan.prepare.osm.build import Request, build

STREET = {"highway": "residential"}


def left_out(counts):
    """People that are no demand, wherever they were left out."""
    words = ("demand outside", "demand far from roads", "demand without sites")
    return counts["people outside"] + sum(counts[f"{word}, weight"] for word in words)


@pytest.fixture
def raster(tmp_path):
    """Write a raster of people around the town, and further: cells of 0.002 degrees or 200 m."""

    def write(people, crs="EPSG:4326", west=19.99, north=10.02, cell=0.002, **options):
        path = tmp_path / "people.tif"
        profile = {"height": people.shape[0], "width": people.shape[1], "count": 1, "dtype": "float32"}
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            crs=crs,
            transform=Affine(cell, 0, west, 0, -cell, north),
            **profile | options,
        ) as file:
            file.write(people.astype(np.float32), 1)
        return path

    return write


@pytest.fixture
def area(tmp_path):
    """The town without the farm."""
    path = tmp_path / "area.geojson"
    gpd.GeoDataFrame(geometry=[shapely.box(19.995, 9.995, 20.0071, 10.0071)], crs=4326).to_file(path)
    return path


# --- people of a raster ----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_area", [False, True])
def test_everybody_of_a_raster_is_demand_or_counted(town, raster, area, with_area, monkeypatch):
    """People far outside, outside the area and far from roads, and demand, are all the people there are."""
    monkeypatch.setattr(people_raster, "_TILE", 16)  # some tiles lie outside as a whole
    rng = np.random.default_rng(3)
    people = rng.integers(0, 50, (120, 150))
    people[3, 4] = 1_000_000
    path = raster(np.where(people == 7, -99, people), nodata=-99)
    counted = people[people != 7].sum()
    built = build(Request(town, "town", population=path, area=area if with_area else None))
    assert built.counts["people"] == counted
    assert built.demand["weight"].sum() + left_out(built.counts) == counted
    assert built.counts["people outside"] > 0
    assert built.counts["demand far from roads"] > 0
    assert (built.counts["demand outside"] > 0) == with_area
    assert built.counts["cells without data"] == (people == 7).sum()
    assert built.unit == "people"


def test_people_of_a_raster_in_metres_are_conserved_to_one(town, raster):
    """Fractions of people in a raster of another CRS: the total holds to one person."""
    rng = np.random.default_rng(4)
    people = rng.exponential(3.0, (60, 60)).astype(np.float32)
    path = raster(people, crs="EPSG:32634", west=385_000.0, north=1_112_000.0, cell=200.0)
    built = build(Request(town, "town", population=path))
    assert len(built.demand) > 5
    total = people.sum(dtype=np.float64)
    assert built.counts["people"] == pytest.approx(total, abs=0.5)
    assert built.demand["weight"].sum() + left_out(built.counts) == pytest.approx(total, abs=1.0)


def test_the_readme_and_stderr_say_who_was_left_out(town, raster, area, tmp_path):
    """The command says on stderr what the README says too."""
    people = np.full((120, 150), 2)
    options = ["--population", raster(people), "--area", area, "-o", tmp_path / "out"]
    done = CliRunner().invoke(app, ["instances", "build", "--osm", *map(str, [town, *options])])
    assert done.exit_code == 0, done.output
    text = " ".join((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split())
    said = " ".join(done.stderr.split())
    for words in ("Population: 36,000 people in all", "people are left out", "they lie outside the area"):
        assert words in text
        assert words in said


def test_without_rasterio_the_extra_is_named(town, raster, monkeypatch):
    """Where rasterio is not installed the message says what to install, before the extract is read."""
    monkeypatch.setattr(people_raster, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'chargeplan\[raster\]'"):
        build(Request(town, "town", population=raster(np.ones((4, 4)))))


@pytest.mark.parametrize(
    ("content", "column", "says"),
    [
        (b"II*\0", None, "cannot be read"),
        (b"no raster", None, "people.tif"),
        (None, None, "there is no such file"),
        (b"II*\0", "people", "is a raster and has no column 'people'"),
    ],
)
def test_what_is_no_raster_is_refused(town, tmp_path, content, column, says):
    """A damaged raster, another file of that name, none, and a column of a raster are one error each."""
    path = tmp_path / "people.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        build(Request(town, "town", population=path, people=column))


def test_nobody_of_a_raster_lives_near_the_roads(town, raster):
    """A raster of another place leaves nobody."""
    with pytest.raises(InputError, match="nobody lives there"):
        build(Request(town, "town", population=raster(np.ones((5, 5)), west=80.0, north=-20.0)))


# --- sites, stations, roads ------------------------------------------------------------------------------


@pytest.fixture
def county(write):
    """A street with a house, a car park and a private one, a station of many tags, and three others."""
    nodes = {
        1: (0, 0),
        2: (30, 0),
        3: (1, 0.1),
        4: (2, 0.1),
        5: (2, 0.2),
        6: (3, 0.1),
        7: (29, 0.1),
        8: (5, 20),
    }
    nodes |= {10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2), 14: (3, 5), 15: (4, 5)}
    volt = {
        "amenity": "charging_station",
        "name": "Volt",
        "operator": "Strom AG",
        "opening_hours": "24/7",
        "access": "customers",
        "capacity": "3",
        "socket:type2": "2",
        "socket:type2:output": "22 kW",
        "socket:chademo": "some",
        "id": "X1",
    }
    tags = {
        3: {"amenity": "parking"},
        4: {"amenity": "parking", "access": "private"},
        5: volt,
        6: {"amenity": "charging_station", "access": "private"},
        7: {"amenity": "charging_station"},
        8: {"amenity": "charging_station"},
    }
    ways = {
        1: ([1, 2], STREET),
        2: ([10, 11, 12, 13, 10], {"building": "house"}),
        3: ([14, 15], {**STREET, "access": "private"}),
        4: ([14, 15], {"highway": "service", "service": "driveway"}),
        5: ([14, 15], STREET),
    }
    return write(nodes, ways, tags)


def test_sites_stations_and_roads_left_out_are_counted(county, tmp_path):
    """What is private, outside the area, far from roads or apart from the other roads is counted."""
    area = tmp_path / "area.geojson"
    gpd.GeoDataFrame(geometry=[shapely.box(19.9, 9.9, 20.02, 10.1)], crs=4326).to_file(area)
    built = build(Request(county, "county", area=area))
    counts = built.counts
    assert counts["sites for some only"] == 1
    assert counts["stations for some only"] == 1
    assert counts["stations outside"] == 1
    assert counts["stations far from roads"] == 1
    assert counts["ways for some only"] == 1
    assert counts["yards and drives"] == 1
    assert counts["road metres apart"] == pytest.approx(109.6, abs=1)
    assert built.stations["id"].tolist() == ["osm-n5", "osm-n8"]


def test_one_thing_is_said_to_be_one(county, tmp_path):
    """Where a single thing is left out, the sentence is about one: 1 way is, 2 ways are."""
    area, out = tmp_path / "area.geojson", tmp_path / "out"
    gpd.GeoDataFrame(geometry=[shapely.box(19.9, 9.9, 20.02, 10.1)], crs=4326).to_file(area)
    asked = ["instances", "build", "--osm", str(county), "--area", str(area), "-o", str(out)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    readme = " ".join((out / "README.md").read_text(encoding="utf-8").split())
    for said in (readme, " ".join(done.stderr.split())):
        for words in (
            "1 way is left out as not for everybody's car, and 1 as a driveway, parking aisle or the like.",
            "1 car park or other site is left out: it is not for everybody (`access`).",
            "1 station is left out: it lies outside the area.",
            "1 station is farther than 500 m from any road; it is kept.",
            "Homes: 1 building, and 0 squares of",
        ):
            assert words in said
        assert re.findall(r"(?<![\d,.])1 (?:\w+ ){0,5}are\b", said) == []
    assert re.search(r"^Demand    1 point, ", done.stdout, re.MULTILINE)


def test_stations_keep_what_their_tags_say(county, tmp_path):
    """Operator, access, hours, sockets and kW are in the table; what cannot be read is said."""
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["instances", "build", "--osm", str(county), "-o", str(out)])
    assert done.exit_code == 0, done.output
    volt = pd.read_csv(out / "stations.csv").set_index("id").loc["osm-n5"]
    assert volt[["name", "operator", "access", "hours"]].tolist() == ["Volt", "Strom AG", "customers", "24/7"]
    assert bool(volt["always_open"])
    assert (volt["ports"], volt["max_kw"]) == (3, 22)
    assert set(volt["connectors"].split(";")) == {"type2", "chademo"}
    text = " ".join((out / "README.md").read_text(encoding="utf-8").split())
    for said in (text, " ".join(done.stderr.split())):
        assert "umbers of sockets that cannot be read and count as not stated: 1, such as" in said
        assert "besides 1 of access=no, private or the like" in said
