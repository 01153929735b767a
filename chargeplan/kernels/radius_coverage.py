"""Which sites lie within the radius of which demand points, as a sparse relation.

Sites are sorted into cubic cells of earth-centred space, a little finer than the radius; demand points too,
so that the points of one cell share one list of nearby sites. Each pair on that list is one comparison of
squared chords.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.geodesy import ecef, geod_distances, geodesic_chord_limits
from chargeplan.kernels.inputs import checked_positions, checked_radius, frozen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from chargeplan.kernels.inputs import Metric

    Records = NDArray[Any]
    Names = NDArray[np.int32]

_FINER = 2  # cells per radius
_PIECE = 2_000  # demand points in the smallest piece of work
_BLOCK = 2**15  # sites of demand points collected before they are sent to their rows
_ROOM = 1024  # patterns that a piece has room for at first, a power of two
_DIGIT = 11  # bits that one pass of the radix sort looks at
_DIGITS = 1 << _DIGIT
_MOST_CELLS = 2**20  # along one axis, so that the three cell numbers fit one 64-bit key
_AIR = 1 + 1e-8  # cells are larger by this, more than rounding can move a point across a wall


# A point in earth-centred space: the key of its cell, its number, and where it is.
_POINT = np.dtype(
    [("key", np.int64), ("name", np.int64), ("x", np.float64), ("y", np.float64), ("z", np.float64)]
)


@kernel
def _widen(xyz: NDArray[np.float64], box: NDArray[np.float64]) -> None:
    """Widen a box, its lower corner and its upper corner, until it holds the points."""
    for i in range(xyz.shape[0]):
        for axis in range(3):
            box[0, axis] = min(box[0, axis], xyz[i, axis])
            box[1, axis] = max(box[1, axis], xyz[i, axis])


@kernel
def _cell_keys(
    xyz: NDArray[np.float64],
    corner: NDArray[np.float64],
    side: float,
    strides: NDArray[np.int64],
    keys: NDArray[np.int64],
) -> None:
    scale = 1.0 / side
    for i in range(keys.size):
        key = 0
        for axis in range(3):
            key += np.int64((xyz[i, axis] - corner[axis]) * scale) * strides[axis]
        keys[i] = key


@kernel
def _sort_keys(keys: NDArray[np.int64], highest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys (0 to `highest`) in order, and where each came from: a stable radix sort."""
    order = np.empty_like(keys)
    for i in range(keys.size):
        order[i] = i
    spare_keys, spare_order = np.empty_like(keys), np.empty_like(keys)
    starts = np.empty(_DIGITS + 1, np.int64)
    shift = 0
    while highest >> shift > 0:
        for digit in range(starts.size):
            starts[digit] = 0
        for i in range(keys.size):
            starts[((keys[i] >> shift) & (_DIGITS - 1)) + 1] += 1
        for digit in range(_DIGITS):
            starts[digit + 1] += starts[digit]
        for i in range(keys.size):
            digit = (keys[i] >> shift) & (_DIGITS - 1)
            spare_keys[starts[digit]] = keys[i]
            spare_order[starts[digit]] = order[i]
            starts[digit] += 1
        keys, spare_keys = spare_keys, keys
        order, spare_order = spare_order, order
        shift += _DIGIT
    return keys, order


@kernel
def _fill_points(
    keys: NDArray[np.int64], order: NDArray[np.int64], xyz: NDArray[np.float64], points: Records
) -> None:
    for i in range(keys.size):
        point, name = points[i], order[i]
        point["key"], point["name"] = keys[i], name
        point["x"], point["y"], point["z"] = xyz[name, 0], xyz[name, 1], xyz[name, 2]


