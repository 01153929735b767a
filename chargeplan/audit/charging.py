"""The chargers of a plan, counted and measured again: rooms, loads, waits, mixes, the grid, the cost.

Who charges where is the nearest station, found by the audit itself, unless certificate.json says it pair by
pair. Waits are those of the queue M/M/n (Erlang 1917) by SciPy's Poisson distribution::

    B = pmf(n; a) / cdf(n; a),  C = n B / (n - a (1 - B)),  P(wait > t) = C exp(-(n - a) t / stay)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln, pdtr

from chargeplan.audit.certificate_file import read_service
from chargeplan.audit.exact import as_written
from chargeplan.audit.geodesic import nearest, within
from chargeplan.audit.pairs import metres_of_pairs
from chargeplan.errors import InputError
from chargeplan.scenario import Sizing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from chargeplan.audit.report import AuditReport
    from chargeplan.problem import Charging, Problem
    from chargeplan.scenario import MixRule

_CLOSE = 1e-9  # of a sum, relative
_METRES = 1e-3  # between two stations that are equally near
_WRITTEN = 1e-3  # kW: the table of sites rounds loads to it
_CHANCE = 1e-5  # the table of sites rounds chances to a millionth, and they follow from its rounded shares
_SHARED = 1e-6  # of a load: shares of demand points, which solvers of fractions round
_ALMOST = 1e-9  # of a chance, relative: two ways of adding it up


@dataclass(frozen=True, eq=False)
class _Counted:
    """The chargers of the table of sites: (M, K) all and new ones; (M,) bool, which sites are open."""

    all: NDArray[np.int64]
    new: NDArray[np.int64]
    open: NDArray[np.bool_]


def check_chargers(
    claims: Mapping[str, Any], sites: gpd.GeoDataFrame, report: AuditReport, certificate: Mapping[str, Any]
) -> Iterator[str]:
    """Check what a plan says of chargers.

    Parameters
    ----------
    claims
        The content of its plan.json.
    sites
        Its table of sites.
    report
        The audit of its stations.
    certificate
        The content of its certificate.json.

    Yields
    ------
    str
        Every disagreement in words.
    """
    problem, told = report.problem, claims.get("sizing")
    asked = bool(problem.charging) and (bool(problem.scenario.mix) or problem.scenario.sizing is not None)
    if told is None or not asked:
        if asked:
            yield "the plan says nothing of the chargers that the scenario asks for"
        return
    try:
        counted = _counted(problem, sites, report)
        load = _load(report, certificate)
    except InputError as error:
        yield f"chargers: {error}"
        return
    yield from _places(problem, counted)
    yield from _totals(claims, told, problem, counted)
    yield from _promise(told, problem, counted, load)
    if load is not None:
        yield from _loads(told, sites, counted, load, report)
    yield from _rules(told, problem, counted)
    yield from _grid(told, problem, counted)
    yield from _by_district(told, problem, counted)
    yield from _by_period(claims, told, problem, counted)


def _counted(problem: Problem, sites: gpd.GeoDataFrame, report: AuditReport) -> _Counted:
    """Read the numbers of chargers, in the order of the scenario's sites."""
    charging = _charging(problem)
    place = {name: at for at, name in enumerate(problem.sites.ids)}
    rows = np.array([place.get(str(name), -1) for name in sites["id"]], np.int64)
    if sorted(rows.tolist()) != list(range(len(problem.sites))):
        raise InputError("the table of sites does not hold every site of the scenario once")
    count = np.zeros(charging.standing.shape, np.int64)
    for k, each in enumerate(charging.types):
        column = f"chargers_{each.type}"
        if column not in sites.columns:
            raise InputError(f"the table of sites has no column {column}")
        numbers = np.asarray(sites[column], np.float64)
        if not (np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))).all():
            raise InputError(f"{column} of the table of sites holds something else than whole numbers")
        count[rows, k] = numbers.astype(np.int64)
    opened = np.zeros(len(problem.sites), np.bool_)
    opened[report.opened.sites[report.opened.sites >= 0]] = True
    there = np.where(opened[:, None], charging.standing, 0)
    return _Counted(count, count - there, opened)


