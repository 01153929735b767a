"""What plan.json and the table of sites say of chargers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.kernels import wait_exceeds
from chargeplan.plan.record import DistrictRecord, PeriodRecord, RuleRecord, SizingRecord, SubstationRecord
from chargeplan.planning.apportion import by_quotients
from chargeplan.planning.charger_rows import charger_prices, counted_types, known, rule_words
from chargeplan.planning.load import erlangs, loading_standard
from chargeplan.planning.proof import service
from chargeplan.scenario import Sizing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chargeplan.planning.sizing import Sized
    from chargeplan.problem import Problem
    from chargeplan.scenario import ChargerType, MixRule

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_ROUNDING = 1e-9  # of a number of chargers that a share makes


def sizing_record(problem: Problem, opened: NDArray[np.bool_], sized: Sized) -> SizingRecord:
    """Say how many chargers there are, and what they achieve.

    Parameters
    ----------
    problem
        With chargers.
    opened
        (M,) bool, the stations.
    sized
        Their chargers.
    """
    sizing = problem.scenario.sizing or Sizing()
    chance = waiting_chances(problem, sized)
    worst = None if chance is None or not chance.any() else int(np.argmax(chance))
    short = np.maximum(sized.needed - sized.chargers, 0)
    least = opened & (sized.chargers.sum(axis=1) < sizing.least)
    rules = [_rule(problem, rule, sized) for rule in problem.scenario.mix]
    types, homes = known(problem).types, known(problem).homes
    prices = charger_prices(problem)
    return SizingRecord(
        cost=float(prices @ np.concatenate([sized.new.sum(axis=0), sized.homes])),
        new=_by_type(types, sized.new),
        standing=_by_type(types, sized.standing),
        homes={each.type: int(count) for each, count in zip(homes, sized.homes, strict=True)},
        optimal=sized.optimal,
        load_kw=None if sized.load is None else float(sized.load.kw.sum()) + sized.load.lost_kw,
        lost_kw=0.0 if sized.load is None else sized.load.lost_kw,
        beyond_kw=0.0 if sized.load is None else sized.load.beyond_kw,
        wait_s=sizing.wait_s,
        chance=sizing.chance,
        worst_chance=None if worst is None or chance is None else float(chance[worst]),
        worst_station=None if worst is None else str(problem.sites.ids[worst]),
        stations_short=int((short.any(axis=1) | least).sum()),
        chargers_short=int(short.sum()),
        rules=rules,
        substations=_substations(problem, opened, sized),
        districts=_districts(problem, opened, sized),
        required=sizing.required,
        met=not short.any() and not least.any() and all(rule.met for rule in rules),
    )


def with_chargers(
    problem: Problem, periods: tuple[PeriodRecord, ...], sized: Sized | None
) -> list[PeriodRecord]:
    """Say of every period which chargers there are by its end, and what those that are built in it cost.

    Parameters
    ----------
    problem
        With periods.
    periods
        What is said of them without.
    sized
        The chargers, turn by turn; None where none are asked for.
    """
    turns = () if sized is None else sized.in_turn
    if not turns:
        return list(periods)
    types = known(problem).types
    prices = charger_prices(problem)[: len(types)]
    before = np.zeros(len(types))
    written = []
    for period, turn in zip(periods, turns, strict=True):
        new = turn.new.sum(axis=0)
        update = {
            "chargers": _by_type(types, turn.chargers),
            "chargers_cost": float(prices @ np.maximum(new - before, 0.0)),
            "load_kw": None if turn.load is None else float(turn.load.kw.sum()) + turn.load.lost_kw,
            "chargers_short": int(np.maximum(turn.needed - turn.chargers, 0).sum()),
        }
        written.append(period.model_copy(update=update))
        before = new
    return written


def site_columns(problem: Problem, sized: Sized) -> Mapping[str, NDArray[np.generic]]:
    """Return what the table of sites says of chargers, by column.

    Parameters
    ----------
    problem
        With chargers.
    sized
        The chargers.

    Returns
    -------
    dict of str to ndarray
        ``chargers_<type>``; with a load also ``load_kw`` and ``wait_chance``, the greatest of all types.
    """
    columns: dict[str, NDArray[np.generic]] = {
        f"chargers_{each.type}": sized.chargers[:, k] for k, each in enumerate(known(problem).types)
    }
    chance = waiting_chances(problem, sized)
    if sized.load is not None and chance is not None:
        columns |= {"load_kw": np.round(sized.load.kw, 3), "wait_chance": np.round(chance, 6)}
    return columns


def charging_service(problem: Problem, sized: Sized) -> dict[str, Any]:
    """Return what certificate.json says of who charges where; nothing where it is the nearest station."""
    sizing = problem.scenario.sizing
    if sizing is None or sized.load is None or sized.load.flow is None:
        return {}
    points = problem.standards[loading_standard(problem, sizing)].points
    return {"charging": service(points.ids, problem.sites.ids, sized.load.flow)}


def waiting_chances(problem: Problem, sized: Sized) -> Floats | None:
    """Return the chance of waiting longer than promised at each site, (M,), the greatest of all types.

    None without a load. A type without chargers is one at which everybody waits, if it has a load.
    """
    sizing = problem.scenario.sizing
    if sizing is None or sized.load is None:
        return None
    types = known(problem).types
    stay = np.array([each.stay_s or 1.0 for each in types])
    load = erlangs(sized.load.kw, types)
    return np.asarray(wait_exceeds(load, sized.chargers, stay, sizing.wait_s).max(axis=1), np.float64)


def _by_type(types: tuple[ChargerType, ...], counts: Counts) -> dict[str, int]:
    return {each.type: int(count) for each, count in zip(types, counts.sum(axis=0), strict=True)}


def _rule(problem: Problem, rule: MixRule, sized: Sized) -> RuleRecord:
    """Count what a rule counts, and see whether it is as many as asked."""
    at_stations = sized.new if rule.new else sized.chargers
    here = np.ones(len(problem.sites), np.bool_)
    if rule.district is not None:
        here = problem.sites.district == rule.district
    stations, homes = at_stations[here].sum(axis=0), sized.homes
    over = counted_types(problem, rule)
    count = int(over[: stations.size] @ stations + over[stations.size :] @ homes)
    met = rule.least <= count <= rule.most
    if rule.share is not None:
        met &= count >= rule.share * float(stations.sum()) - _ROUNDING
    return RuleRecord(asked=rule_words(rule), chargers=count, met=bool(met))


def _substations(problem: Problem, opened: NDArray[np.bool_], sized: Sized) -> dict[str, SubstationRecord]:
    grid, layer = known(problem).grid, problem.scenario.grid
    if grid is None or layer is None:
        return {}
    kw = layer.simultaneity * (sized.new @ np.array([each.kw for each in known(problem).types]))
    size = grid.substations.ids.size
    drawn = np.bincount(grid.of_site, weights=kw, minlength=size)
    stations = np.bincount(grid.of_site[opened], minlength=size)
    spare = grid.substations.spare_kw
    return {
        str(grid.substations.ids[at]): SubstationRecord(
            spare_kw=float(spare[at]) if np.isfinite(spare[at]) else None,
            drawn_kw=float(drawn[at]),
            stations=int(stations[at]),
        )
        for at in np.flatnonzero(stations)
    }


def _districts(problem: Problem, opened: NDArray[np.bool_], sized: Sized) -> dict[str, DistrictRecord]:
    """Count by district; those at homes are given to districts in proportion to their weight."""
    charging, sizing = known(problem), problem.scenario.sizing
    growth = problem.scenario.periods[-1].growth if problem.scenario.periods else 1.0
    weight = {name: growth * each for name, each in charging.district_weight.items()}
    names = sorted({*weight, *problem.sites.district[opened].tolist()} - {""})
    shares = np.array([weight.get(name, 0.0) for name in names])
    none, any_number = np.zeros(len(names), np.int64), np.full(len(names), np.inf)
    homes = [by_quotients(int(count), shares, none, any_number) for count in sized.homes]
    found = {}
    for at, name in enumerate(names):
        here = opened & (problem.sites.district == name)
        counts = {each.type: int(sized.chargers[here, k].sum()) for k, each in enumerate(charging.types)}
        counts |= {each.type: int(homes[k][at]) for k, each in enumerate(charging.homes)}
        total = sum(counts.values())
        vehicles = None if sizing is None or sizing.vehicles is None else sizing.vehicles * shares[at]
        per_charger = None if vehicles is None or total == 0 else float(vehicles / total)
        found[name] = DistrictRecord(
            chargers=counts, weight=float(shares[at]), vehicles=vehicles, vehicles_per_charger=per_charger
        )
    return found
