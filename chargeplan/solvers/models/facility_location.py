"""Facility location: stations that cost to open, and demand that costs to serve, within their capacities."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Unpack

import numpy as np

from chargeplan.solvers.allocation import AllocatedSolution, AllocationInstance
from chargeplan.solvers.allocation_engine import solve
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import checked_distance
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.solvers.models.keywords import EngineKeywords

_LONG = 64  # pairs of a demand point, on average, from which its own sorting pays


@takes_engine_keywords
def facility_location(
    assignment_cost: ArrayLike,
    opening_cost: ArrayLike,
    capacity: ArrayLike | None = None,
    demand: ArrayLike | None = None,
    *,
    single_source: bool = False,
    **keywords: Unpack[EngineKeywords],
) -> AllocatedSolution:
    """Find the stations for which opening them and serving the demand cost the least together.

    Parameters
    ----------
    assignment_cost
        (N, M) cost of serving the whole of each demand point from each site, 0 or more; infinite where the
        site cannot serve it.
    opening_cost
        (M,) cost of a station at each site.
    capacity
        (M,) demand that a station can serve, infinite where it has no limit; None for no limits at all.
    demand
        (N,) demand of each demand point, 1 by default; for `capacity`.
    single_source
        Whether each demand point must be served by one station alone. Without, its demand may be split.

    Returns
    -------
    AllocatedSolution
        Its `flow` holds the share of each demand point that each station serves, its `assignment` the station
        that serves the most of it. Infeasible where the permitted sites cannot serve all demand;
        `uncoverable` then holds the demand points without a site, or those that ask for more than all sites
        hold that may serve them, and `notes` the figures.

    Raises
    ------
    InputError
        An argument of the wrong shape or range, or a backend that cannot split demand where it may be.

    References
    ----------
    Erlenkotter (1978), A dual-based procedure for uncapacitated facility location. Cornuejols, Sridharan &
    Thizy (1991), A comparison of heuristics and relaxations for the capacitated plant location problem.
    """
    asked = Asked(**keywords)
    table = checked_distance(assignment_cost, "assignment_cost")
    points, sites = table.shape
    opened, closed = asked.given(sites)
    row, site = np.nonzero(np.isfinite(table))
    instance = allocation_instance(
        points, row, site, table[row, site],
        opening=checked_vector(opening_cost, sites, "opening_cost"),
        demand=checked_vector(demand, points, "demand"),
        capacity=checked_capacity(capacity, sites),
        given=(opened, closed),
        single_source=single_source,
    )  # fmt: skip
    return solve(instance, asked.limits, **asked.listening)


def allocation_instance(  # noqa: PLR0913 - one argument for each part of the problem
    points: int,
    row: NDArray[np.int64],
    site: NDArray[np.int64],
    cost: NDArray[np.float64],
    *,
    opening: NDArray[np.float64],
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64] | None,
    given: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    single_source: bool,
    stations: int | None = None,
) -> AllocationInstance:
    """Put a facility location problem together: pairs in order, and none that no single source can serve.

    Parameters
    ----------
    points
        How many demand points there are.
    row, site, cost
        (P,) pairs.
    opening, demand, capacity, single_source, stations
        As `AllocationInstance` has them.
    given
        Masks of the sites that must be open and of those that must be closed.
    """
    if capacity is not None and single_source:
        fits = demand[row] <= capacity[site]
        row, site, cost = row[fits], site[fits], cost[fits]
    order = _by_cost(row, site, cost)
    if capacity is not None:
        capacity = np.minimum(capacity, np.nextafter(demand.sum(), np.inf))
    return AllocationInstance(
        points,
        row[order],
        site[order],
        cost[order],
        opening,
        demand,
        capacity,
        *given,
        single_source,
        stations,
    )


def _by_cost(row: NDArray[np.int64], site: NDArray[np.int64], cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order of pairs by demand point, cost and site.

    Of pairs by demand point and site, as tables have them, long rows are sorted one by one: much faster than
    all together.
    """
    following = np.diff(row) > 0
    ordered = bool((following | ((np.diff(row) == 0) & (np.diff(site) > 0))).all())
    if not ordered or row.size < _LONG * (1 + int(following.sum())):
        return np.lexsort((site, cost, row))
    ends = np.append(np.flatnonzero(following) + 1, row.size).tolist()
    order = np.empty(row.size, np.int64)
    for start, end in pairwise([0, *ends]):
        order[start:end] = start + _in_order(cost[start:end])
    return order


def _in_order(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the order of costs, equal ones as they come: sorting without regard to that is faster."""
    order = np.argsort(cost)
    ties = (np.diff(cost[order]) == 0.0).any()
    return np.argsort(cost, kind="stable") if ties else order


def checked_capacity(capacity: ArrayLike | None, sites: int) -> NDArray[np.float64] | None:
    """Return (M,) capacities, each 0 or more or infinite.

    Raises
    ------
    InputError
        Another length, or a number that is negative or not a number; every fault by its row.
    """
    if capacity is None:
        return None
    vector = np.asarray(capacity, np.float64)
    finite = checked_vector(np.where(np.isposinf(vector), 0.0, vector), sites, "capacity")
    return np.where(np.isposinf(vector), np.inf, finite)
