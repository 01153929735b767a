"""What stations cost, written down afresh: building new ones, keeping or closing those that stand.

Every plan pays for closing each station that it may close; one that keeps it pays what keeping costs beyond
that. A station that costs no more to keep than to close counts as kept: whoever closes it pays no less, and
serves nobody better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.audit.exact import exact_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.problem import Problem


@dataclass(frozen=True)
class StationCosts:
    """What plans pay for stations.

    Parameters
    ----------
    each
        (M,) for an open one, none too much.
    anyway
        By every plan besides.
    """

    each: NDArray[np.float64]
    anyway: Fraction


def station_costs(problem: Problem) -> StationCosts:
    """Price the stations of a problem whose objective or limit is money."""
    sites = problem.sites
    stands, saves = sites.status == "existing", _closing_saves(problem)
    each = np.where(stands, 0.0, sites.cost)
    for site in np.flatnonzero(saves).tolist():
        each[site] = _no_more_than(Fraction(sites.keep[site]) - Fraction(sites.close[site]))
    return StationCosts(each, exact_sum(sites.keep[stands & ~saves]) + exact_sum(sites.close[saves]))


def cost_of(problem: Problem, opened: NDArray[np.bool_]) -> float:
    """Add up what new stations cost, and what keeping and closing those that stand takes.

    Parameters
    ----------
    problem
        With the sites.
    opened
        (M,) bool; a closed station that has to stay counts for nothing, and is a fault of its own.
    """
    sites, stands = problem.sites, problem.sites.status == "existing"
    closed = stands & ~opened & np.isfinite(sites.close)
    parts = sites.cost[~stands & opened], sites.keep[stands & opened], sites.close[closed]
    return float(sum(map(exact_sum, parts), Fraction(0)))


def may_close(problem: Problem) -> NDArray[np.bool_]:
    """Say which stations that stand may be given up, (M,): where money counts, those with a price for it."""
    objective, sites = problem.scenario.objective, problem.sites
    counts = objective.counts == "cost" or objective.budget is not None
    return np.asarray((sites.status == "existing") & np.isfinite(sites.close) & counts, np.bool_)


def given_sites(problem: Problem) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the sites that are open and those that are closed in every plan that is counted with."""
    status = problem.sites.status
    opened = np.isin(status, ("existing", "required")) & ~_closing_saves(problem)
    return opened, status == "forbidden"


def _closing_saves(problem: Problem) -> NDArray[np.bool_]:
    return may_close(problem) & (problem.sites.keep > problem.sites.close)


def _no_more_than(value: Fraction) -> float:
    nearest = float(value)
    return nearest if nearest <= value else math.nextafter(nearest, -math.inf)