def _charging(problem: Problem) -> Charging:
    assert problem.charging is not None
    return problem.charging


def _places(problem: Problem, counted: _Counted) -> Iterator[str]:
    """Check every site by itself: its state, what stands there, its room."""
    ids, room = problem.sites.ids, problem.sites.room
    for at in np.flatnonzero(~counted.open & counted.all.any(axis=1)):
        yield f"site {ids[at]} has chargers, and no station"
    for at in np.flatnonzero(counted.open & (counted.new < 0).any(axis=1)):
        yield f"site {ids[at]} has fewer chargers than stand there"
    over = counted.open & counted.new.any(axis=1) & (counted.all.sum(axis=1) > room)
    for at in np.flatnonzero(over):
        yield f"site {ids[at]} has {counted.all[at].sum():,} chargers and room for {room[at]:g}"


def _totals(
    claims: Mapping[str, Any], told: Mapping[str, Any], problem: Problem, counted: _Counted
) -> Iterator[str]:
    """Check the numbers by type, and what the new ones cost."""
    charging, layer = _charging(problem), problem.scenario.grid
    homes = {each.type: int(told["homes"].get(each.type, -1)) for each in charging.homes}
    for name, count in homes.items():
        if count < 0:
            yield f"the plan says nothing of chargers of type {name} at homes"
    cost = sum((Fraction(each.cost) * max(homes[each.type], 0) for each in charging.homes), Fraction(0))
    found = dict(homes)
    for k, each in enumerate(charging.types):
        new, total = int(counted.new[:, k].sum()), int(counted.all[:, k].sum())
        found[each.type] = total
        cost += Fraction(each.cost) * new
        cost += Fraction(0 if layer is None else layer.cost_per_kw) * Fraction(each.kw) * new
        says = told["new"].get(each.type), told["standing"].get(each.type)
        if says != (new, total - new):
            words = f"the plan counts {says[0]} new and {says[1]} standing chargers of type {each.type}"
            yield f"{words}, the audit {new} and {total - new}"
    if claims["chargers"] != found:
        yield f"the plan counts chargers {claims['chargers']}, the audit {found}"
    if abs(told["cost"] - float(cost)) > _CLOSE * max(float(cost), 1.0):
        yield f"the plan says its chargers cost {told['cost']}, the audit finds {float(cost)}"


