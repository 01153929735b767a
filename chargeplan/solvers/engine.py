"""Reduce, search, bound, solve what is left, undo: always the best plan, its bound and its gap."""

from __future__ import annotations

import itertools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from chargeplan.errors import BackendError, InputError, WrongAnswer
from chargeplan.solvers import backends, branch_cut
from chargeplan.solvers.ascent import ascend
from chargeplan.solvers.asking import time_to_ask
from chargeplan.solvers.backends.base import Feature, Hooks, checked, limits_for
from chargeplan.solvers.blocks import BlockBound
from chargeplan.solvers.bounds import Relaxation, lp_certificate, multipliers, relax
from chargeplan.solvers.fixing import proven, without_dear_sites
from chargeplan.solvers.neighbourhood import Neighbourhoods
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.search import CoreSearch, Search
from chargeplan.solvers.solution import Run, Solution, whole_bound
from chargeplan.solvers.turns import Way, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.block_certificate import BlockCertificate
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.reduction import Reduction
    from chargeplan.solvers.solution import Limits

T = TypeVar("T")

_FIRST_SEARCH = 1.0  # units of work before the LP bound is asked for
_SMALL = 100_000  # entries of a reduced coverage up to which a backend is given most of the work
_LP_SHARE = 0.6  # of the time that is left, for the LP bound
_LARGE_LP_SHARE, _NEAR = 0.3, 0.1  # where a bound near it is known already, by the gap that it leaves
_ASCENT_SECONDS = 1.5  # for a bound where the LP had no time
_ASCENT_SHARE, _ASCENT_LEAST = (
    0.15,
    0.5,
)  # of the time that is left, and seconds, for a bound before a large LP
_REDUCE_SHARE = 0.5  # of the time, for reducing
_FIRST_SHARE = 0.25  # of the time, for the first search
_LP_SEARCH, _LP_SEARCH_SHARE = 4.0, 0.05  # units of work beside the LP, and part of the limit at most
_LEAST_LEFT = 0.1  # of a limit of work: what a later stage gets at least, whatever has been spent
_BESIDE = 0.25  # units of work for the search beside another way, for each of that way's
_GLANCE = 0.2  # units of work for a first plan where a bound, or branching, takes moments
_LEAST = 0.05  # and where prices are asked at once
# Units of work, and strands, among the sites that pay before what is left goes to a backend.
_NARROW, _STRANDS = 0.1, 2
_LITTLE = 0.5  # of the entries of a coverage, that what prices leave is solved at once
_BRANCH_SHARE = 0.4  # of the limits, for branch and Benders cuts where they fit
_WORK_PER_PROGRAM = 0.02  # units of work in one of its linear programs
_MOST_PROGRAMS = 3000  # of them where nothing limits the work
_WIDEST_GAP = 0.999
_EXACT = 1e-9  # gap that the rounding of sums may leave where objectives are no whole numbers
_FIRST_TRY = 2.0  # units of work for a backend with the whole, before blocks are cut
_OVERLAP, _OF_ALL = 2.5, 0.4  # blocks that a site is shared by, on average; beyond, blocks bring nothing
_UNTIMED_SEARCH = 10.0  # units of work for a search that nothing limits


