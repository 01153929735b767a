"""The cheapest sites that reach a target: the most weight within a budget, again and again with less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels import MaximalSearch
from chargeplan.kernels.inputs import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.models.covering import CoveringModel

_FIRST_CUT = 0.05  # of the cost, by which the budget is lowered at first
_LEAST_CUT = 1e-6  # of the cost, where costs are no whole numbers
_PATIENCE = 10_000  # steps at one budget until a higher one is tried
_LOOK = 2_500  # steps between looks at what the search has found


class TargetSearch:
    """Search for the cheapest sites of a model with one target.

    A share of the demand is a budget's question asked backwards: whatever sites reach the target within some
    budget are better than all that cost more. The budget follows the best sites, less and less below them.

    Parameters
    ----------
    model
        A minimising model with one target and no limit.
    plan
        (M,) bool, sites that reach the target.
    seed
        Of its random choices.
    """

    def __init__(self, model: CoveringModel, plan: NDArray[np.bool_], seed: int) -> None:
        self._model = model
        self._seed = seed
        # A row that must hold is worth more than all others together.
        self._worth = np.where(model.must, model.weight.sum() + 1.0, model.weight * (model.group == 0))
        self._best = plan.copy()
        self._cost = model.objective(plan)
        whole = model.integer_objective
        self._least = float(np.gcd.reduce(model.cost.astype(np.int64))) if whole else _LEAST_CUT * self._cost
        self._cut = _FIRST_CUT * self._cost
        self._begin()

    def _begin(self) -> None:
        """Ask for the most weight within a budget below the best cost."""
        budget = max(self._cost - max(self._cut, self._least), 0.0)
        self._seed += 1
        self._search = MaximalSearch(
            self._model.coverage,
            self._worth,
            self._model.cost,
            budget,
            need=self._model.need,
            seed=self._seed,
            start=self._best,
        )
        self._spent = 0

    def run(self, steps: int) -> float:
        """Search on for a number of steps; return the least cost so far.

        What is found is looked at every so many steps, in however many runs they come.
        """
        while steps > 0 and self._cost > 0.0:
            now = min(steps, _LOOK - self._spent % _LOOK)
            self._search.run(now)
            steps -= now
            self._spent += now
            if self._spent % _LOOK == 0:
                self._look()
        return self._cost

    def _look(self) -> None:
        """Go on below what has been found; nearer to the best where it has not been for long."""
        found = self._search.best
        if self._model.allows(found):
            self._best, self._cost = found.copy(), self._model.objective(found)
            self._begin()
        elif self._spent >= _PATIENCE and self._cut > self._least:
            self._cut /= 2.0
            self._begin()

    @property
    def best(self) -> NDArray[np.bool_]:
        """(M,) bool, the cheapest sites found so far; read-only."""
        best = self._best.copy()
        read_only(best)
        return best

    @property
    def score(self) -> float:
        """Higher for the better of two searches: minus the cost."""
        return -self._cost
