"""Simulated annealing by swaps for the p-median: the sites that are nearest to the weight, together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import ZERO, kernel, kernel_part
from chargeplan.kernels.inputs import checked_mask, checked_vector, read_only, unwritable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Records = NDArray[Any]
    Table = NDArray[np.float64] | NDArray[np.float32]
    Distances = NDArray[np.float64]
    Names = NDArray[np.int64]

_FIRST_CYCLE = 2  # steps per site from hot to cold; each further cycle takes twice as many
_HOT = 0.2  # of the average loss, or cost, per open site: what a step may cost at the beginning of a cycle
_COLD = 0.01  # of that, at the end

# A point's nearest open site stands in slot `nearest`, the one after it in slot `next`, as far away as its
# `reach` says: a closed site matters to a point only when it is nearer than that.
_POINT = np.dtype(
    [("weight", np.float64), ("near", np.float64), ("nearest", np.int64), ("next", np.int64)],
    align=True,
)
# The loss of a slot is what closing its site would add to the cost; `kept` is the part of it that a site
# opened at the same time would save.
_SLOT = np.dtype(
    [("site", np.int64), ("best", np.int64), ("loss", np.float64), ("kept", np.float64)], align=True
)
_SEARCH = np.dtype(
    [
        ("fixed", np.int64),  # their slots come first and are never emptied
        ("open", np.int64),  # how many slots are filled
        ("step", np.int64),  # of this cycle
        ("cycle", np.int64),  # how many steps it takes
        ("hot", np.float64),
        ("far", np.float64),  # no site is farther from any point
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
def _find_next(near: Table, reach: Distances, points: Records, i: int, far: float) -> None:
    """Find the open site that comes after the nearest one."""
    least, slot, nearest = far, -1, points[i]["nearest"]
    for t in range(near.shape[1]):
        if near[i, t] < least and t != nearest:
            least, slot = float(near[i, t]), t
    reach[i] = least
    points[i]["next"] = slot


@kernel
def _put(
    distance: Table,
    near: Table,
    reach: Distances,
    points: Records,
    slots: Records,
    search: Records,
    slot: int,
    j: int,
) -> None:
    """Put site j into a slot, instead of what stood there; points, losses and the cost follow.

    Losses and the cost are added up afresh, so that no rounding is carried on from step to step.
    """
    slots[slot]["site"] = j
    for t in range(slots.size):
        slots[t]["loss"] = 0.0
    cost = 0.0
    for i in range(points.size):
        point = points[i]
        d = float(distance[j, i])
        near[i, slot] = distance[j, i]
        if point["nearest"] == slot:
            point["near"] = d
            if d > reach[i]:
                point["near"] = reach[i]
                point["nearest"] = point["next"]
                _find_next(near, reach, points, i, search[0]["far"])
        elif d < point["near"]:
            reach[i] = point["near"]
            point["next"] = point["nearest"]
            point["near"] = d
            point["nearest"] = slot
        elif d <= reach[i]:
            reach[i] = d
            point["next"] = slot
        elif point["next"] == slot:
            _find_next(near, reach, points, i, search[0]["far"])
        slots[point["nearest"]]["loss"] += point["weight"] * (reach[i] - point["near"])
        cost += point["weight"] * point["near"]
    search[0]["cost"] = cost


@kernel_part
def _gain(distance: Table, points: Records, j: int) -> float:
    """Return what one more site would take off the cost."""
    gain = 0.0
    for i in range(points.size):
        d = float(distance[j, i])
        if d < points[i]["near"]:
            gain += points[i]["weight"] * (points[i]["near"] - d)
    return gain


@kernel_part
def _heap_down(key: Distances, name: Names, place: int, size: int) -> None:
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
def _fill(
    distance: Table,
    near: Table,
    reach: Distances,
    points: Records,
    slots: Records,
    search: Records,
    closed: Names,
) -> None:
    """Open closed sites greedily until every slot is filled.

    A gain is worked out anew only when its site comes first in a heap (Minoux 1978): gains only fall.
    """
    size = closed.size
    name, key = closed.copy(), np.empty(size)
    for t in range(size):
        key[t] = _gain(distance, points, name[t])
    for place in range(size // 2 - 1, -1, -1):
        _heap_down(key, name, place, size)
    while search[0]["open"] < slots.size:
        gain = _gain(distance, points, name[0])
        if gain == key[0]:
            _put(distance, near, reach, points, slots, search, search[0]["open"], name[0])
            search[0]["open"] += 1
            gain = -1.0
        key[0] = gain
        _heap_down(key, name, ZERO, size)


@kernel
def _keep_best(slots: Records, search: Records) -> None:
    """Keep the open sites if they are better than the best."""
    if search[0]["cost"] < search[0]["best"]:
        search[0]["best"] = search[0]["cost"]
        for t in range(slots.size):
            slots[t]["best"] = slots[t]["site"]


@kernel_part
def _best_swap(
    distance: Table, reach: Distances, points: Records, slots: Records, first: int, j: int
) -> tuple[int, float]:
    """Return the slot that site j should take, and what that adds to the cost (Whitaker 1983)."""
    gain = 0.0
    for i in range(points.size):
        d = float(distance[j, i])
        if d < reach[i]:
            point = points[i]
            gain += point["weight"] * max(point["near"] - d, 0.0)
            slots[point["nearest"]]["kept"] += point["weight"] * (reach[i] - max(d, point["near"]))
    chosen, least = first, np.inf
    for t in range(slots.size):
        loss = slots[t]["loss"] - slots[t]["kept"]
        slots[t]["kept"] = 0.0
        if loss < least and t >= first:
            chosen, least = t, loss
    return chosen, least - gain


@kernel_part
def _temperature(slots: Records, search: Records) -> float:
    """Take a step in time; return what a swap may cost, on average, in this step."""
    now = search[0]
    if now["step"] == now["cycle"]:
        now["step"] = 0
        now["cycle"] *= 2
    if now["step"] == 0:
        loss = 0.0
        for t in range(slots.size):
            loss += slots[t]["loss"]
        now["hot"] = _HOT * min(loss, now["best"]) / slots.size  # a fine in a loss shall not heat it
    now["step"] += 1
    return float(now["hot"] * _COLD ** (now["step"] / now["cycle"]))


@kernel
def _run(
    distance: Table,
    near: Table,
    reach: Distances,
    points: Records,
    slots: Records,
    search: Records,
    closed: Names,
    steps: int,
) -> None:
    now = search[0]
    for _ in range(steps):
        temperature = _temperature(slots, search)
        place = _draw(search, closed.size)
        slot, added = _best_swap(distance, reach, points, slots, now["fixed"], closed[place])
        chance = (_draw(search, 1 << 30) + 0.5) / (1 << 30)
        if added <= -temperature * math.log(chance):
            left = slots[slot]["site"]
            _put(distance, near, reach, points, slots, search, slot, closed[place])
            closed[place] = left
            _keep_best(slots, search)


class MedianSearch:
    """Search for the p sites that make the weighted distance from every point to its nearest least.

    Parameters
    ----------
    distance
        (N, M) from each demand point to each site, finite and 0 or more; float32 is searched as it is,
        everything else as float64. It is kept by site: an array in Fortran order is not copied.
    weight
        (N,) 0 or more; 1 for all when None is given.
    stations
        How many sites to open, fixed ones included: 1 to M.
    fixed
        (M,) bool, sites that are open whatever happens.
    seed
        The same seed and the same number of steps give the same answer, in however many runs.
    start
        (M,) bool, sites to begin with, as far as the number goes; the rest is filled greedily.

    Raises
    ------
    InputError
        More fixed sites than stations, or an argument of the wrong kind, size or sign.

    Notes
    -----
    Greedy adding (Kuehn and Hamburger 1963) by lazy gains; then swaps, the best site to close for a random
    one to open found in one pass over the points by their nearest and second nearest open sites (Whitaker
    1983; Resende and Werneck 2007, A fast swap-based local search procedure for location problems), taken
    or not by simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983) in cycles, each twice as long as the
    one before.
    """

    def __init__(
        self,
        distance: ArrayLike,
        weight: ArrayLike | None,
        stations: int,
        fixed: ArrayLike | None = None,
        seed: int = 0,
        start: ArrayLike | None = None,
    ) -> None:
        self._distance = _by_site(distance)
        sites, rows = self._distance.shape
        weights = checked_vector(weight, rows, "weight")
        self._fixed = np.flatnonzero(checked_mask(fixed, sites, "fixed"))
        begin = checked_mask(start, sites, "start").copy()
        begin[self._fixed] = False
        _check_stations(stations, max(self._fixed.size, 1), sites)
        far = float(self._distance.max(initial=0.0))
        near = np.full((rows, stations), far, self._distance.dtype)
        search = _search_record(self._fixed.size, far, sites, seed)
        state = self._distance, near, np.full(rows, far), _point_records(weights, far)
        self._state = *state, np.zeros(stations, _SLOT), search
        self._begin(np.flatnonzero(begin))

    def _begin(self, sites: NDArray[np.int64]) -> None:
        slots, search = self._state[-2:]
        for site in np.concatenate((self._fixed, sites))[: slots.size].tolist():
            _put(*self._state, int(search["open"][0]), site)
            search["open"] += 1
        closed = np.setdiff1d(np.arange(len(self._distance)), slots["site"][: search["open"][0]])
        _fill(*self._state, closed)
        _keep_best(slots, search)
        self._closed = np.setdiff1d(closed, slots["site"])

    def run(self, steps: int) -> float:
        """Search on for a number of steps, each of which tries a swap; return the best cost so far."""
        if steps < 0:
            raise InputError(f"steps must be 0 or more, not {steps}")
        if self._closed.size and self._state[-2].size > self._fixed.size:
            with np.errstate(over="ignore"):  # random numbers wrap around on purpose
                _run(*self._state, self._closed, steps)
        return self.cost

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the best sites found so far, fixed ones included; read-only."""
        best = np.zeros(len(self._distance), np.bool_)
        best[self._state[-2]["best"]] = True
        read_only(best)
        return best

    @property
    def score(self) -> float:
        """The cost, negative: of two searches for the same, the higher score is better."""
        return -self.cost

    @property
    def cost(self) -> float:
        """The weighted distance from every point to the nearest of the best sites."""
        return float(self._state[-1]["best"][0])


