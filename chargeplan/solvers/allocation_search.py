"""Good sets of open sites: moves that open, close or exchange sites while that saves."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.allocation import Allocation, allocation
from chargeplan.solvers.allocation_service import serve, transported_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_SECONDS_PER_READ = 15e-9  # of a look at all moves, by the pair that matters
_SECONDS_PER_POINT = 0.2e-6  # of a look at a plan without capacities
_SECONDS_PER_FLOW = 1e-6  # of a transportation problem, by the pair
_SECONDS_PER_LOOK = 0.2e-3  # besides
_EXCHANGES = 4_000_000  # of any site for any open one, up to which they are looked at all together
_PROMISING = 1000  # exchanges that are tried where the number of stations leaves no other move
_NEIGHBOURS = 5  # sites that promise the most, exchanged before the others
_LEAST = 1e-12  # part of the cost that a move has to save


class AllocationSearch:
    """Plans of one instance, better and better.

    Parameters
    ----------
    instance
        Without pairs of closed sites.
    stop
        Asked before each plan whether to stop.
    """

    def __init__(self, instance: AllocationInstance, stop: Callable[[], bool]) -> None:
        self.instance = instance
        self.best: Allocation | None = None
        self.work = 0.0  # units, about a second each; a look at a plan takes `per_plan`
        self._stop = stop
        self._seen: set[bytes] = set()
        used = 1.0 if instance.stations is None else instance.stations / max(instance.sites, 1)
        pairs = used * instance.row.size
        if instance.split:
            pairs = transported_pairs(pairs, instance.points)
        seconds = _SECONDS_PER_FLOW * pairs
        if instance.capacity is None:
            seconds = _SECONDS_PER_POINT * instance.points
        self.per_plan = _SECONDS_PER_LOOK + seconds

    def look(self, open_sites: NDArray[np.bool_]) -> Allocation | None:
        """Serve from a set of sites and keep the best plan; None if there is none, or the set is known."""
        key = np.packbits(open_sites).tobytes()
        if key in self._seen:
            return None
        self._seen.add(key)
        self.work += self.per_plan
        served = serve(self.instance, open_sites)
        if served is None:
            return None
        plan = allocation(self.instance, open_sites.copy(), *served)
        if self.best is None or plan.cost < self.best.cost:
            self.best = plan
        return plan

    def keep(self, plan: Allocation) -> None:
        """Keep a plan found elsewhere if it is the best."""
        if self.best is None or plan.cost < self.best.cost:
            self.best = plan

    def repaired(
        self, open_sites: NDArray[np.bool_], reduced: NDArray[np.float64]
    ) -> NDArray[np.bool_] | None:
        """Open further sites, those of the least reduced cost first, until the demand points can be served.

        Where the number of stations is given, sites are opened or closed until there are so many, and
        exchanged for others that serve or hold more.

        Parameters
        ----------
        open_sites, reduced
            (M,) bool, and (M,) what each site adds to the bound.
        """
        if self.instance.stations is not None:
            return self._exchanged(self._so_many(open_sites, reduced))
        result = open_sites | self.instance.opened
        order = np.argsort(reduced, kind="stable")
        more = order[~result[order] & ~self.instance.closed[order]]
        step = 1
        while not self._may_serve(result):
            if not more.size:
                return None
            result[more[:step]] = True
            more, step = more[step:], 2 * step
        return result

    def _so_many(self, open_sites: NDArray[np.bool_], reduced: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Open the required sites, then those of a set, then others, each by its reduced cost."""
        instance, result = self.instance, self.instance.opened.copy()
        order = np.lexsort((reduced, ~open_sites))
        result[order[instance.free[order]][: instance.more]] = True
        return result

    def _exchanged(self, result: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Close what serves or holds the least for what serves or holds more, until all may be served."""
        instance = self.instance
        for _ in range(2 * result.size):
            if self._may_serve(result):
                return result
            servers = np.bincount(instance.row, result[instance.site], instance.points)
            lost = np.bincount(instance.site, servers[instance.row] == 1, instance.sites)
            won = np.bincount(instance.site, servers[instance.row] == 0, instance.sites)
            held = np.zeros(instance.sites) if instance.capacity is None else instance.capacity
            leaving, coming = np.flatnonzero(result & instance.free), np.flatnonzero(~result & instance.free)
            if not leaving.size or not coming.size:
                return None
            site_out = leaving[np.lexsort((held[leaving], lost[leaving]))[0]]
            site_in = coming[np.lexsort((-held[coming], -won[coming]))[0]]
            if won[site_in] <= lost[site_out] and held[site_in] <= held[site_out]:
                return None
            result = _changed(result, int(site_in), int(site_out))
        return None

    def improve(self, open_sites: NDArray[np.bool_], work: float) -> None:
        """Move from a set of sites as long as that saves, for some units of work."""
        end = self.work + work
        if self.instance.capacity is None and self.instance.stations is None:
            self._move_together(open_sites.copy(), end)
        else:
            self._move_one_by_one(open_sites, end)

    def _may_serve(self, open_sites: NDArray[np.bool_]) -> bool:
        """Whether every demand point has an open site, and the sites together hold the demand."""
        if (self.instance.rows.nearest_two(open_sites)[:, 0] < 0).any():
            return False
        held = np.inf if self.instance.capacity is None else float(self.instance.capacity[open_sites].sum())
        return held >= float(self.instance.demand.sum()) * (1.0 - 1e-9)

    def _move_together(self, open_sites: NDArray[np.bool_], end: float) -> None:
        """Take the best move of all each time (Kuehn & Hamburger 1963; Resende & Werneck 2004)."""
        while self.work < end and not self._stop():
            moves = _Moves(self.instance, open_sites)
            self.work += _SECONDS_PER_LOOK + _SECONDS_PER_READ * moves.read
            site_in, site_out = moves.best()
            if site_in < 0 and site_out < 0:
                break
            if site_in >= 0:
                open_sites[site_in] = True
            if site_out >= 0:
                open_sites[site_out] = False
        self.look(open_sites)

    def _move_one_by_one(self, open_sites: NDArray[np.bool_], end: float) -> None:
        """Try moves in the order of their promise, and take the first that saves."""
        plan = self.look(open_sites)
        if plan is None and self.best is not None and (self.best.open_sites == open_sites).all():
            plan = self.best  # looked at before
        if plan is not None and self.instance.stations is None:
            plan = self._closed_together(plan, end)
        while plan is not None:
            plan = self._first_better(plan, end)

    def _closed_together(self, plan: Allocation, end: float) -> Allocation:
        """Close many sites at a time, those that serve little first, and fewer where that does not save."""
        many = int((plan.open_sites & ~self.instance.opened).sum()) // 2
        while many > 1 and self.work < end and not self._stop():
            closed = plan.open_sites.copy()
            closed[self._leaving(plan)[:many]] = False
            found = self.look(closed) if self._may_serve(closed) else None
            if found is not None and found.cost < plan.cost * (1.0 - _LEAST):
                plan = found
            else:
                many //= 2
        return plan

    def _leaving(self, plan: Allocation) -> NDArray[np.int64]:
        """Return the sites that may be closed, those that serve the least for their cost first."""
        served = np.bincount(self.instance.site[plan.pairs], plan.share, self.instance.sites)
        opened = np.flatnonzero(plan.open_sites & ~self.instance.opened)
        worth = served[opened] / np.maximum(self.instance.opening[opened], 1e-300)
        return opened[np.argsort(worth, kind="stable")]

    def _first_better(self, plan: Allocation, end: float) -> Allocation | None:
        for candidate in self._neighbours(plan):
            if self.work >= end or self._stop():
                return None
            found = self.look(candidate)
            if found is not None and found.cost < plan.cost * (1.0 - _LEAST):
                return found
        return None

    def _neighbours(self, plan: Allocation) -> Iterator[NDArray[np.bool_]]:
        """Yield sets with a site less, a site more, a site exchanged; those that serve little leave first."""
        instance = self.instance
        if instance.stations is not None:
            for site, out in _Moves(instance, plan.open_sites).most_promising():
                yield _changed(plan.open_sites, site, out)
            return
        leaving = self._leaving(plan)
        saved = _Moves(instance, plan.open_sites).savings()
        others = np.flatnonzero(~plan.open_sites & ~instance.closed)
        coming = others[np.argsort(-saved[others], kind="stable")]
        for site in leaving:
            yield _changed(plan.open_sites, -1, int(site))
        for site in coming:
            yield _changed(plan.open_sites, int(site), -1)
        for some in (coming[:_NEIGHBOURS], coming[_NEIGHBOURS:]):
            for out, site in product(leaving, some):
                yield _changed(plan.open_sites, int(site), int(out))


def _changed(open_sites: NDArray[np.bool_], site_in: int, site_out: int) -> NDArray[np.bool_]:
    result = open_sites.copy()
    if site_in >= 0:
        result[site_in] = True
    if site_out >= 0:
        result[site_out] = False
    return result


class _Moves:
    """What each move from a set of sites would save, capacities left aside.

    Parameters
    ----------
    instance
        Pairs by demand point and cost.
    open_sites
        (M,) bool; every demand point has one.
    """

    def __init__(self, instance: AllocationInstance, open_sites: NDArray[np.bool_]) -> None:
        self.instance, self.open = instance, open_sites
        found, first = instance.rows.nearest_two(open_sites), instance.rows.first
        missing = found < 0
        self.read = int(np.where(missing[:, 1], first[1:], found[:, 1]).sum() - first[:-1].sum())
        self._nearest = np.where(missing[:, 0], 0, instance.site[found[:, 0]])
        costs = instance.cost[found]
        if missing.any():
            costs[missing] = 2.0 * float(instance.cost.max() + instance.opening.sum()) + 1.0
        self._near, self._next = costs.T

    def savings(self) -> NDArray[np.float64]:
        """Return (M,) what opening each site saves."""
        return self.instance.rows.savings(self._near)[0] - self.instance.opening

    def losses(self) -> NDArray[np.float64]:
        """Return (M,) what closing each site costs."""
        lost = np.bincount(self._nearest, self._next - self._near, self.instance.sites)
        return np.asarray(lost - self.instance.opening)

    def best(self) -> tuple[int, int]:
        """Return the site to open and the one to close, -1 for none, of the move that saves the most."""
        gain, loss = self._each()
        least = _LEAST * float(self._near.sum() + self.instance.opening[self.open].sum())
        site_in, site_out = int(gain.argmax()), int(loss.argmin())
        if max(gain[site_in], -loss[site_out]) > least:
            return (site_in, -1) if gain[site_in] > -loss[site_out] else (-1, site_out)
        leaving = np.flatnonzero(self.open)
        if not 0 < leaving.size * self.instance.sites <= _EXCHANGES:
            return -1, -1
        exchanged = gain[:, None] - loss[None, leaving] + self._both()
        site_in, place = divmod(int(exchanged.argmax()), leaving.size)
        return (site_in, int(leaving[place])) if exchanged[site_in, place] > least else (-1, -1)

    def most_promising(self) -> list[tuple[int, int]]:
        """Return exchanges, as the site to open and the one to close, those that save the most first."""
        gain, loss = self._each()
        coming, leaving = np.flatnonzero(np.isfinite(gain)), np.flatnonzero(np.isfinite(loss))
        saved, opened = gain[coming, None] - loss[None, leaving], np.flatnonzero(self.open)
        if opened.size * self.instance.sites <= _EXCHANGES:
            saved = saved + self._both()[np.ix_(coming, np.searchsorted(opened, leaving))]
        places = np.argsort(-saved, axis=None, kind="stable")[:_PROMISING]
        site_in, site_out = np.unravel_index(places, saved.shape)
        return list(zip(coming[site_in].tolist(), leaving[site_out].tolist(), strict=True))

    def _each(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (M,) what opening each site saves, and what closing it loses; infinite where barred."""
        gain = np.where(self.open | self.instance.closed, -np.inf, self.savings())
        return gain, np.where(self.open & ~self.instance.opened, self.losses(), np.inf)

    def _both(self) -> NDArray[np.float64]:
        """Return (M, K) what opening one site saves of the loss of closing another, of K open ones."""
        opened = np.flatnonzero(self.open)
        slot = np.searchsorted(opened, self._nearest)
        return self.instance.rows.spared(self.open, self._near, self._next, slot, opened.size)
