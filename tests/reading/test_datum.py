"""GCJ-02 and BD-09 there and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chargeplan.prepare.datum import (
    bd09_to_wgs84,
    gcj02_to_wgs84,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

METRES_PER_DEGREE = 111_320.0
CHINA = np.random.default_rng(0).uniform([74.0, 4.0], [134.0, 52.0], (20_000, 2))


def naive_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """The formulas as they are published, one point at a time."""
    x, y, pi = lon - 105, lat - 35, math.pi
    common = (20 * math.sin(6 * x * pi) + 20 * math.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + common
    north += (20 * math.sin(y * pi) + 40 * math.sin(y / 3 * pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * pi) + 320 * math.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + common
    east += (20 * math.sin(x * pi) + 40 * math.sin(x / 3 * pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * pi) + 300 * math.sin(x / 30 * pi)) * 2 / 3
    a, ee = 6378245.0, 0.00669342162296594323
    magic = 1 - ee * math.sin(math.radians(lat)) ** 2
    dlat = north * 180 / (a * (1 - ee) / (magic * math.sqrt(magic)) * pi)
    dlon = east * 180 / (a / math.sqrt(magic) * math.cos(math.radians(lat)) * pi)
    return lon + dlon, lat + dlat


def test_gcj02_is_the_published_formula() -> None:
    """The vectorised shift equals the published one, point by point."""
    expected = [naive_gcj02(lon, lat) for lon, lat in CHINA[:500]]
    np.testing.assert_allclose(wgs84_to_gcj02(CHINA[:500]), expected, rtol=0, atol=1e-12)


def test_shift_at_changsha() -> None:
    """GCJ-02 lies about 544 m east and 380 m south of WGS-84 at Changsha."""
    shift = (wgs84_to_gcj02([[112.94, 28.23]]) - [[112.94, 28.23]])[0] * METRES_PER_DEGREE
    assert shift[0] * math.cos(math.radians(28.23)) == pytest.approx(544, abs=15)
    assert shift[1] == pytest.approx(-380, abs=15)


@pytest.mark.parametrize(
    ("there", "back"), [(wgs84_to_gcj02, gcj02_to_wgs84), (wgs84_to_bd09, bd09_to_wgs84)]
)
def test_inverse_is_exact(there, back) -> None:
    """There and back is the same place to well below a centimetre."""
    assert np.abs(back(there(CHINA)) - CHINA).max() * METRES_PER_DEGREE < 1e-4


def test_bd09_lies_about_a_kilometre_from_wgs84() -> None:
    """BD-09 adds its own offset to that of GCJ-02."""
    shift = np.hypot(*(wgs84_to_bd09(CHINA) - CHINA).T) * METRES_PER_DEGREE
    assert shift.min() > 500
    assert shift.max() < 2500


@pytest.mark.parametrize("convert", [wgs84_to_gcj02, gcj02_to_wgs84, wgs84_to_bd09, bd09_to_wgs84])
def test_nothing_moves_outside_china(convert) -> None:
    """The datums are not defined elsewhere; missing positions stay missing."""
    elsewhere = np.array([[-97.7, 30.3], [9.5, 47.1], [151.2, -33.9], [np.nan, np.nan]])
    np.testing.assert_array_equal(convert(elsewhere), elsewhere)


def test_the_input_is_left_alone() -> None:
    """A conversion hands out new positions."""
    given = CHINA[:10].copy()
    for datum in ("wgs84", "gcj02", "bd09"):
        assert to_wgs84(given, datum) is not given
    np.testing.assert_array_equal(given, CHINA[:10])


def test_positions_have_two_columns() -> None:
    """Anything but (N, 2) is refused."""
    with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
        gcj02_to_wgs84([113.0, 28.0])
