"""Plans that place a number of stations by distances, verified: what they achieve, and what is proven of it.

The certificates, by arithmetic alone, with every distance measured afresh:

- p-median: for multipliers u of the demand points, every plan's weighted distances add up to at least
  sum_i u_i less the savings sum_i max(0, u_i - w_i d_ij) of the sites that save most, as many as there are
  stations (Cornuejols, Fisher & Nemhauser 1977);
- p-center: multipliers that prove that more stations are needed for all to be nearer than the bound;
- minimum separation: groups of sites too near to each other, each of which has one station at most;
- p-dispersion: groups of sites with multipliers; where the least that the stations can add up to is more
  than all groups together, two of them share a group, and are no farther apart than its farthest sites.

A plan's distances come from its own kernels, within 1e-6 m of the geodesic up to 50 km and 3 cm at 1,000 km.
What is proven here is compared with that much room, and distances are widened by it where they decide.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.certificate import written_multipliers, written_rows
from chargeplan.audit.exact import PricedRows, PricedSites, exact_sum, proven_bound
from chargeplan.audit.pairs import farthest_pair, has_way, nearest_other, pairs_with_metres
from chargeplan.audit.station_costs import given_sites
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from chargeplan.audit.report import AuditReport
    from chargeplan.problem import Problem, Sites, Standard

_ROOM = 1e-6  # metres
_SHARE = 4e-8  # of a distance
_WIDER = 1 + 1e-12  # so that no pair is missed by rounding
_PLAIN: dict[str, Any] = {"u": {}, "lambda": {}}  # a certificate without multipliers
_MODELS = {
    "distance": "p-median",
    "farthest": "p-center",
    "separation": "p-dispersion",
    "stations": "minimum-separation",
}
_BEYOND = 20_037_509.0  # metres, half way around the Earth: what two existing sites count as apart


def room(metres: float) -> float:
    """Return how far a plan's own distance may be off the one that is measured here."""
    return _ROOM + _SHARE * abs(metres)


def placed_objective(report: AuditReport) -> float | None:
    """Measure what a plan of distances achieves.

    Parameters
    ----------
    report
        The audit of its stations.

    Returns
    -------
    float or None
        Metres: the mean distance of the aims' demand points by weight, that of the farthest, or the least of
        a new station from any other; None where there is nothing to measure.
    """
    problem = report.problem
    if problem.scenario.objective.counts == "separation":
        return separation(report)
    aims = [
        (standard.points.weight, measured.distance_m)
        for standard, measured in zip(problem.standards, report.standards, strict=True)
        if not standard.required
    ]
    weight, distance = (np.concatenate(column) for column in zip(*aims, strict=True))
    reached = ~np.isnan(distance)
    weight, distance = weight[reached], distance[reached]
    if problem.scenario.objective.counts == "farthest":
        return float(distance.max(initial=0.0))
    total = exact_sum(weight)
    return float(exact_sum(weight * distance) / total) if total else None


def separation(report: AuditReport) -> float | None:
    """Measure the least distance of a new station from any other in metres; None where there is no pair."""
    opened, sites = report.opened, report.problem.sites
    status = np.where(opened.sites >= 0, sites.status[opened.sites], "candidate")
    return nearest_other(opened.positions, status != "existing")


def lost(report: AuditReport) -> int:
    """Count the aims' demand points that have a way to a permitted site, and none to an open one."""
    problem = report.problem
    if not problem.scenario.objective.places or problem.scenario.objective.maximise:
        return 0
    permitted = problem.sites.status != "forbidden"
    without = 0
    for standard, measured in zip(problem.standards, report.standards, strict=True):
        unreached = np.isnan(measured.distance_m)
        if not standard.required and unreached.any():
            without += int((unreached & has_way(standard, permitted)).sum())
    return without


def placed_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    """Compute the bound that the certificate of a plan of distances proves.

    Parameters
    ----------
    problem
        What was asked.
    certificate
        ``model``, ``bound`` and ``scale``; ``u`` by standard, ``rows`` (ids of demand points) and ``value``
        (integers in units of 2^-scale); of a p-dispersion ``groups`` instead, each with ``sites`` and
        ``value``.

    Returns
    -------
    Fraction
        Metres: a lower bound when minimising, an upper bound when maximising.

    Raises
    ------
    InputError
        A certificate of another model; a multiplier that is negative or too great, or on a demand point or a
        site that is not there.
    """
    counts = problem.scenario.objective.counts
    if certificate.get("model") != _MODELS[counts]:
        raise InputError(f"it is one of {certificate.get('model')}, not of {_MODELS[counts]}")
    proof = _PROOFS[counts]
    try:
        return proof(problem, certificate)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"it is not written as one of {_MODELS[counts]}: {error!r}") from None


