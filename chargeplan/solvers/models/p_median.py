"""P-median: the stations that are nearest to the demand, on the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np

from chargeplan.solvers.center import CenterInstance
from chargeplan.solvers.center import solve as solve_center
from chargeplan.solvers.median import solve
from chargeplan.solvers.median_certificate import MedianInstance
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import (
    checked_distance,
    checked_stations,
    nearest_station,
    without_site,
)
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords
from chargeplan.solvers.solution import Solution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.solvers.models.keywords import EngineKeywords


@takes_engine_keywords
def p_median(
    distance: ArrayLike,
    weight: ArrayLike | None,
    stations: int,
    **keywords: Unpack[EngineKeywords],
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
    asked = Asked(**keywords)
    instance = median_instance(distance, weight, stations, asked)
    table, start = instance.distance, None
    if not _all_allowed(instance):
        serving = _serving(instance, asked)
        if serving.selected is None:
            return serving
        start = np.isin(np.arange(table.shape[1]), serving.selected)
    solution = solve(instance, asked.limits, start, **asked.listening)
    return replace(solution, assignment=nearest_station(table, solution.selected))


def median_instance(
    distance: ArrayLike, weight: ArrayLike | None, stations: int, asked: Asked
) -> MedianInstance:
    """Check what every p-median is given.

    Parameters
    ----------
    distance, weight, stations
        As `p_median` takes them.
    asked
        With the sites whose state is given.

    Raises
    ------
    InputError
        As `p_median` raises it.
    """
    table = checked_distance(distance)
    opened, closed = asked.given(table.shape[1])
    weights = checked_vector(weight, table.shape[0], "weight")
    return MedianInstance(table, weights, checked_stations(stations, opened, closed), opened, closed)


def _all_allowed(instance: MedianInstance) -> bool:
    """Whether every permitted site can serve every demand point."""
    return all(bool(np.isfinite(row).all(where=~instance.closed)) for row in instance.distance)


def _serving(instance: MedianInstance, asked: Asked) -> Solution:
    """Look for any stations that serve every demand point: those from which nobody is infinitely far."""
    uncoverable = without_site(instance.distance, instance.closed)
    if uncoverable.size:
        return Solution("infeasible", uncoverable=uncoverable)
    apart = np.where(np.isfinite(instance.distance), 0.0, np.inf)
    center = CenterInstance(apart, instance.stations, instance.opened, instance.closed)
    found = solve_center(center, asked.limits, backend=asked.backend, cancel=asked.cancel)
    return (
        found if found.selected is not None else replace(found, bound=None, bound_kind=None, certificate=None)
    )
