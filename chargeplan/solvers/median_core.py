"""What multipliers leave of a p-median: sites fixed by reduced costs, then a covering model of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.median_dual import MedianDual

_ROUNDING = 1e-9  # of the bound: what sums of floats may be off by
_LARGEST = 30_000_000  # entries of the covering rows beyond which a backend is not asked


@dataclass(frozen=True)
class Fixed:
    """What holds for every plan that is better than a given objective.

    Parameters
    ----------
    opened, closed
        (M,) bool, sites open or closed in all of them.
    reach
        (N,) no demand point is served at a greater cost in any of them.
    """

    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    reach: NDArray[np.float64]

    @property
    def free(self) -> int:
        """How many sites are not decided."""
        return int((~self.opened & ~self.closed).sum())


def fix(dual: MedianDual, known: Fixed, limit: float) -> Fixed:
    """Fix what no plan of at most a given cost can have otherwise.

    Parameters
    ----------
    dual
        Its best multipliers are used.
    known
        What is fixed already, for this limit or a greater one.
    limit
        What a plan that is looked for costs at most.

    Returns
    -------
    Fixed
        Valid together with what was known.

    Notes
    -----
    To open a site that the multipliers leave closed adds to their bound what it saves less than the last one
    they open; to close one, or to serve a demand point at more than its multiplier, likewise.
    """
    limit += _ROUNDING * max(abs(limit), 1.0)
    chosen, savings = dual.chosen, dual.savings
    movable = chosen & ~dual.opened
    last = savings[movable].min(initial=np.inf)
    following = savings[~chosen].max(initial=-np.inf)
    shut = ~chosen & (dual.bound + last - savings > limit)
    kept = movable & (dual.bound + savings - following > limit)
    reach = dual.multipliers + max(limit - dual.bound, 0.0)
    return Fixed(known.opened | kept, known.closed | shut, np.minimum(known.reach, reach))


@dataclass(frozen=True)
class MedianCore:
    """The plans that fixing leaves, as a covering model: the cost avoided is the value covered.

    Parameters
    ----------
    model
        Over the sites that are not closed.
    sites
        (F,) their indices.
    ceiling
        A plan costs this, minus the value that it covers.

    Notes
    -----
    The radius formulation (Cornuejols, Nemhauser & Wolsey 1980; Garcia, Labbe & Marin 2011): a demand point
    avoids the step from one of its distinct costs to the next if a station stands at the first or nearer.
    Steps of several demand points with the same sites are one row (Church 2003, COBRA).
    """

    model: CoveringModel
    sites: NDArray[np.int64]
    ceiling: float

    def cost(self, value: float) -> float:
        """Turn a value covered into a cost."""
        return self.ceiling - value


def core(dual: MedianDual, fixed: Fixed) -> MedianCore | None:
    """Write out what is left.

    Parameters
    ----------
    dual
        Whose p-median it is.
    fixed
        What is decided.

    Returns
    -------
    MedianCore or None
        None where it would be too large for any backend.
    """
    sites = np.flatnonzero(~fixed.closed)
    cost = dual.cost[:, sites]
    opened = fixed.opened[sites]
    settled = cost[:, opened].min(axis=1, initial=np.inf)
    steps = _Steps.of(cost, settled, fixed.reach + _ROUNDING * np.maximum(fixed.reach, 1.0))
    if steps.entries > _LARGEST:
        return None
    coverage = steps.coverage(sites.size)
    rows = coverage.shape[0]
    model = CoveringModel(
        coverage=coverage,
        need=np.ones(rows, np.int64),
        must=steps.must,
        value=steps.value,
        group=np.full(rows, -1),
        weight=np.zeros(rows),
        targets=np.empty(0),
        cost=np.zeros(sites.size),
        usage=np.ones(sites.size),
        limit=float(dual.stations),
        opened=opened,
        closed=np.zeros(sites.size, np.bool_),
        maximise=True,
    )
    return MedianCore(model, sites, steps.ceiling)


@dataclass(frozen=True)
class _Steps:
    """The steps of all demand points from one cost to the next.

    Parameters
    ----------
    sites
        Sites by demand point, nearest first.
    first, length
        (L,) where the sites of a step begin, and how many they are.
    value
        (L,) what is avoided if one of them is open; 0 where one must be.
    must
        (L,) bool.
    ceiling
        The cost if nothing is avoided.
    """

    sites: NDArray[np.int64]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    value: NDArray[np.float64]
    must: NDArray[np.bool_]
    ceiling: float

    @classmethod
    def of(
        cls, cost: NDArray[np.float64], settled: NDArray[np.float64], reach: NDArray[np.float64]
    ) -> _Steps:
        """Find the steps below what is settled, or within reach: then the last one must be taken."""
        beyond = (settled > reach) | np.isinf(settled)
        near = np.where(beyond[:, None], cost <= reach[:, None], cost < settled[:, None])
        row, site, value = _nearest_first(cost, near)
        start = np.searchsorted(row, np.arange(cost.shape[0]))
        last_of_row = _last_of_run(row)
        ends = np.flatnonzero(last_of_row | _last_of_run(value))
        top = np.where(beyond, -np.inf, settled)
        np.maximum.at(top, row[beyond[row]], value[beyond[row]])
        must = beyond[row[ends]] & last_of_row[ends]
        following = np.append(value[ends], 0.0)[1:]
        following = np.where(last_of_row[ends], top[row[ends]], following)
        # A demand point that nothing is within reach of: no plan is left, which an empty row says.
        lost = np.flatnonzero(beyond & ~near.any(axis=1))
        none = np.zeros(lost.size)
        return cls(
            sites=site,
            first=np.append(start[row[ends]], lost * 0),
            length=np.append(ends + 1 - start[row[ends]], lost * 0),
            value=np.append(np.where(must, 0.0, following - value[ends]), none),
            must=np.append(must, none == 0.0),
            ceiling=float(top[np.isfinite(top)].sum()),
        )

    @property
    def entries(self) -> int:
        """How many sites the rows have together."""
        return int(self.length.sum())

    def coverage(self, n_sites: int) -> csr_array:
        """Return (L, M), the sites of each step and of those below it."""
        indptr = np.concatenate(([0], np.cumsum(self.length)))
        within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], self.length)
        indices = self.sites[np.repeat(self.first, self.length) + within]
        coverage = csr_array(
            (np.ones(indices.size, np.bool_), indices, indptr), shape=(self.length.size, n_sites)
        )
        coverage.sort_indices()
        return coverage


def _nearest_first(
    cost: NDArray[np.float64], near: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the demand point, site and cost of the pairs marked, by demand point, the least cost first."""
    row, site = np.nonzero(near)
    value = cost[row, site]
    order = np.lexsort((site, value, row))
    return row[order], site[order], value[order]


def _last_of_run(values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the last of each run of equal values."""
    last = np.ones(values.size, np.bool_)
    last[:-1] = values[1:] != values[:-1]
    return last
