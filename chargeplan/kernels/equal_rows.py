"""Rows with the same sites: found by a hash, and compared site by site before they are believed equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import in_pieces, kernel
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
