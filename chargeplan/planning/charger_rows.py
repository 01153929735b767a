"""What numbers of chargers have to keep, as rows of a linear model: mixes, totals, and the grid.

Columns are the new chargers of every station and type, station by station, then the chargers of every type at
homes. What stands already is a constant in every row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from chargeplan.problem import Charging, Problem
    from chargeplan.scenario import MixRule

    Floats = NDArray[np.float64]

_DECIMALS = 12  # of what is computed of decimals: 1 - 0.7 is 0.3, for solvers that take decimals


@dataclass(frozen=True, eq=False)
class ChargerRows:
    """Rows over numbers of new chargers.

    Parameters
    ----------
    coefficients
        (R, C) one column for every station and type, then one for every type at homes.
    standing
        (R, S) what each station's standing chargers add to a row, where it is open.
    lower, upper
        (R,) limits; infinite where there is none.
    words
        (R,) what a row asks, in words.
    """

    coefficients: csr_array
    standing: csr_array
    lower: Floats
    upper: Floats
    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.lower.size

    def beside_standing(self) -> tuple[Floats, Floats]:
        """Return the limits that are left for new chargers where all the stations are open."""
        there = self.standing.sum(axis=1)
        return self.lower - there, self.upper - there


def charger_rows(problem: Problem, stations: NDArray[np.int64], *, due: bool = True) -> ChargerRows:
    """Write down the rules of ``[[mix]]``, and what the substations of ``[grid]`` have left.

    Parameters
    ----------
    problem
        With chargers.
    stations
        (S,) sites.
    due
        Whether the rules of ``[[mix]]`` are due; else only what they allow at most holds.
    """
    rules = _rules(problem, stations)
    if not due:
        rules = (replace(rule, lower=-np.inf) for rule in rules if np.isfinite(rule.upper))
    parts = [*rules, *_substations(problem, stations)]
    columns = stations.size * len(known(problem).types) + len(known(problem).homes)
    return ChargerRows(
        _stacked([part.row for part in parts], columns),
        _stacked([part.standing for part in parts], stations.size),
        np.array([part.lower for part in parts], np.float64),
        np.array([part.upper for part in parts], np.float64),
        tuple(part.words for part in parts),
    )


def known(problem: Problem) -> Charging:
    """Return what is known of chargers, of a problem that has them."""
    assert problem.charging is not None
    return problem.charging


@dataclass(frozen=True, eq=False)
class _Row:
    """A row: (C,) over new chargers, (S,) over the stations' standing ones."""

    row: Floats
    standing: Floats
    lower: float
    upper: float
    words: str


def _rules(problem: Problem, stations: NDArray[np.int64]) -> Iterator[_Row]:
    for rule in problem.scenario.mix:
        if rule.least > 0.0 or np.isfinite(rule.most):
            yield _counted(problem, stations, rule, counted_types(problem, rule), rule.least, rule.most)
        if rule.share is not None:
            of_type = counted_types(problem, rule)[: len(known(problem).types)]
            homes = np.zeros(len(known(problem).homes))
            over = np.concatenate([np.round(of_type - rule.share, _DECIMALS), homes])
            yield _counted(problem, stations, rule, over, 0.0, np.inf)


def counted_types(problem: Problem, rule: MixRule) -> Floats:
    """Return which types a rule counts, (K + H,) of 0 and 1; those at homes are in no district."""
    charging = known(problem)
    counted = [rule.type in {None, each.type} for each in (*charging.types, *charging.homes)]
    if rule.district is not None:
        counted[len(charging.types) :] = [False] * len(charging.homes)
    return np.array(counted, np.float64)


def _counted(
    problem: Problem, stations: NDArray[np.int64], rule: MixRule, over: Floats, lower: float, upper: float
) -> _Row:
    """Count the chargers in a rule's district, each type so many times as `over` says."""
    charging, sites = known(problem), problem.sites
    types = len(charging.types)
    here = np.ones(stations.size)
    if rule.district is not None:
        here = (sites.district[stations] == rule.district).astype(np.float64)
    new = (here[:, None] * over[None, :types]).ravel()
    there = np.zeros(stations.size) if rule.new else here * (charging.standing[stations] @ over[:types])
    return _Row(np.concatenate([new, over[types:]]), there, lower, upper, rule_words(rule))


def _substations(problem: Problem, stations: NDArray[np.int64]) -> Iterator[_Row]:
    charging, layer = known(problem), problem.scenario.grid
    if charging.grid is None or layer is None:
        return
    kw = layer.simultaneity * np.array([each.kw for each in charging.types])
    drawn, spare = charging.grid.of_site[stations], charging.grid.substations.spare_kw
    for at in np.unique(drawn):
        if np.isfinite(spare[at]):
            draws = ((drawn == at)[:, None] * kw[None, :]).ravel()
            row = np.concatenate([draws, np.zeros(len(charging.homes))])
            words = f"{spare[at]:,.10g} kW left at {charging.grid.substations.ids[at]}"
            yield _Row(row, np.zeros(stations.size), -np.inf, float(spare[at]), words)


def _stacked(rows: Sequence[Floats], columns: int) -> csr_array:
    if not rows:
        return csr_array((0, columns))
    return csr_array(vstack([csr_array(row[None, :]) for row in rows], format="csr"))


def rule_words(rule: MixRule) -> str:
    """Put a rule into words: ``at least 450 new fast``, ``at least 70 % slow in Yuhu``.

    Parameters
    ----------
    rule
        Of ``[[mix]]``.
    """
    words = []
    if rule.total is not None:
        about = f" within {100 * rule.tolerance:g} %" if rule.tolerance else ""
        words.append(f"{rule.total:,}{about}")
    if rule.at_least is not None:
        words.append(f"at least {rule.at_least:,}")
    if rule.at_most is not None:
        words.append(f"at most {rule.at_most:,}")
    if rule.share is not None:
        words.append(f"at least {100 * rule.share:g} %")
    what = f"{'new ' if rule.new else ''}{rule.type or 'of all types'}"
    return f"{' and '.join(words)} {what}{f' in {rule.district}' if rule.district else ''}"


def charger_prices(problem: Problem) -> Floats:
    """Return what a new charger of each type costs, (K + H,), the kW of its connection included."""
    charging, layer = known(problem), problem.scenario.grid
    per_kw = 0.0 if layer is None else layer.cost_per_kw
    at_stations = [round(each.cost + per_kw * each.kw, _DECIMALS) for each in charging.types]
    return np.array([*at_stations, *(each.cost for each in charging.homes)], np.float64)
