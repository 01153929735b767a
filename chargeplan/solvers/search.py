"""Good plans, quickly: local search that fits the setting of the covering form."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels import CoverSearch, MaximalSearch, ParallelSearch
from chargeplan.solvers.target_search import TargetSearch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Run

# A step takes a while by itself, and for each entry of the rows and columns that it goes through.
_SECONDS_PER_STEP = 0.4e-6
_SECONDS_PER_ENTRY = 0.05e-6
_SECONDS_PER_SITE = 4e-9  # of a step of the search for the most value, which looks at every site
_ENOUGH = 1000.0  # steps per row and site and unit of work that a search can make use of
_CHUNK = 0.1  # units of work between two looks at the clock
_FIRST_COVER = 100  # steps towards a cover of every row, from which a share's search begins
_LITTLE, _PER_ROW = 0.1, 5  # reduced cost of a site of the core, in usual costs, and sites of each row
_WIDE = 2.5  # of a limit, as many sites as use so many times of it
_APART = 2**31  # between the seeds of one search, and so farther than what anybody asks for


class Search:
    """A resumable search for plans of one model; the answer depends on seed, strands and steps alone.

    Parameters
    ----------
    model
        A reduced model.
    seed
        Of its random choices.
    strands
        How many searches, each with random choices of its own, go side by side on the free cores. The first
        is the one that goes alone, so more of them are never worse for the same work.
    """

    def __init__(self, model: CoveringModel, seed: int, strands: int = 1) -> None:
        self.model = model
        self._steps_per_unit = _steps_per_unit(model)
        self._searches = ParallelSearch(
            lambda seed: _begin(model, seed), range(seed, seed + strands * _APART, _APART)
        )

    def run(
        self, work: float, run: Run, enough: Callable[[], bool] = lambda: False
    ) -> NDArray[np.bool_] | None:
        """Search on.

        Parameters
        ----------
        work
            Units of work, in every strand.
        run
            Asked between chunks whether to stop.
        enough
            Asked too.

        Returns
        -------
        ndarray or None
            (M,) bool, the best plan so far; None if none is known that the model allows.
        """
        chunks = max(math.ceil(work / _CHUNK), 1)
        steps = max(int(work * self._steps_per_unit), chunks)
        for chunk in np.diff(np.linspace(0, steps, chunks + 1).astype(int)).tolist():
            self._searches.run(chunk)
            if run.must_stop() or enough():
                break
        return self.plan()

    @property
    def score(self) -> float:
        """How good the best of all strands is, whether the model allows it or not; higher is better."""
        return self._searches.leader.score

    def plan(self) -> NDArray[np.bool_] | None:
        """Return the best plan of all strands: what is surplus may differ from one to the other."""
        found = [search.best.copy() for search in self._searches.searches]
        plans = [self._finished(plan) for plan in found if self.model.allows(plan)]
        best = max if self.model.maximise else min
        return best(plans, key=self.model.objective, default=None)

    def _finished(self, plan: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return plan if self.model.maximise else without_surplus(self.model, plan)


class CoreSearch(Search):
    """A search among the sites that the LP's multipliers make worth it: fewer, and so faster.

    The core problem of Caprara, Fischetti & Toth (1999): sites of little reduced cost, and of every row those
    of the least; within a limit, the sites that are paid the most for what they use.

    Parameters
    ----------
    model
        A reduced model.
    rows
        (N,) multipliers of its rows, not negative.
    seed, strands
        As of any search.
    """

    def __init__(self, model: CoveringModel, rows: NDArray[np.float64], seed: int, strands: int = 1) -> None:
        self.sites = core(model, rows)
        self._all = model.cost.size
        super().__init__(
            replace(
                model,
                coverage=csr_array(model.coverage[:, self.sites]),
                cost=model.cost[self.sites],
                usage=model.usage[self.sites],
                opened=model.opened[self.sites],
                closed=model.closed[self.sites],
            ),
            seed,
            strands,
        )

    def plan(self) -> NDArray[np.bool_] | None:
        """Return the best plan, (M,) bool of the whole model's sites."""
        found = super().plan()
        if found is None:
            return None
        plan = np.zeros(self._all, np.bool_)
        plan[self.sites] = found
        return plan


