"""A plan's dual certificate, verified.

The model is written down afresh from the problem, with the audit's own coverage.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.certificate_file import read_multipliers
from chargeplan.audit.exact import PricedRows, PricedSites, as_written, exact_sum, proven_bound
from chargeplan.audit.geodesic import pairs_within, within
from chargeplan.audit.road import pairs_within_road
from chargeplan.audit.station_costs import given_sites, station_costs
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from chargeplan.problem import Problem, Standard


def certified_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction:
    """Compute the bound that a dual certificate proves.

    Parameters
    ----------
    problem
        What was asked. A demand point that too few permitted sites can serve asks for nothing, and a share
        that they cannot reach asks for what they can: where there are such, the bound is that of the plan for
        the rest.
    certificate
        ``scale``; ``u`` by standard, ``rows`` (ids of demand points) and ``value`` (integers in units of
        2^-scale); ``lambda`` by standard; ``mu``.

    Returns
    -------
    Fraction
        A lower bound when minimising, an upper bound when maximising; rounded to an integer where every
        objective is one, but for what all plans pay besides.

    Raises
    ------
    InputError
        A multiplier that is negative, too great, or on a demand point that is not there; an entry that is
        missing or of another kind.
    """
    read_multipliers(certificate)
    rows = [written_rows(problem, standard, certificate) for standard in problem.standards]
    sites = written_sites(problem, certificate)
    total = proven_bound(rows, sites, int(certificate["scale"]))
    integral = whole_objective(rows, sites)
    if problem.scenario.objective.sense == "max":
        return Fraction(math.floor(-total)) if integral else -total
    return (Fraction(math.ceil(total)) if integral else total) + sites.anyway


def whole_objective(rows: Sequence[PricedRows], sites: PricedSites) -> bool:
    """Tell whether every plan's objective is an integer, what all pay besides apart."""
    return all((worth == np.round(worth)).all() for worth in (sites.cost, *(part.value for part in rows)))


def written_rows(problem: Problem, standard: Standard, certificate: Mapping[str, Any]) -> PricedRows:
    """Write down the rows of a standard, with the audit's own coverage and a certificate's multipliers."""
    row, column = _coverage(problem, standard)
    permitted = (problem.sites.status != "forbidden")[column]
    reachable = np.bincount(row[permitted], minlength=len(standard.points.ids)) >= standard.stations
    weight, nothing = standard.points.weight, np.zeros(len(standard.points.ids))
    valued = problem.scenario.objective.sense == "max" and not standard.required
    full = standard.share == 1.0 and not valued
    shared = standard.share < 1.0 and not valued
    target = (
        min(as_written(standard.share) * exact_sum(weight), exact_sum(weight[reachable]))
        if shared
        else Fraction(0)
    )
    return PricedRows(
        row=row,
        column=column,
        need=standard.stations,
        must=reachable if full else np.zeros(len(weight), np.bool_),
        multiplier=written_multipliers(standard, certificate),
        weight=weight if shared else nothing,
        price=int(certificate["lambda"].get(standard.name, 0)) if shared else 0,
        target=target,
        value=weight if valued else nothing,
    )


def _coverage(problem: Problem, standard: Standard) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a demand point and a site within the radius."""
    if standard.metric == "geodesic":
        return pairs_within(
            standard.points.positions, problem.sites.positions, standard.radius, strict=standard.strict
        )
    if standard.access is not None:
        access = standard.access
        return pairs_within_road(
            access.graph, access.demand, access.sites, standard.radius, strict=standard.strict
        )
    assert standard.matrix is not None
    table = standard.matrix.tocoo()
    near = within(table.data, standard.radius, strict=standard.strict)
    return table.coords[0][near].astype(np.int64), table.coords[1][near].astype(np.int64)


def written_multipliers(standard: Standard, certificate: Mapping[str, Any]) -> NDArray[np.int64]:
    """Read the multipliers of a standard's demand points, (N,), from those that a certificate names.

    Raises
    ------
    InputError
        One on a demand point that is not there, or beyond 2^63.
    """
    prices = certificate["u"].get(standard.name, {"rows": [], "value": []})
    place = {name: index for index, name in enumerate(standard.points.ids)}
    unknown = [name for name in prices["rows"] if name not in place]
    if unknown or len(prices["rows"]) != len(prices["value"]):
        raise InputError(
            f"{standard.name}: multipliers are on demand points that are not there, such as {unknown[:1]}"
        )
    result = np.zeros(len(place), np.int64)
    try:
        result[[place[name] for name in prices["rows"]]] = np.array(prices["value"], np.int64)
    except OverflowError:
        raise InputError(f"{standard.name}: a multiplier is beyond 2^63") from None
    return result


def written_sites(problem: Problem, certificate: Mapping[str, Any]) -> PricedSites:
    """Say what sites cost and use."""
    objective, money = problem.scenario.objective, station_costs(problem)
    new = (problem.sites.status != "existing").astype(np.float64)
    nothing = np.zeros(new.size)
    cost = {"cost": money.each, "stations": new, None: nothing}[objective.minimise]
    usage, limit = nothing, Fraction(objective.stations or 0)
    if objective.budget is not None:
        usage, limit = money.each, Fraction(objective.budget) - money.anyway
    elif objective.maximise:
        usage = new
    opened, closed = given_sites(problem)
    return PricedSites(
        cost=cost,
        usage=usage,
        limit=limit,
        price=int(certificate["mu"]),
        opened=opened,
        closed=closed,
        anyway=money.anyway if objective.minimise == "cost" else Fraction(0),
    )
