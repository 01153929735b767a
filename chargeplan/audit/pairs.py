"""Pairs of demand points and sites with the distance between them, as the audit measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.audit.geodesic import metres, pairs_within_each
from chargeplan.audit.road import metres_within_road, ways_by_road

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chargeplan.problem import Problem, Standard

_POINTS = 1_000  # demand points measured at a time


def pairs_with_metres(
    problem: Problem, standard: Standard, reach: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """List every pair of a demand point and a site that is within the point's own reach, some at a time.

    Parameters
    ----------
    problem, standard
        Sites and demand points.
    reach
        (N,) metres; infinite for all sites that the point has a way to, negative for none.

    Yields
    ------
    rows, columns, metres : ndarray
        Indices of demand points and sites, pair by pair, and the distance; some pairs beyond the reach may be
        among them.
    """
    if standard.matrix is not None:
        table = standard.matrix.tocoo()
        row, column = (np.asarray(axis, np.int64) for axis in table.coords)
        near = table.data <= reach[row]
        yield row[near], column[near], table.data[near]
        return
    asking = np.flatnonzero(reach >= 0.0)
    if standard.access is not None:
        for row, column, length in metres_within_road(standard.access, asking, reach[asking]):
            yield asking[row], column, length
        return
    for start in range(0, asking.size, _POINTS):
        part = asking[start : start + _POINTS]
        points, sites = standard.points.positions[part], problem.sites.positions
        row, column = pairs_within_each(points, sites, reach[part])
        yield part[row], column, metres(points[row], sites[column])


def metres_of_pairs(
    problem: Problem, standard: Standard, row: NDArray[np.int64], site: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure pairs of a demand point and a site: (P,) metres, infinite where there is no way."""
    if standard.matrix is None and standard.access is None:
        return metres(standard.points.positions[row], problem.sites.positions[site])
    if row.size == 0:
        return np.empty(0)
    asked, place = np.unique(row * len(problem.sites) + site, return_inverse=True)
    found = np.full(asked.size, np.inf)
    reach = np.full(len(standard.points), -1.0)
    reach[row] = np.inf
    for rows, columns, length in pairs_with_metres(problem, standard, reach):
        key = rows * len(problem.sites) + columns
        at = np.minimum(np.searchsorted(asked, key), asked.size - 1)
        mine = asked[at] == key
        found[at[mine]] = length[mine]
    return np.asarray(found[place])


def has_way(standard: Standard, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which demand points have a way to one of some sites, (M,) bool, at any distance: (N,) bool."""
    if standard.matrix is not None:
        return np.asarray(np.diff(standard.matrix[:, np.flatnonzero(sites)].tocsr().indptr) > 0)
    if standard.access is not None:
        return ways_by_road(standard.access, sites)
    return np.full(len(standard.points), bool(sites.any()))


def nearest_other(positions: NDArray[np.float64], new: NDArray[np.bool_]) -> float | None:
    """Return the least distance of a new station from any other in metres; None where there is no pair.

    Parameters
    ----------
    positions
        (S, 2) longitude and latitude in degrees, WGS-84.
    new
        (S,) bool.
    """
    least = [
        metres(np.broadcast_to(positions[station], others.shape), others).min()
        for station in np.flatnonzero(new)
        if len(others := np.delete(positions, station, axis=0))
    ]
    return float(min(least)) if least else None


def farthest_pair(positions: NDArray[np.float64]) -> float:
    """Return the longest distance between two of some positions in metres, 0 for fewer than two."""
    longest, count = 0.0, len(positions)
    for first in range(count - 1):
        others = positions[first + 1 :]
        longest = max(longest, float(metres(np.broadcast_to(positions[first], others.shape), others).max()))
    return longest
