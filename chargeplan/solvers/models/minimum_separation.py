"""Minimum separation: as many stations as can keep a distance from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from chargeplan.errors import InputError
from chargeplan.solvers.models.arrays import checked_vector
from chargeplan.solvers.models.distances import checked_between
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords
from chargeplan.solvers.separation import SeparationInstance, solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.solvers.models.keywords import EngineKeywords
    from chargeplan.solvers.solution import Solution


@takes_engine_keywords
def minimum_separation(
    distance: ArrayLike,
    separation: float,
    weight: ArrayLike | None = None,
    **keywords: Unpack[EngineKeywords],
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
    asked = Asked(**keywords)
    table = checked_between(distance)
    if not 0.0 <= separation < float("inf"):
        raise InputError(f"separation is {separation}; it must be 0 or more")
    given = asked.given(table.shape[1])
    weights = checked_vector(weight, table.shape[1], "weight")
    instance = SeparationInstance(table, float(separation), weights, *given)
    return solve(instance, asked.limits, **asked.listening)
