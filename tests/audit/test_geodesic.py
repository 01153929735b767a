"""Nearest stations and pairs on the ellipsoid, against every pair measured by pyproj."""

from __future__ import annotations

import numpy as np
import pytest

from chargeplan.audit.geodesic import metres, nearest, pairs_within, within

PLACES = {
    "a city": ((112.9, 28.2), 0.05),
    "a region": ((112.9, 27.5), 1.5),
    "across the date line": ((180.0, -17.0), 3.0),
    "around the pole": ((0.0, 89.0), 180.0),
    "the whole Earth": ((0.0, 0.0), 360.0),
}


def points_at(place, size, seed):
    rng = np.random.default_rng(seed)
    (longitude, latitude), spread = PLACES[place]
    x = longitude + spread * (rng.random(size) - 0.5)
    y = np.clip(latitude + min(spread, 178.0) * (rng.random(size) - 0.5), -90, 90)
    return np.column_stack(((x + 180) % 360 - 180, y)).round(7)


def every_pair(points, stations):
    n, s = len(points), len(stations)
    return metres(np.repeat(points, s, axis=0), np.tile(stations, (n, 1))).reshape(n, s)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_nearest_stations_are_the_nearest_of_all_pairs(place, k):
    """The nearest and the k-th nearest station are those of the full table of pyproj's distances."""
    points, stations = points_at(place, 60, 1), points_at(place, 40, 2)
    table = every_pair(points, stations)
    found = nearest(points, stations, k)
    np.testing.assert_array_equal(found.station, table.argmin(axis=1))
    np.testing.assert_array_equal(found.distance_m, table.min(axis=1))
    np.testing.assert_array_equal(found.backup_distance_m, np.sort(table, axis=1)[:, k - 1])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("strict", [False, True])
def test_pairs_are_those_of_the_full_table_even_exactly_on_the_radius(place, strict):
    """A radius that is some pair's own distance takes that pair in, or with `strict` leaves it out."""
    points, sites = points_at(place, 50, 3), points_at(place, 30, 4)
    table = every_pair(points, sites)
    for radius in np.quantile(table, [0.01, 0.2, 0.7], method="nearest"):
        rows, columns = pairs_within(points, sites, radius, strict=strict)
        near = np.zeros(table.shape, bool)
        near[rows, columns] = True
        np.testing.assert_array_equal(near, table < radius if strict else table <= radius)


def test_a_station_at_the_antipode_is_still_found():
    """The bound on the geodesic holds where the chord is the Earth's diameter."""
    found = nearest(np.array([[0.0, 0.0]]), np.array([[180.0, 0.0]]), 1)
    assert found.station[0] == 0
    assert found.distance_m[0] == pytest.approx(20003931.4586)


def test_equal_stations_are_ranked_by_their_place():
    """Of stations that stand on one spot the first is the nearest, and all count for the backup."""
    found = nearest(np.array([[113.0, 28.0]]), np.array([[113.0, 28.001]] * 3), 3)
    assert found.station[0] == 0
    assert found.backup_distance_m[0] == found.distance_m[0]


def test_too_few_stations_leave_the_backup_open():
    """With one station where two are asked for, the nearest is known and the backup is not."""
    found = nearest(np.array([[113.0, 28.0]]), np.array([[113.0, 28.001]]), 2)
    assert found.station[0] == 0
    assert found.distance_m[0] > 0
    assert np.isnan(found.backup_distance_m[0])


@pytest.mark.parametrize(("points", "stations"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_is_near_nothing(points, stations):
    """Without stations nobody is near one; without demand points there is nobody."""
    found = nearest(points_at("a city", points, 0), points_at("a city", stations, 0), 1)
    assert found.station.tolist() == [-1] * points
    assert np.isnan(found.distance_m).all()
    assert (
        pairs_within(points_at("a city", points, 0), points_at("a city", stations, 0), 1e3, strict=False)[
            0
        ].size
        == 0
    )


def test_a_missing_distance_keeps_no_radius():
    """No way at all is neither within nor nearer than any radius."""
    assert not within(np.array([np.nan]), np.inf, strict=False).any()
