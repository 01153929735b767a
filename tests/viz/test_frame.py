"""Windows, scale and where the closer look goes."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod

from chargeplan.viz.frame import Window, around, densest, scale_bar_length

GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize("latitude", [0.0, 28.0, -60.0])
def test_the_scale_is_true_at_the_centre(latitude):
    """A kilometre east and a kilometre north of the centre are a kilometre on the map, to a metre."""
    window = Window(112.5, latitude - 0.5, 113.5, latitude + 0.5)
    east, north = window.metres_per_degree
    x, _, _ = GEOD.fwd(113.0, latitude, 90.0, 1000.0)
    _, y, _ = GEOD.fwd(113.0, latitude, 0.0, 1000.0)
    assert (x - 113.0) * east == pytest.approx(1000.0, abs=1.0)
    assert (y - latitude) * north == pytest.approx(1000.0, abs=1.0)
    assert window.aspect == pytest.approx(north / east)


def test_a_window_grows_to_the_shape_of_its_panel():
    """Twice as wide as high: the width is added, nothing is cut off."""
    window = Window(112.9, 27.9, 113.1, 28.1).shaped(2.0)
    width, height = window.size
    assert width / height == pytest.approx(2.0, rel=1e-6)
    assert window.south == pytest.approx(27.9)
    assert window.west < 112.9


def test_a_window_around_one_point_is_not_empty():
    """One demand point still makes a map."""
    width, height = around(np.array([[113.0, 28.0]])).size
    assert width > 1000
    assert height > 1000


@pytest.mark.parametrize(
    ("width", "bar"), [(1000.0, 200.0), (4000.0, 1000.0), (250_000.0, 50_000.0), (39.0, 5.0)]
)
def test_scale_bars_are_round(width, bar):
    """1, 2 or 5 times a power of ten, at most a quarter of the map."""
    assert scale_bar_length(width) == pytest.approx(bar)


def test_the_closer_look_is_at_the_city():
    """Nine tenths of the people live around 113.1 E 28.1 N: the window is there, with room around it."""
    rng = np.random.default_rng(1)
    city, land = rng.normal((113.1, 28.1), 0.02, (900, 2)), rng.uniform((112, 27), (114, 29), (100, 2))
    positions = np.concatenate((city, land))
    region = around(positions)
    window = densest(positions, np.ones(1000), region, [(20_000.0, 20_000.0), (60_000.0, 60_000.0)])
    assert window.size[0] == pytest.approx(20_000.0, rel=0.02)
    assert window.contains(city).mean() > 0.98


def test_the_closer_look_takes_the_smallest_size_that_holds_everybody():
    """All demand lies within 5 km: of 3, 10 and 30 km, 10 km does."""
    rng = np.random.default_rng(2)
    positions = rng.uniform((113.0, 28.0), (113.05, 28.045), (500, 2))
    region = Window(112.0, 27.0, 114.0, 29.0)
    sizes = [(3e3, 3e3), (1e4, 1e4), (3e4, 3e4)]
    window = densest(positions, np.ones(500), region, sizes)
    assert window.size[0] == pytest.approx(1e4, rel=0.02)
    assert window.contains(positions).all()
