"""Plans that say who serves whom, verified: that stations have the room, what it costs, and the bound.

For multipliers u of the demand points and v >= 0 of the sites every plan costs at least::

    sum_i u_i + min over permitted y of sum_j y_j r_j
    r_j = opening_j - v_j capacity_j - sum_i max(0, u_i - cost_ij - v_j demand_i)

(Geoffrion 1974; Cornuejols, Sridharan & Thizy 1991), over pairs within reach, measured afresh; products are
rounded to the safe side. Where the number of stations is given they cost nothing, and so many sites with the
least r_j are counted; the sum over the weight of the one aim, which takes room, is its mean distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.certificate import written_multipliers
from chargeplan.audit.certificate_file import read_allocation, read_service
from chargeplan.audit.exact import exact_sum
from chargeplan.audit.geodesic import within
from chargeplan.audit.pairs import has_way, metres_of_pairs, pairs_with_metres
from chargeplan.audit.placing import room, stations_asked
from chargeplan.audit.station_costs import given_sites, station_costs
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chargeplan.audit.certificate_file import AllocationMultipliers
    from chargeplan.audit.report import AuditReport
    from chargeplan.problem import Problem, Standard

_WIDER = 1 + 1e-12  # so that no pair is missed by rounding
_ROUNDING = 1e-9  # of a demand point and of a capacity, relative: sums of shares are rounded


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a demand point and a site within reach: (P,) each, `cost` of serving it whole."""

    row: NDArray[np.int64]
    site: NDArray[np.int64]
    cost: NDArray[np.float64]


def served_cost(report: AuditReport, certificate: Mapping[str, Any]) -> float:
    """Check who serves whom, and add up what that costs besides the stations.

    Parameters
    ----------
    report
        The audit of the plan's stations.
    certificate
        Whose ``service`` names, pair by pair, ``demand`` point, ``station`` and ``share``.

    Returns
    -------
    float
        In the scenario's currency; where the distance is what counts, its mean by weight, in metres.

    Raises
    ------
    InputError
        A demand point that is not served whole, or from beyond the radius or where no way leads, or by a site
        that is not open; a station that serves more than it has room for.
    """
    problem, told = report.problem, read_service(certificate.get("service"))
    standard = _loaded(problem)
    rows = _places(standard.points.ids, told.demand, "demand point")
    sites = _places(problem.sites.ids, told.station, "site")
    share = np.array(told.share, np.float64)
    opened = np.zeros(len(problem.sites), np.bool_)
    opened[report.opened.sites[report.opened.sites >= 0]] = True
    if not opened[sites].all():
        raise InputError(f"site {problem.sites.ids[sites[~opened[sites]][0]]} serves, and has no station")
    served = np.asarray(np.bincount(rows, share, len(standard.points)), np.float64)
    _check_whole(standard, served, _counted(problem, standard))
    load = np.bincount(sites, share * standard.points.weight[rows], len(problem.sites))
    over = np.flatnonzero(load > _capacity(problem) * (1 + _ROUNDING))
    if over.size:
        raise InputError(f"station {problem.sites.ids[over[0]]} serves {load[over[0]]:.6g}, beyond its room")
    length = metres_of_pairs(problem, standard, rows, sites)
    if standard.required and not within(length, standard.radius, strict=standard.strict).all():
        raise InputError("a demand point is served from beyond the radius")
    if np.isinf(length).any():
        raise InputError("a demand point is served by a station that it has no way to")
    cost = math.fsum((_cost(problem, standard, rows, length) * share).tolist())
    return cost / float(_measured_weight(problem)) if problem.scenario.objective.places else cost


def _check_whole(standard: Standard, served: NDArray[np.float64], asked: NDArray[np.bool_]) -> None:
    """Refuse demand points that are served in part, or without a way to any site and yet served."""
    off = np.abs(served - asked)
    if (off > _ROUNDING).any():
        worst = int(off.argmax())
        whole = int(asked[worst])
        raise InputError(
            f"demand point {standard.points.ids[worst]} is served to {served[worst]:.6g}, not {whole}"
        )


