"""Search for cheap stations with room for the demand in their reach: capacitated set covering."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import ZERO, kernel, kernel_part
from chargeplan.kernels.dominance import dominated_rows
from chargeplan.kernels.inputs import checked_mask, checked_vector, read_only, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    Records = NDArray[Any]
    Names = NDArray[np.int32]
    Places = NDArray[np.int64]
    State = tuple[Records, ...]  # as `_state` lays it out

_FIRST_CYCLE = 8  # steps per site from hot to cold; each further cycle takes twice as many
_HOT = 0.2  # of the average cost of a site: what a step may cost at the beginning of a cycle
_COLD = 0.03  # of that, at the end
_OPENED = 3  # sites opened in a step, at most
_REACH = 60  # sites that a station's load may be spread to, or pushed through, when it closes
_TRIED = 64  # stations that a step tries to close, at most
_NOISE = 0.5  # of the average cost of a site, by which the order of closing varies
_JOURNAL = 1 << 14  # changes that a step may make
_LONGEST = 2 * _REACH + 3  # of them that a path and closing a site make
_IMPROVEMENT = 1e-9  # a cost counts as lower when it is lower by this part, which is more than rounding

# A row is demand to be served. `seen` is the walk that last came by.
_ROW = np.dtype([("first", np.int64), ("last", np.int64), ("seen", np.int64)], align=True)
# The pairs of a site are first:last, and say what flows; `room` is what it could hold besides. A walk that
# came to a site came from the pair `falls`, and what it brings is added to the pair `rises`.
_SITE = np.dtype(
    [
        ("first", np.int64),
        ("last", np.int64),
        ("capacity", np.int64),
        ("room", np.int64),
        ("seen", np.int64),
        ("falls", np.int64),
        ("rises", np.int64),
        ("cost", np.float64),
        ("worth", np.float64),  # what closing it promises
        ("key", np.float64),  # that, with noise
        ("idle_first", np.int64),  # its idle rows are idle_first:idle_last
        ("idle_last", np.int64),
        ("open", np.bool_),
        ("given", np.bool_),
        ("best", np.bool_),  # open in the best set
    ],
    align=True,
)
_PAIR = np.dtype([("row", np.int32), ("site", np.int32), ("flow", np.int64)], align=True)
_SEARCH = np.dtype(
    [
        ("walk", np.int64),
        ("step", np.int64),  # of this cycle
        ("cycle", np.int64),  # how many steps it takes
        ("noted", np.int64),  # entries of the journal
        ("read", np.int64),  # pairs looked at
        ("average", np.float64),
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
def _chance(search: Records) -> float:
    """Draw a number between 0 and 1."""
    return (_draw(search, 1 << 30) + 0.5) / (1 << 30)


@kernel_part
def _add_flow(
    sites: Records, pairs: Records, journal: Places, search: Records, pair: int, units: int
) -> None:
    """Let more or less flow on a pair, and note it."""
    journal[search[0]["noted"], 0] = pair
    journal[search[0]["noted"], 1] = units
    search[0]["noted"] += 1
    pairs[pair]["flow"] += units
    sites[pairs[pair]["site"]]["room"] -= units


@kernel_part
def _toggle(sites: Records, site_idle: Names, covered: Names, search: Records, j: int) -> None:
    """Open a closed site, or close an open one that serves nobody."""
    site = sites[j]
    site["open"] = not site["open"]
    way = 1 if site["open"] else -1
    search[0]["cost"] += way * site["cost"]
    for t in range(site["idle_first"], site["idle_last"]):
        covered[site_idle[t]] += way


@kernel_part
def _explore(state: State, j: int, most: int) -> int:
    """Walk from site j, breadth first, to open sites that could take over demand, each from the one before.

    It ends where they have room enough, and where there are so many. Return how many there are, j included;
    0 where their room is not enough.
    """
    rows, row_places, sites, pairs, _, _, lists, _, search = state
    search[0]["walk"] += 1
    walk = search[0]["walk"]
    sites[j]["seen"] = walk
    queue = lists[0]
    queue[0] = j
    size, at = 1, 0
    lacking = sites[j]["capacity"] - sites[j]["room"]
    while at < size < most and lacking > 0:
        here = sites[queue[at]]
        at += 1
        search[0]["read"] += here["last"] - here["first"]
        for pair in range(here["first"], here["last"]):
            if pairs[pair]["flow"] == 0 or rows[pairs[pair]["row"]]["seen"] == walk:
                continue
            row = rows[pairs[pair]["row"]]
            row["seen"] = walk
            search[0]["read"] += row["last"] - row["first"]
            for t in range(row["first"], row["last"]):
                name = pairs[row_places[t]]["site"]
                site = sites[name]
                if site["seen"] == walk or not site["open"]:
                    continue
                site["seen"] = walk
                site["falls"] = pair
                site["rises"] = row_places[t]
                queue[size] = name
                size += 1
                lacking -= site["room"]
    return size if lacking <= 0 else 0


@kernel_part
def _push(sites: Records, pairs: Records, journal: Places, search: Records, j: int, k: int) -> None:
    """Move as much as goes from site j to site k, along the way that was walked."""
    units = min(sites[k]["room"], sites[j]["capacity"] - sites[j]["room"])
    at = k
    while at != j:
        pair = sites[at]["falls"]
        units = min(units, pairs[pair]["flow"])
        at = pairs[pair]["site"]
    if units == 0:
        return
    at = k
    while at != j:
        pair = sites[at]["falls"]
        _add_flow(sites, pairs, journal, search, sites[at]["rises"], units)
        _add_flow(sites, pairs, journal, search, pair, -units)
        at = pairs[pair]["site"]


@kernel_part
def _note_toggle(
    sites: Records, site_idle: Names, covered: Names, journal: Places, search: Records, j: int
) -> None:
    """Open or close a site, and note it."""
    _toggle(sites, site_idle, covered, search, j)
    journal[search[0]["noted"], 0] = -1 - j
    search[0]["noted"] += 1


@kernel_part
def _close(state: State, j: int) -> bool:
    """Close a station if others can take over what it serves; else they may have taken over a part of it.

    Augmenting paths (Ford and Fulkerson 1956), the shortest first (Edmonds and Karp 1972).
    """
    _, _, sites, pairs, site_idle, covered, lists, journal, search = state
    site = sites[j]
    for t in range(site["idle_first"], site["idle_last"]):
        if covered[site_idle[t]] == 1:
            return False
    search[0]["read"] += site["idle_last"] - site["idle_first"]
    while site["room"] < site["capacity"]:
        size = _explore(state, j, _REACH)
        if size == 0:
            return False
        for t in range(1, size):
            if search[0]["noted"] + _LONGEST > len(journal):
                return False
            _push(sites, pairs, journal, search, j, lists[0, t])
    _note_toggle(sites, site_idle, covered, journal, search, j)
    return True


@kernel
def _begin(state: State) -> bool:
    """Open every site, and let them take over all from the last one, which is none; tell whether they can."""
    _, _, sites, pairs, site_idle, covered, lists, journal, search = state
    nowhere = sites.size - 1
    for j in range(nowhere):
        _toggle(sites, site_idle, covered, search, j)
    while sites[nowhere]["room"] < sites[nowhere]["capacity"]:
        size = _explore(state, nowhere, sites.size + 1)
        for t in range(1, size):
            search[0]["noted"] = 0
            _push(sites, pairs, journal, search, nowhere, lists[0, t])
        if size == 0:
            return False
    return True


@kernel
def _close_in_order(state: State, order: Places) -> None:
    """Close the sites that can be closed, one after the other, and keep what is left as the best."""
    sites, search = state[2], state[-1]
    for j in order:
        search[0]["noted"] = 0
        if sites[j]["open"] and not sites[j]["given"]:
            _close(state, j)
    _keep_best(sites, search)


@kernel_part
def _keep_best(sites: Records, search: Records) -> None:
    """Keep the stations if they are better than the best."""
    total = 0.0
    for j in range(sites.size):
        if sites[j]["open"]:
            total += sites[j]["cost"]
    search[0]["cost"] = total  # added up afresh, without the rounding of many steps
    if total < search[0]["best"] * (1.0 - _IMPROVEMENT):
        search[0]["best"] = total
        for j in range(sites.size):
            sites[j]["best"] = sites[j]["open"]


@kernel_part
def _undo(
    sites: Records, pairs: Records, site_idle: Names, covered: Names, journal: Places, search: Records
) -> None:
    """Take back what the journal says, the latest first."""
    for t in range(search[0]["noted"] - 1, -1, -1):
        name, units = journal[t, 0], journal[t, 1]
        if name < 0:
            _toggle(sites, site_idle, covered, search, -1 - name)
        else:
            pairs[name]["flow"] -= units
            sites[pairs[name]["site"]]["room"] += units


@kernel_part
def _open_some(state: State, i: int) -> int:
    """Open sites of row i as they are drawn, and mark them as seen; return how many."""
    rows, row_places, sites, pairs, site_idle, covered, _, journal, search = state
    search[0]["walk"] += 1
    count = 0
    for _ in range(1 + _draw(search, _OPENED)):
        t = rows[i]["first"] + _draw(search, rows[i]["last"] - rows[i]["first"])
        j = int(np.int64(pairs[row_places[t]]["site"]))
        if not sites[j]["open"]:
            _note_toggle(sites, site_idle, covered, journal, search, j)
            sites[j]["seen"] = search[0]["walk"]
            count += 1
    return count


@kernel_part
def _list_stations(
    rows: Records,
    row_places: Places,
    sites: Records,
    pairs: Records,
    listed: Places,
    search: Records,
    i: int,
    count: int,
) -> int:
    """List the stations of row i that may close and are not seen, with those listed, by key; count all."""
    for t in range(rows[i]["first"], rows[i]["last"]):
        j = pairs[row_places[t]]["site"]
        site = sites[j]
        if count == _TRIED or not site["open"] or site["given"] or site["seen"] == search[0]["walk"]:
            continue
        site["seen"] = search[0]["walk"]
        site["key"] = site["worth"] + _NOISE * search[0]["average"] * _chance(search)
        place = count
        while place > 0 and sites[listed[place - 1]]["key"] < site["key"]:
            listed[place] = listed[place - 1]
            place -= 1
        listed[place] = j
        count += 1
    return count


@kernel_part
def _temperature(search: Records) -> float:
    """Take a step in time; return what it may cost, on average."""
    now = search[0]
    if now["step"] == now["cycle"]:
        now["step"] = 0
        now["cycle"] *= 2
    now["step"] += 1
    return float(_HOT * now["average"] * _COLD ** (now["step"] / now["cycle"]))


@kernel
def _run(state: State, steps: int) -> None:
    """Open sites about a random row and close others, again and again."""
    rows, row_places, sites, pairs, site_idle, covered, lists, journal, search = state
    now, listed = search[0], lists[1]
    for _ in range(steps):
        before, temperature = now["cost"], _temperature(search)
        now["noted"] = 0
        i = int(np.int64(pairs[_draw(search, len(row_places))]["row"]))
        opened = _open_some(state, i)
        count = _list_stations(rows, row_places, sites, pairs, listed, search, i, ZERO)
        t = rows[i]["first"] + _draw(search, rows[i]["last"] - rows[i]["first"])
        other = sites[pairs[row_places[t]]["site"]]
        pair = other["first"] + _draw(search, other["last"] - other["first"])
        i = int(np.int64(pairs[pair]["row"]))
        count = _list_stations(rows, row_places, sites, pairs, listed, search, i, count)
        for t in range(count):
            _close(state, listed[t])
        for t in range(opened):
            _close(state, -1 - journal[t, 0])
        if now["cost"] - before > -temperature * math.log(_chance(search)):
            _undo(sites, pairs, site_idle, covered, journal, search)
        elif now["cost"] < now["best"] * (1.0 - _IMPROVEMENT):
            _keep_best(sites, search)


class RoomSearch:
    """Search for cheap sites that serve all demand within reach, none above its capacity.

    Parameters
    ----------
    coverage
        (N, M) sparse relation.
    demand, capacity
        (N,) and (M,) int64, whole units; demand may be split. A row without demand needs one station.
    cost
        (M,) 0 or more; 1 for all when None is given.
    given
        (M,) bool, sites that are open whatever happens.
    worth
        (M,) what closing each site promises, in units of cost; those that promise the most are closed first.
        By default the cost.
    seed
        The same seed and the same number of steps give the same answer, in however many runs.

    Raises
    ------
    InputError
        All sites together cannot serve all rows, or an argument of the wrong kind, size or sign.

    Notes
    -----
    There always is a flow from the rows to the stations. A site closes where augmenting paths (Ford and
    Fulkerson 1956) lead what it serves to others near by; since rows reach near sites only, these are short.
    A step opens some sites about a random row and closes others in a random greedy order (Ruiz and Stuetzle
    2007, iterated greedy), taken or not by simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983) in
    cycles, each twice as long as the one before.
    """

    def __init__(
        self,
        coverage: csr_array,
        demand: NDArray[np.int64],
        capacity: NDArray[np.int64],
        cost: ArrayLike | None = None,
        given: ArrayLike | None = None,
        worth: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        n_rows, n_sites = coverage.shape
        self._cost = checked_vector(cost, n_sites, "cost")
        units = checked_units(demand, n_rows, "demand")
        held = np.minimum(checked_units(capacity, n_sites, "capacity"), units.sum())
        fixed = checked_mask(given, n_sites, "given")
        self._state = _state(coverage, units, held, self._cost, fixed, seed)
        if not _begin(self._state) or not (self._state[5] > 0).all():
            raise InputError("all sites together cannot serve all rows")
        self.aim(self._cost if worth is None else worth)
        sites = self._state[2]
        order = np.argsort(-sites["worth"][:-1], kind="stable")
        _close_in_order(self._state, order)

    def aim(self, worth: ArrayLike) -> None:
        """Change what closing each site promises."""
        self._state[2]["worth"][:-1] = worth

    def run(self, steps: int) -> float:
        """Search on for some steps, each of which opens sites and closes others; return the best cost."""
        if steps < 0:
            raise InputError(f"steps must be 0 or more, not {steps}")
        if self._state[1].size:
            with np.errstate(over="ignore"):  # random numbers wrap around on purpose
                _run(self._state, steps)
        return self.cost

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the cheapest stations found so far, those given included; read-only."""
        best = self._state[2]["best"][:-1].copy()
        read_only(best)
        return best

    @property
    def read(self) -> int:
        """How many pairs have been looked at, by which work is measured."""
        return int(self._state[-1]["read"][0])

    @property
    def score(self) -> float:
        """The cost, negative: of two searches for the same, the higher score is better."""
        return -self.cost

    @property
    def cost(self) -> float:
        """What the cheapest stations found so far cost, those given included."""
        return float(self._cost[self.best].sum())


