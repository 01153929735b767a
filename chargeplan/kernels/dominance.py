"""Rows and columns of a covering model that say nothing new, and the parts it falls into.

Exact, and without forming the product of the relation with its transpose: whoever contains a set contains
its rarest member, so only the sets of that member are compared, by a signature of 64 bits first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.inputs import checked_needs, checked_vector, read_only, sorted_rows, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    Names = NDArray[np.int32]
    # The members of set i are indptr[i]:indptr[i + 1], ascending; holders are the same the other way round.
    Sets = tuple[NDArray[np.int64], Names]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_PIECE = 500  # sets in the smallest piece of work


def _never() -> bool:
    return False


@kernel
def _turn(indptr: NDArray[np.int64], indices: Names, starts: NDArray[np.int64], rows: Names) -> None:
    """Write the rows of each column; `starts` are zeros, two more than there are columns.

    Column j is counted at j + 2 and filled from where j + 1 stands, which then stands where it ends.
    """
    for t in range(indices.size):
        starts[indices[t] + 2] += 1
    for j in range(2, starts.size):
        starts[j] += starts[j - 1]
    for i in range(indptr.size - 1):
        for t in range(indptr[i], indptr[i + 1]):
            place = starts[indices[t] + 1]
            rows[place] = i
            starts[indices[t] + 1] = place + 1


@kernel
def _signatures(indptr: NDArray[np.int64], members: NDArray[np.int32], out: NDArray[np.uint64]) -> None:
    """Set one bit of 64 for every member; the members decide which, spread by a multiplicative hash."""
    for i in range(out.size):
        bits = np.uint64(0)
        for t in range(indptr[i], indptr[i + 1]):
            bits |= np.uint64(1) << ((np.uint64(members[t]) * _ODD) >> np.uint64(58))
        out[i] = bits


@kernel_part
def _contains(indptr: NDArray[np.int64], members: Names, large: int, small: int) -> bool:
    """Tell whether every member of one set is in another."""
    t, last = indptr[large], indptr[large + 1]
    for s in range(indptr[small], indptr[small + 1]):
        while t < last and members[t] < members[s]:
            t += 1
        if t == last or members[t] != members[s]:
            return False
    return True


@kernel_part
def _rarest(indptr: NDArray[np.int64], members: Names, holder_indptr: NDArray[np.int64], i: int) -> int:
    """Return the member of a set that the fewest sets hold."""
    rarest, fewest = -1, members.size + 1
    for t in range(indptr[i], indptr[i + 1]):
        member = int(np.int64(members[t]))
        holders = holder_indptr[member + 1] - holder_indptr[member]
        if holders < fewest:
            rarest, fewest = member, int(holders)
    return rarest


@kernel
def _mark(
    sets: Sets,
    holders: Sets,
    signatures: NDArray[np.uint64],
    rank: NDArray[np.float64],
    larger: bool,  # noqa: FBT001
    start: int,
    stop: int,
    marked: NDArray[np.bool_],
) -> None:
    """Of every two sets, one within the other and of no smaller rank, mark the larger or else the smaller.

    Of equal ones the first stays unmarked. A marked set is passed over: whatever it would mark, the one for
    which it was marked marks as well.
    """
    indptr, members = sets
    holder_indptr, holder = holders
    for i in range(start, stop):
        size = indptr[i + 1] - indptr[i]
        if size == 0 or marked[i]:
            continue
        rarest = _rarest(indptr, members, holder_indptr, i)
        for h in range(holder_indptr[rarest], holder_indptr[rarest + 1]):
            k = int(np.int64(holder[h]))
            other = indptr[k + 1] - indptr[k]
            if k == i or marked[k] or other < size or signatures[i] & ~signatures[k] or rank[i] < rank[k]:
                continue
            if other == size and rank[i] == rank[k] and (k < i) == larger:
                continue
            if _contains(indptr, members, k, i):
                if not larger:
                    marked[i] = True
                    break
                marked[k] = True


@kernel_part
def _root(parent: NDArray[np.int32], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def _label_components(
    indptr: NDArray[np.int64], indices: Names, parent: NDArray[np.int32], labels: NDArray[np.int64]
) -> int:
    """Label rows, then columns, with the number of their part, in order of first appearance."""
    rows = indptr.size - 1
    for node in range(parent.size):
        parent[node] = node
    for i in range(rows):
        for t in range(indptr[i], indptr[i + 1]):
            one, other = _root(parent, i), _root(parent, rows + indices[t])
            parent[max(one, other)] = min(one, other)
    count = 0
    for node in range(parent.size):
        root = _root(parent, node)
        if root == node:
            labels[node] = count
            count += 1
        else:
            labels[node] = labels[root]
    return count


def _by_column(indptr: NDArray[np.int64], indices: Names, columns: int) -> Sets:
    """Return the rows of each column."""
    starts, rows = np.zeros(columns + 2, np.int64), np.empty(indices.size, np.int32)
    _turn(indptr, indices, starts, rows)
    return unwritable(starts[:-1]), unwritable(rows)


def _marked(
    sets: Sets,
    holders: Sets,
    rank: NDArray[np.float64],
    marked: NDArray[np.bool_],
    *,
    larger: bool,
    stop: Callable[[], bool],
) -> NDArray[np.bool_]:
    """Mark piece by piece, until told to stop: what stands for a marked set is itself kept, or stood for."""
    signatures = np.empty(rank.size, np.uint64)
    with np.errstate(over="ignore"):  # the hash wraps around on purpose
        _signatures(*sets, signatures)
    given = sets, holders, signatures, rank, larger

    def mark(first: int, last: int) -> None:
        if not stop():
            _mark(*given, first, last, marked)

    in_pieces(mark, rank.size, _PIECE)
    read_only(marked)
    return marked


def dominated_rows(
    coverage: csr_array, need: ArrayLike | None = None, stop: Callable[[], bool] = _never
) -> NDArray[np.bool_]:
    """Find the rows of a full set covering model that other rows imply.

    Row k is implied by row i when every site of i is one of k and ``need[i] >= need[k]``; so is a row
    without a need.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    need
        (N,) how many stations each row needs; 1 for all when None is given.
    stop
        Asked between pieces of the work, perhaps by several threads; once it says so, fewer are found.

    Returns
    -------
    ndarray
        (N,) bool, true where a row that is kept implies this one; of equal rows the first is kept. A row
        without any site is kept (unless it needs nothing) and implies no other. Read-only.

    Raises
    ------
    InputError
        Not a sparse row array, or needs that are negative, not whole, or of another number.
    """
    rows = sorted_rows(coverage)
    needs = checked_needs(need, rows[0].size - 1)
    columns = _by_column(*rows, coverage.shape[1])
    return _marked(rows, columns, needs.astype(np.float64), needs == 0, larger=True, stop=stop)


def dominated_columns(
    coverage: csr_array, cost: ArrayLike | None = None, stop: Callable[[], bool] = _never
) -> NDArray[np.bool_]:
    """Find the sites that another site replaces at no greater cost.

    Site j is dominated by site k when every row of j is one of k and ``cost[k] <= cost[j]``. Exact where no
    row needs more than one station and nothing but these rows and costs tells the sites apart.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    cost
        (M,) 0 or more; 1 for all when None is given.
    stop
        As for `dominated_rows`.

    Returns
    -------
    ndarray
        (M,) bool, true where a site that is kept replaces this one; of equal sites the first is kept. A
        site without any row is dominated. Read-only.

    Raises
    ------
    InputError
        Not a sparse row array, or costs that are negative, not finite, or of another number.
    """
    rows = sorted_rows(coverage)
    costs = checked_vector(cost, coverage.shape[1], "cost")
    columns = _by_column(*rows, coverage.shape[1])
    return _marked(columns, rows, costs, np.diff(columns[0]) == 0, larger=False, stop=stop)


def components(coverage: csr_array) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Split a relation into the parts that share neither rows nor columns.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.

    Returns
    -------
    count, row_label, column_label
        The number of parts, and the part of each row (N,) and of each column (M,), numbered by their first
        rows. A row without columns is a part of its own, and so is a column without rows. Read-only.

    Raises
    ------
    InputError
        Not a sparse row array.
    """
    indptr, indices = sorted_rows(coverage)
    labels = np.empty(sum(coverage.shape), np.int64)
    count = _label_components(indptr, indices, np.empty(labels.size, np.int32), labels)
    read_only(labels)
    return int(count), labels[: indptr.size - 1], labels[indptr.size - 1 :]
