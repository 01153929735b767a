"""Rows with the same sites: found by a hash, and compared site by site before they are believed equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.inputs import read_only, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

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
        value *= _MIX
        hashes[i] = value ^ (value >> np.uint64(32))


@kernel_part
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
    table: NDArray[np.int64],
    representative: NDArray[np.int64],
    group: NDArray[np.int64],
) -> int:
    """Write the group of every row, by first appearance, and the first row of each; return their count.

    `table` has a power of two of places, all -1, and more of them than there are rows.
    """
    groups = 0
    for i in range(group.size):
        place = np.int64(hashes[i] & np.uint64(table.size - 1))
        while table[place] >= 0:
            first = representative[table[place]]
            if hashes[first] == hashes[i] and _same_row(indptr, indices, keys, first, i):
                break
            place = (place + 1) & (table.size - 1)
        if table[place] < 0:
            table[place] = groups
            representative[groups] = i
            groups += 1
        group[i] = table[place]
    return groups


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
    keys, hashes = _numbered(key, rows), np.empty(rows, np.uint64)
    in_pieces(lambda start, stop: _hash_rows(indptr, indices, keys, start, stop, hashes), rows, 20_000)
    group, found = np.empty(rows, np.int64), np.empty(rows, np.int64)
    table = np.full(2 << max(rows, 1).bit_length(), -1, np.int64)
    groups = _group_rows(indptr, indices, keys, hashes, table, found, group)
    representative = found[:groups].copy()
    read_only(representative, group)
    return representative, group


def _numbered(key: ArrayLike | None, rows: int) -> NDArray[np.int64]:
    """Return whole numbers that are equal where the keys are."""
    if key is None:
        return np.zeros(rows, np.int64)
    values = np.asarray(key)
    if values.shape != (rows,):
        raise InputError(f"key must have the shape ({rows},), not {values.shape}")
    if not np.issubdtype(values.dtype, np.integer):
        values = np.unique(values, return_inverse=True)[1]
    return np.ascontiguousarray(values.astype(np.int64))
