"""What vehicles draw at each station in the busiest hour, and who brings it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels import least_servers
from chargeplan.planning.charger_rows import known
from chargeplan.planning.distances import metres_of
from chargeplan.solvers.allocation_service import serve
from chargeplan.solvers.models.facility_location import allocation_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chargeplan.plan.answer import StandardResult
    from chargeplan.planning.recording import Outcome
    from chargeplan.problem import Problem
    from chargeplan.scenario import ChargerType, Sizing
    from chargeplan.solvers.allocation import AllocationInstance

_LESS = 1 - 1e-9  # of a room, so that the rounding of sums does not ask for one charger more
_HALVINGS = 50  # of the interval in which a load that fits is looked for


@dataclass(frozen=True, eq=False)
class Load:
    """What vehicles draw in the busiest hour.

    Parameters
    ----------
    kw
        (M,) mean kW at each site.
    lost_kw
        Mean kW of demand points that reach no station.
    beyond_kw
        Mean kW for which balancing finds no room.
    flow
        (N, M) shares of who charges where, where that was decided after the siting and is not the nearest.
    """

    kw: NDArray[np.float64]
    lost_kw: float
    beyond_kw: float = 0.0
    flow: csr_array | None = None


def station_load(
    problem: Problem,
    coverage: Sequence[csr_array],
    outcome: Outcome,
    results: Sequence[StandardResult],
    growth: float = 1.0,
) -> Load | None:
    """Bring the energy of the busiest hour to the stations.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    outcome
        Which stations there are; and, where the siting has decided it, who serves what.
    results
        Which station is nearest.
    growth
        Factor on all weights.

    Returns
    -------
    Load or None
        By the shares that the siting decided, else as ``[sizing] assignment`` says. None where the scenario
        states no energy.
    """
    sizing = problem.scenario.sizing
    if sizing is None or sizing.kwh is None:
        return None
    number = loading_standard(problem, sizing)
    standard = problem.standards[number]
    weight = growth * standard.points.weight
    nearest = _to_one_each(results[number].station, len(problem.sites))
    balanced, beyond = None, 0.0
    if standard.name not in outcome.flow and sizing.assignment == "balanced":
        balanced, beyond = _balanced(problem, number, coverage[number], outcome.open, nearest, weight)
    flow = outcome.flow.get(standard.name, nearest) if balanced is None else balanced
    kw = hourly_kw(sizing) * weight
    lost = float((kw * (1.0 - flow.sum(axis=1))).sum().clip(0.0))
    return Load(flow.T @ kw, lost, beyond * hourly_kw(sizing), balanced)


def loading_standard(problem: Problem, sizing: Sizing) -> int:
    """Return the number of the standard whose demand points charge: the named one, or the only one."""
    return next(
        number
        for number, standard in enumerate(problem.standards)
        if standard.corridor is None and sizing.standard in {None, standard.name}
    )


def hourly_kw(sizing: Sizing) -> float:
    """Return the mean kW that a weight of 1 draws in the busiest hour."""
    assert sizing.kwh is not None
    return sizing.kwh * sizing.peak_share


def erlangs(kw: NDArray[np.float64], types: Sequence[ChargerType]) -> NDArray[np.float64]:
    """Return how many chargers of each type are busy on average: (S, K) Erlang for (S,) kW."""
    part = [(each.load_share or 0.0) / (each.mean_kw or each.kw) for each in types]
    return np.asarray(kw[:, None] * np.array(part), np.float64)


def chargers_needed(
    kw: NDArray[np.float64], types: Sequence[ChargerType], sizing: Sizing
) -> NDArray[np.int64]:
    """Find the fewest chargers of each type with which no more than the stated share has to wait longer.

    Parameters
    ----------
    kw
        (S,) mean kW in the busiest hour.
    types, sizing
        K types, and the promise.

    Returns
    -------
    ndarray
        (S, K) chargers, by the queue M/M/n.
    """
    stay = np.array([each.stay_s or 1.0 for each in types])  # without a wait any stay will do
    chargers: NDArray[np.int64] = least_servers(
        erlangs(kw, types), service_time=stay, wait=sizing.wait_s, alpha=sizing.chance
    )
    return chargers


def kw_that_fit(
    room: NDArray[np.float64], standing: NDArray[np.int64], types: Sequence[ChargerType], sizing: Sizing
) -> NDArray[np.float64]:
    """Find the greatest load of the busiest hour whose chargers fit beside those that stand.

    Parameters
    ----------
    room
        (S,) chargers, standing ones included; infinite where there is no limit.
    standing
        (S, K) chargers of each type.
    types, sizing
        K types, and the promise.

    Returns
    -------
    ndarray
        (S,) kW, infinite where there is no limit.
    """
    kinds, place = np.unique(np.column_stack([room, standing]), axis=0, return_inverse=True)
    rooms, there = kinds[:, 0], kinds[:, 1:]
    finite = np.isfinite(rooms)
    left = np.where(finite, np.maximum(rooms - there.sum(axis=1), 0.0), 0.0)
    low = np.zeros(rooms.size)
    high = (left + there.sum(axis=1)) * max(each.kw for each in types) * len(types)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        fits = np.maximum(chargers_needed(middle, types, sizing) - there, 0.0).sum(axis=1) <= left
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.asarray(np.where(finite, low, np.inf)[place.ravel()], np.float64)


def _to_one_each(station: NDArray[np.int64], sites: int) -> csr_array:
    """Have each demand point served by one station, -1 for none: (N, M) shares."""
    served = np.flatnonzero(station >= 0)
    return csr_array((np.ones(served.size), (served, station[served])), shape=(station.size, sites))


def _balanced(
    problem: Problem,
    number: int,
    relation: csr_array,
    opened: NDArray[np.bool_],
    nearest: csr_array,
    weight: NDArray[np.float64],
) -> tuple[csr_array, float]:
    """Share demand among the open stations within the radius: as little beyond rooms as can be, ways short.

    Demand points without a station within the radius go to the nearest. Returns who charges where, and the
    weight that is beyond the rooms.
    """
    standard = problem.standards[number]
    usable = relation.astype(np.float64).multiply(opened[None, :]).tocsr()
    usable.eliminate_zeros()
    covered = np.flatnonzero(np.diff(usable.indptr))
    if covered.size == 0:
        return nearest, 0.0
    row = np.repeat(np.arange(covered.size), np.diff(usable.indptr)[covered])
    site = usable.indices.astype(np.int64)
    left = nearest.copy()
    left.data[np.isin(left.tocoo().coords[0], covered)] = 0.0
    left.eliminate_zeros()
    taken = np.asarray(left.T @ weight, np.float64)
    instance = _with_overflow(
        problem, row, site, metres_of(standard, problem.sites, covered[row], site),
        weight=weight[covered], opened=opened, radius=standard.radius, taken=taken,
    )  # fmt: skip
    served = serve(instance, instance.opened)
    assert served is not None  # whatever has no room goes beyond it
    pairs, share = served
    place, sites = instance.site[pairs], len(problem.sites)
    beyond = place >= sites
    at = covered[instance.row[pairs]], np.where(beyond, place - sites, place)
    flow = csr_array((share, at), shape=nearest.shape)  # adds up what comes within and beyond the room
    over = float((share * instance.demand[instance.row[pairs]])[beyond].sum())
    return csr_array(flow + left), over


def _with_overflow(
    problem: Problem,
    row: NDArray[np.int64],
    site: NDArray[np.int64],
    metres: NDArray[np.float64],
    *,
    weight: NDArray[np.float64],
    opened: NDArray[np.bool_],
    radius: float,
    taken: NDArray[np.float64],
) -> AllocationInstance:
    """Give every site a twin with room for all whom it can reach, so far away that it is the last resort.

    A detour over all the stations is no longer than the way to a twin, so no weight goes there that has room
    anywhere within reach. What is `taken`, (M,) weight, is there already.
    """
    sizing, types = problem.scenario.sizing, known(problem).types
    assert sizing is not None
    held = kw_that_fit(problem.sites.room, known(problem).standing, types, sizing) / hourly_kw(sizing)
    held = np.maximum(held * _LESS - taken, 0.0)
    away = radius * (1.0 + float(opened.sum()))
    return allocation_instance(
        weight.size, np.concatenate([row, row]), np.concatenate([site, site + held.size]),
        np.concatenate([metres, metres + away]) * np.concatenate([weight[row], weight[row]]),
        opening=np.zeros(2 * held.size), demand=weight,
        capacity=np.concatenate([held, np.bincount(site, weight[row], held.size)]),
        given=(np.concatenate([opened, opened]), np.concatenate([~opened, ~opened])), single_source=False,
    )  # fmt: skip
