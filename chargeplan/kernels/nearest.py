"""The nearest sites of each demand point, in the order of their distances along the ellipsoid.

Sites in the order of a Z-curve lie in boxes of some, those in boxes of some, and so on. Chords find all that
may be among the nearest; what they measure along the ellipsoid decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.distance import related_distances
from chargeplan.kernels.geodesy import (
    CURVATURE_SPREAD,
    LONG,
    MEAN_RADIUS,
    ROUNDING,
    SEMI_MAJOR,
    SEMI_MINOR,
    geod_distances,
    in_space,
)
from chargeplan.kernels.inputs import checked_positions, read_only

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.kernels.inputs import Metric

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    # Boxes (low and high corner) of all levels, where each level begins, and the sites in their order.
    Tree = tuple[Floats, Places, Floats]
    # A stack of (level, box) and how far each box is, and the nearest sites so far and how far they are.
    State = tuple[Places, Floats, Places, Floats]

_RUN = 8  # sites in a box, boxes in a box of the next level
_BITS = 20  # of each coordinate in a place on the Z-curve
_PIECE = 2_000  # demand points in the smallest piece of work
_TIE = 1 + 1e-14  # squares closer than this may have the same root


@kernel_part
def _gap(low: float, value: float, high: float) -> float:
    return max(low - value, 0.0, value - high)


@kernel_part
def _push(
    tree: Tree, level: int, node: int, point: Floats, bound: float, stack: Places, gaps: Floats, top: int
) -> int:
    """Put the boxes within a box on the stack unless they are farther than the bound, the nearest on top."""
    boxes, starts, _ = tree
    base, first = top, starts[level - 1] + _RUN * node
    for box in range(first, min(first + _RUN, starts[level])):
        a = _gap(boxes[box, 0], point[0], boxes[box, 3])
        b = _gap(boxes[box, 1], point[1], boxes[box, 4])
        c = _gap(boxes[box, 2], point[2], boxes[box, 5])
        square = a * a + b * b + c * c
        if square <= bound:
            place = top
            if top > base and gaps[top - 1] < square:
                place -= 1
                stack[top, 0], stack[top, 1], gaps[top] = stack[place, 0], stack[place, 1], gaps[place]
            stack[place, 0], stack[place, 1], gaps[place] = level - 1, box - starts[level - 1], square
            top += 1
    return top


@kernel_part
def _square(sites: Floats, t: int, point: Floats) -> float:
    a, b, c = sites[t, 0] - point[0], sites[t, 1] - point[1], sites[t, 2] - point[2]
    return float(a * a + b * b + c * c)


@kernel_part
def _limit(square: float, curved: bool) -> float:  # noqa: FBT001 - kernels take what is in its place
    """Return the squared chord beyond which no site can be as near as one at the given squared chord.

    The bounds of `geodesic_chord_limits`, the way to the arc and back.
    """
    if not curved:
        return square * _TIE
    chord = math.sqrt(square)
    if chord < 0.99 * LONG:
        arc = 2.0 * MEAN_RADIUS * math.asin(chord / (2.0 * MEAN_RADIUS))
        arc += 3.0 * (arc * arc * arc / 12.0 * CURVATURE_SPREAD / (MEAN_RADIUS * MEAN_RADIUS) + ROUNDING)
        limit = 2.0 * MEAN_RADIUS * math.sin(arc / (2.0 * MEAN_RADIUS))
    else:
        arc = 2.0 * SEMI_MAJOR * math.asin(min((chord + ROUNDING) / (2.0 * SEMI_MINOR), 1.0))
        limit = 2.0 * SEMI_MAJOR * math.sin(min(arc / (2.0 * SEMI_MINOR), 0.5 * math.pi)) + ROUNDING
    return limit * limit


@kernel_part
def _longer(found: Places, size: int) -> Places:
    if size + _RUN <= found.size:
        return found
    longer = np.empty(2 * found.size + _RUN, np.int64)
    for t in range(size):
        longer[t] = found[t]
    return longer


@kernel_part
def _insert(square: float, t: int, squares: Floats, places: Places) -> None:
    """Put a site where it belongs among the nearest, ascending, and forget the last."""
    place = squares.size - 1
    while place > 0 and squares[place - 1] > square:
        squares[place], places[place] = squares[place - 1], places[place - 1]
        place -= 1
    squares[place], places[place] = square, t


@kernel_part
def _list(
    tree: Tree,
    point: Floats,
    state: State,
    curved: bool,  # noqa: FBT001
    found: Places,
    size: int,
) -> tuple[Places, int]:
    """Add all sites that may be among the nearest to a list; return it, longer if need be, and its size.

    The state has room for a stack, and the nearest sites of a point nearby: none of this point's can be
    farther than the farthest of those.
    """
    stack, gaps, places, squares = state
    _, starts, sites = tree
    farthest = 0.0
    for place in range(places.size):
        farthest = max(farthest, _square(sites, places[place], point))
        squares[place] = np.inf
    first, limit = size, _limit(farthest, curved)
    stack[0, 0], stack[0, 1], gaps[0] = starts.size - 1, 0, 0.0
    top = 1
    while top > 0:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        if gaps[top] > limit:
            continue
        if level > 0:
            top = _push(tree, level, node, point, limit, stack, gaps, top)
            continue
        found = _longer(found, size)
        for t in range(_RUN * node, min(_RUN * node + _RUN, sites.shape[0])):
            square = _square(sites, t, point)
            found[size] = t
            size += square <= limit
            if square < squares[-1]:
                _insert(square, t, squares, places)
                if squares[-1] < farthest:
                    limit = min(limit, _limit(squares[-1], curved))
    kept = first
    for t in range(first, size):
        found[kept] = found[t]
        kept += _square(sites, found[t], point) <= limit
    return found, kept


@kernel
def _candidates(
    points: Floats,
    tree: Tree,
    count: int,
    curved: bool,  # noqa: FBT001
    ends: Places,
) -> Places:
    """List, for each point, all sites that may be among its nearest; note in `ends` where its list ends."""
    room = _RUN * tree[1].size
    state = np.empty((room, 2), np.int64), np.empty(room), np.arange(count), np.empty(count)
    found, size = np.empty(2 * count * points.shape[0], np.int64), 0
    for i in range(points.shape[0]):
        found, size = _list(tree, points[i], state, curved, found, size)
        ends[i] = size
    return found[:size]


@kernel
def _choose(
    indptr: Places,
    indices: NDArray[np.int32],
    metres: Floats,
    start: int,
    stop: int,
    nearest: NDArray[np.int32],
    distances: Floats,
) -> None:
    """Take the nearest of each list in their order, of sites equally near the first of the input."""
    for i in range(start, stop):
        for t in range(indptr[i], indptr[i + 1]):
            place = min(t - indptr[i], nearest.shape[1])
            while place > 0 and (
                metres[t] < distances[i, place - 1]
                or (metres[t] == distances[i, place - 1] and indices[t] < nearest[i, place - 1])
            ):
                if place < nearest.shape[1]:
                    distances[i, place], nearest[i, place] = distances[i, place - 1], nearest[i, place - 1]
                place -= 1
            if place < nearest.shape[1]:
                distances[i, place], nearest[i, place] = metres[t], indices[t]


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put two zero bits between the bits of each value."""
    masks = (0x1F00000000FFFF, 0x1F0000FF0000FF, 0x100F00F00F00F00F, 0x10C30C30C30C30C3, 0x1249249249249249)
    for shift, mask in zip((32, 16, 8, 4, 2), masks, strict=True):
        values = (values | (values << np.uint64(shift))) & np.uint64(mask)
    return values


