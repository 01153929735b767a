"""Distances on the ellipsoid as the audit measures them: every figure is pyproj's, none is the kernels'.

A k-d tree over the straight chords (ECEF) only says which pairs are worth measuring. It is a safe filter,
since for two points of the ellipsoid with chord c and geodesic s::

    c <= s <= U(c) = 2 a asin(min(1, c / 2b)),         a, b the semi-axes, b < a

Left: no way is shorter than the straight one. Right: stretch the ellipsoid along its axis by a/b into the
sphere of radius a. Lengths grow by at most a/b, so the stretched chord c' is at most c a/b; the great circle
over c' has length 2 a asin(c' / 2a) <= U(c); and squeezed back onto the ellipsoid, where no length grows,
that circle joins the two points, so the geodesic is no longer. U grows with c. Therefore

- a station within s <= R of a point has a chord of at most R;
- a pair with U(c) < R is within R, and only the others with c <= R have to be measured;
- the k-th nearest station lies within U(c_k), with c_k the k-th smallest chord, and so does its chord.

Every length on the way is widened by 1e-9 of itself and by 1e-6 m, far more than floating-point coordinates
are off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Geod
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Nearest:
    """The stations nearest to every demand point.

    Parameters
    ----------
    station
        (N,) index of the nearest station, the first of equals; -1 where no station can be reached.
    distance_m
        (N,) metres to it, nan where there is none.
    backup_distance_m
        (N,) metres to the k-th nearest station, k being the number that the standard asks for; nan where
        there are fewer. The same as `distance_m` when k is 1.
    """

    station: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    backup_distance_m: NDArray[np.float64]


def metres(origins: NDArray[np.float64], destinations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure geodesics pair by pair with pyproj.

    Parameters
    ----------
    origins, destinations
        (N, 2) longitude and latitude in degrees, WGS-84.

    Returns
    -------
    (N,) ndarray of float64, metres
    """
    _, _, length = WGS84.inv(origins[:, 0], origins[:, 1], destinations[:, 0], destinations[:, 1])
    return np.asarray(length, np.float64)


def nearest(points: NDArray[np.float64], stations: NDArray[np.float64], k: int) -> Nearest:
    """Find the nearest and the k-th nearest station of every demand point.

    Parameters
    ----------
    points, stations
        (N, 2) and (S, 2) longitude and latitude in degrees, WGS-84.
    k
        At least 1.
    """
    if len(points) == 0 or len(stations) < 1:
        return _nobody(len(points))
    enough = min(k, len(stations))
    row, column = _nearest_pairs(cKDTree(_chord_space(stations)), _chord_space(points), enough)
    found = ranked(row, column, metres(points[row], stations[column]), len(points), enough)
    return found if enough == k else Nearest(found.station, found.distance_m, np.full(len(points), np.nan))


