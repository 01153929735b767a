"""Shifted datums: exact inverses over all China, nothing moved elsewhere, and a word of warning."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from chargeplan.prepare.datum import (
    bd09_to_wgs84,
    gcj02_to_wgs84,
    in_china,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from chargeplan.prepare.polylines import Polylines
from chargeplan.prepare.shifted import looks_shifted

GEOD = Geod(ellps="WGS84")
BOTH = [(wgs84_to_gcj02, gcj02_to_wgs84), (wgs84_to_bd09, bd09_to_wgs84)]
WEST, SOUTH, EAST, NORTH = 73.4, 3.3, 135.2, 53.7  # China with its seas


def apart(one, other):
    return GEOD.inv(*np.transpose(one), *np.transpose(other))[2].max()


@pytest.mark.parametrize(("there", "back"), BOTH)
def test_round_trips_over_all_china(there, back):
    """Every fifth of a degree, and densely where the formula has a corner (105 E) or changes sign (35 N)."""
    lon, lat = np.arange(WEST, EAST, 0.2), np.arange(SOUTH, NORTH, 0.2)
    grid = np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)
    corner = 105.0 + np.concatenate([[0.0], np.logspace(-14, -2, 60), -np.logspace(-14, -2, 60)])
    lines = [
        np.stack(np.meshgrid(corner, lat), axis=-1).reshape(-1, 2),
        np.column_stack([lon, np.full(len(lon), 35.0)]),
    ]
    places = np.vstack([grid, *lines])
    assert apart(back(there(places)), places) < 1e-5  # a hundredth of a millimetre
    assert apart(there(back(places)), places) < 1e-5


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))
def test_round_trips_wherever(lon, lat):
    """No place is found where the inverse is off."""
    for there, back in BOTH:
        assert apart(back(there([[lon, lat]])), [[lon, lat]]) < 1e-5


@pytest.mark.parametrize(("there", "back"), BOTH)
def test_nothing_moves_outside(there, back):
    """The rest of the Earth, poles and seams too, stays to the bit."""
    lon, lat = np.meshgrid(np.linspace(-180, 180, 241), np.linspace(-90, 90, 121))
    places = np.column_stack([lon.ravel(), lat.ravel()])
    outside = places[~in_china(places)]
    assert len(outside) > 20_000
    for convert in (there, back):
        np.testing.assert_array_equal(convert(outside), outside)
        assert len(convert(np.empty((0, 2)))) == 0


@pytest.fixture
def streets():
    """Streets of a town, some 300 m apart and not quite parallel, and lots beside them."""
    random = np.random.default_rng(5)
    east = [
        shapely.LineString([(112.9, y), (113.0, y + random.normal(0, 0.001))])
        for y in np.arange(28.1, 28.2, 0.0031)
    ]
    north = [
        shapely.LineString([(x, 28.1), (x + random.normal(0, 0.001), 28.2)])
        for x in np.arange(112.9, 113.0, 0.0033)
    ]
    lines = np.array(east + north, dtype=object)
    chosen = lines[random.integers(len(lines), size=300)]
    spots = shapely.line_interpolate_point(chosen, random.uniform(0.1, 0.9, 300), normalized=True)
    lots = shapely.get_coordinates(spots) + random.normal(0, 0.0001, (300, 2))
    return Polylines.of(lines), lots


@pytest.mark.parametrize("actual", ["wgs84", "gcj02", "bd09"])
@pytest.mark.parametrize("declared", ["wgs84", "gcj02", "bd09"])
def test_a_wrong_datum_is_noticed(streets, actual, declared):
    """Lots read in another datum than their own lie away from streets; read in their own, nothing is said."""
    lines, lots = streets
    forward = {"wgs84": np.array, "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}[actual]
    said = looks_shifted(to_wgs84(forward(lots), declared), lines, declared, name="lots")
    if declared == actual:
        assert said is None
    else:
        assert said.startswith(f"lots looks shifted: read as {actual}")


def test_the_same_places_of_two_sources(streets):
    """Positions will do to compare with; a layer that has nothing to do with them is not suspected."""
    _, lots = streets
    assert "read as gcj02" in looks_shifted(wgs84_to_gcj02(lots), lots)
    elsewhere = np.random.default_rng(1).uniform([112.9, 28.1], [113.0, 28.2], (300, 2))
    assert looks_shifted(elsewhere, lots) is None


def test_little_is_no_ground_for_suspicion(streets):
    """Few positions, none in China, or nothing to compare with: nothing is said."""
    lines, lots = streets
    assert looks_shifted(wgs84_to_gcj02(lots[:19]), lines) is None
    assert looks_shifted(lots - [200.0, 0.0], lines) is None
    assert looks_shifted(lots, np.empty((0, 2))) is None
