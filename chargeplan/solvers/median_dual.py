"""Dual ascent for the p-median: multipliers whose bound comes close to that of the LP relaxation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_FIRST_STEP = 1.5  # of the step that would close the gap, were the bound linear
_LAST_STEP = 1e-3  # below this part of it nothing moves any more
_PATIENCE = 20  # steps without a better bound before they are made shorter
_SHORTER = 0.75
_BETTER = 0.01  # of the gap: what counts as a better bound
_MEMORY = 0.8  # of the direction of the step before
_BEYOND = 0.1  # of the gap: how far beyond the best plan the steps aim
_CELLS = 1 << 22  # costs that are ranked between two looks at the clock
_SLACK = 0.3  # how much a multiplier may grow before more sites are looked at


class MedianDual:
    """Multipliers of the demand points, improved by subgradient steps.

    Parameters
    ----------
    cost
        (N, M) weighted distances, infinite where not allowed; every demand point has a site.
    stations
        How many sites have to be open.
    opened
        (M,) bool, sites that must be open.
    stop
        Asked now and then, while the multipliers are set up, whether to stop.

    Notes
    -----
    Cornuejols, Fisher & Nemhauser (1977); Held, Wolfe & Crowder (1974), Validation of subgradient
    optimization; the deflected direction of Camerini, Fratta & Maffioli (1975). A multiplier is kept between
    the least cost of its demand point and the most that p stations can leave it with: an optimum lies there.
    Costs beyond the multipliers save nothing, so that only the nearest sites of a demand point are kept.
    """

    def __init__(
        self,
        cost: NDArray[np.float64],
        stations: int,
        opened: NDArray[np.bool_],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.cost, self.stations, self.opened = cost, stations, opened
        rows, sites = cost.shape
        self._low = cost.min(axis=1)
        most, start = _ranked(cost, (sites - stations, min(max(1, sites // stations), sites - 1)), stop)
        self._high = np.minimum(most, cost[:, opened].min(axis=1, initial=np.inf))
        self._now = np.clip(np.where(np.isfinite(start), start, self._low), self._low, self._high)
        usual = self._now - self._low
        self._slack = _SLACK * np.maximum(usual, usual.mean() if rows else 0.0)
        self._look()
        self._direction = np.zeros(rows)
        self._step, self._waited = _FIRST_STEP, 0
        self.bound = float(self._low.sum())
        self.multipliers = self._low
        self.savings = np.zeros(sites)
        self.chosen = self.choose(self.savings)
        self.latest = self.chosen
        self.converged = rows == 0

    @property
    def entries(self) -> int:
        """How many pairs of a demand point and a site a step goes through."""
        return self._rows.size

    def run(self, steps: int, target: float) -> None:
        """Improve the multipliers.

        Parameters
        ----------
        steps
            How many steps at most.
        target
            Objective of the best plan known.
        """
        for _ in range(steps):
            if self.converged:
                return
            self._take_step(target)

    def choose(self, savings: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the (M,) mask of the sites that save the most, required ones always among them."""
        ranked = np.where(self.opened, np.inf, savings)
        chosen = np.zeros(savings.size, np.bool_)
        chosen[np.argpartition(-ranked, self.stations - 1)[: self.stations]] = True
        return chosen

    def _take_step(self, target: float) -> None:
        if (self._now > self._reach).any():
            self._look()
        gain = self._now[self._rows] - self._costs
        np.maximum(gain, 0.0, out=gain)
        savings = np.bincount(self._sites, weights=gain, minlength=self.opened.size).astype(np.float64)
        self.latest = self.choose(savings)
        value = float(self._now.sum() - savings[self.latest].sum())
        self._judge(value, savings, target)
        served = np.add.reduceat(self.latest[self._sites] & (gain > 0.0), self._first, dtype=np.int64)
        self._move(1.0 - served, value, target)

    def _judge(self, value: float, savings: NDArray[np.float64], target: float) -> None:
        """Keep the best multipliers; shorten the steps where they do not get better."""
        self._waited += 1
        if value > self.bound:
            if value > self.bound + _BETTER * max(target - self.bound, 0.0):
                self._waited = 0
            self.bound, self.multipliers = value, self._now
            self.savings, self.chosen = savings, self.latest
        if self._waited >= _PATIENCE:
            self._waited = 0
            self._step *= _SHORTER
            self._now = self.multipliers
            self._direction = np.zeros_like(self._direction)
            self.converged = self._step < _LAST_STEP

    def _move(self, slope: NDArray[np.float64], value: float, target: float) -> None:
        self._direction = slope + _MEMORY * self._direction
        length = float(self._direction @ self._direction)
        if not slope.any() or length == 0.0:
            self.converged = self.converged or not slope.any()  # no multipliers are better than these
            return
        wanted = max((1.0 + _BEYOND) * (target - value), 1e-9 * max(abs(target), 1e-9))
        moved = self._now + self._step * wanted / length * self._direction
        self._now = np.clip(moved, self._low, self._high)

    def _look(self) -> None:
        """Keep the sites that a demand point's multiplier reaches, and some beyond."""
        self._reach = self._now + self._slack
        near = np.flatnonzero(self.cost <= self._reach[:, None])
        self._rows, self._sites = np.divmod(near, self.opened.size)
        self._costs = self.cost[self._rows, self._sites]
        self._first = np.flatnonzero(np.diff(self._rows, prepend=-1))


def _ranked(
    cost: NDArray[np.float64], ranks: tuple[int, int], stop: Callable[[], bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each row its costs of two ranks, from 0: (N,) each, infinite where stopped before."""
    found = np.full((2, len(cost)), np.inf)
    step = max(1, _CELLS // cost.shape[1])
    for first in range(0, len(cost), step):
        if stop():
            break
        part = slice(first, first + step)
        found[:, part] = np.partition(cost[part], ranks, axis=1)[:, ranks].T
    return found[0], found[1]