def pairs_within(
    points: NDArray[np.float64], sites: NDArray[np.float64], radius: float, *, strict: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List every pair of a demand point and a site within a radius.

    Parameters
    ----------
    points, sites
        (N, 2) and (M, 2) longitude and latitude in degrees, WGS-84.
    radius
        Metres.
    strict
        Whether a pair has to be nearer than the radius.

    Returns
    -------
    rows, columns : ndarray of int64
        Indices of points and sites, pair by pair, ordered by point.
    """
    if len(points) == 0 or len(sites) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    trees = cKDTree(_chord_space(points)), cKDTree(_chord_space(sites))
    pairs = trees[0].sparse_distance_matrix(
        trees[1], float(_widened(np.array(radius))), output_type="ndarray"
    )
    row, column = pairs["i"].astype(np.int64), pairs["j"].astype(np.int64)
    near = np.asarray(_widened(_longest_geodesic(_widened(pairs["v"]))) < radius)
    unsure = np.flatnonzero(~near)
    near[unsure] = within(metres(points[row[unsure]], sites[column[unsure]]), radius, strict=strict)
    ordered = np.sort(row[near] * len(sites) + column[near])
    return ordered // len(sites), ordered % len(sites)


def pairs_within_each(
    points: NDArray[np.float64], sites: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List every pair of a demand point and a site within the point's own reach, and perhaps a few more.

    Parameters
    ----------
    points, sites
        (N, 2) and (M, 2) longitude and latitude in degrees, WGS-84.
    reach
        (N,) metres, 0 or more, perhaps infinite.

    Returns
    -------
    rows, columns : ndarray of int64
        Indices of points and sites, pair by pair.
    """
    if len(points) == 0 or len(sites) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    everything = 3.0 * WGS84.a
    return _pairs(cKDTree(_chord_space(sites)), _chord_space(points), _widened(np.minimum(reach, everything)))


def within(distance_m: NDArray[np.float64], radius: float, *, strict: bool) -> NDArray[np.bool_]:
    """Say which distances keep a radius; nan, no way at all, does not."""
    return distance_m < radius if strict else distance_m <= radius


def ranked(
    row: NDArray[np.int64], column: NDArray[np.int64], distance: NDArray[np.float64], n_rows: int, k: int
) -> Nearest:
    """Pick the nearest and the k-th nearest column of every row from measured pairs.

    Parameters
    ----------
    row, column, distance
        (P,) the pairs; every pair that could be among the k nearest.
    n_rows
        Number of demand points.
    k
        At least 1.
    """
    order = np.lexsort((column, distance, row))
    row, column, distance = row[order], column[order], distance[order]
    first = np.searchsorted(row, np.arange(n_rows))
    count = np.searchsorted(row, np.arange(n_rows), side="right") - first
    result = _nobody(n_rows)
    some, enough = count >= 1, count >= k
    result.station[some] = column[first[some]]
    result.distance_m[some] = distance[first[some]]
    result.backup_distance_m[enough] = distance[first[enough] + k - 1]
    return result


def _nobody(n_rows: int) -> Nearest:
    return Nearest(np.full(n_rows, -1, np.int64), np.full(n_rows, np.nan), np.full(n_rows, np.nan))


def _chord_space(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Earth-centred Cartesian coordinates (ECEF), metres, of points on the ellipsoid."""
    longitude, latitude = np.radians(positions).T
    normal = WGS84.a / np.sqrt(1.0 - WGS84.es * np.sin(latitude) ** 2)
    flat = normal * np.cos(latitude)
    return np.column_stack(
        (flat * np.cos(longitude), flat * np.sin(longitude), normal * (1.0 - WGS84.es) * np.sin(latitude))
    )


def _longest_geodesic(chord: NDArray[np.float64]) -> NDArray[np.float64]:
    """U(c) of the module's proof."""
    return np.asarray(2.0 * WGS84.a * np.arcsin(np.minimum(1.0, chord / (2.0 * WGS84.b))), np.float64)


def _widened(length: NDArray[np.float64]) -> NDArray[np.float64]:
    return length * (1.0 + 1e-9) + 1e-6


def _nearest_pairs(
    tree: cKDTree, places: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of a place and a leaf of the tree that may be among its k nearest.

    Where the next chord is beyond U of the k-th, those are the k with the least chords.
    """
    asked = range(1, min(k + 1, tree.n) + 1)
    chord, leaf = (np.asarray(found) for found in tree.query(places, k=asked, workers=-1))
    reach = _widened(_longest_geodesic(_widened(chord[:, k - 1])))
    sure = (chord[:, k:] > reach[:, np.newaxis]).all(axis=1)
    unsure = np.flatnonzero(~sure)
    row, column = _pairs(tree, places[unsure], reach[unsure])
    rows = np.append(np.repeat(np.flatnonzero(sure), k), unsure[row])
    return rows, np.append(leaf[sure, :k].ravel(), column)


def _pairs(
    tree: cKDTree, places: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of a place and a leaf of the tree whose chord is within the place's reach."""
    found = tree.query_ball_point(places, reach)
    count = np.fromiter(map(len, found), np.int64, len(found))
    row = np.repeat(np.arange(len(places)), count)
    column = np.fromiter((leaf for leaves in found for leaf in leaves), np.int64, int(count.sum()))
    return row, column
