"""Capacitated p-median: so many stations, near the demand on the whole, and able to take it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.allocation_engine import solve
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import checked_distance, checked_given, checked_stations
from chargeplan.solvers.models.facility_location import allocation_instance, checked_capacity
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.allocation import AllocatedSolution
    from chargeplan.solvers.models.arrays import Sites


def capacitated_p_median(  # noqa: PLR0913 - the engine's keywords, common to all models
    distance: ArrayLike,
    weight: ArrayLike | None,
    stations: int,
    capacity: ArrayLike,
    demand: ArrayLike | None = None,
    *,
    single_source: bool = False,
    time_limit: float | None = None,
    gap: float = 0.0,
    work_limit: float | None = None,
    backend: str = "auto",
    threads: int | None = None,
    seed: int = 0,
    required: Sites = (),
    forbidden: Sites = (),
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
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
    time_limit, gap, work_limit, threads, seed
        As `Limits` says.
    backend
        Name of the solver backend.
    required, forbidden
        Indices of sites that must be open, or closed.
    on_event, cancel
        Called with progress events; asked whether to stop.

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
    table = checked_distance(distance)
    points, sites = table.shape
    opened, closed = checked_given(required, forbidden, sites)
    weights = checked_vector(weight, points, "weight")
    row, site = np.nonzero(np.isfinite(table))
    instance = allocation_instance(
        points, row, site, weights[row] * table[row, site],
        opening=np.zeros(sites),
        demand=weights if demand is None else checked_vector(demand, points, "demand"),
        capacity=checked_capacity(capacity, sites),
        given=(opened, closed),
        single_source=single_source,
        stations=checked_stations(stations, opened, closed),
    )  # fmt: skip
    limits = Limits(time_limit, gap, work_limit, threads, seed)
    return solve(instance, limits, backend=backend, on_event=on_event, cancel=cancel)
