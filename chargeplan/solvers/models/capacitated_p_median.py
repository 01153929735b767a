"""Capacitated p-median: so many stations, near the demand on the whole, and able to take it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import numpy as np

from chargeplan.solvers.allocation_engine import solve
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.facility_location import allocation_instance, checked_capacity
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords
from chargeplan.solvers.models.p_median import median_instance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.solvers.allocation import AllocatedSolution, AllocationInstance
    from chargeplan.solvers.median_certificate import MedianInstance
    from chargeplan.solvers.models.keywords import EngineKeywords


@takes_engine_keywords
def capacitated_p_median(
    distance: ArrayLike,
    weight: ArrayLike | None,
    stations: int,
    capacity: ArrayLike,
    demand: ArrayLike | None = None,
    *,
    single_source: bool = False,
    **keywords: Unpack[EngineKeywords],
) -> AllocatedSolution:
    """Find the stations, none above its capacity, for which the weighted distances add up to the least.

    Parameters
    ----------
    distance
        (N, M) distances from N demand points to M sites, 0 or more, in any unit; infinite where the site
        cannot serve the demand point.
    weight
        (N,) weight of each demand point; 1 for all when None is given.
    stations
        How many there are to be, required ones included.
    capacity
        (M,) demand that a station can serve, infinite where it has no limit.
    demand
        (N,) demand of each demand point, its weight by default; for `capacity`.
    single_source
        Whether each demand point must be served by one station alone. Without, its demand may be split.

    Returns
    -------
    AllocatedSolution
        Its `objective` is the sum of weight times distance, a share of a demand point counting as that share
        of its weight; its `flow` holds the share of each demand point that each station serves, its
        `assignment` the station that serves the most of it. Infeasible where no such number of stations
        serves all demand; `uncoverable` then holds the demand points without a site, or those that ask for
        more than all sites hold that may serve them, and `notes` the figures.

    Raises
    ------
    InputError
        An argument of the wrong shape or range; fewer sites than stations; more required than stations; a
        backend that cannot split demand where it may be.

    References
    ----------
    Mulvey & Beck (1984), Solving capacitated clustering problems. Osman & Christofides (1994), Capacitated
    clustering problems by hybrid simulated annealing and tabu search. Ceselli & Righini (2005), A
    branch-and-price algorithm for the capacitated p-median problem.
    """
    asked = Asked(**keywords)
    median = median_instance(distance, weight, stations, asked)
    points, sites = median.distance.shape
    asking = median.weight if demand is None else checked_vector(demand, points, "demand")
    instance = clustering_instance(
        median, asking, checked_capacity(capacity, sites), single_source=single_source
    )
    return solve(instance, asked.limits, **asked.listening)


def clustering_instance(
    median: MedianInstance,
    demand: NDArray[np.float64],
    capacity: NDArray[np.float64] | None,
    *,
    single_source: bool = False,
) -> AllocationInstance:
    """Write a p-median whose stations have capacities as a facility location problem.

    Parameters
    ----------
    median
        Without the capacities.
    demand, capacity, single_source
        As `AllocationInstance` has them.
    """
    points, sites = median.distance.shape
    row, site = np.nonzero(np.isfinite(median.distance))
    return allocation_instance(
        points, row, site, median.weight[row] * median.distance[row, site],
        opening=np.zeros(sites), demand=demand, capacity=capacity, given=(median.opened, median.closed),
        single_source=single_source, stations=median.stations,
    )  # fmt: skip
