"""The longest stretch between the stations of a corridor, on roads that can be drawn on a napkin."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

import chargeplan as cp
from chargeplan.audit import audit

SCENARIO = """\
schema = 1
name = "napkin"
sites = [{{ name = "sites", file = "sites.geojson" }}]
objective = {{ minimise = "stations" }}
standards = [{{ name = "intercity", corridor = "roads", radius = "{radius}", where = "{where}" }}]

[[corridors]]
name = "roads"
file = "roads.geojson"
length_factor = {factor}
interchange = "{interchange}"
"""

ROAD = [((0, 0), (10, 0), "A1"), ((10, 0), (30, 0), "A1"), ((30, 0), (60, 0), "A1")]
RING = [((0, 0), (20, 0), "R"), ((20, 0), (20, 20), "R"), ((20, 20), (0, 20), "R"), ((0, 20), (0, 0), "R")]


@pytest.fixture
def gaps(tmp_path, place, layer):
    """Gaps of a corridor of straight pieces, with stations everywhere; places are given in km."""

    def measure(pieces, stations, *, radius="50 km", interchange="nodes", where="1 = 1", factor=1.0):
        def at(km):
            return place(1000.0 * km[0], 1000.0 * km[1])

        columns = {"ref": [ref for *_, ref in pieces], "number": np.arange(len(pieces))}
        lines = [shapely.LineString([at(a), at(b)]) for a, b, _ in pieces]
        gpd.GeoDataFrame(columns, geometry=lines, crs=4326).to_file(tmp_path / "roads.geojson")
        layer([at(km) for km in stations]).to_file(tmp_path / "sites.geojson")
        text = SCENARIO.format(radius=radius, interchange=interchange, where=where, factor=factor)
        (tmp_path / "scenario.toml").write_text(text)
        (standard,) = audit(cp.load(tmp_path), np.ones(len(stations), bool)).standards
        return standard

    return measure


def test_the_longest_stretch_lies_between_neighbours(gaps):
    """Stations at 10, 30 and 60 km of a road of 60 km: 10 to the first, then 20, then 30."""
    standard = gaps(ROAD, [(10, 0), (30, 0), (60, 0)])
    (gap,) = standard.gaps
    assert (gap.ref, gap.stations) == ("A1", 3)
    assert gap.length_m == pytest.approx(60_000, rel=1e-4)
    assert gap.gap_m == pytest.approx(30_000, rel=1e-4)
    assert standard.max_distance_m == pytest.approx(15_000, abs=500)  # demand points are up to 1 km apart


def test_an_end_counts_its_own_stretch_once(gaps):
    """One station at 10 km: from there to the far end it is 50 km."""
    (gap,) = gaps(ROAD, [(10, 0)]).gaps
    assert gap.gap_m == pytest.approx(50_000, rel=1e-4)


def test_a_ring_is_driven_all_around(gaps):
    """One station on a ring of 80 km is 80 km from itself; with another opposite it is 40 km."""
    assert gaps(RING, [(0, 0)]).gaps[0].gap_m == pytest.approx(80_000, rel=1e-3)
    assert gaps(RING, [(0, 0), (20, 20)]).gaps[0].gap_m == pytest.approx(40_000, rel=1e-3)


def test_legs_lengthen_the_stretch(gaps):
    """The station at 60 km lies 3 km off the road, and roads are a tenth longer than lines."""
    (gap,) = gaps(ROAD, [(0, 0), (30, 0), (60, 3)], factor=1.1).gaps
    assert gap.gap_m == pytest.approx(1.1 * 33_000, rel=1e-3)


def test_a_station_far_off_the_road_does_not_shorten_it(gaps):
    """A station 40 km away from the middle of the road is no stop between 0 and 60 km."""
    (gap,) = gaps(ROAD, [(0, 0), (30, 40), (60, 0)]).gaps
    assert gap.gap_m == pytest.approx(60_000, rel=1e-3)


def test_a_station_beyond_the_radius_is_left_out(gaps):
    """A leg of 40 km is too long where the radius is 39 km: the road has no station."""
    (gap,) = gaps(ROAD, [(30, 40)], radius="39 km").gaps
    assert (gap.stations, gap.gap_m) == (0, None)


def test_a_station_may_enter_along_a_piece(gaps):
    """With interchange anywhere, stations at 45 km and 12 km split the road into 12, 33 and 15 km."""
    (gap,) = gaps(ROAD, [(12, 0), (45, 0)], interchange="anywhere").gaps
    assert gap.stations == 2
    assert gap.gap_m == pytest.approx(33_000, rel=1e-3)


def test_every_road_is_measured_by_itself(gaps):
    """B2 branches off A1 where a station stands, and has none of its own at its end 25 km away."""
    standard = gaps([*ROAD, ((10, 0), (10, 25), "B2")], [(10, 0), (60, 0)])
    assert [gap.ref for gap in standard.gaps] == ["A1", "B2"]
    assert standard.gaps[1].gap_m == pytest.approx(25_000, rel=1e-3)
    assert standard.longest_gap_m == pytest.approx(50_000, rel=1e-3)


def test_only_what_must_be_served_is_measured(gaps):
    """The first 30 km of 60 are asked for: where that ends, the station at 10 km is 20 km away."""
    (gap,) = gaps(ROAD, [(10, 0), (60, 0)], where="number < 2").gaps
    assert gap.length_m == pytest.approx(30_000, rel=1e-3)
    assert gap.gap_m == pytest.approx(20_000, rel=1e-3)


def test_a_road_without_a_station_has_no_figure(gaps):
    """C3 is another road, and no station enters it: no longest gap is claimed for the corridor."""
    standard = gaps([*ROAD, ((0, 30), (30, 30), "C3")], [(10, 0)], radius="20 km")
    assert standard.gaps[1].gap_m is None
    assert standard.longest_gap_m is None
