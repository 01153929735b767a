"""From a problem to a plan: cover, formulate, solve, serve, audit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chargeplan.audit import audit
from chargeplan.kernels import prepare
from chargeplan.plan.answer import Plan
from chargeplan.planning.cover import cover
from chargeplan.planning.formulate import Formulation, formulate
from chargeplan.planning.infeasible import as_far_as_possible, explain, least_limit, without_unreachable
from chargeplan.planning.proof import certificate_record
from chargeplan.planning.recording import Outcome, audit_record, record
from chargeplan.planning.serve import serve
from chargeplan.planning.stopwatch import Stopwatch
from chargeplan.solvers.engine import solve as solve_model
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.problem import Problem
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Solution

__all__ = ["solve"]

DEFAULT_WORK = 60.0  # units, where neither the caller nor the scenario limits a run


def solve(  # noqa: PLR0913 - each overrides a key of the scenario's [solve]
    problem: Problem,
    *,
    time_limit: float | None = None,
    gap: float | None = None,
    work_limit: float | None = None,
    backend: str | None = None,
    threads: int | None = None,
    seed: int | None = None,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Plan:
    """Plan a charging network.

    Parameters
    ----------
    problem
        What is known and what is asked.
    time_limit, gap, work_limit, backend, threads, seed
        Instead of the scenario's; None keeps what the scenario says. Seconds, relative gap, units of work.
    on_event
        Called with an `Event` as stages begin and as the best plan and bound improve.
    cancel
        Asked now and then; once set, the best plan so far is returned.

    Returns
    -------
    Plan
        The stations, who is served by what, how good that provably is, and the audit.

    Raises
    ------
    InputError
        A limit out of range, or an unknown backend.
    BackendError
        The backend failed and no plan is known.
    """
    watch = Stopwatch(on_event)
    given = {"time_limit": time_limit, "gap": gap, "work_limit": work_limit, "threads": threads, "seed": seed}
    limits = _limits(problem, given)
    chosen = backend or problem.scenario.solve.backend
    watch.enter("compile")
    prepare()
    watch.enter("cover")
    coverage = [cover(standard, problem.sites) for standard in problem.standards]
    watch.enter("formulate")
    formulation = formulate(problem, coverage)
    watch.leave()

    def attempt(model: CoveringModel) -> Solution:
        left = watch.left(limits)
        solution = solve_model(model, left, backend=chosen, on_event=watch.pass_on, cancel=cancel)
        watch.book(solution.seconds)
        return solution

    outcome = _outcome(problem, formulation, attempt)
    watch.enter("serve")
    results = tuple(
        serve(standard, relation, problem.sites, outcome.open)
        for standard, relation in zip(problem.standards, coverage, strict=True)
    )
    certificate = certificate_record(problem, formulation, outcome.model, outcome.solution)
    watch.enter("audit")
    report = audit(problem, outcome.open)
    written = record(problem, outcome, results, limits, chosen)
    plan = Plan(written, problem, outcome.open, results, certificate)
    checked = audit_record(plan, report)
    watch.leave()
    seconds = {stage: round(spent, 3) for stage, spent in watch.seconds.items()}
    return replace(plan, record=written.model_copy(update={"audit": checked, "seconds": seconds}))


def _limits(problem: Problem, given: dict[str, float | int | None]) -> Limits:
    """Limits as given, else as the scenario says; never none at all."""
    asked = problem.scenario.solve
    keys = {name: getattr(asked, name) if value is None else value for name, value in given.items()}
    if given["time_limit"] is not None and given["work_limit"] is None:
        keys["work_limit"] = None  # whoever names the seconds wants them used
    if keys["time_limit"] is None and keys["work_limit"] is None:
        keys["work_limit"] = DEFAULT_WORK
    return Limits(**{name: value for name, value in keys.items() if value is not None})  # type: ignore[arg-type]


def _outcome(
    problem: Problem, formulation: Formulation, attempt: Callable[[CoveringModel], Solution]
) -> Outcome:
    """Solve; and where that cannot be, explain why and solve for the rest."""
    model = formulation.model
    solution = attempt(model)
    if solution.status != "infeasible":
        return Outcome(model, solution, _open(solution, model))
    rest = without_unreachable(model)
    solution = attempt(rest)
    needed = None
    if solution.status == "infeasible":
        if rest.limit is not None:
            needed = least_limit(rest, attempt)
        rest = as_far_as_possible(rest)
        solution = _without_bound(attempt(rest))
    why = explain(problem, formulation, needed)
    return Outcome(rest, solution, _open(solution, model), why)


def _without_bound(solution: Solution) -> Solution:
    """Keep the plan of another question, whose bound says nothing of the one that was asked."""
    status = "feasible" if solution.status == "optimal" else solution.status
    return replace(
        solution,
        status="stopped" if solution.selected is None else status,
        bound=None,
        gap=None,
        bound_kind=None,
        certificate=None,
    )


def _open(solution: Solution, model: CoveringModel) -> np.ndarray:
    """Open sites of a solution; without a plan, those that stand already."""
    stations = model.opened.copy()
    if solution.selected is not None:
        stations[:] = False
        stations[solution.selected] = True
    return stations
