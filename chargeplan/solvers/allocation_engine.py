"""Facility location solved: search and Lagrangian bounds in turns, then a backend for what they leave.

The strong relaxation is nearly whole on most instances (Cornuejols, Sridharan & Thizy 1991), so the plans
that its multipliers point to are good, and their gap closes most sites and opens some for certain.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendError, InputError
from chargeplan.solvers import backends
from chargeplan.solvers.allocation import TOLERANCE, AllocatedSolution, allocated, allocation, flows
from chargeplan.solvers.allocation_ascent import PlainDual
from chargeplan.solvers.allocation_certificate import certify_allocation
from chargeplan.solvers.allocation_core import everything, left, relaxed
from chargeplan.solvers.allocation_dual import AllocationDual
from chargeplan.solvers.allocation_rooms import RoomPlans
from chargeplan.solvers.allocation_search import AllocationSearch
from chargeplan.solvers.allocation_service import shortage
from chargeplan.solvers.asking import ask, time_to_ask
from chargeplan.solvers.backends import glop
from chargeplan.solvers.backends.base import Feature
from chargeplan.solvers.solution import Run, whole_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.allocation import AllocationInstance
    from chargeplan.solvers.allocation_certificate import AllocationCertificate
    from chargeplan.solvers.allocation_core import AllocationCore
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.solution import Limits

_MOMENT = 0.5  # seconds that the dual ascent gets, whatever is left
_CHUNK = 0.2  # units of work between two looks at the clock
_FIRST_SEARCH = 1.0  # units of work for moves from the first plan
_FIRST_PLANS = 20  # that there should be time for in these moves
_SEARCH_SHARE = 0.2  # of the limits, at most, for either
_NEXT_SEARCH = 0.3  # units of work for moves from what the multipliers point to
_PER_LOOK = 4.0  # times the work of a look at a plan for a search that may find a better one
_BEFORE_BACKEND = 0.5  # of the limits, at most, for search and dual ascent
_CERTIFYING = 10  # steps of the dual ascent that take as long as to check its certificate
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
        return _too_few(instance)
    note = (
        f"{short.points.size} demand points ask for {short.demand:g} together; the sites that may serve them "
        f"hold {short.capacity:g}"
    )
    return AllocatedSolution("infeasible", uncoverable=short.points, notes=(note,))


def _too_few(instance: AllocationInstance) -> AllocatedSolution | None:
    """Say so where no such number of stations holds the demand."""
    if instance.capacity is None or instance.more is None:
        return None
    largest = np.sort(instance.capacity[instance.free])[::-1][: instance.more]
    held, demand = (
        float(instance.capacity[instance.opened].sum() + largest.sum()),
        float(instance.demand.sum()),
    )
    if held >= demand * (1.0 - TOLERANCE):
        return None
    note = f"the demand is {demand:g} together; {instance.stations} stations hold {held:g} at most"
    return AllocatedSolution("infeasible", notes=(note,))


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
        self.search = AllocationSearch(self.instance, self._search_stops)
        fits = RoomPlans.fits(self.instance)
        self.rooms = RoomPlans(self.instance, run.limits.seed) if fits else None
        self._search_ends = math.inf  # seconds, of the moves under way
        run.rounding = 0.0 if instance.whole else _ENOUGH
        self._climbed = 0.0  # units of work, of the multipliers
        self._begun = 0.0  # of them, when the search in rooms last began afresh

    def improve(self) -> None:
        """Search and bound in turns until the plan is good enough or the limits end it."""
        self._begin()
        self.run.enter("bound")
        dual = self._first_dual()
        most = _ROUNDS if self._relaxed(dual) else math.inf  # steps find plans where they cannot find bounds
        while most > 0 and not (self._exhausted(dual) or self._stops(dual) or self._proves(dual)):
            self._climb(dual, _STEPS if math.isfinite(most) else self._steps_of_a_chunk(dual))
            self._follow(dual)
            most -= 1
            if self._refutes(dual):
                self.run.infeasible = True
                return
        self._offer_certificate(dual)
        if not self.run.done():
            self._solve_rest(dual)

    def solution(self) -> AllocatedSolution:
        """Put the answer together."""
        plan = self.search.best
        found = self.run.solution(None if plan is None else np.flatnonzero(plan.open_sites))
        return allocated(found, flows(self.instance, plan))

    @property
    def best(self) -> float:
        """Cost of the best plan, infinite without one."""
        return math.inf if self.search.best is None else self.search.best.cost

    @property
    def _spent(self) -> float:
        """Units of work so far, without a backend's."""
        return self._climbed + self.search.work + (0.0 if self.rooms is None else self.rooms.work)

    def _exhausted(self, dual: AllocationDual) -> bool:
        """Whether neither multipliers nor plans get better any more."""
        return dual.converged and (self.rooms is None or self.rooms.exhausted)

    def _stops(self, dual: AllocationDual) -> bool:
        """Whether the limits leave no more time for search and dual ascent; the rest is for a backend."""
        if self.run.must_stop():
            return True
        share = _BEFORE_BACKEND
        if (self._worked(share) or self._timed(share, dual)) and self._too_large(self._left(dual)):
            share = 1.0
        if self._worked(share):
            return True
        if self._timed(share, dual):
            self.run.by_clock = True
            return True
        return False

    def _worked(self, share: float) -> bool:
        """Whether a share of the limit of work is used up."""
        limit = self.run.limits.work_limit
        return limit is not None and self._spent >= share * limit

    def _timed(self, share: float, dual: AllocationDual) -> bool:
        """Whether a share of the time is used up, but for what it takes to check the certificate."""
        limit = self.run.limits.time_limit
        if limit is None:
            return False
        kept = min(_CERTIFYING * dual.seconds_per_step, (1.0 - _BEFORE_BACKEND) * limit)
        return self.run.elapsed >= min(share * limit, limit - kept)

    def _too_large(self, core: AllocationCore | None) -> bool:
        """Whether no backend is asked: pairs are variables, and rows."""
        return core is None or not time_to_ask(self.run, 2 * core.pairs.size)

    def _left(self, dual: AllocationDual) -> AllocationCore | None:
        """Return what a better plan may still use, None where that is more than a backend is given."""
        if self.search.best is not None:
            return left(dual, self._limit(), _LARGEST)
        return None if self.instance.row.size > _LARGEST else everything(self.instance)

    def _limit(self) -> float:
        """Return what a plan may cost that would be worth finding."""
        aim = self.best * (1.0 - self.run.limits.gap)
        return math.ceil(aim - 1e-9) - 1.0 if self.original.whole and math.isfinite(aim) else aim

    def _first_dual(self) -> AllocationDual:
        """Return multipliers to begin with; without capacities a dual ascent, whose plan is moved on from."""
        if not self.instance.plain:
            capacitated = AllocationDual(self.instance)
            if self.rooms is not None:
                self._search_rooms(self.rooms, capacitated)
            return capacitated
        began = self.run.elapsed

        def over() -> bool:  # what takes a moment is done even where reading the table took all the time
            return self.run.cancelled or (self.run.must_stop() and self.run.elapsed > began + _MOMENT)

        dual = PlainDual(self.instance, over, self._adjusted)
        self._climbed = dual.work
        self.run.show(None, dual.bound)
        self.run.enter("search")
        candidate = self.search.repaired(dual.pointed, dual.reduced)
        if candidate is not None:
            self._improve(candidate, _FIRST_SEARCH)
        self._tell()
        self.run.enter("bound")
        return dual

    def _adjusted(self, work: float) -> bool:
        """Whether a share of the limits is used up by adjusting the dual ascent."""
        limits = self.run.limits
        if self.run.must_stop():
            return True
        if limits.time_limit is not None and self.run.elapsed >= _SEARCH_SHARE * limits.time_limit:
            self.run.by_clock = True
            return True
        return limits.work_limit is not None and work >= _SEARCH_SHARE * limits.work_limit

    def _begin(self) -> None:
        """Open every site, or the largest ones where their number is given, and move on to what saves."""
        if self.rooms is not None:
            return  # what multipliers say of the sites is where to begin
        first: NDArray[np.bool_] | None = ~self.instance.closed
        if self.instance.stations is not None:
            largest = (
                np.zeros(self.instance.sites) if self.instance.capacity is None else -self.instance.capacity
            )
            first = self.search.repaired(self.instance.opened, largest)
        if first is None:
            return
        self.search.look(first)
        self._tell()
        if self.instance.plain:
            return  # the dual ascent knows better where to begin
        work = max(_FIRST_SEARCH, _FIRST_PLANS * self.search.per_plan)
        self._improve(first, work)
        self._tell()

    def _improve(self, first: NDArray[np.bool_], work: float) -> None:
        """Move on from a set of sites for some units of work, and no more than a share of the limits."""
        limits = self.run.limits
        if limits.time_limit is not None:
            self._search_ends = self.run.elapsed + _SEARCH_SHARE * limits.time_limit
        self.search.improve(first, min(work, _SEARCH_SHARE * (limits.work_limit or math.inf)))
        self._search_ends = math.inf

    def _search_stops(self) -> bool:
        if self.run.elapsed >= self._search_ends:
            self.run.by_clock = True
            return True
        return self.run.must_stop()

    def _steps_of_a_chunk(self, dual: AllocationDual) -> int:
        return max(int(_CHUNK / dual.seconds_per_step), 1)

    def _climb(self, dual: AllocationDual, steps: int) -> None:
        """Take some steps from multipliers to better ones."""
        target = self.best if math.isfinite(self.best) else 2.0 * max(dual.bound, 0.0) + 1.0
        dual.run(steps, target)
        self._climbed = dual.work
        self.run.show(None, dual.bound)

    def _follow(self, dual: AllocationDual) -> None:
        """Try the sites that multipliers point to; where that takes long, for as much work as climbing."""
        if self.rooms is not None:
            self._search_rooms(self.rooms, dual)
            return
        plain = self.instance.plain
        if plain and self.search.work > self._climbed + _FIRST_SEARCH:
            return
        self.run.enter("search")
        pointed = (dual.latest < 0.0) & ~self.instance.closed
        candidate = self.search.repaired(pointed, dual.latest)
        if candidate is not None and not self.run.must_stop():
            self._improve(candidate, _FIRST_SEARCH if plain else _NEXT_SEARCH)
        self._tell()
        self.run.enter("bound")

    def _search_rooms(self, rooms: RoomPlans, dual: AllocationDual) -> None:
        """Search for as much work as climbing takes, and afresh each time that has taken twice as much."""
        if rooms.work > self._climbed and not dual.converged:
            return
        self.run.enter("search")
        known = rooms.cost
        if rooms.best is None or self._climbed > 2.0 * self._begun:
            rooms.begin(dual.reduced)
            self._begun = self._climbed
        work = max(_NEXT_SEARCH, _PER_LOOK * self.search.per_plan)
        rooms.run(dual.reduced, work, self._search_stops)
        if rooms.best is not None and rooms.cost < known:
            self.search.look(rooms.best)
        self._tell()
        self.run.enter("bound")

    def _tell(self) -> None:
        if self.search.best is not None:
            self.run.tell(best=self.search.best.cost)

    def _proves(self, dual: AllocationDual) -> bool:
        """Whether the multipliers' bound, as far as floats tell, is all that is asked for."""
        rounding = 1e-6 if self.original.whole else -0.5 * _ENOUGH * abs(self.best)
        return math.isfinite(self.best) and bool(dual.bound >= self._limit() + rounding)

    def _refutes(self, dual: AllocationDual) -> bool:
        """Whether the multipliers prove more than any plan can cost, so that there is none."""
        if self.search.best is not None:
            return False
        dearest = np.zeros(self.instance.points)
        np.maximum.at(dearest, self.instance.row, self.instance.cost)
        most = float(dearest.sum() + self.instance.opening.sum()) * (1.0 + _ENOUGH)
        return dual.bound > most and self._certificate(dual).bound(self.original) > most

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
            self.run.notes.append(f"{failure}; the bound is the best found without it")
            return False
        if found is None or not np.isfinite(found).all():
            return False
        prices = np.zeros(self.instance.sites)
        if self.instance.capacity is not None:
            prices[core.sites] = -found[-core.sites.size :]
        dual.offer(found[: self.instance.points], prices)
        self._follow(dual)
        return True

    def _certificate(self, dual: AllocationDual) -> AllocationCertificate:
        return certify_allocation(self.original, dual.rows, dual.prices)

    def _offer_certificate(self, dual: AllocationDual) -> None:
        certificate = self._certificate(dual)
        bound = self.run.up_to_best(certificate.bound(self.original))
        self.run.offer_bound(bound, "dual-certificate", certificate)

    def _solve_rest(self, dual: AllocationDual) -> None:
        """Give what is left to a backend, from the best plan so far."""
        self.run.enter("solve")
        core = self._left(dual)
        if core is None or self._too_large(core):
            self.run.notes.append("too much is left for a backend; the bound is that of the multipliers")
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
        plan = self.search.best
        self.run.worked = self._spent
        ask(
            self.run,
            self.chosen or backends.fitting(matrix),
            matrix,
            lambda answer: self._believe(answer, core, unbeaten),
            gap=self.run.limits.gap,
            start=None if plan is None else core.start(plan, matrix),
            report=lambda _best, bound: self.run.show(None, None if bound is None else min(unbeaten, bound)),
        )

    def _believe(self, answer: Answer, core: AllocationCore, unbeaten: float) -> None:
        """Take over a backend's plan and bound; no plan outside what is left beats `unbeaten`."""
        if answer.values is not None:
            self._take(answer.values, core)
        if answer.status == "infeasible":
            if self.search.best is None:
                self.run.infeasible = True
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
            pairs = core.pairs[values[core.sites.size :] > 0.5]
            self.search.keep(allocation(self.instance, open_sites, pairs, np.ones(pairs.size)))
        else:
            self.search.look(open_sites)
        self._tell()

    def _offer_backend_bound(self, bound: float) -> None:
        self.run.offer_bound(min(bound, self.best), "backend")

    def _rounded(self, bound: float) -> float:
        """Round a backend's bound up to the next whole number, where every objective is one."""
        return whole_bound(bound) if self.original.whole else bound