def core(model: CoveringModel, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose the sites that a good plan is likely to need: enough of them for every row, or for a limit.

    Parameters
    ----------
    model
        A model.
    rows
        (N,) multipliers of its rows, not negative.

    Returns
    -------
    ndarray
        Sorted site indices.
    """
    coverage = csr_array(model.coverage)
    paid = coverage.astype(np.float64).T @ rows
    if model.limit is not None:
        order = np.argsort(-paid / np.maximum(model.usage, 1e-300), kind="stable")
        keep = np.zeros(paid.size, np.bool_)
        keep[order[np.cumsum(model.usage[order]) <= _WIDE * model.limit]] = True
        reduced, asked = -paid, model.must
    else:
        reduced, asked = model.cost - paid, np.ones(rows.size, np.bool_)
        keep = reduced < _LITTLE * float(np.median(model.cost))
    row = np.repeat(np.arange(model.need.size), np.diff(coverage.indptr))
    order = np.lexsort((reduced[coverage.indices], row))
    rank = np.arange(order.size) - np.repeat(coverage.indptr[:-1], np.diff(coverage.indptr))
    least = order[(rank < np.maximum(model.need, _PER_ROW)[row]) & asked[row]]
    keep[coverage.indices[least]] = True
    return np.flatnonzero(keep)


def _steps_per_unit(model: CoveringModel) -> float:
    """Return how many steps take about a second."""
    per_row = model.coverage.nnz / max(model.need.size, 1)
    per_site = model.coverage.nnz / max(model.cost.size, 1)
    seconds = _SECONDS_PER_STEP + _SECONDS_PER_ENTRY * (per_row + per_site)
    if model.limit is not None:
        seconds += _SECONDS_PER_SITE * model.cost.size
    # A small model is searched out long before a second is over.
    return min(1.0 / seconds, _ENOUGH * (model.need.size + model.cost.size))


def _begin(model: CoveringModel, seed: int) -> CoverSearch | MaximalSearch | TargetSearch:
    if model.limit is not None:
        return _maximal_search(model, model.limit, seed)
    cover = _cover_search(model, seed)
    if model.maximise or model.targets.size != 1:
        return cover
    cover.run(_FIRST_COVER)
    return TargetSearch(model, without_surplus(model, cover.best), seed)


def _cover_search(model: CoveringModel, seed: int) -> CoverSearch:
    """Search for the cheapest cover of every row, those with targets too: it keeps any share."""
    return CoverSearch(model.coverage, model.cost, need=model.need, seed=seed)


def _maximal_search(model: CoveringModel, limit: float, seed: int) -> MaximalSearch:
    """Search for the most value within the limit; a row that must hold is worth more than all others."""
    worth = np.where(model.must, model.value.sum() + 1.0, model.value)
    return MaximalSearch(model.coverage, worth, model.usage, limit, need=model.need, seed=seed)


def without_surplus(model: CoveringModel, plan: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close sites, the dearest per weight lost first, while the model still allows the plan.

    Parameters
    ----------
    model
        A minimising model.
    plan
        (M,) bool, open sites, allowed.

    Returns
    -------
    ndarray
        (M,) bool, allowed and without a site that could be closed.
    """
    columns = model.coverage.tocsc()
    served = model.coverage.astype(np.int64) @ plan.astype(np.int64)
    reached = model.group_weights(served >= model.need)
    plan = plan.copy()
    for site in _by_price(model, plan):
        rows = columns.indices[columns.indptr[site] : columns.indptr[site + 1]]
        lost = rows[served[rows] == model.need[rows]]
        left = reached - _weights(model, lost)
        if model.must[lost].any() or (left < model.targets).any() or model.opened[site]:
            continue
        plan[site] = False
        served[rows] -= 1
        reached = left
    return plan


def _by_price(model: CoveringModel, plan: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Open sites, the dearest for the weight that they serve first."""
    served = model.coverage.astype(np.float64).T @ np.where(model.must, 1.0, model.weight)
    sites = np.flatnonzero(plan)
    return sites[np.argsort(-(model.cost[sites] / np.maximum(served[sites], 1e-12)), kind="stable")]


def _weights(model: CoveringModel, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    counted = rows[model.group[rows] >= 0]
    weight = model.weight[counted]
    return np.bincount(model.group[counted], weights=weight, minlength=model.targets.size).astype(np.float64)
