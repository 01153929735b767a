"""Road graphs with their chains contracted: roads between junctions become single arcs.

Most nodes of a road graph only give a road its shape: they have one or two neighbours. A search needs to
queue the others, the junctions, alone. Nothing is lost: a chain keeps its arcs one by one, so that ways to,
from and along the nodes within it are still added up arc by arc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.kernels.compiled import ZERO, kernel, kernel_part
from chargeplan.kernels.inputs import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Records = NDArray[Any]
    Starts = NDArray[np.int64]
    Names = NDArray[np.int32]
    Metres = NDArray[np.float64]
    # Every node's neighbours, ascending: where they start and end, who they are, how far they are along the
    # shortest arc to each, infinite where only an arc back exists.
    Neighbours = tuple[Starts, Starts, Names, Metres]
    Halves = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    # Half chains, their lengths, and how many inner nodes, half chains and lengths there are so far.
    Found = tuple[Halves, Metres, NDArray[np.int64]]
    # Where the arcs out of junctions start, their metres, ends and half chains; where half chains start.
    Out = tuple[Starts, Metres, Names, Names, Starts]


ARC = np.dtype([("length", np.float64), ("begin", np.int64), ("to", np.int32), ("inside", np.int32)])
_HALF_FIELDS = ("begin", "first", "inside", "step", "to")
HALF = np.dtype([(field, np.int64 if field == "begin" else np.int32) for field in _HALF_FIELDS])


@dataclass(frozen=True, eq=False)
class Chains:
    """A road graph of J junctions, the arcs between them, and I nodes within chains.

    Junctions are numbered breadth first, so that those which are close are close in memory too; the nodes
    within a chain are numbered one after the other, following the junctions.

    Parameters
    ----------
    place
        (V,) the number of every node of the graph: below J a junction's, J and above an inner node's.
    arc_start, arcs
        The arcs out of junction u are ``arc_start[u]:arc_start[u + 1]``: metres, the junction they lead to,
        how many inner nodes lie on the way, and where their lengths begin.
    half_start, halves
        The half chains out of junction u are ``half_start[u]:half_start[u + 1]``: where their lengths begin,
        the first inner node (counted from J), how many there are, whether their numbers rise (1) or fall
        (-1), and the junction they lead to.
    lengths
        Metres of the arcs of half chains, one more than there are inner nodes; infinite where the road may
        not be driven this way, and beyond a dead end.
    through
        (I, 2) the two half chains through every inner node, its numbers rising and falling.
    """

    place: Names
    arc_start: Starts
    arcs: Records
    half_start: Starts
    halves: Records
    lengths: Metres
    through: Names

    def __post_init__(self) -> None:
        read_only(*vars(self).values())

    @property
    def junctions(self) -> int:
        """How many junctions there are."""
        return self.arc_start.size - 1


@kernel
def _merge(
    indptr: Starts, indices: Names, into: Starts, tails: Names, lengths: Metres, lists: Neighbours
) -> None:
    """List every node's neighbours; `into`, `tails` and `lengths` are the arcs by where they lead.

    The neighbours w are gone through in ascending order and entered in the lists of theirs, so that what
    belongs to one neighbour comes together and is merged.
    """
    start, end, name, metres = lists
    for w in range(end.size):
        heads = indptr[w + 1] - indptr[w]
        for t in range(heads + into[w + 1] - into[w]):
            a = into[w] + t - heads
            v = indices[indptr[w] + t] if t < heads else tails[a]
            if v == w:
                continue
            if end[v] == start[v] or name[end[v] - 1] != w:
                name[end[v]], metres[end[v]] = w, np.inf
                end[v] += 1
            if t >= heads:
                metres[end[v] - 1] = min(metres[end[v] - 1], lengths[a])


@kernel_part
def _follow(
    neighbours: Neighbours, junction: Flags, number: Names, known: int, u: int, entry: int, lengths: Metres
) -> tuple[int, int, float]:
    """Follow a chain from node u through one of its neighbours, and write its lengths down.

    Its nodes are numbered from `known` on, unless they have been from the other end.

    Returns the node it ends at (no junction: a dead end, the last node within), how many nodes lie within,
    and the metres as far as a junction.
    """
    start, end, name, metres = neighbours
    before, node = u, int(np.int64(name[entry]))
    fresh = number[node] < 0
    inside, length = 0, metres[entry]
    lengths[0] = length
    while not junction[node]:
        if fresh:
            number[node] = known + inside
        inside += 1
        on = start[node] + np.int64(name[start[node]] == before)
        if on == end[node]:
            lengths[inside] = np.inf
            return node, inside, np.inf
        before, node = node, int(np.int64(name[on]))
        lengths[inside] = metres[on]
        length += metres[on]
    return node, inside, length


@kernel_part
def _enter(found: Found, first: int, inside: int, step: int, to: int) -> None:
    """Enter a half chain whose lengths have just been written."""
    halves, _, used = found
    half = used[1]
    halves[half, 0], halves[half, 1], halves[half, 2] = used[2], first, inside
    halves[half, 3], halves[half, 4] = step, to
    used[1] += 1
    used[2] += inside + 1


@kernel_part
def _take_chain(
    neighbours: Neighbours, junction: Flags, number: Names, u: int, entry: int, found: Found
) -> tuple[int, float]:
    """Add the half chain that leads out of junction u through one of its neighbours.

    The way back from a dead end begins with an infinite length: as a half chain out of u it leads nowhere,
    but a source within follows it.

    Returns the node it ends at and its metres.
    """
    start, _, name, _ = neighbours
    _, lengths, used = found
    known = used[0]
    fresh = number[name[entry]] < 0
    first = int(known if fresh else np.int64(number[name[entry]]))
    to, inside, length = _follow(neighbours, junction, number, known, u, entry, lengths[used[2] :])
    used[0] += inside * int(fresh)
    _enter(found, first, inside, 2 * int(fresh) - 1, to)
    if not junction[to]:
        lengths[used[2]] = np.inf
        _follow(neighbours, junction, number, known, to, start[to], lengths[used[2] + 1 :])
        _enter(found, first + inside - 1, inside, ZERO - 1, u)
    return to, length


@kernel
def _contract(
    neighbours: Neighbours, junction: Flags, number: Names, queue: Names, found: Found, out: Out
) -> int:
    """Give junctions and inner nodes numbers, each from 0, and list what leads out of junctions.

    A part without junctions, a ring or a path, makes one of its first node. What arcs and half chains lead
    to is left as a node of the graph.

    Returns how many junctions there are.
    """
    start, end, name, metres = neighbours
    arc_start, arc_length, arc_to, arc_half, half_start = out
    nodes = junction.size
    queued = done = arcs = 0
    for turn in range(2 * nodes):
        seed = turn % nodes
        if number[seed] >= 0 or not (junction[seed] or turn >= nodes):
            continue
        junction[seed], number[seed], queue[queued] = True, queued, seed
        queued += 1
        while done < queued:
            u = int(np.int64(queue[done]))
            for entry in range(start[u], end[u]):
                to, length, half = int(np.int64(name[entry])), metres[entry], -1
                if not junction[to]:
                    half = found[2][1]
                    to, length = _take_chain(neighbours, junction, number, u, entry, found)
                if junction[to] and number[to] < 0:
                    number[to], queue[queued] = queued, to
                    queued += 1
                if to != u and length < np.inf:
                    arc_length[arcs], arc_to[arcs], arc_half[arcs] = length, to, half
                    arcs += 1
            done += 1
            arc_start[done], half_start[done] = arcs, found[2][1]
    return done


def _neighbours(indptr: Starts, indices: Names, lengths: Metres) -> Neighbours:
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    nodes = indptr.size - 1
    back = csr_array((lengths, indices, indptr), shape=(nodes, nodes)).tocsc()
    into, tails = back.indptr.astype(np.int64), back.indices.astype(np.int32)
    start = indptr + into
    lists = start, start[:-1].copy(), np.empty(start[-1], np.int32), np.empty(start[-1])
    _merge(indptr, indices, into, tails, back.data, lists)
    return lists


def contract(indptr: Starts, indices: Names, lengths: Metres) -> Chains:
    """Contract the chains of a road graph.

    Nodes with more than two neighbours stay as junctions, arcs between two nodes in either direction making
    them neighbours; so does one node of every part that has no such node, and nodes without any arc. Of
    several arcs between the same nodes the shortest is kept, of arcs from a node to itself none: shortest
    ways are the same, to the last bit.

    Parameters
    ----------
    indptr, indices, lengths
        As of a `RoadGraph`.
    """
    neighbours = _neighbours(indptr, indices, lengths)
    start, end, name, _ = neighbours
    junction = (end == start[:-1]) | (end - start[:-1] > 2)
    nodes, inner = junction.size, junction.size - np.count_nonzero(junction)
    number, queue = np.full(nodes, -1, np.int32), np.empty(nodes, np.int32)
    halves, metres, used = np.empty((2 * inner, 5), np.int64), np.empty(4 * inner), np.zeros(3, np.int64)
    arc_start, half_start = np.zeros(nodes + 1, np.int64), np.zeros(nodes + 1, np.int64)
    length, (to, half) = np.empty(name.size), np.empty((2, name.size), np.int32)
    out = arc_start, length, to, half, half_start
    junctions = _contract(neighbours, junction, number, queue, (halves, metres, used), out)
    arc_start, half_start = arc_start[: junctions + 1].copy(), half_start[: junctions + 1].copy()
    halves, arcs = halves[: used[1]], slice(arc_start[-1])
    return Chains(
        np.where(junction, number, number + junctions).astype(np.int32),
        arc_start,
        _arcs(length[arcs], number[to[arcs]], half[arcs], halves),
        half_start,
        _half_chains(halves, number),
        metres[: used[2]].copy(),
        _through(halves),
    )


def _arcs(length: Metres, to: Names, half: Names, halves: Halves) -> Records:
    arcs = np.zeros(length.size, ARC)
    arcs["length"], arcs["to"] = length, to
    chained = np.flatnonzero(half >= 0)
    arcs["begin"][chained], arcs["inside"][chained] = halves[half[chained]][:, [0, 2]].T
    return arcs


def _half_chains(halves: Halves, number: Names) -> Records:
    records = np.empty(len(halves), HALF)
    for column, field in enumerate(_HALF_FIELDS):
        records[field] = halves[:, column]
    records["to"] = number[halves[:, -1]]
    return records


def _through(halves: Halves) -> Names:
    """Find the two half chains through every inner node: the nodes within a chain follow one another."""
    _, first, inside, step, _ = halves.T
    sides = []
    for way in (1, -1):
        half = np.flatnonzero(step == way)
        half = half[np.argsort(first[half])]
        sides.append(np.repeat(half, inside[half]))
    return np.column_stack(sides).astype(np.int32)
