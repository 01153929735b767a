"""Demand points with the same cover set, merged into one: exact for covering models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import kernel, kernel_part
from chargeplan.kernels.cover_cells import lay_cells
from chargeplan.kernels.equal_rows import merge_equal_rows
from chargeplan.kernels.inputs import (
    checked_positions,
    checked_radius,
    checked_vector,
    frozen,
    read_only,
    unwritable,
)
from chargeplan.kernels.radius_coverage import coverage, limits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from chargeplan.kernels.cover_cells import CoverCells
    from chargeplan.kernels.inputs import Metric

_NONE = np.iinfo(np.int64).max
_PILE = 1_000_000  # patterns that are kept unmerged, beyond twice as many as were left the last time
_SLICE = 2**20  # points that are looked at together
_MANY = 2**17  # points that make it worth while to prepare cells
_PAIRS = 2**23  # pairs of points and sites that are written down together, or so
_FEW = 2**12  # points whose pairs tell how many points that is


@dataclass(frozen=True, eq=False)
class Patterns:
    """Demand points merged by the set of sites that cover them.

    Parameters
    ----------
    coverage
        (G, M) bool, one row per distinct set of sites, the empty one too, in order of first appearance.
    weight
        (G,) the weight of the points of each pattern.
    points
        (G,) how many points each pattern has.
    """

    coverage: csr_array
    weight: NDArray[np.float64]
    points: NDArray[np.int64]


@kernel_part
def _add(totals: NDArray[np.float64], p: int, high: float, low: float) -> None:
    """Add to a total that is held in two floats, the second of what the first cannot hold (Knuth 1969)."""
    total = totals[p, 0] + high
    came = total - totals[p, 0]
    lost = (totals[p, 0] - (total - came)) + (high - came)
    rest = totals[p, 1] + low + lost
    totals[p, 0] = total + rest
    totals[p, 1] = rest - (totals[p, 0] - total)


@kernel
def _tally(
    names: NDArray[np.int32],
    weight: NDArray[np.float64],
    numbers: NDArray[np.int64],
    totals: NDArray[np.float64],
    points: NDArray[np.int64],
    first: NDArray[np.int64],
) -> None:
    """Add points to their patterns, but for those without (below 0)."""
    for i in range(names.size):
        p = int(np.int64(names[i]))
        if p >= 0:
            _add(totals, p, weight[i], 0.0)
            points[p] += 1
            first[p] = min(first[p], numbers[i])


@kernel
def _add_up(group: NDArray[np.int64], parts: NDArray[np.float64], totals: NDArray[np.float64]) -> None:
    for i in range(group.size):
        _add(totals, group[i], parts[i, 0], parts[i, 1])


class _Piece(NamedTuple):
    """Patterns, all different: sets of sites, weights in two floats, numbers of points, and the first."""

    sets: csr_array
    weight: NDArray[np.float64]
    points: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, sets: csr_array) -> _Piece:
        """Return patterns that have no points yet."""
        size = int(sets.shape[0])
        return cls(sets, np.zeros((size, 2)), np.zeros(size, np.int64), np.full(size, _NONE))

    def tally(
        self, names: NDArray[np.int32], weight: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> None:
        """Add points, given by their pattern (below 0 for none), weight and number."""
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a total that no float holds is noticed in the end
            _tally(names, unwritable(weight), numbers, self.weight, self.points, self.first)


def _merged(pieces: list[_Piece]) -> _Piece:
    """Make one piece of many; its patterns come in the order of their first points."""
    from scipy.sparse import csr_array, vstack  # noqa: PLC0415 - kernels import no more than numpy and numba

    stacked = csr_array(vstack([piece.sets for piece in pieces], format="csr"))
    representative, group = merge_equal_rows(stacked)
    weight, points = np.zeros((representative.size, 2)), np.zeros(representative.size, np.int64)
    first = np.full(representative.size, _NONE)
    with np.errstate(over="ignore", invalid="ignore"):
        _add_up(group, np.concatenate([piece.weight for piece in pieces]), weight)
    np.add.at(points, group, np.concatenate([piece.points for piece in pieces]))
    np.minimum.at(first, group, np.concatenate([piece.first for piece in pieces]))
    order = np.argsort(first)[: np.count_nonzero(points)]
    return _Piece(_rows(stacked, representative[order]), weight[order], points[order], first[order])


def _rows(sets: csr_array, rows: NDArray[np.int64]) -> csr_array:
    return sets if np.array_equal(rows, np.arange(sets.shape[0])) else sets[rows]


class _Stream:
    """Patterns of the points seen so far."""

    def __init__(self, sites: NDArray[np.float64], radius: float, metric: Metric, *, strict: bool) -> None:
        self._sites, self._radius, self._metric, self._strict = sites, radius, metric, strict
        self._limits = limits_of(radius, metric)
        self._cells: CoverCells | None = None
        self._looked_up = _Piece.of(self._coverage(np.empty((0, 2))))
        self._pile = [self._looked_up]
        self._seen, self._room, self._block = 0, _PILE, _FEW

    def _coverage(self, demand: NDArray[np.float64]) -> csr_array:
        return coverage(demand, self._sites, self._radius, metric=self._metric, strict=self._strict)

    def add(self, demand: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Look up the patterns of more points, and measure those of which that does not tell."""
        numbers = np.arange(self._seen, self._seen + len(demand))
        if self._seen < _MANY <= self._seen + len(demand):
            self._prepare()
        self._seen += len(demand)
        if self._cells is not None:
            names = self._cells.sets_of(demand)
            self._looked_up.tally(names, weight, numbers)
            left = np.flatnonzero(names < 0)
            demand, weight, numbers = demand[left], weight[left], numbers[left]
        self._measure(demand, weight, numbers)
        if sum(piece.points.size for piece in self._pile[1:]) > self._room:
            self._pile[1:] = [_merged(self._pile[1:])]
            self._room = 2 * self._pile[1].points.size + _PILE

    def _prepare(self) -> None:
        self._cells = lay_cells(self._sites, self._radius, self._limits, self._metric)
        if self._cells is not None:
            self._pile[0] = self._looked_up = _Piece.of(self._cells.relation)

    def _measure(
        self, demand: NDArray[np.float64], weight: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> None:
        """Write down the sites of points, block by block, and merge within each block."""
        start = 0
        while start < len(demand):
            part = slice(start, start + self._block)
            within = self._coverage(demand[part])
            representative, group = merge_equal_rows(within)
            piece = _Piece.of(_rows(within, representative))
            piece.tally(group.astype(np.int32), weight[part], numbers[part])
            self._pile.append(piece)
            start += group.size
            self._block = min(max(_PAIRS * group.size // max(within.nnz, 1), _FEW), _SLICE)

    def patterns(self) -> Patterns:
        """Return what was found."""
        found = _merged(self._pile)
        weight = found.weight.sum(axis=1)
        if not np.isfinite(weight).all():
            raise InputError("the weights add up to more than a float can hold")
        read_only(weight, found.points)
        return Patterns(frozen(found.sets), weight, found.points)


def cover_patterns(
    chunks: Iterable[tuple[ArrayLike, ArrayLike | None]],
    sites: ArrayLike,
    radius: float,
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
) -> Patterns:
    """Merge demand points by their cover sets as they stream by.

    Memory depends on the number of patterns and the size of a chunk, not on how many points there are. With
    some hundred sites at most, and many points, a point costs little more than to look where it lies.

    Parameters
    ----------
    chunks
        Pairs of positions (n, 2) and weights (n,), or None for 1 each; such as the batches of a Parquet file.
    sites, radius, metric, strict
        As for `coverage`.

    Returns
    -------
    Patterns
        The distinct cover sets, read-only, the same for however the points are cut into chunks. Weights are
        added in two floats and rounded once: the sum of a pattern is the float next to the exact one while
        it is less than 1e15 times its smallest weight that is not 0.

    Raises
    ------
    InputError
        Positions or weights of another shape, not finite or out of range, or weights whose sum is; a radius
        that is negative or not finite.
    """
    sites = checked_positions(sites, metric, "sites")
    stream = _Stream(sites, checked_radius(radius), metric, strict=strict)
    for positions, weights in chunks:
        demand = checked_positions(positions, metric, "demand")
        weight = checked_vector(weights, len(demand), "weight")
        for start in range(0, len(demand), _SLICE):
            stream.add(demand[start : start + _SLICE], weight[start : start + _SLICE])
    return stream.patterns()
