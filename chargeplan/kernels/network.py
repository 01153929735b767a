"""Distances along roads: bounded shortest paths from where each demand point enters the graph.

The relation comes out directly, row by row; there is never an array of all sources by all nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.inputs import checked_radius, frozen, read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Records = NDArray[Any]
    Names = NDArray[np.int32]
    # Row pointers, arcs, and the width of a bucket of the search.
    Graph = tuple[NDArray[np.int64], Records, float]
    # Snapped points, by node too: at node v are start[v]:start[v + 1] of the names; then node and leg of
    # every point.
    Points = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

_PIECE = 32  # sources in the smallest piece of work
_MOST_BUCKETS = 2**16
_SLACK = 1e-6  # metres; a search goes this much too far, so that rounding loses no pair before it is compared


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """A road graph as compressed sparse rows: the arcs out of node v are ``indptr[v]:indptr[v + 1]``.

    Parameters
    ----------
    indptr
        (V + 1,) row pointers.
    indices
        (E,) the node each arc leads to. A road that may be driven both ways is two arcs.
    lengths
        (E,) metres (or seconds), finite, 0 or more.

    Raises
    ------
    InputError
        Pointers or nodes out of range, or a length that is negative or not finite.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    lengths: NDArray[np.float64]

    def __post_init__(self) -> None:
        indptr = np.array(self.indptr, dtype=np.int64)
        indices = np.array(self.indices, dtype=np.int32)
        lengths = np.array(self.lengths, dtype=np.float64)
        if indptr.ndim != 1 or indptr.size == 0 or indptr[0] != 0 or np.any(np.diff(indptr) < 0):
            raise InputError("indptr of a road graph must begin with 0 and never fall")
        if indices.shape != (indptr[-1],) or lengths.shape != indices.shape:
            raise InputError(f"a road graph of {indptr[-1]} arcs needs as many indices and lengths")
        if indices.size and not (indices.min() >= 0 and indices.max() < indptr.size - 1):
            raise InputError(f"an arc leads outside the {indptr.size - 1} nodes of the road graph")
        if not np.all(np.isfinite(lengths) & (lengths >= 0)):
            raise InputError("lengths of a road graph must be finite and 0 or more")
        read_only(indptr, indices, lengths)
        for name, value in (("indptr", indptr), ("indices", indices), ("lengths", lengths)):
            object.__setattr__(self, name, value)

    @property
    def nodes(self) -> int:
        """How many nodes the graph has."""
        return self.indptr.size - 1


@dataclass(frozen=True, eq=False)
class Snapped:
    """Where points enter a road graph.

    Parameters
    ----------
    node
        (N,) the node each point enters at.
    leg
        (N,) metres between the point and that node, 0 or more; infinite for a point that no road reaches.

    Raises
    ------
    InputError
        Different sizes, a negative node, or a leg that is negative or not a number.
    """

    node: NDArray[np.int64]
    leg: NDArray[np.float64]

    def __post_init__(self) -> None:
        node, leg = np.array(self.node, dtype=np.int64), np.array(self.leg, dtype=np.float64)
        if node.ndim != 1 or node.shape != leg.shape:
            raise InputError(f"{node.shape} nodes do not go with {leg.shape} legs")
        if np.any(node < 0) or not np.all(leg >= 0):
            raise InputError("nodes and legs of snapped points must be 0 or more")
        read_only(node, leg)
        object.__setattr__(self, "node", node)
        object.__setattr__(self, "leg", leg)


# An arc out of a node. A node: its distance (infinite unless touched) and its neighbours in the list of its
# bucket, -1 at the ends of the list.
_ARC = np.dtype([("length", np.float64), ("to", np.int64)])
_NODE = np.dtype([("distance", np.float64), ("next", np.int32), ("before", np.int32)])
_SETTLED = -2  # in `before`, of a node in no list


@kernel
def _take_out(nodes: Records, heads: Names, bucket: int, node: int) -> None:
    """Take a node out of the list of its bucket."""
    before, following = nodes[node]["before"], nodes[node]["next"]
    if before >= 0:
        nodes[before]["next"] = following
    else:
        heads[bucket] = following
    if following >= 0:
        nodes[following]["before"] = before
    nodes[node]["before"] = _SETTLED


@kernel
def _put_in(nodes: Records, heads: Names, bucket: int, node: int) -> None:
    """Put a node in front of the list of a bucket."""
    following = heads[bucket]
    nodes[node]["next"], nodes[node]["before"] = following, -1
    if following >= 0:
        nodes[following]["before"] = node
    heads[bucket] = node