@kernel
def _first_at(points: Records, start: int, key: int) -> int:
    """Return the first place from `start` on whose key is at least `key`, looking near before far."""
    probe, step = start, 1
    while probe < points.size and points[probe]["key"] < key:
        start = probe + 1
        probe += step
        step *= 2
    stop = min(probe, points.size)
    while start < stop:
        middle = (start + stop) // 2
        if points[middle]["key"] < key:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def _sort_names(names: Names) -> None:
    """Sort a short list in place (Shell 1959)."""
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
def _gap(low: float, value: float, high: float) -> float:
    return max(low - value, 0.0, value - high)


@kernel
def _nearby(
    box: NDArray[np.float64],
    key: int,
    sites: Records,
    runs: NDArray[np.int64],
    places: NDArray[np.int64],
    outer: float,
) -> Names:
    """Return the sites within reach of a box of demand points that share a cell.

    `runs` holds the keys, relative to that of the cell, at which each run of neighbouring cells begins and
    ends; `places` remembers where it was found for the cell before, since keys only grow.
    """
    total = 0
    for run in range(runs.shape[0]):
        places[run, 0] = _first_at(sites, places[run, 0], key + runs[run, 0])
        places[run, 1] = _first_at(sites, places[run, 0], key + runs[run, 1])
        total += places[run, 1] - places[run, 0]
    found = np.empty(total, np.int32)
    size = 0
    for run in range(runs.shape[0]):
        for t in range(places[run, 0], places[run, 1]):
            a = _gap(box[0, 0], sites[t]["x"], box[1, 0])
            b = _gap(box[0, 1], sites[t]["y"], box[1, 1])
            c = _gap(box[0, 2], sites[t]["z"], box[1, 2])
            if a * a + b * b + c * c <= outer:
                found[size] = sites[t]["name"]
                size += 1
    return found[:size]


@kernel
def _cell_end(demand: Records, first: int, box: NDArray[np.float64]) -> int:
    """Return where the cell of the point `first` ends, and put the box around its points into `box`."""
    last = first
    box[0] = np.inf
    box[1] = -np.inf
    while last < demand.size and demand[last]["key"] == demand[first]["key"]:
        x, y, z = demand[last]["x"], demand[last]["y"], demand[last]["z"]
        box[0, 0], box[0, 1], box[0, 2] = min(box[0, 0], x), min(box[0, 1], y), min(box[0, 2], z)
        box[1, 0], box[1, 1], box[1, 2] = max(box[1, 0], x), max(box[1, 1], y), max(box[1, 2], z)
        last += 1
    return last


@kernel
def _columns(xyz: NDArray[np.float64], rows: Names) -> NDArray[np.float64]:
    columns = np.empty((3, rows.size))
    for t in range(rows.size):
        for axis in range(3):
            columns[axis, t] = xyz[rows[t], axis]
    return columns


