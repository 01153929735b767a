"""The capacitated p-median: so many stations, near to the demand on the whole, with room for all of it.

One aim is measured, and its demand points take room (Mulvey & Beck 1984); a demand point may be split between
stations, which serve at any distance. Required standards are kept as without room: a station within their
radius, whose room they do not take.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from chargeplan.planning.allocating import capacity_of
from chargeplan.planning.covering import open_sites
from chargeplan.planning.distances import measure
from chargeplan.planning.placing import (
    given_stations,
    mean_distance,
    measured_weight,
    multipliers_of,
    outcome_of,
    over,
)
from chargeplan.planning.proof import multipliers_by_id, service
from chargeplan.planning.too_few import needs_more, new_ones, serve_the_most, too_little_room
from chargeplan.solvers.allocation import most_served_by
from chargeplan.solvers.median_certificate import MedianInstance
from chargeplan.solvers.models.capacitated_covering import capacitated_set_covering
from chargeplan.solvers.models.capacitated_p_median import capacitated_p_median, clustering_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chargeplan.plan.record import InfeasibleRecord
    from chargeplan.planning.attempts import Attempts
    from chargeplan.planning.distances import Distances
    from chargeplan.planning.placing import Given
    from chargeplan.planning.recording import Outcome
    from chargeplan.problem import Problem
    from chargeplan.solvers.allocation import AllocatedSolution
    from chargeplan.solvers.allocation_certificate import AllocationCertificate


def place_with_room(problem: Problem, coverage: Sequence[csr_array], attempts: Attempts) -> Outcome:
    """Plan stations near to the demand that have room for it, and who serves what.

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
        There are fewer sites than stations to build, or more required ones; no site states its room; the
        table of distances takes more memory than is free; nothing has a weight, or a way to a site; the
        backend asked for cannot split demand.
    """
    attempts.watch.enter("measure")
    given = given_stations(problem)
    capacity = capacity_of(problem.scenario.objective, problem.sites)
    assert capacity is not None
    distances = measure(problem, coverage)
    total = measured_weight(distances)
    asked = distances.metres, distances.weight, given.stations, capacity
    found = attempts.model(capacitated_p_median, *asked, unit=total, **given.keywords())
    if found.status == "infeasible":
        why = partial(_too_little_room, problem, coverage, distances, given, capacity, found, attempts)
        outcome = serve_the_most(problem, coverage, attempts, partial(mean_distance, distances), why)
    else:
        outcome = _served(problem, distances, given, capacity, found)
    notes = (*distances.remarks, *outcome.solution.notes)
    return replace(outcome, solution=replace(outcome.solution, notes=notes))


def _served(
    problem: Problem,
    distances: Distances,
    given: Given,
    capacity: NDArray[np.float64],
    found: AllocatedSolution,
) -> Outcome:
    """Put down who serves what, the mean distance that it makes, and what proves its bound."""
    total, opened = measured_weight(distances), open_sites(found, given.opened)
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": over(found.bound, total)}
    certificate: AllocationCertificate | None = found.certificate
    if certificate is not None:
        proven = found.bound
        if found.bound_kind != "dual-certificate":
            median = MedianInstance(
                distances.metres, distances.weight, given.stations, given.opened, given.closed
            )
            proven = certificate.bound(clustering_instance(median, distances.weight, capacity))
        record = {
            "kind": "dual-certificate",
            "model": "capacitated-p-median",
            "bound": over(proven, total),
            "scale": certificate.scale,
            "u": multipliers_of(problem, distances, certificate.rows),
            "v": multipliers_by_id(problem.sites.ids, certificate.sites, "sites"),
        }
    found = replace(found, bound=over(found.bound, total))
    if found.flow is None:
        return outcome_of(found, opened, None, record)
    flow = _weightless_to_the_nearest(distances, found.flow, opened)
    number = next(k for k, standard in enumerate(problem.standards) if not standard.required)
    aim, index = problem.standards[number], distances.rows[number]
    first = sum(rows.size for rows in distances.rows[:number])
    own = csr_array(flow[first : first + index.size])
    record["service"] = service(aim.points.ids[index], problem.sites.ids, own)
    outcome = outcome_of(found, opened, _mean(distances, flow), record)
    most = most_served_by(own)
    assert most is not None
    station = np.full(len(aim.points), -1, np.int64)
    station[index] = most
    return replace(outcome, assigned={aim.name: station})


def _weightless_to_the_nearest(distances: Distances, flow: csr_array, opened: NDArray[np.bool_]) -> csr_array:
    """Have demand points without weight served by the nearest station: any will do for the solver."""
    weightless, stations = np.flatnonzero(distances.weight == 0.0), np.flatnonzero(opened)
    near = stations[distances.metres[np.ix_(weightless, stations)].argmin(axis=1)]
    served = flow.tocoo()
    kept = distances.weight[served.coords[0]] > 0.0
    row, site = (
        np.concatenate((axis[kept], own)) for axis, own in zip(served.coords, (weightless, near), strict=True)
    )
    share = np.concatenate((served.data[kept], np.ones(weightless.size)))
    return csr_array((share, (row, site)), shape=flow.shape)


def _mean(distances: Distances, flow: csr_array) -> float:
    """Return the mean distance to the stations that serve, by weight."""
    served = flow.tocoo()
    row, site = served.coords
    metres = distances.metres[row, site] * distances.weight[row] * served.data
    return float(metres.sum() / distances.weight.sum())


def _too_little_room(
    problem: Problem,
    coverage: Sequence[csr_array],
    distances: Distances,
    given: Given,
    capacity: NDArray[np.float64],
    refused: AllocatedSolution,
    attempts: Attempts,
) -> InfeasibleRecord:
    """Say how many stations are known to have room for all demand, and to keep what is required."""
    within_reach = np.isfinite(distances.metres)
    fewest = attempts.model(
        capacitated_set_covering, within_reach, capacity, distances.weight, new_ones(problem.sites),
        **given.keywords(),
    )  # fmt: skip
    if fewest.status == "infeasible":
        return too_little_room(problem, coverage, refused)
    task = "keep the required standards and have room for all demand"
    if not any(standard.required for standard in problem.standards):
        task = "have room for all demand"
    return needs_more(problem, coverage, fewest, task, refused.notes)
