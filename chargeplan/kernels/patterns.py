"""Demand points with the same cover set, merged into one: exact for covering models.

Rows are found by a hash and compared site by site before they are believed equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel
from chargeplan.kernels.inputs import (
    checked_positions,
    checked_radius,
    checked_vector,
    frozen,
    read_only,
    sorted_rows,
)
from chargeplan.kernels.radius_coverage import Alike, coverage, covered_alike, limits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from chargeplan.kernels.inputs import Metric

_PILE = 1_000_000  # patterns that are kept unmerged, beyond twice as many as were left the last time
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@kernel
def _hash_rows(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    keys: NDArray[np.int64],
    start: int,
    stop: int,
    hashes: NDArray[np.uint64],
) -> None:
    for i in range(start, stop):
        value = np.uint64(keys[i]) * _MIX
        for t in range(indptr[i], indptr[i + 1]):
            value = (value ^ np.uint64(indices[t])) * _ODD
            value ^= value >> np.uint64(29)
        hashes[i] = value * _MIX


@kernel
def _same_row(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], keys: NDArray[np.int64], i: int, k: int
) -> bool:
    size = indptr[i + 1] - indptr[i]
    if keys[i] != keys[k] or size != indptr[k + 1] - indptr[k]:
        return False
    same = 0
    while same < size and indices[indptr[i] + same] == indices[indptr[k] + same]:
        same += 1
    return bool(same == size)


@kernel
def _group_rows(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    keys: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    group: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Write the group of every row, by first appearance, into `group`; return the first row of each."""
    rows = group.size
    bits = 4
    while (1 << bits) < 2 * rows:
        bits += 1
    table = np.full(1 << bits, -1, np.int64)
    representative = np.empty(rows, np.int64)
    groups = 0
    for i in range(rows):
        place = np.int64(hashes[i] >> np.uint64(64 - bits))
        while table[place] >= 0:
            first = representative[table[place]]
            if hashes[first] == hashes[i] and _same_row(indptr, indices, keys, first, i):
                break
            place = (place + 1) & ((1 << bits) - 1)
        if table[place] < 0:
            table[place] = groups
            representative[groups] = i
            groups += 1
        group[i] = table[place]
    return representative[:groups].copy()


def merge_equal_rows(
    coverage: csr_array, key: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the rows that have the same sites.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    key
        (N,) anything NumPy can sort; rows with different keys, such as districts or needs, are kept apart.

    Returns
    -------
    representative, group
        (G,) the first row of each group, ascending, and (N,) the group of each row: row i equals row
        ``representative[group[i]]``, which was compared site by site. Read-only.

    Raises
    ------
    InputError
        Not a sparse row array, or a key of another length.
    """
    indptr, indices = sorted_rows(coverage)
    rows = indptr.size - 1
    keys = np.zeros(rows, np.int64)
    if key is not None:
        if np.shape(key) != (rows,):
            raise InputError(f"key must have the shape ({rows},), not {np.shape(key)}")
        keys = np.unique(np.asarray(key), return_inverse=True)[1].astype(np.int64)
    hashes = np.empty(rows, np.uint64)
    in_pieces(lambda start, stop: _hash_rows(indptr, indices, keys, start, stop, hashes), rows, 20_000)
    group = np.empty(rows, np.int64)
    representative = _group_rows(indptr, indices, keys, hashes, group)
    read_only(representative, group)
    return representative, group


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


def _merged(pieces: list[Alike]) -> Alike:
    """Make one piece of many; its patterns come in the order of their first points."""
    from scipy.sparse import csr_array, vstack  # noqa: PLC0415 - kernels import no more than numpy and numba

    stacked = csr_array(vstack([piece.coverage for piece in pieces], format="csr"))
    representative, group = merge_equal_rows(stacked)
    weight, points = np.zeros(representative.size), np.zeros(representative.size, np.int64)
    first = np.full(representative.size, np.iinfo(np.int64).max)
    np.add.at(weight, group, np.concatenate([piece.weight for piece in pieces]))
    np.add.at(points, group, np.concatenate([piece.points for piece in pieces]))
    np.minimum.at(first, group, np.concatenate([piece.first for piece in pieces]))
    order = np.argsort(first)
    return Alike(stacked[representative[order]], weight[order], points[order], first[order])


def _one_by_one(within: csr_array, weight: NDArray[np.float64], first: NDArray[np.int64]) -> Alike:
    return Alike(within, weight, np.ones(first.size, np.int64), first)


def cover_patterns(
    chunks: Iterable[tuple[ArrayLike, ArrayLike | None]],
    sites: ArrayLike,
    radius: float,
    *,
    metric: Metric = "geodesic",
    strict: bool = False,
) -> Patterns:
    """Merge demand points by their cover sets as they stream by.

    Memory depends on the number of patterns and the size of a chunk, not on how many points there are.

    Parameters
    ----------
    chunks
        Pairs of positions (n, 2) and weights (n,), or None for 1 each; such as the batches of a Parquet file.
    sites, radius, metric, strict
        As for `coverage`.

    Returns
    -------
    Patterns
        The distinct cover sets, read-only, the same for however the points are cut into chunks.

    Raises
    ------
    InputError
        Positions or weights of another shape, not finite or out of range; a radius that is negative or not
        finite.
    """
    sites = checked_positions(sites, metric, "sites")
    limits = limits_of(checked_radius(radius), metric)

    def covered(demand: NDArray[np.float64]) -> csr_array:
        return coverage(demand, sites, radius, metric=metric, strict=strict)

    pile = [_one_by_one(covered(np.empty((0, 2))), np.empty(0), np.empty(0, np.int64))]
    seen, room = 0, _PILE
    for positions, weights in chunks:
        demand = checked_positions(positions, metric, "demand")
        weight = checked_vector(weights, len(demand), "weight")
        pieces, doubtful = covered_alike(demand, sites, limits, weight, metric)
        pieces.append(_one_by_one(covered(demand[doubtful]), weight[doubtful], doubtful))
        pile += [piece._replace(first=piece.first + seen) for piece in pieces]
        seen += len(demand)
        if sum(piece.points.size for piece in pile) > room:
            pile = [_merged(pile)]
            room = 2 * pile[0].points.size + _PILE
    found = _merged(pile)
    read_only(found.weight, found.points)
    return Patterns(frozen(found.coverage), found.weight, found.points)
