"""Extracts of other countries: other quarters of the Earth, other writing, other traffic, less on the map."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

import chargeplan as cp
from chargeplan.cli import app
from chargeplan.prepare.nearest import nearest_on_lines
from chargeplan.prepare.osm.build import Request, build
from chargeplan.prepare.osm.corridors import corridor_pieces, entered
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.roads import read_roads
from chargeplan.prepare.polylines import Polylines, geodesic
from chargeplan.problem import Problem

STREET = {"highway": "residential"}
HOUSE = {"building": "house"}


def planned(osm, out):
    """Build by the command, and plan."""
    done = CliRunner().invoke(
        app, ["instances", "build", "--osm", str(osm), "-o", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return cp.solve(Problem.read(out / "scenario.toml"))


# --- places ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "corner", [(-70.66, -33.45), (174.7, -36.9), (-21.9, 64.1), (-0.002, -0.001), (179.998, -16.5)]
)
def test_a_town_is_planned_wherever_it_lies(town_at, tmp_path, corner):
    """South, west, far north, around zero, across the antimeridian: as large, served by two stations."""
    osm = town_at(corner=corner)
    plan = planned(osm, tmp_path / "out")
    assert plan.status == "optimal"
    assert (plan.stations["status"] == "selected").sum() == 2
    assert cp.audit(plan.problem, plan.stations).met
    built = build(Request(osm, "town"))
    east = 6_378_137.0 * np.cos(np.radians(corner[1])) * np.radians(0.001)  # metres in a step, roughly
    assert built.counts["road metres"] == pytest.approx(10 * 110.9 + 37 * east + 110.9, rel=0.01)
    assert built.counts["road metres apart"] == 0
    west, _, right, _ = built.roads.bounds.to_numpy().T
    assert (right - west < 0.1).all()


def test_roads_meet_across_the_antimeridian(write):
    """Ways that cross it, one of them at a node, are drawn on both sides, and are one road to drive."""
    nodes = {1: (-3, 0), 2: (4, 0), 3: (-3, 1), 4: (0, 1), 5: (4, 1)}
    ways = {1: ([1, 2], STREET), 2: ([3, 4], STREET), 3: ([4, 5], STREET), 4: ([2, 5], STREET)}
    roads = read_roads(Extract(write(nodes, ways, corner=(180.0, -17.0))))
    assert roads.strong_part(np.ones(len(roads.edge), dtype=bool)).all()
    assert roads.counts["crossings of the antimeridian"] == 2
    assert np.abs(roads.position[:, 0]).max() == 180.0
    assert roads.length.sum() == pytest.approx(2 * 7 * 106.46 + 110.65, rel=1e-3)


def test_the_nearest_road_may_lie_beyond_the_antimeridian():
    """A point 22 m east of it belongs to the road 11 m west of it, and its foot is there."""
    lines = Polylines.of(
        np.array(
            [
                shapely.LineString([(179.9999, -1.0), (179.9999, 1.0)]),
                shapely.LineString([(-179.99, -1.0), (-179.99, 1.0)]),
            ],
            dtype=object,
        )
    )
    points = np.array([[-179.9998, 0.5], [179.5, 0.0], [-179.991, 0.5]])
    line, share, foot = nearest_on_lines(points, lines)
    assert line.tolist() == [0, 0, 1]
    assert foot.round(6).tolist() == [[179.9999, 0.5], [179.9999, 0.0], [-179.99, 0.5]]
    assert share == pytest.approx([0.75, 0.5, 0.75], abs=1e-3)


def test_the_nearest_road_is_the_same_around_any_meridian():
    """Roads on both sides of 0 degrees turned by 180: for every place the same road, as far away."""
    rng = np.random.default_rng(11)
    begin = rng.uniform([-2.0, 50.0], [2.0, 53.0], (80, 2))
    end = begin + rng.normal(0.0, 0.2, (80, 2))
    end[:, 0] = np.copysign(end[:, 0], begin[:, 0])  # none crosses the meridian
    places = rng.uniform([-3.0, 40.0], [3.0, 65.0], (300, 2))
    found = []
    for turn in (0.0, 180.0):
        ends = np.stack([begin, end], axis=1) - np.sign(begin[:, None, :]) * [turn, 0.0]
        at = places - np.sign(places) * [turn, 0.0]
        line, _, foot = nearest_on_lines(at, Polylines.of(shapely.linestrings(ends)))
        found.append((line, geodesic(at, foot)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9, atol=1e-6)


def test_places_far_north_of_all_roads_find_the_nearest_one():
    """The plane of the search is made for the roads; places where its scale is quite wrong lose nothing."""
    rng = np.random.default_rng(12)
    begin = rng.uniform([5.0, 50.0], [25.0, 56.0], (60, 2))
    ends = np.stack([begin, begin + rng.normal(0.0, 0.5, (60, 2))], axis=1)
    lines = Polylines.of(shapely.linestrings(ends))
    places = rng.uniform([5.0, 45.0], [25.0, 75.0], (60, 2))
    _, _, foot = nearest_on_lines(places, lines)
    share = np.linspace(0.0, 1.0, 300)[:, None, None]
    along = (ends[:, 0] + share * (ends[:, 1] - ends[:, 0])).reshape(-1, 2)
    for place, away in zip(places, geodesic(places, foot).tolist(), strict=True):
        best = geodesic(np.broadcast_to(place, along.shape), along).min()
        assert away <= best * 1.02  # far away the foot is that of a flat Earth


# --- writing and traffic ---------------------------------------------------------------------------------


def test_names_in_any_writing_are_kept(write, tmp_path):
    """Arabic, Hebrew, Chinese names stay as they are; marks that turn writing round become visible."""
    nodes = {1: (0, 0), 2: (5, 0), 3: (1, 0.3), 4: (2, 0.3), 5: (3, 0.3)}
    nodes |= {10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2)}
    names = {3: "موقف السيارات", 4: "חניון מרכזי", 5: "停车场\u202ecsv"}
    tags = {number: {"amenity": "parking", "name": name} for number, name in names.items()}
    ways = {1: ([1, 2], {**STREET, "name": "شارع الملك"}), 2: ([10, 11, 12, 13, 10], HOUSE)}
    assert planned(write(nodes, ways, tags), tmp_path / "out").status == "optimal"
    sites = pd.read_csv(tmp_path / "out" / "sites.csv").set_index("id")["name"]
    assert sites["n3"] == names[3]
    assert sites["n4"] == names[4]
    assert "\u202e" not in sites["n5"]
    assert gpd.read_file(tmp_path / "out" / "roads.fgb")["name"].tolist() == ["شارع الملك"]


@pytest.mark.parametrize("left", [False, True])
def test_either_side_of_the_road_may_be_driven(write, left):
    """A motorway's carriageways swapped, its ways drawn against the traffic: the same corridor."""
    side = -1 if left else 1
    nodes = {11: (0, 0), 12: (49, 0), 14: (51, 0), 15: (100, 0), 50: (50, 0.1 * side), 51: (50, 9)}
    nodes |= {21: (0, 0.2 * side), 22: (49, 0.2 * side), 23: (51, 0.2 * side), 24: (100, 0.2 * side)}
    motorway, link = {"highway": "motorway", "ref": "M1"}, {"highway": "motorway_link", "oneway": "yes"}
    back = ([21, 22, 23, 24], {**motorway, "oneway": "-1"}) if left else ([24, 23, 22, 21], motorway)
    ways = {1: ([11, 12, 14, 15], motorway), 2: back, 3: ([50, 51], STREET)}
    ways |= {number: (pair, link) for number, pair in enumerate([[12, 50], [50, 14], [23, 50], [50, 22]], 4)}
    roads = read_roads(Extract(write(nodes, ways)))
    pieces = corridor_pieces(roads, np.ones(len(roads.edge), dtype=bool))
    assert (pieces["part"] == "carriageway").sum() == 6
    assert entered(pieces, np.array([[20.05, 10.0]])).all()