def _by_site(distance: ArrayLike) -> NDArray[np.float64] | NDArray[np.float32]:
    """Return distances as (M, N), C-contiguous, all finite and 0 or more."""
    values = np.asarray(distance)
    if values.ndim != 2:
        raise InputError(f"distance must have the shape (N, M), not {values.shape}")
    dtype = np.float32 if values.dtype == np.float32 else np.float64
    values = np.ascontiguousarray(values.T, dtype=dtype)
    if not (values.min(initial=0.0) >= 0 and values.max(initial=0.0) < np.inf):
        raise InputError("distance must be finite and 0 or more for every point and site")
    return unwritable(values)


def _check_stations(stations: int, least: int, most: int) -> None:
    if stations != int(stations) or not least <= stations <= most:
        raise InputError(f"stations is {stations!r}, not a whole number from {least} to {most}")


def _point_records(weight: NDArray[np.float64], far: float) -> Records:
    points = np.zeros(weight.size, _POINT)
    points["weight"] = weight
    points["near"] = far
    points["next"] = -1
    return points


def _search_record(fixed: int, far: float, sites: int, seed: int) -> Records:
    search = np.zeros(1, _SEARCH)
    search["fixed"], search["far"] = fixed, far
    search["cycle"] = _FIRST_CYCLE * sites
    search["best"] = np.inf
    search["random"] = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return search