def _places(ids: NDArray[np.object_], names: list[str], what: str) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(ids)}
    if unknown := [name for name in names if name not in place]:
        raise InputError(f"there is no {what} {unknown[0]}")
    return np.array([place[name] for name in names], np.int64)


def leeway(problem: Problem) -> float:
    """Return what the room for distances is worth, in cost."""
    price, standard = problem.scenario.objective.cost_per_km, _loaded(problem)
    return (price or 0.0) * float(standard.points.weight.sum()) * room(standard.radius) / 1000.0


def allocated_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    """Compute the bound that the certificate of a plan with room or costs of distances proves.

    Parameters
    ----------
    problem
        What was asked.
    certificate
        ``model``; ``scale``; ``u`` by standard, ``rows`` (ids of demand points) and ``value`` (integers in
        units of 2^-scale); ``v``, ``sites`` and ``value``.

    Returns
    -------
    Fraction
        In what the scenario counts: cost or stations; or metres, the mean distance by weight.

    Raises
    ------
    InputError
        A certificate of another model; a multiplier that is negative or too great, or on a demand point or a
        site that is not there.
    """
    places = problem.scenario.objective.places
    model = "capacitated-p-median" if places else "facility-location"
    if certificate.get("model") != model:
        raise InputError(f"it is one of {certificate.get('model')}, not of {model}")
    told = read_allocation(certificate)
    proven = _bound(problem, told, certificate)
    if places:
        return max(proven, Fraction(0)) / _measured_weight(problem)  # no distance is negative
    return proven


def _bound(problem: Problem, told: AllocationMultipliers, certificate: Mapping[str, Any]) -> Fraction:
    """Add up the multipliers, and what the sites cost less all that they may save of them."""
    unit = 1 << told.scale
    price = np.zeros(len(problem.sites), np.int64)
    price[_places(problem.sites.ids, told.v.sites, "site")] = np.array(told.v.value, np.int64)
    opening, capacity = _opening(problem), _capacity(problem)
    total, gain, whole = 0, np.zeros(len(problem.sites), np.int64), bool((opening == np.floor(opening)).all())
    for standard in problem.standards:
        multiplier = written_multipliers(standard, certificate)
        total += sum(multiplier.tolist())
        if (multiplier < 0).any() or total >= 1 << 62:
            raise InputError("a multiplier is negative, or they add up to 2^62 or more")
        if not standard.required and multiplier[~_counted(problem, standard)].any():
            raise InputError(
                f"{standard.name}: a multiplier is on a demand point that has no way to any site"
            )
        pairs = _pairs(problem, standard, multiplier / 2.0**told.scale)
        load = standard.points.weight if standard is _loaded(problem) else np.zeros(len(standard.points))
        paid = _units(pairs.cost * 2.0**told.scale) + _units(_down(price[pairs.site], load[pairs.row]))
        np.add.at(gain, pairs.site, np.maximum(multiplier[pairs.row] - paid, 0))
        whole = whole and standard.required and _whole(problem, pairs.cost)
    most = exact_sum(_loaded(problem).points.weight)  # no station serves more than there is
    reduced = []
    for site in range(len(problem.sites)):
        held = min(Fraction(capacity[site]), most) if math.isfinite(capacity[site]) else most
        reduced.append(Fraction(opening[site]) - (int(price[site]) * held + int(gain[site])) / unit)
    proven = Fraction(total, unit) + _least(problem, reduced)
    return (Fraction(math.ceil(proven)) if whole else proven) + _paid_anyway(problem)


