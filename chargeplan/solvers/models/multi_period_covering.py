"""The covering form over several periods: what to open when.

With y_jt = 1 where site j is open at the end of period t, u_jt = 1 where it is opened in t, and x_it = 1
where row i holds::

    min  sum_t price_t sum_j cost_j u_jt                            (minimising)
    max  sum_t worth_t sum_i value_i x_it                           (maximising)
         y_jt - y_j,t-1 <= u_jt                             equal, where stations never close
         y_jt >= y_j,t-1                                    stations never close, unless they may
         sum_j cost_j u_jt <= budget_t                      and what is carried over from before
         sum_jt cost_j u_jt <= limit                        or so many new stations at any time
         sum_j a_ij y_jt >= need_i                          every row that must hold in t
         sum_j a_ij y_jt >= need_i x_it                     every other row
         sum_{i in k} weight_i x_it >= target_kt            every group k with a target in t

The dynamic covering problems of Schilling (1980), Gunawardane (1982) and Chrissis, Davis & Miller (1982),
with budgets. Keeping a station open costs nothing, so that closing one pays only where the number of stations
is limited.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, eye_array, hstack, kron, vstack

from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    _Block = tuple[csr_array, NDArray[np.float64], NDArray[np.float64]]

ROUNDING = 1e-12  # of a sum, relative


@dataclass(frozen=True)
class MultiPeriodModel:
    """The covering form over T periods as arrays: N rows by M sites, rows in K groups.

    Parameters
    ----------
    coverage
        (N, M) bool, which sites serve which rows.
    need
        (N,) how many open sites a row needs to hold, at least 1.
    group, weight
        (N,) the group of a row, and its weight in it.
    must
        (N,) bool, rows that have to hold in periods when their group is `whole`.
    whole
        (T, K) bool, whether all rows of the group that must hold have to.
    targets
        (T, K) weight of the group that has to hold; 0 for none, as where the group is whole.
    value
        (K,) what a unit of a group's weight is worth, when maximising.
    worth, price
        (T,) what weight that holds in a period, and a cost in it, count for.
    cost
        (M,) what opening a site costs.
    budgets
        (T,) what may be spent in each period; infinite for no limit. Such a period takes nothing from the
        money that is carried over.
    limit
        What may be spent in all periods together, or how many new stations there may be; None for no limit.
    counted
        Whether the limit is a number of stations.
    standing, closed
        (M,) bool, sites that are open from the beginning to the end, and that never are.
    due
        (M,) bool, sites that have to be open in the last period.
    carry_over
        Whether what is left of a budget is for later periods.
    may_close
        Whether a station may close again.
    maximise
        The sense.
    ceiling
        What the price-weighted cost must not exceed; None for no limit.
    """

    coverage: csr_array
    need: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.float64]
    must: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    targets: NDArray[np.float64]
    value: NDArray[np.float64]
    worth: NDArray[np.float64]
    price: NDArray[np.float64]
    cost: NDArray[np.float64]
    budgets: NDArray[np.float64]
    limit: float | None
    counted: bool
    standing: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    due: NDArray[np.bool_]
    carry_over: bool
    may_close: bool
    maximise: bool
    ceiling: float | None = None

    @property
    def periods(self) -> int:
        """How many periods there are."""
        return self.budgets.size

    @property
    def sites(self) -> int:
        """How many sites there are."""
        return self.cost.size

    @property
    def closes(self) -> bool:
        """Whether closing a station can bring anything: where their number is limited."""
        return self.may_close and self.counted and self.limit is not None

    def must_hold(self, period: int) -> NDArray[np.bool_]:
        """Rows that have to hold by the end of a period, (N,) bool."""
        return np.asarray(self.must & self.whole[period][self.group])

    def counts(self, period: int) -> NDArray[np.bool_]:
        """Rows whose holding in a period counts for a target or the objective, (N,) bool."""
        groups = self.targets[period] > 0
        if self.maximise:
            groups |= (self.value > 0) & (self.worth[period] > 0)
        return np.asarray(groups[self.group] & ~self.must_hold(period))

    def openings(self, phases: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Sites opened in each period, (T, M) bool, of those open at its end, (T, M) bool."""
        before = np.vstack((self.standing, phases[:-1]))
        return np.asarray(phases & ~before)

    def spent(self, phases: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what is spent in each period, (T,)."""
        opened = self.openings(phases)
        return np.array([float(self.cost[row].sum()) for row in opened])

    def holds(self, phases: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Rows that hold by the end of each period, (T, N) bool."""
        served = self.coverage.astype(np.int32) @ phases.T.astype(np.int32)
        return np.asarray(self.need <= served.T)

    def group_weights(self, holds: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weight of the rows that hold, (N,) bool, by group: (K,)."""
        size = self.value.size
        return np.bincount(self.group[holds], self.weight[holds], minlength=size).astype(np.float64)

    def discounted(self, phases: NDArray[np.bool_]) -> float:
        """Return what is spent, each period's by its price."""
        return float(self.price @ self.spent(phases))

    def objective(self, phases: NDArray[np.bool_]) -> float:
        """Objective of the sites open by the end of each period, (T, M) bool, whether allowed or not."""
        if not self.maximise:
            return self.discounted(phases)
        held = [float(self.value @ self.group_weights(row)) for row in self.holds(phases)]
        return float(self.worth @ np.array(held))

    def money(self) -> NDArray[np.float64]:
        """Return the most that may have been spent by the end of each period, (T,); infinite for no limit."""
        most = np.inf if self.limit is None or self.counted else self.limit
        return np.array([min(total, most) for total in np.cumsum(self.budgets).tolist()], np.float64)

    def handed_on(self, spent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is left for the next period of the budgets, (T,); 0 where nothing is carried over."""
        if not self.carry_over:
            return np.zeros(self.periods)
        limited = np.isfinite(self.budgets)
        left = np.cumsum(np.where(limited, self.budgets, 0.0) - np.where(limited, spent, 0.0))
        return np.where(left > 0.0, left, 0.0)

    def affords(self, spent: NDArray[np.float64]) -> bool:
        """Whether what is spent in each period, (T,), is within the budgets and the limit."""
        limited = np.isfinite(self.budgets)
        most, taken = np.where(limited, self.budgets, 0.0), np.where(limited, spent, 0.0)
        if self.carry_over:
            most, taken = np.cumsum(most), np.cumsum(taken)
        within = bool((taken <= most * (1 + ROUNDING))[limited].all())
        if self.limit is None or self.counted:
            return within
        return within and bool(spent.sum() <= self.limit * (1 + ROUNDING))

    def allows(self, phases: NDArray[np.bool_]) -> bool:
        """Whether the sites open by the end of each period, (T, M) bool, satisfy everything."""
        holds = self.holds(phases)
        kept = all(
            holds[t][self.must_hold(t)].all()
            and (self.group_weights(holds[t]) >= self.targets[t] * (1 - ROUNDING)).all()
            for t in range(self.periods)
        )
        ceiling = self.ceiling is None or self.discounted(phases) <= self.ceiling * (1 + ROUNDING)
        return kept and ceiling and self._states_allowed(phases) and self.affords(self.spent(phases))

    def _states_allowed(self, phases: NDArray[np.bool_]) -> bool:
        grows = self.may_close or not (phases[:-1] & ~phases[1:]).any()
        given = bool(phases[:, self.standing].all() and not phases[:, self.closed].any())
        number = (phases & ~self.standing).sum(axis=1).max(initial=0)
        few = self.limit is None or not self.counted or number <= self.limit
        return bool(grows and given and phases[-1][self.due].all() and few)

    def unreachable(self) -> NDArray[np.bool_]:
        """Rows, (N,) bool, that would not hold with every permitted site open."""
        return np.asarray(~self.holds(~self.closed[None, :])[0])

    def beyond_reach(self) -> NDArray[np.bool_]:
        """Periods and groups, (T, K) bool, whose rows or targets no choice of sites satisfies."""
        unreachable = self.unreachable()
        reach = self.group_weights(~unreachable)
        blocked = np.bincount(self.group[self.must & unreachable], minlength=self.value.size) > 0
        return np.asarray((self.whole & blocked) | (self.targets * (1 - ROUNDING) > reach))

    def single(self, period: int, *, counted: bool = False) -> CoveringModel:
        """Return what is asked of one period alone: every plan's sites open by its end are a plan of it.

        Parameters
        ----------
        period
            Its number.
        counted
            Limited by the number of stations, else by the money.
        """
        last = period == self.periods - 1
        targets = self.targets[period]
        groups = np.flatnonzero(targets > 0)
        number = np.full(self.value.size, -1)
        number[groups] = np.arange(groups.size)
        must = self.must_hold(period)
        group = np.where(must, -1, number[self.group])
        money = float(self.money()[period])
        most = self.limit if counted else money if np.isfinite(money) else None
        return CoveringModel(
            coverage=self.coverage,
            need=self.need,
            must=must,
            value=np.where(must, 0.0, self.value[self.group] * self.weight) * self.maximise,
            group=group,
            weight=np.where(group >= 0, self.weight, 0.0),
            targets=targets[groups],
            cost=np.zeros(self.sites) if self.maximise else self.cost,
            usage=(~self.standing).astype(np.float64) if counted else self.cost,
            limit=most if self.maximise else None,
            opened=self.standing | self.due if last else self.standing,
            closed=self.closed,
            maximise=self.maximise,
        )

    def early(self, ceiling: float) -> MultiPeriodModel:
        """Ask for the greatest share of every group over the periods, at a price-weighted cost of no more.

        All groups count alike: people and kilometres of road do not add up.
        """
        total = self.group_weights(np.ones(self.need.size, np.bool_))
        value = np.where(total > 0, 1.0 / np.where(total > 0, total, 1.0), 0.0)
        return replace(self, maximise=True, value=value, ceiling=ceiling)

    def matrix(self) -> MatrixModel:
        """Write the model out for a backend: y by period and site, then u where stations close, then x."""
        rows = [np.flatnonzero(self.counts(t)) for t in range(self.periods)]
        width = self._openings_width() + sum(part.size for part in rows)
        blocks = [
            *self._must_rows(width),
            *self._soft_rows(rows),
            *self._target_rows(rows),
            *self._state_rows(width),
            *self._money_rows(width),
        ]
        matrices, lower, upper = zip(*blocks, strict=True)
        never = np.tile(self.closed, self.periods)
        always = np.tile(self.standing, self.periods)
        always[-self.sites :] |= self.due
        relaxed = [self.need[part] == 1 for part in rows]
        continuous = np.concatenate((np.ones(self._openings_width(), np.bool_), *relaxed))
        return MatrixModel(
            objective=self._objective(rows),
            rows=csr_array(vstack(matrices, format="csr")),
            row_lower=np.concatenate(lower),
            row_upper=np.concatenate(upper),
            lower=np.concatenate((always.astype(np.float64), np.zeros(width))),
            upper=np.concatenate((1.0 - never, np.ones(width))),
            integral=np.concatenate((np.ones(never.size, np.bool_), ~continuous)),
            implied=np.concatenate((np.zeros(never.size, np.bool_), continuous)),
            maximise=self.maximise,
        )

    def values(self, phases: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Values of the matrix's variables for the sites open by the end of each period, (T, M) bool."""
        holds = self.holds(phases)
        opened = [self.openings(phases).ravel()] if self.closes else []
        held = [holds[t][self.counts(t)] for t in range(self.periods)]
        return np.concatenate((phases.ravel(), *opened, *held)).astype(np.float64)

    def phases(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Sites open by the end of each period, (T, M) bool, of values of the matrix's variables."""
        return np.asarray(values[: self.periods * self.sites].reshape(self.periods, self.sites) > 0.5)

    def _openings_width(self) -> int:
        return self.periods * self.sites if self.closes else 0

    def _spending(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients of y, and of u where stations close, whose sum is the cost times factors, (T,)."""
        if self.closes:
            return np.concatenate((np.zeros(self.periods * self.sites), np.outer(factors, self.cost).ravel()))
        changes = factors - np.append(factors[1:], 0.0)
        return np.outer(changes, self.cost).ravel()

    def _objective(self, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        soft = sum(part.size for part in rows)
        if not self.maximise:
            return np.concatenate((self._spending(self.price), np.zeros(soft)))
        first = self.periods * self.sites + self._openings_width()
        worth = [self.worth[t] * (self.value[self.group] * self.weight)[part] for t, part in enumerate(rows)]
        return np.concatenate((np.zeros(first), *worth))

    def _must_rows(self, width: int) -> list[_Block]:
        """Rows that must hold in a period."""
        blocks: list[_Block] = []
        for t in range(self.periods):
            must = np.flatnonzero(self.must_hold(t))
            if must.size:
                rows = self._in_period(self.coverage[must].astype(np.float64), t, width)
                blocks.append((rows, self.need[must].astype(np.float64), np.full(must.size, np.inf)))
        return blocks

    def _soft_rows(self, rows: Sequence[NDArray[np.int64]]) -> list[_Block]:
        """Rows that need not hold, each with a variable that says whether it does."""
        sizes = [part.size for part in rows]
        total = sum(sizes)
        if not total:
            return []
        sites = [
            self._in_period(self.coverage[part].astype(np.float64), t, self._openings_width())
            for t, part in enumerate(rows)
        ]
        own = diags_array(-np.concatenate([self.need[part] for part in rows]).astype(np.float64))
        return [(csr_array(hstack((vstack(sites), own))), np.zeros(total), np.full(total, np.inf))]

    def _target_rows(self, rows: Sequence[NDArray[np.int64]]) -> list[_Block]:
        period, group = np.nonzero(self.targets > 0)
        if not period.size:
            return []
        number = np.full(self.targets.shape, -1)
        number[period, group] = np.arange(period.size)
        before = self.periods * self.sites + self._openings_width()
        row = np.concatenate([number[t][self.group[part]] for t, part in enumerate(rows)])
        weight = np.concatenate([self.weight[part] for part in rows])
        used = np.flatnonzero(row >= 0)
        shape = (period.size, before + row.size)
        matrix = csr_array(coo_array((weight[used], (row[used], before + used)), shape=shape))
        return [(matrix, self.targets[period, group], np.full(period.size, np.inf))]

    def _state_rows(self, width: int) -> list[_Block]:
        """Tie the states of a site in two periods together."""
        if self.closes:
            return self._closing_rows(width)
        if self.periods == 1:
            return []
        step = diags_array([-1.0, 1.0], offsets=[0, 1], shape=(self.periods - 1, self.periods))
        rows = self._padded(csr_array(kron(step, eye_array(self.sites))), width)
        return [(rows, np.zeros(rows.shape[0]), np.full(rows.shape[0], np.inf))]

    def _closing_rows(self, width: int) -> list[_Block]:
        """Say that what is newly open is opened: y_t - y_t-1 - u_t <= 0."""
        step = diags_array([-1.0, 1.0], offsets=[-1, 0], shape=(self.periods, self.periods))
        states = csr_array(kron(step, eye_array(self.sites)))
        own = csr_array(-eye_array(self.periods * self.sites))
        rows = self._padded(csr_array(hstack((states, own))), width - self._openings_width())
        first = np.zeros(rows.shape[0])
        first[: self.sites] = self.standing
        return [(rows, np.full(rows.shape[0], -np.inf), first)]

    def _money_rows(self, width: int) -> list[_Block]:
        """Budgets, the limit of all periods together, and the ceiling."""
        limited = np.isfinite(self.budgets)
        free = width - self._openings_width()
        found: list[tuple[NDArray[np.float64], float]] = []
        for t in np.flatnonzero(limited).tolist():
            taken = (
                limited & (np.arange(self.periods) <= t) if self.carry_over else np.arange(self.periods) == t
            )
            found.append((self._spending(taken.astype(np.float64)), float(self.budgets[taken].sum())))
        if self.limit is not None and not self.counted:
            found.append((self._spending(np.ones(self.periods)), self.limit))
        if self.limit is not None and self.counted:
            found += [(row, self.limit) for row in self._station_rows()]
        if self.ceiling is not None:
            found.append((self._spending(self.price), self.ceiling))
        if not found:
            return []
        rows = self._padded(csr_array(np.array([row for row, _ in found])), free)
        return [(rows, np.full(len(found), -np.inf), np.array([most for _, most in found]))]

    def _station_rows(self) -> list[NDArray[np.float64]]:
        """Count new stations: at the end, or, where they close, in every period."""
        counted = range(self.periods) if self.closes else [self.periods - 1]
        new = (~self.standing).astype(np.float64)
        rows = np.zeros((len(counted), self.periods, self.sites))
        rows[np.arange(len(counted)), list(counted)] = new
        room = np.zeros(self._openings_width())
        return [np.concatenate((row.ravel(), room)) for row in rows]

    def _in_period(self, rows: csr_array, period: int, width: int) -> csr_array:
        """Put rows over sites into the columns of a period."""
        moved = rows.tocoo()
        row, column = moved.coords
        shape = (rows.shape[0], self.periods * self.sites + width)
        return csr_array(coo_array((moved.data, (row, column + period * self.sites)), shape=shape))

    def _padded(self, rows: csr_array, width: int) -> csr_array:
        """Add columns of zeros."""
        return csr_array(hstack((rows, csr_array((rows.shape[0], width))), format="csr"))