@kernel
def _count(
    demand: Records,
    sites: Records,
    site_xyz: NDArray[np.float64],
    runs: NDArray[np.int64],
    limits: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> int:
    """Count the pairs of each demand point that may be within; return how many of all are in doubt."""
    inner, outer = limits[0], limits[1]
    places = np.zeros_like(runs)
    box = np.empty((2, 3))
    doubtful = 0
    first = 0
    while first < demand.size:
        last = _cell_end(demand, first, box)
        near = _columns(site_xyz, _nearby(box, demand[first]["key"], sites, runs, places, outer))
        for i in range(first, last):
            x, y, z = demand[i]["x"], demand[i]["y"], demand[i]["z"]
            sure = 0
            possible = 0
            for t in range(near.shape[1]):
                a, b, c = near[0, t] - x, near[1, t] - y, near[2, t] - z
                square = a * a + b * b + c * c
                sure += square <= inner
                possible += square <= outer
            counts[demand[i]["name"]] = possible
            doubtful += possible - sure
        first = last
    return doubtful


@kernel
def _longer_names(names: Names, size: int, more: int) -> Names:
    if size + more <= names.size:
        return names
    longer = np.empty(2 * (size + more), np.int32)
    for t in range(size):
        longer[t] = names[t]
    return longer


@kernel
def _send(
    demand: Records, first: int, last: int, block: Names, indptr: NDArray[np.int64], indices: Names
) -> None:
    """Copy the sites of some demand points from a block to the rows of the points.

    Rows are far from each other; the processor fetches many at a time while it does nothing else.
    """
    size = 0
    for i in range(first, last):
        name = demand[i]["name"]
        row = indices[indptr[name] : indptr[name + 1]]
        found = block[size : size + row.size]
        for t in range(row.size):
            row[t] = found[t]
        size += row.size


@kernel
def _fill(
    demand: Records,
    sites: Records,
    site_xyz: NDArray[np.float64],
    runs: NDArray[np.int64],
    limits: NDArray[np.float64],
    indptr: NDArray[np.int64],
    indices: Names,
    doubtful: NDArray[np.int64],
) -> None:
    """Write the pairs that `_count` counted, by row and site, and (row, place) of those in doubt."""
    inner, outer = limits[0], limits[1]
    places, box, block = np.zeros_like(runs), np.empty((2, 3)), np.empty(_BLOCK, np.int32)
    in_doubt, size, sent, first = 0, 0, 0, 0
    while first < demand.size:
        last = _cell_end(demand, first, box)
        names = _nearby(box, demand[first]["key"], sites, runs, places, outer)
        _sort_names(names)
        near = _columns(site_xyz, names)
        near_x, near_y, near_z = near[0], near[1], near[2]
        squares, hits = np.empty(names.size), np.empty(names.size, np.int32)
        for i in range(first, last):
            if size + names.size > block.size:
                _send(demand, sent, i, block, indptr, indices)
                size, sent = 0, i
                block = _longer_names(block, 0, names.size)
            x, y, z = demand[i]["x"], demand[i]["y"], demand[i]["z"]
            for t in range(names.size):
                a, b, c = near_x[t] - x, near_y[t] - y, near_z[t] - z
                squares[t] = a * a + b * b + c * c
            for t in range(names.size):
                hits[t] = squares[t] <= outer
            for t in range(names.size):
                block[size] = names[t]
                size += hits[t]
            if doubtful.size > 0:
                place = indptr[demand[i]["name"]]
                for t in range(names.size):
                    if inner < squares[t] <= outer:
                        doubtful[in_doubt, 0] = demand[i]["name"]
                        doubtful[in_doubt, 1] = place
                        in_doubt += 1
                    place += hits[t]
        first = last
    _send(demand, sent, demand.size, block, indptr, indices)


# A set of sites, `start` to `start + size` of a list of names, and the demand points it covers.
_PATTERN = np.dtype(
    [
        ("hash", np.uint64),
        ("start", np.int64),
        ("size", np.int64),
        ("points", np.int64),
        ("first", np.int64),  # the least number of its demand points
        ("weight", np.float64),
    ]
)


@kernel
def _hash_names(names: Names) -> NDArray[np.uint64]:
    """Return a random-looking number for every site (splitmix64); a set is hashed to their exclusive or."""
    hashes = np.empty(names.size, np.uint64)
    for t in range(names.size):
        x = np.uint64(names[t] + 1) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes[t] = x ^ (x >> np.uint64(31))
    return hashes


@kernel
def _all_hit(names: Names, place: NDArray[np.int64], hits: NDArray[np.uint64]) -> bool:
    """Tell whether all the named sites are hit; `place` says where a site is among those near, if it is."""
    same = 0
    while same < names.size and place[names[same]] >= 0 and hits[place[names[same]]] != 0:
        same += 1
    return bool(same == names.size)


@kernel
def _slot_of(
    table: NDArray[np.int64],
    patterns: Records,
    names: Names,
    key: np.uint64,
    size: int,
    place: NDArray[np.int64],
    hits: NDArray[np.uint64],
) -> int:
    """Return the slot of the pattern that was hit, compared site by site, or the free slot for it."""
    slot = np.int64(key & np.uint64(table.size - 1))
    while table[slot] >= 0:
        pattern = patterns[table[slot]]
        if pattern["hash"] == key and pattern["size"] == size:
            start = pattern["start"]
            if _all_hit(names[start : start + size], place, hits):
                break
        slot = (slot + 1) & (table.size - 1)
    return int(slot)


@kernel
def _lay_table(patterns: Records, count: int, slots: int) -> NDArray[np.int64]:
    """Lay out a table of a power of two slots for patterns that are all different."""
    table = np.full(slots, -1, np.int64)
    for p in range(count):
        slot = np.int64(patterns[p]["hash"] & np.uint64(slots - 1))
        while table[slot] >= 0:
            slot = (slot + 1) & (slots - 1)
        table[slot] = p
    return table


@kernel
def _longer_patterns(patterns: Records, count: int) -> Records:
    if count < patterns.size:
        return patterns
    longer = np.empty(2 * count, patterns.dtype)
    for p in range(count):
        longer[p] = patterns[p]
    return longer


@kernel
def _collect(
    demand: Records,
    sites: Records,
    site_xyz: NDArray[np.float64],
    runs: NDArray[np.int64],
    limits: NDArray[np.float64],
    weights: NDArray[np.float64],
    patterns: Records,
) -> tuple[Records, Names, NDArray[np.int64]]:
    """Merge demand points by the sites that cover them, without writing down those of each point.

    `weights` are in the order of the points, `patterns` is room for some. Returns the patterns, the names
    of their sites, and the points of which a pair is in doubt, which are left out.
    """
    places, box = np.zeros_like(runs), np.empty((2, 3))
    place = np.full(site_xyz.shape[0], -1, np.int64)
    table, names = _lay_table(patterns, 0, 2 * patterns.size), np.empty(1, np.int32)
    doubtful, in_doubt, count, size, first = np.empty(demand.size, np.int64), 0, 0, 0, 0
    while first < demand.size:
        last = _cell_end(demand, first, box)
        around = _nearby(box, demand[first]["key"], sites, runs, places, limits[1])
        _sort_names(around)
        place[around] = np.arange(around.size)
        near, hashes = _columns(site_xyz, around), _hash_names(around)
        hits = np.empty(around.size, np.uint64)
        for i in range(first, last):
            point = demand[i]["name"]
            x, y, z = demand[i]["x"], demand[i]["y"], demand[i]["z"]
            key, sure, possible = np.uint64(0), 0, 0
            for t in range(around.size):
                a, b, c = near[0, t] - x, near[1, t] - y, near[2, t] - z
                square = a * a + b * b + c * c
                hits[t] = hashes[t] if square <= limits[1] else np.uint64(0)
                key ^= hits[t]
                sure += square <= limits[0]
                possible += square <= limits[1]
            if sure < possible:
                doubtful[in_doubt] = point
                in_doubt += 1
                continue
            slot = _slot_of(table, patterns, names, key, possible, place, hits)
            p = table[slot]
            if p < 0:
                p = table[slot] = count
                patterns, names = _longer_patterns(patterns, count), _longer_names(names, size, possible)
                count += 1
                pattern = patterns[p]
                pattern["hash"], pattern["first"], pattern["start"], pattern["size"] = (
                    key,
                    point,
                    size,
                    possible,
                )
                pattern["weight"], pattern["points"] = 0.0, 0
                for t in range(around.size):
                    if hits[t] != 0:
                        names[size] = around[t]
                        size += 1
                if 2 * count > table.size:
                    table = _lay_table(patterns, count, 2 * table.size)
            patterns[p]["points"] += 1
            patterns[p]["weight"] += weights[i]
            patterns[p]["first"] = min(patterns[p]["first"], point)
        place[around] = -1
        first = last
    return patterns[:count], names[:size], doubtful[:in_doubt]


class _Grid(NamedTuple):
    """The cubic cells that points are sorted into, and the runs of cells that are near a cell."""

    corner: NDArray[np.float64]
    side: float
    strides: NDArray[np.int64]
    highest: int
    runs: NDArray[np.int64]

    def sort(self, xyz: NDArray[np.float64]) -> Records:
        """Return the points in the order of their cells."""
        keys, points = np.empty(len(xyz), np.int64), np.empty(len(xyz), _POINT)

        def find(start: int, stop: int) -> None:
            _cell_keys(xyz[start:stop], self.corner, self.side, self.strides, keys[start:stop])

        def fill(start: int, stop: int) -> None:
            _fill_points(keys[start:stop], order[start:stop], xyz, points[start:stop])

        in_pieces(find, len(xyz), 50_000)
        keys, order = _sort_keys(keys, self.highest)
        in_pieces(fill, len(xyz), 50_000)
        return points


def _lay_grid(demand: NDArray[np.float64], sites: NDArray[np.float64], chord: float) -> _Grid:
    box = np.array(((np.inf,) * 3, (-np.inf,) * 3))
    _widen(demand, box)
    _widen(sites, box)
    side = max(chord / _FINER * _AIR, float((box[1] - box[0]).max()) / _MOST_CELLS)
    look = math.ceil(chord / side)
    across = ((box[1] - box[0]) / side).astype(np.int64) + 1 + 2 * look
    strides = np.array((across[1] * across[2], across[2], 1))
    steps = np.arange(-look, look + 1)
    middle = (steps[:, None] * strides[0] + steps * strides[1]).ravel()
    runs = np.column_stack((middle - look, middle + look + 1))
    return _Grid(box[0], side, strides, int(across.prod()), runs)


def limits_of(radius: float, metric: str) -> tuple[float, float]:
    """Return the squared chords (in the plane: distances) between which a pair must be measured."""
    if metric == "geodesic":
        return geodesic_chord_limits(radius)
    rounding = 8 * np.finfo(np.float64).eps
    return (radius * (1 - rounding)) ** 2 if radius else -1.0, (radius * (1 + rounding)) ** 2


def _in_space(positions: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    if metric == "geodesic":
        return ecef(positions)
    return np.column_stack((positions, np.zeros(len(positions))))


def _measured(
    origins: NDArray[np.float64], destinations: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    if metric == "geodesic":
        return geod_distances(origins, destinations)
    metres: NDArray[np.float64] = np.hypot(*(destinations - origins).T)
    return metres


def _pairs(
    demand: NDArray[np.float64], sites: NDArray[np.float64], inner: float, outer: float
) -> tuple[NDArray[np.int64], Names, NDArray[np.int64]]:
    """Return row pointers and sites of all pairs up to the outer limit, and (row, place) in doubt."""
    grid = _lay_grid(demand, sites, math.sqrt(outer))
    points = grid.sort(demand)
    given = grid.sort(sites), sites, grid.runs, np.array((inner, outer))
    indptr = np.zeros(len(demand) + 1, np.int64)

    def count(start: int, stop: int) -> tuple[int, NDArray[np.int64]]:
        return start, np.empty((_count(points[start:stop], *given, indptr[1:]), 2), np.int64)

    doubtful = dict(in_pieces(count, len(demand), _PIECE))
    np.cumsum(indptr, out=indptr)
    indices = np.empty(indptr[-1], np.int32)

    def fill(start: int, stop: int) -> None:
        _fill(points[start:stop], *given, indptr, indices, doubtful[start])

    in_pieces(fill, len(demand), _PIECE)
    return indptr, indices, np.concatenate(list(doubtful.values()))


def _relation(indptr: NDArray[np.int64], indices: Names, sites: int) -> csr_array:
    """Return a read-only relation of the pairs, its pointers in 32 bits where they fit."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    if indices.size <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    within = csr_array((np.ones(indices.size, np.bool_), indices, indptr), shape=(indptr.size - 1, sites))
    within.has_canonical_format = True
    return frozen(within)


def _without(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], rows: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    dropped = np.bincount(rows, minlength=indptr.size - 1)
    return indptr - np.concatenate(([0], np.cumsum(dropped))), np.delete(indices, places)


def coverage(
    demand: ArrayLike,
    sites: ArrayLike,
    radius: float,
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
) -> csr_array:
    """Find the sites within the radius of each demand point.

    Parameters
    ----------
    demand, sites
        (N, 2) and (M, 2), longitude and latitude in degrees, WGS-84; with ``metric="euclidean"`` metres.
    radius
        Metres, 0 or more.
    metric
        ``"geodesic"``: along the ellipsoid, for every pair what pyproj's Geod says. ``"euclidean"``: in the
        plane.
    strict
        A pair counts when its distance is less than the radius, rather than at most the radius.

    Returns
    -------
    csr_array
        (N, M) bool, read-only, every stored value true, sites ascending within each row.

    Raises
    ------
    InputError
        Positions of another shape, not finite or out of range; a radius that is negative or not finite.

    Notes ----- Bentley, Stanat and Williams (1977), The complexity of finding fixed-radius near neighbors:
    cells. Only pairs whose chord lies in the narrow band where it does not tell are measured with Geod.
    """
    demand = checked_positions(demand, metric, "demand")
    sites = checked_positions(sites, metric, "sites")
    inner, outer = limits_of(checked_radius(radius), metric)
    if len(demand) == 0 or len(sites) == 0:
        return _relation(np.zeros(len(demand) + 1, np.int64), np.empty(0, np.int32), len(sites))
    indptr, indices, doubtful = _pairs(_in_space(demand, metric), _in_space(sites, metric), inner, outer)
    rows, places = doubtful.T
    metres = _measured(demand[rows], sites[indices[places]], metric)
    outside = metres >= radius if strict else metres > radius
    if outside.any():
        indptr, indices = _without(indptr, indices, rows[outside], places[outside])
    return _relation(indptr, indices, len(sites))


class Alike(NamedTuple):
    """Demand points merged by the sites that cover them; every array has one item per pattern."""

    coverage: csr_array
    weight: NDArray[np.float64]
    points: NDArray[np.int64]
    first: NDArray[np.int64]


def covered_alike(
    demand: NDArray[np.float64],
    sites: NDArray[np.float64],
    limits: tuple[float, float],
    weight: NDArray[np.float64],
    metric: str,
) -> tuple[list[Alike], NDArray[np.int64]]:
    """Merge demand points by the sites that cover them, piece by piece.

    Parameters
    ----------
    demand, sites
        (N, 2) and (M, 2) checked positions.
    limits
        The squared chords that bound the radius.
    weight
        (N,) of the demand points.
    metric
        Of the positions.

    Returns
    -------
    pieces, doubtful
        Patterns, different within their piece only, and the points of which a pair must be measured.
    """
    if len(demand) == 0 or len(sites) == 0:
        return [], np.arange(len(demand))
    xyz, site_xyz = _in_space(demand, metric), _in_space(sites, metric)
    grid = _lay_grid(xyz, site_xyz, math.sqrt(limits[1]))
    points = grid.sort(xyz)
    weights = weight[points["name"]]
    given = grid.sort(site_xyz), site_xyz, grid.runs, np.array(limits)

    def collect(start: int, stop: int) -> tuple[Alike, NDArray[np.int64]]:
        found, names, doubtful = _collect(
            points[start:stop], *given, weights[start:stop], np.empty(_ROOM, _PATTERN)
        )
        relation = _relation(np.concatenate(([0], np.cumsum(found["size"]))), names.copy(), len(sites))
        return Alike(relation, found["weight"], found["points"], found["first"]), doubtful.copy()

    pieces, doubtful = zip(*in_pieces(collect, len(demand), _PIECE), strict=True)
    return list(pieces), np.concatenate(doubtful)
