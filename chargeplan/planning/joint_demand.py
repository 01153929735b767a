"""Who may charge where, whatever is open: the sites of each demand point in the order it takes them in.

With nearest assignment the first open one in the order of distance has all of a point's load. With balanced
assignment the open ones within the radius share it; only where there is none, the nearest other one has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.planning.distances import metres, metres_of
from chargeplan.planning.load import hourly_kw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.problem import Problem, Standard

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ChargingGroups:
    """Demand points that charge alike, put together.

    Parameters
    ----------
    kw
        (G,) mean kW of each group in the busiest hour.
    indptr, site
        (G + 1,) and (P,) the sites of each group in its order.
    shared
        (G,) how many of the first share the load freely.
    sure
        (G,) bool, whether one of the sites is open in every plan that keeps the standards.
    of_point, point_kw
        (N,) the group of each demand point, -1 for those that charge nowhere or nothing; and its mean kW.
    """

    kw: Floats
    indptr: Places
    site: Places
    shared: Places
    sure: Mask
    of_point: Places
    point_kw: Floats

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self.kw.size


def charging_groups(
    problem: Problem, standard: Standard, relation: csr_array, sure: Mask, opened: Mask, most: int
) -> ChargingGroups | None:
    """Put together the demand points that have the same sites in the same order.

    Parameters
    ----------
    problem, standard, relation
        What is asked, whose demand points charge, and the (N, M) sites within the radius of each.
    sure
        (N,) demand points of which some site within the radius is open in every plan.
    opened
        (M,) sites that are open in every plan.
    most
        How many pairs of a demand point and a site are too many.

    Returns
    -------
    ChargingGroups or None
        None where there are too many pairs.
    """
    weight = standard.points.weight
    alone = int(((weight > 0.0) & ~sure).sum())
    if relation.nnz > most or alone * len(problem.sites) > most:
        return None
    places: dict[tuple[bool, int, bytes], int] = {}
    of_point = np.full(weight.size, -1)
    chosen: list[tuple[Places, int, bool]] = []
    for point, sites, shared in _orders(problem, standard, relation, sure, opened):
        certain = bool(sure[point] or opened[sites].any())
        number = places.setdefault((certain, shared, sites.tobytes()), len(chosen))
        if number == len(chosen):
            chosen.append((sites, shared, certain))
        of_point[point] = number
    counted = of_point >= 0
    assert problem.scenario.sizing is not None
    kw = weight * hourly_kw(problem.scenario.sizing)
    return ChargingGroups(
        np.bincount(of_point[counted], weights=kw[counted], minlength=len(chosen)).astype(np.float64),
        np.cumsum([0, *(sites.size for sites, _, _ in chosen)]),
        np.concatenate([np.empty(0, np.int64), *(sites for sites, _, _ in chosen)]),
        np.array([shared for _, shared, _ in chosen], np.int64),
        np.array([certain for _, _, certain in chosen], np.bool_),
        of_point,
        kw,
    )


def _orders(
    problem: Problem, standard: Standard, relation: csr_array, sure: Mask, opened: Mask
) -> Iterator[tuple[int, Places, int]]:
    """Yield each demand point with a load, its sites in order, and how many of them share it."""
    sizing = problem.scenario.sizing
    nearest = sizing is None or sizing.assignment == "nearest"
    permitted = problem.sites.status != "forbidden"
    for point, site, away in _ways(problem, standard, relation, sure):
        allowed = permitted[site]
        sites, ways = site[allowed], away[allowed]
        within = np.zeros(len(problem.sites), np.bool_)
        within[relation.indices[relation.indptr[point] : relation.indptr[point + 1]]] = True
        shared = np.sort(sites[within[sites]]) if not nearest else np.empty(0, np.int64)
        rest = np.lexsort((sites, ways))
        others = sites[rest] if nearest else sites[rest][~within[sites[rest]]]
        if (sure[point] and not nearest) or opened[shared].any():
            others = others[:0]
        always = np.flatnonzero(opened[others])
        others = others[: always[0] + 1] if always.size else others
        if shared.size + others.size:
            yield point, np.concatenate([shared, others]).astype(np.int64), int(shared.size)


def _ways(
    problem: Problem, standard: Standard, relation: csr_array, sure: Mask
) -> Iterator[tuple[int, Places, Floats]]:
    """Yield each demand point with a load, the sites it has a way to, and how far they are.

    Where a site within the radius is open for sure, the nearest open one is within the radius.
    """
    weight = standard.points.weight
    index = np.flatnonzero((weight > 0.0) & sure)
    count = np.diff(relation.indptr)[index]
    row = np.repeat(index, count)
    site = relation[index].indices.astype(np.int64)
    away = metres_of(standard, problem.sites, row, site)
    ends = np.cumsum([0, *count])
    for number, point in enumerate(index.tolist()):
        own = slice(ends[number], ends[number + 1])
        yield point, site[own], away[own]
    alone = np.flatnonzero((weight > 0.0) & ~sure)
    table = metres(standard, problem.sites) if alone.size else np.empty((0, 0))
    for point in alone.tolist():
        reached = np.flatnonzero(np.isfinite(table[point]))
        yield point, reached, table[point, reached]