def stations_asked(problem: Problem) -> int:
    """Return how many stations there are to be, those that stand included."""
    existing = int((problem.sites.status == "existing").sum())
    return existing + (problem.scenario.objective.stations or 0)


def _least_of(values: list[int], opened: NDArray[np.bool_], closed: NDArray[np.bool_], stations: int) -> int:
    """Add up the least values that so many open sites can have."""
    free = sorted(values[site] for site in np.flatnonzero(~opened & ~closed).tolist())
    chosen = [values[site] for site in np.flatnonzero(opened).tolist()]
    return sum(chosen) + sum(free[: stations - len(chosen)])


def _median_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    scale = _scale(certificate)
    savings = np.zeros(len(problem.sites), np.int64)
    total, weight = 0, Fraction(0)
    for standard in problem.standards:
        multiplier = _checked(standard, certificate)
        total += sum(multiplier.tolist())
        if total >= 1 << 62:
            raise InputError("its multipliers add up to 2^62 or more")
        if standard.required:
            rows = written_rows(problem, standard, _PLAIN)
            np.add.at(savings, rows.column, multiplier[rows.row])
        else:
            weight += exact_sum(standard.points.weight[_counted(problem, standard, multiplier)])
            _add_savings(savings, problem, standard, multiplier, scale)
    if not weight:
        raise InputError("no demand point that is measured has a weight")
    opened, closed = given_sites(problem)
    least = total + _least_of([-saved for saved in savings.tolist()], opened, closed, stations_asked(problem))
    sums = Fraction(least, 1 << scale)
    return (math.ceil(sums) if all(map(_whole_sums, problem.standards)) else sums) / weight


def _whole_sums(standard: Standard) -> bool:
    """Tell whether whatever a standard adds to the weighted distances is a whole number."""
    if standard.required:
        return True
    if standard.matrix is None:
        return False
    table, weight = standard.matrix.tocoo(), standard.points.weight
    counts = (table.data > 0.0) & (weight[table.coords[0]] > 0.0)
    return bool((_is_whole(table.data) & _is_whole(weight[table.coords[0]]))[counts].all())


def _is_whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(values == np.floor(values))


def _add_savings(
    savings: NDArray[np.int64],
    problem: Problem,
    standard: Standard,
    multiplier: NDArray[np.int64],
    scale: int,
) -> None:
    """Add what each site saves of an aim's multipliers; weighted distances are rounded down."""
    weight, price = standard.points.weight, multiplier / 2.0**scale
    reach = np.divide(price * _WIDER, weight, out=np.full(weight.size, np.inf), where=weight > 0.0)
    reach[multiplier == 0] = -1.0
    for row, column, metres in pairs_with_metres(problem, standard, reach):
        product = metres * weight[row]
        exact = _is_whole(metres) & _is_whole(weight[row]) & (product <= 2.0**53)
        cost = np.where(exact, product, np.nextafter(product, 0.0)) * 2.0**scale
        saved = multiplier[row] - np.floor(np.minimum(cost, 2.0**62)).astype(np.int64)
        np.add.at(savings, column, np.maximum(saved, 0))


