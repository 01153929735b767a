"""Row-weighting local search for set covering, with costs and with several stations per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import ZERO, kernel, kernel_part
from chargeplan.kernels.inputs import (
    checked_mask,
    checked_needs,
    checked_vector,
    read_only,
    sorted_rows,
)
from chargeplan.kernels.residual import residual

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    Records = NDArray[Any]
    Names = NDArray[np.int32]

_CLOSED = 2  # columns closed in a step; with costs, one at a time ends in a rut
_SAMPLE, _SHARE, _LARGEST = 20, 8, 200  # of the open ones, 20 and an eighth are looked at, 200 at most
_IMPROVEMENT = 1e-9  # a cost counts as lower when it is lower by this part, which is more than rounding

# A row is missing while fewer sites cover it than it needs. Slot m of `missing` holds the m-th missing row.
_ROW = np.dtype(
    [
        ("weight", np.int64),
        ("first", np.int64),  # its columns are first:last
        ("last", np.int64),
        ("need", np.int32),
        ("covered", np.int32),
        ("owner", np.int64),  # the open columns of the row combined by exclusive or: of one, it is that one
        ("missing", np.int64),
        ("missing_at", np.int64),
    ],
    align=True,
)
# The score of a closed column is the weight of the missing rows it covers; of an open one, the weight of
# the rows that would miss it, negative. Slot t of `opened` holds the t-th open column.
_COLUMN = np.dtype(
    [
        ("score", np.int64),
        ("cost", np.float64),
        ("per_cost", np.float64),
        ("changed", np.int64),  # the step it was last opened or closed at
        ("first", np.int64),  # its rows are first:last
        ("last", np.int64),
        ("opened", np.int64),
        ("opened_at", np.int64),
        ("open", np.bool_),
        ("ready", np.bool_),  # something near it has changed since it was closed
        ("best", np.bool_),  # open in the best cover
    ],
    align=True,
)
_SEARCH = np.dtype(
    [
        ("missing", np.int64),  # how many rows are missing
        ("open", np.int64),  # how many columns are open
        ("step", np.int64),
        ("latest", np.int64),  # the column opened last
        ("cost", np.float64),
        ("best", np.float64),
        ("random", np.uint64),
    ],
    align=True,
)


@kernel
def _draw(search: Records, below: int) -> int:
    """Draw a whole number from 0 to below - 1 (xorshift64*, Vigna 2016)."""
    x = search[0]["random"]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    search[0]["random"] = x
    return int((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)) % below


@kernel_part
def _pay_closed(rows: Records, row_columns: Names, columns: Records, i: int, weight: int) -> None:
    """Add to the score of the closed columns of row i, which has begun or ceased to be missing."""
    for t in range(rows[i]["first"], rows[i]["last"]):
        column = columns[row_columns[t]]
        if not column["open"]:
            column["score"] += weight
            column["ready"] = True


@kernel_part
def _pay_open(rows: Records, row_columns: Names, columns: Records, i: int, weight: int) -> None:
    """Add to the score of the open columns of row i, which are just enough or were."""
    if rows[i]["covered"] == 1:
        columns[rows[i]["owner"]]["score"] += weight
        return
    for t in range(rows[i]["first"], rows[i]["last"]):
        column = columns[row_columns[t]]
        if column["open"]:
            column["score"] += weight


@kernel
def _open(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Open column j; its own score, those of its neighbours and the missing rows follow."""
    now = search[0]
    score = -columns[j]["score"]
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        row = rows[i]
        if row["covered"] == row["need"]:
            _pay_open(rows, row_columns, columns, i, row["weight"])  # not each of them is needed any more
        row["covered"] += 1
        row["owner"] ^= j
        if row["covered"] == row["need"]:
            now["missing"] -= 1
            last = rows[now["missing"]]["missing"]
            rows[row["missing_at"]]["missing"] = last
            rows[last]["missing_at"] = row["missing_at"]
            _pay_closed(rows, row_columns, columns, i, -row["weight"])
    columns[now["open"]]["opened"] = j
    columns[j]["opened_at"] = now["open"]
    columns[j]["open"] = True
    columns[j]["score"] = score
    columns[j]["changed"] = now["step"]
    now["open"] += 1
    now["cost"] += columns[j]["cost"]