def _order(xyz: Floats) -> Places:
    """Return the points in the order of a Z-curve (Morton 1966)."""
    low = xyz.min(axis=0, initial=np.inf)
    extent = float(np.ptp(xyz, axis=0).max()) if len(xyz) else 0.0
    cells = ((xyz - low) * ((2**_BITS - 1) / (extent or 1.0))).astype(np.uint64)
    keys = _spread(cells[:, 0]) << np.uint64(2) | _spread(cells[:, 1]) << np.uint64(1) | _spread(cells[:, 2])
    return np.argsort(keys, kind="stable")


def _plant(sites: Floats) -> Tree:
    """Return the boxes of sites in their order, level by level up to the one that holds all."""
    lows, highs = [sites], [sites]
    while len(lows) == 1 or len(lows[-1]) > 1:
        runs = np.arange(0, len(lows[-1]), _RUN)
        lows.append(np.minimum.reduceat(lows[-1], runs))
        highs.append(np.maximum.reduceat(highs[-1], runs))
    starts = np.concatenate(([0], np.cumsum([len(level) for level in lows[1:]])))
    return np.hstack((np.concatenate(lows[1:]), np.concatenate(highs[1:]))), starts, sites


def nearest_sites(
    demand: ArrayLike, sites: ArrayLike, k: int = 1, *, metric: Metric = "geodesic"
) -> tuple[NDArray[np.int32], Floats]:
    """Find the nearest sites of each demand point.

    Parameters
    ----------
    demand, sites
        (N, 2) and (M, 2), longitude and latitude in degrees, WGS-84; with ``metric="euclidean"`` metres.
    k
        How many, 1 to M.
    metric
        As for `distance_matrix`.

    Returns
    -------
    nearest, distances
        (N, k) int32 sites, the nearest first, of sites equally near the first of the input; and (N, k)
        float64 metres. What a stable sort of each row of `distance_matrix` says; read-only.

    Raises
    ------
    InputError
        Positions of another shape, not finite or out of range; fewer than `k` sites, or `k` less than 1.

    Notes
    -----
    Kamel and Faloutsos (1993), On packing R-trees: the boxes; here along a Z-curve rather than Hilbert's.
    """
    demand = checked_positions(demand, metric, "demand")
    sites = checked_positions(sites, metric, "sites")
    if not 1 <= k <= len(sites):
        raise InputError(f"k must be at least 1 and at most the number of sites, {len(sites)}, not {k}")
    points, ends = in_space(demand, metric), in_space(sites, metric)
    rows, order = _order(points), _order(ends)
    tree, curved = _plant(ends[order]), metric == "geodesic"
    sizes = np.empty(len(rows), np.int64)

    def find(start: int, stop: int) -> Places:
        found = _candidates(points[rows[start:stop]], tree, k, curved, sizes[start:stop])
        sizes[start:stop] = np.diff(sizes[start:stop], prepend=0)
        return order[found]

    indices = np.concatenate(in_pieces(find, len(rows), _PIECE)).astype(np.int32)
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    metres = related_distances(points[rows], ends, indptr, indices, metric)
    far = np.flatnonzero(metres > LONG - 1) if curved else rows[:0]
    origins = rows[np.searchsorted(indptr, far, side="right") - 1]
    metres[far] = geod_distances(demand[origins], sites[indices[far]])
    nearest, distances = np.empty((len(rows), k), np.int32), np.empty((len(rows), k))

    def choose(start: int, stop: int) -> None:
        _choose(indptr, indices, metres, start, stop, *chosen)

    chosen = nearest, distances
    in_pieces(choose, len(rows), 20_000)
    back = np.argsort(rows)
    nearest, distances = nearest[back], distances[back]
    read_only(nearest, distances)
    return nearest, distances
