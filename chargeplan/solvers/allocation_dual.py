"""Multipliers of facility location: the Lagrangian of its assignment rows, raised by subgradient steps."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels.room_prices import RoomPrices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_SECONDS_PER_PAIR = 12e-9  # of a step
_SECONDS_PER_STEP = 60e-6  # besides
_FIRST_STEP = 1.0  # as a part of the step that would reach the best plan were the bound linear
_LAST_STEP = 1e-4  # below this part of it nothing moves any more
_PATIENCE = 40  # steps, after which they are made shorter if they have not brought enough
_SHORTER = 0.75
_BETTER = 0.003  # of the gap: what is enough
_NO_ROOM = 1e-9  # of all demand: a capacity that is as good as none
_LEAST = 1e-200  # demand, so that prices stay finite
_MEMORY = 0.98  # of the direction of the step before


class AllocationDual:
    """Multipliers of the demand points, and prices of the sites' room that fit them best.

    Parameters
    ----------
    instance
        Without pairs of closed sites; every demand point has a site.

    Notes
    -----
    Given the multipliers, each site by itself is a continuous knapsack (Cornuejols, Sridharan & Thizy 1991),
    whose own multiplier is the price of its room: the profit per demand of the demand point that fills it.
    Steps as Held, Wolfe & Crowder (1974), directions as Camerini, Fratta & Maffioli (1975).
    """

    def __init__(self, instance: AllocationInstance) -> None:
        self.instance = instance
        self.work = 0.0  # units, about a second each
        self._least = instance.cost[instance.rows.first[:-1]]
        self._now = self._begin()
        self._direction = np.zeros(instance.points)
        self._step, self._waited = _FIRST_STEP, 0
        self.bound = self._mark = -np.inf  # the best bound, and what it was when it was last judged
        self.rows, self.prices = self._now, np.zeros(instance.sites)
        self.reduced = np.zeros(instance.sites)
        self.latest = self.reduced  # of the last step, not the best
        self.converged = instance.points == 0
        if instance.capacity is not None:
            self.offer(*self._fair(instance.capacity))

    @cached_property
    def _demand(self) -> NDArray[np.float64]:
        """Demand by pair, where capacities make it matter."""
        return self.instance.demand[self.instance.row]

    @cached_property
    def _room(self) -> RoomPrices:
        """The pairs by site and by demand point, for the steps."""
        instance = self.instance
        capacity = np.full(instance.sites, np.inf) if instance.capacity is None else instance.capacity
        return RoomPrices(instance.rows.first, instance.site, instance.cost, instance.demand, capacity)

    @property
    def seconds_per_step(self) -> float:
        """About how long a step takes."""
        return _SECONDS_PER_STEP + _SECONDS_PER_PAIR * float(self.instance.row.size)

    def run(self, steps: int, target: float) -> None:
        """Improve the multipliers.

        Parameters
        ----------
        steps
            How many steps at most.
        target
            Cost of the best plan known.
        """
        for _ in range(steps):
            if self.converged:
                return
            self._take_step(target)
            self.work += self.seconds_per_step

    def offer(self, rows: NDArray[np.float64], prices: NDArray[np.float64]) -> None:
        """Take over multipliers from elsewhere if they prove more."""
        rows, prices = np.maximum(rows, 0.0), np.maximum(prices, 0.0)
        bound, reduced = self._value(rows, self._saved(rows, prices), prices)
        if bound > self.bound:
            self.bound, self.rows, self.prices, self.reduced = bound, rows, prices, reduced
            self._now, self.latest = rows, reduced

    def _saved(self, rows: NDArray[np.float64], prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each site saves of the multipliers: (M,)."""
        gain = np.maximum(rows[self.instance.row] - self.instance.cost - self._priced(prices), 0.0)
        return self._by_site(gain)

    def _by_site(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(self.instance.site, gain, self.instance.sites), np.float64)

    def _begin(self) -> NDArray[np.float64]:
        """Let every demand point pay for its least cost and a fair part of that site's opening."""
        sites = np.bincount(self.instance.site, minlength=self.instance.sites)
        part = self.instance.opening / np.maximum(sites, 1)
        paid = np.full(self.instance.points, np.inf)
        np.minimum.at(paid, self.instance.row, self.instance.cost + part[self.instance.site])
        return paid

    def _fair(self, capacity: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Let room cost what opening its site does: nobody pays more than the cheapest way to be served."""
        opening = self.instance.opening
        some = capacity > _NO_ROOM * max(float(self.instance.demand.sum()), _LEAST)
        prices = np.divide(opening, capacity, out=np.zeros(capacity.size), where=some)
        paid = np.full(self.instance.points, np.inf)
        np.minimum.at(paid, self.instance.row, self.instance.cost + self._priced(prices))
        return paid, prices

    def _take_step(self, target: float) -> None:
        filled = self._room.filled(self._now)
        value, reduced = self._value(self._now, filled.saved, filled.price)
        self.latest = reduced
        self._judge(value, reduced, filled.price, target)
        served = self._room.served(self._now, filled, self._worth(reduced))
        self._move(1.0 - served, value, target)

    def _priced(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        return prices[self.instance.site] * self._demand

    def _value(
        self, rows: NDArray[np.float64], saved: NDArray[np.float64], prices: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return what multipliers prove, and what each site adds to that where it is open."""
        reduced = self.instance.opening - saved
        if self.instance.capacity is not None:
            held = np.where(prices > 0.0, self.instance.capacity, 0.0)
            reduced = reduced - prices * held
        free, more = self.instance.free, self.instance.more
        value = float(rows.sum() + reduced[self.instance.opened].sum())
        if more is not None and free.any():
            # Their number has a price too; at what the next site adds, exactly the best ones are below it.
            place = min(more, int(free.sum()) - 1)
            price = float(np.partition(reduced[free], place)[place])
            reduced = np.where(free, reduced - price, reduced)
            value += more * price
        return value + float(np.minimum(reduced[free], 0.0).sum()), np.asarray(reduced)

    def _worth(self, reduced: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the sites that are open where these multipliers decide: (M,) bool."""
        more = self.instance.more
        if more is None:
            return np.asarray((reduced < 0.0) | self.instance.opened)
        worth = self.instance.opened.copy()
        worth[np.argsort(np.where(self.instance.free, reduced, np.inf), kind="stable")[:more]] = True
        return worth

    def _judge(
        self, value: float, reduced: NDArray[np.float64], prices: NDArray[np.float64], target: float
    ) -> None:
        """Keep the best multipliers; shorten the steps where they have not got much better."""
        self._waited += 1
        if value > self.bound:
            self.bound, self.rows, self.prices, self.reduced = value, self._now, prices, reduced
        if self._waited < _PATIENCE:
            return
        self._waited = 0
        if self.bound <= self._mark + _BETTER * max(target - self.bound, 0.0):
            self._step *= _SHORTER
            self.converged = self._step < _LAST_STEP
        self._mark = self.bound

    def _move(self, slope: NDArray[np.float64], value: float, target: float) -> None:
        self._direction = slope + _MEMORY * self._direction
        length = float(self._direction @ self._direction)
        if not slope.any():
            self.converged = True  # no multipliers are better than these
            return
        if length == 0.0:
            return
        wanted = max(target - value, 1e-9 * max(abs(target), 1e-9))
        moved = self._now + self._step * wanted / length * self._direction
        self._now = np.maximum(moved, self._least)
