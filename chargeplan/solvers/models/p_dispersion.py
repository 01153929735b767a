"""P-dispersion: stations as far from each other as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.errors import InputError
from chargeplan.solvers.dispersion import DispersionInstance, solve
from chargeplan.solvers.models.distances import checked_between, checked_given, checked_stations
from chargeplan.solvers.solution import Limits, Solution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.models.arrays import Sites


def p_dispersion(  # noqa: PLR0913 - the engine's keywords, common to all models
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
    """Find the stations whose least distance from each other is the greatest.

    Parameters
    ----------
    distance
        (M, M) distances between the sites, finite, 0 or more, in any unit. Where the two directions differ
        the shorter one counts; the diagonal counts for nothing.
    stations
        How many there are to be, at least 2, required ones included.
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
        Its `objective` is the least distance between two stations.

    Raises
    ------
    InputError
        An argument of the wrong shape or range; fewer sites than stations; more required than stations.

    References
    ----------
    Shier (1977), A min-max theorem for p-center problems on a tree. Kuby (1987), Programming models for
    facility dispersion. Sayah & Irnich (2017), A new compact formulation for the discrete p-dispersion
    problem.
    """
    table = checked_between(distance)
    opened, closed = checked_given(required, forbidden, table.shape[1])
    number = checked_stations(stations, opened, closed)
    if number < 2:
        raise InputError(f"stations is {stations}; a distance between stations takes at least 2")
    limits = Limits(time_limit, gap, work_limit, threads, seed)
    instance = DispersionInstance(table, number, opened, closed)
    return solve(instance, limits, backend=backend, on_event=on_event, cancel=cancel)
