"""From a problem to a plan: cover, formulate and solve, serve, size, audit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chargeplan.audit import audit
from chargeplan.kernels import prepare
from chargeplan.plan.answer import Plan
from chargeplan.planning.allocating import allocate_demand
from chargeplan.planning.attempts import Attempts
from chargeplan.planning.cover import cover
from chargeplan.planning.covering import cover_demand
from chargeplan.planning.joint import Planned, decide_jointly, is_joint, limits_in_turn
from chargeplan.planning.periods import plan_periods
from chargeplan.planning.periods_record import period_columns
from chargeplan.planning.placing import place_stations
from chargeplan.planning.placing_with_room import place_with_room
from chargeplan.planning.recording import audit_record, record
from chargeplan.planning.serve import serve
from chargeplan.planning.sizing import size_stations
from chargeplan.planning.sizing_record import charging_service, site_columns
from chargeplan.planning.stopwatch import Stopwatch
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.planning.recording import Outcome
    from chargeplan.problem import Problem

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
    watch.expect(sum(part.shape[0] for part in coverage), sum(part.nnz for part in coverage))
    siting = Attempts(watch, limits_in_turn(problem, limits), chosen, cancel)
    outcome = _family(problem)(problem, coverage, siting)
    watch.enter("serve")
    results = tuple(
        serve(standard, relation, problem.sites, outcome.open, outcome.assigned.get(standard.name))
        for standard, relation in zip(problem.standards, coverage, strict=True)
    )
    watch.enter("size")
    sized = size_stations(problem, coverage, outcome, results, limits, chosen)
    if sized is not None and is_joint(problem):
        attempts = Attempts(watch, limits, chosen, cancel)
        together = decide_jointly(problem, coverage, Planned(outcome, results, sized), attempts)
        outcome, results, sized = together.outcome, together.results, together.sized
    watch.enter("audit")
    report = audit(problem, outcome.open)
    written = record(problem, outcome, results, limits, chosen, sized)
    columns = {} if sized is None else dict(site_columns(problem, sized))
    columns |= period_columns(problem, outcome.phases)
    certificate = {**outcome.certificate, **(charging_service(problem, sized) if sized else {})}
    plan = Plan(written, problem, outcome.open, results, certificate, None, columns, outcome.phases)
    checked = audit_record(plan, report)
    watch.leave()
    seconds = {stage: round(spent, 3) for stage, spent in watch.seconds.items()}
    return replace(plan, record=written.model_copy(update={"audit": checked, "seconds": seconds}))


def _family(problem: Problem) -> Callable[[Problem, list[csr_array], Attempts], Outcome]:
    """Return what plans for an objective."""
    objective = problem.scenario.objective
    if problem.scenario.periods:
        return plan_periods
    if objective.places or objective.fits:
        return place_with_room if objective.allocates else place_stations
    return allocate_demand if objective.allocates else cover_demand


def _limits(problem: Problem, given: dict[str, float | int | None]) -> Limits:
    """Limits as given, else as the scenario says; never none at all."""
    asked = problem.scenario.solve
    keys = {name: getattr(asked, name) if value is None else value for name, value in given.items()}
    if given["time_limit"] is not None and given["work_limit"] is None:
        keys["work_limit"] = None  # whoever names the seconds wants them used
    if keys["time_limit"] is None and keys["work_limit"] is None:
        keys["work_limit"] = DEFAULT_WORK
    return Limits(**{name: value for name, value in keys.items() if value is not None})  # type: ignore[arg-type]
