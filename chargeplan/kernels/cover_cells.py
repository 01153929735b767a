"""Cells in which most points have the same sites within the radius, so that few are compared with any site.

A site reaches a cell all over, nowhere, or in part. Where the sites are few, most cells have none that
reaches them in part: which sites cover a point there is looked up. Elsewhere the point is compared with the
few that do, and what they answer is looked up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.equal_rows import merge_equal_rows
from chargeplan.kernels.geodesy import ecef
from chargeplan.kernels.inputs import unwritable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Integers = NDArray[np.int64]
    Names = NDArray[np.int32]
    Points = NDArray[np.float64]

_CELLS = 2**18
_IN_PART = 4  # sites that may reach a cell in part; each doubles the sets of sites that are prepared for it
_SURE = 0.9  # part of the cells that must not be reached in part by more
_LOOKS = 2**27  # pairs of a site and a cell that are worth looking at
_PAIRS = 2**24  # pairs of a set and a site that are worth preparing
_PIECE = 50_000  # points in the smallest piece of work
_AIR = 1e-9  # more than rounding does to a distance, in parts of it
_SWELL = 1.02  # circles around cells are wider by this, more than rounding and the flattening could matter
_DEGREE_NORTH, _DEGREE_EAST = 110_574.0, 111_319.0  # metres: the least along a meridian, and on the equator
_NORTHERNMOST = 89.0  # beyond, a reach in degrees of longitude means nothing


@kernel
def _survey(
    centres: Points,
    limits: Points,
    sites: Points,
    spans: Integers,
    starts: Integers,
    counts: Integers,
    names: Names,
) -> None:
    """Count the sites that reach each cell all over, and in part; name them where there is room for names.

    `limits` hold, by the second number of a cell, the squared distances of its centre up to which a site
    reaches all of it, and any of it; `spans` the numbers of the cells that are worth looking at.
    """
    for j in range(sites.shape[0]):
        for a in range(spans[j, 0], spans[j, 1]):
            for b in range(spans[j, 2], spans[j, 3]):
                square = 0.0
                for axis in range(sites.shape[1]):
                    square += (centres[a, b, axis] - sites[j, axis]) ** 2
                if square <= limits[1, b]:
                    kind = 0 if square <= limits[0, b] else 1
                    if names.size > 0:
                        names[starts[kind, a, b] + counts[kind, a, b]] = j
                    counts[kind, a, b] += 1


@kernel
def _sets(
    starts: Integers, counts: Integers, names: Names, in_part: int, indptr: Integers, indices: Names
) -> None:
    """Write for each cell every set of sites that a point in it may have, after a set of none.

    Bit k of a set's number within its cell tells whether site k of those that reach in part belongs to it.
    """
    row, size = 1, 0
    indptr[1] = 0
    for cell in range(counts.shape[1]):
        most = counts[1, cell]
        if most > in_part:
            continue
        for chosen in range(1 << most):
            k = 0
            for t in range(starts[0, cell], starts[0, cell] + counts[0, cell]):
                while k < most and names[starts[1, cell] + k] < names[t]:
                    indices[size] = names[starts[1, cell] + k]
                    size += (chosen >> k) & 1
                    k += 1
                indices[size] = names[t]
                size += 1
            while k < most:
                if (chosen >> k) & 1:
                    indices[size] = names[starts[1, cell] + k]
                    size += 1
                k += 1
            row += 1
            indptr[row] = size


@kernel
def _locate(
    positions: Points,
    frame: Points,
    sets: Names,
    found: Names,
    unsure: Names,
) -> int:
    """Look up the set of each point by its cell; where that is not sure (below 0), note the point."""
    turn = frame[2, 0]
    count = 0
    for i in range(found.size):
        x = positions[i, 0] - frame[0, 0]
        if turn > 0:
            x -= turn * math.floor(x / turn)
        a, b = x * frame[1, 0], (positions[i, 1] - frame[0, 1]) * frame[1, 1]
        name = 0
        if 0 <= a < sets.shape[0] and 0 <= b < sets.shape[1]:
            name = int(np.int64(sets[int(a), int(b)]))
        found[i] = name
        unsure[count] = i
        count += name < 0
    return count


@kernel
def _decide(
    points: Points,
    unsure: Names,
    limits: Points,
    sites: Points,
    near: Names,
    places: Integers,
    sets: Names,
    found: Names,
) -> None:
    """Compare points with the sites that reach their cells in part; -1 where a pair must be measured.

    `places` hold for each such cell where its sites begin, how many they are, and where its sets begin.
    """
    for t in range(unsure.size):
        i = unsure[t]
        cell = -1 - np.int64(found[i])
        first, size = places[cell, 0], places[cell, 1]
        chosen, doubtful = 0, False
        for k in range(size):
            square = 0.0
            for axis in range(sites.shape[1]):
                square += (points[t, axis] - sites[near[first + k], axis]) ** 2
            chosen |= int(square <= limits[1]) << k
            doubtful |= limits[0] < square <= limits[1]
        found[i] = -1 if doubtful else sets[places[cell, 2] + chosen]


def _in_space(positions: Points, metric: str) -> Points:
    return unwritable(ecef(positions) if metric == "geodesic" else positions)


class CoverCells(NamedTuple):
    """Cells, and the sets of sites that cover what lies in them.

    Parameters
    ----------
    relation
        (G, M) the different sets, the first one empty.
    """

    relation: csr_array
    metric: str
    frame: Points  # corner, cells per unit, and how much is once around (0 in the plane)
    cells: Names
    limits: Points
    sites: Points
    near: Names
    places: Integers
    sets: Names

    def sets_of(self, positions: Points) -> Names:
        """Return which set of sites covers each point, -1 where that must be measured."""
        found = np.empty(len(positions), np.int32)

        def find(start: int, stop: int) -> Names:
            unsure = np.empty(stop - start, np.int32)
            part = positions[start:stop], self.frame, self.cells, found[start:stop]
            return start + unsure[: _locate(*part, unsure)]

        def decide(start: int, stop: int) -> None:
            given = self.limits, self.sites, self.near, self.places, self.sets
            _decide(points[start:stop], unsure[start:stop], *given, found)

        unsure = np.concatenate(in_pieces(find, len(positions), _PIECE))
        points = _in_space(positions.take(unsure, axis=0), self.metric)
        in_pieces(decide, unsure.size, _PIECE)
        return found


class _Frame(NamedTuple):
    """Where cells lie: the first corner, the sides, the number of cells, and how far sites reach."""

    corner: Points
    side: Points
    across: tuple[int, int]
    spans: Integers


def _reach(sites: Points, radius: float, metric: str) -> Points:
    """Return how far from each site, along both axes, a point within the radius may lie."""
    if metric == "euclidean":
        return np.full((len(sites), 2), radius * (1 + _AIR))
    north = radius / _DEGREE_NORTH * (1 + _AIR)
    farthest = np.minimum(np.abs(sites[:, 1]) + north, _NORTHERNMOST)
    east = radius / (_DEGREE_EAST * np.cos(np.radians(farthest))) * (1 + _AIR)
    return np.column_stack((east, np.full(len(sites), north)))


def _lay_frame(sites: Points, radius: float, metric: str) -> _Frame | None:
    """Lay cells over all that the sites reach, if the axes are straight enough and fine enough for that."""
    reach = _reach(sites, radius, metric)
    low, high = (sites - reach).min(axis=0), (sites + reach).max(axis=0)
    wide, tall = size = high - low
    least = 1e-6 * max(np.abs(low).max(), np.abs(high).max())  # far more than the digits of positions
    if metric == "geodesic":
        least = max(least, 1e-6)
        if max(abs(low[1]), abs(high[1])) > _NORTHERNMOST:
            return None
        wide *= math.cos(math.radians((low[1] + high[1]) / 2))
    if not size.min() > least:
        return None
    columns = int(min(max(math.sqrt(_CELLS * (wide / tall)), 4), _CELLS // 4))
    across = columns, _CELLS // columns
    side = size / (np.array(across) - 2)  # a row of cells around, for what rounding moves across a wall
    if metric == "geodesic" and columns * side[0] > 360:
        return None
    corner = low - side
    first = ((sites - reach - corner) / side).astype(np.int64) - 1
    last = ((sites + reach - corner) / side).astype(np.int64) + 2
    spans = np.column_stack((first[:, 0], last[:, 0], first[:, 1], last[:, 1]))
    return _Frame(corner, side, across, np.clip(spans, 0, np.repeat(across, 2)))


def _promises(spans: Integers) -> bool:
    """Tell at a glance whether sites are few enough: by the cells that they reach, and those in part."""
    wide, tall = spans[:, 1] - spans[:, 0], spans[:, 3] - spans[:, 2]
    return bool((wide * tall).sum() <= _LOOKS and 2 * (wide + tall).sum() <= _IN_PART * _CELLS)


def _centres(frame: _Frame, metric: str) -> tuple[Points, Points]:
    """Return where the centres of cells are, and how far any point of a cell is from its centre."""

    def at(columns: Points, rows: Points) -> Points:
        steps = np.stack(np.broadcast_arrays(columns[:, None], rows), axis=-1)
        xyz = _in_space((frame.corner + steps * frame.side).reshape(-1, 2), metric)
        return xyz.reshape(*steps.shape[:2], -1)

    columns, rows = (np.arange(float(size)) for size in frame.across)
    centres = at(columns + 0.5, rows + 0.5)
    lower, upper = at(columns[:1], rows)[0], at(columns[:1], rows + 1.0)[0]
    across = np.maximum(*(np.linalg.norm(corner - centres[0], axis=1) for corner in (lower, upper)))
    return centres, across * _SWELL


def _surveyed(
    frame: _Frame, sites: Points, limits: tuple[float, float], metric: str
) -> tuple[Integers, Integers, Names] | None:
    """Return where the sites of each cell begin, all over and in part, how many they are, and their names."""
    centres, around = _centres(frame, metric)
    inner, outer = np.sqrt(limits)
    sure, possible = inner * (1 - _AIR) - around, outer * (1 + _AIR) + around
    squares = np.stack((np.where(sure > 0, sure**2, -1.0), possible**2))
    given = centres, squares, sites, frame.spans
    counts = np.zeros((2, *frame.across), np.int64)
    _survey(*given, np.zeros((2, 1, 1), np.int64), counts, np.empty(0, np.int32))
    if not _pays(*counts):
        return None
    starts = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    names = np.empty(counts.sum(), np.int32)
    _survey(*given, starts, np.zeros_like(counts), names)
    return starts.reshape(2, -1), counts.reshape(2, -1), names


def _pays(all_over: Integers, in_part: Integers) -> bool:
    """Tell whether most cells can be prepared, and how many pairs that takes is worth it."""
    kept = in_part <= _IN_PART
    return _pairs(all_over[kept], in_part[kept]) <= _PAIRS and bool(kept.mean() >= _SURE)


def _pairs(all_over: Integers, in_part: Integers) -> int:
    return int(((1 << in_part) * all_over + (1 << in_part) * in_part // 2).sum())


def _relation(starts: Integers, counts: Integers, names: Names, sites: int) -> csr_array:
    """Return the sets of all cells, one after another, after the set of none."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    all_over, in_part = counts[:, counts[1] <= _IN_PART]
    pairs, rows = _pairs(all_over, in_part), int((1 << in_part).sum()) + 1
    indptr, indices = np.zeros(rows + 1, np.int64), np.empty(pairs + 1, np.int32)
    _sets(starts, counts, names, _IN_PART, indptr, indices)
    relation = csr_array((np.ones(pairs, np.bool_), indices[:pairs], indptr), shape=(rows, sites))
    relation.has_canonical_format = True
    return relation


