"""A plan's block certificate, as far as arithmetic goes.

Rows lie in blocks, and what an open site costs is shared among the blocks. That the shares add up to no more
than the cost, and what the blocks' own bounds add up to, is checked here; that a block cannot be done for
less is proven by solving it.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.certificate import whole_objective, written_rows, written_sites
from chargeplan.audit.exact import exact_sum
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chargeplan.audit.exact import PricedRows, PricedSites
    from chargeplan.problem import Problem, Standard

_PLAIN: dict[str, Any] = {"u": {}, "lambda": {}, "mu": 0}  # a certificate without multipliers


def block_bound(problem: Problem, blocks: Mapping[str, Any]) -> Fraction:
    """Add up what the blocks of a certificate prove, if each block's own bound is true.

    Parameters
    ----------
    problem
        What was asked.
    blocks
        ``scale``, ``bounds``, ``rows``, ``shares``, ``lambda`` and ``mu`` of certificate.json.

    Returns
    -------
    Fraction
        A lower bound when minimising, an upper bound when maximising; rounded to an integer where every
        objective is one.

    Raises
    ------
    InputError
        Shares that are negative or more than a site's price; a site, a demand point or a block that is not
        there; a negative multiplier.
    """
    unit = 1 << int(blocks["scale"])
    sites = written_sites(problem, _PLAIN)
    prices = _site_prices(sites, _multiplier(blocks["mu"]))
    _check_shares(problem, blocks, prices, sites, unit)
    total = Fraction(sum(map(int, blocks["bounds"])), unit) - _multiplier(blocks["mu"]) * sites.limit
    total += sum(price for price, opened in zip(prices, sites.opened.tolist(), strict=True) if opened)
    rows = [written_rows(problem, standard, _PLAIN) for standard in problem.standards]
    for standard, part in zip(problem.standards, rows, strict=True):
        total += _standard_terms(standard, part, sites, blocks)
    integral = whole_objective(rows, sites)
    if problem.scenario.objective.sense == "max":
        return Fraction(math.floor(-total)) if integral else -total
    return Fraction(math.ceil(total)) if integral else total


def _multiplier(value: float) -> Fraction:
    if not 0.0 <= value < math.inf:
        raise InputError(f"the blocks hold the multiplier {value}, which is not finite or negative")
    return Fraction(value)


def _site_prices(sites: PricedSites, limit: Fraction) -> list[Fraction]:
    """Return what every open site costs, the limit paid for."""
    figures = zip(sites.cost.tolist(), sites.usage.tolist(), strict=True)
    return [Fraction(cost) + limit * Fraction(usage) for cost, usage in figures]


def _check_shares(
    problem: Problem, blocks: Mapping[str, Any], prices: list[Fraction], sites: PricedSites, unit: int
) -> None:
    """Check that no block is paid by a site twice, and no site pays more than it costs."""
    place = {name: index for index, name in enumerate(problem.sites.ids)}
    shares, count = blocks["shares"], len(blocks["bounds"])
    named = list(zip(shares["site"], shares["block"], shares["share"], strict=True))
    if any(site not in place or not 0 <= block < count or share < 0 for site, block, share in named):
        raise InputError(
            "the blocks are paid by sites, or are numbers, that are not there, or a share is negative"
        )
    if len({(site, block) for site, block, _ in named}) < len(named):
        raise InputError("a site pays the same block twice")
    paid: Counter[str] = Counter()
    for site, _, share in named:
        paid[site] += share
    for site, share in paid.items():
        most = Fraction(0) if sites.opened[place[site]] else prices[place[site]]
        if Fraction(share, unit) > most:
            raise InputError(
                f"site {site} pays the blocks {float(Fraction(share, unit))}, and costs {float(most)}"
            )


def _standard_terms(
    standard: Standard, part: PricedRows, sites: PricedSites, blocks: Mapping[str, Any]
) -> Fraction:
    """Return what a standard's share is worth, less what rows that are in no block may be worth at most."""
    price = _multiplier(blocks["lambda"].get(standard.name, 0.0))
    permitted = ~sites.closed[part.column]
    reachable = np.bincount(part.row[permitted], minlength=part.must.size) >= part.need
    loose = reachable & ~part.must & ~_in_a_block(standard, blocks)
    return price * part.target - price * exact_sum(part.weight[loose]) - exact_sum(part.value[loose])


def _in_a_block(standard: Standard, blocks: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    place = {name: index for index, name in enumerate(standard.points.ids)}
    told, count = blocks["rows"][standard.name], len(blocks["bounds"])
    inside = np.zeros(len(place), np.bool_)
    for name, block in zip(told["rows"], told["block"], strict=True):
        if name not in place or not 0 <= block < count or inside[place[name]]:
            raise InputError(f"{standard.name}: demand point {name} is not there, or not in one block")
        inside[place[name]] = True
    return inside
