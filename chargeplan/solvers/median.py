"""The p-median solved: search and dual ascent, sites fixed by reduced costs, a backend for what is left.

The plan that annealed swaps find and the bound that multipliers prove lie within a fraction of a percent of
each other on most instances (Beltran, Tadonki & Vial 2006; Avella, Sassano & Vasil'ev 2007). Whatever their
gap decides is fixed. The rest is searched through by branch and bound on the same multipliers, or goes to the
backend that was asked for, in the radius formulation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels import MedianSearch
from chargeplan.solvers import backends
from chargeplan.solvers.asking import ask
from chargeplan.solvers.median_certificate import certify_median, weighted
from chargeplan.solvers.median_core import Fixed, MedianCore, core, fix
from chargeplan.solvers.median_dual import MedianDual
from chargeplan.solvers.median_tree import MedianTree
from chargeplan.solvers.reduction import Reduction, reduce
from chargeplan.solvers.solution import Run, whole_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.median_certificate import MedianInstance
    from chargeplan.solvers.solution import Limits, Solution

_CHUNK = 0.2  # units of work between two looks at the clock
_SECONDS_PER_ENTRY = 12e-9  # of a step of the dual ascent
_SECONDS_PER_POINT = 6e-9  # of a step of the search
_SECONDS_PER_STEP = 1e-6  # of the search, besides
_SECONDS_PER_PAIR = 2e-9  # of a step in the tree
_CYCLES = 60  # steps per site that a search should have before the bound is asked for
_SEARCH_SHARE = 0.3  # of the time that the dual ascent takes
_FIRST_SHARE = 0.1  # of the time limit, at most, for the search before any bound
_BEFORE_BACKEND = 0.6  # of the limits, at most, for search and dual ascent, where few sites are left
_FEW = 0.5  # of the sites
_ENOUGH = 1e-9  # a gap that is rounding
_CELLS = 1 << 21  # of the distances, turned into costs together


def solve(
    instance: MedianInstance,
    limits: Limits,
    start: NDArray[np.bool_] | None = None,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Solution:
    """Solve a p-median.

    Parameters
    ----------
    instance
        What is asked; some plan serves every demand point.
    limits
        When to end.
    start
        (M,) bool, a plan; needed only where not every site can serve every demand point.
    backend
        Name of the backend for what is left; ``"auto"`` for a search tree of our own.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    Solution
        With the best plan, the best bound and the gap between them.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    work = _Work(instance, Run(limits, maximise=False, on_event=on_event, cancel=cancel), chosen)
    work.improve(start)
    return work.solution()


