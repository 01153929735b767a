"""What is left of a facility location problem once a plan and a bound are known, and its matrix form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.solvers.matrix import MatrixModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import Allocation, AllocationInstance
    from chargeplan.solvers.allocation_dual import AllocationDual

_NOISE = 1e-9  # part of the cost that floats may be off


@dataclass(frozen=True)
class AllocationCore:
    """The sites and pairs that a better plan may still use.

    Parameters
    ----------
    instance
        Without pairs of closed sites.
    sites
        Indices of the sites that are left.
    pairs
        Indices of the pairs that are left, rising.
    opened
        (M,) bool, sites that are open in every better plan.
    """

    instance: AllocationInstance
    sites: NDArray[np.int64]
    pairs: NDArray[np.int64]
    opened: NDArray[np.bool_]

    @property
    def feasible(self) -> bool:
        """Whether every demand point has a pair left, and their number the sites it takes."""
        row = self.instance.row[self.pairs]
        served = bool(np.bincount(row, minlength=self.instance.points).all())
        stations = self.instance.stations
        return served and (stations is None or int(self.opened.sum()) <= stations <= self.sites.size)

    def matrix(self) -> MatrixModel:
        """Write the strong formulation: a variable for each site, then one for each pair."""
        instance, pairs = self.instance, self.pairs
        n_sites, n_pairs = self.sites.size, pairs.size
        place = np.full(instance.sites, -1)
        place[self.sites] = np.arange(n_sites)
        site, share, row = place[instance.site[pairs]], n_sites + np.arange(n_pairs), instance.row[pairs]
        columns, ones = n_sites + n_pairs, np.ones(n_pairs)
        whole = csr_array((ones, (row, share)), shape=(instance.points, columns))
        both = np.concatenate((np.arange(n_pairs), np.arange(n_pairs)))
        linked = csr_array(
            (np.concatenate((ones, -ones)), (both, np.concatenate((share, site)))), shape=(n_pairs, columns)
        )
        rows = [whole, *self._number(columns), linked, *self._capacities(site, share, columns)]
        held = 0 if instance.capacity is None else n_sites
        number = [] if instance.stations is None else [float(instance.stations)]
        equal, none = np.append(np.ones(instance.points), number), np.full(n_pairs + held, -np.inf)
        integral = np.concatenate((np.ones(n_sites, np.bool_), np.full(n_pairs, instance.single_source)))
        return MatrixModel(
            objective=np.concatenate((instance.opening[self.sites], instance.cost[pairs])),
            rows=csr_array(vstack(rows, format="csr")),
            row_lower=np.concatenate((equal, none)),
            row_upper=np.concatenate((equal, np.zeros(n_pairs + held))),
            lower=np.concatenate((self.opened[self.sites].astype(np.float64), np.zeros(n_pairs))),
            upper=np.ones(columns),
            integral=integral,
            implied=~integral if instance.capacity is None else np.zeros(columns, np.bool_),
        )

    def _number(self, columns: int) -> list[csr_array]:
        if self.instance.stations is None:
            return []
        return [csr_array((np.arange(columns) < self.sites.size).astype(np.float64)[None, :])]

    def _capacities(self, site: NDArray[np.int64], share: NDArray[np.int64], columns: int) -> list[csr_array]:
        if self.instance.capacity is None:
            return []
        demand = self.instance.demand[self.instance.row[self.pairs]]
        sites = np.arange(self.sites.size)
        data = np.concatenate((demand, -self.instance.capacity[self.sites]))
        places = (np.concatenate((site, sites)), np.concatenate((share, sites)))
        rows = csr_array((data, places), shape=(sites.size, columns))
        rows.eliminate_zeros()
        return [rows]

    def start(self, plan: Allocation, matrix: MatrixModel) -> NDArray[np.float64] | None:
        """Return the values of a plan's variables, None where it is not among what is left."""
        share, place = np.zeros(self.pairs.size), np.searchsorted(self.pairs, plan.pairs)
        inside = np.append(self.pairs, -1)[place] == plan.pairs
        share[place[inside]] = plan.share[inside]
        values = np.concatenate((plan.open_sites[self.sites].astype(np.float64), share))
        return values if matrix.violation(values) <= _NOISE else None


def everything(instance: AllocationInstance) -> AllocationCore:
    """Return the core that leaves nothing out."""
    sites = np.flatnonzero(~instance.closed)
    return AllocationCore(instance, sites, np.arange(instance.row.size), instance.opened)


def left(dual: AllocationDual, limit: float, most: int) -> AllocationCore | None:
    """Return what a plan of at most some cost may still use, as the multipliers tell.

    Parameters
    ----------
    dual
        With a proven bound.
    limit
        A cost; plans beyond it are of no interest.
    most
        How many pairs a core may have.

    Returns
    -------
    AllocationCore or None
        None where more pairs are left.
    """
    instance, room = dual.instance, limit - dual.bound + _NOISE * max(abs(limit), 1.0)
    free = instance.free
    opened = instance.opened | (free & (-dual.reduced > room))
    keep = ~instance.closed & ~(free & (dual.reduced > room))
    opens = np.where(free, np.maximum(dual.reduced, 0.0), 0.0)
    if instance.capacity is None:
        found = instance.rows.within(dual.rows + room, np.where(keep, opens, np.inf), most)
        return None if found is None else AllocationCore(instance, np.flatnonzero(keep), found, opened)
    pairs = keep[instance.site]
    if not instance.split:  # a share may be small where it can be split, and cost as little
        price = dual.prices[instance.site] * instance.demand[instance.row]
        beyond = instance.cost + price - dual.rows[instance.row]
        pairs &= np.maximum(beyond, 0.0) + opens[instance.site] <= room
    found = np.flatnonzero(pairs)
    return None if found.size > most else AllocationCore(instance, np.flatnonzero(keep), found, opened)


def relaxed(matrix: MatrixModel) -> MatrixModel:
    """Return the linear relaxation."""
    return replace(matrix, integral=np.zeros(matrix.integral.size, np.bool_))