# --- less on the map -------------------------------------------------------------------------------------


def test_without_motorways_and_places_there_are_sites_at_the_kerb(write, tmp_path):
    """Streets and houses alone: every site is at the kerb, no corridor is asked for, the plan is whole."""
    nodes = {1: (0, 0), 2: (40, 0)}
    ways = {1: ([1, 2], STREET)}
    for at in range(4):
        first, east = 10 * (at + 1), 12 * at + 1
        corners = [(east, 1), (east + 0.2, 1), (east + 0.2, 1.2), (east, 1.2)]
        nodes |= {first + corner: place for corner, place in enumerate(corners)}
        ways[at + 2] = ([*range(first, first + 4), first], HOUSE)
    plan = planned(write(nodes, ways), tmp_path / "out")
    assert set(plan.problem.sites.kind) == {"kerb"}
    assert [standard.name for standard in plan.problem.standards] == ["near"]
    assert plan.status == "optimal"
    assert cp.audit(plan.problem, plan.stations).met


def test_ways_that_the_extract_cuts_are_counted(write):
    """A street that leaves the extract in the middle ends where it leaves; the README says how many do."""
    nodes = {1: (0, 0), 2: (5, 0), 4: (7, 0), 10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2)}
    ways = {1: ([1, 2, 3], STREET), 2: ([10, 11, 12, 13, 10], HOUSE), 3: ([2, 4], STREET)}
    built = build(Request(write(nodes, ways), "cut"))
    assert built.counts["ways cut"] == 1
    assert len(built.roads) == 2
