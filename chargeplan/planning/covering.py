"""Stations that cover demand: as asked, or, where that cannot be, with the reason and for the rest."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from chargeplan.planning.formulate import formulate
from chargeplan.planning.infeasible import as_far_as_possible, explain, least_limit, without_unreachable
from chargeplan.planning.proof import certificate_record
from chargeplan.planning.recording import Outcome
from chargeplan.planning.station_costs import standing_or_required
from chargeplan.solvers.solution import Solution, relative_gap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.plan.record import InfeasibleRecord
    from chargeplan.planning.attempts import Attempts
    from chargeplan.planning.formulate import Formulation
    from chargeplan.problem import Problem
    from chargeplan.scenario import Objective
    from chargeplan.solvers.models.covering import CoveringModel

Answer = TypeVar("Answer", bound=Solution)


def cover_demand(
    problem: Problem,
    coverage: Sequence[csr_array],
    attempts: Attempts,
    objective: Objective | None = None,
) -> Outcome:
    """Plan stations that cover the demand points.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    attempts
        Asks the solver.
    objective
        Another one than the scenario's.
    """
    attempts.watch.enter("formulate")
    formulation = formulate(problem, coverage, objective)
    model, solution, why = _solved(problem, formulation, attempts)
    opened = open_sites(solution, _unplanned(problem, model))
    planned = solution.selected is not None
    return Outcome(
        solution=with_paid(solution, formulation.paid),
        open=opened,
        objective=formulation.model.objective(opened) + formulation.paid if planned else None,
        certificate=certificate_record(problem, formulation, model, solution),
        infeasible=why,
    )


def _solved(
    problem: Problem, formulation: Formulation, attempts: Attempts
) -> tuple[CoveringModel, Solution, InfeasibleRecord | None]:
    """Solve; and where that cannot be, explain why and solve for the rest."""
    model = formulation.model
    solution = attempts.covering(model, paid=formulation.paid)
    if solution.status != "infeasible":
        return model, solution, None
    rest = without_unreachable(model)
    if solution.uncoverable.size:  # else the limit alone is too small
        solution = attempts.covering(rest, paid=formulation.paid)
    least = None
    if solution.status == "infeasible":
        if rest.limit is not None:
            half = partial(attempts.covering, part=0.5)  # the rest has to be planned too
            least = least_limit(rest, half).beside(formulation.taken)
        rest = as_far_as_possible(rest)
        solution = without_bound(attempts.covering(rest))
        if solution.selected is None:  # what stands already is a plan too, and the reasons are not lost
            solution = replace(solution, selected=np.flatnonzero(_unplanned(problem, rest)))
    return rest, solution, explain(problem, formulation, least)


def _unplanned(problem: Problem, model: CoveringModel) -> NDArray[np.bool_]:
    """Return what is open without a plan, (M,): all that stands, as far as the limit allows keeping it."""
    stands = standing_or_required(problem.sites)
    kept = model.limit is None or float(model.usage[stands].sum()) <= model.limit * (1 + 1e-12)
    return stands if kept else model.opened


def without_bound(solution: Solution) -> Solution:
    """Keep the plan of another question, whose bound says nothing of the one that was asked."""
    status = "feasible" if solution.status == "optimal" else solution.status
    return replace(
        solution,
        status="stopped" if solution.selected is None else status,
        bound=None,
        gap=None,
        bound_kind=None,
        certificate=None,
        block_certificate=None,
    )


def beside(solution: Answer, objective: float | None, *, maximise: bool = False) -> Answer:
    """Put a solution's bound beside its objective as it is measured, which only rounding puts it beyond.

    Parameters
    ----------
    solution
        Its bound in what the scenario counts.
    objective
        Measured; None without a plan.
    maximise
        The sense.
    """
    bound = solution.bound
    if objective is not None and bound is not None:
        bound = max(bound, objective) if maximise else min(bound, objective)
    return replace(solution, objective=objective, bound=bound, gap=relative_gap(objective, bound))


def with_paid(solution: Answer, paid: float) -> Answer:
    """Add what every plan pays besides a model's objective.

    Parameters
    ----------
    solution
        As the model counts.
    paid
        Besides.
    """
    objective, bound = (
        None if value is None else value + paid for value in (solution.objective, solution.bound)
    )
    return replace(solution, objective=objective, bound=bound, gap=relative_gap(objective, bound))


def open_sites(solution: Solution, given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the open sites of a solution, (M,) bool; without a plan, those that are `given` as open."""
    stations = given.copy()
    if solution.selected is not None:
        stations[:] = False
        stations[solution.selected] = True
    return stations
