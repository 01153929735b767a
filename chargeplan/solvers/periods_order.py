"""In which order to open chosen stations: greedily, by what each serves for its cost; then by swaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel


_LOOK = 500  # changes between two looks at the clock
_SWAPS = 0.8  # of the changes: two sites change places, else one moves
_ROUNDING = 1e-12  # of a sum, relative
_NOISE = 1e-12  # of what is served: less is no gain


def in_order(model: MultiPeriodModel, chosen: NDArray[np.bool_], *, late: bool) -> NDArray[np.bool_] | None:
    """Spread the opening of sites over the periods.

    Parameters
    ----------
    model
        What is asked; no site of it stands, as a reduction leaves it.
    chosen
        (M,) bool, sites that are open in the end.
    late
        Open no more in a period than its targets and the later budgets need; else as much as there is money
        for.

    Returns
    -------
    (T, M) ndarray of bool or None
        Sites open by the end of each period; None where this order breaks a budget or a target.
    """
    state = _Opening(model, chosen)
    phases = np.zeros((model.periods, model.sites), np.bool_)
    for period in range(model.periods):
        if period == model.periods - 1:
            state.open_rest()
        else:
            state.open_in(period, late=late)
        phases[period] = state.opened
    return phases if model.allows(phases) else None


class _Opening:
    """What is open so far, and the money that is left.

    Parameters
    ----------
    model, chosen
        As `in_order` has them.
    """

    def __init__(self, model: MultiPeriodModel, chosen: NDArray[np.bool_]) -> None:
        self.model, self.chosen = model, chosen
        self.opened = np.zeros(model.sites, np.bool_)
        self.columns = model.coverage.astype(np.float64).T.tocsr()
        self.rows = model.coverage.astype(np.int64)
        self.served = np.zeros(model.need.size, np.int64)
        self.carried = 0.0
        totals = np.maximum(model.group_weights(np.ones(model.need.size, np.bool_)), 1e-300)
        self.part = model.weight / totals[model.group]
        self.worth = model.weight * model.value[model.group] if model.maximise else self.part

    def open_in(self, period: int, *, late: bool) -> None:
        """Open the best sites that the period's money pays, as long as there is a reason."""
        budget = float(self.model.budgets[period])
        money = budget + self.carried
        later = self._later(period)
        while True:
            short = self._short(period)
            if late and not short.any() and self._left() <= later:
                break
            site = self._best(money, short)
            if site is None:
                break
            self.opened[site] = True
            self.served += np.asarray(self.rows[:, [site]].sum(axis=1)).ravel()
            money -= float(self.model.cost[site])
        if self.model.carry_over and np.isfinite(budget):
            self.carried = max(money, 0.0)

    def open_rest(self) -> None:
        """Open what is left of the chosen sites."""
        self.opened = self.chosen.copy()

    def _left(self) -> float:
        return float(self.model.cost[self.chosen & ~self.opened].sum())

    def _later(self, period: int) -> float:
        """Return what may be spent after a period, beside what it hands on."""
        budgets = self.model.budgets[period + 1 :]
        return float("inf") if self.model.carry_over else float(budgets.sum())

    def _short(self, period: int) -> NDArray[np.bool_]:
        """Return which groups' targets or rows of this period are not reached: (K,) bool."""
        holds = self.served >= self.model.need
        short = self.model.group_weights(holds) < self.model.targets[period]
        missing = self.model.must_hold(period) & ~holds
        short[self.model.group[missing]] = True
        return np.asarray(short)

    def _best(self, money: float, short: NDArray[np.bool_]) -> int | None:
        """Return the site that serves the most of what is short, or else of all, for its cost."""
        able = self.chosen & ~self.opened & (self.model.cost <= money * (1 + 1e-12))
        if not able.any():
            return None
        missing = self.served < self.model.need
        asked = missing & short[self.model.group] if short.any() else missing
        worth = self.part if short.any() else self.worth
        gain = np.asarray(self.columns @ (asked * worth / self.model.need))
        score = np.where(able, gain / np.maximum(self.model.cost, 1e-9), -1.0)
        return int(score.argmax())


