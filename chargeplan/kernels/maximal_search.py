"""Swap search with a tabu list for maximal covering: the most weight within a number of sites or a budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import kernel
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

_SAMPLE = 30  # open sites looked at before one is closed
_TENURE = 12  # a site stays as it was changed for up to so many steps
_ROUNDING = 1e-9  # the limit may be passed by this part, which is less than any cost and more than rounding
_MOST = 2.0**60  # what all weights together are scaled up to, in whole numbers, so that no step rounds

# A row counts when as many sites cover it as it needs. On the way there it gives credit: unit * covered^2,
# which is its weight in the end, so that to finish a row is better than to begin two.
_ROW = np.dtype(
    [
        ("unit", np.int64),
        ("first", np.int64),  # its columns are first:last
        ("last", np.int64),
        ("need", np.int64),
        ("covered", np.int64),
        ("owner", np.int64),  # the open columns of the row combined by exclusive or: of one, it is that one
    ],
    align=True,
)
# The score of a closed column is the credit it would add; of an open one, what would go with it, negative.
# Slot t of `opened` holds the t-th open column.
_COLUMN = np.dtype(
    [
        ("score", np.int64),
        ("usage", np.float64),
        ("per_usage", np.float64),
        ("free_at", np.int64),  # the step from which on it may be changed again
        ("first", np.int64),  # its rows are first:last
        ("last", np.int64),
        ("opened", np.int64),
        ("opened_at", np.int64),
        ("open", np.bool_),
        ("best", np.bool_),  # open in the best set
    ],
    align=True,
)
_SEARCH = np.dtype(
    [
        ("open", np.int64),  # how many columns are open
        ("step", np.int64),
        ("usage", np.float64),
        ("limit", np.float64),
        ("value", np.int64),  # the weight of the rows that are covered as often as they need
        ("best", np.int64),
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


@kernel
def _marginal(rows: Records, i: int, covered: int) -> int:
    """Return the credit that row i gives for one column more than `covered`."""
    return rows[i]["unit"] * (2 * covered + 1) if 0 <= covered < rows[i]["need"] else 0


@kernel
def _pay(rows: Records, row_columns: Names, columns: Records, i: int, closed: int, opened: int) -> None:
    """Add to the scores of the closed and of the open columns of row i."""
    if closed == 0 and rows[i]["covered"] == 1:
        columns[rows[i]["owner"]]["score"] += opened
    elif closed != 0 or (opened != 0 and rows[i]["covered"] > 0):
        for t in range(rows[i]["first"], rows[i]["last"]):
            column = columns[row_columns[t]]
            column["score"] += opened if column["open"] else closed


@kernel
def _open(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Open column j; its own score and those of its neighbours follow."""
    now = search[0]
    score = -columns[j]["score"]
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        covered = rows[i]["covered"]
        here = _marginal(rows, i, covered)
        _pay(
            rows,
            row_columns,
            columns,
            i,
            _marginal(rows, i, covered + 1) - here,
            _marginal(rows, i, covered - 1) - here,
        )
        rows[i]["covered"] += 1
        rows[i]["owner"] ^= j
        if rows[i]["covered"] == rows[i]["need"]:
            now["value"] += rows[i]["unit"] * rows[i]["need"] ** 2
    columns[now["open"]]["opened"] = j
    columns[j]["opened_at"] = now["open"]
    columns[j]["open"] = True
    columns[j]["score"] = score
    now["open"] += 1
    now["usage"] += columns[j]["usage"]


