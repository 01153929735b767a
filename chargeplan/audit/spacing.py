"""How far apart the stations of a corridor are: the other reading of 'less than 50 km between cities'.

For every road of a corridor (its pieces with the same `ref`) the audit measures the longest stretch between
stations that are neighbours along it, the legs from the road to the stations counted. With d the distance
along the road from a place on it to the nearest station, two neighbouring stations meet somewhere between
them, and the step from u to v in which they meet tells their distance: d_u + step + d_v. The steps in which
nobody meets are those that the shortest ways run along; what those add is the stretch from an end of the road
to its nearest station, the greatest d. So this is the greater of the two maxima, on a road of any shape:
open, branched or a ring. Where the road leaves what the standard asks to be served, the border is an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from chargeplan.audit.report import CorridorGap

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from chargeplan.kernels import RoadGraph
    from chargeplan.problem import Problem, Standard


def corridor_gaps(
    problem: Problem, standard: Standard, positions: NDArray[np.float64]
) -> tuple[CorridorGap, ...]:
    """Measure the longest stretch between stations on every road of a corridor.

    Parameters
    ----------
    problem
        With the corridor's lines.
    standard
        The corridor's standard, by road.
    positions
        (S, 2) longitude and latitude of the stations.

    Returns
    -------
    tuple of CorridorGap
        By `ref` (the corridor's name where its lines have none), those roads that the standard asks to be
        served. Stations farther from the road than the standard's radius are left out.
    """
    assert standard.access is not None
    assert standard.corridor is not None
    network, access = standard.access.network, standard.access.for_sites(positions)
    entrances = network.snap(positions)
    along = np.flatnonzero(entrances.edge >= 0)
    cut, cut_edge = (
        access.sites.node[along],
        entrances.edge[along],
    )  # nodes made where stations enter along an edge
    asked = np.zeros(access.graph.nodes, np.bool_)
    asked[access.demand.node] = True
    asked[cut] = asked[network.ends[cut_edge]].all(axis=1)
    near = access.sites.leg <= standard.radius
    gaps = []
    for ref, pieces in _roads(problem.lines[standard.corridor], standard.corridor):
        edges = pieces[network.lines.feature]
        on_road = np.zeros(access.graph.nodes, np.bool_)
        on_road[network.ends[edges]] = True
        on_road[cut] = edges[cut_edge]
        entering = near & on_road[access.sites.node]
        gaps.append(
            _gap(
                ref,
                _Road.of(access.graph, on_road, asked),
                access.sites.node[entering],
                access.sites.leg[entering],
            )
        )
    return tuple(gap for gap in gaps if gap.length_m > 0)


def _roads(lines: gpd.GeoDataFrame, corridor: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Every road's number and its pieces, (F,) bool."""
    refs = (
        lines["ref"].fillna(corridor).astype(str).to_numpy()
        if "ref" in lines
        else np.full(len(lines), corridor)
    )
    for ref in sorted(set(refs)):
        yield ref, refs == ref


@dataclass(frozen=True)
class _Road:
    """The arcs of one road, and which of its nodes are asked to be served."""

    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    length: NDArray[np.float64]
    asked: NDArray[np.bool_]

    @classmethod
    def of(cls, graph: RoadGraph, on_road: NDArray[np.bool_], asked: NDArray[np.bool_]) -> _Road:
        """Take a road out of the graph."""
        tail = np.repeat(np.arange(graph.nodes), np.diff(graph.indptr))
        kept = on_road[tail] & on_road[graph.indices]
        return cls(tail[kept], graph.indices[kept].astype(np.int64), graph.lengths[kept], asked & on_road)


def _gap(ref: str, road: _Road, node: NDArray[np.int64], leg: NDArray[np.float64]) -> CorridorGap:
    """Measure a road's longest stretch; stations enter it at nodes, over legs."""
    steps = (road.tail < road.head) & road.asked[road.tail] & road.asked[road.head]
    length = float(road.length[steps].sum())
    distance, previous = _distances(road, node, leg)
    if not np.isfinite(distance[road.asked]).all():
        return CorridorGap(ref, length, node.size, None)
    tail, head = road.tail[steps], road.head[steps]
    meeting = (previous[head] != tail) & (previous[tail] != head)
    between = (distance[tail] + road.length[steps] + distance[head])[meeting]
    return CorridorGap(
        ref, length, node.size, float(max(between.max(initial=0.0), distance[road.asked].max(initial=0.0)))
    )


def _distances(
    road: _Road, node: NDArray[np.int64], leg: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance of every node to its nearest station, and the node before it on the way from there."""
    n = road.asked.size
    stations = n + np.arange(node.size)
    if node.size == 0:
        return np.full(n, np.inf), np.full(n, -1)
    arcs = (np.concatenate((road.tail, stations)), np.concatenate((road.head, node)))
    graph = csr_array((np.concatenate((road.length, leg)), arcs), shape=(n + node.size, n + node.size))
    distance, previous, _ = dijkstra(graph, indices=stations, min_only=True, return_predecessors=True)
    return distance[:n], previous[:n].astype(np.int64)
