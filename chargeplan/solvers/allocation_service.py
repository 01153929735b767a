"""Who is served from where, once it is known which sites are open.

From the nearest without capacities, by a transportation problem with them, from one site each if asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_FINEST = 2.0**52  # units that all demand is cut into where it is not whole
_ROOM = 1e-10  # part of a capacity that may be used beyond it, for the rounding to units
_MANY = 400_000  # pairs, beyond which a transportation problem begins with the nearest ones
_NEAREST, _FARTHER = 16, 8  # of a demand point, at first, and how many times as many at the next attempt
_COST_BITS = 45  # of a cost in the transportation problem, fewer in large ones
_SUM_BITS = 58  # of costs along a path


def serve(
    instance: AllocationInstance, open_sites: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Serve the demand points from open sites at the least cost.

    Parameters
    ----------
    instance
        Without pairs of closed sites.
    open_sites
        (M,) bool.

    Returns
    -------
    tuple or None
        (K,) indices of the pairs that serve, and their shares; None where the open sites cannot serve all.
        With a single source the cost is not always the least, and None may be an error; with very many pairs
        it is the least of the nearest.
    """
    if instance.capacity is None:
        nearest = instance.rows.nearest_two(open_sites)[:, 0]
        return None if (nearest < 0).any() else (nearest, np.ones(nearest.size))
    share = _shared(instance, open_sites[instance.site])
    if share is None:
        return None
    pairs = np.flatnonzero(share)
    return pairs, share[pairs]


