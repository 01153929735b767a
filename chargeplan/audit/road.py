"""Distances by road as the audit measures them: SciPy's Dijkstra, from the stations backwards.

A way leads from the demand point over its snap leg into the graph, along the graph, and out over the
station's leg.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
_TOGETHER = 64  # stations in a usual group of neighbours
_ROUNDING = 1e-9  # relative: by how much more than this no two sums of the same roads differ


@dataclass(frozen=True)
class _Block:
    """Distances between some of the stations and some of the demand points: (S, N) metres, inf for no way."""

    stations: NDArray[np.int64]
    demand: NDArray[np.int64]
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
    station, distance = _nearest(graph, demand, stations, np.arange(stations.node.size))
    backup = distance if k == 1 else _kth_nearest(graph, demand, stations, k)
    return Nearest(station, _or_nan(distance), _or_nan(backup))


def _nearest(
    graph: RoadGraph, demand: Snapped, stations: Snapped, among: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest of some stations, the first of equals, and the metres to it: -1 and inf for no way.

    One search starts from all of them at once, each a node of its own whose leg is a road.
    """
    n = demand.node.size
    among = among[np.isfinite(stations.leg[among])]
    if n == 0 or among.size == 0:
        return np.full(n, -1, np.int64), np.full(n, np.inf)
    roads, size = reversed_graph(graph), graph.nodes + among.size
    indptr = np.concatenate((roads.indptr, roads.indptr[-1] + 1 + np.arange(among.size)))
    head = np.concatenate((roads.indices, stations.node[among]))
    length = np.concatenate((roads.data, stations.leg[among]))
    backwards = csr_array((length, head, indptr), shape=(size, size))
    own = np.arange(graph.nodes, size)
    along, _, source = dijkstra(backwards, indices=own, min_only=True, return_predecessors=True)
    tail = np.repeat(np.arange(size), np.diff(indptr))
    on_way = np.isfinite(along[tail]) & (along[tail] + length == along[head])
    first = _least(source.astype(np.int64), tail[on_way], head[on_way])[demand.node]
    distance = along[demand.node] + demand.leg
    reached = np.isfinite(distance)
    return np.where(reached, among[np.where(reached, first - graph.nodes, 0)], -1), distance


def _least(label: NDArray[np.int64], tail: NDArray[np.int64], head: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hand labels on along arcs, the least of those that come together, until none changes any more.

    Nearly all agree at once: a label changes only where two ways are equally short.
    """
    while True:
        handed = label.copy()
        np.minimum.at(handed, head, label[tail])
        if np.array_equal(handed, label):
            return label
        label = handed


def _kth_nearest(graph: RoadGraph, demand: Snapped, stations: Snapped, k: int) -> NDArray[np.float64]:
    """Metres to the k-th nearest station, (N,), inf where fewer are reached.

    Of k groups of stations each has one within the greatest of the k distances to the nearest of a group, so
    that the k nearest are no farther.
    """
    everyone = np.arange(stations.node.size)
    best: NDArray[np.float64] = np.full((k, demand.node.size), np.inf)
    if everyone.size < k or demand.node.size == 0:
        return np.asarray(best[k - 1])
    bounds = [_nearest(graph, demand, stations, everyone[group::k])[1] for group in range(k)]
    for block in _blocks(graph, demand, stations, float(np.max(bounds)) * (1.0 + _ROUNDING)):
        known = np.vstack((best[:, block.demand], block.distance))
        best[:, block.demand] = np.partition(known, k - 1, axis=0)[:k]
    return np.asarray(best[k - 1])


def _or_nan(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(np.isinf(distance), np.nan, distance))


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
        rows.append(block.demand[row])
        columns.append(block.stations[column])
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
    demand = replace(access.demand, node=access.demand.node[asking], leg=access.demand.leg[asking])
    for block in _blocks(access.graph, demand, access.sites, float(reach.max(initial=0.0))):
        near = (block.distance <= reach[block.demand]) & np.isfinite(block.distance)
        column, row = np.nonzero(near)
        yield block.demand[row], block.stations[column], block.distance[near]


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
    """Road distances, as many at a time as fit; ways longer than `limit` may be missing.

    A way within the limit has its graph part within it too, as legs only lengthen it, and so leads through no
    node that is farther from the station: of the graph only what is near a group of stations is searched.
    """
    if demand.node.size == 0 or stations.node.size == 0:
        return
    backwards, place = reversed_graph(graph), np.full(graph.nodes, -1, np.int64)
    for group in _groups(graph, stations, limit):
        nodes = np.unique(stations.node[group])
        near = np.flatnonzero(np.isfinite(dijkstra(backwards, indices=nodes, min_only=True, limit=limit)))
        place[near] = np.arange(near.size)
        reached = np.flatnonzero(place[demand.node] >= 0)
        roads, goals = csr_array(backwards[near][:, near]), place[demand.node[reached]]
        step = max(1, _CELLS // max(reached.size, near.size))
        for first in range(0, group.size, step):
            part = group[first : first + step]
            starts, entry = np.unique(place[stations.node[part]], return_inverse=True)
            along = np.atleast_2d(dijkstra(roads, indices=starts, limit=limit))[:, goals][entry]
            distance = along + (stations.leg[part, np.newaxis] + demand.leg[reached])
            yield _Block(part, reached, distance)
        place[near] = -1


def _groups(graph: RoadGraph, stations: Snapped, limit: float) -> Iterator[NDArray[np.int64]]:
    """Group stations by which of a few is the nearest; all are together where ways may be of any length."""
    everyone = np.arange(stations.node.size)
    if np.isinf(limit):
        yield everyone
        return
    here = replace(stations, leg=np.zeros(everyone.size))
    middle, _ = _nearest(graph, here, here, everyone[::_TOGETHER])
    order = np.argsort(middle, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(middle[order])) + 1)
