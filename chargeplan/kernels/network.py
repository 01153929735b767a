"""Distances along roads: bounded shortest paths from where each demand point enters the graph.

The relation comes out directly, row by row; there is never an array of all sources by all nodes. Searches
queue junctions alone (see `chains`), and leave their workspace as clean as they found it. Where they look
things up most, indices are unsigned: compiled code then need not see whether they count from the end.
"""

from __future__ import annotations

import threading
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.chains import Chains, contract
from chargeplan.kernels.compiled import ZERO, in_pieces, kernel, kernel_part
from chargeplan.kernels.inputs import checked_radius, frozen, read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Records = NDArray[Any]
    Starts = NDArray[np.int64]
    Names = NDArray[np.int32]
    Metres = NDArray[np.float64]
    # Of `Chains`: where the arcs out of junctions start, and the arcs.
    Arcs = tuple[Starts, Records]
    # Of `Chains`: half chains, their lengths, and the half chains through inner nodes; of the half chains on
    # which there are sites: where those out of junctions start, and themselves.
    Ways = tuple[Records, Metres, Names, Starts, Records]
    # Demand points by where they enter: the places, where each begins in the list of names, names and legs.
    Demand = tuple[Names, Starts, Starts, Metres]
    # Sites by where they enter: at place v are start[v]:start[v + 1] of the names; and the legs.
    Sites = tuple[Starts, Names, Metres]
    # Distances, infinite unless touched, and the nodes touched, after how many there are.
    Reached = tuple[Metres, Names]
    # The heads of the buckets' lists, -1 if empty, and entries of the lists.
    Queue = tuple[Names, Records]
    # Of sites: distances along the roads, sets of 32 sites, sets of 32 such sets, and the sites found.
    Hits = tuple[Metres, NDArray[np.int64], NDArray[np.int64], Names]
    # Of junctions, of inner nodes, the queue, and of sites.
    Workspace = tuple[Reached, Reached, Queue, Hits]

_PIECE = 32  # sources in the smallest piece of work
_MOST_BUCKETS = 2**16
_WIDTH = 0.5  # of a bucket, in usual arcs
_ENTRIES = 2**12  # of the queue, before it grows
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
    directed
        False: every arc may be driven both ways, and the graph gets one back for each.

    Raises
    ------
    InputError
        Pointers or nodes out of range, or a length that is negative or not finite.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    lengths: NDArray[np.float64]
    directed: InitVar[bool] = True

    def __post_init__(self, directed: bool) -> None:
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
        if not directed:
            indptr, indices, lengths = _both_ways(indptr, indices, lengths)
        read_only(indptr, indices, lengths)
        for name, value in (("indptr", indptr), ("indices", indices), ("lengths", lengths)):
            object.__setattr__(self, name, value)

    @property
    def nodes(self) -> int:
        """How many nodes the graph has."""
        return self.indptr.size - 1

    @cached_property
    def chains(self) -> Chains:
        """The graph with its chains contracted; prepared when it is first needed, and kept."""
        return contract(self.indptr, self.indices, self.lengths)


def _both_ways(indptr: Starts, indices: Names, lengths: Metres) -> tuple[Starts, Names, Metres]:
    """Add an arc back for every arc."""
    tails = np.repeat(np.arange(indptr.size - 1, dtype=np.int32), np.diff(indptr))
    both, heads = np.append(tails, indices), np.append(indices, tails)
    order = np.argsort(both, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(both, minlength=indptr.size - 1)))
    return starts, heads[order], np.tile(lengths, 2)[order]


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


_ENTRY = np.dtype([("distance", np.float64), ("junction", np.int32), ("next", np.int32)])
# Where the lowest bit of a set is, by the top bits of its product with a de Bruijn number (Leiserson, Prokop
# and Randall 1998).
_DE_BRUIJN = 0x077CB531
_LOWEST = np.array([(_DE_BRUIJN << bit & 0xFFFFFFFF) >> 27 for bit in range(32)]).argsort()


@kernel_part
def _grown(found: NDArray[Any], size: int, room: int) -> NDArray[Any]:
    """Copy what was found so far into more room."""
    grown = np.empty(room, found.dtype)
    for t in range(size):
        grown[t] = found[t]
    return grown