class _Work:
    """A p-median being solved, and the best that is known of it.

    Parameters
    ----------
    instance
        What is asked.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for none.
    """

    def __init__(self, instance: MedianInstance, run: Run, chosen: Backend | None) -> None:
        run.enter("reduce")
        self.instance, self.run, self.chosen = instance, run, chosen
        self.sites = np.flatnonzero(~instance.closed)
        self.opened = instance.opened[self.sites]
        self.cost = _costs(instance, self.sites)
        self.whole = all(bool((row == np.floor(row)).all()) for row in self.cost)
        self.plan: NDArray[np.bool_] | None = None  # of the permitted sites
        self.best = math.inf
        run.rounding = 0.0 if self.whole else _ENOUGH
        self._told = 0.0  # when the tree last said how far it is
        self._certifying = run.elapsed  # seconds, about: one look at all the costs, like those so far

    def improve(self, start: NDArray[np.bool_] | None) -> None:
        """Search and bound in turns until the plan is good enough or the limits end it."""
        if start is not None:
            self._offer_plan(start[self.sites])
        search = self._begin_search()
        self._search(search, self._first_search())
        self.run.enter("bound")
        dual = MedianDual(self.cost, self.instance.stations, self.opened, self.run.must_stop)
        fixed = Fixed(self.opened, np.zeros(self.sites.size, np.bool_), np.full(self.cost.shape[0], np.inf))
        while not (dual.converged or self._stops(fixed) or self._proves(dual)):
            self._climb(dual)
            if dual.bound < self._limit():
                fixed = fix(dual, fixed, self._limit())
            self._search(search, _SEARCH_SHARE * _CHUNK)
            self.run.enter("bound")
        self._offer_certificate(dual)
        if self.run.done() or self.plan is None:
            return
        fixed = fix(dual, fixed, self._limit())
        if self.chosen is None:
            self._search_tree(dual, fixed)
        else:
            self._solve_rest(dual, fixed, self.chosen)

    def solution(self) -> Solution:
        """Put the answer together."""
        return self.run.solution(None if self.plan is None else self.sites[self.plan])

    def _stops(self, fixed: Fixed) -> bool:
        """Whether the limits leave no more time for multipliers; the rest is for what they have left."""
        limits, share = self.run.limits, 1.0 if fixed.free > _FEW * self.sites.size else _BEFORE_BACKEND
        if limits.work_limit is not None and self.run.worked >= share * limits.work_limit:
            return True
        if limits.time_limit is not None:
            kept = min(self._certifying, (1.0 - _BEFORE_BACKEND) * limits.time_limit)
            if self.run.elapsed >= min(share * limits.time_limit, limits.time_limit - kept):
                self.run.by_clock = True
                return True
        return self.run.must_stop()

    def _limit(self) -> float:
        """Return what a plan may cost that would be worth finding."""
        return self._limit_for(self.best)

    def _limit_for(self, best: float) -> float:
        aim = best * (1.0 - self.run.limits.gap)
        return math.ceil(aim - 1e-9) - 1.0 if self.whole and math.isfinite(aim) else aim

    def _begin_search(self) -> MedianSearch:
        """Set the search up; where not every site is allowed, a fine stands for what is not."""
        cost = self.cost
        if not np.isfinite(cost).all():
            fine = np.where(np.isfinite(cost), cost, 0.0).max(axis=1).sum() + 1.0
            cost = np.where(np.isfinite(cost), cost, fine)
        return MedianSearch(
            cost, None, self.instance.stations, self.opened, self.run.limits.seed, start=self.plan
        )

    def _first_search(self) -> float:
        """Return the units of work for a search before any bound."""
        limits = self.run.limits
        most = min(limit for limit in (limits.time_limit, limits.work_limit, np.inf) if limit is not None)
        enough = _CYCLES * self.sites.size * self._seconds_per_step()
        return float(min(enough, 1.0, _FIRST_SHARE * most))

    def _seconds_per_step(self) -> float:
        return _SECONDS_PER_STEP + _SECONDS_PER_POINT * float(self.cost.shape[0])

    def _search(self, search: MedianSearch, work: float) -> None:
        """Search for some units of work, about a second each."""
        self.run.enter("search")
        per_step = self._seconds_per_step()
        left = max(int(work / per_step), 1)
        while left > 0 and not self.run.must_stop():
            steps = min(left, max(int(_CHUNK / per_step), 1))
            search.run(steps)
            left -= steps
        self.run.worked += work
        self._offer_plan(search.best)

    def _climb(self, dual: MedianDual) -> None:
        """Improve the multipliers for a chunk of work, and try the sites they point to."""
        per_step = _SECONDS_PER_ENTRY * (dual.entries + 10 * self.sites.size)
        dual.run(max(int(_CHUNK / per_step), 1), self.best)
        self.run.worked += _CHUNK
        self._offer_plan(dual.latest)
        self._offer_plan(dual.chosen)
        self.run.show(None, dual.bound)

    def _proves(self, dual: MedianDual) -> bool:
        """Whether the multipliers' bound, as far as floats tell, is all that is asked for."""
        return bool(dual.bound >= self._limit() + (1e-6 if self.whole else 0.0))

    def _offer_plan(self, plan: NDArray[np.bool_]) -> None:
        """Keep a plan of the permitted sites if it is allowed and the best so far."""
        objective = float(self.cost[:, plan].min(axis=1, initial=np.inf).sum())
        if objective < self.best:
            self.best, self.plan = objective, plan.copy()
            self.run.tell(best=objective)

    def _offer_certificate(self, dual: MedianDual) -> None:
        certificate = certify_median(dual.multipliers)
        bound = self.run.up_to_best(certificate.bound(self.instance))
        self.run.offer_bound(bound, "dual-certificate", certificate)

    def _search_tree(self, dual: MedianDual, fixed: Fixed) -> None:
        """Go through the plans that fixing leaves."""
        self.run.enter("solve")
        sites = np.flatnonzero(~fixed.closed)
        cost = self.cost[:, sites]
        reach = fixed.reach + 1e-9 * np.maximum(fixed.reach, 1.0)
        cost = np.where(cost > reach[:, None], np.inf, cost)
        tree = MedianTree(
            cost, fixed.opened[sites], self.instance.stations, dual.multipliers, dual.bound, self._limit_for
        )

        def offer(plan: NDArray[np.bool_]) -> float:
            full = np.zeros(self.sites.size, np.bool_)
            full[sites[plan]] = True
            self._offer_plan(full)
            return self.best

        tree.run(self.best, offer, lambda: self._spent(tree))
        if not tree.done and self.run.limits.work_limit is None:
            self.run.cut = True
        left = tree.bound - 1e-9 * abs(tree.bound) if math.isfinite(tree.bound) else tree.bound
        self._offer_backend_bound(min(self._unbeaten(), self._rounded(left)))

    def _spent(self, tree: MedianTree) -> bool:
        """Whether the limits leave no more time for the tree."""
        if self.run.elapsed >= self._told + _CHUNK:
            self._told = self.run.elapsed
            self.run.show(None, min(tree.bound, self.best))
        work = self.run.limits.work_limit
        if work is not None and self.run.worked + _SECONDS_PER_PAIR * tree.worked >= work:
            return True
        return self.run.must_stop()

    def _unbeaten(self) -> float:
        """Return what every plan costs that fixing and pruning have left out."""
        return self.best if self.run.limits.gap == 0.0 else min(self.best, self._limit() + self.whole)

    def _solve_rest(self, dual: MedianDual, fixed: Fixed, backend: Backend) -> None:
        """Give what is left to a backend, from the best plan so far."""
        self.run.enter("solve")
        left = core(dual, fixed)
        if left is None:
            self.run.notes.append("too much is left for a backend; the bound is that of the multipliers")
            return
        unbeaten = self._unbeaten()
        if bool((left.model.must & left.model.unreachable()).any()):
            self._offer_backend_bound(unbeaten)
            return
        reduction = reduce(left.model, self.run.must_stop)
        if reduction.model.limit is not None and reduction.model.limit < 0:
            self._offer_backend_bound(unbeaten)
        elif not reduction.model.cost.size:
            self._take(left, reduction.undo(np.zeros(0, np.bool_)))
            self._offer_backend_bound(min(unbeaten, self._cost_of(left, reduction)))
        else:
            self._ask(left, reduction, unbeaten, backend)

    def _cost_of(self, left: MedianCore, reduction: Reduction) -> float:
        return left.cost(reduction.original.objective(reduction.undo(np.zeros(0, np.bool_))))

    def _ask(self, left: MedianCore, reduction: Reduction, unbeaten: float, backend: Backend) -> None:
        matrix = reduction.model.matrix()
        # The gap asked for is relative to the cost, the backend's to the value covered; it proves it whole.
        ask(
            self.run,
            backend,
            matrix,
            lambda answer: self._believe(answer, left, reduction, unbeaten),
            start=self._start(left, reduction, matrix),
            report=lambda _best, bound: self.run.show(
                None, None if bound is None else min(unbeaten, left.cost(bound + reduction.offset))
            ),
        )

    def _believe(self, answer: Answer, left: MedianCore, reduction: Reduction, unbeaten: float) -> None:
        """Take over a backend's plan and bound; no plan outside what is left beats `unbeaten`."""
        if answer.values is not None:
            self._take(left, reduction.undo(answer.values[: reduction.model.cost.size] > 0.5))
        if answer.status == "infeasible":
            self._offer_backend_bound(unbeaten)
        elif answer.bound is not None and math.isfinite(answer.bound):
            bound = left.cost(answer.bound + reduction.offset)
            self._offer_backend_bound(min(unbeaten, self._rounded(bound)))

    def _take(self, left: MedianCore, plan: NDArray[np.bool_]) -> None:
        """Offer a plan of the sites that were left, filled up to the number of stations."""
        full = np.zeros(self.sites.size, np.bool_)
        full[left.sites[plan]] = True
        spare = np.flatnonzero(~full)[: self.instance.stations - int(full.sum())]
        full[spare] = True
        self._offer_plan(full)

    def _offer_backend_bound(self, bound: float) -> None:
        self.run.offer_bound(min(bound, self.best), "backend")

    def _rounded(self, bound: float) -> float:
        """Round a backend's bound up to the next whole number, where every objective is one."""
        return whole_bound(bound) if self.whole else bound

    def _start(
        self, left: MedianCore, reduction: Reduction, matrix: MatrixModel
    ) -> NDArray[np.float64] | None:
        """Values of the variables of the best plan so far, where it is among what is left."""
        if self.plan is None:
            return None
        sites = self.plan[left.sites][reduction.sites]
        holds = reduction.model.holds(sites)[~reduction.model.must]
        start = np.concatenate((sites, holds)).astype(np.float64)
        return start if matrix.violation(start) <= 1e-9 else None


def _costs(instance: MedianInstance, sites: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what serving the demand points from some sites costs, (N, K), without copies on the way."""
    cost = np.empty((instance.weight.size, sites.size))
    step = max(1, _CELLS // max(sites.size, 1))
    for start in range(0, len(cost), step):
        part = slice(start, start + step)
        table = instance.distance[part]
        table = table[:, sites] if instance.closed.any() else table
        cost[part] = weighted(table, instance.weight[part, None])
    return cost
