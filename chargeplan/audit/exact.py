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


def exact_sum(values: NDArray[np.float64]) -> Fraction:
    """Add up floating-point numbers without rounding.

    Parameters
    ----------
    values
        (N,) finite numbers.
    """
    ratios = [value.as_integer_ratio() for value in values.tolist()]
    common = max((denominator for _, denominator in ratios), default=1)  # all are powers of two
    return Fraction(sum(numerator * (common // denominator) for numerator, denominator in ratios), common)


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
    """

    cost: NDArray[np.float64]
    usage: NDArray[np.float64]
    limit: Fraction
    price: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]


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
    unit = Fraction(1, 1 << scale)
    total = -sites.price * unit * sites.limit
    for part in rows:
        total += unit * (part.need * sum(part.multiplier[part.must].tolist()) + part.price * part.target)
        total += _soft_rows(part, unit)
    return total + _site_terms(sites, _paid(rows, sites.cost.size), unit)


def _check_multipliers(rows: Sequence[PricedRows], limit_price: int) -> None:
    prices = [limit_price, *(part.price for part in rows)]
    faulty = any((part.multiplier < 0).any() or (part.multiplier >= 1 << 62).any() for part in rows)
    if faulty or min(prices) < 0:
        raise InputError("the certificate holds a multiplier that is negative or beyond 2^62")


def _soft_rows(part: PricedRows, unit: Fraction) -> Fraction:
    """Add up what rows that need not hold can take away from the bound."""
    soft = np.flatnonzero(~part.must)
    figures = zip(
        part.multiplier[soft].tolist(), part.weight[soft].tolist(), part.value[soft].tolist(), strict=True
    )
    price = part.price * unit
    worth = (
        part.need * u * unit - price * Fraction(weight) - Fraction(value) for u, weight, value in figures
    )
    return sum((term for term in worth if term < 0), Fraction(0))


def _paid(rows: Sequence[PricedRows], n_sites: int) -> list[int]:
    """Add up what each site is paid, sum_i a_ij u_i, (M,): in halves, so that no sum of int64 overflows."""
    high, low = np.zeros(n_sites, np.int64), np.zeros(n_sites, np.int64)
    for part in rows:
        multiplier = part.multiplier[part.row]
        np.add.at(high, part.column, multiplier >> _HALF)
        np.add.at(low, part.column, multiplier & ((1 << _HALF) - 1))
    return [(above << _HALF) + below for above, below in zip(high.tolist(), low.tolist(), strict=True)]


def _site_terms(sites: PricedSites, paid: list[int], unit: Fraction) -> Fraction:
    """Add up the least that each site can add: what it costs less what it is paid, or nothing."""
    price = sites.price * unit
    total = Fraction(0)
    for j in np.flatnonzero(~sites.closed).tolist():
        reduced = Fraction(float(sites.cost[j])) + price * Fraction(float(sites.usage[j])) - paid[j] * unit
        if reduced < 0 or sites.opened[j]:
            total += reduced
    return total
