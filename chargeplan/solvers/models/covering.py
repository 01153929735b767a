"""The covering form: one model whose settings are set covering, partial, backup and maximal covering.

With y_j = 1 where site j is open and x_i = 1 where row i holds::

    min  sum_j cost_j y_j                                (minimising)
    max  sum_i value_i x_i                               (maximising)
         sum_j a_ij y_j >= need_i                        every row i that must hold
         sum_j a_ij y_j >= need_i x_i                    every other row
         sum_{i in k} weight_i x_i >= target_k           every group k with a target
         sum_j usage_j y_j <= limit                      the budget, or the number of stations
         opened_j <= y_j <= 1 - closed_j

Toregas et al. (1971): all rows must hold. Church & ReVelle (1974): rows have values and there is a limit.
Hogan & ReVelle (1986): needs above 1. Partial set covering: a target below the whole weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from chargeplan.solvers.matrix import MatrixModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class CoveringModel:
    """The covering form as arrays, N rows by M sites.

    Parameters
    ----------
    coverage
        (N, M) bool, which sites serve which rows.
    need
        (N,) how many open sites a row needs to hold, at least 1.
    must
        (N,) bool, rows that have to hold.
    value
        (N,) worth of a row that holds, when maximising; 0 for rows that must.
    group, weight
        (N,) the target a row counts for, -1 for none, and its weight in it.
    targets
        (K,) weight that has to be reached in each group.
    cost
        (M,) cost of an open site, when minimising.
    usage, limit
        (M,) what a site uses of the limit; `limit` is None for no limit.
    opened, closed
        (M,) bool, sites whose state is given.
    maximise
        The sense.
    """

    coverage: csr_array
    need: NDArray[np.int64]
    must: NDArray[np.bool_]
    value: NDArray[np.float64]
    group: NDArray[np.int64]
    weight: NDArray[np.float64]
    targets: NDArray[np.float64]
    cost: NDArray[np.float64]
    usage: NDArray[np.float64]
    limit: float | None
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    maximise: bool

    @property
    def pure(self) -> bool:
        """Whether every row must hold and nothing else is asked: set covering."""
        return bool(self.must.all()) and self.limit is None and not self.maximise

    @property
    def integer_objective(self) -> bool:
        """Whether every plan's objective is an integer."""
        worth = self.value if self.maximise else self.cost
        return bool((worth == np.round(worth)).all())

    def holds(self, open_sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows hold, (N,) bool, when `open_sites`, (M,) bool, are open."""
        served = self.coverage.astype(np.int32) @ open_sites.astype(np.int32)
        return np.asarray(served >= self.need)

    def objective(self, open_sites: NDArray[np.bool_]) -> float:
        """Objective of a set of open sites, (M,) bool, whether it is allowed or not."""
        if self.maximise:
            return float(self.value[self.holds(open_sites)].sum())
        return float(self.cost[open_sites].sum())

    def allows(self, open_sites: NDArray[np.bool_]) -> bool:
        """Whether a set of open sites, (M,) bool, satisfies every row, target, limit and given state."""
        holds = self.holds(open_sites)
        reached = self.group_weights(holds)
        return bool(
            holds[self.must].all()
            and (reached >= self.targets * (1 - 1e-12)).all()
            and (self.limit is None or self.usage[open_sites].sum() <= self.limit * (1 + 1e-12))
            and (open_sites | ~self.opened).all()
            and not (open_sites & self.closed).any()
        )

    def group_weights(self, holds: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weight reached in each group, (K,), by the rows that hold, (N,) bool."""
        counted = holds & (self.group >= 0)
        weight = self.weight[counted]
        return np.bincount(self.group[counted], weights=weight, minlength=self.targets.size).astype(
            np.float64
        )

    def unreachable(self) -> NDArray[np.bool_]:
        """Rows, (N,) bool, that would not hold with every permitted site open."""
        return ~self.holds(~self.closed)

    def matrix(self) -> MatrixModel:
        """Write the model out for a backend: the sites' variables, then one per row that need not hold."""
        n_sites, soft = self.cost.size, np.flatnonzero(~self.must)
        blocks = [
            self._must_rows(soft.size),
            self._soft_rows(soft),
            *self._target_rows(soft),
            *self._limit_row(soft.size),
        ]
        rows, lower, upper = zip(*blocks, strict=True)
        objective = (
            np.concatenate((np.zeros(n_sites), self.value[soft]))
            if self.maximise
            else np.concatenate((self.cost, np.zeros(soft.size)))
        )
        # Where the need is 1, x may stay continuous: with whole sites, an x above 0 may as well be 1.
        relaxed = self.need[soft] == 1
        return MatrixModel(
            objective=objective,
            rows=csr_array(vstack(rows, format="csr")),
            row_lower=np.concatenate(lower),
            row_upper=np.concatenate(upper),
            lower=np.concatenate((self.opened.astype(np.float64), np.zeros(soft.size))),
            upper=np.concatenate((1.0 - self.closed, np.ones(soft.size))),
            integral=np.concatenate((np.ones(n_sites, np.bool_), ~relaxed)),
            implied=np.concatenate((np.zeros(n_sites, np.bool_), relaxed)),
            maximise=self.maximise,
        )

    def _must_rows(self, n_soft: int) -> _Block:
        rows = self.coverage[self.must].astype(np.float64)
        padded = hstack((rows, csr_array((rows.shape[0], n_soft))), format="csr")
        return padded, self.need[self.must].astype(np.float64), np.full(rows.shape[0], np.inf)

    def _soft_rows(self, soft: NDArray[np.int64]) -> _Block:
        rows = self.coverage[soft].astype(np.float64)
        n = soft.size
        own = csr_array((-self.need[soft].astype(np.float64), (np.arange(n), np.arange(n))), shape=(n, n))
        return hstack((rows, own), format="csr"), np.zeros(n), np.full(n, np.inf)

    def _target_rows(self, soft: NDArray[np.int64]) -> list[_Block]:
        if not self.targets.size:
            return []
        counted = np.flatnonzero(self.group[soft] >= 0)
        shape = (self.targets.size, self.cost.size + soft.size)
        place = (self.group[soft][counted], self.cost.size + counted)
        rows = csr_array((self.weight[soft][counted], place), shape=shape)
        return [(rows, self.targets, np.full(self.targets.size, np.inf))]

    def _limit_row(self, n_soft: int) -> list[_Block]:
        if self.limit is None:
            return []
        row = csr_array(np.concatenate((self.usage, np.zeros(n_soft)))[None, :])
        return [(row, np.full(1, -np.inf), np.full(1, self.limit))]


_Block = tuple[csr_array, "NDArray[np.float64]", "NDArray[np.float64]"]
