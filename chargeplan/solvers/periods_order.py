"""In which order to open stations that are chosen: greedily, by what each serves for its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel


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
