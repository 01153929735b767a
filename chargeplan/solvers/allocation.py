"""Facility location as arrays: who may be served where, what it costs, and what a plan of it is.

With y_j = 1 where site j is open and x_ij the share of demand point i that it serves::

    min  sum_j opening_j y_j + sum_ij cost_ij x_ij
         sum_j x_ij = 1                              every demand point i
         x_ij <= y_j                                 every pair that is allowed
         sum_i demand_i x_ij <= capacity_j y_j       every site j, where capacities are given
         sum_j y_j = stations                        where their number is given
         opened_j <= y_j <= 1 - closed_j

Shares are whole with a single source, and may be whole without capacities (Balinski 1965). With costs of 0
it is capacitated set covering (Current & Storbeck 1988); with a number of stations that cost nothing, the
capacitated p-median (Mulvey & Beck 1984).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.errors import WrongAnswer
from chargeplan.kernels.cost_rows import CostRows
from chargeplan.solvers.solution import Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-9  # of a capacity or a share, for the rounding of sums


@dataclass(frozen=True)
class AllocationInstance:
    """A facility location problem as it was asked: N demand points, M sites, P pairs that are allowed.

    Parameters
    ----------
    points
        How many demand points there are.
    row, site, cost
        (P,) the pairs, by demand point and by cost within it, and the cost of serving the demand point whole.
    opening
        (M,) cost of a station.
    demand, capacity
        (N,) and (M,); `capacity` is None where stations serve any demand.
    opened, closed
        (M,) bool, sites whose state is given.
    single_source
        Whether a demand point is served by one station alone.
    stations
        How many sites are open, None for any number.
    """

    points: int
    row: NDArray[np.int64]
    site: NDArray[np.int64]
    cost: NDArray[np.float64]
    opening: NDArray[np.float64]
    demand: NDArray[np.float64]
    capacity: NDArray[np.float64] | None
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    single_source: bool = False
    stations: int | None = None

    @property
    def free(self) -> NDArray[np.bool_]:
        """Sites whose state is not given: (M,)."""
        return ~self.opened & ~self.closed

    @property
    def more(self) -> int | None:
        """How many sites are open besides those that must be, None for any number."""
        return None if self.stations is None else self.stations - int(self.opened.sum())

    @property
    def sites(self) -> int:
        """How many sites there are."""
        return self.opening.size

    @property
    def split(self) -> bool:
        """Whether a plan may have to serve a demand point from several stations."""
        return self.capacity is not None and not self.single_source

    @property
    def plain(self) -> bool:
        """Whether stations serve any demand, and there may be any number of them."""
        return self.capacity is None and self.stations is None

    @cached_property
    def rows(self) -> CostRows:
        """The pairs by demand point, for what needs no more of each row than its head."""
        first = np.searchsorted(self.row, np.arange(self.points + 1))
        return CostRows(first, self.site, self.cost, self.sites)

    @cached_property
    def whole(self) -> bool:
        """Whether every plan's objective is a whole number."""
        whole = bool((self.opening == np.floor(self.opening)).all())
        if self.split:
            return whole and not self.cost.any()
        return whole and bool((self.cost == np.floor(self.cost)).all())

    @cached_property
    def permitted(self) -> AllocationInstance:
        """The same without the pairs of closed sites."""
        if not self.closed.any():
            return self
        keep = ~self.closed[self.site]
        return replace(self, row=self.row[keep], site=self.site[keep], cost=self.cost[keep])

    def unserved(self) -> NDArray[np.int64]:
        """Demand points that no permitted site may serve."""
        return np.flatnonzero(np.diff(self.permitted.rows.first) == 0)


@dataclass(frozen=True)
class Allocation:
    """A plan: open sites, and the share of each demand point that each pair serves.

    Parameters
    ----------
    open_sites
        (M,) bool.
    pairs, share
        (K,) indices of the pairs that serve, of those of the permitted sites, and their shares.
    cost
        Of stations and pairs together.
    """

    open_sites: NDArray[np.bool_]
    pairs: NDArray[np.int64]
    share: NDArray[np.float64]
    cost: float


def allocation(
    instance: AllocationInstance,
    open_sites: NDArray[np.bool_],
    pairs: NDArray[np.int64],
    share: NDArray[np.float64],
) -> Allocation:
    """Make a plan of the permitted pairs, its cost and its rows checked.

    Parameters
    ----------
    instance
        Without pairs of closed sites.
    open_sites
        (M,) bool.
    pairs, share
        (K,) each, as `Allocation` has them.

    Raises
    ------
    WrongAnswer
        A demand point is not served whole, or by a site that is closed, or a capacity is exceeded.
    """
    row, site = instance.row[pairs], instance.site[pairs]
    served = np.bincount(row, share, instance.points)
    faults = {
        "serves a demand point in part": (np.abs(served - 1.0) > TOLERANCE).any(),
        "has a share below 0": (share < 0.0).any(),
        "serves from a closed site": (share[~open_sites[site]] != 0.0).any(),
        "opens or closes a given site": (open_sites & instance.closed | ~open_sites & instance.opened).any(),
        "has another number of stations": instance.stations not in {None, int(open_sites.sum())},
        "splits a demand point": instance.single_source and ((share != 0.0) & (share != 1.0)).any(),
    }
    if instance.capacity is not None:
        load = np.bincount(site, instance.demand[row] * share, instance.sites)
        faults["exceeds a capacity"] = (load > instance.capacity * (1 + TOLERANCE)).any()
    for fault, found in faults.items():
        if found:
            raise WrongAnswer(f"a plan {fault}")
    cost = float(instance.opening[open_sites].sum() + (instance.cost[pairs] * share).sum())
    return Allocation(open_sites, pairs, share, cost)


@dataclass(frozen=True, slots=True)
class AllocatedSolution(Solution):
    """A `Solution` that also says how demand is split.

    Parameters
    ----------
    flow
        (N, M) the share of each demand point that each station serves, rows adding up to 1; None without a
        plan. `assignment` names the station that serves the most of it.
    """

    flow: csr_array | None = field(default=None)


def allocated(solution: Solution, flow: csr_array | None) -> AllocatedSolution:
    """Say of a solution how demand is split: `flow` as `AllocatedSolution` has it."""
    told = {part.name: getattr(solution, part.name) for part in fields(solution)}
    return AllocatedSolution(**told | {"assignment": most_served_by(flow), "flow": flow})


def flows(instance: AllocationInstance, plan: Allocation | None) -> csr_array | None:
    """Return a plan's shares as an (N, M) array."""
    if plan is None:
        return None
    places = (instance.row[plan.pairs], instance.site[plan.pairs])
    return csr_array((plan.share, places), shape=(instance.points, instance.sites))


def most_served_by(flow: csr_array | None) -> NDArray[np.int64] | None:
    """Return for each demand point the site that serves the most of it, the first of several: (N,)."""
    if flow is None:
        return None
    row = np.repeat(np.arange(flow.shape[0]), np.diff(flow.indptr))
    order = np.lexsort((flow.indices, -flow.data, row))
    first = np.flatnonzero(np.diff(row[order], prepend=-1))
    return np.asarray(flow.indices[order][first], np.int64)