def lay_cells(sites: Points, radius: float, limits: tuple[float, float], metric: str) -> CoverCells | None:
    """Prepare the sets of sites of cells all around, where sites are so few that most cells are sure of them.

    Parameters
    ----------
    sites
        (M, 2) checked positions.
    radius
        Metres.
    limits
        The squared chords between which a pair must be measured.
    metric
        Of the positions.

    Returns
    -------
    CoverCells or None
        None where that does not pay: sites are many, next to a pole or around the globe, or the radius is
        small beside the numbers of the coordinates.
    """
    frame = _lay_frame(sites, radius, metric) if len(sites) and radius > 0 else None
    if frame is None or not _promises(frame.spans):
        return None
    xyz = _in_space(sites, metric)
    surveyed = _surveyed(frame, xyz, limits, metric)
    if surveyed is None:
        return None
    relation = _relation(*surveyed, len(sites))
    representative, group = merge_equal_rows(relation)
    cells, near, places = _look_up(*surveyed)
    return CoverCells(
        relation[representative],
        metric,
        np.stack((frame.corner, 1 / frame.side, (360.0 * (metric == "geodesic"), 0.0))),
        np.where(cells >= 0, group[cells], cells).astype(np.int32).reshape(frame.across),
        np.array(limits),
        xyz,
        near,
        places,
        np.append(group, -1).astype(np.int32),
    )


def _look_up(starts: Integers, counts: Integers, names: Names) -> tuple[Integers, Names, Integers]:
    """Return for each cell its only set, or -1 - the place of what must be compared there; and these places.

    The first place stands for cells that too many sites reach in part: nothing is compared, and the set is
    the last one, which is none.
    """
    in_part = counts[1]
    sets = np.where(in_part <= _IN_PART, 1 << np.minimum(in_part, _IN_PART), 0)
    first = 1 + np.cumsum(sets) - sets
    compared = np.flatnonzero((in_part > 0) & (in_part <= _IN_PART))
    cells = np.where(in_part == 0, first, -1)
    cells[compared] = -2 - np.arange(compared.size)
    near = starts[1, 0]
    begins = np.append(0, starts[1, compared] - near), np.append(0, in_part[compared])
    places = np.column_stack((*begins, np.append(1 + sets.sum(), first[compared])))
    return cells, names[near:], np.ascontiguousarray(places, np.int64)