@kernel_part
def _along(lengths: Metres, begin: int, inside: int, distance: float) -> float:
    """Add up the arcs of a half chain."""
    for t in range(begin, begin + inside + 1):
        distance += lengths[np.uint64(t)]
    return distance


@kernel_part
def _spread(
    half: Any, lengths: Metres, start: int, distance: float, limit: float, inner: Metres, touched: Names
) -> float:
    """Go along a half chain, its node `start` first, until the limit or where another way was no longer.

    Beyond such a node the other way, which came from there, was no longer either.

    Returns the distance of its end, infinite unless it is reached.
    """
    begin, first, inside, step = half["begin"], half["first"], half["inside"], half["step"]
    for t in range(start, inside):
        distance += lengths[begin + t]
        node = first + step * t
        if distance > limit or distance >= inner[node]:
            return np.inf
        if inner[node] == np.inf:
            touched[0] += 1
            touched[touched[0]] = node
        inner[node] = distance
    return float(distance + lengths[begin + inside])


@kernel_part
def _enter(chains: Ways, place: int, limit: float, junctions: Reached, inside: Reached) -> None:
    """Begin a search at a junction, or within a chain."""
    halves, lengths, through, _, _ = chains
    distances, touched = junctions
    inner, touched_inner = inside
    touched[0] = touched_inner[0] = 0
    node = place - distances.size
    if node < 0:
        distances[place], touched[0], touched[1] = 0.0, 1, place
        return
    inner[node], touched_inner[0], touched_inner[1] = 0.0, 1, node
    for side in range(2):
        half = halves[through[node, side]]
        start = abs(node - half["first"]) + 1
        distance = _spread(half, lengths, start, 0.0, limit, inner, touched_inner)
        end = np.int64(half["to"])
        if distance <= limit and distance < distances[end]:
            if distances[end] == np.inf:
                touched[0] += 1
                touched[touched[0]] = end
            distances[end] = distance


@kernel_part
def _search(
    roads: Arcs, lengths: Metres, junctions: Reached, queue: Queue, limit: float, scale: tuple[float, float]
) -> None:
    """Find all junctions within the limit, from those on that have been entered at.

    Dijkstra's method with buckets for a queue (Dial 1969): bucket b holds the junctions whose distance is b
    to b + 1 widths. A junction that is reached by a shorter way is queued again, and may be taken up again
    while its bucket is worked on, so distances end as exact as with a heap. The metres of a chain tell
    whether it may be a shorter way, allowing for rounding; if so, they are added up again arc by arc.
    """
    start, arcs = roads
    distances, touched = junctions
    heads, entries = queue
    per_width, shrink = scale
    size, free = ZERO, -1  # entries ever used, and the first of those to use again
    for t in range(1, touched[0] + 1):
        junction = np.uint64(touched[t])
        bucket = np.uint64(distances[junction] * per_width)
        entries[size]["distance"], entries[size]["junction"] = distances[junction], junction
        entries[size]["next"], heads[bucket] = heads[bucket], size
        size += 1
    for turn in range(int(limit * per_width) + 1):
        bucket = np.uint64(turn)
        while heads[bucket] >= 0:
            entry = np.uint64(heads[bucket])
            here, junction = entries[entry]["distance"], np.uint64(entries[entry]["junction"])
            heads[bucket] = entries[entry]["next"]
            entries[entry]["next"] = free
            free = int(np.int64(entry))
            if here > distances[junction]:
                continue
            for out in range(start[junction], start[junction + np.uint64(1)]):
                arc = np.uint64(out)
                distance, end = here + arcs[arc]["length"], np.uint64(arcs[arc]["to"])
                if distance * shrink > limit or distance * shrink >= distances[end]:
                    continue
                if arcs[arc]["inside"] > 0:
                    distance = _along(lengths, arcs[arc]["begin"], arcs[arc]["inside"], here)
                if distance > limit or distance >= distances[end]:
                    continue
                if distances[end] == np.inf:
                    touched[0] += 1
                    touched[touched[0]] = end
                distances[end] = distance
                if free < 0:
                    if size == entries.size:
                        entries = _grown(entries, size, 2 * size)
                    free = size
                    entries[free]["next"] = -1
                    size += 1
                entry, bucket_of_end = np.uint64(free), np.uint64(distance * per_width)
                free = int(np.int64(entries[entry]["next"]))
                entries[entry]["distance"], entries[entry]["junction"] = distance, end
                entries[entry]["next"], heads[bucket_of_end] = heads[bucket_of_end], np.int64(entry)


