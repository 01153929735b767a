"""Facility location solved: search and Lagrangian bounds in turns, then a backend for what they leave.

The strong relaxation is nearly whole on most instances (Cornuejols, Sridharan & Thizy 1991), so the plans
that its multipliers point to are good, and their gap closes most sites and opens some for certain.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendError, InputError, WrongAnswer
from chargeplan.solvers import backends
from chargeplan.solvers.allocation import AllocatedSolution, allocation, flows, most_served_by
from chargeplan.solvers.allocation_certificate import certify_allocation
from chargeplan.solvers.allocation_core import everything, left, relaxed
from chargeplan.solvers.allocation_dual import AllocationDual
from chargeplan.solvers.allocation_search import AllocationSearch
from chargeplan.solvers.allocation_service import shortage
from chargeplan.solvers.backends import glop
from chargeplan.solvers.backends.base import Feature, Hooks, checked, limits_for
from chargeplan.solvers.solution import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.allocation import AllocationInstance
    from chargeplan.solvers.allocation_certificate import AllocationCertificate
    from chargeplan.solvers.allocation_core import AllocationCore
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.solution import BoundKind, Limits, Status

_CHUNK = 0.2  # units of work between two looks at the clock
_SECONDS_PER_PAIR = 40e-9  # of a step of the dual ascent
_SECONDS_PER_STEP = 60e-6  # of it, besides
_FIRST_SEARCH = 1.0  # units of work for moves from the first plan
_NEXT_SEARCH = 0.3  # units of work for moves from what the multipliers point to
_BEFORE_BACKEND = 0.5  # of the limits, at most, for search and dual ascent
_LINEAR = 2_500  # pairs up to which a linear program takes less time than the steps that approach it
_LARGEST = 400_000  # pairs up to which a backend is asked
_ROUNDS, _STEPS = 10, 10  # steps about the multipliers of the linear program, for the plans they point to
_ENOUGH = 1e-9  # a gap that is rounding


def solve(
    instance: AllocationInstance,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> AllocatedSolution:
    """Solve a facility location problem.

    Parameters
    ----------
    instance
        What is asked.
    limits
        When to end.
    backend
        Name of the backend for what is left, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    AllocatedSolution
        With the best plan, the best bound and the gap between them.

    Raises
    ------
    InputError
        The backend is unknown, or takes no fractions where demand may be split.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    if chosen is not None and instance.split and Feature.FRACTIONS not in chosen.features:
        raise InputError(f"the backend {chosen.name} takes whole shares only; demand may be split here")
    run = Run(limits, maximise=False, on_event=on_event, cancel=cancel)
    refused = _refused(instance)
    if refused is not None:
        return refused
    work = _Work(instance, run, chosen)
    work.improve()
    return work.solution()


def _refused(instance: AllocationInstance) -> AllocatedSolution | None:
    """Say why no plan exists where that is plain: no site for a demand point, or too little capacity."""
    unserved = instance.unserved()
    if unserved.size:
        return AllocatedSolution("infeasible", uncoverable=unserved)
    short = None if instance.capacity is None else shortage(instance.permitted)
    if short is None:
        return None
    note = (
        f"{short.points.size} demand points ask for {short.demand:g} together; the sites that may serve them "
        f"hold {short.capacity:g}"
    )
    return AllocatedSolution("infeasible", uncoverable=short.points, notes=(note,))


