"""Facility location over rows in order of cost: dual ascent, the nearest stations, what moves save.

What a demand point would pay reaches only the sites that cost less, and its nearest stations stand near the
head of its row. So nothing here reads a row beyond what matters, and a dense table takes no more time than a
sparse one. Pairs that are read are counted: work is measured by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import kernel, kernel_part
from chargeplan.kernels.inputs import checked_mask, checked_vector, read_only, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]
    Names = NDArray[np.int64]
    Marks = NDArray[np.bool_]

_BETWEEN = 1 << 24  # pairs that adjustment reads between two looks at the clock
_WORTH = 2e-4  # part of the sum of the values that a round of adjustment has to add for another one


@kernel
def _cheapest(first: Names, cost: Numbers) -> Names:
    """Find in each row, which is not empty, the end of the pairs that cost the least: (N,)."""
    end = np.empty(first.size - 1, np.int64)
    for i in range(end.size):
        end[i] = first[i] + 1
        while end[i] < first[i + 1] and cost[end[i]] == cost[first[i]]:
            end[i] += 1
    return end


@kernel
def _savings(first: Names, site: Names, cost: Numbers, value: Numbers, sites: int) -> tuple[Numbers, int]:
    """Add up for each site by how much it costs less than the values; count the pairs that do."""
    saved, read = np.zeros(sites), 0
    for i in range(value.size):
        for p in range(first[i], first[i + 1]):
            if cost[p] >= value[i]:
                break
            saved[site[p]] += value[i] - cost[p]
            read += 1
    return saved, read


@kernel
def _served(first: Names, site: Names, cost: Numbers, value: Numbers, opened: Marks) -> Names:
    """Count for each demand point the open sites that cost less than its value."""
    count = np.zeros(value.size, np.int64)
    for i in range(value.size):
        for p in range(first[i], first[i + 1]):
            if cost[p] >= value[i]:
                break
            count[i] += opened[site[p]]
    return count


@kernel
def _nearest_two(first: Names, site: Names, opened: Marks) -> Names:
    """Find the pairs of each demand point's nearest and next open site: (N, 2), -1 where there is none."""
    found = np.full((first.size - 1, 2), -1)
    for i in range(first.size - 1):
        rank = 0
        for p in range(first[i], first[i + 1]):
            if opened[site[p]]:
                found[i, rank] = p
                rank += 1
                if rank == 2:
                    break
    return found


@kernel
def _spared(
    first: Names,
    site: Names,
    cost: Numbers,
    opened: Marks,
    near: Numbers,
    following: Numbers,
    slot: Names,
    shape: tuple[int, int],
) -> Numbers:
    """Add up what opening a site spares of the loss of closing an open one: by site, and by slot of that."""
    spared = np.zeros(shape)
    for i in range(near.size):
        for p in range(first[i], first[i + 1]):
            if cost[p] >= following[i]:
                break
            if not opened[site[p]]:
                spared[site[p], slot[i]] += following[i] - max(near[i], cost[p])
    return spared


@kernel
def _within(first: Names, site: Names, cost: Numbers, most: Numbers, extra: Numbers, found: Names) -> int:
    """List the pairs that cost, with their site's extra, no more than their row's most; count them.

    It ends where `found` is full.
    """
    count = 0
    for i in range(most.size):
        for p in range(first[i], first[i + 1]):
            if cost[p] > most[i]:
                break
            if cost[p] + extra[site[p]] <= most[i]:
                if count == found.size:
                    return count + 1
                found[count] = p
                count += 1
    return count


