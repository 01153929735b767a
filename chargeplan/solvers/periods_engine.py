"""What to open when: as one model where it is small, and in parts where it is large.

In parts: every period is solved alone, which bounds what it can cost or serve, the last one also says which
sites to open in the end. These are put into an order, first greedily, then by a backend that chooses among
the sites of all these plans.

Bounds of the parts add up. Maximising, a period serves no more than the most that all money up to then can.
Minimising, at least LB_t has been spent by the end of each period, and with prices that do not rise, summing
by parts (Abel), sum_t price_t (S_t - S_t-1) >= sum_t (price_t - price_t+1) LB_t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import WrongAnswer
from chargeplan.solvers import backends, engine
from chargeplan.solvers.asking import ask
from chargeplan.solvers.periods_order import in_order, reordered
from chargeplan.solvers.periods_reduction import among
from chargeplan.solvers.solution import Run, Solution

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.events import Cancel, Event, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel
    from chargeplan.solvers.periods_reduction import PeriodsReduction
    from chargeplan.solvers.solution import Limits

_SMALL = 60_000  # entries of the reduced coverage, over all periods, up to which a backend is given it whole
_EXACT = 1e-9  # gap that the rounding of sums may leave
_BEGIN_SHARE = 0.1  # of the limits, for a first plan of a small model
_LAST_SHARE, _SINGLE_SHARE = 0.5, 0.4  # of the limits that are left: the last period, then all others
_TIES_SHARE = 0.3  # of the limits that are left, for the order of what costs the same
_TRIES_PER_SITE, _TRIES_PER_UNIT = 50, 10_000  # changes of the order, and those that make a unit of work
_TIES_GAP = 0.005  # relative: how near to the best of them is near enough
_TIGHTER = 0.6  # of the gap asked for: what the last period may leave


@dataclass(frozen=True, slots=True)
class MultiPeriodSolution(Solution):
    """The answer about several periods; `selected` are the sites open in the end.

    Parameters
    ----------
    phases
        (T, M) bool, the sites open by the end of each period; None without a plan.
    """

    phases: NDArray[np.bool_] | None = None


def solve(
    model: MultiPeriodModel,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> MultiPeriodSolution:
    """Solve a covering model over several periods.

    Parameters
    ----------
    model
        What is asked.
    limits
        When to end.
    backend
        Name of the backend, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    MultiPeriodSolution
        With the best plan, the best bound and the gap between them. Where it is minimised, of the plans that
        cost the same the one that serves the most early is looked for, each group by its share.

    Raises
    ------
    InputError, BackendUnavailable
        The backend is unknown or not installed.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    run = Run(limits, maximise=model.maximise, on_event=on_event, cancel=cancel)
    run.rounding = _EXACT
    if model.beyond_reach().any():
        blamed = model.must & model.unreachable()
        return MultiPeriodSolution("infeasible", uncoverable=np.flatnonzero(blamed))
    work = _Work(model, run, backend, chosen)
    work.improve()
    return work.solution()