@kernel_part
def _expand(chains: Ways, limit: float, junctions: Reached, inside: Reached) -> None:
    """Find the inner nodes within the limit, along the half chains on which there are sites."""
    _, lengths, _, start, halves = chains
    distances, touched = junctions
    inner, touched_inner = inside
    for t in range(1, touched[0] + 1):
        junction = np.uint64(touched[t])
        for half in range(start[junction], start[junction + np.uint64(1)]):
            _spread(halves[np.uint64(half)], lengths, ZERO, distances[junction], limit, inner, touched_inner)


@kernel_part
def _collect(sites: Sites, reached: Reached, first: int, hits: Hits) -> None:
    """Note the sites at all nodes touched, counted from a place on, and leave the nodes untouched."""
    start, name, _ = sites
    distances, touched = reached
    ways, words, blocks, _ = hits
    for t in range(1, touched[0] + 1):
        node = np.uint64(touched[t])
        place = np.uint64(first) + node
        for s in range(start[place], start[place + np.uint64(1)]):
            site = np.int64(name[np.uint64(s)])
            ways[np.uint64(site)] = distances[node]
            words[np.uint64(site >> 5)] |= 1 << (site & 31)
            blocks[np.uint64(site >> 10)] |= 1 << ((site >> 5) & 31)
        distances[node] = np.inf


@kernel_part
def _sorted_hits(hits: Hits) -> int:
    """List the sites that were noted in ascending order, forget them, and return how many there are."""
    _, words, blocks, found = hits
    size = 0
    for block in range(blocks.size):
        while blocks[block] != 0:
            bit = blocks[block] & -blocks[block]
            blocks[block] ^= bit
            word = 32 * block + _LOWEST[(bit * _DE_BRUIJN & 0xFFFFFFFF) >> 27]
            while words[word] != 0:
                bit = words[word] & -words[word]
                words[word] ^= bit
                found[size] = 32 * word + _LOWEST[(bit * _DE_BRUIJN & 0xFFFFFFFF) >> 27]
                size += 1
    return size


@kernel
def _reach_sites(
    roads: Arcs,
    chains: Ways,
    demand: Demand,
    sites: Sites,
    limit: tuple[float, bool, float, bool],
    scale: tuple[float, float],
    workspace: Workspace,
    counts: Starts,
) -> tuple[Names, Metres]:
    """Find the sites in reach of all demand points at some places.

    A limit is the radius, whether it is out of reach itself, the shortest leg of any site, and whether to
    keep distances. A scale is how many buckets there are to a metre, and what to multiply the metres of a
    chain with lest rounding made them too many.

    Returns the sites (and, when kept, the distances) of the points in their order; `counts` gets how many
    each point has.
    """
    places, start, name, leg = demand
    junctions, inside, queue, hits = workspace
    distances, _, _, found = hits
    site_leg = sites[2]
    radius, strict, least_site_leg, keep = limit
    names, metres = np.empty(0, np.int32), np.empty(0, np.float64)
    size = ZERO
    for p in range(places.size):
        least = np.inf
        for t in range(start[p], start[p + 1]):
            least = min(least, leg[name[t]])
        far = radius - least - least_site_leg + _SLACK
        if not far >= 0.0:
            continue
        _enter(chains, places[p], far, junctions, inside)
        _search(roads, chains[1], junctions, queue, far, scale)
        _expand(chains, far, junctions, inside)
        _collect(sites, junctions, ZERO, hits)
        _collect(sites, inside, junctions[0].size, hits)
        hit = _sorted_hits(hits)
        most = size + hit * (start[p + 1] - start[p])
        if most > names.size:
            names = _grown(names, size, 2 * most)
            if keep:
                metres = _grown(metres, size, 2 * most)
        for t in range(start[p], start[p + 1]):
            before = size
            for h in range(hit):
                site = found[h]
                way = leg[name[t]] + distances[site] + site_leg[site]
                if way < radius or (way == radius and not strict):
                    names[size] = site
                    if keep:
                        metres[size] = way
                    size += 1
            counts[name[t]] = size - before
    return names, metres


