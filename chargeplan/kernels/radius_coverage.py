"""Which sites lie within the radius of which demand points, as a sparse relation.

Sites are sorted into cubic cells of earth-centred space, a little finer than the radius; demand points too, so that the
points of one cell share one list of nearby sites. Each pair on that list is one comparison of squared chords.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.geodesy import ecef, geod_distances, geodesic_chord_limits
from chargeplan.kernels.inputs import checked_positions, checked_radius, frozen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from chargeplan.kernels.inputs import Metric

_FINER = 2  # cells per radius
_PIECE = 2_000  # demand points in the smallest piece of work
_DIGIT = 11  # bits that one pass of the radix sort looks at
_MOST_CELLS = 2**20  # along one axis, so that the three cell numbers fit one 64-bit key
_AIR = 1 + 1e-8  # cells are larger by this, more than rounding can move a point across a wall


class _Cells(NamedTuple):
    """Points sorted by the key of their cell; `order` says which point each one was."""

    key: NDArray[np.int64]
    order: NDArray[np.int64]
    xyz: NDArray[np.float64]


class _Reach(NamedTuple):
    """How far to look: the runs of neighbouring cells, and the squared chords that bound the radius.

    `runs` are the first keys of the runs, relative to the cell in the middle, `length` is the number of cells in a run.
    """

    runs: NDArray[np.int64]
    length: int
    inner: float
    outer: float


@kernel
def _corners(xyz: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    """Widen a box until it holds the points."""
    for i in range(xyz.shape[0]):
        for axis in range(3):
            low[axis] = min(low[axis], xyz[i, axis])
            high[axis] = max(high[axis], xyz[i, axis])


@kernel
def _cell_keys(
    xyz: NDArray[np.float64], corner: NDArray[np.float64], side: float, strides: NDArray[np.int64]
) -> NDArray[np.int64]:
    keys = np.empty(xyz.shape[0], np.int64)
    scale = 1.0 / side
    for i in range(keys.size):
        key = 0
        for axis in range(3):
            key += np.int64((xyz[i, axis] - corner[axis]) * scale) * strides[axis]
        keys[i] = key
    return keys


@kernel
def _sort_by_key(keys: NDArray[np.int64], highest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys (0 to `highest`) in ascending order and the place each came from: a stable radix sort."""
    size = keys.size
    order = np.arange(size)
    spare_keys, spare_order = np.empty(size, np.int64), np.empty(size, np.int64)
    starts = np.empty((1 << _DIGIT) + 1, np.int64)
    shift = 0
    while highest >> shift > 0:
        starts[:] = 0
        for i in range(size):
            starts[((keys[i] >> shift) & ((1 << _DIGIT) - 1)) + 1] += 1
        for digit in range(1 << _DIGIT):
            starts[digit + 1] += starts[digit]
        for i in range(size):
            digit = (keys[i] >> shift) & ((1 << _DIGIT) - 1)
            spare_keys[starts[digit]] = keys[i]
            spare_order[starts[digit]] = order[i]
            starts[digit] += 1
        keys, spare_keys = spare_keys, keys
        order, spare_order = spare_order, order
        shift += _DIGIT
    return keys, order


