"""Service areas hold what lies within the radius, everywhere on the Earth and at every radius."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod

from chargeplan.plan.tables import service_area
from chargeplan.viz.circles import geodesic_circles

GEOD = Geod(ellps="WGS84")
PLACES = [
    (113.0, 28.0),
    (179.9999, -17.0),
    (-179.9, 66.0),
    (180.0, 0.0),
    (-180.0, 45.0),
    (25.0, 89.99),
    (-70.0, -89.5),
    (10.0, 90.0),
    (0.0, -90.0),
]
RADII = [1e-9, 1.0, 50_000.0, 2_000_000.0, 9_000_000.0, 12_000_000.0, 19_000_000.0, 19_950_000.0, 1e9]


def around_the_world(number=4000, seed=3):
    """Positions spread evenly over the Earth."""
    rng = np.random.default_rng(seed)
    return np.stack(
        (rng.uniform(-180, 180, number), np.degrees(np.arcsin(rng.uniform(-1, 1, number)))), axis=1
    )


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("place", PLACES)
def test_every_station_lies_in_its_area(place, radius):
    """At the antimeridian, at the poles, for tiny and for huge radii: valid, on the Earth, station inside."""
    area = service_area(np.array([place]), radius)
    assert area.is_valid
    assert area.intersects(shapely.Point(place))
    west, south, east, north = area.bounds
    assert (west >= -180.0, south >= -90.0, east <= 180.0, north <= 90.0) == (True,) * 4


@pytest.mark.parametrize("radius", [300_000.0, 2_000_000.0, 9_000_000.0, 12_000_000.0, 19_000_000.0])
@pytest.mark.parametrize("place", PLACES)
def test_the_area_is_what_lies_within_the_radius(place, radius):
    """Points anywhere are in the area exactly if they are near enough, but for 2 % about the outline."""
    points = np.concatenate((around_the_world(), np.array(place) + around_the_world() * 0.02))
    points = points[np.abs(points[:, 1]) <= 90.0]
    points[:, 0] = (points[:, 0] + 180.0) % 360.0 - 180.0
    there = np.broadcast_to(place, points.shape)
    metres = np.array(GEOD.inv(there[:, 0], there[:, 1], points[:, 0], points[:, 1])[2])
    clear = np.abs(metres - radius) > 0.02 * radius
    inside = shapely.intersects_xy(service_area(np.array([place]), radius), points)
    np.testing.assert_array_equal(inside[clear], (metres < radius)[clear])


def test_an_area_across_the_antimeridian_is_cut():
    """One part on either side, each up to 180 degrees; together as large as the circle elsewhere."""
    across, elsewhere = geodesic_circles(np.array([(180.0, -17.0), (100.0, -17.0)]), 50_000.0)
    assert [round(x, 9) for part in across.geoms for x in part.bounds[::2] if abs(x) == 180.0] == [-180, 180]
    assert len(across.geoms) == 2
    assert across.area == pytest.approx(elsewhere.area, rel=2e-3)


def test_no_station_has_no_area():
    """Nothing to draw is an empty area."""
    assert service_area(np.empty((0, 2)), 1000.0).is_empty
    assert len(geodesic_circles(np.empty((0, 2)), 1000.0)) == 0
