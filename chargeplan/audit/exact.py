"""Exact arithmetic: weights, shares and proven bounds as fractions. Nothing here rounds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HALF = 31  # bits; sums of fewer than 2^31 halves stay below the largest int64
_DIGITS = 53  # bits of a float's significand
_SURE = 1e-12  # of what makes up a term: farther from 0 than that, floats know its sign


def exact_sum(values: NDArray[np.float64]) -> Fraction:
    """Add up floating-point numbers without rounding.

    Parameters
    ----------
    values
        (N,) finite numbers.
    """
    significand, exponent = np.frexp(np.asarray(values, np.float64))
    powers, group = np.unique(exponent, return_inverse=True)
    sums = _sums(group, np.ldexp(significand, _DIGITS).astype(np.int64), powers.size)
    terms = (
        total * Fraction(2) ** (power - _DIGITS) for total, power in zip(sums, powers.tolist(), strict=True)
    )
    return sum(terms, Fraction(0))


def _sums(group: NDArray[np.int64], values: NDArray[np.int64], n_groups: int) -> list[int]:
    """Add up integers by group: in halves, so that no sum of int64 overflows."""
    high, low = np.zeros(n_groups, np.int64), np.zeros(n_groups, np.int64)
    np.add.at(high, group, values >> _HALF)
    np.add.at(low, group, values & ((1 << _HALF) - 1))
    return [(above << _HALF) + below for above, below in zip(high.tolist(), low.tolist(), strict=True)]


def _whole(*columns: NDArray[np.float64]) -> tuple[list[int], int]:
    """Write numbers, column after column, as integers, and how many of their units make 1: a power of two."""
    ratios = [value.as_integer_ratio() for value in np.concatenate(columns).tolist()]
    unit = max((denominator for _, denominator in ratios), default=1)
    return [numerator * (unit // denominator) for numerator, denominator in ratios], unit


def as_written(share: float) -> Fraction:
    """Read a share as a person wrote it: 0.9 is nine tenths, not the nearest binary number."""
    return Fraction(repr(float(share)))


@dataclass(frozen=True)
class PricedRows:
    """The rows of one service standard with the multipliers that a certificate puts on them.

    Parameters
    ----------
    row, column
        (P,) the coverage: pairs of a demand point and a site.
    need
        Stations that a row needs to hold.
    must
        (N,) bool, rows that have to hold.
    multiplier
        (N,) int64, u >= 0 in units of 2^-scale.
    weight
        (N,) weight of each row in the share of the standard.
    price
        Multiplier lambda >= 0 of the share, in the same units.
    target
        Weight that the rows have to reach.
    value
        (N,) worth of a row that holds, when maximising.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    need: int
    must: NDArray[np.bool_]
    multiplier: NDArray[np.int64]
    weight: NDArray[np.float64]
    price: int
    target: Fraction
    value: NDArray[np.float64]


@dataclass(frozen=True)
class PricedSites:
    """The sites with what they cost and use.

    Parameters
    ----------
    cost
        (M,) cost of an open site, when minimising.
    usage, limit
        (M,) what an open site uses of the limit, and the limit.
    price
        Multiplier mu >= 0 of the limit, in units of 2^-scale.
    opened, closed
        (M,) bool, sites whose state is given.
    anyway
        What every plan pays besides, which no bound here counts.
    """

    cost: NDArray[np.float64]
    usage: NDArray[np.float64]
    limit: Fraction
    price: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    anyway: Fraction = Fraction(0)


def proven_bound(rows: Sequence[PricedRows], sites: PricedSites, scale: int) -> Fraction:
    """Compute the bound that multipliers prove (Lagrangian relaxation, Geoffrion 1974).

    No permitted set of stations costs less (when maximising, minus the value of a plan is its cost) than::

        sum_{must} need u_i + sum_s lambda_s target_s - mu limit
          + sum_{other rows} min(0, need u_i - lambda_s weight_i - value_i)
          + sum_j min over permitted y_j of (cost_j + mu usage_j - sum_i a_ij u_i) y_j

    Parameters
    ----------
    rows
        One entry for every standard.
    sites
        The sites.
    scale
        Multipliers are in units of 2^-scale.

    Raises
    ------
    InputError
        A multiplier is negative or beyond 2^62.
    """
    _check_multipliers(rows, sites.price)
    total = _site_terms(sites, _paid(rows, sites.cost.size), scale)
    priced = -sites.price * sites.limit
    for part in rows:
        total += _soft_rows(part, scale)
        priced += part.need * sum(part.multiplier[part.must].tolist()) + part.price * part.target
    return total + priced / (1 << scale)


def _check_multipliers(rows: Sequence[PricedRows], limit_price: int) -> None:
    prices = [limit_price, *(part.price for part in rows)]
    faulty = any((part.multiplier < 0).any() or (part.multiplier >= 1 << 62).any() for part in rows)
    if faulty or min(prices) < 0:
        raise InputError("the certificate holds a multiplier that is negative or beyond 2^62")


def _soft_rows(part: PricedRows, scale: int) -> Fraction:
    """Add up what rows that need not hold can take away from the bound."""
    rows = np.flatnonzero(~part.must)
    rows = rows[_below_zero(part, rows, scale)]
    paid = Fraction(part.need * sum(part.multiplier[rows].tolist()))
    return (paid - part.price * exact_sum(part.weight[rows])) / (1 << scale) - exact_sum(part.value[rows])


def _below_zero(part: PricedRows, rows: NDArray[np.int64], scale: int) -> NDArray[np.bool_]:
    """Tell the sign of rows' terms; by integers where floating-point numbers are too near 0, or too great."""
    price = float(part.price) if part.price.bit_length() < 1000 else np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        paid = part.need * part.multiplier[rows].astype(np.float64)
        worth = price * part.weight[rows] + np.ldexp(part.value[rows], scale)
        below = paid < worth
        unsure = np.flatnonzero(~(np.abs(paid - worth) > _SURE * (paid + worth)))
    near = rows[unsure]
    whole, unit = _whole(part.weight[near], part.value[near])
    figures = zip(part.multiplier[near].tolist(), whole[: near.size], whole[near.size :], strict=True)
    below[unsure] = [
        part.need * u * unit < part.price * weight + (value << scale) for u, weight, value in figures
    ]
    return np.asarray(below, np.bool_)


def _paid(rows: Sequence[PricedRows], n_sites: int) -> list[int]:
    """Add up what each site is paid, sum_i a_ij u_i, (M,)."""
    paid = [0] * n_sites
    for part in rows:
        sums = _sums(part.column, part.multiplier[part.row], n_sites)
        paid = [before + added for before, added in zip(paid, sums, strict=True)]
    return paid


def _site_terms(sites: PricedSites, paid: list[int], scale: int) -> Fraction:
    """Add up the least that each site can add: what it costs less what it is paid, or nothing."""
    count = sites.cost.size
    whole, unit = _whole(sites.cost, sites.usage)
    figures = zip(
        whole[:count], whole[count:], paid, sites.opened.tolist(), sites.closed.tolist(), strict=True
    )
    terms = (
        ((cost << scale) + sites.price * usage - pay * unit, opened)
        for cost, usage, pay, opened, closed in figures
        if not closed
    )
    return Fraction(sum(term for term, opened in terms if term < 0 or opened), unit << scale)