class _Work:
    """A model being solved, and the best that is known of it.

    Parameters
    ----------
    model
        Every target and row that must hold can be satisfied with all sites open.
    run
        Clock and listeners.
    backend, chosen
        The backend asked for, by name, and None for a fitting one.
    """

    def __init__(self, model: MultiPeriodModel, run: Run, backend: str, chosen: Backend | None) -> None:
        self.model, self.run, self.backend, self.chosen = model, run, backend, chosen
        self.plan: NDArray[np.bool_] | None = None
        self.last: Solution | None = None  # of the last period alone

    def improve(self) -> None:
        """Solve whole or in parts; then choose among plans that cost the same."""
        self.run.enter("reduce")
        everything = among(self.model, ~self.model.closed, self.run.must_stop)
        small = everything.model.coverage.nnz * self.model.periods <= _SMALL
        if small:
            self._begin(_BEGIN_SHARE)
            if not self.run.done():
                self._ask(everything, 1.0 if self.model.maximise else 1.0 - _TIES_SHARE, whole=True)
        else:
            self._in_parts(everything)
        if self.plan is not None and not self.model.maximise and not self.run.must_stop():
            self._break_ties(self.plan, small=small)

    def solution(self) -> MultiPeriodSolution:
        """Put the answer together."""
        selected = None if self.plan is None else np.flatnonzero(self.plan[-1])
        found = self.run.solution(selected)
        if self._undiscounted and self.last is not None and found.bound == self.last.bound:
            blocks = self.last.block_certificate
            found = replace(found, certificate=self.last.certificate, block_certificate=blocks)
        same = {part.name: getattr(found, part.name) for part in fields(Solution)}
        return MultiPeriodSolution(**same, phases=None if self.run.infeasible else self.plan)

    def _in_parts(self, everything: PeriodsReduction) -> None:
        """Bound every period alone, put the last one's sites into an order, and improve on both."""
        plans = [self._begin(_LAST_SHARE)]
        if self.run.infeasible:
            return
        plans += self._bound()
        if self._finished():
            return
        known = [plan for plan in plans if plan is not None]
        if known and not self._settled():
            self._ask(among(self.model, np.any(known, axis=0)), 1.0 - _TIES_SHARE, whole=False)
        if self.plan is None and not self.run.must_stop():
            self._ask(everything, 1.0, whole=True)

    def _finished(self) -> bool:
        """Whether nothing is left to look for; without a plan only a person or the clock ends the search."""
        return self.run.infeasible or (self.run.done() and (self.plan is not None or self.run.cut))

    def _begin(self, share: float) -> NDArray[np.bool_] | None:
        """Plan the last period alone, put its sites into an order, and return them."""
        last = self.model.periods - 1
        self.last = self._single(last, share, self.run.limits.gap * _TIGHTER, counted=self._by_number)
        self.run.infeasible |= self.last.status == "infeasible" or self._too_dear(last, self.last)
        chosen = self._mask(self.last)
        if chosen is None or self.run.infeasible:
            return None
        self.run.enter("search")
        reduction = among(self.model, chosen)
        for late in (False, True):
            phases = in_order(reduction.model, chosen[reduction.sites], late=late)
            if phases is not None and self._offer(reduction.undo(phases)) and self.model.maximise:
                self._offer(self._reordered(reduction, reduction.undo(phases)))
        if self._undiscounted and self.last.bound is not None and self.last.bound_kind is not None:
            self.run.offer_bound(self.run.up_to_best(self.last.bound), self.last.bound_kind)
        return chosen

    def _too_dear(self, period: int, found: Solution) -> bool:
        """Whether what a period asks is proven to cost more than there is by its end."""
        money = float(self.model.money()[period])
        return not self.model.maximise and found.bound is not None and found.bound > money * (1 + _EXACT)

    def _settled(self) -> bool:
        """Whether no order of the last period's sites, or of others that are known, can be cheaper."""
        known = None if self.last is None else self.last.objective
        if not self._undiscounted or known is None or self.run.best is None:
            return False
        return self.run.best <= known * (1 + _EXACT)

    @property
    def _by_number(self) -> bool:
        """Whether the number of stations is what limits the last period."""
        return self.model.counted and self.model.limit is not None

    @property
    def _undiscounted(self) -> bool:
        """Whether what is counted is what is spent in the end: what bounds that bounds the whole."""
        return not self.model.maximise and bool((self.model.price == 1.0).all())

    def _single(self, period: int, share: float, gap: float, *, counted: bool = False) -> Solution:
        """Solve one period alone with a share of what is left."""
        limits = self._limits(share)
        found = engine.solve(
            self.model.single(period, counted=counted),
            replace(limits, gap=gap),
            backend=self.backend,
            on_event=self._without_figures,
            cancel=self.run.cancel,
        )
        self.run.leave()
        self.run.worked += limits.work_limit or 0.0
        self.run.by_clock |= not found.reproducible
        self.run.notes += [note for note in found.notes if note not in self.run.notes]
        return found

    def _limits(self, share: float) -> Limits:
        """Return a share of the limits that are left."""
        limits, seconds, work = self.run.limits, self.run.seconds_left, self.run.limits.work_limit
        if work is not None:
            work = max(share * (work - self.run.worked), 0.01 * work)
        return replace(limits, time_limit=None if seconds is None else share * seconds, work_limit=work)

    def _without_figures(self, event: Event) -> None:
        """Tell of a part's stage, but not of its figures, which are not those of the whole."""
        if self.run.stage != event.stage:
            self.run.enter(event.stage)

    # --- bounds ------------------------------------------------------------------------------------------

    def _bound(self) -> list[NDArray[np.bool_] | None]:
        """Bound the other periods alone, add the bounds up, and return the plans."""
        bounds, plans = self._most_served() if self.model.maximise else self._least_spent()
        if self.run.infeasible:
            return plans
        if self.model.maximise:
            total = float(self.model.worth @ bounds)
        else:
            steps = self.model.price - np.append(self.model.price[1:], 0.0)
            total = float(steps @ bounds)
        self.run.offer_bound(self.run.up_to_best(total), "backend")
        return plans

    def _most_served(self) -> tuple[NDArray[np.float64], list[NDArray[np.bool_] | None]]:
        """Bound what each period can serve with all the money, and all the stations, up to then."""
        reach = self.model.group_weights(~self.model.unreachable())
        bounds = np.full(self.model.periods, float(self.model.value @ reach))
        plans: list[NDArray[np.bool_] | None] = []
        asked = [
            (period, counted)
            for period in range(self.model.periods)
            for counted in (False, True)
            if (self._by_number if counted else np.isfinite(self.model.money()[period]))
        ]
        known = (self.model.periods - 1, self._by_number)
        for number, (period, counted) in enumerate(asked):
            if (period, counted) == known and self.last is not None:
                found = self.last
            elif self.run.must_stop():
                continue
            else:
                share = _SINGLE_SHARE if number == len(asked) - 1 else 1.0 / (len(asked) - number + 1)
                found = self._single(period, share, self.run.limits.gap * _TIGHTER, counted=counted)
            self.run.infeasible |= found.status == "infeasible"
            if found.bound is not None:
                bounds[period] = min(bounds[period], found.bound)
            plans.append(self._mask(found))
        return bounds, plans

    def _least_spent(self) -> tuple[NDArray[np.float64], list[NDArray[np.bool_] | None]]:
        """Bound what is spent by the end of each period, for its targets and for what budgets leave."""
        bounds = np.zeros(self.model.periods)
        plans: list[NDArray[np.bool_] | None] = []
        if self.last is not None and self.last.bound is not None:
            bounds[-1] = max(self.last.bound, 0.0)
        asked = [t for t in range(self.model.periods - 1) if self._tells(t)]
        for number, period in enumerate(asked):
            if self.run.must_stop():
                break
            share = _SINGLE_SHARE / (len(asked) - number)
            found = self._single(period, share, self.run.limits.gap * _TIGHTER)
            self.run.infeasible |= found.status == "infeasible" or self._too_dear(period, found)
            bounds[period] = max(found.bound or 0.0, 0.0)
            plans.append(self._mask(found))
        if not self.model.carry_over:
            later = np.append(np.cumsum(self.model.budgets[:0:-1])[::-1], 0.0)
            bounds = np.maximum(bounds, bounds[-1] - later)
        return np.maximum.accumulate(bounds), plans

    def _tells(self, period: int) -> bool:
        """Whether something is asked of a period, and what it costs counts for the bound."""
        asked = bool((self.model.targets[period] > 0).any() or self.model.must_hold(period).any())
        return asked and self.model.price[period] > self.model.price[period + 1]

    def _mask(self, found: Solution) -> NDArray[np.bool_] | None:
        if found.selected is None:
            return None
        mask = np.zeros(self.model.sites, np.bool_)
        mask[found.selected] = True
        return mask

    # --- plans -------------------------------------------------------------------------------------------

    def _offer(self, phases: NDArray[np.bool_]) -> bool:
        """Keep a plan that is allowed if it is the best so far; say whether it is allowed."""
        if not self.model.allows(phases):
            return False
        objective, best = self.model.objective(phases), self.run.best
        if best is None or (objective > best if self.model.maximise else objective < best):
            self.plan = phases
        self.run.tell(best=objective)
        return True

    def _ask(self, reduction: PeriodsReduction, share: float, *, whole: bool) -> None:
        """Give a reduced model to a backend; its bound counts where the `whole` model was reduced."""

        def believe(answer: Answer) -> None:
            if answer.values is not None:
                self._offer(self._kept_open(reduction.undo(reduction.model.phases(answer.values))))
            if not whole:
                return
            if answer.status == "infeasible":
                if self.plan is not None:
                    raise WrongAnswer("the backend calls infeasible what has a plan")
                self.run.infeasible = True
            elif answer.bound is not None and math.isfinite(answer.bound):
                self.run.offer_bound(self.run.up_to_best(answer.bound + reduction.offset), "backend")

        if reduction.model.sites:
            self._give(reduction, share, believe, self.plan, self.run.limits.gap)
            return
        plan = reduction.undo(np.zeros((self.model.periods, 0), np.bool_))
        if self._offer(plan) and whole:
            self.run.offer_bound(self.model.objective(plan), "backend")
        elif whole:
            self.run.infeasible = True

    def _break_ties(self, plan: NDArray[np.bool_], *, small: bool) -> None:
        """Look for the plan of the same cost that serves the most early.

        Of a large model only the order is looked at, and by swaps alone: on the 405 stations of a region they
        find in seconds what a backend does not improve on in minutes.
        """
        chosen = ~self.model.closed if small else plan[-1]
        tie = self.model.early(self.model.discounted(plan))
        reduction = among(tie, chosen)
        self.run.enter("search")
        plan = self._reordered(reduction, plan)
        self.plan = plan

        def believe(answer: Answer) -> None:
            if answer.values is None:
                return
            found = self._kept_open(reduction.undo(reduction.model.phases(answer.values)))
            if tie.allows(found) and tie.objective(found) > tie.objective(plan):
                self.plan = found

        if small and reduction.model.sites:
            self._give(reduction, 1.0, believe, plan, min(self.run.limits.gap, _TIES_GAP))

    def _reordered(self, reduction: PeriodsReduction, plan: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Let the sites of a plan open in a better order, of a maximising model."""
        known = reduction.do(plan)
        if known is None or self.model.closes or self.run.must_stop():
            return plan
        tries = _TRIES_PER_SITE * int(known[-1].sum())
        self.run.worked += tries / _TRIES_PER_UNIT
        seed, stop = self.run.limits.seed, self.run.must_stop
        found = reduction.undo(reordered(reduction.model, known, tries, seed, stop))
        return found if reduction.original.allows(found) else plan

    def _give(
        self,
        reduction: PeriodsReduction,
        share: float,
        believe: Callable[[Answer], None],
        plan: NDArray[np.bool_] | None,
        gap: float,
    ) -> None:
        """Hand a model to a backend, from a known plan, with a share of the limits that are left."""
        self.run.enter("solve")
        matrix = reduction.model.matrix()
        backend = self.chosen or backends.fitting(matrix)
        if not backend.takes(matrix):
            self.run.notes.append(f"{backend.name} takes no such numbers; ortools:highs was asked instead")
            backend = backends.find("ortools:highs")
        known = None if plan is None else reduction.do(plan)
        start = None if known is None else reduction.model.values(known)
        if start is not None and matrix.violation(start) > _EXACT:
            start = None
        part = Run(self._limits(share), maximise=reduction.model.maximise, cancel=self.run.cancel)
        ask(part, backend, matrix, believe, gap=gap, start=start)
        self.run.worked += part.worked
        self.run.by_clock |= part.cut or part.by_clock
        self.run.notes += [note for note in part.notes if note not in self.run.notes]

    def _kept_open(self, phases: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Keep stations open that close for no reason: none, or none but a limited number of them."""
        if not self.model.closes:
            return phases
        kept = phases.copy()
        for t in range(1, self.model.periods):
            room = int(self.model.limit or 0) - int((kept[t] & ~self.model.standing).sum())
            kept[t][np.flatnonzero(kept[t - 1] & ~kept[t])[: max(room, 0)]] = True
        return kept
