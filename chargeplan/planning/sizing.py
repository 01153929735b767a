"""How many chargers of which type, once the stations are known: the cheapest that keep every promise.

Stations that all rows treat alike are one class, and a class has as many chargers as its stations together:
no plan is lost by that, since a class's chargers fit its stations wherever each has what it needs itself.
They are then given to the stations in proportion to load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.planning.apportion import cut_to, give_out
from chargeplan.planning.charger_rows import charger_prices, charger_rows, known
from chargeplan.planning.charger_totals import cheapest, wanted
from chargeplan.planning.load import chargers_needed, erlangs, station_load
from chargeplan.planning.serve import serve
from chargeplan.scenario import Sizing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.plan.answer import StandardResult
    from chargeplan.planning.charger_rows import ChargerRows
    from chargeplan.planning.load import Load
    from chargeplan.planning.recording import Outcome
    from chargeplan.problem import Problem
    from chargeplan.solvers.solution import Limits

    Counts = NDArray[np.int64]

_ROUNDING = 1e-6  # of a number of chargers that shares make


@dataclass(frozen=True, eq=False)
class Sized:
    """Chargers of every station.

    Parameters
    ----------
    new, standing
        (M, K) chargers that are built and that stand already, at open stations; 0 elsewhere.
    needed
        (M, K) what the load of each station needs.
    homes
        (H,) chargers at homes.
    load
        What the stations' load is; None where the scenario states none.
    rows
        What all of it had to keep, over the open stations.
    optimal
        Whether no cheaper numbers exist for these stations.
    in_turn
        With periods, the chargers by the end of each; the last are these.
    """

    new: Counts
    standing: Counts
    needed: Counts
    homes: Counts
    load: Load | None
    rows: ChargerRows
    optimal: bool
    in_turn: tuple[Sized, ...] = ()

    @property
    def chargers(self) -> Counts:
        """(M, K) all of them."""
        return self.new + self.standing


def size_stations(
    problem: Problem,
    coverage: Sequence[csr_array],
    outcome: Outcome,
    results: Sequence[StandardResult],
    limits: Limits,
    backend: str,
) -> Sized | None:
    """Decide how many chargers the stations of a plan get; None where the scenario does not ask.

    Parameters
    ----------
    problem, coverage
        What is asked, and which sites serve whom.
    outcome, results
        Which stations there are, and whom each serves.
    limits, backend
        As for the stations.
    """
    asked = problem.scenario.mix or problem.scenario.sizing is not None
    if problem.charging is None or not asked:
        return None
    if outcome.phases is not None:
        return _in_turn(problem, coverage, outcome, limits, backend)
    load = station_load(problem, coverage, outcome, results)
    return size(problem, outcome.open, load, limits, backend)


def _in_turn(
    problem: Problem, coverage: Sequence[csr_array], outcome: Outcome, limits: Limits, backend: str
) -> Sized:
    """Decide period by period: what was built stays, the load grows, and ``[[mix]]`` is due in the last."""
    assert outcome.phases is not None
    periods, turns = problem.scenario.periods, []
    built: Counts | None = None
    for number, period in enumerate(periods):
        opened = outcome.phases[number]
        results = [
            serve(standard, relation, problem.sites, opened)
            for standard, relation in zip(problem.standards, coverage, strict=True)
        ]
        load = station_load(problem, coverage, replace(outcome, open=opened), results, period.growth)
        last = number + 1 == len(periods)
        turns.append(size(problem, opened, load, limits, backend, built=built, due=last))
        built = turns[-1].new
    return replace(turns[-1], in_turn=tuple(turns))


def size(
    problem: Problem,
    opened: NDArray[np.bool_],
    load: Load | None,
    limits: Limits,
    backend: str,
    *,
    built: Counts | None = None,
    due: bool = True,
) -> Sized:
    """Decide how many chargers of each type every open station gets.

    Where a room is too small for a load, the types that it needs share it. What else cannot be kept is missed
    by as few chargers as can be; room, the grid and upper limits always hold.

    Parameters
    ----------
    problem
        With chargers.
    opened
        (M,) bool, the stations.
    load
        What vehicles draw there; None where the scenario states no energy.
    limits, backend
        As for the stations; time and work do not count, since the models are small.
    built
        (M, K) chargers that were built in periods before, and stay.
    due
        Whether what ``[[mix]]`` asks at least is due.

    Raises
    ------
    BackendError
        The backend failed.
    """
    charging, sizing = known(problem), problem.scenario.sizing or Sizing()
    stations = np.flatnonzero(opened)
    standing = charging.standing[stations]
    needed, weight = np.zeros_like(standing), np.zeros(standing.shape)
    if load is not None:
        needed = chargers_needed(load.kw[stations], charging.types, sizing)
        weight = erlangs(load.kw[stations], charging.types)
    room = np.floor(np.maximum(problem.sites.room[stations] - standing.sum(axis=1), 0.0))
    there = np.zeros_like(standing) if built is None else built[stations]
    floor = there + cut_to(room - there.sum(axis=1), np.maximum(needed - standing - there, 0))
    least = np.minimum(np.maximum(sizing.least - standing.sum(axis=1), 0), room).astype(np.int64)
    rows = charger_rows(problem, stations, due=due)
    asked = wanted(rows, floor, least, room, there)
    totals = cheapest(rows, asked, charger_prices(problem), limits, backend)
    new = np.zeros_like(standing)
    for number in range(asked.least.size):
        own = asked.of_station == number
        new[own] = give_out(
            totals.stations[number], floor[own], least[own], room[own], standing[own], weight[own], there[own]
        )
    shape = charging.standing.shape
    return Sized(
        new=_everywhere(new, stations, shape),
        standing=_everywhere(standing, stations, shape),
        needed=_everywhere(needed, stations, shape),
        homes=totals.homes,
        load=load,
        rows=rows,
        optimal=totals.optimal,
    )


def sizing_cost(problem: Problem, sized: Sized) -> float:
    """Add up what new chargers cost, the kW of their connections included.

    Parameters
    ----------
    problem
        With chargers.
    sized
        Their numbers.
    """
    return float(charger_prices(problem) @ np.concatenate([sized.new.sum(axis=0), sized.homes]))


def chargers_missed(problem: Problem, opened: NDArray[np.bool_], sized: Sized) -> int:
    """Count the chargers that loads, stations and rules miss, and those that stand beyond what rules allow.

    Parameters
    ----------
    problem
        With chargers.
    opened
        (M,) bool, the stations.
    sized
        Their chargers.
    """
    sizing, rows = problem.scenario.sizing or Sizing(), sized.rows
    short = int(np.maximum(sized.needed - sized.chargers, 0).sum())
    there = np.maximum(sized.needed, sized.chargers)[opened].sum(axis=1)
    least = int(np.maximum(sizing.least - there, 0).sum())
    new = np.concatenate([sized.new[opened].ravel(), sized.homes])
    counted = rows.coefficients @ new + np.asarray(rows.standing.sum(axis=1)).ravel()
    beside = np.maximum(np.maximum(rows.lower - counted, counted - rows.upper), 0.0)
    return short + least + int(np.ceil(beside - _ROUNDING).sum())


def _everywhere(counts: Counts, stations: Counts, shape: tuple[int, ...]) -> Counts:
    """Put the counts of stations among those of all sites, where they are 0."""
    table = np.zeros(shape, np.int64)
    table[stations] = counts
    return table
