"""Large-neighbourhood search (Shaw 1998): the sites near a place are chosen anew, exactly, the others stay.

What is near is told by what serves what. A neighbourhood grows while its choices are proven quickly and
shrinks when they are not. Several apart are solved at a time; the plan depends on the seed and the work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.exact import Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.exact import TimeLeft
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.models.covering import CoveringModel

_BATCH = 4  # neighbourhoods at a time, whatever the number of threads
_CAP = 1.0  # units of work for one
_FIRST, _LEAST, _MOST = 15.0, 4.0, 400.0  # open sites that are chosen anew
_GROWTH = 1.1
_ROOM = 2.0**40  # units of the numbers of a row or of the objective together


@dataclass(frozen=True)
class _Part:
    """A neighbourhood as a problem of its own."""

    free: NDArray[np.int64]
    matrix: MatrixModel
    seed: int


class Neighbourhoods:
    """A resumable search for better plans of one model.

    Parameters
    ----------
    model
        A reduced model.
    plan
        (M,) bool, open sites that the model allows.
    seed
        Of its random choices.
    threads
        How many neighbourhoods are solved at a time.
    """

    def __init__(
        self, model: CoveringModel, plan: NDArray[np.bool_], *, seed: int = 0, threads: int = 1
    ) -> None:
        self.model = model
        self.best = plan.copy()
        self.spent = 0.0  # units of work in all
        self._rows = csr_array(model.coverage).astype(np.int32)
        self._sites = csr_array(self._rows.T)
        self._random = np.random.default_rng([seed, 7])
        self._size = _FIRST
        self._threads = threads

    def restart(self, plan: NDArray[np.bool_]) -> None:
        """Go on from another plan, (M,) bool, that the model allows."""
        self.best = plan.copy()

    def run(self, work: float, time_left: TimeLeft) -> float:
        """Search on.

        Parameters
        ----------
        work
            Units of work; the batch that exceeds them is finished.
        time_left
            Asked now and then for the seconds left, None for no limit. What the clock cuts is not
            reproducible.

        Returns
        -------
        float
            Units of work spent.
        """
        spent = 0.0
        with Workers(self._threads, time_left) as workers:
            while spent < work:
                answered = self._batch(workers)
                if workers.cut:
                    break
                # What a batch costs besides counts as well, or work that finds nothing would never end.
                spent += answered + _OVERHEAD
        self.spent += spent
        return spent

    def _batch(self, workers: Workers) -> float:
        parts = self._draw()
        answers = workers.map(lambda part: workers.solve(part.matrix, _CAP, seed=part.seed), parts)
        for part, answer in zip(parts, answers, strict=True):
            self._size *= _GROWTH if answer.optimal and answer.work < 0.5 * _CAP else 1.0 / _GROWTH
            if answer.values is not None:
                self._take(part.free, answer.values[: part.free.size] > 0.5)
        most = min(_MOST, max(float(self.best.sum()), _LEAST))
        self._size = min(max(self._size, _LEAST), most)
        return sum(answer.work for answer in answers)

    def _take(self, free: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
        """Keep a choice that the model allows and that is no worse: equal ones lead elsewhere."""
        plan = self.best.copy()
        plan[free] = chosen
        now, then = self.model.objective(plan), self.model.objective(self.best)
        if (now >= then if self.model.maximise else now <= then) and self.model.allows(plan):
            self.best = plan

    def _draw(self) -> list[_Part]:
        """Draw neighbourhoods that share no site."""
        taken = np.zeros(self.model.cost.size, np.bool_)
        parts = []
        for _ in range(_BATCH):
            start = int(self._random.integers(self.model.need.size))
            free = self._near(start, taken)
            seed = int(self._random.integers(2**31))
            if free.size:
                taken[free] = True
                parts.append(_Part(free, self._matrix(free), seed))
        return parts

    def _near(self, start: int, taken: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Gather sites around a row until enough are open."""
        sites = np.zeros(taken.size, np.bool_)
        rows = np.zeros(self.model.need.size, np.bool_)
        fresh = np.array([start])
        while fresh.size:
            rows[fresh] = True
            near = np.unique(self._rows[fresh].indices)
            near = self._random.permutation(near[~(sites | taken)[near]])
            room = self._size - float((self.best & sites).sum())
            enough = np.searchsorted(np.cumsum(self.best[near]), room, side="left") + 1
            sites[near[:enough]] = True
            if enough < near.size or not near.size:
                break
            reached = np.unique(self._sites[near].indices)
            fresh = reached[~rows[reached]]
        return np.flatnonzero(sites & ~self.model.opened & ~self.model.closed)

    def _matrix(self, free: NDArray[np.int64]) -> MatrixModel:
        """Write down what is left to choose, the other sites staying as they are."""
        model = self.model
        fixed = self.best.copy()
        fixed[free] = False
        rows = np.unique(self._sites[free].indices)
        near = self._rows[rows]
        left = model.need[rows] - np.asarray(near @ fixed.astype(np.int32))
        rows, left = rows[left > 0], left[left > 0]
        held = model.holds(fixed)
        part = replace(
            model,
            coverage=csr_array(model.coverage[rows][:, free]),
            need=left.astype(np.int64),
            must=model.must[rows],
            value=model.value[rows],
            group=model.group[rows],
            weight=model.weight[rows],
            targets=np.maximum(model.targets - model.group_weights(held), 0.0),
            cost=model.cost[free],
            usage=model.usage[free],
            limit=None if model.limit is None else model.limit - float(model.usage[fixed].sum()),
            opened=np.zeros(free.size, np.bool_),
            closed=np.zeros(free.size, np.bool_),
        )
        return _in_whole_numbers(part.matrix())


_OVERHEAD = 0.01  # units of work for a batch besides its solutions


def _in_whole_numbers(matrix: MatrixModel) -> MatrixModel:
    """Round a model so that its solutions stay solutions; objectives nearly equal may change places."""
    rows = matrix.rows.copy()
    lower, upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    fractional = np.zeros(lower.size, np.bool_)
    length = np.diff(rows.indptr)
    fractional[np.repeat(np.arange(lower.size), length)[rows.data != np.round(rows.data)]] = True
    fractional |= np.isfinite(lower) & (lower != np.round(lower))
    fractional |= np.isfinite(upper) & (upper != np.round(upper))
    for row in np.flatnonzero(fractional):
        inside = slice(rows.indptr[row], rows.indptr[row + 1])
        unit = _unit(rows.data[inside])
        if np.isfinite(lower[row]):
            rows.data[inside] = np.floor(rows.data[inside] * unit)
            lower[row] = np.ceil(lower[row] * unit)
        else:
            rows.data[inside] = np.ceil(rows.data[inside] * unit)
            upper[row] = np.floor(upper[row] * unit)
    objective = matrix.objective
    if (objective != np.round(objective)).any():
        objective = np.round(objective * _unit(objective))
    return replace(matrix, rows=rows, row_lower=lower, row_upper=upper, objective=objective)


def _unit(numbers: NDArray[np.float64]) -> float:
    total = float(np.abs(numbers).sum())
    return float(2.0 ** np.floor(np.log2(_ROOM / total))) if total > 0 else 1.0
