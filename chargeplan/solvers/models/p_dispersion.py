"""P-dispersion: stations as far from each other as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from chargeplan.errors import InputError
from chargeplan.solvers.dispersion import DispersionInstance, solve
from chargeplan.solvers.models.distances import checked_between, checked_stations
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chargeplan.solvers.models.keywords import EngineKeywords
    from chargeplan.solvers.solution import Solution


@takes_engine_keywords
def p_dispersion(
    distance: ArrayLike,
    stations: int,
    **keywords: Unpack[EngineKeywords],
) -> Solution:
    """Find the stations whose least distance from each other is the greatest.

    Parameters
    ----------
    distance
        (M, M) distances between the sites, finite, 0 or more, in any unit. Where the two directions differ
        the shorter one counts; the diagonal counts for nothing.
    stations
        How many there are to be, at least 2, required ones included.

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
    asked = Asked(**keywords)
    table = checked_between(distance)
    opened, closed = asked.given(table.shape[1])
    number = checked_stations(stations, opened, closed)
    if number < 2:
        raise InputError(f"stations is {stations}; a distance between stations takes at least 2")
    instance = DispersionInstance(table, number, opened, closed)
    return solve(instance, asked.limits, **asked.listening)