@kernel
def _search(
    indptr: NDArray[np.int64],
    arcs: Records,
    source: int,
    limit: float,
    per_width: float,
    nodes: Records,
    touched: Names,
    heads: Names,
) -> int:
    """Find all nodes within `limit` of the source; return how many were touched.

    Dijkstra's method with buckets for a queue (Dial 1969): bucket b holds the nodes whose distance is b to
    b + 1 widths. A node may be taken up again while its bucket is worked on, so distances end as exact as
    with a heap.
    """
    nodes[source]["distance"] = 0.0
    touched[0] = source
    count = 1
    _put_in(nodes, heads, int(0.0 * per_width), source)
    for bucket in range(int(limit * per_width) + 1):
        while heads[bucket] >= 0:
            node = int(np.int64(heads[bucket]))
            _take_out(nodes, heads, bucket, node)
            for a in range(indptr[node], indptr[node + 1]):
                distance = nodes[node]["distance"] + arcs[a]["length"]
                neighbour = arcs[a]["to"]
                known = nodes[neighbour]["distance"]
                if distance > limit or distance >= known:
                    continue
                if known == np.inf:
                    touched[count] = neighbour
                    count += 1
                elif nodes[neighbour]["before"] != _SETTLED:
                    _take_out(nodes, heads, int(known * per_width), neighbour)
                nodes[neighbour]["distance"] = distance
                _put_in(nodes, heads, int(distance * per_width), neighbour)
    return count


@kernel
def _sort_names(names: NDArray[np.int32]) -> None:
    """Sort a list in place (Shell's method)."""
    gap = 1
    while 3 * gap + 1 < names.size:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, names.size):
            name = names[i]
            place = i
            while place >= gap and names[place - gap] > name:
                names[place] = names[place - gap]
                place -= gap
            names[place] = name
        gap //= 3


@kernel
def _sites_at(touched: Names, start: NDArray[np.int64], name: NDArray[np.int64]) -> Names:
    """Return the sites at touched nodes in ascending order."""
    total = 0
    for node in touched:
        total += start[node + 1] - start[node]
    found = np.empty(total, np.int32)
    size = 0
    for node in touched:
        for place in range(start[node], start[node + 1]):
            found[size] = name[place]
            size += 1
    _sort_names(found)
    return found


@kernel
def _grown_names(names: NDArray[np.int32], size: int, room: int) -> NDArray[np.int32]:
    grown = np.empty(room, np.int32)
    for t in range(size):
        grown[t] = names[t]
    return grown


@kernel
def _grown_metres(metres: NDArray[np.float64], size: int, room: int) -> NDArray[np.float64]:
    grown = np.empty(room, np.float64)
    for t in range(size):
        grown[t] = metres[t]
    return grown


@kernel
def _reach_sites(
    graph: Graph,
    demand: Points,
    sites: Points,
    sources: NDArray[np.int64],
    limit: tuple[float, bool, float, bool],
    counts: NDArray[np.int64],
) -> tuple[Names, NDArray[np.float64]]:
    """Find the sites in reach of all demand points at the source nodes.

    A limit is the radius, whether it is out of reach itself, the shortest leg of any site, and whether to
    keep distances.

    Returns the sites (and, when kept, the distances) of the points in the order of the sources; `counts`
    gets how many each point has.
    """
    indptr, arcs, width = graph
    start, name, _, leg = demand
    site_start, site_name, site_node, site_leg = sites
    radius, strict, least_site_leg, keep = limit
    nodes, touched = np.empty(indptr.size - 1, _NODE), np.empty(indptr.size - 1, np.int32)
    for v in range(nodes.size):
        nodes[v]["distance"] = np.inf
    heads = np.full(int((radius + _SLACK) / width) + 2, -1, np.int32)
    names, metres = np.empty(0, np.int32), np.empty(0, np.float64)
    size = 0
    for source in sources:
        least = np.inf
        for place in range(start[source], start[source + 1]):
            least = min(least, leg[name[place]])
        far = radius - least - least_site_leg + _SLACK
        if not far >= 0.0:
            continue
        count = _search(indptr, arcs, source, far, 1.0 / width, nodes, touched, heads)
        found = _sites_at(touched[:count], site_start, site_name)
        most = size + found.size * (start[source + 1] - start[source])
        if most > names.size:
            names = _grown_names(names, size, 2 * most)
            if keep:
                metres = _grown_metres(metres, size, 2 * most)
        for place in range(start[source], start[source + 1]):
            before = size
            for site in found:
                way = leg[name[place]] + nodes[site_node[site]]["distance"] + site_leg[site]
                if way < radius or (way == radius and not strict):
                    names[size] = site
                    if keep:
                        metres[size] = way
                    size += 1
            counts[name[place]] = size - before
        for t in range(count):
            nodes[touched[t]]["distance"] = np.inf
    kept = size * int(keep)
    return _grown_names(names, size, size), _grown_metres(metres, kept, kept)


