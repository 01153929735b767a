"""Distances along the ellipsoid, from straight chords: all pairs, or pair by pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.geodesy import LONG, SEMI_MAJOR, SEMI_MINOR, ecef, geod_distances
from chargeplan.kernels.inputs import checked_positions, read_only, unwritable
from chargeplan.kernels.memory import reserve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from chargeplan.kernels.inputs import Metric

_ACROSS = 1 / SEMI_MAJOR**2
_ALONG = 1 / SEMI_MINOR**2
_SHORTEST = 1e-300  # keeps 0 / 0 away where two points are the same


@kernel_part
def _arc(px: float, py: float, pz: float, qx: float, qy: float, qz: float) -> float:
    """Return the arc over a chord by Euler's radius of curvature at the midpoint, along the chord.

    With Q the ellipsoid's quadratic form, d the chord and m its midpoint, the curvature k of the normal
    section is d'Qd / d'd * sqrt(m'Qm) / |Qm|, and m'Qm = 1 - d'Qd / 4. The arc is (2 / k) asin(c k / 2),
    whose series has only squares of c k in it.
    """
    dx, dy, dz = qx - px, qy - py, qz - pz
    mx, my, mz = 0.5 * (qx + px), 0.5 * (qy + py), 0.5 * (qz + pz)
    flat = dx * dx + dy * dy
    square = flat + dz * dz
    form = _ACROSS * flat + _ALONG * dz * dz
    normal = _ACROSS * _ACROSS * (mx * mx + my * my) + _ALONG * _ALONG * mz * mz
    h = form * form * (1.0 - 0.25 * form) / (4.0 * normal * square + _SHORTEST)
    series = 1 / 6 + h * (
        3 / 40 + h * (15 / 336 + h * (105 / 3456 + h * (945 / 42240 + h * (10395 / 599040))))
    )
    return math.sqrt(square) * (1.0 + h * series)


@kernel
def _fill_arcs(
    origins: NDArray[np.float64],
    destinations: NDArray[np.float64],
    start: int,
    stop: int,
    out: NDArray[np.floating],
    far: NDArray[np.int64],
) -> None:
    """Fill rows of the matrix; `far` gets how many distances of each are too long for the series."""
    x, y, z = destinations[0], destinations[1], destinations[2]
    for i in range(start, stop):
        px, py, pz = origins[i, 0], origins[i, 1], origins[i, 2]
        row = out[i]
        for j in range(x.size):
            row[j] = _arc(px, py, pz, x[j], y[j], z[j])
        count = 0
        for j in range(x.size):
            count += row[j] > LONG - 1.0
        far[i] = count


@kernel
def _fill_planar(
    origins: NDArray[np.float64],
    destinations: NDArray[np.float64],
    start: int,
    stop: int,
    out: NDArray[np.floating],
) -> None:
    x, y = destinations[0], destinations[1]
    for i in range(start, stop):
        px, py = origins[i, 0], origins[i, 1]
        row = out[i]
        for j in range(x.size):
            a, b = x[j] - px, y[j] - py
            row[j] = math.sqrt(a * a + b * b)


@kernel
def _fill_paired(
    origins: NDArray[np.float64],
    destinations: NDArray[np.float64],
    start: int,
    stop: int,
    out: NDArray[np.float64],
) -> None:
    for i in range(start, stop):
        out[i] = _arc(
            origins[i, 0],
            origins[i, 1],
            origins[i, 2],
            destinations[i, 0],
            destinations[i, 1],
            destinations[i, 2],
        )


@kernel
def _fill_related(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    curved: bool,  # noqa: FBT001 - kernels take what is in its place
    start: int,
    stop: int,
    out: NDArray[np.float64],
) -> None:
    for i in range(start, stop):
        px, py, pz = rows[i, 0], rows[i, 1], rows[i, 2]
        for t in range(indptr[i], indptr[i + 1]):
            qx, qy, qz = columns[indices[t], 0], columns[indices[t], 1], columns[indices[t], 2]
            if curved:
                out[t] = _arc(px, py, pz, qx, qy, qz)
            else:
                a, b = qx - px, qy - py
                out[t] = math.sqrt(a * a + b * b)


def related_distances(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    metric: str,
) -> NDArray[np.float64]:
    """Measure the pairs of a sparse relation; those beyond 1,000 km along the ellipsoid only roughly.

    Parameters
    ----------
    rows, columns
        (N, 3) and (M, 3) earth-centred metres, or metres in the plane and 0.
    indptr, indices
        (N + 1,) and (P,) the relation as compressed sparse rows.
    metric
        Of the positions.

    Returns
    -------
    ndarray
        (P,) float64, metres.
    """
    out = np.empty(indices.size)
    given = rows, columns, indptr, indices, metric == "geodesic"
    in_pieces(lambda start, stop: _fill_related(*given, start, stop, out), len(rows), 1_000)
    return out


def _geodesic_matrix(
    origins: NDArray[np.float64], destinations: NDArray[np.float64], out: NDArray[np.floating], rows: int
) -> None:
    """Fill the matrix, and replace what the series gave beyond 1,000 km by Geod's own answer, row by row."""
    chords = ecef(origins), np.ascontiguousarray(ecef(destinations).T)
    far = np.empty(len(origins), np.int64)
    in_pieces(lambda start, stop: _fill_arcs(*chords, start, stop, out, far), len(origins), rows)
    for row in np.flatnonzero(far):
        columns = np.flatnonzero(out[row] > LONG - 1)
        origin = np.broadcast_to(origins[row], (columns.size, 2))
        out[row, columns] = geod_distances(origin, destinations[columns])


def distance_matrix(
    origins: ArrayLike,
    destinations: ArrayLike,
    *,
    metric: Metric = "geodesic",
    dtype: DTypeLike = np.float64,
) -> NDArray[np.floating]:
    """Measure every origin to every destination.

    Parameters
    ----------
    origins, destinations
        (N, 2) and (M, 2), longitude and latitude in degrees, WGS-84; with ``metric="euclidean"`` metres.
    metric
        ``"geodesic"``: along the ellipsoid, within 1e-6 m of pyproj's Geod up to 50 km, 1 mm up to 400 km
        and 3 cm up to 1,000 km, and Geod's own answer beyond. ``"euclidean"``: in the plane.
    dtype
        float64 or float32; distances are computed in float64 either way.

    Returns
    -------
    ndarray
        (N, M) metres, read-only.

    Raises
    ------
    InputError
        Positions of another shape, not finite or out of range; another metric or dtype; more memory needed
        than the machine has free.
    """
    if np.dtype(dtype) not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise InputError(f"dtype must be float64 or float32, not {np.dtype(dtype)}")
    origins = checked_positions(origins, metric, "origins")
    destinations = checked_positions(destinations, metric, "destinations")
    size = len(origins) * len(destinations)
    reserve(size * np.dtype(dtype).itemsize, f"a matrix of {size:,} distances", None)
    out = np.empty((len(origins), len(destinations)), dtype)
    rows = 1 + 100_000 // max(len(destinations), 1)
    if metric == "geodesic":
        _geodesic_matrix(origins, destinations, out, rows)
    else:
        plane = origins, unwritable(np.ascontiguousarray(destinations.T))
        in_pieces(lambda start, stop: _fill_planar(*plane, start, stop, out), len(origins), rows)
    read_only(out)
    return out


def paired_distances(origins: ArrayLike, destinations: ArrayLike) -> NDArray[np.float64]:
    """Measure each origin to the destination of the same row, along the ellipsoid.

    Parameters
    ----------
    origins, destinations
        (N, 2) each, longitude and latitude in degrees, WGS-84.

    Returns
    -------
    ndarray
        (N,) float64, metres, as exact as `distance_matrix`; read-only.

    Raises
    ------
    InputError
        Positions of another shape, not finite or out of range; different numbers of them.
    """
    origins = checked_positions(origins, "geodesic", "origins")
    destinations = checked_positions(destinations, "geodesic", "destinations")
    if len(origins) != len(destinations):
        raise InputError(f"{len(origins)} origins cannot be paired with {len(destinations)} destinations")
    out = np.empty(len(origins))
    ends = ecef(origins), ecef(destinations)
    in_pieces(lambda start, stop: _fill_paired(*ends, start, stop, out), len(out), 20_000)
    far = np.flatnonzero(out > LONG - 1)
    out[far] = geod_distances(origins[far], destinations[far])
    read_only(out)
    return out