def _load(report: AuditReport, certificate: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Add up the kW of the busiest hour at every site, (M,); None where the scenario states none."""
    problem, sizing = report.problem, report.problem.scenario.sizing
    if sizing is None or sizing.kwh is None:
        return None
    number, kw = _drawn(problem, sizing)
    standard = problem.standards[number]
    told = certificate.get("service") if problem.scenario.objective.allocates else None
    if sizing.assignment == "balanced":  # else everybody charges at the nearest, whatever is said
        told = certificate.get("charging", told)
    if told is None:
        station = report.standards[number].station
        reached = np.flatnonzero(station >= 0)
        sites = report.opened.sites[station[reached]]
        return np.asarray(np.bincount(sites, kw[reached], len(problem.sites)), np.float64)
    service = read_service(told)
    point = {name: at for at, name in enumerate(standard.points.ids)}
    place = {name: at for at, name in enumerate(problem.sites.ids)}
    rows = np.array([point.get(name, -1) for name in service.demand], np.int64)
    sites = np.array([place.get(name, -1) for name in service.station], np.int64)
    share = np.array(service.share, np.float64)
    if (rows < 0).any() or (sites < 0).any():
        raise InputError("certificate.json has somebody charge who is no demand point, or where no site is")
    opened = np.zeros(len(problem.sites), np.bool_)
    opened[report.opened.sites[report.opened.sites >= 0]] = True
    if not opened[sites].all():
        raise InputError("certificate.json has somebody charge where no station is")
    if (np.bincount(rows, share, kw.size) > 1.0 + _CLOSE).any():
        raise InputError("certificate.json has a demand point charge more than all of its energy")
    if told is certificate.get("charging"):
        _check_reach(report, number, rows, sites)
    return np.asarray(np.bincount(sites, share * kw[rows], len(problem.sites)), np.float64)


def _check_reach(report: AuditReport, number: int, rows: NDArray[np.int64], sites: NDArray[np.int64]) -> None:
    """Refuse pairs farther apart than the radius; but at the nearest station anybody may charge."""
    standard = report.problem.standards[number]
    away = metres_of_pairs(report.problem, standard, rows, sites)
    nearest_m = report.standards[number].distance_m[rows]
    far = ~within(away, standard.radius, strict=standard.strict) & (away > nearest_m + _METRES)
    if far.any():
        point, site = standard.points.ids[rows[far][0]], report.problem.sites.ids[sites[far][0]]
        raise InputError(f"certificate.json has {point} charge at {site}, which is beyond the radius")


def _drawn(problem: Problem, sizing: Sizing) -> tuple[int, NDArray[np.float64]]:
    """Return the number of the standard whose demand points charge, and their kW in the busiest hour."""
    number, standard = next(
        (number, standard)
        for number, standard in enumerate(problem.standards)
        if standard.corridor is None and sizing.standard in {None, standard.name}
    )
    growth = problem.scenario.periods[-1].growth if problem.scenario.periods else 1.0
    return number, standard.points.weight * (growth * (sizing.kwh or 0.0) * sizing.peak_share)


def _loads(
    told: Mapping[str, Any],
    sites: gpd.GeoDataFrame,
    counted: _Counted,
    load: NDArray[np.float64],
    report: AuditReport,
) -> Iterator[str]:
    """Check that whoever has a way to a station charges, and what the table of sites says of every load."""
    problem, sizing = report.problem, report.problem.scenario.sizing or Sizing()
    number, kw = _drawn(problem, sizing)
    room = _SHARED * float(kw.sum()) + _WRITTEN
    lost = float(kw.sum()) - float(load.sum())
    if abs(told["lost_kw"] - lost) > room:
        yield f"the plan says {told['lost_kw']} kW reach no station, the audit finds {lost}"
    away = float(kw[report.standards[number].station < 0].sum())
    if not problem.scenario.objective.allocates and abs(lost - away) > room:
        yield f"{lost} kW charge nowhere, and {away} have no way to a station"
    place = {name: at for at, name in enumerate(problem.sites.ids)}
    rows = [place[str(name)] for name in sites["id"]]
    chances = _chances(problem, counted, load).max(axis=1)
    for column, found, rounding in (("load_kw", load, _WRITTEN), ("wait_chance", chances, _CHANCE)):
        if column not in sites.columns:
            yield f"the table of sites has no column {column}"
            continue
        says = np.asarray(sites[column], np.float64)
        for row in np.flatnonzero(~(np.abs(says - found[rows]) <= rounding)):
            at = rows[row]
            words = f"site {problem.sites.ids[at]}: the table of sites says {column} is {says[row]:g}"
            yield f"{words}, the audit finds {found[at]:g}"


def waiting_chance(
    load: NDArray[np.float64], chargers: NDArray[np.int64], patience: float
) -> NDArray[np.float64]:
    """Return the chance of waiting longer than a time, in the queue M/M/n.

    Parameters
    ----------
    load
        (S,) Erlang.
    chargers
        (S,) how many.
    patience
        The time in mean stays.
    """
    chance = np.where(load > 0.0, 1.0, 0.0)
    stable = (load > 0.0) & (chargers > load)
    a, n = load[stable], chargers[stable].astype(np.float64)
    blocking = np.exp(n * np.log(a) - a - gammaln(n + 1.0)) / pdtr(n, a)
    waiting = n * blocking / (n - a * (1.0 - blocking))
    chance[stable] = np.minimum(waiting, 1.0) * np.exp(-(n - a) * patience)
    return chance


def _promise(
    told: Mapping[str, Any], problem: Problem, counted: _Counted, load: NDArray[np.float64] | None
) -> Iterator[str]:
    """Check the load, the waits, and how many stations have too few chargers."""
    sizing = problem.scenario.sizing or Sizing()
    for figure in ("required", "chance", "wait_s"):
        asked = getattr(sizing, figure)
        if told[figure] != asked:
            yield f"the plan says {figure} of [sizing] is {told[figure]}, the scenario {asked}"
    short = counted.open & (counted.all.sum(axis=1) < sizing.least)
    if load is not None:
        total = float(load.sum()) + told["lost_kw"]
        if told["load_kw"] is None or abs(told["load_kw"] - total) > _CLOSE * max(total, 1.0) + _WRITTEN:
            yield f"the plan says the load is {told['load_kw']} kW, the audit finds {total}"
        chances = _chances(problem, counted, load)
        worst = float(chances.max(initial=0.0))
        says = told["worst_chance"]
        if not math.isclose(says or 0.0, worst, rel_tol=1e-6, abs_tol=1e-12):  # none where nobody charges
            yield f"the plan says {says} is the greatest chance of waiting, the audit finds {worst}"
        short |= (chances > sizing.chance * (1.0 + _ALMOST)).any(axis=1)
    if told["stations_short"] < int(short.sum()):
        words = f"the plan says {told['stations_short']} stations have too few chargers"
        yield f"{words}, the audit finds {short.sum()}"
    if told["met"] and short.any():
        yield "the plan says that stations have the chargers they need, the audit that they have not"


def _chances(problem: Problem, counted: _Counted, load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chance of waiting too long at every site for every type, (M, K)."""
    sizing = problem.scenario.sizing or Sizing()
    columns = [
        waiting_chance(
            load * (each.load_share or 0.0) / (each.mean_kw or each.kw),
            counted.all[:, k],
            sizing.wait_s / (each.stay_s or 1.0),
        )
        for k, each in enumerate(_charging(problem).types)
    ]
    return np.stack(columns, axis=1)


def _rules(told: Mapping[str, Any], problem: Problem, counted: _Counted) -> Iterator[str]:
    """Count again what every rule counts, with shares as exact fractions."""
    rules = problem.scenario.mix
    if len(told["rules"]) != len(rules):
        yield f"the plan speaks of {len(told['rules'])} rules of [[mix]], the scenario of {len(rules)}"
        return
    for rule, says in zip(rules, told["rules"], strict=True):
        count, met = _rule(problem, rule, counted, told["homes"])
        if (says["chargers"], says["met"]) != (count, met):
            words = f"{says['asked']}: the plan counts {says['chargers']} and says {_kept(says['met'])}"
            yield f"{words}, the audit counts {count} and finds it {_kept(met)}"
    if told["met"] and not all(says["met"] for says in told["rules"]):
        yield "the plan says that every rule of [[mix]] is kept, and that one is not"
    if not told["met"] and not told["stations_short"] and all(says["met"] for says in told["rules"]):
        yield "the plan says that chargers are missing, and that every station and rule has what it asks"


def _kept(met: bool) -> str:  # noqa: FBT001 - a word
    return "kept" if met else "not kept"


def _rule(problem: Problem, rule: MixRule, counted: _Counted, homes: Mapping[str, int]) -> tuple[int, bool]:
    charging = _charging(problem)
    here = counted.open.copy()
    if rule.district is not None:
        here &= problem.sites.district == rule.district
    at_stations = (counted.new if rule.new else counted.all)[here]
    counts = zip(charging.types, at_stations.sum(axis=0).tolist(), strict=True)
    count = sum(int(number) for each, number in counts if rule.type in {None, each.type})
    if rule.district is None:
        count += sum(homes[each.type] for each in charging.homes if rule.type in {None, each.type})
    met = rule.least <= count <= rule.most
    if rule.share is not None:
        met &= count >= as_written(rule.share) * int(at_stations.sum())
    return count, met


def _grid(told: Mapping[str, Any], problem: Problem, counted: _Counted) -> Iterator[str]:
    """Check what is drawn at each substation: the named one of a site, else the nearest."""
    grid, layer = _charging(problem).grid, problem.scenario.grid
    if grid is None or layer is None:
        return
    kw = exact_kw(problem, counted.new, as_written(layer.simultaneity))
    of_site = _substation_of(problem)
    for at in np.unique(of_site[counted.open]):
        drawn = sum((kw[site] for site in np.flatnonzero(of_site == at)), Fraction(0))
        name, spare = str(grid.substations.ids[at]), float(grid.substations.spare_kw[at])
        says = told["substations"].get(name)
        if says is None or abs(says["drawn_kw"] - float(drawn)) > _CLOSE * max(float(drawn), 1.0):
            words = f"substation {name}: the plan says {says and says['drawn_kw']} kW are drawn"
            yield f"{words}, the audit finds {float(drawn)}"
        if math.isfinite(spare) and drawn > as_written(spare) * (1 + Fraction(1, 10**9)):
            yield f"substation {name}: {float(drawn):g} kW are drawn, and {spare:g} are left"


def exact_kw(problem: Problem, chargers: NDArray[np.int64], simultaneity: Fraction) -> list[Fraction]:
    """Add up the kW of each site's chargers at a time, as exact fractions."""
    kw = [as_written(each.kw) * simultaneity for each in _charging(problem).types]
    return [
        sum((number * each for number, each in zip(row, kw, strict=True) if number), Fraction(0))
        for row in chargers.tolist()
    ]


def _substation_of(problem: Problem) -> NDArray[np.int64]:
    """Find the substation of every site again, (M,), by pyproj's geodesics."""
    grid, sites = _charging(problem).grid, problem.sites
    assert grid is not None
    found = nearest(sites.positions, grid.substations.positions, 1).station.copy()
    place = {name: at for at, name in enumerate(grid.substations.ids)}
    for at in np.flatnonzero(sites.substation != ""):
        found[at] = place[sites.substation[at]]
    return found


def _by_district(told: Mapping[str, Any], problem: Problem, counted: _Counted) -> Iterator[str]:
    """Check the chargers at each district's stations, and that those at homes add up."""
    charging, district = _charging(problem), problem.sites.district
    for name, says in told["districts"].items():
        here = counted.open & (district == name)
        for k, each in enumerate(charging.types):
            count = int(counted.all[here, k].sum())
            if says["chargers"].get(each.type) != count:
                there = says["chargers"].get(each.type)
                yield f"{name}: the plan counts {there} chargers of type {each.type}, the audit {count}"
    if not told["districts"]:
        return
    for each in charging.homes:
        given = sum(says["chargers"].get(each.type, 0) for says in told["districts"].values())
        if charging.district_weight and given != told["homes"].get(each.type):
            words = f"the districts have {given} chargers of type {each.type} at homes"
            yield f"{words}, the plan {told['homes'].get(each.type)}"


def _by_period(
    claims: Mapping[str, Any], told: Mapping[str, Any], problem: Problem, counted: _Counted
) -> Iterator[str]:
    """Check that chargers become no fewer where stations stay, end as the table has them, and cost that."""
    periods, charging, phasing = claims.get("periods") or [], _charging(problem), problem.scenario.phasing
    if not periods:
        return
    for k, each in enumerate(charging.types):
        numbers = [int(period["chargers"].get(each.type, -1)) for period in periods]
        if numbers[-1] != int(counted.all[:, k].sum()):
            yield f"the last period has {numbers[-1]} chargers of type {each.type}, the table of sites others"
        if (phasing is None or not phasing.may_close) and numbers != sorted(numbers):
            yield f"chargers of type {each.type} become fewer: {numbers} by the ends of the periods"
    at_homes = sum(each.cost * told["homes"].get(each.type, 0) for each in charging.homes)
    spent = sum(period["chargers_cost"] for period in periods)
    closes = phasing is not None and phasing.may_close
    if not closes and abs(spent + at_homes - told["cost"]) > _CLOSE * max(told["cost"], 1.0):
        yield f"the periods' chargers cost {spent}, and those at homes {at_homes}, of {told['cost']} in all"