def _counted(problem: Problem, standard: Standard, multiplier: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which demand points of an aim have a way to a permitted site; no other may have a multiplier."""
    way = has_way(standard, problem.sites.status != "forbidden")
    if multiplier[~way].any():
        raise InputError(f"{standard.name}: a multiplier is on a demand point that has no way to any site")
    return way


def _center_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    claimed = float(certificate["bound"])
    if not 0.0 <= claimed < math.inf:
        raise InputError(f"its bound is {claimed}")
    nearer = claimed - room(claimed)
    rows = [_rows_nearer(problem, standard, certificate, nearer) for standard in problem.standards]
    opened, closed = given_sites(problem)
    nothing = np.zeros(len(problem.sites))
    sites = PricedSites(
        cost=np.ones(len(problem.sites)),
        usage=nothing,
        limit=Fraction(0),
        price=0,
        opened=opened,
        closed=closed,
    )
    needed = proven_bound(rows, sites, _scale(certificate))
    return Fraction(claimed) if needed > stations_asked(problem) else Fraction(0)


def _rows_nearer(
    problem: Problem, standard: Standard, certificate: Mapping[str, Any], nearer: float
) -> PricedRows:
    """Write down who has to be served by what: an aim's demand points by sites that are nearer than that."""
    multiplier = _checked(standard, certificate)
    if standard.required:
        return replace(written_rows(problem, standard, _PLAIN), multiplier=multiplier)
    counted = _counted(problem, standard, multiplier)
    reach = np.where(multiplier > 0, nearer, -1.0)
    pairs = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for row, column, metres in pairs_with_metres(problem, standard, reach):
        pairs.append((row[metres < nearer], column[metres < nearer]))
    rows, columns = (np.concatenate(part) for part in zip(*pairs, strict=True))
    nothing = np.zeros(multiplier.size)
    return PricedRows(
        row=rows, column=columns, need=1, must=counted, multiplier=multiplier, weight=nothing, price=0,
        target=Fraction(0), value=nothing,
    )  # fmt: skip


def _separation_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    sites = problem.sites
    place = {name: index for index, name in enumerate(sites.ids)}
    paid, total = [0] * len(sites), 0
    groups = [(_members(group["sites"], place), int(group["value"])) for group in certificate["groups"]]
    for members, value in groups:
        if value < 0:
            raise InputError("the multiplier of a group is negative")
        total += value
        for site in members:
            paid[site] += value
    if _least_of(paid, *given_sites(problem), stations_asked(problem)) <= total:
        return Fraction(_BEYOND)
    return Fraction(max((_diameter(sites, members) for members, value in groups if value), default=0.0))


def _fitting_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    """Count stations: a group of sites that are all too near to each other has one at most.

    What all multipliers add up to, and what a new station is worth beyond those of its groups.
    """
    sites, unit = problem.sites, 1 << _scale(certificate)
    place = {name: index for index, name in enumerate(sites.ids)}
    least = problem.scenario.objective.separation_m
    new = (sites.status != "existing").tolist()
    beyond, total = [unit * worth for worth in new], 0
    for group in certificate["groups"]:
        members, value = _members(group["sites"], place), int(group["value"])
        if value < 0:
            raise InputError("the multiplier of a group is negative")
        if value and not _diameter(sites, members) < least + room(least):
            raise InputError(f"the sites of a group, such as {group['sites'][0]}, are not all too near")
        total += value
        for site in members:
            beyond[site] -= value
    opened, closed = given_sites(problem)
    total += sum(beyond[site] for site in np.flatnonzero(opened).tolist())
    total += sum(max(beyond[site], 0) for site in np.flatnonzero(~opened & ~closed).tolist())
    return Fraction(total // unit)


def _members(names: Sequence[str], place: Mapping[str, int]) -> list[int]:
    if unknown := [name for name in names if name not in place]:
        raise InputError(f"a group names a site that is not there: {unknown[0]}")
    if len(set(names)) < len(names):
        raise InputError("a group names a site twice")
    return [place[name] for name in names]


def _diameter(sites: Sites, members: list[int]) -> float:
    """Return how far apart two stations of a group are at most; two existing ones count as endlessly far."""
    if (sites.status[members] == "existing").sum() > 1:
        return _BEYOND
    return farthest_pair(sites.positions[members])


def _scale(certificate: Mapping[str, Any]) -> int:
    scale = certificate["scale"]
    if not isinstance(scale, int) or not 0 <= scale <= 1000:
        raise InputError(f"its scale is {scale!r}")
    return scale


def _checked(standard: Standard, certificate: Mapping[str, Any]) -> NDArray[np.int64]:
    multiplier = written_multipliers(standard, certificate)
    if (multiplier < 0).any():
        raise InputError(f"{standard.name}: a multiplier is negative")
    return multiplier


_PROOFS = {
    "distance": _median_bound,
    "farthest": _center_bound,
    "separation": _separation_bound,
    "stations": _fitting_bound,
}
