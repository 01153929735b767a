"""What to build when: stations over several periods, each with its budget, standards and demand.

Stations never close unless they may. What every period asks is written as one model
(`solvers.models.multi_period_covering`); where no plan can be, the reason is given and the rest is planned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.planning.covering import beside, without_bound
from chargeplan.planning.periods_infeasible import as_far_as_the_money_goes, explain_periods, within_reach
from chargeplan.planning.periods_model import periods_task
from chargeplan.planning.periods_record import period_records
from chargeplan.planning.proof import certificate_record
from chargeplan.planning.recording import Outcome
from chargeplan.planning.station_costs import free_to_close
from chargeplan.solvers.periods_engine import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_array

    from chargeplan.plan.record import InfeasibleRecord
    from chargeplan.planning.attempts import Attempts
    from chargeplan.planning.periods_model import PeriodsTask
    from chargeplan.problem import Problem
    from chargeplan.solvers.periods_engine import MultiPeriodSolution


@dataclass(frozen=True)
class _Answer:
    """How solving ended, and why the whole cannot be, where it cannot."""

    solution: MultiPeriodSolution
    why: InfeasibleRecord | None = None


def plan_periods(problem: Problem, coverage: Sequence[csr_array], attempts: Attempts) -> Outcome:
    """Plan which stations to build when.

    Parameters
    ----------
    problem
        With periods.
    coverage
        (N_k, M) relation of every standard.
    attempts
        Asks the solver.

    Returns
    -------
    Outcome
        Its `open` are the stations at the end of the last period.

    Raises
    ------
    InputError
        As `periods_task` raises it.
    """
    attempts.watch.enter("formulate")
    task = periods_task(problem, coverage)
    answer = _solved(problem, task, attempts)
    phases = answer.solution.phases
    planned = phases if phases is not None else np.tile(task.model.standing, (task.model.periods, 1))
    paid = 0.0 if task.model.maximise else task.kept
    objective = None if phases is None else task.model.objective(phases) + paid
    solution = answer.solution
    if solution.bound is not None:
        solution = replace(solution, bound=solution.bound + paid)
    solution = beside(solution, objective, maximise=task.model.maximise)
    return Outcome(
        solution=solution,
        open=planned[-1],
        objective=objective,
        certificate=_certificate(problem, task, solution),
        infeasible=answer.why,
        phases=planned,
        periods=period_records(problem, task, planned),
    )


def _solved(problem: Problem, task: PeriodsTask, attempts: Attempts) -> _Answer:
    """Solve; and where that cannot be, explain why and plan the rest."""
    solution = attempts.engine(solve, task.model)
    if solution.status != "infeasible":
        return _Answer(solution)
    rest, unreachable = within_reach(task.model), task.model.beyond_reach().any()
    if unreachable:
        solution = attempts.engine(solve, rest)
    money = solution.status == "infeasible"
    why = explain_periods(problem, task, attempts, rest if money else None)
    if money:
        solution = _kept(attempts.engine(solve, as_far_as_the_money_goes(rest)))
    if solution.phases is None:  # what stands already is a plan too, and the reasons are not lost
        standing = np.tile(task.model.standing, (task.model.periods, 1))
        solution = _kept(replace(solution, selected=np.flatnonzero(task.model.standing), phases=standing))
    return _Answer(solution, why)


def _kept(solution: MultiPeriodSolution) -> MultiPeriodSolution:
    """Keep the plan of another question, whose bound says nothing of the one that was asked."""
    status = without_bound(solution).status
    nothing: dict[str, Any] = dict.fromkeys(
        ("bound", "gap", "bound_kind", "certificate", "block_certificate")
    )
    return replace(solution, status=status, **nothing)


def _certificate(problem: Problem, task: PeriodsTask, solution: MultiPeriodSolution) -> dict[str, Any]:
    """Write down what proves the bound: a certificate for the last period, where that bounds the whole."""
    certificate, model = solution.certificate, task.formulation.model
    of_the_last = (
        certificate is not None
        and solution.bound_kind != "backend"
        and certificate.targets.size == model.targets.size
        and not free_to_close(problem.scenario.objective, problem.sites).any()
    )
    if of_the_last:
        return certificate_record(problem, task.formulation, model, solution)
    return {"kind": solution.bound_kind, "bound": solution.bound}
