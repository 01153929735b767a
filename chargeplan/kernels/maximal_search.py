"""Simulated annealing for maximal covering: the most weight within a number of sites or a budget."""

from __future__ import annotations

import math
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

_SAMPLE = 50  # open columns looked at before one is closed
_FILL = 3  # columns tried for what is left of the limit
_FIRST_CYCLE = 5_000  # steps from hot to cold; each further cycle takes twice as many
_HOT = 0.1  # of the average loss: what a step may cost at the beginning of a cycle
_COLD = 0.1  # of the weight of a light row: what it may cost at the end
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
# The loss of an open column is the credit that would go with it. Slot t of `opened` holds the t-th open
# column.
_COLUMN = np.dtype(
    [
        ("loss", np.int64),
        ("usage", np.float64),
        ("per_usage", np.float64),
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
        ("step", np.int64),  # of this cycle
        ("cycle", np.int64),  # how many steps it takes
        ("hot", np.float64),
        ("cold", np.float64),
        ("usage", np.float64),
        ("limit", np.float64),
        ("least", np.float64),  # usage of any column
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


@kernel_part
def _next_credit(rows: Records, i: int) -> int:
    """Return the credit that row i would give for one column more."""
    row = rows[i]
    return int(row["unit"] * (2 * row["covered"] + 1) * (row["covered"] < row["need"]))


@kernel_part
def _last_credit(rows: Records, i: int) -> int:
    """Return the credit that row i, which is covered, would take back for one column less."""
    row = rows[i]
    return int(row["unit"] * (2 * row["covered"] - 1) * (row["covered"] <= row["need"]))


@kernel_part
def _charge_owners(rows: Records, row_columns: Names, columns: Records, i: int, amount: int) -> None:
    """Add to the loss of the columns that cover row i."""
    if rows[i]["covered"] == 1:
        columns[rows[i]["owner"]]["loss"] += amount
        return
    for t in range(rows[i]["first"], rows[i]["last"]):
        column = columns[row_columns[t]]
        if column["open"]:
            column["loss"] += amount


@kernel_part
def _gain(rows: Records, columns: Records, column_rows: Names, j: int) -> int:
    """Return the credit that a closed column would add."""
    gain = 0
    for t in range(columns[j]["first"], columns[j]["last"]):
        gain += _next_credit(rows, int(np.int64(column_rows[t])))
    return gain


@kernel
def _open(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Open column j; its loss, those of its neighbours and the value follow."""
    now = search[0]
    loss = 0
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        row = rows[i]
        credit = _next_credit(rows, i)
        if 0 < row["covered"] <= row["need"]:
            _charge_owners(rows, row_columns, columns, i, credit - _last_credit(rows, i))
        loss += credit
        row["covered"] += 1
        row["owner"] ^= j
        if row["covered"] == row["need"]:
            now["value"] += row["unit"] * row["need"] * row["need"]
    columns[now["open"]]["opened"] = j
    columns[j]["opened_at"] = now["open"]
    columns[j]["open"] = True
    columns[j]["loss"] = loss
    now["open"] += 1
    now["usage"] += columns[j]["usage"]


@kernel_part
def _close(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, j: int
) -> None:
    """Close column j; the losses of its neighbours and the value follow."""
    now = search[0]
    columns[j]["open"] = False
    for t in range(columns[j]["first"], columns[j]["last"]):
        i = int(np.int64(column_rows[t]))
        row = rows[i]
        if row["covered"] == row["need"]:
            now["value"] -= row["unit"] * row["need"] * row["need"]
        row["covered"] -= 1
        row["owner"] ^= j
        if 0 < row["covered"] <= row["need"]:
            _charge_owners(rows, row_columns, columns, i, _last_credit(rows, i) - _next_credit(rows, i))
    now["open"] -= 1
    last = columns[now["open"]]["opened"]
    columns[columns[j]["opened_at"]]["opened"] = last
    columns[last]["opened_at"] = columns[j]["opened_at"]
    now["usage"] -= columns[j]["usage"]


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
def _fill(rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records) -> None:
    """Open columns greedily until nothing that fits adds anything.

    A gain is worked out anew only when its column comes first in a heap (Minoux 1978).
    """
    size = columns.size
    name, key = np.arange(size).astype(np.int32), np.zeros(size)
    for j in range(size):
        if not columns[j]["open"]:
            key[j] = _gain(rows, columns, column_rows, j) * columns[j]["per_usage"]
    for place in range(size // 2 - 1, -1, -1):
        _heap_down(key, name, place, size)
    while size > 0 and key[0] > 0.0:
        j = int(np.int64(name[0]))
        worth = _gain(rows, columns, column_rows, j) * columns[j]["per_usage"]
        if columns[j]["usage"] > search[0]["limit"] - search[0]["usage"]:
            worth = 0.0
        elif worth == key[0]:
            _open(rows, row_columns, columns, column_rows, search, j)
            worth = 0.0
        key[0] = worth
        _heap_down(key, name, ZERO, size)


@kernel_part
def _added_up(columns: Records) -> float:
    """Return the usage of the open columns without the rounding of many steps."""
    total = 0.0
    for j in range(columns.size):
        if columns[j]["open"]:
            total += columns[j]["usage"]
    return total


@kernel
def _keep_best(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records
) -> None:
    """Keep the open set, filled up, if it is within the limit when added up afresh."""
    now = search[0]
    if now["limit"] - now["usage"] >= now["least"]:
        _fill(rows, row_columns, columns, column_rows, search)
    now["usage"] = _added_up(columns)
    if now["usage"] <= now["limit"]:
        now["best"] = now["value"]
        for j in range(columns.size):
            columns[j]["best"] = columns[j]["open"]


@kernel_part
def _one_to_open(rows: Records, row_columns: Names, columns: Records, search: Records) -> int:
    """Return a random column that fits under the limit, of a random row not covered enough; or -1."""
    for _ in range(_SAMPLE):
        i = _draw(search, rows.size)
        t = rows[i]["first"] + _draw(search, rows[i]["last"] - rows[i]["first"])
        j = int(np.int64(row_columns[t]))
        fits = columns[j]["usage"] <= search[0]["limit"]
        if rows[i]["covered"] < rows[i]["need"] and fits and not columns[j]["open"]:
            return j
    return int(np.int64(-1))


@kernel_part
def _one_to_close(columns: Records, search: Records, kept: int) -> int:
    """Return the open column of a sample that is the least loss, but not the one that is kept; or -1."""
    chosen, least = int(np.int64(-1)), np.inf
    for _ in range(min(_SAMPLE, 1 + search[0]["open"] // 2)):
        j = columns[_draw(search, search[0]["open"])]["opened"]
        loss = columns[j]["loss"] * columns[j]["per_usage"]
        if j != kept and loss < least:
            chosen, least = j, loss
    return chosen


@kernel_part
def _swap(
    rows: Records,
    row_columns: Names,
    columns: Records,
    column_rows: Names,
    search: Records,
    changed: NDArray[np.int64],
) -> tuple[int, float]:
    """Open a random column, close what the limit asks for, and open what then fits.

    Writes the columns that changed, in order; returns how many did, and the credit won.
    """
    now = search[0]
    j = _one_to_open(rows, row_columns, columns, search)
    if j < 0:
        return 0, 0.0
    _open(rows, row_columns, columns, column_rows, search, j)
    changed[0], count, won = j, 1, float(columns[j]["loss"])
    while now["usage"] > now["limit"] and now["open"] > 1:
        k = _one_to_close(columns, search, j)
        if k >= 0:
            won -= columns[k]["loss"]
            _close(rows, row_columns, columns, column_rows, search, k)
            changed[count] = k
            count += 1
    for _ in range(_FILL):
        room = now["limit"] - now["usage"]
        k = _one_to_open(rows, row_columns, columns, search) if room >= now["least"] else -1
        if k >= 0 and columns[k]["usage"] <= room:
            _open(rows, row_columns, columns, column_rows, search, k)
            won += columns[k]["loss"]
            changed[count] = k
            count += 1
    return count, won


@kernel_part
def _temperature(columns: Records, search: Records) -> float:
    """Take a step in time; return how much credit a swap may cost, on average, in this step."""
    now = search[0]
    if now["step"] == now["cycle"]:
        now["step"] = 0
        now["cycle"] *= 2
    if now["step"] == 0:
        loss = 0.0
        for t in range(now["open"]):
            loss += columns[columns[t]["opened"]]["loss"]
        now["hot"] = max(_HOT * loss / max(now["open"], 1), now["cold"])
        now["usage"] = _added_up(columns)
    now["step"] += 1
    return float(now["hot"] * (now["cold"] / now["hot"]) ** (now["step"] / now["cycle"]))


@kernel
def _run(
    rows: Records, row_columns: Names, columns: Records, column_rows: Names, search: Records, steps: int
) -> None:
    now = search[0]
    changed = np.empty(columns.size + _FILL + 1, np.int64)
    for _ in range(steps):
        temperature = _temperature(columns, search)
        count, won = _swap(rows, row_columns, columns, column_rows, search, changed)
        chance = (_draw(search, 1 << 30) + 0.5) / (1 << 30)
        if now["usage"] <= now["limit"] and won >= temperature * math.log(chance):
            if now["value"] > now["best"]:
                _keep_best(rows, row_columns, columns, column_rows, search)
            continue
        for t in range(count - 1, -1, -1):
            if columns[changed[t]]["open"]:
                _close(rows, row_columns, columns, column_rows, search, changed[t])
            else:
                _open(rows, row_columns, columns, column_rows, search, changed[t])


def _row_records(indptr: NDArray[np.int64], need: NDArray[np.int64], weight: NDArray[np.float64]) -> Records:
    rows = np.zeros(need.size, _ROW)
    rows["first"], rows["last"] = indptr[:-1], indptr[1:]
    rows["need"] = need
    total = float(weight.sum())
    scale = 2.0 ** math.floor(math.log2(_MOST / total)) if total > 0 else 1.0
    rows["unit"] = np.rint(weight * scale / need**2)
    return rows


def _column_records(indptr: NDArray[np.int64], usage: NDArray[np.float64]) -> Records:
    columns = np.zeros(usage.size, _COLUMN)
    columns["first"], columns["last"] = indptr[:-1], indptr[1:]
    columns["usage"] = usage
    least = usage[usage > 0].min(initial=1.0) * 1e-6
    columns["per_usage"] = 1 / np.maximum(usage, least)  # what is free is better than what uses anything
    return columns


def _search_record(limit: float, usage: NDArray[np.float64], rows: Records, seed: int) -> Records:
    search = np.zeros(1, _SEARCH)
    units = rows["unit"][rows["unit"] > 0]
    search["cold"] = _COLD * np.quantile(units, 0.25) if units.size else 1.0  # far below rows that must hold
    search["limit"], search["least"] = limit, usage.min(initial=np.inf)
    search["cycle"] = _FIRST_CYCLE
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
        What may be used in all, 0 or more; fixed sites use it too. It is kept to one part in a thousand
        million, as rounding asks for.
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

    Notes
    -----
    Greedy adding as in Church and ReVelle (1974), The maximal covering location problem; then
    simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): a random site near an uncovered row is
    opened, and the least useful of a sample is closed for it. It cools down in cycles, each twice as long
    as the one before.
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
        self._relation = sorted_rows(coverage)
        rows, columns = coverage.shape
        self._weight = checked_vector(weight, rows, "weight")
        self._usage = checked_vector(usage, columns, "usage")
        self._fixed = checked_mask(fixed, columns, "fixed").copy()
        self._need = checked_needs(need, rows)
        begin = checked_mask(start, columns, "start")
        room = limit * (1 + _ROUNDING) - float(self._usage[self._fixed].sum())
        if not (math.isfinite(room) and room >= 0):
            raise InputError(f"the limit {limit} is not finite, or less than what the fixed sites use")
        self._left = left = residual(*self._relation, self._need, self._fixed)
        row_records = _row_records(left.row_indptr, left.need, self._weight[left.rows])
        usages = self._usage[left.columns]
        self._columns = _column_records(left.column_indptr, usages)
        search = _search_record(room, usages, row_records, seed)
        self._state = row_records, left.row_columns, self._columns, left.column_rows, search
        self._begin(np.flatnonzero(begin[left.columns]))

    def _begin(self, sites: NDArray[np.int64]) -> None:
        search = self._state[-1]
        for site in sites:
            if search["usage"][0] + self._columns["usage"][site] <= search["limit"][0]:
                _open(*self._state, int(site))
        _fill(*self._state)
        _keep_best(*self._state)

    def run(self, steps: int) -> float:
        """Search on for a number of steps, each of which tries a swap; return the best weight so far."""
        if steps < 0:
            raise InputError(f"steps must be 0 or more, not {steps}")
        if self._left.rows.size:
            with np.errstate(over="ignore"):  # random numbers wrap around on purpose
                _run(*self._state, steps)
        return self.weight

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the best sites found so far, fixed ones included; read-only."""
        best = self._left.mask(self._columns["best"], self._fixed)
        read_only(best)
        return best

    @property
    def score(self) -> float:
        """The weight: of two searches for the same, the higher score is better."""
        return self.weight

    @property
    def weight(self) -> float:
        """The weight of the rows that the best sites cover as often as they need."""
        indptr, indices = self._relation
        covered = np.concatenate(([0], np.cumsum(self.best[indices])))
        enough = covered[indptr[1:]] - covered[indptr[:-1]] >= self._need
        return float(self._weight[enough].sum())