@kernel_part
def _raise(
    first: Names, site: Names, cost: Numbers, value: Numbers, end: Names, slack: Numbers, i: int
) -> tuple[bool, int]:
    """Raise a value to the next cost of its row, or as far as the sites that it reaches have slack.

    Return whether it may rise on, and how many pairs were read.
    """
    room = np.inf
    for p in range(first[i], end[i]):
        room = min(room, slack[site[p]])
        if room <= 0.0:
            return False, p + 1 - first[i]
    read = 2 * (end[i] - first[i])
    level = cost[end[i]] if end[i] < first[i + 1] else np.inf
    on = room > level - value[i]
    grown = level - value[i] if on else room
    for p in range(first[i], end[i]):
        slack[site[p]] = max(slack[site[p]] - grown, 0.0)
    value[i] = level if on else value[i] + room
    while end[i] < first[i + 1] and cost[end[i]] <= value[i]:
        end[i] += 1
    return on, read


@kernel
def _raise_queue(
    first: Names,
    site: Names,
    cost: Numbers,
    value: Numbers,
    end: Names,
    slack: Numbers,
    queue: Names,
    size: int,
) -> tuple[int, int]:
    """Raise the values of a queue by one cost each, and keep those that may rise on at its head.

    Return how many those are, and how many pairs were read.
    """
    left, read = 0, 0
    for q in range(size):
        on, some = _raise(first, site, cost, value, end, slack, queue[q])
        read += some
        if on:
            queue[left] = queue[q]
            left += 1
    return left, read


@kernel
def _tight_sites(first: Names, site: Names, end: Names, slack: Numbers, tight: Numbers) -> Marks:
    """Choose sites with no more slack than tight, the nearest, until each value that reaches some has one."""
    chosen = np.zeros(slack.size, np.bool_)
    for i in range(end.size):
        nearest = -1
        for p in range(first[i], end[i]):
            if chosen[site[p]]:
                nearest = -1
                break
            if nearest < 0 and slack[site[p]] <= tight[site[p]]:
                nearest = site[p]
        if nearest >= 0:
            chosen[nearest] = True
    return chosen


@kernel
def _columns(first: Names, site: Names, end: Names, sites: int) -> tuple[Names, Names]:
    """List for each site the demand points whose values reach it, and where each site's list begins."""
    starts = np.zeros(sites + 1, np.int64)
    for i in range(end.size):
        for p in range(first[i], end[i]):
            starts[site[p] + 1] += 1
    for j in range(sites):
        starts[j + 1] += starts[j]
    place = starts[:-1].copy()
    rows = np.empty(starts[sites], np.int64)
    for i in range(end.size):
        for p in range(first[i], end[i]):
            rows[place[site[p]]] = i
            place[site[p]] += 1
    return starts, rows


@kernel_part
def _lower(
    first: Names, site: Names, cost: Numbers, value: Numbers, end: Names, slack: Numbers, i: int
) -> None:
    """Lower a value to the greatest cost below it."""
    while cost[end[i] - 1] >= value[i]:
        end[i] -= 1
    level = cost[end[i] - 1]
    for p in range(first[i], end[i]):
        slack[site[p]] += value[i] - level
    value[i] = level


@kernel_part
def _two_chosen(
    first: Names, site: Names, cost: Numbers, value: Numbers, end: Names, chosen: Marks, i: int
) -> tuple[int, int]:
    """Return the two nearest chosen sites that cost less than a value, -1 where there are fewer."""
    nearest = -1
    for p in range(first[i], end[i]):
        if cost[p] >= value[i]:
            break
        if chosen[site[p]]:
            if nearest >= 0:
                return nearest, site[p]
            nearest = site[p]
    return nearest, -1