@kernel
def _place(
    start: NDArray[np.int64],
    name: NDArray[np.int64],
    sources: NDArray[np.int64],
    indptr: NDArray[np.int64],
    found: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Copy what was found for the sources into the rows of their demand points."""
    size = 0
    for source in sources:
        for place in range(start[source], start[source + 1]):
            point = name[place]
            for t in range(indptr[point], indptr[point + 1]):
                out[t] = found[size]
                size += 1


def _by_node(points: Snapped, nodes: int, name: str) -> Points:
    if points.node.size and points.node.max() >= nodes:
        raise InputError(f"{name} enter at node {points.node.max()}, but the graph has {nodes} nodes")
    start = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(points.node, minlength=nodes), out=start[1:])
    return start, np.argsort(points.node, kind="stable"), points.node, points.leg


def _roads(graph: RoadGraph, radius: float) -> Graph:
    arcs = np.empty(graph.indices.size, _ARC)
    arcs["length"], arcs["to"] = graph.lengths, graph.indices
    usual = float(graph.lengths.mean()) if graph.lengths.size else 0.0
    return graph.indptr, arcs, max(usual / 2, radius / _MOST_BUCKETS, _SLACK)


def _relation(
    graph: RoadGraph, demand: Snapped, sites: Snapped, radius: float, *, strict: bool, keep: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Return row pointers, sites and, when they are to be kept, distances of all pairs within the radius."""
    roads = _roads(graph, radius)
    origins = _by_node(demand, graph.nodes, "demand points")
    goals = _by_node(sites, graph.nodes, "sites")
    limit = radius, strict, float(sites.leg.min(initial=np.inf)), keep
    sources = np.flatnonzero(np.diff(origins[0]))
    indptr = np.zeros(demand.node.size + 1, np.int64)

    def reach(start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        piece = sources[start:stop]
        return piece, *_reach_sites(roads, origins, goals, piece, limit, indptr[1:])

    found = in_pieces(reach, sources.size, _PIECE)
    np.cumsum(indptr, out=indptr)
    indices, metres = np.empty(indptr[-1], np.int32), np.empty(indptr[-1] if keep else 0)
    for piece, names, distances in found:
        _place(*origins[:2], piece, indptr, names, indices)
        if keep:
            _place(*origins[:2], piece, indptr, distances, metres)
    return indptr, indices, metres


def _sparse(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], data: NDArray[Any], sites: int
) -> csr_array:
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    if indices.size <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    matrix = csr_array((data, indices, indptr), shape=(indptr.size - 1, sites))
    matrix.has_canonical_format = True
    return frozen(matrix)


def road_coverage(
    graph: RoadGraph, demand: Snapped, sites: Snapped, radius: float, *, strict: bool = False
) -> csr_array:
    """Find the sites within the radius of each demand point by road.

    Parameters
    ----------
    graph
        The roads; arcs are followed in their own direction, from the demand point to the site.
    demand, sites
        Where N demand points and M sites enter the graph; both legs count.
    radius
        Metres (or seconds, as the graph's lengths are), 0 or more.
    strict
        A pair counts when its distance is less than the radius, rather than at most the radius.

    Returns
    -------
    csr_array
        (N, M) bool, read-only, every stored value true, sites ascending within each row. The distance that is
        compared is (demand leg + path) + site leg in float64, the path added up from the demand point on.

    Raises
    ------
    InputError
        A point that enters at a node the graph has not; a radius that is negative or not finite.
    """
    radius = checked_radius(radius)
    indptr, indices, _ = _relation(graph, demand, sites, radius, strict=strict, keep=False)
    return _sparse(indptr, indices, np.ones(indices.size, np.bool_), sites.node.size)


def road_distances(graph: RoadGraph, demand: Snapped, sites: Snapped, limit: float) -> csr_array:
    """Measure the way by road from each demand point to every site that is not farther than a limit.

    Parameters
    ----------
    graph, demand, sites
        As for `road_coverage`.
    limit
        Metres (or seconds, as the graph's lengths are), 0 or more.

    Returns
    -------
    csr_array
        (N, M) float64, read-only; pairs within the limit are stored, a distance of 0 too.

    Raises
    ------
    InputError
        A point that enters at a node the graph has not; a limit that is negative or not finite.
    """
    limit = checked_radius(limit, "limit")
    indptr, indices, metres = _relation(graph, demand, sites, limit, strict=False, keep=True)
    return _sparse(indptr, indices, metres, sites.node.size)
