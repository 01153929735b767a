"""What plan.json says of a plan."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from chargeplan.audit import check_plan
from chargeplan.plan.record import (
    AuditRecord,
    InfeasibleRecord,
    InputRecord,
    PlanRecord,
    Provenance,
    StandardRecord,
    StationCount,
)
from chargeplan.planning.sizing_record import sizing_record, with_chargers
from chargeplan.planning.station_costs import plan_cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.audit import AuditReport
    from chargeplan.plan.answer import Plan, StandardResult
    from chargeplan.plan.record import PeriodRecord, SizingRecord
    from chargeplan.planning.sizing import Sized
    from chargeplan.problem import Problem
    from chargeplan.solvers.solution import Limits, Solution

_LIBRARIES = ("chargeplan", "numpy", "scipy", "numba", "ortools", "pulp", "pyproj", "shapely", "geopandas")


@dataclass(frozen=True)
class Outcome:
    """How solving ended.

    Parameters
    ----------
    solution
        The answer of what was solved: the whole, or the rest where the whole cannot be. Its bound and gap are
        in what the scenario counts.
    open
        (M,) bool.
    objective
        What the scenario counts, of this plan; None without one.
    certificate
        What certificate.json says.
    infeasible
        Why the whole cannot be; None where it can.
    assigned
        By standard, (N,) the site that serves each demand point, -1 for none; without it the nearest open
        one does.
    flow
        By standard, (N, M) the share of each demand point that each site serves, where that was decided.
    phases
        (T, M) bool, the sites open by the end of each period; None without periods.
    periods
        What plan.json says of each.
    """

    solution: Solution
    open: NDArray[np.bool_]
    objective: float | None
    certificate: dict[str, Any]
    infeasible: InfeasibleRecord | None = None
    assigned: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    flow: dict[str, csr_array] = field(default_factory=dict)
    phases: NDArray[np.bool_] | None = None
    periods: tuple[PeriodRecord, ...] = ()


def record(
    problem: Problem,
    outcome: Outcome,
    results: Sequence[StandardResult],
    limits: Limits,
    backend: str,
    sized: Sized | None = None,
) -> PlanRecord:
    """Write a plan down, but for its audit and its times.

    Parameters
    ----------
    problem, outcome, results
        What was asked, how it ended, and what each standard gets.
    limits, backend
        As used.
    sized
        The chargers, where any are asked for.
    """
    solution = outcome.solution
    failed = outcome.infeasible is not None
    stands = problem.sites.status == "existing"
    kept, total = int((outcome.open & stands).sum()), int(outcome.open.sum())
    closed = int(stands.sum()) - kept
    sizing = None if sized is None else sizing_record(problem, outcome.open, sized)
    chargers = {} if sizing is None else _total(sizing)
    return PlanRecord(
        name=problem.name,
        title=problem.scenario.title,
        source=problem.scenario.source,
        sense=problem.scenario.objective.sense,
        status="infeasible" if failed else solution.status,
        rest_status=solution.status if failed else None,  # type: ignore[arg-type]
        objective=outcome.objective,
        bound=solution.bound,
        gap=solution.gap,
        bound_kind=solution.bound_kind,
        stations=StationCount(selected=total - kept, existing=kept, closed=closed, total=total),
        chargers=chargers,
        sizing=sizing,
        cost=plan_cost(problem.sites, outcome.open),
        standards={result.name: _standard(result) for result in results},
        periods=with_chargers(problem, outcome.periods, sized),
        infeasible=outcome.infeasible,
        audit=None,
        seconds={},
        reproducible=solution.reproducible,
        not_planned=[
            *problem.not_planned,
            *(f"{s.name}: {line}" for s in problem.standards for line in s.not_planned),
        ],
        warnings=[*problem.warnings, *solution.notes],
        notes=list(problem.notes),
        provenance=_provenance(problem, limits, backend),
    )


def _total(sizing: SizingRecord) -> dict[str, int]:
    """Count all chargers by type: new ones, standing ones, those at homes."""
    at_stations = {name: count + sizing.standing[name] for name, count in sizing.new.items()}
    return {**at_stations, **sizing.homes}


def _standard(result: StandardResult) -> StandardRecord:
    return StandardRecord(
        radius_m=result.radius_m,
        metric=result.metric,  # type: ignore[arg-type]
        strict=result.strict,
        required=result.required,
        stations=result.stations,
        target_share=result.target_share,
        demand_points=result.demand_points,
        weight=result.weight,
        weight_covered=result.weight_covered,
        share=result.share,
        area_share=result.area_share,
        max_distance_m=None if result.max_distance_m is None else round(result.max_distance_m, 3),
        met=result.met,
    )


def _provenance(problem: Problem, limits: Limits, backend: str) -> Provenance:
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    return Provenance(
        inputs=[InputRecord(name=source.name, sha256=source.sha256) for source in problem.inputs],
        scenario=_scenario(problem),
        seed=limits.seed,
        threads=limits.threads or os.cpu_count() or 1,
        backend=backend,
        versions={"python": platform.python_version(), **versions},
        command=None,
    )


def _scenario(problem: Problem) -> dict[str, Any]:
    return problem.scenario.model_dump(mode="json", by_alias=True, exclude_none=True)


def audit_record(plan: Plan, report: AuditReport) -> AuditRecord:
    """Write down what the audit says, and where it differs from the plan."""
    disagreements = check_plan(plan, report)
    return AuditRecord(
        agrees=not disagreements,
        disagreements=list(disagreements),
        standards={standard.name: standard.to_dict() for standard in report.standards},
        corridors=report.corridors(),
    )
