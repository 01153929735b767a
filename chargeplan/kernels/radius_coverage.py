"""Which sites lie within the radius of which demand points, as a sparse relation.

Both are sorted into cubic cells of earth-centred space, a little finer than the radius, so that the demand
points of one cell share one list of nearby sites. Each pair on that list is one comparison of squared chords.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast, overload

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import ZERO, in_pieces, kernel, kernel_part
from chargeplan.kernels.distance import related_distances
from chargeplan.kernels.geodesy import LONG, geod_distances, geodesic_chord_limits, in_space
from chargeplan.kernels.inputs import checked_positions, checked_radius, frozen
from chargeplan.kernels.memory import reserve

By = Literal["demand", "site"]
Scalar = TypeVar("Scalar", bound=np.generic)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from chargeplan.kernels.inputs import Metric

    Names = NDArray[np.int32]
    Places = NDArray[np.int64]
    Columns = NDArray[np.float64]
    # Points in the order of their cells: the key of each one's cell, its number; and where the numbers are.
    Sorted = tuple[Places, Places, NDArray[np.float64]]

_FINER = 2  # cells per radius
_PIECE = 2_000  # demand points in the smallest piece of work
_TOGETHER = 1024  # demand points of one cell that share a list of sites, at most
_BLOCK = 2**15  # sites of demand points collected before they are sent to their rows
_ROWS = 2**11  # rows collected, at most
_MOST_CELLS = 2**20  # along one axis, so that the three cell numbers fit one 64-bit key
_AIR = 1 + 1e-8  # cells are larger by this, more than rounding can move a point across a wall
_FARTHEST = 1e151  # metres: farther apart than any two positions may be
_LOST = 1e-290  # square metres: smaller squares lose their digits
_INDEX = 4  # bytes
_DOUBT = 128  # bytes that a pair in doubt takes until it is measured


@kernel
def _widen(xyz: NDArray[np.float64], box: NDArray[np.float64]) -> None:
    """Widen a box, its lower corner and its upper corner, until it holds the points."""
    for i in range(xyz.shape[0]):
        for axis in range(3):
            box[0, axis] = min(box[0, axis], xyz[i, axis])
            box[1, axis] = max(box[1, axis], xyz[i, axis])


@kernel
def _cell_keys(
    xyz: NDArray[np.float64], corner: NDArray[np.float64], side: float, strides: Places, keys: Places
) -> None:
    scale = 1.0 / side
    for i in range(keys.size):
        key = 0
        for axis in range(3):
            key += np.int64((xyz[i, axis] - corner[axis]) * scale) * strides[axis]
        keys[i] = key


@kernel
def _sort_keys(keys: Places, highest: int) -> tuple[Places, Places]:
    """Return the keys (0 to `highest`) in order, and where each came from: a stable radix sort."""
    bits = 11 if keys.size > 4096 else (8 if keys.size > 256 else 5)  # that one pass looks at
    digits = 1 << bits
    order = np.empty_like(keys)
    for i in range(keys.size):
        order[i] = i
    spare_keys, spare_order = np.empty_like(keys), np.empty_like(keys)
    starts = np.empty(digits, np.int64)
    shift = 0
    while shift < 63 and highest >> shift > 0:
        for digit in range(digits):
            starts[digit] = 0
        for i in range(keys.size):
            starts[(keys[i] >> shift) & (digits - 1)] += 1
        start = 0
        for digit in range(digits):
            size = starts[digit]
            starts[digit] = start
            start += size
        for i in range(keys.size):
            digit = (keys[i] >> shift) & (digits - 1)
            spare_keys[starts[digit]] = keys[i]
            spare_order[starts[digit]] = order[i]
            starts[digit] += 1
        keys, spare_keys = spare_keys, keys
        order, spare_order = spare_order, order
        shift += bits
    return keys, order


@kernel
def _first_at(keys: Places, start: int, key: int) -> int:
    """Return the first place from `start` on whose key is at least `key`, looking near before far."""
    probe, step = start, 1
    while probe < keys.size and keys[probe] < key:
        start = probe + 1
        probe += step
        step *= 2
    stop = min(probe, keys.size)
    while start < stop:
        middle = (start + stop) // 2
        if keys[middle] < key:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel_part
def _gather(demand: Sorted, first: int, points: Columns, box: NDArray[np.float64]) -> int:
    """Put the demand points that share the cell of `first` into columns, and a box around them.

    Returns where they end; a crowded cell ends when the columns are full.
    """
    keys, names, xyz = demand
    low_x, low_y, low_z, high_x, high_y, high_z = np.inf, np.inf, np.inf, -np.inf, -np.inf, -np.inf
    last = first
    while last < keys.size and keys[last] == keys[first] and last - first < points.shape[1]:
        x, y, z = xyz[names[last], 0], xyz[names[last], 1], xyz[names[last], 2]
        points[0, last - first], points[1, last - first], points[2, last - first] = x, y, z
        low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
        high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
        last += 1
    box[0, 0], box[0, 1], box[0, 2] = low_x, low_y, low_z
    box[1, 0], box[1, 1], box[1, 2] = high_x, high_y, high_z
    return last


@kernel_part
def _gap(low: float, value: float, high: float) -> float:
    return max(low - value, 0.0, value - high)


@kernel_part
def _around(
    box: NDArray[np.float64], key: int, sites: Sorted, runs: Places, places: Places, reach: float
) -> tuple[Names, Columns]:
    """Return the sites within reach of a box of demand points that share a cell, ascending.

    `runs` holds the keys, relative to that of the cell, at which each run of neighbouring cells begins and
    ends; `places` remembers where it was found for the cell before, since keys only grow.
    """
    keys, names, xyz = sites
    total = 0
    for run in range(runs.shape[0]):
        places[run, 0] = _first_at(keys, places[run, 0], key + runs[run, 0])
        places[run, 1] = _first_at(keys, max(places[run, 0], places[run, 1]), key + runs[run, 1])
        total += places[run, 1] - places[run, 0]
    found = np.empty((2, total), np.int64)
    size = 0
    for run in range(runs.shape[0]):
        for t in range(places[run, 0], places[run, 1]):
            a = _gap(box[0, 0], xyz[t, 0], box[1, 0])
            b = _gap(box[0, 1], xyz[t, 1], box[1, 1])
            c = _gap(box[0, 2], xyz[t, 2], box[1, 2])
            found[0, size], found[1, size] = names[t], t
            size += a * a + b * b + c * c <= reach
    ascending, order = _sort_keys(found[0, :size], keys.size - 1)
    near_names, near = np.empty(size, np.int32), np.empty((3, size))
    for t in range(size):
        near_names[t] = ascending[t]
        for axis in range(3):
            near[axis, t] = xyz[found[1, order[t]], axis]
    return near_names, near


@kernel_part
def _square(near: Columns, points: Columns, point: int, squares: NDArray[np.float64]) -> None:
    """Square the chords from a demand point to the sites near it."""
    near_x, near_y, near_z = near[0], near[1], near[2]
    x, y, z = points[0, point], points[1, point], points[2, point]
    for t in range(squares.size):
        a, b, c = near_x[t] - x, near_y[t] - y, near_z[t] - z
        squares[t] = a * a + b * b + c * c


@kernel_part
def _doubt(
    squares: NDArray[np.float64],
    limits: NDArray[np.float64],
    row: int,
    place: int,
    doubtful: Places,
    in_doubt: int,
) -> int:
    """Note (row, place) of the pairs of a row that begins at a place which are in doubt; count them on."""
    for t in range(squares.size):
        if limits[0] < squares[t] <= limits[1]:
            doubtful[in_doubt, 0], doubtful[in_doubt, 1] = row, place
            in_doubt += 1
        place += squares[t] <= limits[1]
    return in_doubt


@kernel
def _count(
    demand: Sorted,
    sites: Sorted,
    runs: Places,
    limits: NDArray[np.float64],
    reach: float,
    counts: NDArray[np.int32],
) -> int:
    """Count, radius by radius, the pairs of each demand point that may be within.

    Returns how many of all are in doubt.
    """
    places, points, box = np.zeros_like(runs), np.empty((3, _TOGETHER)), np.empty((2, 3))
    doubtful, first = 0, ZERO
    while first < demand[0].size:
        last = _gather(demand, first, points, box)
        names, near = _around(box, demand[0][first], sites, runs, places, reach)
        near_x, near_y, near_z = near[0], near[1], near[2]
        for i in range(first, last):
            x, y, z = points[0, i - first], points[1, i - first], points[2, i - first]
            for r in range(limits.shape[0]):
                inner, outer = limits[r, 0], limits[r, 1]
                sure = 0
                possible = 0
                for t in range(names.size):
                    a, b, c = near_x[t] - x, near_y[t] - y, near_z[t] - z
                    square = a * a + b * b + c * c
                    sure += square <= inner
                    possible += square <= outer
                counts[r, demand[1][i]] = possible
                doubtful += possible - sure
        first = last
    return doubtful


@kernel_part
def _send(rows: Places, sizes: Places, count: int, block: Names, indptr: Places, indices: Names) -> None:
    """Copy the sites of some rows from a block to where the rows are.

    Rows are far from each other; the processor fetches many at a time while it does nothing else, and looks
    up where they begin before that.
    """
    for item in range(count):
        rows[item] = indptr[rows[item]]
    start = 0
    for item in range(count):
        row = indices[rows[item] : rows[item] + sizes[item]]
        found = block[start : start + sizes[item]]
        for t in range(found.size):
            row[t] = found[t]
        start += sizes[item]


@kernel
def _fill(
    demand: Sorted,
    sites: Sorted,
    runs: Places,
    limits: NDArray[np.float64],
    reach: float,
    indptr: Places,
    indices: Names,
    doubtful: Places,
) -> None:
    """Write the pairs that `_count` counted, and (row, place) of those in doubt.

    The rows of all radii are one behind the other.
    """
    places, points, box = np.zeros_like(runs), np.empty((3, _TOGETHER)), np.empty((2, 3))
    block, rows, sizes = np.empty(_BLOCK, np.int32), np.empty(_ROWS, np.int64), np.empty(_ROWS, np.int64)
    size, count, in_doubt, first = 0, ZERO, ZERO, ZERO
    while first < demand[0].size:
        last = _gather(demand, first, points, box)
        names, near = _around(box, demand[0][first], sites, runs, places, reach)
        near_x, near_y, near_z = near[0], near[1], near[2]
        hits, squares = np.empty(names.size, np.uint8), np.empty(names.size)
        for i in range(first, last):
            x, y, z = points[0, i - first], points[1, i - first], points[2, i - first]
            for r in range(limits.shape[0]):
                if count == rows.size or size + names.size > block.size:
                    _send(rows, sizes, count, block, indptr, indices)
                    size, count = 0, 0
                    if names.size > block.size:
                        block = np.empty(2 * names.size, np.int32)
                outer, start = limits[r, 1], size
                for t in range(names.size):
                    a, b, c = near_x[t] - x, near_y[t] - y, near_z[t] - z
                    hits[t] = a * a + b * b + c * c <= outer
                for t in range(names.size):
                    block[size] = names[t]
                    size += int(np.int64(hits[t]))
                row = r * demand[2].shape[0] + demand[1][i]
                rows[count], sizes[count] = row, size - start
                count += 1
                if doubtful.size > 0:
                    _square(near, points, i - first, squares)
                    in_doubt = _doubt(squares, limits[r], row, indptr[row], doubtful, in_doubt)
        first = last
    _send(rows, sizes, count, block, indptr, indices)


class _Grid(NamedTuple):
    """The cubic cells that points are sorted into, and the runs of cells that are near a cell."""

    corner: NDArray[np.float64]
    side: float
    strides: Places
    highest: int
    runs: Places

    def sort(self, xyz: NDArray[np.float64]) -> Sorted:
        """Return the points in the order of their cells, each where it was among `xyz`."""
        keys = np.empty(len(xyz), np.int64)

        def find(start: int, stop: int) -> None:
            _cell_keys(xyz[start:stop], self.corner, self.side, self.strides, keys[start:stop])

        in_pieces(find, len(xyz), 50_000)
        return *_sort_keys(keys, self.highest), xyz

    def sort_sites(self, xyz: NDArray[np.float64]) -> Sorted:
        """Return the sites in the order of their cells, and where they are in the same order."""
        keys, names, _ = self.sort(xyz)
        return keys, names, xyz[names]


def _lay_grid(demand: NDArray[np.float64], sites: NDArray[np.float64], reach: float) -> _Grid:
    """Lay cells for points that are looked for up to a squared chord."""
    box = np.array(((np.inf,) * 3, (-np.inf,) * 3))
    _widen(demand, box)
    _widen(sites, box)
    extent = np.maximum(box[1] - box[0], 0.0)  # of no points: below none
    chord = min(math.sqrt(reach), _FARTHEST)
    side = max(chord / _FINER * _AIR, float(extent.max()) / _MOST_CELLS)
    look = math.ceil(chord / side)
    across = (extent / side).astype(np.int64) + 1 + 2 * look
    strides = np.array((across[1] * across[2], across[2], 1))
    steps = np.arange(-look, look + 1)
    middle = (steps[:, None] * strides[0] + steps * strides[1]).ravel()
    runs = np.column_stack((middle - look, middle + look + 1))
    return _Grid(box[0], side, strides, int(across.prod()), runs)


def limits_of(radius: float, metric: str) -> tuple[float, float]:
    """Return the squared chords (in the plane: distances) between which a pair must be measured."""
    if metric == "geodesic":
        return geodesic_chord_limits(radius)
    rounding = 8 * float(np.finfo(np.float64).eps)
    inner, outer = radius * (1 - rounding), radius * (1 + rounding)
    return inner * inner if inner * inner > _LOST else -1.0, max(outer * outer, _LOST)


class _Question(NamedTuple):
    """What is asked of a coverage, checked."""

    demand: NDArray[np.float64]
    sites: NDArray[np.float64]
    radii: list[float]
    metric: Metric
    strict: bool
    by: By
    max_bytes: int | None

    @classmethod
    def checked(
        cls,
        demand: ArrayLike,
        sites: ArrayLike,
        radii: Sequence[float],
        *,
        metric: Metric,
        strict: bool,
        by: By,
        max_bytes: int | None,
    ) -> _Question:
        """Ask, unless something given is wrong."""
        if by not in ("demand", "site"):
            raise InputError(f'by must be "demand" or "site", not {by!r}')
        places = checked_positions(demand, metric, "demand"), checked_positions(sites, metric, "sites")
        return cls(*places, [checked_radius(radius) for radius in radii], metric, strict, by, max_bytes)

    def sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the positions of the rows and those of the columns."""
        return (self.demand, self.sites) if self.by == "demand" else (self.sites, self.demand)

    def in_space(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the rows are in space, and the columns."""
        rows, columns = self.sides()
        return in_space(rows, self.metric), in_space(columns, self.metric)

    def measure(self, rows: Places, columns: Names) -> NDArray[np.float64]:
        """Measure pairs from the demand point to the site, whichever side they are on."""
        demand, sites = (rows, columns) if self.by == "demand" else (columns, rows)
        origins, destinations = self.demand[demand], self.sites[sites]
        if self.metric == "geodesic":
            return geod_distances(origins, destinations)
        metres: NDArray[np.float64] = np.hypot(*(destinations - origins).T)
        return metres


class _Pairs(NamedTuple):
    """The pairs up to the outer limits, the rows of all radii one behind the other.

    Of those in doubt also the place among the pairs, the metres, and whether it is not within after all.
    """

    indptr: Places
    indices: Names
    places: Places
    metres: NDArray[np.float64]
    outside: NDArray[np.bool_]

    def without(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return one value per pair for the pairs that are within."""
        return np.delete(values, self.places[self.outside]) if self.outside.any() else values

    def pointers(self) -> Places:
        """Return the row pointers of the pairs that are within."""
        dropped = np.sort(self.places[self.outside])
        return self.indptr - np.searchsorted(dropped, self.indptr) if dropped.size else self.indptr


def _find(asked: _Question, each: int) -> _Pairs:
    """Find the pairs, each of which takes so many bytes in the answer."""
    rows, columns = asked.in_space()
    limits = np.array([limits_of(radius, asked.metric) for radius in asked.radii]).reshape(-1, 2)
    reach = float(limits[:, 1].max(initial=_LOST))
    grid = _lay_grid(rows, columns, reach)
    keys, names, _ = grid.sort(rows)
    given = grid.sort_sites(columns), grid.runs, limits, reach
    counts = np.zeros((len(limits), len(rows)), np.int32)

    def count(start: int, stop: int) -> tuple[int, int]:
        return start, _count((keys[start:stop], names[start:stop], rows), *given, counts)

    in_doubt = dict(in_pieces(count, len(rows), _PIECE))
    indptr = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    _announce(asked, int(indptr[-1]), each, sum(in_doubt.values()))
    indices = np.empty(indptr[-1], np.int32)

    def fill(start: int, stop: int) -> Places:
        doubtful = np.empty((in_doubt[start], 2), np.int64)
        _fill((keys[start:stop], names[start:stop], rows), *given, indptr, indices, doubtful)
        return doubtful

    row, place = np.concatenate(in_pieces(fill, len(rows), _PIECE)).T
    metres = asked.measure(row % max(len(rows), 1), indices[place])
    radii = np.array(asked.radii)[row // max(len(rows), 1)]
    return _Pairs(indptr, indices, place, metres, metres >= radii if asked.strict else metres > radii)


def _announce(asked: _Question, pairs: int, each: int, in_doubt: int) -> None:
    """Reserve what the pairs take; twice where some may have to be left out, and what measuring takes."""
    needed = each * pairs * (1 + (in_doubt > 0)) + _DOUBT * in_doubt
    reserve(needed, f"a coverage of {pairs:,} pairs", asked.max_bytes)


def _relations(asked: _Question, pairs: _Pairs, data: NDArray[Any]) -> tuple[csr_array, ...]:
    """Return a read-only relation for each radius; `data` holds a value per pair."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    rows, columns = (len(side) for side in asked.sides())
    indptr, indices, data = pairs.pointers(), pairs.without(pairs.indices), pairs.without(data)
    relations = []
    for r in range(len(asked.radii)):
        pointers = indptr[r * rows : (r + 1) * rows + 1]
        part, pointers = slice(pointers[0], pointers[-1]), pointers - pointers[0]
        if pointers[-1] <= np.iinfo(np.int32).max:
            pointers = pointers.astype(np.int32)
        relation = csr_array((data[part], indices[part], pointers), shape=(rows, columns))
        relation.has_canonical_format = True
        relations.append(frozen(relation))
    return tuple(relations)


def _ones(size: int) -> NDArray[np.bool_]:
    """Return true, many times."""
    ones = np.empty(size, np.bool_)
    in_pieces(lambda start, stop: ones[start:stop].fill(True), size, 2**20)  # noqa: FBT003 - a value
    return ones


@overload
def coverage(
    demand: ArrayLike,
    sites: ArrayLike,
    radius: float,
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
    by: By = "demand",
    max_bytes: int | None = None,
) -> csr_array: ...


@overload
def coverage(
    demand: ArrayLike,
    sites: ArrayLike,
    radius: Sequence[float] | NDArray[np.floating],
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
    by: By = "demand",
    max_bytes: int | None = None,
) -> tuple[csr_array, ...]: ...


def coverage(
    demand: ArrayLike,
    sites: ArrayLike,
    radius: float | Sequence[float] | NDArray[np.floating],
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
    by: By = "demand",
    max_bytes: int | None = None,
) -> csr_array | tuple[csr_array, ...]:
    """Find the sites within the radius of each demand point.

    Parameters
    ----------
    demand, sites
        (N, 2) and (M, 2), longitude and latitude in degrees, WGS-84; with ``metric="euclidean"`` metres.
    radius
        Metres, 0 or more; or several, which are found in one pass.
    metric
        ``"geodesic"``: along the ellipsoid, for every pair what pyproj's Geod says. ``"euclidean"``: in the
        plane.
    strict
        A pair counts when its distance is less than the radius, rather than at most the radius.
    by
        ``"demand"``: a row per demand point. ``"site"``: a row per site.
    max_bytes
        What may be taken for the pairs, which are counted before; None: what the machine has free.

    Returns
    -------
    csr_array or tuple of csr_array
        (N, M) bool, or (M, N) by site, read-only, every stored value true, columns ascending within each
        row; one per radius, in the order given, if several are asked for.

    Raises
    ------
    InputError
        Positions of another shape, not finite or out of range; a radius that is negative or not finite; more
        memory needed than may be taken, with the number of pairs.

    Notes
    -----
    Bentley, Stanat and Williams (1977), The complexity of finding fixed-radius near neighbors: cells. Only
    pairs whose chord lies in the narrow band where it does not tell are measured with Geod.
    """
    several = np.ndim(radius) > 0
    radii = cast("Sequence[float]", radius if several else (radius,))
    asked = _Question.checked(demand, sites, radii, metric=metric, strict=strict, by=by, max_bytes=max_bytes)
    pairs = _find(asked, _INDEX + 1)
    relations = _relations(asked, pairs, _ones(pairs.indices.size))
    return relations if several else relations[0]


def coverage_distances(
    demand: ArrayLike,
    sites: ArrayLike,
    radius: float,
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
    by: By = "demand",
    max_bytes: int | None = None,
) -> csr_array:
    """Measure each demand point to the sites within the radius.

    Parameters
    ----------
    demand, sites, radius, metric, strict, by, max_bytes
        As for `coverage`, with one radius.

    Returns
    -------
    csr_array
        (N, M) float64, or (M, N) by site, metres, read-only: the pairs of `coverage`, a distance of 0 stored
        like any other. Distances are those of `distance_matrix`; so near the radius that a chord does not
        tell, they are Geod's.

    Raises
    ------
    InputError
        As `coverage`.
    """
    asked = _Question.checked(
        demand, sites, (radius,), metric=metric, strict=strict, by=by, max_bytes=max_bytes
    )
    pairs = _find(asked, _INDEX + 8)
    metres = related_distances(*asked.in_space(), pairs.indptr, pairs.indices, metric)
    far = np.flatnonzero(metres > LONG - 1) if metric == "geodesic" else pairs.places[:0]
    metres[far] = asked.measure(np.searchsorted(pairs.indptr, far, side="right") - 1, pairs.indices[far])
    metres[pairs.places] = pairs.metres
    return _relations(asked, pairs, metres)[0]
