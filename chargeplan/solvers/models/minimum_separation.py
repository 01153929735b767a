"""Minimum separation: as many stations as can keep a distance from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.errors import InputError
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import checked_between, checked_given
from chargeplan.solvers.separation import SeparationInstance, solve
from chargeplan.solvers.solution import Limits, Solution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.models.arrays import Sites


def minimum_separation(  # noqa: PLR0913 - the engine's keywords, common to all models
    distance: ArrayLike,
    separation: float,
    weight: ArrayLike | None = None,
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
    """Find the most stations, or those worth the most, of which no two are nearer than a distance.

    It is the anti-covering location problem, also called the r-separation problem.

    Parameters
    ----------
    distance
        (M, M) distances between the sites, finite, 0 or more, in any unit. Where the two directions differ
        the shorter one counts; the diagonal counts for nothing.
    separation
        How far two stations have to be apart, at least; 0 or more, in the unit of `distance`.
    weight
        (M,) worth of a station at each site, 1 by default.
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
        Its `objective` is the number of stations, or their weight. Infeasible where two required sites are
        too near to one another; `notes` then says which.

    Raises
    ------
    InputError
        An argument of the wrong shape or range.

    References
    ----------
    Moon & Chaudhry (1984), An analysis of network location problems with distance constraints. Erkut,
    ReVelle & Ulkusal (1996), Integer-friendly formulations for the r-separation problem. Murray & Church
    (1997), Solving the anti-covering location problem using Lagrangian relaxation.
    """
    table = checked_between(distance)
    if not 0.0 <= separation < float("inf"):
        raise InputError(f"separation is {separation}; it must be 0 or more")
    given = checked_given(required, forbidden, table.shape[1])
    weights = checked_vector(weight, table.shape[1], "weight")
    limits = Limits(time_limit, gap, work_limit, threads, seed)
    instance = SeparationInstance(table, float(separation), weights, *given)
    return solve(instance, limits, backend=backend, on_event=on_event, cancel=cancel)