def solve(
    model: CoveringModel,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Solution:
    """Solve a covering model.

    Parameters
    ----------
    model
        What is asked.
    limits
        When to end.
    backend
        Name of the backend for what reduction leaves, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    Solution
        With the best plan, the best bound and the gap between them.

    Raises
    ------
    InputError, BackendUnavailable
        The backend is unknown or not installed.
    BackendError
        A backend failed and no plan is known.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    run = Run(limits, maximise=model.maximise, on_event=on_event, cancel=cancel)
    unreachable = model.unreachable()
    short = model.group_weights(~unreachable) < model.targets * (1 - 1e-12)
    if (model.must & unreachable).any() or short.any():
        blamed = model.must | np.isin(model.group, np.flatnonzero(short))
        return Solution("infeasible", uncoverable=np.flatnonzero(blamed & unreachable))
    work = _Work(model, run, chosen)
    if chosen is not None and not _takes(chosen, work.model):
        if backend != "ortools":
            raise InputError(
                f"the backend {chosen.name} takes no such numbers in a row; ortools:highs and auto do"
            )
        work.chosen = backends.find("ortools:highs")
    work.improve()
    work.bound_at_least()
    return work.solution()


class _Work:
    """A model being solved, and the best that is known of it.

    Parameters
    ----------
    model
        The original model; every row that must hold can be served.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for a fitting one.
    """

    def __init__(self, model: CoveringModel, run: Run, chosen: Backend | None) -> None:
        run.enter("reduce")
        self.original = model
        self.run = run
        self.chosen = chosen
        over = self._over(_REDUCE_SHARE)
        self.reduction = reduce(model, lambda: over() or run.must_stop())
        self.model = self.reduction.model
        self.plan: NDArray[np.bool_] | None = None  # of the original sites
        run.rounding = 0.0 if model.integer_objective else _EXACT
        self.block_certificate: BlockCertificate | None = None
        self.relaxation: Relaxation | None = None
        self.neighbourhoods: Neighbourhoods | None = None
        self._scores: dict[Search, float] = {}  # of searches, when their plans were looked at last

    def improve(self) -> None:
        """Search and bound in turns until the plan is good enough or the limits end it."""
        if self.model.limit is not None and self.model.limit < 0:
            self.run.infeasible = True  # sites that leave no choice already exceed it
            return
        if not self.model.cost.size:
            self._take_what_reduction_decided()
            return
        search = Search(self.model, self.run.limits.seed)
        small = self.model.coverage.nnz <= _SMALL
        branching = self.chosen is None and branch_cut.fits(self.model)
        narrow = small and self.model.limit is not None
        first = _LEAST if narrow else _GLANCE if small or branching else _FIRST_SEARCH
        self._search(search, first, self._over(_FIRST_SHARE))
        bound_first = small and branching and not narrow
        steps = [
            (narrow, self._narrow),
            (bound_first, lambda: self._bound(search)),
            (branching, self._branch),
            (not bound_first, lambda: self._bound(search)),
        ]
        for wanted, step in steps:
            if wanted:
                step()
            if self.run.done():
                return
        blocks = self._block_bound()
        if blocks is None:
            self._search_and_solve(search)
        else:
            self._take_turns(search, blocks)

    def bound_at_least(self) -> None:
        """Prove what a moment allows where the run was stopped before a bound was known."""
        if self.run.bound is None and not self.run.infeasible:
            self.run.enter("bound")
            self._ascended(_ASCENT_LEAST)

    def _narrow(self) -> None:
        """Let prices of the sites within a limit lead to a better plan and leave few sites to choose.

        The linear program of such a model is slow; what a few hundred steps of ascent leave is often little.
        """
        self.run.enter("bound")
        over, best = self._over(_ASCENT_SHARE), self._reduced_best()
        self.relaxation = ascend(self.model, lambda: over() or self.run.must_stop(), best=best)
        self._offer_certificate(self.relaxation)
        rows = multipliers(self.model, self.relaxation)[0]
        inner = CoreSearch(self.model, rows, self.run.limits.seed, _STRANDS)
        self._search(inner, _NARROW, self._over(_FIRST_SHARE))
        if self.run.done() or self._rest().model.coverage.nnz > _LITTLE * self.model.coverage.nnz:
            return
        self._bound_rest()
        self._try_small()

    def _bound_rest(self) -> None:
        """Prove by the linear program of what prices left that no plan is better than what it says."""
        rest = self._rest()
        if not rest.model.cost.size:
            return
        seconds = None if self.run.remaining is None else _LP_SHARE * self.run.remaining
        began = self.run.elapsed
        relaxation = self._relaxation(rest.model, seconds)
        self.run.by_clock |= seconds is not None and self.run.elapsed - began >= seconds
        if relaxation is not None:
            self._offer_certificate(relaxation, rest)
            bound = proven(rest.model, relaxation).bound * (-1.0 if self.model.maximise else 1.0)
            self._offer_own_bound(self._rounded(bound + rest.offset))

    def _reduced_best(self) -> float | None:
        """Objective of the best plan, of what reduction left."""
        return None if self.run.best is None else self.run.best - self.reduction.offset

    def _branch(self) -> None:
        """Solve a model of few sites by branch and Benders cuts, as far as its share of the limits goes."""
        self.run.enter("branch")
        rest = self._rest()
        if not branch_cut.fits(rest.model):
            rest = self.reduction
        best = None if self.plan is None else self.plan[rest.sites]
        try:
            found = branch_cut.branch(
                rest.model,
                None if best is None or not rest.model.allows(best) else best,
                gap=self._reduced_gap(rest.offset),
                stop=self._branched_enough(),
                report=partial(self._report, rest.offset),
            )
        except ArithmeticError as failure:
            self.run.notes.append(f"{failure}; branching was given up")
            return
        if found.plan is not None:
            self._offer_plan(found.plan, rest)
        if found.multipliers is not None:
            self._offer_certificate(Relaxation(found.multipliers), rest)
        bound = found.bound + rest.offset
        if math.isfinite(bound):
            self._offer_own_bound(self._rounded(bound))

    def _branched_enough(self) -> Callable[[], bool]:
        """Return what says whether branching has had its share; it is asked once for every program."""
        limits = self.run.limits
        programs = itertools.count(1)
        most = _MOST_PROGRAMS
        if limits.work_limit is not None:
            most = int(_BRANCH_SHARE * self._work_left() / _WORK_PER_PROGRAM)
        over = self._over(_BRANCH_SHARE)

        def enough() -> bool:
            self.run.worked += _WORK_PER_PROGRAM
            return over() or self.run.must_stop() or next(programs) > most

        return enough

    def _offer_own_bound(self, bound: float) -> None:
        """Take a bound of our own, which only rounding can put beyond the best plan."""
        self.run.offer_bound(self.run.up_to_best(bound), "backend")

    def _try_small(self) -> None:
        """Let a backend try a small model before anything else narrows the gap."""
        if self.model.coverage.nnz <= _SMALL and self._counts_work() and not self.run.done():
            self._solve_rest(self._first_try())

    def _first_try(self) -> float:
        """Units of work for a backend before anything else narrows the gap."""
        return _FIRST_TRY if self.run.limits.work_limit is None else min(_FIRST_TRY, 0.1 * self._work_left())

    def _search_and_solve(self, search: Search) -> None:
        """Search for a share of the work and give the rest to a backend."""
        share = self._search_share()
        if self.model.limit is None:  # within one, what prices leave has been tried
            self._try_small()
        if not self.run.done():
            self.run.by_clock |= self.run.limits.work_limit is None and self.run.limits.time_limit is not None
            self._search_with_core(search, share * self._work_left(), self._over(share))
        if not self.run.done():
            self._solve_rest(None if self.run.limits.work_limit is None else self._work_left())

    def _search_with_core(self, search: Search, work: float, over: Callable[[], bool]) -> None:
        """Search a large model as a whole and, beside that, the sites that the LP points to."""
        model = self.model
        if self.relaxation is None or model.limit is not None or model.coverage.nnz <= _SMALL:
            self._search(search, work, over)
            return
        inner = CoreSearch(model, multipliers(model, self.relaxation)[0], self.run.limits.seed)
        timed = self._large_and_timed()
        each = work if timed else work / 2.0
        self._beside(inner, each, lambda: self._search(search, each, over), finish=not timed)

    def _block_bound(self) -> BlockBound | None:
        """Cut blocks, where demand is spread over a map and the choice of the backend is ours."""
        if self.chosen is not None or self.relaxation is None:
            return None
        try:
            blocks = BlockBound(
                self.reduction,
                self.relaxation,
                seed=self.run.limits.seed,
                threads=self._threads(),
                stop=self.run.must_stop,
            )
        except InputError:  # numbers too large to be shared
            return None
        few = 1.0 + _OF_ALL * (blocks.blocks - 1)
        return blocks if blocks.blocks > 1 and blocks.overlap <= min(_OVERLAP, few) else None

    def _take_turns(self, search: Search, blocks: BlockBound) -> None:
        """Let blocks, neighbourhoods and search narrow the gap in turns; a backend tries first and last."""
        self._try_small()

        def improve(units: float) -> float:
            return self._improve_blocks(blocks, units)

        ways = [
            Way("bound", lambda units: self._with_search(search, units, improve)),
            Way("search", lambda units: self._with_search(search, units, self._search_near)),
            Way("search", lambda units: self._search(search, units)),
        ]
        counted = self.run.limits.work_limit is not None
        before = self.run.worked
        spent = take_turns(self.run, ways, self._work_left() if counted else None)
        self.run.worked = before + spent
        if not (self.run.done() or self.run.spent):
            self._solve_rest(self._work_left() if counted else None)

    def _counts_work(self) -> bool:
        """Whether the backend ends by work, so that a first try of it is the same every time."""
        return Feature.WORK_LIMIT in (self.chosen or backends.fitting(self.model.matrix())).features

    def _with_search(self, search: Search, units: float, go: Callable[[float], float]) -> float:
        """Give a way its units of work, and a share of as many to the search beside it."""
        beside = _BESIDE * units
        spent = self._beside(search, beside, lambda: go(units))
        return spent + beside if spent > 0.0 else 0.0

    def _beside(self, search: Search, work: float, job: Callable[[], T], *, finish: bool = True) -> T:
        """Do a job while the search goes on in a thread of its own, to the end of its work or of the job.

        What they find does not depend on which is faster, as long as the search may finish; where one thread
        is asked for, it finishes after the job.
        """
        if self._threads() == 1:
            result = job()
            plan = search.run(work, self.run) if finish else None
            if plan is not None:
                self._offer_plan(plan)
            return result
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            searching = pool.submit(search.run, work, self.run, over.is_set)
            try:
                result = job()
            except BaseException:
                over.set()
                raise
            if not finish:
                over.set()
            plan = searching.result()
        if plan is not None:
            self._offer_plan(plan)
        return result

    def _improve_blocks(self, blocks: BlockBound, work: float) -> float:
        """Let the blocks prove more, and keep what they prove."""
        before = blocks.bound
        spent = blocks.run(work, self.run.best, self._time_left)
        if blocks.bound is not None and blocks.bound != before:
            certificate = blocks.certificate()
            if self.run.offer_bound(certificate.bound(self.original), "block-certificate"):
                self.block_certificate = certificate
        return spent

    def _search_near(self, work: float) -> float:
        """Search neighbourhoods of the best plan so far; 0 units are spent where none is known."""
        best = None if self.plan is None else self.plan[self.reduction.sites]
        if best is None or not self.model.allows(best):  # by less than rounding, which reduction forgives
            return 0.0
        if self.neighbourhoods is None:
            seed = self.run.limits.seed
            self.neighbourhoods = Neighbourhoods(self.model, best, seed=seed, threads=self._threads())
        elif self.model.objective(best) != self.model.objective(self.neighbourhoods.best):
            self.neighbourhoods.restart(best)
        spent = self.neighbourhoods.run(work, self._time_left)
        self._offer_plan(self.neighbourhoods.best)
        return spent

    def _time_left(self) -> float | None:
        """Seconds left, 0 once the run has to stop."""
        return 0.0 if self.run.must_stop() else self.run.remaining

    def _threads(self) -> int:
        return self.run.limits.threads or os.cpu_count() or 1

    def solution(self) -> Solution:
        """Put the answer together."""
        found = self.run.solution(None if self.plan is None else np.flatnonzero(self.plan))
        by_blocks = found.bound_kind == "block-certificate"
        return replace(found, block_certificate=self.block_certificate if by_blocks else None)

    def _take_what_reduction_decided(self) -> None:
        self._offer_plan(np.zeros(0, np.bool_))
        shape = self.model.need.size + self.model.targets.size + (self.model.limit is not None)
        self._offer_certificate(Relaxation(np.zeros(shape)))
        assert self.run.best is not None
        self.run.offer_bound(self.run.best, "backend")

    def _search_share(self) -> float:
        """Share of the work for local search: the more a backend can hope to prove, the less."""
        return 0.1 if self.model.coverage.nnz <= _SMALL else 0.7

    def _work_left(self) -> float:
        """Units of work that are left; without a limit of work, what the clock leaves or a plain amount."""
        limits, remaining = self.run.limits, self.run.remaining
        if limits.work_limit is not None:
            return max(limits.work_limit - self.run.worked, _LEAST_LEFT * limits.work_limit)
        return _UNTIMED_SEARCH if remaining is None else remaining

    def _over(self, share: float) -> Callable[[], bool]:
        """Return what says whether a search has had its share of the time that is left now."""
        remaining = self.run.remaining
        end = math.inf if remaining is None else self.run.elapsed + share * remaining

        def over() -> bool:
            if self.run.elapsed < end:
                return False
            self.run.by_clock = True
            return True

        return over

    def _search(self, search: Search, work: float, enough: Callable[[], bool] = lambda: False) -> float:
        self.run.enter("search")
        self.run.worked += work
        plan = search.run(work, self.run, lambda: enough() or self._found_enough(search))
        if plan is not None:
            self._offer_plan(plan)
        return work

    def _found_enough(self, search: Search) -> bool:
        """Whether a search has found a plan as good as asked, where a bound is known that tells."""
        if self.run.bound is None or self._scores.get(search, -math.inf) >= search.score:
            return False
        self._scores[search] = search.score
        plan = search.plan()
        if plan is not None:
            self._offer_plan(plan)
        return self.run.good_enough()

    def _bound(self, search: Search) -> None:
        """Prove the LP bound by a certificate on the original rows; where time is short, one near it."""
        self.run.enter("bound")
        near: Relaxation | None = None
        if self._large_and_timed():
            self.run.by_clock = True
            moment = max(_ASCENT_SHARE * (self.run.remaining or 0.0), _ASCENT_LEAST)
            near = self._beside(search, self._work_left(), lambda: self._ascended(moment), finish=False)
            if self.run.done():
                return
        known = near is not None and self.run.gap is not None and self.run.gap <= _NEAR
        share = _LARGE_LP_SHARE if known else _LP_SHARE
        seconds = None if self.run.remaining is None else share * self.run.remaining
        began = self.run.elapsed
        relaxation = self._relaxation_beside(search, seconds)
        cut = seconds is not None and self.run.elapsed - began >= seconds
        if relaxation is not None:
            self._offer_certificate(relaxation)
        if relaxation is None or cut:
            self.run.by_clock = True
            near = near or self._ascended(_ASCENT_SECONDS)
        # The multipliers of a linear program that was cut are worth little.
        self.relaxation = relaxation if near is None or (relaxation is not None and not cut) else near

    def _large_and_timed(self) -> bool:
        """Whether the clock alone ends the run and the LP may be too large for what it leaves."""
        limits = self.run.limits
        return (
            limits.time_limit is not None and limits.work_limit is None and self.model.coverage.nnz > _SMALL
        )

    def _ascended(self, seconds: float) -> Relaxation:
        """Prove a bound near the LP's within seconds; within a moment where a person stops the run."""
        began = self.run.elapsed

        def enough() -> bool:
            least = min(seconds, _ASCENT_LEAST)
            return self.run.elapsed - began > (least if self.run.cancelled else seconds)

        ascended = ascend(self.model, enough, best=self._reduced_best())
        self._offer_certificate(ascended)
        return ascended

    def _relaxation_beside(self, search: Search, seconds: float | None) -> Relaxation | None:
        """Solve the LP relaxation; where it takes a while, the search goes on beside it."""
        if self._large_and_timed():
            return self._beside(
                search, self._work_left(), lambda: self._relaxation(self.model, seconds), finish=False
            )
        if self.model.coverage.nnz <= _SMALL or self.run.must_stop():
            return self._relaxation(self.model, seconds)
        limit = self.run.limits.work_limit
        work = _LP_SEARCH if limit is None else min(_LP_SEARCH, _LP_SEARCH_SHARE * limit)
        return self._beside(search, work, lambda: self._relaxation(self.model, seconds))

    def _relaxation(self, model: CoveringModel, seconds: float | None) -> Relaxation | None:
        """Solve the LP relaxation; None where there is no time for it, or its solver failed."""
        if self.run.must_stop():
            return None
        try:
            return relax(model, seconds, self.run.cancel)
        except BackendError as failure:
            self.run.notes.append(f"{failure}; the bound is the best found without it")
            return None

    def _solve_rest(self, work: float | None) -> None:
        """Give what reduction and prices left to a backend, from the best plan so far."""
        self.run.enter("solve")
        rest = self._rest()
        if not rest.model.cost.size:
            self._offer_plan(np.zeros(0, np.bool_), rest)
            self._offer_own_bound(rest.offset)
            return
        if not time_to_ask(self.run, rest.model.cost.size + 2 * rest.model.need.size):
            self.run.cut = True
            return
        self.run.worked += work or 0.0
        matrix = rest.model.matrix()
        backend = self.chosen or backends.fitting(matrix)
        limits = limits_for(
            backend,
            self.run.limits,
            seconds=self.run.seconds_left,
            work=work,
            gap=self._reduced_gap(rest.offset),
        )
        report = partial(self._report, rest.offset)
        hooks = Hooks(start=self._start(matrix, rest), report=report, cancel=self.run.cancel)
        began = self.run.elapsed
        try:
            answer = checked(backend, matrix, backend.solve(matrix, limits, hooks))
            self._take(answer, backend, rest)
        except BackendError as failure:
            if self.plan is None:
                raise
            self.run.notes.append(f"{failure}; the plan is the best found without it")
        ended_by_clock = (
            limits.time_limit is not None and self.run.elapsed - began >= 0.98 * limits.time_limit
        )
        if not self.run.good_enough() and (ended_by_clock or self.run.cancelled):
            self.run.cut = True

    def _rest(self) -> Reduction:
        """Reduce on without the sites that no better plan opens, where prices say so."""
        best = None if self.plan is None else self.plan[self.reduction.sites]
        if best is None or self.relaxation is None or not self.model.allows(best):
            return self.reduction
        return self.reduction.then(without_dear_sites(self.model, self.relaxation, best, self.run.must_stop))

    def _reduced_gap(self, offset: float) -> float:
        """Gap of a reduced model that stands for the gap asked for: relative to what is not decided yet."""
        gap, known = (
            self.run.limits.gap,
            [value for value in (self.run.best, self.run.bound) if value is not None],
        )
        ratios = [abs(value) / max(abs(value - offset), 1e-9) for value in known]
        return min(gap * min(ratios, default=1.0), _WIDEST_GAP)

    def _take(self, answer: Answer, backend: Backend, rest: Reduction) -> None:
        if answer.status == "infeasible":
            if self.plan is not None or self.model.limit is None:
                raise WrongAnswer(f"{backend.name} calls infeasible what has a plan")
            self.run.infeasible = True
            return
        if answer.values is not None:
            self._offer_plan(answer.values[: rest.model.cost.size] > 0.5, rest)
        if answer.bound is not None and math.isfinite(answer.bound):
            self._offer_backend_bound(self._rounded(answer.bound + rest.offset), backend)

    def _offer_backend_bound(self, bound: float, backend: Backend) -> None:
        """Believe a backend's bound unless a plan is better than it by more than rounding."""
        best = self.run.best
        if best is not None and (bound < best if self.original.maximise else bound > best):
            if abs(bound - best) > 1e-9 * max(abs(best), 1.0):
                raise WrongAnswer(f"{backend.name} claims the bound {bound!r}, but a plan reaches {best!r}")
            bound = best
        self.run.offer_bound(bound, "backend")

    def _report(self, offset: float, best: float | None, bound: float | None) -> None:
        """Pass on what a backend says of a reduced model."""
        self.run.show(
            None if best is None else best + offset, None if bound is None else self._rounded(bound + offset)
        )

    def _rounded(self, bound: float) -> float:
        """Round a bound to the objective's next integer, where every objective is one."""
        if not self.original.integer_objective:
            return bound
        return whole_bound(bound, maximise=self.original.maximise)

    def _start(self, matrix: MatrixModel, rest: Reduction) -> NDArray[np.float64] | None:
        """Values of the variables of the best plan so far."""
        if self.plan is None:
            return None
        sites = self.plan[rest.sites]
        holds = rest.model.holds(sites)[~rest.model.must]
        start = np.concatenate((sites, holds)).astype(np.float64)
        return start if matrix.violation(start) <= 1e-9 else None

    def _offer_plan(self, plan: NDArray[np.bool_], reduction: Reduction | None = None) -> None:
        """Keep a plan of the reduced model, or of one that was reduced on, if it is the best so far."""
        full = (reduction or self.reduction).undo(plan)
        if not self.original.allows(full):
            raise WrongAnswer("a plan breaks a row of the model after reduction was undone")
        objective, best = self.original.objective(full), self.run.best
        if (
            self.plan is None
            or best is None
            or (objective > best if self.original.maximise else objective <= best)
        ):
            self.plan = full
        self.run.tell(best=objective)

    def _offer_certificate(self, relaxation: Relaxation, reduction: Reduction | None = None) -> None:
        try:
            certificate = lp_certificate(reduction or self.reduction, relaxation)
        except InputError as failure:  # numbers too large, or too far apart, to be added up exactly
            note = f"no certificate: {failure}"
            self.run.notes += [] if note in self.run.notes else [note]
            return
        self.run.offer_bound(certificate.bound(self.original), "dual-certificate", certificate)


def _takes(backend: Backend, model: CoveringModel) -> bool:
    """Whether a backend can write down a model's numbers; asked before the work, not after it."""
    return bool(model.cost.size == 0) or backend.takes(model.matrix())
