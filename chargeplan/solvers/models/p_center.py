"""P-center: the stations from which nobody is far."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from chargeplan.solvers.center import CenterInstance, solve
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
def p_center(
    distance: ArrayLike,
    stations: int,
    **keywords: Unpack[EngineKeywords],
) -> Solution:
    """Find the stations for which the longest distance to the nearest one is the least.

    Parameters
    ----------
    distance
        (N, M) distances from N demand points to M sites, 0 or more, in any unit; infinite where the site
        cannot serve the demand point.
    stations
        How many there are to be, required ones included.

    Returns
    -------
    Solution
        Its `objective` is the longest distance; `assignment` names each demand point's nearest station.
        Infeasible where no such number of stations serves every demand point; `uncoverable` then holds those
        that no permitted site serves.

    Raises
    ------
    InputError
        An argument of the wrong shape or range; fewer sites than stations; more required than stations.

    References
    ----------
    Hakimi (1964), Optimum locations of switching centers. Minieka (1970), The m-center problem. Elloumi,
    Labbe & Pochet (2004), A new formulation and resolution method for the p-center problem.
    """
    asked = Asked(**keywords)
    table = checked_distance(distance)
    opened, closed = asked.given(table.shape[1])
    instance = CenterInstance(table, checked_stations(stations, opened, closed), opened, closed)
    uncoverable = without_site(table, closed)
    if uncoverable.size:
        return Solution("infeasible", uncoverable=uncoverable)
    solution = solve(instance, asked.limits, **asked.listening)
    return replace(solution, assignment=nearest_station(table, solution.selected))
