"""The audit of small networks whose figures can be read off the picture.

::

    a ------- b ---.--- c ------- d        demand every 1,000 m, weights 1 2 3 4
    s0            s1             s2        sites at 0, 1,500 and 3,000 m
"""

from __future__ import annotations

import time

import geopandas as gpd
import numpy as np
import pytest
import shapely

import chargeplan as cp
from chargeplan.audit import audit
from chargeplan.audit.geodesic import metres


def only(problem, stations):
    (standard,) = audit(problem, stations).standards
    return standard


def test_the_middle_station_serves_the_two_points_beside_it(street):
    """s1 is 500 m from b and c: weight 5 of 10; the farthest points, a and d, are 1,500 m away."""
    standard = only(street(), np.array([False, True, False]))
    assert standard.covered.tolist() == [False, True, True, False]
    assert (standard.weight, standard.weight_covered, standard.share) == (10.0, 5.0, 0.5)
    assert not standard.met
    assert standard.max_distance_m == pytest.approx(1500.0, abs=0.01)
    assert standard.farthest in ("a", "d")
    assert standard.station.tolist() == [0, 0, 0, 0]


def test_all_stations_serve_everybody(street):
    """With s0, s1 and s2 nobody is farther than 500 m."""
    report = audit(street(), np.ones(3, bool))
    (standard,) = report.standards
    assert report.met
    assert report.stations == 3
    assert standard.max_distance_m == pytest.approx(500.0, abs=0.01)
    assert standard.station.tolist() == [0, 1, 1, 2]


def test_strict_leaves_out_a_point_exactly_on_the_radius(street):
    """The radius is b's own distance to s1: within it, but not nearer."""
    problem = street()
    b, s1 = problem.standards[0].points.positions[1], problem.sites.positions[1]
    radius = float(metres(b[np.newaxis], s1[np.newaxis])[0])
    opened = np.array([True, True, True])
    assert only(street(radius=radius), opened).covered[1]
    assert not only(street(radius=radius, strict=True), opened).covered[1]


@pytest.mark.parametrize(("share", "met"), [(0.5, True), (0.5 + 1e-11, False), (0.4, True), (0.6, False)])
def test_a_share_is_met_exactly_or_not(street, share, met):
    """Weight 5 of 10 is a half; only what rounding does to weights, 1e-12, is forgiven, and nothing more."""
    assert only(street(share=share), np.array([False, True, False])).met is met


def test_a_share_of_nine_tenths_is_met_by_nine_of_ten():
    """0.9 as a binary number is a little more than nine tenths; what is asked for is nine tenths."""
    positions = np.array([[113.0 + 0.0001 * k, 28.0] for k in range(9)] + [[114.0, 28.0]])
    demand = gpd.GeoDataFrame(geometry=shapely.points(positions), crs=4326)
    problem = cp.Problem(
        demand=demand, sites=demand.iloc[:1], standards=[{"radius": "1 km", "share": 0.9}],
        objective={"minimise": "stations"},
    )  # fmt: skip
    assert only(problem, np.array([True])).met


def test_a_share_of_one_asks_for_points_without_weight_too(layer, place):
    """A place of weight 0 that is not served is no part of the weight, but the promise is to every place."""
    demand = layer([place(0.0), place(9000.0)], weight=[1.0, 0.0])
    sites = layer([place(0.0)])
    problem = cp.Problem(
        demand=demand, sites=sites, standards=[{"radius": "1 km"}], objective={"minimise": "cost"}
    )
    standard = only(problem, np.array([True]))
    assert standard.share == 1.0
    assert not standard.met


def test_backup_counts_the_second_nearest_station(street):
    """Two stations within 1,600 m: a has s0 and s1, and its second is 1,500 m away."""
    standard = only(street(radius="1.6 km", stations=2), np.array([True, True, False]))
    assert standard.backup_distance_m[0] == pytest.approx(1500.0, abs=0.01)
    assert standard.covered.tolist() == [True, True, False, False]
    assert standard.max_distance_m == pytest.approx(3000.0, abs=0.01)


def test_too_few_stations_give_no_distance(street):
    """One station where two are asked for: everybody misses one, and the first point is named."""
    standard = only(street(stations=2), np.array([True, False, False]))
    assert standard.max_distance_m is None
    assert (standard.farthest, standard.unreached) == ("a", 4)
    assert standard.distance_m[0] == 0.0


def test_no_station_serves_nobody(street):
    """Without any station the report says so and fails no standard silently."""
    report = audit(street(), np.zeros(3, bool))
    assert not report.met
    assert report.standards[0].station.tolist() == [-1] * 4
    assert report.standards[0].share == 0.0


def test_an_aim_that_is_missed_fails_nothing(street):
    """A standard that is not required is measured, but the report is good without it."""
    problem = street(required=False, objective={"maximise": "weight", "stations": 1})
    report = audit(problem, np.zeros(3, bool))
    assert report.met
    assert not report.standards[0].met


def test_a_table_measures_the_sites_it_knows(street, tmp_path):
    """By the user's table s2 is near a, not s0; a pair without an entry is out of reach."""
    table = tmp_path / "table.csv"
    table.write_text("demand,site,distance\na,s2,10\na,s0,900\nb,s0,0\nc,s2,700\n")
    problem = street(metric="matrix", matrix=str(table))
    standard = only(problem, np.array([True, False, True]))
    assert standard.covered.tolist() == [True, True, False, False]
    assert standard.station.tolist() == [1, 0, 1, -1]
    assert standard.max_distance_m is None
    assert standard.farthest == "d"


def test_a_table_has_no_distance_to_a_foreign_station(street, tmp_path, layer, place):
    """A station that is none of the scenario's sites is refused where a table measures."""
    table = tmp_path / "table.csv"
    table.write_text("demand,site,distance\na,s2,10\n")
    problem = street(metric="matrix", matrix=str(table))
    with pytest.raises(cp.InputError, match="'elsewhere'"):
        audit(problem, layer([place(0.0)], id=["elsewhere"]))


def test_the_report_is_plain_values_for_json(street):
    """What goes into plan.json holds no NumPy."""
    figures = only(street(), np.array([False, True, False])).to_dict()
    assert {type(value) for value in figures.values()} <= {int, float, bool, str}


@pytest.mark.slow
def test_a_city_is_audited_in_about_a_second():
    """20,000 demand points, 4,000 sites, 400 of them open."""
    rng = np.random.default_rng(0)
    positions = rng.uniform((112.7, 27.9), (113.2, 28.4), (24_000, 2))
    layers = [
        gpd.GeoDataFrame(geometry=shapely.points(part), crs=4326) for part in np.split(positions, [20_000])
    ]
    problem = cp.Problem(
        demand=layers[0], sites=layers[1], standards=[{"radius": "1 km"}], objective={"minimise": "cost"}
    )
    began = time.perf_counter()
    audit(problem, np.arange(4000) < 400)
    assert time.perf_counter() - began < 5.0