@kernel_part
def _close(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Close column j; it should not come back before something near it has changed."""
    now = search[0]
    score = -columns[j]["score"]
    columns[j]["open"] = False
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        row = rows[i]
        if row["covered"] == row["need"]:
            rows[now["missing"]]["missing"] = i
            row["missing_at"] = now["missing"]
            now["missing"] += 1
            _pay_closed(rows, row_columns, columns, i, row["weight"])
        row["covered"] -= 1
        row["owner"] ^= j
        if row["covered"] == row["need"]:
            _pay_open(rows, row_columns, columns, i, -row["weight"])  # each of them is needed now
    now["open"] -= 1
    last = columns[now["open"]]["opened"]
    columns[columns[j]["opened_at"]]["opened"] = last
    columns[last]["opened_at"] = columns[j]["opened_at"]
    columns[j]["ready"] = False
    columns[j]["score"] = score
    columns[j]["changed"] = now["step"]
    now["cost"] -= columns[j]["cost"]


@kernel_part
def _better(columns: Records, j: int, k: int) -> bool:
    """Tell whether to open or close j rather than k: by score per cost, then by how long it stayed."""
    one = columns[j]["score"] * columns[j]["per_cost"]
    other = columns[k]["score"] * columns[k]["per_cost"]
    longer = columns[j]["changed"] < columns[k]["changed"]
    return bool(one > other or (one == other and longer))


@kernel_part
def _heap_down(key: NDArray[np.float64], name: Names, place: int, size: int) -> None:
    """Move an entry of a heap, largest first, down to where it belongs."""
    moved, moved_key = name[place], key[place]
    child = 2 * place + 1
    while child < size:
        if child + 1 < size and key[child + 1] > key[child]:
            child += 1
        if key[child] <= moved_key:
            break
        name[place], key[place] = name[child], key[child]
        place, child = child, 2 * child + 1
    name[place], key[place] = moved, moved_key


@kernel
def _complete(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records
) -> None:
    """Open columns greedily (Chvatal 1979) until no row is missing.

    Scores of closed columns only fall here, so a heap is put right only where its first entry is out of date.
    """
    size = columns.size
    name = np.arange(size).astype(np.int32)
    key = np.zeros(size)
    for j in range(size):
        if not columns[j]["open"]:
            key[j] = columns[j]["score"] * columns[j]["per_cost"]
    for place in range(size // 2 - 1, -1, -1):
        _heap_down(key, name, place, size)
    while search[0]["missing"] > 0:
        j = int(np.int64(name[0]))
        now = columns[j]["score"] * columns[j]["per_cost"]
        if now == key[0]:
            _open(rows, row_columns, columns, column_rows, search, j)
            now = 0.0
        key[0] = now
        _heap_down(key, name, ZERO, size)


@kernel_part
def _keep_best(columns: Records, search: Records) -> None:
    """Keep the cover that is open if it is better than the best."""
    total = 0.0
    for j in range(columns.size):
        if columns[j]["open"]:
            total += columns[j]["cost"]
    search[0]["cost"] = total  # added up afresh, without the rounding of many steps
    if total < search[0]["best"] * (1.0 - _IMPROVEMENT):
        search[0]["best"] = total
        for j in range(columns.size):
            columns[j]["best"] = columns[j]["open"]


@kernel
def _keep_and_shrink(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records
) -> None:
    """Keep the cover, and close the least useful column after the other until a row is missing."""
    while search[0]["missing"] == 0:
        _keep_best(columns, search)
        chosen = columns[0]["opened"]
        for t in range(1, search[0]["open"]):
            if _better(columns, columns[t]["opened"], chosen):
                chosen = columns[t]["opened"]
        _close(rows, row_columns, columns, column_rows, search, chosen)


@kernel_part
def _one_to_close(columns: Records, search: Records) -> int:
    """Return the best of a sample of open columns to close, but not the one opened last; or -1."""
    chosen = -1  # not a literal, which would be compiled for apart
    for _ in range(min(_SAMPLE + search[0]["open"] // _SHARE, _LARGEST)):
        j = columns[_draw(search, search[0]["open"])]["opened"]
        if j != search[0]["latest"] and (chosen < 0 or _better(columns, j, chosen)):
            chosen = j
    return chosen


@kernel_part
def _one_to_open(rows: Records, row_columns: Names, columns: Records, search: Records, i: int) -> int:
    """Return the best column to open for a missing row that leaves the cost below the best, or -1.

    Where none is ready, it is the one that has been closed for longest.
    """
    room = search[0]["best"] * (1.0 - _IMPROVEMENT) - search[0]["cost"]
    chosen = -1
    for t in range(rows[i]["first"], rows[i]["last"]):
        j = int(np.int64(row_columns[t]))
        if columns[j]["open"] or columns[j]["cost"] >= room:
            continue
        if chosen < 0 or (columns[j]["ready"] and not columns[chosen]["ready"]):
            chosen = j
        elif columns[j]["ready"]:
            if _better(columns, j, chosen):
                chosen = j
        elif not columns[chosen]["ready"] and columns[j]["changed"] < columns[chosen]["changed"]:
            chosen = j
    return chosen


@kernel_part
def _weigh_missing(rows: Records, row_columns: Names, columns: Records, search: Records) -> None:
    """Add 1 to the weight of every missing row: what is hard to cover counts more."""
    for m in range(search[0]["missing"]):
        row = rows[rows[m]["missing"]]
        row["weight"] += 1
        for t in range(row["first"], row["last"]):
            column = columns[row_columns[t]]
            column["score"] += -1 if column["open"] else 1


@kernel
def _run(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, steps: int
) -> None:
    now = search[0]
    for _ in range(steps):
        now["step"] += 1
        for _again in range(_CLOSED):
            j = _one_to_close(columns, search) if now["open"] > 0 else -1
            if j >= 0:
                _close(rows, row_columns, columns, column_rows, search, j)
        while now["missing"] > 0:
            i = rows[_draw(search, now["missing"])]["missing"]
            j = _one_to_open(rows, row_columns, columns, search, i)
            if j < 0:
                break
            _open(rows, row_columns, columns, column_rows, search, j)
            now["latest"] = j
        if now["missing"] > 0:
            _weigh_missing(rows, row_columns, columns, search)
        else:
            _keep_and_shrink(rows, row_columns, columns, column_rows, search)


def _row_records(indptr: NDArray[np.int64], need: NDArray[np.int64]) -> Records:
    rows = np.zeros(need.size, _ROW)
    rows["weight"] = 1
    rows["first"], rows["last"] = indptr[:-1], indptr[1:]
    rows["need"] = need
    rows["missing"] = rows["missing_at"] = np.arange(need.size)
    return rows


def _column_records(indptr: NDArray[np.int64], cost: NDArray[np.float64]) -> Records:
    columns = np.zeros(cost.size, _COLUMN)
    columns["first"], columns["last"] = indptr[:-1], indptr[1:]
    columns["score"] = np.diff(indptr)
    columns["cost"] = cost
    least = cost[cost > 0].min(initial=1.0) * 1e-6
    columns["per_cost"] = 1 / np.maximum(cost, least)  # what is free is better than what costs anything
    columns["ready"] = True
    return columns


def _search_record(rows: int, seed: int) -> Records:
    search = np.zeros(1, _SEARCH)
    search["missing"] = rows
    search["latest"] = -1
    search["best"] = np.inf
    search["random"] = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return search


class CoverSearch:
    """Search for a cheap set of sites that covers every row as often as it needs.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    cost
        (M,) 0 or more; 1 for all when None is given.
    need
        (N,) how many stations each row needs; 1 for all when None is given.
    fixed
        (M,) bool, sites that are open whatever happens.
    seed
        The same seed and the same number of steps give the same answer, in however many runs.
    start
        (M,) bool, sites to begin with; what they leave uncovered is covered greedily.

    Raises
    ------
    InputError
        A row that not enough sites cover, or an argument of the wrong kind, size or sign.

    Notes
    -----
    Gao, Weise and Li (2015), An efficient local search heuristic with row weighting for the
    unicost set covering problem; here scores are divided by costs, and a row is uncovered while fewer
    stations than it needs cover it.
    """

    def __init__(
        self,
        coverage: csr_array,
        cost: ArrayLike | None = None,
        need: ArrayLike | None = None,
        fixed: ArrayLike | None = None,
        seed: int = 0,
        start: ArrayLike | None = None,
    ) -> None:
        indptr, indices = sorted_rows(coverage)
        rows, columns = coverage.shape
        self._cost = checked_vector(cost, columns, "cost")
        self._fixed = checked_mask(fixed, columns, "fixed").copy()
        begin = checked_mask(start, columns, "start")
        needs = checked_needs(need, rows)
        _check_coverable(np.diff(indptr), needs)
        self._left = left = residual(indptr, indices, needs, self._fixed)
        self._columns = _column_records(left.column_indptr, self._cost[left.columns])
        row_records = _row_records(left.row_indptr, left.need)
        search = _search_record(left.rows.size, seed)
        self._state = row_records, left.row_columns, self._columns, left.column_rows, search
        if left.rows.size:
            for site in np.flatnonzero(begin[left.columns]):
                _open(*self._state, int(site))
            _complete(*self._state)
            _keep_and_shrink(*self._state)

    def run(self, steps: int) -> float:
        """Search on for some steps, each of which closes two sites and opens others; return the best cost."""
        if steps < 0:
            raise InputError(f"steps must be 0 or more, not {steps}")
        if self._left.rows.size:
            with np.errstate(over="ignore"):  # random numbers wrap around on purpose
                _run(*self._state, steps)
        return self.cost

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the cheapest cover found so far, without any site to spare but fixed ones; read-only."""
        best = self._left.mask(self._columns["best"], self._fixed)
        read_only(best)
        return best

    @property
    def score(self) -> float:
        """The cost, negative: of two searches for the same, the higher score is better."""
        return -self.cost

    @property
    def cost(self) -> float:
        """What the cheapest cover found so far costs, fixed sites included."""
        return float(self._cost[self.best].sum())


def _check_coverable(sites: NDArray[np.int64], need: NDArray[np.int64]) -> None:
    if np.any(sites < need):
        row = int(np.argmax(sites < need))
        raise InputError(f"row {row} needs {need[row]} stations, but only {sites[row]} sites cover it")