class _Work:
    """A facility location problem being solved, and the best that is known of it.

    Parameters
    ----------
    instance
        What is asked.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for a fitting one.
    """

    def __init__(self, instance: AllocationInstance, run: Run, chosen: Backend | None) -> None:
        run.enter("search")
        self.original, self.run, self.chosen = instance, run, chosen
        self.instance = instance.permitted
        self.search = AllocationSearch(self.instance, run.must_stop)
        self.bound_kind: BoundKind | None = None
        self.certificate: AllocationCertificate | None = None
        self.infeasible = False
        self.by_clock = False  # whether the clock decided how much was searched
        self.notes: list[str] = []
        self._climbed = 0.0

    def improve(self) -> None:
        """Search and bound in turns until the plan is good enough or the limits end it."""
        self._begin()
        self.run.enter("bound")
        dual = AllocationDual(self.instance)
        most = _ROUNDS if self._relaxed(dual) else math.inf  # steps find plans where they cannot find bounds
        steps = _STEPS if math.isfinite(most) else self._steps_of_a_chunk()
        while most > 0 and not (dual.converged or self._stops() or self._proves(dual)):
            self._climb(dual, steps)
            self._follow(dual)
            most -= 1
        self._offer_certificate(dual)
        if not self._done():
            self._solve_rest(dual)

    def solution(self) -> AllocatedSolution:
        """Put the answer together."""
        run, plan = self.run, self.search.best
        run.leave()
        if self.infeasible:
            return AllocatedSolution("infeasible", seconds=run.seconds, notes=tuple(self.notes))
        flow = flows(self.instance, plan)
        return AllocatedSolution(
            status=self._status(),
            objective=run.best,
            bound=run.bound,
            gap=run.gap,
            bound_kind=self.bound_kind,
            selected=None if plan is None else np.flatnonzero(plan.open_sites),
            assignment=most_served_by(flow),
            certificate=self.certificate,
            seconds=run.seconds,
            reproducible=not (run.cut or self.by_clock),
            notes=tuple(self.notes),
            flow=flow,
        )

    @property
    def best(self) -> float:
        """Cost of the best plan, infinite without one."""
        return math.inf if self.search.best is None else self.search.best.cost

    def _status(self) -> Status:
        gap = self.run.gap
        if gap is not None and (gap == 0.0 or (gap <= _ENOUGH and not self.original.whole)):
            return "optimal"
        return "stopped" if self.run.cut or self.search.best is None else "feasible"

    def _done(self) -> bool:
        rounding = not self.original.whole and self.run.gap is not None and self.run.gap <= _ENOUGH
        return rounding or self.run.good_enough() or self.run.must_stop()

    def _stops(self) -> bool:
        """Whether the limits leave no more time for search and dual ascent."""
        limits = self.run.limits
        worked = self._climbed + self.search.work
        if limits.work_limit is not None and worked >= _BEFORE_BACKEND * limits.work_limit:
            return True
        if limits.time_limit is not None and self.run.elapsed >= _BEFORE_BACKEND * limits.time_limit:
            self.by_clock = True
            return True
        return self.run.must_stop()

    def _limit(self) -> float:
        """Return what a plan may cost that would be worth finding."""
        aim = self.best * (1.0 - self.run.limits.gap)
        return math.ceil(aim - 1e-9) - 1.0 if self.original.whole and math.isfinite(aim) else aim

    def _begin(self) -> None:
        """Open every site, and close what saves by it."""
        every = ~self.instance.closed
        self.search.look(every)
        self._tell()
        self.search.improve(every, self._share_of_work(_FIRST_SEARCH))
        self._tell()

    def _share_of_work(self, work: float) -> float:
        limit = self.run.limits.work_limit
        return work if limit is None else min(work, 0.2 * limit)

    def _seconds_per_step(self) -> float:
        return _SECONDS_PER_STEP + _SECONDS_PER_PAIR * float(self.instance.row.size)

    def _steps_of_a_chunk(self) -> int:
        return max(int(_CHUNK / self._seconds_per_step()), 1)

    def _climb(self, dual: AllocationDual, steps: int) -> None:
        """Take some steps from multipliers to better ones."""
        target = self.best if math.isfinite(self.best) else 2.0 * max(dual.bound, 0.0) + 1.0
        dual.run(steps, target)
        self._climbed += steps * self._seconds_per_step()
        self.run.show(None, dual.bound)

    def _follow(self, dual: AllocationDual) -> None:
        """Try the sites that the multipliers point to."""
        self.run.enter("search")
        pointed = (dual.latest < 0.0) & ~self.instance.closed
        candidate = self.search.repaired(pointed, dual.latest)
        if candidate is not None and not self.run.must_stop():
            self.search.improve(candidate, self._share_of_work(_NEXT_SEARCH))
        self._tell()
        self.run.enter("bound")

    def _tell(self) -> None:
        if self.search.best is not None:
            self.run.tell(best=self.search.best.cost)

    def _proves(self, dual: AllocationDual) -> bool:
        """Whether the multipliers' bound, as far as floats tell, is all that is asked for."""
        rounding = 1e-6 if self.original.whole else -0.5 * _ENOUGH * abs(self.best)
        return math.isfinite(self.best) and bool(dual.bound >= self._limit() + rounding)

    def _relaxed(self, dual: AllocationDual) -> bool:
        """Take the multipliers of the linear program itself where it is small; say whether there are any."""
        if self.instance.row.size > _LINEAR or not self.instance.points or self.run.must_stop():
            return False
        remaining = self.run.remaining
        seconds = None if remaining is None else _BEFORE_BACKEND * remaining
        core = everything(self.instance)
        try:
            found = glop.multipliers(relaxed(core.matrix()), seconds, self.run.cancel)
        except BackendError as failure:
            self.notes.append(f"{failure}; the bound is the best found without it")
            return False
        if found is None or not np.isfinite(found).all():
            return False
        prices = np.zeros(self.instance.sites)
        if self.instance.capacity is not None:
            prices[core.sites] = -found[-core.sites.size :]
        dual.offer(found[: self.instance.points], prices)
        self._follow(dual)
        return True

    def _offer_certificate(self, dual: AllocationDual) -> None:
        certificate = certify_allocation(self.original, dual.rows, dual.prices)
        bound = certificate.bound(self.original)
        if bound > self.best:
            # Sums of floats may be off by their last place, never by more.
            if bound > self.best * (1 + 1e-9):
                raise WrongAnswer(f"multipliers prove {bound!r}, but a plan costs {self.best!r}")
            bound = self.best
        self.certificate, self.bound_kind = certificate, "dual-certificate"
        self.run.tell(bound=bound)

    def _solve_rest(self, dual: AllocationDual) -> None:
        """Give what is left to a backend, from the best plan so far."""
        self.run.enter("solve")
        known = self.search.best is not None
        core = left(dual, self._limit()) if known else everything(self.instance)
        if core.pairs.size > _LARGEST:
            self.notes.append("too much is left for a backend; the bound is that of the multipliers")
        elif not core.feasible:
            self._offer_backend_bound(self._unbeaten())
        else:
            self._ask(core)

    def _unbeaten(self) -> float:
        """Return what no plan outside what is left costs less than."""
        if self.run.limits.gap == 0.0:
            return self.best
        return min(self.best, self._limit() + self.original.whole)

    def _ask(self, core: AllocationCore) -> None:
        matrix, unbeaten = core.matrix(), self._unbeaten()
        backend = self.chosen or backends.fitting(matrix)
        limits, plan = self._limits_left(backend), self.search.best
        hooks = Hooks(
            start=None if plan is None else core.start(plan, matrix),
            report=lambda _best, bound: self.run.show(None, None if bound is None else min(unbeaten, bound)),
            cancel=self.run.cancel,
        )
        began = self.run.elapsed
        try:
            answer = checked(backend, matrix, backend.solve(matrix, limits, hooks))
            self._believe(answer, core, unbeaten)
        except BackendError as failure:
            self.notes.append(f"{failure}; the plan is the best found without it")
        ended = limits.time_limit is not None and self.run.elapsed - began >= 0.98 * limits.time_limit
        if not self._good() and (ended or self.run.cancelled):
            self.run.cut = True

    def _good(self) -> bool:
        return self.run.good_enough() or self._status() == "optimal"

    def _believe(self, answer: Answer, core: AllocationCore, unbeaten: float) -> None:
        """Take over a backend's plan and bound; no plan outside what is left beats `unbeaten`."""
        if answer.values is not None:
            self._take(answer.values, core)
        if answer.status == "infeasible":
            if self.search.best is None:
                self.infeasible = True
            else:
                self._offer_backend_bound(unbeaten)
            return
        bound = answer.bound
        if answer.status == "optimal" and self.run.limits.gap == 0.0:
            bound = answer.objective  # the gap is what floats of the backend leave
        if bound is not None and math.isfinite(bound):
            self._offer_backend_bound(min(unbeaten, self._rounded(bound)))

    def _take(self, values: NDArray[np.float64], core: AllocationCore) -> None:
        """Offer a backend's sites, and with a single source its pairs."""
        open_sites = core.opened.copy()
        open_sites[core.sites] |= values[: core.sites.size] > 0.5
        if self.instance.single_source:
            share = np.zeros(self.instance.row.size)
            share[core.pairs] = values[core.sites.size :] > 0.5
            self.search.keep(allocation(self.instance, open_sites, share))
        else:
            self.search.look(open_sites)
        self._tell()

    def _offer_backend_bound(self, bound: float) -> None:
        bound = min(bound, self.best)
        if self.run.bound is None or bound > self.run.bound:
            self.bound_kind = "backend"
        self.run.tell(bound=bound)

    def _rounded(self, bound: float) -> float:
        """Round a backend's bound up to the next whole number, where every objective is one."""
        noise = max(1e-6, 1e-9 * abs(bound))
        return float(math.ceil(bound - noise)) if self.original.whole and noise < 0.5 else bound

    def _limits_left(self, backend: Backend) -> Limits:
        """Limits for the backend: a tenth of the work at least, whatever has been spent."""
        run, work = self.run, self.run.limits.work_limit
        if work is not None:
            work = max(work - self._climbed - self.search.work, 0.1 * work)
        return limits_for(backend, run.limits, seconds=run.seconds_left, work=work, gap=run.limits.gap)
