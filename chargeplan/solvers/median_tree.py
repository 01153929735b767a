"""What is left of a p-median, searched exhaustively: branch and bound on the multipliers' bound.

Every node takes over its parent's multipliers, improves them by a few subgradient steps, and fixes what they
can fix; then the site that the steps opened about every other time is opened, and closed (Beasley 1985, A
note on solving large p-median problems; Barahona & Chudak 2005 for such counts in place of LP values).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_FIRST_STEPS = 200  # of the root
_STEPS = 40  # of any other node
_PATIENCE = 6  # steps without a better bound before they are made shorter
_SHORTER = 0.6
_BETTER = 0.01  # of the gap: what counts as a better bound
_MEMORY = 0.7  # of the direction of the step before
_BEYOND = 0.1  # of the gap: how far beyond the limit the steps aim
_RECENT = 0.1  # weight of a step in the count of what steps open
_ROUNDING = 1e-9  # of the bound: what sums of floats may be off by


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of the plans.

    Parameters
    ----------
    sites
        Those that may be open.
    opened
        Of them, those that must be.
    multipliers
        (N,) to begin with.
    bound
        Known of all plans in it.
    """

    sites: NDArray[np.int64]
    opened: NDArray[np.bool_]
    multipliers: NDArray[np.float64]
    bound: float


@dataclass(frozen=True, slots=True)
class _Bounded:
    """What the multipliers of a node have come to.

    Parameters
    ----------
    bound
        The best.
    multipliers, savings, chosen
        Those that prove it, what they let each site save, and the sites they open.
    often
        How often, lately, each site was open.
    """

    bound: float
    multipliers: NDArray[np.float64]
    savings: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    often: NDArray[np.float64]