def _least(problem: Problem, reduced: list[Fraction]) -> Fraction:
    """Add up the least that permitted stations can make, so many of them where their number is given."""
    opened, closed = given_sites(problem)
    free = sorted(reduced[site] for site in np.flatnonzero(~opened & ~closed).tolist())
    given = [reduced[site] for site in np.flatnonzero(opened).tolist()]
    if problem.scenario.objective.places:
        return sum(given + free[: stations_asked(problem) - len(given)], Fraction(0))
    return sum(given, Fraction(0)) + sum((value for value in free if value < 0), Fraction(0))


def _whole(problem: Problem, cost: NDArray[np.float64]) -> bool:
    """Tell whether serving adds whole numbers to every plan's cost."""
    limited = problem.scenario.objective.weight_per_charger is not None  # demand may be split
    return not cost.any() if limited else bool((cost == np.floor(cost)).all())


def _loaded(problem: Problem) -> Standard:
    """Return the standard whose demand points take room: the aim, or the one on a demand layer."""
    if problem.scenario.objective.places:
        return next(standard for standard in problem.standards if not standard.required)
    return next(standard for standard in problem.standards if standard.corridor is None)


def _counted(problem: Problem, standard: Standard) -> NDArray[np.bool_]:
    """Say which demand points are served, (N,): all, but for those of an aim that have no way to any site."""
    if standard.required:
        return np.ones(len(standard.points), np.bool_)
    return has_way(standard, problem.sites.status != "forbidden")


def _measured_weight(problem: Problem) -> Fraction:
    """Add up the weight that a mean distance is over."""
    standard = _loaded(problem)
    total = exact_sum(standard.points.weight[_counted(problem, standard)])
    if not total:
        raise InputError("no demand point that is measured has a weight")
    return total


def _pairs(problem: Problem, standard: Standard, worth: NDArray[np.float64] | None = None) -> _Pairs:
    """Measure the pairs within a standard's radius, of an aim those that cost less than they are worth."""
    reach, weight = np.full(len(standard.points), standard.radius), standard.points.weight
    if not standard.required:
        assert worth is not None
        reach = np.divide(worth * _WIDER, weight, out=np.full(weight.size, np.inf), where=weight > 0.0)
        reach[worth == 0.0] = -1.0
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for row, site, metres in pairs_with_metres(problem, standard, reach):
        near = within(metres, standard.radius, strict=standard.strict) | (not standard.required)
        found.append((row[near], site[near], metres[near]))
    rows, sites, metres = (np.concatenate(part) for part in zip(*found, strict=True))
    return _Pairs(rows, sites, _cost(problem, standard, rows, metres))


def _cost(
    problem: Problem, standard: Standard, rows: NDArray[np.int64], metres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what serving demand points whole costs, (P,): by the km, or its weighted distance itself."""
    if standard is not _loaded(problem):
        return np.zeros(rows.size)
    if problem.scenario.objective.places:
        return metres * standard.points.weight[rows]
    return metres / 1000.0 * (problem.scenario.objective.cost_per_km or 0.0) * standard.points.weight[rows]


def _opening(problem: Problem) -> NDArray[np.float64]:
    """Return what a plan pays for each open site, (M,)."""
    counts = problem.scenario.objective.counts
    if counts == "cost":
        return station_costs(problem).each
    return np.asarray(problem.sites.status != "existing", np.float64) * float(counts == "stations")


def _paid_anyway(problem: Problem) -> Fraction:
    """Return what every plan pays besides."""
    counts = problem.scenario.objective.counts
    return station_costs(problem).anyway if counts == "cost" else Fraction(0)


def _capacity(problem: Problem) -> NDArray[np.float64]:
    """Return the weight that each site can serve, (M,), infinite where nothing limits it."""
    each = problem.scenario.objective.weight_per_charger
    return np.full(len(problem.sites), np.inf) if each is None else problem.sites.room * each


def _down(price: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return no more than price times weight."""
    product = price * weight
    exact = (weight == np.floor(weight)) & (product <= 2.0**53)
    return np.where(exact, product, np.nextafter(product, 0.0))


def _units(value: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(np.minimum(value, 2.0**61)).astype(np.int64)
