"""Positions on the WGS-84 ellipsoid, and what a straight chord says about the geodesic between its ends.

Points are put into earth-centred, earth-fixed (ECEF) coordinates once; after that a radius test is one
comparison of squared chords. A chord between two limits, a hair apart, is left to pyproj's Geod.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.inputs import unwritable

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEMI_MAJOR = 6378137.0
FLATTENING = 1 / 298.257223563
SEMI_MINOR = SEMI_MAJOR * (1 - FLATTENING)
ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)
MEAN_RADIUS = 6371008.8
LONG = 1_000_000.0  # metres; no series is trusted beyond, Geod decides
CURVATURE_SPREAD = (
    0.0125  # how far (mean radius / radius of curvature)^2 strays from 1, anywhere, any azimuth
)
ROUNDING = 1e-6  # metres: a hundred times what rounding does to a chord
_RADIAN = math.pi / 180
_COLUMN = 256  # positions


@kernel
def _sine_cosine(degrees: float) -> tuple[float, float]:
    """Return sine and cosine of an angle by fdlibm's polynomials, after an exact reduction to 45 degrees.

    Branchless, so that it vectorises; and the same bits on every machine, which the C library's are not.
    """
    quarter = math.floor(degrees * (1 / 90) + 0.5)
    x = (degrees - 90.0 * quarter) * _RADIAN
    z = x * x
    sine = z * (
        2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    )
    sine = z * (
        -1.66666666666666324348e-01
        + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + sine))
    )
    sine = x + x * sine
    cosine = z * (
        -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    )
    cosine = z * (
        4.16666666666666019037e-02
        + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + cosine))
    )
    cosine = 1.0 - (0.5 * z - z * cosine)
    turn = quarter - 4.0 * math.floor(quarter * 0.25)
    odd = turn - 2.0 * math.floor(turn * 0.5) == 1.0
    first = cosine if odd else sine
    second = sine if odd else cosine
    return (-first if turn >= 2.0 else first), (-second if 1.0 <= turn <= 2.0 else second)


@kernel
def _fill_ecef(positions: NDArray[np.float64], start: int, stop: int, out: NDArray[np.float64]) -> None:
    """Fill rows of `out`, some at a time by columns, which vectorises."""
    degrees, metres = np.empty((2, _COLUMN)), np.empty((3, _COLUMN))
    lon, lat, x, y, z = degrees[0], degrees[1], metres[0], metres[1], metres[2]
    for first in range(start, stop, _COLUMN):
        size = min(_COLUMN, stop - first)
        for i in range(size):
            lon[i], lat[i] = positions[first + i, 0], positions[first + i, 1]
        for i in range(size):
            sine, cosine = _sine_cosine(lon[i])
            latitude_sine, latitude_cosine = _sine_cosine(lat[i])
            normal = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_SQUARED * latitude_sine * latitude_sine)
            x[i] = normal * latitude_cosine * cosine
            y[i] = normal * latitude_cosine * sine
            z[i] = normal * (1.0 - ECCENTRICITY_SQUARED) * latitude_sine
        for i in range(size):
            out[first + i, 0], out[first + i, 1], out[first + i, 2] = x[i], y[i], z[i]


def ecef(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put positions on the ellipsoid (height 0) into earth-centred coordinates.

    Parameters
    ----------
    positions
        (N, 2) C-contiguous float64, longitude and latitude, degrees, WGS-84, already checked.

    Returns
    -------
    ndarray
        (N, 3) float64, metres.
    """
    positions, out = unwritable(positions), np.empty((len(positions), 3))
    in_pieces(lambda start, stop: _fill_ecef(positions, start, stop, out), len(positions), 20_000)
    return out


def in_space(positions: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Put positions where the straight chord between two says how far apart they are.

    Parameters
    ----------
    positions
        (N, 2), already checked.
    metric
        ``"geodesic"`` or ``"euclidean"``.

    Returns
    -------
    ndarray
        (N, 3) float64, metres: earth-centred, or in the plane and 0.
    """
    if metric == "geodesic":
        return ecef(positions)
    return np.column_stack((positions, np.zeros(len(positions))))


def geodesic_chord_limits(radius: float) -> tuple[float, float]:
    """Bound the squared chords of pairs within a geodesic radius.

    Up to 1,000 km the arc of the mean radius over the chord errs by less than s^3 / 24 * 0.0125 / r^2;
    twice that, and a micrometre for rounding, is left to Geod. Beyond, the bounds hold for every pair on
    the ellipsoid: mapped to the sphere of the same reduced latitudes no length shrinks by more than b / a,
    so 2 b asin(c / 2a) <= s <= 2 a asin(c / 2b).

    Parameters
    ----------
    radius
        Metres, 0 or more.

    Returns
    -------
    inner, outer
        Squared metres. A pair whose squared chord is at most `inner` lies closer than the radius; one
        beyond `outer` lies farther; those between must be measured. `inner` is negative where no chord is
        short enough.
    """
    if radius <= LONG:
        slack = radius**3 / 12 * CURVATURE_SPREAD / MEAN_RADIUS**2 + ROUNDING
        inner = 2 * MEAN_RADIUS * math.sin((radius - slack) / (2 * MEAN_RADIUS))
        outer = 2 * MEAN_RADIUS * math.sin((radius + slack) / (2 * MEAN_RADIUS))
    else:
        inner = 2 * SEMI_MINOR * math.sin(min(radius / (2 * SEMI_MAJOR), math.pi / 2)) - ROUNDING
        outer = 2 * SEMI_MAJOR * math.sin(min(radius / (2 * SEMI_MINOR), math.pi / 2)) + ROUNDING
    return math.copysign(inner * inner, inner), outer * outer


def geod_distances(origins: NDArray[np.float64], destinations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure pairs of positions with pyproj's Geod (C. F. F. Karney 2013, Algorithms for geodesics).

    Parameters
    ----------
    origins, destinations
        (N, 2) float64, longitude and latitude, degrees, WGS-84.

    Returns
    -------
    ndarray
        (N,) float64, metres.
    """
    from pyproj import Geod  # noqa: PLC0415 - only the few pairs that need it pay for the import

    metres = Geod(ellps="WGS84").inv(*origins.T, *destinations.T)[2]
    return np.asarray(metres, dtype=np.float64)