class MedianTree:
    """A search through all plans that cost no more than a limit.

    Parameters
    ----------
    cost
        (N, F) weighted distances, infinite where not allowed.
    opened
        (F,) bool, sites that must be open.
    stations
        How many sites have to be open.
    multipliers
        (N,) to begin with.
    bound
        Known of all plans.
    limit
        Of a cost, the limit that a plan has to keep to be of use once a plan of that cost is known.
    """

    def __init__(
        self,
        cost: NDArray[np.float64],
        opened: NDArray[np.bool_],
        stations: int,
        multipliers: NDArray[np.float64],
        bound: float,
        limit: Callable[[float], float],
    ) -> None:
        self._cost = np.ascontiguousarray(cost.T)
        self._stations, self._limit_for = stations, limit
        self._open = [_Node(np.arange(opened.size), opened, multipliers, bound)]
        self._steps = _FIRST_STEPS
        self.worked = 0  # pairs of a demand point and a site that were gone through

    @property
    def done(self) -> bool:
        """Whether no part of the plans is left."""
        return not self._open

    @property
    def bound(self) -> float:
        """Bound of all plans that are left; infinite when none is."""
        return min((node.bound for node in self._open), default=math.inf)

    def run(self, best: float, offer: Callable[[NDArray[np.bool_]], float], stop: Callable[[], bool]) -> None:
        """Search until nothing is left.

        Parameters
        ----------
        best
            Cost of the best plan known.
        offer
            Takes a plan, (F,) bool, and returns the cost of the best plan known.
        stop
            Asked now and then whether to stop.
        """
        limit = self._limit_for(best)
        while self._open and not stop():
            node = self._open.pop()
            if not self._possible(node):
                continue
            found = self._bounded(node, limit, stop)
            limit = self._limit_for(offer(self._as_plan(node.sites[found.chosen])))
            if found.bound > limit + _ROUNDING * abs(limit):
                continue
            if stop():
                self._open.append(_Node(node.sites, node.opened, found.multipliers, found.bound))
                return
            self._steps = _STEPS
            left = _fixed(node, found, limit)
            if left.sites.size == self._stations:
                limit = self._limit_for(offer(self._as_plan(left.sites)))
            elif int(left.opened.sum()) == self._stations:
                limit = self._limit_for(offer(self._as_plan(left.sites[left.opened])))
            elif left.sites.size > self._stations:
                self._branch(left, found.often[np.isin(node.sites, left.sites)])

    def _as_plan(self, sites: NDArray[np.int64]) -> NDArray[np.bool_]:
        plan = np.zeros(len(self._cost), np.bool_)
        plan[sites] = True
        return plan

    def _possible(self, node: _Node) -> bool:
        """Whether a node has plans at all."""
        if int(node.opened.sum()) > self._stations or node.sites.size < self._stations:
            return False
        return bool(np.isfinite(self._cost[node.sites].min(axis=0)).all())

    def _branch(self, node: _Node, often: NDArray[np.float64]) -> None:
        """Leave the plans without a site for later, those with it for now."""
        free = np.flatnonzero(~node.opened)
        place = int(free[np.abs(often[free] - 0.5).argmin()])
        without = np.delete(np.arange(node.sites.size), place)
        opened = node.opened.copy()
        opened[place] = True
        self._open.append(_Node(node.sites[without], node.opened[without], node.multipliers, node.bound))
        self._open.append(_Node(node.sites, opened, node.multipliers, node.bound))

    def _bounded(self, node: _Node, limit: float, stop: Callable[[], bool]) -> _Bounded:
        """Improve a node's multipliers until they refute it, or for some steps."""
        cost = self._cost[node.sites]
        low = cost.min(axis=0)
        high = cost[node.opened].min(axis=0, initial=np.inf)
        now = np.clip(node.multipliers, low, high)
        found = _Bounded(-math.inf, now, now, node.opened, now)
        direction, often = np.zeros(now.size), np.zeros(node.sites.size)
        gain, step, waited = np.empty_like(cost), 1.0, 0
        for _ in range(self._steps):
            self.worked += cost.size
            np.maximum(np.subtract(now, cost, out=gain), 0.0, out=gain)
            savings = gain.sum(axis=1)
            chosen = _most(np.where(node.opened, np.inf, savings), self._stations)
            often = (1.0 - _RECENT) * often + _RECENT * chosen
            value = float(now.sum() - savings[chosen].sum())
            better = value > found.bound
            waited = 0 if value > found.bound + _BETTER * max(limit - found.bound, 0.0) else waited + 1
            if better:
                found = _Bounded(value, now, savings, chosen, often)
                if value > limit + _ROUNDING * abs(limit):
                    break
            if stop():
                break
            if waited >= _PATIENCE:
                step, waited, now, direction = step * _SHORTER, 0, found.multipliers, 0.0 * direction
            slope = 1.0 - np.count_nonzero(gain[chosen], axis=0)
            direction = slope + _MEMORY * direction
            length = float(direction @ direction)
            if length == 0.0 or not slope.any():
                break
            wanted = (1.0 + _BEYOND) * max(limit - value, _ROUNDING * abs(limit))
            now = np.clip(now + step * wanted / length * direction, low, high)
        bound = max(found.bound, node.bound)
        return _Bounded(bound, found.multipliers, found.savings, found.chosen, often)


def _fixed(node: _Node, found: _Bounded, limit: float) -> _Node:
    """Fix in a node what no plan within the limit can have otherwise, as `median_core.fix` does."""
    limit += _ROUNDING * max(abs(limit), 1.0)
    chosen, savings = found.chosen, found.savings
    movable = chosen & ~node.opened
    proven = float(found.multipliers.sum() - savings[chosen].sum())
    last = savings[movable].min(initial=np.inf)
    following = savings[~chosen].max(initial=-np.inf)
    kept = chosen | ~(proven + last - savings > limit)
    opened = node.opened | (movable & (proven + savings - following > limit))
    return _Node(node.sites[kept], opened[kept], found.multipliers, found.bound)


def _most(savings: NDArray[np.float64], stations: int) -> NDArray[np.bool_]:
    """Return the mask of the sites that save the most."""
    chosen = np.zeros(savings.size, np.bool_)
    chosen[np.argpartition(-savings, stations - 1)[:stations]] = True
    return chosen
