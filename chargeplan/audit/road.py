"""Distances by road as the audit measures them: SciPy's Dijkstra, from the stations backwards.

A way leads from the demand point over its snap leg into the graph, along the graph, and out over the
station's leg.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from chargeplan.audit.geodesic import Nearest, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chargeplan.kernels import RoadGraph, Snapped
    from chargeplan.problem import RoadAccess

_CELLS = 4_000_000  # distances held at a time, 32 MB


@dataclass(frozen=True)
class _Block:
    """Distances of all demand points to stations `first`, `first` + 1, ...: (S, N) metres, inf for no way."""

    first: int
    distance: NDArray[np.float64]


def nearest_by_road(graph: RoadGraph, demand: Snapped, stations: Snapped, k: int) -> Nearest:
    """Find the nearest and the k-th nearest station of every demand point by road.

    Parameters
    ----------
    graph
        The road graph.
    demand, stations
        Where the N demand points and the S stations enter it.
    k
        At least 1.
    """
    n = demand.node.size
    station, best = np.full(n, -1, np.int64), np.full((k, n), np.inf)
    for block in _blocks(graph, demand, stations, np.inf):
        closest = block.distance.argmin(axis=0)
        closer = block.distance[closest, np.arange(n)] < best[0]
        station[closer] = block.first + closest[closer]
        best = np.sort(np.vstack((best, block.distance)), axis=0)[:k]
    best[np.isinf(best)] = np.nan
    return Nearest(station, best[0], best[k - 1])


def pairs_within_road(
    graph: RoadGraph, demand: Snapped, sites: Snapped, radius: float, *, strict: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List every pair of a demand point and a site within a radius by road.

    Parameters
    ----------
    graph
        The road graph.
    demand, sites
        Where the N demand points and the M sites enter it.
    radius
        Metres.
    strict
        Whether a pair has to be nearer than the radius.

    Returns
    -------
    rows, columns : ndarray of int64
        Indices of demand points and sites, pair by pair.
    """
    rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in _blocks(graph, demand, sites, radius):
        column, row = np.nonzero(within(block.distance, radius, strict=strict))
        rows.append(row)
        columns.append(column + block.first)
    return np.concatenate(rows), np.concatenate(columns)


def metres_within_road(
    access: RoadAccess, asking: NDArray[np.int64], reach: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """List every pair of a demand point and a site within the point's own reach by road, some at a time.

    Parameters
    ----------
    access
        How demand points and sites meet.
    asking
        (K,) the demand points that are asked about.
    reach
        (K,) metres of each of them, perhaps infinite.

    Yields
    ------
    rows, columns, metres : ndarray
        Indices into `asking` and of sites, pair by pair, and the length of the way.
    """
    for block in _blocks(access.graph, access.demand, access.sites, float(reach.max(initial=0.0))):
        distance = block.distance[:, asking]
        near = (distance <= reach) & np.isfinite(distance)
        column, row = np.nonzero(near)
        yield row, column + block.first, distance[near]


def ways_by_road(access: RoadAccess, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which demand points have a way by road to one of some sites, (M,) bool: (N,) bool."""
    open_to = np.flatnonzero(sites & np.isfinite(access.sites.leg))
    if open_to.size == 0 or access.demand.node.size == 0:
        return np.zeros(access.demand.node.size, np.bool_)
    backwards = reversed_graph(access.graph)
    along = dijkstra(backwards, indices=np.unique(access.sites.node[open_to]), min_only=True)
    return np.asarray(np.isfinite(along[access.demand.node] + access.demand.leg))


def reversed_graph(graph: RoadGraph) -> csr_array[np.float64]:
    """Turn every road round, (V, V): what leads from a station in it leads to the station in the graph."""
    n = graph.indptr.size - 1
    forward = csr_array((graph.lengths, graph.indices, graph.indptr), shape=(n, n))
    return csr_array(forward.T.tocsr())  # roads of length 0 stay: SciPy keeps stored zeros as edges


def _blocks(graph: RoadGraph, demand: Snapped, stations: Snapped, limit: float) -> Iterator[_Block]:
    """Road distances, as many stations at a time as fit; ways longer than `limit` may be missing."""
    if demand.node.size == 0:
        return
    backwards = reversed_graph(graph)
    step = max(1, _CELLS // max(demand.node.size, backwards.shape[0], 1))
    for first in range(0, stations.node.size, step):
        part = slice(first, first + step)
        nodes, entry = np.unique(stations.node[part], return_inverse=True)
        # Legs only lengthen a way, so a way within the limit has its graph part within it too.
        along = np.atleast_2d(dijkstra(backwards, indices=nodes, limit=limit))
        distance = along[:, demand.node][entry]
        yield _Block(first, distance + (stations.leg[part, np.newaxis] + demand.leg))
