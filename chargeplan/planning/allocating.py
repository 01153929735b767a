"""Stations with room for the demand that they serve, and demand that costs more the farther away it is.

Capacitated set covering (Current & Storbeck 1988) where stations alone cost, facility location (Balinski
1965) where distances cost too. The demand points of the one standard on a demand layer are the load; those of
corridors have to be in reach and take no room, since their weight is a length of road.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.errors import InputError
from chargeplan.planning.covering import beside, cover_demand, open_sites, with_paid, without_bound
from chargeplan.planning.distances import metres_of
from chargeplan.planning.proof import multipliers_by_id, service
from chargeplan.planning.recording import Outcome
from chargeplan.planning.station_costs import opened_anyway, standing_or_required, station_prices
from chargeplan.planning.too_few import too_little_room
from chargeplan.scenario import Objective
from chargeplan.solvers.allocation_engine import solve
from chargeplan.solvers.models.capacitated_covering import capacitated_set_covering
from chargeplan.solvers.models.facility_location import allocation_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chargeplan.planning.attempts import Attempts
    from chargeplan.problem import Problem, Sites
    from chargeplan.solvers.allocation import AllocatedSolution, AllocationInstance


@dataclass(frozen=True)
class _Task:
    """Everything to be served, one row per demand point of each standard in turn.

    Parameters
    ----------
    instance
        Pairs of a row and a site within its radius, with what serving costs.
    relation
        (N, M) bool, the same pairs.
    loaded
        Number of the standard whose weight takes room.
    paid
        What stations that stand cost any plan besides.
    """

    instance: AllocationInstance
    relation: csr_array
    loaded: int
    paid: float


def allocate_demand(problem: Problem, coverage: Sequence[csr_array], attempts: Attempts) -> Outcome:
    """Plan stations and who serves what.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    attempts
        Asks the solver.

    Raises
    ------
    InputError
        Stations have as much room as their chargers, and no site states its room; or the backend asked for
        cannot split demand.
    """
    attempts.watch.enter("formulate")
    task = _task(problem, coverage)
    instance = task.instance
    if problem.scenario.objective.cost_per_km is None:
        given: dict[str, Any] = {
            "required": np.flatnonzero(instance.opened),
            "forbidden": np.flatnonzero(instance.closed),
        }
        arrays = task.relation, instance.capacity, instance.demand, instance.opening
        found = attempts.model(capacitated_set_covering, *arrays, paid=task.paid, **given)
    else:
        found = attempts.engine(solve, instance, paid=task.paid)
    if found.status == "infeasible":
        return _rest(problem, coverage, found, attempts)
    opened = open_sites(found, standing_or_required(problem.sites))
    found = with_paid(beside(found, found.objective), task.paid)
    return Outcome(
        solution=found,
        open=opened,
        objective=found.objective,
        certificate=_record(problem, coverage, task, found),
        assigned=_assigned(problem, coverage, task, found),
        flow=_flow(problem, coverage, task, found),
    )


def _task(problem: Problem, coverage: Sequence[csr_array]) -> _Task:
    objective, sites = problem.scenario.objective, problem.sites
    loaded = next(k for k, standard in enumerate(problem.standards) if standard.corridor is None)
    relation = csr_array(vstack(coverage, format="csr"))
    relation.sort_indices()
    load = [standard.points.weight * (number == loaded) for number, standard in enumerate(problem.standards)]
    row = np.repeat(np.arange(relation.shape[0]), np.diff(relation.indptr))
    cost = np.zeros(row.size)
    if objective.cost_per_km is not None:
        first = sum(part.shape[0] for part in coverage[:loaded])
        mine = (row >= first) & (row < first + coverage[loaded].shape[0])
        points = problem.standards[loaded].points.weight
        pairs = row[mine] - first, relation.indices[mine].astype(np.int64)
        kilometres = metres_of(problem.standards[loaded], sites, *pairs) / 1000.0
        cost[mine] = kilometres * objective.cost_per_km * points[row[mine] - first]
    prices = station_prices(objective, sites)
    instance = allocation_instance(
        relation.shape[0], row, relation.indices.astype(np.int64), cost,
        opening=prices.each, demand=np.concatenate(load),
        capacity=capacity_of(objective, sites),
        given=(opened_anyway(objective, sites), sites.status == "forbidden"),
        single_source=False,
    )  # fmt: skip
    return _Task(instance, relation, loaded, prices.anyway)


def capacity_of(objective: Objective, sites: Sites) -> NDArray[np.float64] | None:
    """Return the weight that a station of each site can serve, (M,), infinite where no room is stated.

    Raises
    ------
    InputError
        Stations have as much room as their chargers, and no site states its room.
    """
    if objective.weight_per_charger is None:
        return None
    if not np.isfinite(sites.room).any():
        raise InputError("[objective], weight_per_charger: no site states its room, so nothing is limited")
    return np.asarray(sites.room * objective.weight_per_charger, np.float64)


def _record(
    problem: Problem, coverage: Sequence[csr_array], task: _Task, found: AllocatedSolution
) -> dict[str, Any]:
    """Write down who serves what, and the multipliers that prove the bound."""
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": found.bound}
    if (certificate := found.certificate) is not None:
        ends = np.cumsum([part.shape[0] for part in coverage])[:-1]
        named = zip(problem.standards, np.split(certificate.rows, ends), strict=True)
        trusted = found.bound_kind == "dual-certificate"
        record = {
            "kind": "dual-certificate",
            "model": "facility-location",
            "bound": found.bound if trusted else certificate.bound(task.instance) + task.paid,
            "scale": certificate.scale,
            "u": {standard.name: multipliers_by_id(standard.points.ids, part) for standard, part in named},
            "v": multipliers_by_id(problem.sites.ids, certificate.sites, "sites"),
        }
    if found.flow is not None:
        points = problem.standards[task.loaded].points
        record["service"] = service(points.ids, problem.sites.ids, _own_flow(coverage, task, found.flow))
    return record


def _flow(
    problem: Problem, coverage: Sequence[csr_array], task: _Task, found: AllocatedSolution
) -> dict[str, csr_array]:
    """Return who serves what share of the demand points that take room, by standard."""
    if found.flow is None:
        return {}
    return {problem.standards[task.loaded].name: _own_flow(coverage, task, found.flow)}


def _own_flow(coverage: Sequence[csr_array], task: _Task, flow: csr_array) -> csr_array:
    """Return the shares of the demand points that take room, (N, M)."""
    first = sum(part.shape[0] for part in coverage[: task.loaded])
    return csr_array(flow[first : first + coverage[task.loaded].shape[0]])


def _assigned(
    problem: Problem, coverage: Sequence[csr_array], task: _Task, found: AllocatedSolution
) -> dict[str, NDArray[np.int64]]:
    """Name the site that serves the most of each demand point, by standard: (N,)."""
    if found.assignment is None:
        return {}
    first = sum(part.shape[0] for part in coverage[: task.loaded])
    own = found.assignment[first : first + coverage[task.loaded].shape[0]]
    return {problem.standards[task.loaded].name: own}


def _rest(
    problem: Problem, coverage: Sequence[csr_array], found: AllocatedSolution, attempts: Attempts
) -> Outcome:
    """Explain why no plan exists, and cover the demand as if stations had room for everybody."""
    objective = problem.scenario.objective
    rest = cover_demand(problem, coverage, attempts, Objective(minimise=objective.minimise))
    why = rest.infeasible or too_little_room(problem, coverage, found)
    note = "the stations cover the demand, and may have too little room for it"
    solution = without_bound(rest.solution)
    solution = replace(solution, notes=(*solution.notes, note))
    return replace(rest, solution=solution, certificate={"kind": None, "bound": None}, infeasible=why)