@kernel
def _close(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Close column j; its own score and those of its neighbours follow."""
    now = search[0]
    score = -columns[j]["score"]
    columns[j]["open"] = False
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        if rows[i]["covered"] == rows[i]["need"]:
            now["value"] -= rows[i]["unit"] * rows[i]["need"] ** 2
        rows[i]["covered"] -= 1
        rows[i]["owner"] ^= j
        covered = rows[i]["covered"]
        here = _marginal(rows, i, covered)
        _pay(
            rows,
            row_columns,
            columns,
            i,
            here - _marginal(rows, i, covered + 1),
            here - _marginal(rows, i, covered - 1),
        )
    now["open"] -= 1
    last = columns[now["open"]]["opened"]
    columns[columns[j]["opened_at"]]["opened"] = last
    columns[last]["opened_at"] = columns[j]["opened_at"]
    columns[j]["score"] = score
    now["usage"] -= columns[j]["usage"]


@kernel
def _stay(columns: Records, search: Records, j: int) -> None:
    """Forbid to change column j for some steps."""
    columns[j]["free_at"] = search[0]["step"] + 1 + _draw(search, _TENURE)


@kernel
def _one_to_close(columns: Records, search: Records) -> int:
    """Return the best of a sample of open columns to close; -1 if all of them have to stay."""
    chosen, least = -1, -np.inf
    for _ in range(_SAMPLE):
        j = columns[_draw(search, search[0]["open"])]["opened"]
        worth = columns[j]["score"] * columns[j]["per_usage"]
        if columns[j]["free_at"] <= search[0]["step"] and worth > least:
            chosen, least = j, worth
    return chosen


@kernel
def _one_to_open(columns: Records, search: Records) -> int:
    """Return the best column to open within what is left of the limit; -1 if none adds anything."""
    room = search[0]["limit"] - search[0]["usage"]
    chosen, most = -1, 0.0
    for j in range(columns.size):
        column = columns[j]
        if not column["open"] and column["usage"] <= room and column["free_at"] <= search[0]["step"]:
            worth = column["score"] * column["per_usage"]
            if worth > most:
                chosen, most = j, worth
    return chosen


@kernel
def _keep_best(columns: Records, search: Records) -> None:
    """Keep the open set if it covers more than the best and is, added up afresh, within the limit."""
    total = 0.0
    for j in range(columns.size):
        if columns[j]["open"]:
            total += columns[j]["usage"]
    search[0]["usage"] = total
    if total <= search[0]["limit"]:
        search[0]["best"] = search[0]["value"]
        for j in range(columns.size):
            columns[j]["best"] = columns[j]["open"]


@kernel
def _open_all(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records
) -> None:
    """Open the best column, and the best after that, until nothing that fits adds anything."""
    j = _one_to_open(columns, search)
    while j >= 0:
        _open(rows, row_columns, columns, column_rows, search, j)
        _stay(columns, search, j)
        j = _one_to_open(columns, search)
    if search[0]["value"] > search[0]["best"]:
        _keep_best(columns, search)


@kernel
def _run(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, steps: int
) -> None:
    for _ in range(steps):
        search[0]["step"] += 1
        for _again in range(1 + (_draw(search, 8) == 0)):
            j = _one_to_close(columns, search) if search[0]["open"] > 0 else -1
            if j >= 0:
                _close(rows, row_columns, columns, column_rows, search, j)
                _stay(columns, search, j)
        _open_all(rows, row_columns, columns, column_rows, search)


def _row_records(indptr: NDArray[np.int64], need: NDArray[np.int64], weight: NDArray[np.float64]) -> Records:
    rows = np.zeros(need.size, _ROW)
    rows["first"], rows["last"] = indptr[:-1], indptr[1:]
    rows["need"] = need
    total = float(weight.sum())
    scale = 2.0 ** math.floor(math.log2(_MOST / total)) if total > 0 else 1.0
    rows["unit"] = np.rint(weight * scale / need**2)
    return rows


def _column_records(
    indptr: NDArray[np.int64], members: Names, rows: Records, usage: NDArray[np.float64]
) -> Records:
    columns = np.zeros(usage.size, _COLUMN)
    columns["first"], columns["last"] = indptr[:-1], indptr[1:]
    column_of = np.repeat(np.arange(usage.size), np.diff(indptr))
    np.add.at(columns["score"], column_of, rows["unit"][members])
    columns["usage"] = usage
    least = usage[usage > 0].min(initial=1.0) * 1e-6
    columns["per_usage"] = 1 / np.maximum(usage, least)  # what is free is better than what uses anything
    return columns


def _search_record(limit: float, seed: int) -> Records:
    search = np.zeros(1, _SEARCH)
    search["limit"] = limit
    search["best"] = -1
    search["random"] = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return search


class MaximalSearch:
    """Search for the sites that cover the most weight within a limit.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    weight
        (N,) 0 or more. Rows that must be covered if at all possible get a weight above that of all others
        together.
    usage
        (M,) what each site takes of the limit: 1 for a number of sites, costs for a budget; 1 for all when
        None.
    limit
        What may be used in all; fixed sites use it too.
    need
        (N,) how many stations a row needs before its weight counts; 1 for all when None is given.
    fixed
        (M,) bool, sites that are open whatever happens.
    seed
        The same seed and the same number of steps give the same answer, in however many runs.
    start
        (M,) bool, sites to begin with, as far as the limit goes; the rest is filled greedily.

    Raises
    ------
    InputError
        Fixed sites that use more than the limit, or an argument of the wrong kind, size or sign.

    Notes ----- Greedy adding as in Church and ReVelle (1974), The maximal covering location problem; then
    swaps that close the best of a random sample, with a tabu list (Glover 1989). A row that fewer sites
    cover than it needs is no gain.
    """

    def __init__(
        self,
        coverage: csr_array,
        weight: ArrayLike,
        usage: ArrayLike | None,
        limit: float,
        need: ArrayLike | None = None,
        fixed: ArrayLike | None = None,
        seed: int = 0,
        start: ArrayLike | None = None,
    ) -> None:
        indptr, indices = sorted_rows(coverage)
        rows, columns = coverage.shape
        self._weight = checked_vector(weight, rows, "weight")
        self._usage = checked_vector(usage, columns, "usage")
        self._fixed = checked_mask(fixed, columns, "fixed").copy()
        begin = checked_mask(start, columns, "start")
        room = limit * (1 + _ROUNDING) - float(self._usage[self._fixed].sum())
        if not (math.isfinite(room) and room >= 0):
            raise InputError(f"the limit {limit} is not finite, or less than what the fixed sites use")
        self._need = checked_needs(need, rows)
        self._relation = indptr, indices
        self._left = left = residual(indptr, indices, self._need, self._fixed)
        row_records = _row_records(left.row_indptr, left.need, self._weight[left.rows])
        self._columns = _column_records(
            left.column_indptr, left.column_rows, row_records, self._usage[left.columns]
        )
        self._state = (
            row_records,
            left.row_columns,
            self._columns,
            left.column_rows,
            _search_record(room, seed),
        )
        self._begin(np.flatnonzero(begin[left.columns]))

    def _begin(self, sites: NDArray[np.int64]) -> None:
        search = self._state[-1]
        for site in sites:
            if search["usage"][0] + self._columns["usage"][site] <= search["limit"][0]:
                _open(*self._state, int(site))
        with np.errstate(over="ignore"):  # random numbers wrap around on purpose
            _open_all(*self._state)

    def run(self, steps: int) -> float:
        """Search on for a number of steps, each a swap; return the best weight so far."""
        if steps < 0:
            raise InputError(f"steps must be 0 or more, not {steps}")
        with np.errstate(over="ignore"):
            _run(*self._state, steps)
        return self.weight

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the best sites found so far, fixed ones included; read-only."""
        best = self._left.mask(self._columns["best"], self._fixed)
        read_only(best)
        return best

    @property
    def weight(self) -> float:
        """The weight of the rows that the best sites cover as often as they need."""
        indptr, indices = self._relation
        covered = np.concatenate(([0], np.cumsum(self.best[indices])))
        enough = covered[indptr[1:]] - covered[indptr[:-1]] >= self._need
        return float(self._weight[enough].sum())