def _shared(instance: AllocationInstance, usable: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Share the demand among usable pairs within the capacities: (P,); None where that is not found."""
    if instance.single_source:
        return _one_each(instance, usable)
    share = _nearest(instance, usable, instance.demand == 0.0)
    transported = _transported(instance, usable)
    return None if share is None or transported is None else share + transported


def _nearest(
    instance: AllocationInstance, usable: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Serve some demand points from their cheapest usable site; None where one has none."""
    pairs = np.flatnonzero(usable & wanted[instance.row])
    first = pairs[np.diff(instance.row[pairs], prepend=-1) > 0]
    if first.size < int(wanted.sum()):
        return None
    share = np.zeros(usable.size)
    share[first] = 1.0
    return share


def transported_pairs(pairs: float, points: int) -> float:
    """Return how many of the pairs of so many demand points a transportation problem begins with."""
    return pairs if pairs <= _MANY else min(pairs, float(_NEAREST * points))


def _transported(instance: AllocationInstance, usable: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Transport the demand; of very many pairs by each demand point's nearest ones, as many as it takes."""
    if int(usable.sum()) <= _MANY:
        return _Transport(instance, usable).share()
    assert instance.capacity is not None
    held = instance.capacity[np.bincount(instance.site[usable], minlength=instance.sites) > 0].sum()
    if held * (1.0 + _ROOM) < instance.demand.sum():
        return None
    nearest = _NEAREST
    while nearest < instance.sites:
        share = _Transport(instance, usable, nearest).share()
        if share is not None:
            return share
        nearest *= _FARTHER
    return _Transport(instance, usable).share()


class _Transport:
    """The transportation problem of some pairs, in whole units, as a flow of least cost.

    Parameters
    ----------
    instance
        With capacities.
    usable
        (P,) bool, pairs whose site is open.
    nearest
        How many pairs of each demand point there are to be, the cheapest; None for all.
    """

    def __init__(
        self, instance: AllocationInstance, usable: NDArray[np.bool_], nearest: int | None = None
    ) -> None:
        assert instance.capacity is not None
        self.instance = instance
        self.pairs = np.flatnonzero(usable & (instance.demand[instance.row] > 0.0))
        if nearest is not None:
            count = np.bincount(instance.row[self.pairs], minlength=instance.points)
            first = np.repeat(np.cumsum(count) - count, count)
            self.pairs = self.pairs[np.arange(self.pairs.size) - first < nearest]
        self.row, self.site = instance.row[self.pairs], instance.site[self.pairs]
        self.demand, self.capacity = in_units(instance.demand, instance.capacity)
        self.flow = np.zeros(self.pairs.size, np.int64)

    def share(self) -> NDArray[np.float64] | None:
        """Return (P,) shares of the least cost, None where the sites cannot hold the demand."""
        network = self._network()
        if network.solve() != network.OPTIMAL:
            return None
        return self._shares(network)

    def most(self) -> NDArray[np.float64]:
        """Return (P,) shares that serve as much demand as can be served."""
        network = self._network()
        network.solve_max_flow_with_min_cost()
        return self._shares(network)

    def _network(self) -> Any:
        from ortools.graph.python import min_cost_flow  # noqa: PLC0415 - loaded when first used

        points, sites = self.instance.points, self.instance.sites
        network = min_cost_flow.SimpleMinCostFlow()
        network.add_arcs_with_capacity_and_unit_cost(
            self.row,
            points + self.site,
            np.minimum(self.demand[self.row], self.capacity[self.site]),
            self._costs(),
        )
        network.add_arcs_with_capacity_and_unit_cost(
            points + np.arange(sites),
            np.full(sites, points + sites),
            self.capacity,
            np.zeros(sites, np.int64),
        )
        supply = np.append(self.demand, -self.demand.sum())
        network.set_nodes_supplies(np.append(np.arange(points), points + sites), supply)
        return network

    def _costs(self) -> NDArray[np.int64]:
        per_unit = self.instance.cost[self.pairs] / self.instance.demand[self.row]
        most = float(per_unit.max(initial=0.0))
        if most == 0.0:
            return np.zeros(per_unit.size, np.int64)
        bits = min(
            _COST_BITS, _SUM_BITS - math.ceil(math.log2(self.instance.points + self.instance.sites + 1))
        )
        return np.rint(per_unit / most * 2.0**bits).astype(np.int64)

    def _shares(self, network: Any) -> NDArray[np.float64]:
        self.flow = np.asarray(network.flows(np.arange(self.pairs.size)), np.int64)
        result = np.zeros(self.instance.row.size)
        result[self.pairs] = self.flow / self.demand[self.row]
        return result


def in_units(
    demand: NDArray[np.float64], capacity: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return demands and capacities in whole units: theirs where they are whole, else very small ones."""
    total = float(demand.sum())
    capacity = np.minimum(capacity, total)
    if total <= _FINEST and all(bool((part == np.floor(part)).all()) for part in (demand, capacity)):
        return demand.astype(np.int64), capacity.astype(np.int64)
    scale = _FINEST / max(total, np.finfo(float).tiny)
    units = np.where(demand > 0.0, np.maximum(np.rint(demand * scale), 1.0), 0.0)
    return units.astype(np.int64), np.floor(capacity * scale * (1.0 + _ROOM)).astype(np.int64)


@dataclass(frozen=True)
class Shortage:
    """Demand points that ask for more than all sites hold that may serve them.

    Parameters
    ----------
    points
        Their indices.
    demand, capacity
        What they ask for, and what those sites hold.
    """

    points: NDArray[np.int64]
    demand: float
    capacity: float


def shortage(instance: AllocationInstance) -> Shortage | None:
    """Find demand points whose permitted sites do not hold what they ask for, all sites open.

    Parameters
    ----------
    instance
        With capacities, without pairs of closed sites.

    Returns
    -------
    Shortage or None
        None where demand can be served, split as it may be.

    Notes
    -----
    The demand side of a least cut (Ford & Fulkerson 1956): whoever can be reached along a way on which flow
    could be changed, from a demand point that is left with less than it asks for.
    """
    everywhere = np.ones(instance.row.size, np.bool_)
    if _transported(instance, everywhere) is not None:
        return None
    transport = _Transport(instance, everywhere)
    transport.most()
    served = np.bincount(transport.row, transport.flow, instance.points)
    lacking = np.flatnonzero(served < transport.demand)
    points, sites = _reached(transport, lacking)
    assert instance.capacity is not None
    return Shortage(points, float(instance.demand[points].sum()), float(instance.capacity[sites].sum()))


def _reached(
    transport: _Transport, lacking: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    points, sites = transport.instance.points, transport.instance.sites
    root = points + sites
    back = transport.flow > 0
    start = np.concatenate((transport.row, points + transport.site[back], np.full(lacking.size, root)))
    end = np.concatenate((points + transport.site, transport.row[back], lacking))
    graph = csr_array((np.ones(start.size), (start, end)), shape=(root + 1, root + 1))
    reached = np.sort(breadth_first_order(graph, root, return_predecessors=False)).astype(np.int64)
    return reached[reached < points], reached[(reached >= points) & (reached < root)] - points


def _one_each(instance: AllocationInstance, usable: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Serve every demand point from one site: in several orders, each improved by moves; the cheapest of all.

    Martello & Toth (1990), Knapsack problems, on the generalised assignment problem: whoever would lose the
    most by not getting its best site goes first.
    """
    pairs = np.flatnonzero(usable)
    found = [_in_order(instance, pairs, order) for order in _orders(instance, pairs)]
    costs = [np.inf if share is None else float(instance.cost @ share) for share in found]
    return found[int(np.argmin(costs))]


def _orders(instance: AllocationInstance, pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return orders of the demand points: by regret, by demand, by both."""
    cost = np.full((instance.points, 2), np.inf)
    row = instance.row[pairs]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    cost[row[starts], 0] = instance.cost[pairs[starts]]
    seconds = starts[np.append(np.diff(starts), row.size - starts[-1:]) > 1] + 1
    cost[row[seconds], 1] = instance.cost[pairs[seconds]]
    known = np.where(np.isfinite(cost), cost, 0.0)
    regret = np.where(np.isfinite(cost).all(axis=1), known[:, 1] - known[:, 0], np.inf)
    return [
        np.lexsort((-instance.demand, -regret)),
        np.lexsort((-regret, -instance.demand)),
        np.argsort(-np.minimum(regret, 1e300) * instance.demand, kind="stable"),
    ]


def _in_order(
    instance: AllocationInstance, pairs: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Give each demand point in turn its cheapest site with room, then move them while that saves."""
    assert instance.capacity is not None
    room = instance.capacity * (1.0 + _ROOM)
    ends = np.searchsorted(instance.row[pairs], np.arange(instance.points + 1))
    chosen = np.full(instance.points, -1)
    improved = True
    while improved:
        improved = False
        for point in order.tolist():
            own = pairs[ends[point] : ends[point + 1]]
            now, demand = int(chosen[point]), instance.demand[point]
            fits = own[room[instance.site[own]] >= demand]
            if now < 0 and not fits.size:
                return None
            if fits.size and (now < 0 or fits[0] < now):  # pairs of a demand point are in order of cost
                if now >= 0:
                    room[instance.site[now]] += demand
                chosen[point] = fits[0]
                room[instance.site[fits[0]]] -= demand
                improved = True
    share = np.zeros(instance.row.size)
    share[chosen] = 1.0
    return share