def checked_units(values: NDArray[np.int64], size: int, name: str) -> NDArray[np.int64]:
    """Return whole units, int64 and 0 or more; raise InputError for anything else."""
    units = np.asarray(values)
    if units.shape != (size,) or units.dtype != np.int64 or units.min(initial=0) < 0:
        raise InputError(f"{name} must be {size} integers (int64) of 0 or more")
    return units


def _state(
    coverage: csr_array,
    demand: NDArray[np.int64],
    capacity: NDArray[np.int64],
    cost: NDArray[np.float64],
    given: NDArray[np.bool_],
    seed: int,
) -> State:
    """Lay out rows, sites and pairs; all demand is served by one more site, which is none, and covers all."""
    indptr, indices = sorted_rows(coverage)
    loaded = demand > 0
    counts = np.diff(indptr)
    row = np.repeat(np.arange(demand.size), counts)
    place = np.cumsum(loaded) - 1
    own = loaded[row]
    pair_row, pair_site = place[row[own]], indices[own]
    order = np.argsort(pair_site, kind="stable")
    many, nowhere = int(loaded.sum()), cost.size
    pairs = np.zeros(order.size + many, _PAIR)
    pairs["row"] = np.append(pair_row[order], np.arange(many))
    pairs["site"] = np.append(pair_site[order], np.full(many, nowhere))
    pairs["flow"][order.size :] = demand[loaded]
    row_places = np.empty(order.size, np.int64)
    row_places[order] = np.arange(order.size)
    rows = np.zeros(many, _ROW)
    rows["last"] = np.cumsum(counts[loaded])
    rows["first"] = rows["last"] - counts[loaded]
    idle = ~loaded & ~dominated_rows(coverage)
    apart = idle[row]
    idle_row, idle_site = (np.cumsum(idle) - 1)[row[apart]], indices[apart]
    sites = np.zeros(nowhere + 1, _SITE)
    sites["last"] = np.cumsum(np.bincount(pairs["site"], minlength=nowhere + 1))
    sites["first"][1:] = sites["last"][:-1]
    sites["idle_last"] = np.cumsum(np.bincount(idle_site, minlength=nowhere + 1))
    sites["idle_first"][1:] = sites["idle_last"][:-1]
    sites["capacity"] = np.append(capacity, demand.sum())
    sites["room"][:-1] = capacity
    sites["cost"][:-1] = cost
    sites["given"][:-1] = given
    search = np.zeros(1, _SEARCH)
    search["cycle"] = _FIRST_CYCLE * max(nowhere, 1)
    search["average"] = cost.mean() if cost.size else 0.0
    search["best"] = np.inf
    search["random"] = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    site_idle = idle_row[np.argsort(idle_site, kind="stable")].astype(np.int32)
    covered = np.zeros(int(idle.sum()), np.int32)
    lists = np.zeros((2, max(nowhere + 2, _TRIED)), np.int64)
    journal = np.zeros((max(_JOURNAL, 2 * nowhere + 5), 2), np.int64)
    return rows, row_places, sites, pairs, site_idle, covered, lists, journal, search
