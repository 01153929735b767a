"""P-median: the stations that are nearest to the demand, on the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.center import CenterInstance
from chargeplan.solvers.center import solve as solve_center
from chargeplan.solvers.median import solve
from chargeplan.solvers.median_certificate import MedianInstance
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import (
    checked_distance,
    checked_given,
    checked_stations,
    nearest_station,
)
from chargeplan.solvers.solution import Limits, Solution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.models.arrays import Sites


def p_median(  # noqa: PLR0913 - the engine's keywords, common to all models
    distance: ArrayLike,
    weight: ArrayLike | None,
    stations: int,
    *,
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
) -> Solution:
    """Find the stations for which the weighted distances to the nearest one add up to the least.

    Parameters
    ----------
    distance
        (N, M) distances from N demand points to M sites, 0 or more, in any unit; infinite where the site
        cannot serve the demand point.
    weight
        (N,) weight of each demand point; 1 for all when None is given.
    stations
        How many there are to be, required ones included.
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
    Solution
        Its `objective` is the sum of weight times distance; `assignment` names each demand point's nearest
        station. Infeasible where no such number of stations serves every demand point; `uncoverable` then
        holds those that no permitted site serves.

    Raises
    ------
    InputError
        An argument of the wrong shape or range; fewer sites than stations; more required than stations.

    References
    ----------
    Hakimi (1964), Optimum locations of switching centers. ReVelle & Swain (1970), Central facilities
    location.
    """
    table = checked_distance(distance)
    rows, sites = table.shape
    opened, closed = checked_given(required, forbidden, sites)
    number = checked_stations(stations, opened, closed)
    instance = MedianInstance(table, checked_vector(weight, rows, "weight"), number, opened, closed)
    limits = Limits(time_limit, gap, work_limit, threads, seed)
    start = None
    if not np.isfinite(table[:, ~closed]).all():
        serving = _serving(instance, limits, backend, cancel)
        if serving.selected is None:
            return serving
        start = np.isin(np.arange(sites), serving.selected)
        limits = _what_is_left(limits, sum(serving.seconds.values()))
    solution = solve(instance, limits, start, backend=backend, on_event=on_event, cancel=cancel)
    return replace(solution, assignment=nearest_station(table, solution.selected))


def _serving(instance: MedianInstance, limits: Limits, backend: str, cancel: Cancel | None) -> Solution:
    """Look for any stations that serve every demand point: those from which nobody is infinitely far."""
    apart = np.where(np.isfinite(instance.distance), 0.0, np.inf)
    uncoverable = np.flatnonzero(np.isinf(apart[:, ~instance.closed]).all(axis=1))
    if uncoverable.size:
        return Solution("infeasible", uncoverable=uncoverable)
    asked = CenterInstance(apart, instance.stations, instance.opened, instance.closed)
    found = solve_center(asked, limits, backend=backend, cancel=cancel)
    return (
        found if found.selected is not None else replace(found, bound=None, bound_kind=None, certificate=None)
    )


def _what_is_left(limits: Limits, seconds: float) -> Limits:
    """Return the limits after some seconds, with a moment at least."""
    if limits.time_limit is None:
        return limits
    return replace(limits, time_limit=max(limits.time_limit - seconds, 0.01 * limits.time_limit))