@kernel
def _adjust(
    first: Names,
    site: Names,
    cost: Numbers,
    state: tuple[Numbers, Names, Numbers],
    chosen: Marks,
    columns: tuple[Names, Names],
    begin: int,
    most: int,
) -> tuple[int, int]:
    """Lower values that pay for two chosen sites, and let others rise in their stead before they do again.

    Return the demand point to go on with, and how many pairs were read; it ends soon after `most`.
    """
    value, end, slack = state
    starts, rows = columns
    read = 0
    for i in range(begin, value.size):
        if read >= most:
            return i, read
        read += end[i] - first[i]
        pair = _two_chosen(first, site, cost, value, end, chosen, i)
        if pair[1] < 0:
            continue
        _lower(first, site, cost, value, end, slack, i)
        for j in pair:
            for q in range(starts[j], starts[j + 1]):
                on = rows[q] != i
                while on and slack[j] > 0.0:
                    on, some = _raise(first, site, cost, value, end, slack, rows[q])
                    read += some
        on = True
        while on:
            on, some = _raise(first, site, cost, value, end, slack, i)
            read += some
    return value.size, read


@dataclass(frozen=True)
class CostRows:
    """What serving each demand point costs from each site that may serve it, the cheapest first.

    Parameters
    ----------
    first
        (N + 1,) where each demand point's pairs begin, and the end.
    site, cost
        (P,) the site of each pair and its cost, which does not fall within a demand point's pairs.
    sites
        How many sites there are.

    Raises
    ------
    InputError
        Arrays that do not fit together, or another kind.
    """

    first: NDArray[np.int64]
    site: NDArray[np.int64]
    cost: NDArray[np.float64]
    sites: int

    def __post_init__(self) -> None:
        fits = self.first.size and self.first[0] == 0 and self.first[-1] == self.site.size == self.cost.size
        if not (fits and (np.diff(self.first) >= 0).all()):
            raise InputError("first must begin with 0, not fall, and end with the number of pairs")
        if self.site.size and not 0 <= self.site.min() <= self.site.max() < self.sites:
            raise InputError(f"a pair's site is none of {self.sites}")
        for name, kind in (("first", np.int64), ("site", np.int64), ("cost", np.float64)):
            part = np.ascontiguousarray(getattr(self, name), kind)
            object.__setattr__(self, name, unwritable(part))

    @property
    def points(self) -> int:
        """How many demand points there are."""
        return self.first.size - 1

    def savings(self, value: ArrayLike) -> tuple[NDArray[np.float64], int]:
        """Return for each site by how much it costs less than the values, and how many pairs do.

        Parameters
        ----------
        value
            (N,) by demand point.

        Returns
        -------
        tuple
            (M,) the sums, and the number.
        """
        saved, read = _savings(self.first, self.site, self.cost, _values(value, self.points), self.sites)
        read_only(saved)
        return saved, int(read)

    def served(self, value: ArrayLike, opened: ArrayLike) -> NDArray[np.int64]:
        """Return for each demand point how many open sites cost less than its value: (N,).

        Parameters
        ----------
        value, opened
            (N,), and (M,) bool.
        """
        marks = unwritable(checked_mask(opened, self.sites, "opened"))
        count = _served(self.first, self.site, self.cost, _values(value, self.points), marks)
        read_only(count)
        return count

    def nearest_two(self, opened: ArrayLike) -> NDArray[np.int64]:
        """Return the pairs of each demand point's nearest open site and of the next: (N, 2), -1 for none."""
        found = _nearest_two(self.first, self.site, unwritable(checked_mask(opened, self.sites, "opened")))
        read_only(found)
        return found

    def spared(
        self, opened: ArrayLike, near: ArrayLike, following: ArrayLike, slot: NDArray[np.int64], slots: int
    ) -> NDArray[np.float64]:
        """Return what opening a site spares of the loss of closing an open one: (M, slots).

        Parameters
        ----------
        opened
            (M,) bool.
        near, following
            (N,) costs of each demand point's nearest open site and of the next.
        slot
            (N,) place of the nearest open site in the answer.
        slots
            How many places there are.
        """
        marks = unwritable(checked_mask(opened, self.sites, "opened"))
        places = unwritable(np.ascontiguousarray(slot, np.int64))
        costs = _values(near, self.points), _values(following, self.points)
        spared = _spared(self.first, self.site, self.cost, marks, *costs, places, (self.sites, slots))
        read_only(spared)
        return spared

    def within(self, most: ArrayLike, extra: ArrayLike, number: int) -> NDArray[np.int64] | None:
        """Return the pairs that cost, with what their site costs besides, no more than something.

        Parameters
        ----------
        most, extra
            (N,) by demand point, and (M,) by site, 0 or more; infinite for sites whose pairs are left out.
        number
            How many pairs there may be.

        Returns
        -------
        ndarray or None
            Indices of the pairs, rising; None where there are more.
        """
        found = np.empty(min(number, self.site.size), np.int64)
        besides = unwritable(np.ascontiguousarray(extra, np.float64))
        count = _within(self.first, self.site, self.cost, _values(most, self.points), besides, found)
        read_only(found)
        return None if count > found.size else found[:count]


