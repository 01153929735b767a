"""P-center: the stations from which nobody is far."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.center import CenterInstance, solve
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


def p_center(  # noqa: PLR0913 - the engine's keywords, common to all models
    distance: ArrayLike,
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
    """Find the stations for which the longest distance to the nearest one is the least.

    Parameters
    ----------
    distance
        (N, M) distances from N demand points to M sites, 0 or more, in any unit; infinite where the site
        cannot serve the demand point.
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
    table = checked_distance(distance)
    opened, closed = checked_given(required, forbidden, table.shape[1])
    instance = CenterInstance(table, checked_stations(stations, opened, closed), opened, closed)
    limits = Limits(time_limit, gap, work_limit, threads, seed)
    uncoverable = np.flatnonzero(np.isinf(table[:, ~closed]).all(axis=1))
    if uncoverable.size:
        return Solution("infeasible", uncoverable=uncoverable)
    solution = solve(instance, limits, backend=backend, on_event=on_event, cancel=cancel)
    return replace(solution, assignment=nearest_station(table, solution.selected))
