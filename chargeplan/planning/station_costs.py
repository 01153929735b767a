"""What stations cost: new ones their price, those that stand what it takes to keep them or to give them up.

Solvers take prices of open stations that are not negative. Whoever closes a station pays for that and saves
what keeping it costs; so an open one is priced at the difference, what closing costs is paid anyway, and a
station that costs no more to keep than to close is kept: an open one never harms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from chargeplan.problem import Sites
    from chargeplan.scenario import Objective


@dataclass(frozen=True)
class Amount:
    """What an objective or a limit counts of a plan's stations.

    Parameters
    ----------
    each
        (M,) of an open one, at least 0.
    anyway
        Of every plan besides.
    """

    each: NDArray[np.float64]
    anyway: float = 0.0


def free_to_close(objective: Objective, sites: Sites) -> NDArray[np.bool_]:
    """Say which standing stations are decided on, (M,): where money counts, those that cost more to keep."""
    counts = objective.minimise == "cost" or objective.budget is not None
    return np.asarray((sites.status == "existing") & (sites.keep > sites.close) & counts, np.bool_)


def opened_anyway(objective: Objective, sites: Sites) -> NDArray[np.bool_]:
    """Say which sites are open in every plan, (M,): required ones, and those that stand and stay."""
    return standing_or_required(sites) & ~free_to_close(objective, sites)


def standing_or_required(sites: Sites) -> NDArray[np.bool_]:
    """Say where stations stand, or have to be built, (M,)."""
    return np.isin(sites.status, ("existing", "required"))


def station_prices(objective: Objective, sites: Sites) -> Amount:
    """Return what a plan pays for its stations, in what is minimised."""
    if objective.minimise == "cost":
        return _money(objective, sites)
    return Amount(_new(sites) * float(objective.minimise == "stations"))


def station_usage(objective: Objective, sites: Sites) -> Amount:
    """Return what stations take of the budget, or of the number of new stations."""
    if objective.budget is not None:
        return _money(objective, sites)
    return Amount(_new(sites) * float(objective.stations is not None))


def limit_left(objective: Objective, sites: Sites) -> float | None:
    """Return what of the limit is left for stations that a plan may or may not have; None for no limit.

    Raises
    ------
    InputError
        The required sites and those that stand exceed it.
    """
    check_limit(objective, sites)
    limit = limit_of(objective)
    if limit is None:
        return None
    left = Fraction(limit) - Fraction(station_usage(objective, sites).anyway)
    return max(-_rounded_down(-left), 0.0)


def limit_of(objective: Objective) -> float | None:
    """Return the budget, or the number of new stations; None for no limit."""
    limit = objective.budget if objective.budget is not None else objective.stations
    return None if limit is None else float(limit)


def check_limit(objective: Objective, sites: Sites) -> None:
    """Refuse a limit that no plan can keep.

    Raises
    ------
    InputError
        The required sites, and those that stand, alone exceed it.
    """
    limit, usage = limit_of(objective), station_usage(objective, sites)
    needed = float(usage.each[sites.status == "required"].sum()) + usage.anyway
    if limit is not None and needed > limit * (1 + 1e-12):
        key = "stations" if objective.budget is None else "budget"
        alone = "the required sites and the stations that stand" if usage.anyway else "the required sites"
        raise InputError(f"[objective], {key} = {limit:g}: {alone} alone take {needed:g}")


def plan_cost(sites: Sites, open_sites: NDArray[np.bool_]) -> float:
    """Add up what a plan costs: new stations, and keeping or closing those that stand.

    Parameters
    ----------
    sites
        All of them.
    open_sites
        (M,) bool.
    """
    stands = sites.status == "existing"
    parts = (
        sites.cost[open_sites & ~stands],
        sites.keep[open_sites & stands],
        sites.close[~open_sites & stands],
    )
    return math.fsum(np.concatenate(parts).tolist())


def _new(sites: Sites) -> NDArray[np.float64]:
    return np.asarray(sites.status != "existing", np.float64)


def _money(objective: Objective, sites: Sites) -> Amount:
    """Price new stations, and those that a plan may close at what that saves, rounded down."""
    stands, free = sites.status == "existing", free_to_close(objective, sites)
    price = np.where(stands, 0.0, sites.cost)
    price[free] = [_rounded_down(saved) for saved in _differences(sites.keep[free], sites.close[free])]
    anyway = np.concatenate((sites.keep[stands & ~free], sites.close[free]))
    return Amount(price, math.fsum(anyway.tolist()))


def _differences(more: NDArray[np.float64], less: NDArray[np.float64]) -> Iterable[Fraction]:
    return (Fraction(a) - Fraction(b) for a, b in zip(more.tolist(), less.tolist(), strict=True))


def _rounded_down(value: Fraction) -> float:
    nearest = float(value)
    return nearest if nearest <= value else math.nextafter(nearest, -math.inf)