@kernel
def _take(xyz: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    taken = np.empty((order.size, 3))
    for i in range(order.size):
        for axis in range(3):
            taken[i, axis] = xyz[order[i], axis]
    return taken


@kernel
def _first_at(keys: NDArray[np.int64], start: int, key: int) -> int:
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


@kernel
def _sort_names(names: NDArray[np.int32]) -> None:
    """Sort a short list in place (Shell's method)."""
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
def _nearby(
    box: NDArray[np.float64], key: int, sites: _Cells, reach: _Reach, places: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return the sites within reach of a box of demand points that share a cell.

    `places` remembers where each run was found for the cell before; keys only grow.
    """
    total = 0
    for run in range(reach.runs.size):
        low = key + reach.runs[run]
        places[run, 0] = _first_at(sites.key, places[run, 0], low)
        places[run, 1] = _first_at(sites.key, places[run, 0], low + reach.length)
        total += places[run, 1] - places[run, 0]
    found = np.empty(total, np.int32)
    size = 0
    for run in range(reach.runs.size):
        for t in range(places[run, 0], places[run, 1]):
            square = 0.0
            for axis in range(3):
                value = sites.xyz[t, axis]
                gap = max(box[0, axis] - value, 0.0, value - box[1, axis])
                square += gap * gap
            if square <= reach.outer:
                found[size] = sites.order[t]
                size += 1
    return found[:size]


@kernel
def _cell_end(demand: _Cells, first: int, stop: int, box: NDArray[np.float64]) -> int:
    """Return where the cell of the point `first` ends, and put the box around its points into `box`."""
    last = first
    box[0] = np.inf
    box[1] = -np.inf
    while last < stop and demand.key[last] == demand.key[first]:
        for axis in range(3):
            box[0, axis] = min(box[0, axis], demand.xyz[last, axis])
            box[1, axis] = max(box[1, axis], demand.xyz[last, axis])
        last += 1
    return last


@kernel
def _columns(xyz: NDArray[np.float64], rows: NDArray[np.int32]) -> NDArray[np.float64]:
    columns = np.empty((3, rows.size))
    for t in range(rows.size):
        for axis in range(3):
            columns[axis, t] = xyz[rows[t], axis]
    return columns


@kernel
def _count(
    demand: _Cells,
    start: int,
    stop: int,
    sites: _Cells,
    site_xyz: NDArray[np.float64],
    reach: _Reach,
    counts: NDArray[np.int64],
) -> int:
    """Count the pairs of each demand point that may be within; return how many of all are in doubt."""
    places = np.zeros((reach.runs.size, 2), np.int64)
    box = np.empty((2, 3))
    doubtful = 0
    first = start
    while first < stop:
        last = _cell_end(demand, first, stop, box)
        near = _columns(site_xyz, _nearby(box, demand.key[first], sites, reach, places))
        for i in range(first, last):
            x, y, z = demand.xyz[i, 0], demand.xyz[i, 1], demand.xyz[i, 2]
            sure = 0
            possible = 0
            for t in range(near.shape[1]):
                a, b, c = near[0, t] - x, near[1, t] - y, near[2, t] - z
                square = a * a + b * b + c * c
                sure += square <= reach.inner
                possible += square <= reach.outer
            counts[demand.order[i]] = possible
            doubtful += possible - sure
        first = last
    return doubtful


@kernel
def _fill(
    demand: _Cells,
    start: int,
    stop: int,
    sites: _Cells,
    site_xyz: NDArray[np.float64],
    reach: _Reach,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    doubtful: NDArray[np.int64],
) -> None:
    """Write the pairs that `_count` counted, each row by ascending site, and (row, place) of those in doubt."""
    places = np.zeros((reach.runs.size, 2), np.int64)
    box = np.empty((2, 3))
    in_doubt = 0
    first = start
    while first < stop:
        last = _cell_end(demand, first, stop, box)
        names = _nearby(box, demand.key[first], sites, reach, places)
        _sort_names(names)
        near = _columns(site_xyz, names)
        square = np.empty(names.size)
        row = np.empty(names.size, np.int32)
        for i in range(first, last):
            x, y, z = demand.xyz[i, 0], demand.xyz[i, 1], demand.xyz[i, 2]
            sure = 0
            for t in range(names.size):
                a, b, c = near[0, t] - x, near[1, t] - y, near[2, t] - z
                square[t] = a * a + b * b + c * c
                sure += square[t] <= reach.inner
            size = 0
            for t in range(names.size):
                row[size] = names[t]
                size += square[t] <= reach.outer
            begin = indptr[demand.order[i]]
            for t in range(size):
                indices[begin + t] = row[t]
            if size > sure:
                place = begin
                for t in range(names.size):
                    if reach.inner < square[t] <= reach.outer:
                        doubtful[in_doubt, 0] = demand.order[i]
                        doubtful[in_doubt, 1] = place
                        in_doubt += 1
                    place += square[t] <= reach.outer
        first = last


class _Grid(NamedTuple):
    """The cubic cells that both kinds of points are sorted into."""

    corner: NDArray[np.float64]
    side: float
    strides: NDArray[np.int64]
    highest: int

    def sort(self, xyz: NDArray[np.float64]) -> _Cells:
        keys = _cell_keys(xyz, self.corner, self.side, self.strides)
        key, order = _sort_by_key(keys, self.highest)
        return _Cells(key, order, _take(xyz, order))


def _lay_grid(
    demand: NDArray[np.float64], sites: NDArray[np.float64], inner: float, outer: float
) -> tuple[_Grid, _Reach]:
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    _corners(demand, low, high)
    _corners(sites, low, high)
    chord = math.sqrt(outer)
    side = max(chord / _FINER * _AIR, float((high - low).max()) / _MOST_CELLS)
    look = math.ceil(chord / side)
    across = ((high - low) / side).astype(np.int64) + 1 + 2 * look
    strides = np.array((across[1] * across[2], across[2], 1))
    steps = np.arange(-look, look + 1)
    runs = (steps[:, None] * strides[0] + steps * strides[1] - look).ravel()
    return _Grid(low, side, strides, int(across.prod())), _Reach(runs, 2 * look + 1, inner, outer)


def _limits(radius: float, metric: str) -> tuple[float, float]:
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
    return np.hypot(*(destinations - origins).T)


def _pairs(
    demand: _Cells, sites: _Cells, site_xyz: NDArray[np.float64], reach: _Reach
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Return the row pointers and sites of all pairs up to the outer limit, and (row, place) of those in doubt."""
    indptr = np.zeros(demand.key.size + 1, np.int64)
    doubts = dict(
        in_pieces(
            lambda start, stop: (start, _count(demand, start, stop, sites, site_xyz, reach, indptr[1:])),
            demand.key.size,
            _PIECE,
        )
    )
    np.cumsum(indptr, out=indptr)
    indices = np.empty(indptr[-1], np.int32)
    doubtful = {start: np.empty((count, 2), np.int64) for start, count in doubts.items()}
    in_pieces(
        lambda start, stop: _fill(
            demand, start, stop, sites, site_xyz, reach, indptr, indices, doubtful[start]
        ),
        demand.key.size,
        _PIECE,
    )
    return indptr, indices, np.concatenate(list(doubtful.values()))


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
        ``"geodesic"``: along the ellipsoid, for every pair what pyproj's Geod says. ``"euclidean"``: in the plane.
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

    Notes
    -----
    Bentley, Stanat and Williams (1977), The complexity of finding fixed-radius near neighbors: cells. Only pairs whose
    chord lies in the narrow band where it does not tell are measured with Geod.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    demand = checked_positions(demand, metric, "demand")
    sites = checked_positions(sites, metric, "sites")
    limits = _limits(checked_radius(radius), metric)
    shape = (len(demand), len(sites))
    if 0 in shape:
        return frozen(csr_array(shape, dtype=np.bool_))
    demand_xyz, site_xyz = _in_space(demand, metric), _in_space(sites, metric)
    grid, reach = _lay_grid(demand_xyz, site_xyz, *limits)
    indptr, indices, doubtful = _pairs(grid.sort(demand_xyz), grid.sort(site_xyz), site_xyz, reach)
    rows, places = doubtful.T
    metres = _measured(demand[rows], sites[indices[places]], metric)
    outside = metres >= radius if strict else metres > radius
    if outside.any():
        indptr, indices = _without(indptr, indices, rows[outside], places[outside])
    if indices.size <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    within = csr_array((np.ones(indices.size, np.bool_), indices, indptr), shape=shape)
    within.has_canonical_format = True
    return frozen(within)
