"""Plans that say who serves whom, verified: that stations have the room, what it costs, and the bound.

For multipliers u of the demand points and v >= 0 of the sites every plan costs at least::

    sum_i u_i + sum_j min over permitted y_j of y_j r_j
    r_j = opening_j - v_j capacity_j - sum_i max(0, u_i - cost_ij - v_j demand_i)

(Geoffrion 1974; Cornuejols, Sridharan & Thizy 1991), over pairs within reach, measured afresh; products are
rounded to the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.certificate import written_multipliers
from chargeplan.audit.exact import exact_sum
from chargeplan.audit.geodesic import within
from chargeplan.audit.pairs import pairs_with_metres
from chargeplan.audit.placing import room
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chargeplan.audit.report import AuditReport
    from chargeplan.problem import Problem, Standard

_MODEL = "facility-location"
_ROUNDING = 1e-9  # of a demand point and of a capacity, relative: sums of shares are rounded


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a demand point and a site within the radius: (P,) each, `cost` of serving it whole."""

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

    Raises
    ------
    InputError
        A demand point that is not served whole, or from beyond the radius, or by a site that is not open; a
        station that serves more than it has room for.
    """
    try:
        return _served_cost(report, certificate["service"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"who serves whom is not written as it should be: {error!r}") from None


def _served_cost(report: AuditReport, service: Mapping[str, Any]) -> float:
    problem = report.problem
    standard = _loaded(problem)
    rows = _places(standard.points.ids, service["demand"], "demand point")
    sites = _places(problem.sites.ids, service["station"], "site")
    share = np.array(service["share"], np.float64)
    if share.shape != rows.shape or not ((share > 0) & np.isfinite(share)).all():
        raise InputError("a share is missing, or is not above 0")
    opened = np.zeros(len(problem.sites), np.bool_)
    opened[report.opened.sites[report.opened.sites >= 0]] = True
    if not opened[sites].all():
        raise InputError(f"site {problem.sites.ids[sites[~opened[sites]][0]]} serves, and has no station")
    whole = np.bincount(rows, share, len(standard.points))
    if (np.abs(whole - 1.0) > _ROUNDING).any():
        worst = int(np.abs(whole - 1.0).argmax())
        raise InputError(f"demand point {standard.points.ids[worst]} is served to {whole[worst]:.6g}, not 1")
    load = np.bincount(sites, share * standard.points.weight[rows], len(problem.sites))
    over = np.flatnonzero(load > _capacity(problem) * (1 + _ROUNDING))
    if over.size:
        raise InputError(f"station {problem.sites.ids[over[0]]} serves {load[over[0]]:.6g}, beyond its room")
    pairs = _pairs(problem, standard)
    key = pairs.row * len(problem.sites) + pairs.site
    order = np.argsort(key)
    asked = rows * len(problem.sites) + sites
    place = np.minimum(np.searchsorted(key, asked, sorter=order), max(key.size - 1, 0))
    if not key.size or (key[order[place]] != asked).any():
        raise InputError("a demand point is served from beyond the radius")
    return math.fsum((pairs.cost[order[place]] * share).tolist())


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

    Raises
    ------
    InputError
        A certificate of another model; a multiplier that is negative or too great, or on a demand point or a
        site that is not there.
    """
    if certificate.get("model") != _MODEL:
        raise InputError(f"it is one of {certificate.get('model')}, not of {_MODEL}")
    try:
        return _bound(problem, certificate)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"it is not written as one of {_MODEL}: {error!r}") from None


def _bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    scale = int(certificate["scale"])
    unit = 1 << scale
    price = np.zeros(len(problem.sites), np.int64)
    named = certificate["v"]
    sites = _places(problem.sites.ids, named["sites"], "site")
    price[sites] = np.array(named["value"], np.int64)
    if (price < 0).any() or (price >= 1 << 53).any():
        raise InputError("a multiplier of a site is negative or beyond 2^53")
    total, gain, whole = 0, np.zeros(len(problem.sites), np.int64), True
    for standard in problem.standards:
        multiplier = written_multipliers(standard, certificate)
        total += sum(multiplier.tolist())
        if (multiplier < 0).any() or total >= 1 << 62:
            raise InputError("a multiplier is negative, or they add up to 2^62 or more")
        pairs = _pairs(problem, standard)
        load = standard.points.weight if standard is _loaded(problem) else np.zeros(len(standard.points))
        paid = _units(pairs.cost * 2.0**scale) + _units(_down(price[pairs.site], load[pairs.row]))
        np.add.at(gain, pairs.site, np.maximum(multiplier[pairs.row] - paid, 0))
        whole = whole and bool((pairs.cost == np.floor(pairs.cost)).all())
        free = not pairs.cost.any()
        whole = whole and (free or problem.scenario.objective.weight_per_charger is None)
    opening, capacity = _opening(problem), _capacity(problem)
    most = exact_sum(_loaded(problem).points.weight)  # no station serves more than there is
    result = Fraction(total, unit)
    for site, status in enumerate(problem.sites.status.tolist()):
        held = min(Fraction(capacity[site]), most) if math.isfinite(capacity[site]) else most
        reduced = Fraction(opening[site]) - (int(price[site]) * held + int(gain[site])) / unit
        if status in ("existing", "required"):
            result += reduced
        elif status != "forbidden":
            result += min(reduced, Fraction(0))
    integral = whole and bool((opening == np.floor(opening)).all())
    return Fraction(math.ceil(result)) if integral else result


def _loaded(problem: Problem) -> Standard:
    """Return the standard whose demand points take room: the one on a demand layer."""
    return next(standard for standard in problem.standards if standard.corridor is None)


def _pairs(problem: Problem, standard: Standard) -> _Pairs:
    """Measure every pair within a standard's radius, and what serving it costs."""
    reach = np.full(len(standard.points), standard.radius)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for row, site, metres in pairs_with_metres(problem, standard, reach):
        near = within(metres, standard.radius, strict=standard.strict)
        found.append((row[near], site[near], metres[near]))
    rows, sites, metres = (np.concatenate(part) for part in zip(*found, strict=True))
    price = problem.scenario.objective.cost_per_km if standard is _loaded(problem) else None
    return _Pairs(rows, sites, metres / 1000.0 * (price or 0.0) * standard.points.weight[rows])


def _opening(problem: Problem) -> NDArray[np.float64]:
    new = problem.sites.status != "existing"
    return np.where(new, problem.sites.cost if problem.scenario.objective.minimise == "cost" else 1.0, 0.0)


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
