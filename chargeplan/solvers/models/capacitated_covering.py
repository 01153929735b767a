"""Capacitated set covering: the cheapest stations within reach of the demand and able to take it all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels import merge_equal_rows
from chargeplan.solvers.allocation import AllocatedSolution, AllocationInstance, most_served_by
from chargeplan.solvers.allocation_certificate import certify_allocation
from chargeplan.solvers.allocation_engine import solve
from chargeplan.solvers.models.arrays import checked_coverage, checked_vector
from chargeplan.solvers.models.facility_location import allocation_instance, checked_capacity
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords
from chargeplan.solvers.solution import relative_gap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.solvers.models.keywords import EngineKeywords

_NO_PAIRS = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


@takes_engine_keywords
def capacitated_set_covering(
    coverage: ArrayLike | csr_array,
    capacity: ArrayLike,
    demand: ArrayLike | None = None,
    cost: ArrayLike | None = None,
    *,
    single_source: bool = False,
    **keywords: Unpack[EngineKeywords],
) -> AllocatedSolution:
    """Find the cheapest stations that serve all demand within reach, none above its capacity.

    Parameters
    ----------
    coverage
        (N, M) relation, dense or sparse: which of M sites may serve which of N demand points.
    capacity
        (M,) demand that a station can serve, infinite where it has no limit.
    demand
        (N,) demand of each demand point, 1 by default.
    cost
        (M,) cost of a station at each site, 1 by default.
    single_source
        Whether each demand point must be served by one station alone. Without, its demand may be split.

    Returns
    -------
    AllocatedSolution
        Its `objective` is the total cost, its `flow` holds the share of each demand point that each station
        serves. Infeasible where the permitted sites cannot serve all demand; `uncoverable` then holds the
        demand points without a site, or those that ask for more than all sites hold that may serve them.

    Raises
    ------
    InputError
        An argument of the wrong shape or range, or a backend that cannot split demand where it may be.

    Notes
    -----
    Demand points with the same sites are merged where demand may be split: each then has its part of what
    serves them all.

    References
    ----------
    Current & Storbeck (1988), Capacitated covering models.
    """
    asked = Asked(**keywords)
    relation = checked_coverage(coverage)
    points, sites = relation.shape
    given = asked.given(sites)
    instance = _instance(
        relation,
        AllocationInstance(
            points, *_NO_PAIRS, checked_vector(cost, sites, "cost"), checked_vector(demand, points, "demand"),
            checked_capacity(capacity, sites), *given, single_source,
        ),
    )  # fmt: skip
    if single_source:
        return solve(instance, asked.limits, **asked.listening)
    merged, member = _merge(relation, instance)
    solution = solve(merged, asked.limits, **asked.listening)
    return _spread(solution, instance, merged.demand, member)


def _instance(relation: csr_array, asked: AllocationInstance) -> AllocationInstance:
    """Give a problem the pairs of a relation; they cost nothing."""
    row = np.repeat(np.arange(relation.shape[0]), np.diff(relation.indptr))
    return allocation_instance(
        relation.shape[0], row, relation.indices.astype(np.int64), np.zeros(row.size),
        opening=asked.opening, demand=asked.demand, capacity=asked.capacity,
        given=(asked.opened, asked.closed), single_source=asked.single_source,
    )  # fmt: skip


def _merge(relation: csr_array, instance: AllocationInstance) -> tuple[AllocationInstance, NDArray[np.int64]]:
    """Merge demand points with the same sites, their demand added up; and name for each its merged one."""
    representative, member = merge_equal_rows(relation)
    demand = np.asarray(np.bincount(member, instance.demand, representative.size), np.float64)
    return _instance(relation[representative], replace(instance, demand=demand)), member


def _spread(
    solution: AllocatedSolution,
    instance: AllocationInstance,
    merged: NDArray[np.float64],
    member: NDArray[np.int64],
) -> AllocatedSolution:
    """Give every demand point its part of what was found for the merged ones, of demand `merged`."""
    flow = None if solution.flow is None else csr_array(solution.flow[member])
    certificate = solution.certificate
    if certificate is not None:
        units = 2.0**-certificate.scale
        part = np.divide(instance.demand, merged[member], out=np.zeros(member.size), where=merged[member] > 0)
        rows = certificate.rows[member] * units * np.where(merged[member] > 0, part, _first(member))
        certificate = certify_allocation(instance, rows, certificate.sites * units)
    blamed = np.zeros(merged.size, np.bool_)
    blamed[solution.uncoverable] = True
    spread = replace(
        solution,
        flow=flow,
        assignment=most_served_by(flow),
        certificate=certificate,
        uncoverable=np.flatnonzero(blamed[member]),
    )
    return _proven_again(spread, instance)


def _first(member: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the first of each group."""
    mask = np.zeros(member.size, np.bool_)
    mask[np.unique(member, return_index=True)[1]] = True
    return mask


def _proven_again(solution: AllocatedSolution, instance: AllocationInstance) -> AllocatedSolution:
    """Let the bound be what the spread multipliers prove, the last places of floats included."""
    if solution.bound_kind != "dual-certificate" or solution.objective is None:
        return solution
    bound = min(solution.certificate.bound(instance), solution.objective)
    return replace(solution, bound=bound, gap=relative_gap(solution.objective, bound))