def reordered(
    model: MultiPeriodModel,
    phases: NDArray[np.bool_],
    tries: int,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.bool_]:
    """Serve more by letting stations change places in the order, or open in another period.

    Parameters
    ----------
    model
        Maximising; no site of it stands, and stations never close.
    phases
        (T, M) bool, an allowed plan.
    tries
        How many changes are tried; one that serves more and breaks nothing is kept.
    seed
        Of the random choice of changes.
    stop
        Asked now and then.

    Returns
    -------
    (T, M) ndarray of bool
        A plan that serves no less.
    """
    order, rng = _Order(model, phases), np.random.default_rng(seed)
    sites = np.flatnonzero(phases[-1])
    if sites.size == 0 or model.periods == 1:
        return phases
    for number in range(tries):
        if number % _LOOK == 0 and stop():
            break
        one, other = rng.choice(sites, 2)
        period = int(order.begins[other])
        changes = {int(one): period}
        if rng.random() < _SWAPS:
            changes[int(other)] = int(order.begins[one])
        if period != order.begins[one]:
            order.change(changes)
    return order.phases()


class _Order:
    """In which period every open site opens, and what that serves.

    Parameters
    ----------
    model, phases
        As `reordered` has them.
    """

    def __init__(self, model: MultiPeriodModel, phases: NDArray[np.bool_]) -> None:
        self.model = model
        self.begins = np.where(phases[-1], phases.argmax(axis=0), model.periods)
        self.columns = model.coverage.T.tocsr()
        self.counts = np.asarray(model.coverage.astype(np.int64) @ phases.T.astype(np.int64)).T.copy()
        self.spent = model.spent(phases)
        self.must = np.array([model.must_hold(t) for t in range(model.periods)])
        self.reached = np.array([model.group_weights(held) for held in model.holds(phases)])
        self.worth = model.value[model.group] * model.weight

    def phases(self) -> NDArray[np.bool_]:
        """Return the plan."""
        return np.asarray(self.begins <= np.arange(self.model.periods)[:, None])

    def change(self, changes: dict[int, int]) -> None:
        """Open sites in other periods if that serves more and breaks nothing."""
        spent = self.spent.copy()
        for site, period in changes.items():
            spent[self.begins[site]] -= self.model.cost[site]
            spent[period] += self.model.cost[site]
        ceiling = self.model.ceiling
        dear = ceiling is not None and self.model.price @ spent > ceiling * (1 + _ROUNDING)
        if dear or not self.model.affords(spent):
            return
        rows, step = self._steps(changes)
        before = self.counts[:, rows] >= self.model.need[rows]
        after = self.counts[:, rows] + step >= self.model.need[rows]
        gain = self.model.worth @ ((after.astype(np.float64) - before) @ self.worth[rows])
        if gain <= _NOISE or (before & ~after & self.must[:, rows]).any():
            return
        reached = self.reached + self._weights(rows, after) - self._weights(rows, before)
        if (reached < self.model.targets * (1 - _ROUNDING)).any():
            return
        self.counts[:, rows] += step
        self.spent, self.reached = spent, reached
        for site, period in changes.items():
            self.begins[site] = period

    def _steps(self, changes: dict[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that changes concern, (R,), and by how much more they are served, (T, R)."""
        served = {site: self._rows(site) for site in changes}
        rows = np.unique(np.concatenate(list(served.values())))
        step = np.zeros((self.model.periods, rows.size), np.int64)
        for site, period in changes.items():
            place, begins = np.searchsorted(rows, served[site]), int(self.begins[site])
            early, sign = (period, 1) if period < begins else (begins, -1)
            step[early : max(period, begins), place] += sign
        return rows, step

    def _rows(self, site: int) -> NDArray[np.int64]:
        part = slice(self.columns.indptr[site], self.columns.indptr[site + 1])
        return np.asarray(self.columns.indices[part], np.int64)

    def _weights(self, rows: NDArray[np.int64], held: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the weight of some rows that hold in each period, by group: (T, K)."""
        groups = self.model.value.size
        group, weight = self.model.group[rows], self.model.weight[rows]
        return np.array([np.bincount(group[each], weight[each], groups) for each in held], np.float64)
