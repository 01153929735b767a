"""The shifted datums of Chinese web maps: GCJ-02 and BD-09, to WGS-84 and back.

GCJ-02 is the datum of maps published in China; it moves every point by 300 to 700 m. BD-09 moves the result
once more, by about a kilometre. Neither is defined outside China, where positions stay as they are. The
forward formulas are the ones in public use since 2010 (`eviltransform`, `coordtransform`); the inverse is
found by fixed-point iteration, to well below a centimetre.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

Datum: TypeAlias = Literal["wgs84", "gcj02", "bd09"]
Positions: TypeAlias = npt.NDArray[np.float64]
_Shift: TypeAlias = Callable[[Positions], Positions]

DATUMS: tuple[Datum, ...] = get_args(Datum)

# Waves of the shift along each axis: height in metres, half-turns per degree.
_EAST_WAVES = ((20.0, 1.0), (40.0, 1.0 / 3.0), (150.0, 1.0 / 12.0), (300.0, 1.0 / 30.0))
_NORTH_WAVES = ((20.0, 1.0), (40.0, 1.0 / 3.0), (160.0, 1.0 / 12.0), (320.0, 1.0 / 30.0))
_COMMON_WAVES = ((20.0, 6.0), (20.0, 2.0))
# The Krasovsky 1940 ellipsoid, on which GCJ-02 turns its metres into degrees.
_SEMI_MAJOR = 6378245.0
_ECCENTRICITY2 = 0.00669342162296594323
# The box in which the shift applies, as the public formulas have it: all China, and neighbours as well.
_CHINA = np.array([[72.004, 0.8293], [137.8347, 55.8271]])
_BD09_OFFSET = np.array([0.0065, 0.006])
_BD09_PHASE = np.pi * 3000.0 / 180.0
_CONVERGED = 1e-11  # degrees, about a micrometre
_MOST_STEPS = 50


def to_wgs84(positions: npt.ArrayLike, datum: Datum) -> Positions:
    """Convert positions from a named datum to WGS-84.

    Parameters
    ----------
    positions
        (N, 2) longitude, latitude in degrees, in `datum`.
    datum
        ``"wgs84"``, ``"gcj02"`` or ``"bd09"``.

    Returns
    -------
    ndarray
        (N, 2) float64, a copy.
    """
    if datum == "gcj02":
        return gcj02_to_wgs84(positions)
    if datum == "bd09":
        return bd09_to_wgs84(positions)
    return _as_positions(positions)


def wgs84_to_gcj02(positions: npt.ArrayLike) -> Positions:
    """Convert (N, 2) longitude, latitude in degrees from WGS-84 to GCJ-02."""
    return _in_china(_as_positions(positions), lambda given: given + _gcj02_shift(given))


def gcj02_to_wgs84(positions: npt.ArrayLike) -> Positions:
    """Convert (N, 2) longitude, latitude in degrees from GCJ-02 to WGS-84, to below a millimetre."""
    return _in_china(_as_positions(positions), lambda given: _undo(given, _gcj02_shift))


def wgs84_to_bd09(positions: npt.ArrayLike) -> Positions:
    """Convert (N, 2) longitude, latitude in degrees from WGS-84 to BD-09."""
    shifted = wgs84_to_gcj02(positions)
    return _in_china(shifted, lambda given: given + _bd09_shift(given))


def bd09_to_wgs84(positions: npt.ArrayLike) -> Positions:
    """Convert (N, 2) longitude, latitude in degrees from BD-09 to WGS-84, to below a millimetre."""
    return gcj02_to_wgs84(_in_china(_as_positions(positions), lambda given: _undo(given, _bd09_shift)))


def in_china(positions: Positions) -> npt.NDArray[np.bool_]:
    """Tell which of (N, 2) positions lie in the box in which the datums are defined; NaN is in no box."""
    return np.asarray(((positions >= _CHINA[0]) & (positions <= _CHINA[1])).all(axis=1), dtype=bool)


def _as_positions(positions: npt.ArrayLike) -> Positions:
    array = np.array(positions, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"positions must have shape (N, 2), not {array.shape}")
    return array


def _in_china(positions: Positions, convert: _Shift) -> Positions:
    """Convert the rows inside the box of China and leave the others."""
    inside = in_china(positions)
    positions[inside] = convert(positions[inside])
    return positions


def _undo(shifted: Positions, shift: _Shift) -> Positions:
    """Find p with p + shift(p) = shifted; the shift is a contraction (slope below 0.03)."""
    found = shifted - shift(shifted)
    for _ in range(_MOST_STEPS):
        better = shifted - shift(found)
        moved = np.abs(better - found).max(initial=0.0)
        found = better
        if moved < _CONVERGED:
            return found
    raise ArithmeticError("the inverse of the datum shift did not converge")


def _gcj02_shift(positions: Positions) -> Positions:
    """Degrees that GCJ-02 adds at WGS-84 positions inside China."""
    x, y = positions[:, 0] - 105.0, positions[:, 1] - 35.0
    root = np.sqrt(np.abs(x))
    common = _waves(x, _COMMON_WAVES)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (common + _waves(x, _EAST_WAVES)) / 1.5
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (common + _waves(y, _NORTH_WAVES)) / 1.5
    return _degrees(east, north, positions[:, 1])


def _waves(degrees: Positions, waves: tuple[tuple[float, float], ...]) -> Positions:
    total = np.zeros_like(degrees)
    for height, half_turns in waves:
        total += height * np.sin(half_turns * np.pi * degrees)
    return total


def _degrees(east: Positions, north: Positions, latitude: Positions) -> Positions:
    """Metres east and north as degrees on the Krasovsky ellipsoid."""
    phi = np.radians(latitude)
    flat = 1.0 - _ECCENTRICITY2 * np.sin(phi) ** 2
    meridian = _SEMI_MAJOR * (1.0 - _ECCENTRICITY2) / flat**1.5
    parallel = _SEMI_MAJOR / np.sqrt(flat) * np.cos(phi)
    return np.column_stack([np.degrees(east / parallel), np.degrees(north / meridian)])


def _bd09_shift(positions: Positions) -> Positions:
    """Degrees that BD-09 adds at GCJ-02 positions."""
    x, y = positions[:, 0], positions[:, 1]
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * _BD09_PHASE)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD09_PHASE)
    turned = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    shift: Positions = turned + _BD09_OFFSET - positions
    return shift
