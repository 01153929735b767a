"""The smallest radius at which a service standard can hold with the sites that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan import kernels
from chargeplan.audit.pairs import has_way
from chargeplan.planning.serve import ROUNDING, distance_to_last_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.problem import Problem, RoadAccess, Sites, Standard

_CELLS = 4_000_000  # pairs of a demand point and a site that are measured at a time


def radii_needed(problem: Problem, coverage: Sequence[csr_array]) -> dict[str, float | None]:
    """Find the smallest radius of every required standard, as `radius_needed` does, by its name.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    """
    permitted = (problem.sites.status != "forbidden").astype(np.int64)
    return {
        standard.name: radius_needed(
            standard, problem.sites, relation.astype(np.int64) @ permitted >= standard.stations
        )
        for standard, relation in zip(problem.standards, coverage, strict=True)
        if standard.required
    }


def radius_needed(standard: Standard, sites: Sites, coverable: NDArray[np.bool_]) -> float | None:
    """Find the smallest radius at which every permitted site, open, would keep a standard.

    Parameters
    ----------
    standard
        Its share and the number of stations that a demand point needs count.
    sites
        All sites; forbidden ones stay closed.
    coverable
        (N,) bool, demand points within the standard's radius of enough permitted sites.

    Returns
    -------
    float or None
        Metres: at this radius the standard can hold, or just above it where it asks for less than the radius.
        0 where it asks for nothing, None where no radius would do.
    """
    weight = standard.points.weight
    least, reached = standard.share * float(weight.sum()) * (1 - ROUNDING), weight
    if standard.share == 1.0:  # every point, whatever its weight
        least, reached = float(weight.size), np.ones(weight.size)
    if least <= 0.0:
        return 0.0
    # Points within the radius come before all others, so only one of the two kinds decides.
    inside = float(reached[coverable].sum())
    rows = np.flatnonzero(coverable if inside >= least else ~coverable)
    distance = _distances(standard, sites, rows)
    order = np.argsort(distance, kind="stable")
    upto = np.cumsum(reached[rows][order]) + (0.0 if inside >= least else inside)
    place = int(np.searchsorted(upto, least))
    needed = float(distance[order][min(place, order.size - 1)])
    return needed if np.isfinite(needed) else None


def _distances(standard: Standard, sites: Sites, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure how far some demand points are from the last permitted site that they need, some at a time."""
    permitted = sites.status != "forbidden"
    distance = np.full(rows.size, np.inf)
    # Whoever has no way to any site would be looked for on all roads.
    asking = np.flatnonzero(has_way(_part(standard, rows), permitted)) if rows.size else rows
    step = max(1, _CELLS // max(len(sites), 1))
    for start in range(0, asking.size, step):
        part = asking[start : start + step]
        distance[part] = distance_to_last_needed(_part(standard, rows[part]), sites, permitted)
    return distance


def _part(standard: Standard, rows: NDArray[np.int64]) -> Standard:
    """Keep some of a standard's demand points."""
    return replace(
        standard,
        points=standard.points.take(rows),
        access=None if standard.access is None else _entering(standard.access, rows),
        matrix=None if standard.matrix is None else standard.matrix[rows],
    )


def _entering(access: RoadAccess, rows: NDArray[np.int64]) -> RoadAccess:
    return replace(access, demand=kernels.Snapped(access.demand.node[rows], access.demand.leg[rows]))
