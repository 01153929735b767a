"""Why periods have no plan, what would give them one, and what is planned instead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.planning.infeasible import explain
from chargeplan.solvers.periods_budgets import least_factor
from chargeplan.units import format_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chargeplan.plan.record import InfeasibleRecord
    from chargeplan.planning.attempts import Attempts
    from chargeplan.planning.periods_model import PeriodsTask
    from chargeplan.problem import Problem
    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel

_PART = 0.1  # of the time that is left, for each period that may be the reason


def within_reach(model: MultiPeriodModel) -> MultiPeriodModel:
    """Ask only for what the permitted sites can serve.

    Parameters
    ----------
    model
        Perhaps with rows or targets that no choice of sites can satisfy.
    """
    unreachable = model.unreachable()
    reach = model.group_weights(~unreachable)
    return replace(model, must=model.must & ~unreachable, targets=np.minimum(model.targets, reach))


def as_far_as_the_money_goes(model: MultiPeriodModel) -> MultiPeriodModel:
    """Ask for the most of all that is due in the last period, each standard's share counting alike.

    Parameters
    ----------
    model
        Whose budgets cannot keep what is asked.
    """
    due = model.whole.any(axis=0) | (model.targets > 0).any(axis=0)
    total = model.group_weights(np.ones(model.need.size, np.bool_))
    value = np.where(due & (total > 0), 1.0 / np.where(total > 0, total, 1.0), 0.0)
    nothing = np.zeros_like(model.targets)
    return replace(
        model, maximise=True, value=value, whole=np.zeros_like(model.whole), targets=nothing,
        worth=np.ones(model.periods), due=np.zeros_like(model.due),
    )  # fmt: skip


def explain_periods(
    problem: Problem, task: PeriodsTask, attempts: Attempts, rest: MultiPeriodModel | None
) -> InfeasibleRecord:
    """Say why what is asked cannot be, and what would make it possible.

    Parameters
    ----------
    problem, task
        What was asked.
    attempts
        Asks the solver what a period takes at least.
    rest
        What is within reach, where its budgets or its limit are too small; None where they are not the
        reason.
    """
    why = explain(problem, task.formulation, None)
    reasons = [*why.reasons, *_out_of_reach(problem, task)]
    if rest is not None:
        reasons += list(_too_dear(problem, rest, attempts)) or [_in_no_order(problem, rest, attempts)]
    return why.model_copy(update={"reasons": reasons})


def _out_of_reach(problem: Problem, task: PeriodsTask) -> Iterator[str]:
    """Name the shares that are out of reach before the last period, where the last one is not to blame."""
    model, beyond = task.model, task.model.beyond_reach()
    reach = model.group_weights(~model.unreachable())
    for t, period in enumerate(problem.scenario.periods[:-1]):
        for k, standard in enumerate(problem.standards):
            if beyond[t, k] and not beyond[-1, k]:
                most = format_share(float(reach[k] / standard.points.weight.sum()))
                share = format_share(float(task.shares[t, k]))
                reached = f"the sites reach {most} of the weight, and {share} is asked"
                yield f"{period.name}: {standard.name}: {reached}"


def _too_dear(problem: Problem, model: MultiPeriodModel, attempts: Attempts) -> Iterator[str]:
    """Name the periods by whose end more has to be spent, or built, than there is."""
    for t, period in enumerate(problem.scenario.periods):
        asked = model.whole[t].any() or (model.targets[t] > 0).any() or (t == model.periods - 1)
        for counted in (False, True):
            most = model.limit if counted and model.counted else None if counted else float(model.money()[t])
            if not asked or most is None or not np.isfinite(most):
                continue
            single = model.single(t, counted=counted)
            least = replace(
                single, maximise=False, value=np.zeros(single.value.size), limit=None,
                cost=(~model.standing).astype(np.float64) if counted else model.cost,
            )  # fmt: skip
            found = attempts.covering(least, part=_PART)
            if found.bound is not None and found.bound > most * (1 + 1e-9):
                yield _reason(period.name, most, found.objective, found.bound, counted=counted)


def _reason(period: str, most: float, known: float | None, proven: float, *, counted: bool) -> str:
    """Say what is too little by the end of a period, and what would do."""

    def amount(value: float) -> str:
        return f"{value:,.10g} new stations" if counted else f"a cost of {value:,.10g}"

    allowed = f"{most:,.10g} new stations are" if counted else f"{most:,.10g} may be spent, which is"
    reason = f"by the end of {period} {allowed} too little for what is asked by then"
    if known is None:
        return f"{reason}; less than {amount(proven)} is proven not to do"
    if proven >= known * (1 - 1e-9):
        return f"{reason}; {amount(known)} would do, and no less"
    return f"{reason}; {amount(known)} would do, and less than {amount(proven)} is proven not to"


def _in_no_order(problem: Problem, model: MultiPeriodModel, attempts: Attempts) -> str:
    """Say that no period alone is the reason, and by how much the budgets are too small together."""
    reason = "no order of opening keeps every budget and every share"
    factor = least_factor(model, attempts.watch.left(attempts.limits), attempts.cancel)
    if factor is None:
        return reason
    carried = problem.scenario.phasing is not None and problem.scenario.phasing.carry_over
    others = "" if carried else "; carry_over = true may do it too"
    return f"{reason}; budgets {factor:.4g} times as large would do, all of them alike{others}"