def _values(value: ArrayLike, size: int) -> NDArray[np.float64]:
    values = np.ascontiguousarray(value, np.float64)
    if values.shape != (size,):
        raise InputError(f"there are {size} demand points, and values of the shape {values.shape}")
    return unwritable(values)


class DualAscent:
    """Multipliers of facility location without capacities, by dual ascent and dual adjustment.

    Parameters
    ----------
    rows
        Costs; every demand point has a pair.
    opening
        (M,) cost of a station, 0 where it is paid in any case.

    Raises
    ------
    InputError
        A demand point without a pair.

    Notes
    -----
    Erlenkotter (1978), A dual-based procedure for uncapacitated facility location. What the values exceed
    the costs of a site by never adds up to more than its station, so that their sum is a bound; no step makes
    it less.
    """

    def __init__(self, rows: CostRows, opening: ArrayLike) -> None:
        if (np.diff(rows.first) == 0).any():
            raise InputError("a demand point has no pair")
        self.rows = rows
        self._opening = checked_vector(opening, rows.sites, "opening")
        self._slack = self._opening.copy()
        self._value = rows.cost[rows.first[:-1]]
        self._end = _cheapest(rows.first, rows.cost)
        self._state = rows.first, rows.site, rows.cost, self._value, self._end, self._slack
        self.read = 0  # pairs

    @property
    def value(self) -> NDArray[np.float64]:
        """(N,) multipliers of the demand points so far."""
        return self._value.copy()

    @property
    def slack(self) -> NDArray[np.float64]:
        """(M,) what the values leave of each site's opening cost, 0 or more."""
        return self._slack.copy()

    def ascend(self, stop: Callable[[], bool]) -> None:
        """Raise values in turn, by one cost each, until none may rise or it is to stop."""
        queue = np.arange(self.rows.points)
        left = queue.size
        while left and not stop():
            left, read = _raise_queue(*self._state, queue, left)
            self.read += read

    def adjust(self, stop: Callable[[], bool]) -> None:
        """Move what is paid for several stations to those who pay for one, as long as that raises the sum."""
        gained = True
        while gained and not stop():
            before = float(self._value.sum())
            self._adjust_once(stop)
            self.ascend(stop)
            gained = float(self._value.sum()) > before * (1.0 + _WORTH)

    def _adjust_once(self, stop: Callable[[], bool]) -> None:
        chosen, place = self._chosen(), 0
        columns = _columns(self.rows.first, self.rows.site, self._end, self.rows.sites)
        table, state = self._state[:3], self._state[3:]
        while place < self.rows.points and not stop():
            place, read = _adjust(*table, state, chosen, columns, place, _BETWEEN)
            self.read += read

    def chosen(self) -> NDArray[np.bool_]:
        """Return sites without slack that serve every demand point whose value reaches one: (M,) bool."""
        chosen = self._chosen()
        read_only(chosen)
        return chosen

    def _chosen(self) -> NDArray[np.bool_]:
        return _tight_sites(self.rows.first, self.rows.site, self._end, self._slack, 1e-9 * self._opening)