@kernel
def _put(rows: Starts, indptr: Starts, found: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy what was found for some rows, one after the other, to where they belong."""
    size = 0
    for row in rows:
        for t in range(indptr[row], indptr[row + 1]):
            out[t] = found[size]
            size += 1


def _by_place(points: Snapped, graph: RoadGraph, name: str) -> tuple[Names, Starts]:
    """Return where the points enter, and the points in the order of these places."""
    if points.node.size and points.node.max() >= graph.nodes:
        raise InputError(f"{name} enter at node {points.node.max()}, but the graph has {graph.nodes} nodes")
    place = graph.chains.place[points.node]
    return place, np.argsort(place, kind="stable")


def _demand(points: Snapped, graph: RoadGraph) -> Demand:
    place, order = _by_place(points, graph, "demand points")
    places, start = np.unique(place[order], return_index=True)
    return places, np.append(start, order.size), order, points.leg


def _sites(points: Snapped, graph: RoadGraph) -> Sites:
    place, order = _by_place(points, graph, "sites")
    start = np.zeros(graph.nodes + 1, np.int64)
    np.cumsum(np.bincount(place, minlength=graph.nodes), out=start[1:])
    return start, order.astype(np.int32), points.leg


def _near(chains: Chains, site_start: Starts) -> tuple[Starts, Records]:
    """Pick the half chains on which there are sites."""
    halves = chains.halves
    last = halves["first"] + halves["step"] * (halves["inside"] - 1)
    low, high = np.minimum(halves["first"], last), np.maximum(halves["first"], last)
    start = site_start[chains.junctions :]
    picked = np.append(0, np.cumsum(start[low] < start[high + 1]))
    return picked[chains.half_start], halves[np.diff(picked) > 0]


def _workspace(chains: Chains, sites: int, buckets: int) -> Workspace:
    """Make what a search writes to, as it must find it."""
    junctions, inner = chains.junctions, chains.through.shape[0]
    words, blocks = np.zeros(sites // 32 + 1, np.int64), np.zeros(sites // 1024 + 1, np.int64)
    return (
        (np.full(junctions, np.inf), np.empty(junctions + 1, np.int32)),
        (np.full(inner, np.inf), np.empty(inner + 1, np.int32)),
        (np.full(buckets, -1, np.int32), np.empty(_ENTRIES, _ENTRY)),
        (np.empty(sites), words, blocks, np.empty(sites, np.int32)),
    )


def _relation(
    graph: RoadGraph, demand: Snapped, sites: Snapped, radius: float, *, strict: bool, keep: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Return row pointers, sites and, when they are to be kept, distances of all pairs within the radius."""
    (places, start, order, leg), goals = _demand(demand, graph), _sites(sites, graph)
    chains = graph.chains
    roads = chains.arc_start, chains.arcs
    ways = chains.halves, chains.lengths, chains.through, *_near(chains, goals[0])
    usual = float(chains.arcs["length"].mean()) if chains.arcs.size else 0.0
    width = max(usual * _WIDTH, radius / _MOST_BUCKETS, _SLACK)
    # Two sums of the same n metres differ by less than n units in the last place.
    scale = 1.0 / width, 1.0 - float(np.finfo(float).eps) * (4 + chains.halves["inside"].max(initial=0))
    limit = radius, strict, float(sites.leg.min(initial=np.inf)), keep
    indptr = np.zeros(demand.node.size + 1, np.int64)
    own = threading.local()

    def reach(first: int, last: int) -> tuple[Starts, Names, Metres]:
        if not hasattr(own, "workspace"):
            own.workspace = _workspace(chains, sites.node.size, int((radius + _SLACK) / width) + 2)
        piece = places[first:last], start[first : last + 1], order, leg
        found = _reach_sites(roads, ways, piece, goals, limit, scale, own.workspace, indptr[1:])
        return order[start[first] : start[last]], *found

    found = in_pieces(reach, places.size, _PIECE)
    np.cumsum(indptr, out=indptr)
    indices, metres = np.empty(indptr[-1], np.int32), np.empty(indptr[-1] if keep else 0)

    def put(first: int, last: int) -> None:
        for rows, names, distances in found[first:last]:
            _put(rows, indptr, names, indices)
            if keep:
                _put(rows, indptr, distances, metres)

    in_pieces(put, len(found), 1)
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
