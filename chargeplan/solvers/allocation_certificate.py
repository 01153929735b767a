"""Bounds of facility location that anyone can check by arithmetic.

For any multipliers u, one for each demand point, and v >= 0, one for each site, every plan costs at least::

    sum_i u_i + min over permitted y of sum_j y_j r_j
    r_j = opening_j - v_j capacity_j - sum_i max(0, u_i - cost_ij - v_j demand_i)

(Geoffrion 1974; Cornuejols, Sridharan & Thizy 1991). At its best it equals the bound of the strong LP
relaxation; without capacities v is 0, and it is the dual of Erlenkotter (1978). Multipliers are integers in
units of 2^-scale and every other number is rounded to the safe side, so that the sum is exact and the bound
is never too good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_WIDER = 1 + 1e-12  # so that no pair is missed by rounding
_ROOM = 2.0**60  # every sum has to stay below
_WHOLE = 2.0**52  # every multiplier of a site has to be a whole float


@dataclass(frozen=True)
class AllocationCertificate:
    """Multipliers that prove a bound.

    Parameters
    ----------
    scale
        Multipliers are in units of ``2.0**-scale``.
    rows
        (N,) int64, u of each demand point.
    sites
        (M,) int64, v of each site, 0 or more; 0 without capacities.
    """

    scale: int
    rows: NDArray[np.int64]
    sites: NDArray[np.int64]

    def bound(self, instance: AllocationInstance) -> float:
        """Prove a bound: no plan of the instance costs less.

        Parameters
        ----------
        instance
            With the original demand points and sites.

        Returns
        -------
        float
            Rounded up to a whole number where every plan's cost is one.
        """
        reduced = self.reduced(instance)
        free = np.sort(reduced[instance.free])
        least = np.minimum(free, 0) if instance.more is None else free[: instance.more]
        total = sum(self.rows.tolist()) + sum(reduced[instance.opened].tolist()) + sum(least.tolist())
        units = 1 << self.scale
        if instance.whole:
            return float(-((-total) // units))
        nearest = total / units
        return nearest if int(nearest * units) == total else math.nextafter(nearest, -math.inf)

    def reduced(self, instance: AllocationInstance) -> NDArray[np.int64]:
        """Return what each site adds to the bound where it is open, at least, in units: (M,)."""
        price = self.sites.astype(np.float64)
        result = _units(instance.opening, self.scale)
        most = self.rows * 2.0**-self.scale * _WIDER  # no pair that costs more adds anything
        pairs = instance.rows.within(most, np.zeros(instance.sites), instance.row.size)
        assert pairs is not None
        row, site = instance.row[pairs], instance.site[pairs]
        paid = _units(instance.cost[pairs], self.scale)
        if instance.capacity is not None:
            used = self.sites > 0  # without a price a site may hold without end
            result[used] -= -_down(-price[used], instance.capacity[used])
            paid += _down(price[site], instance.demand[row])
        np.subtract.at(result, site, np.maximum(self.rows[row] - paid, 0))
        return result


def certify_allocation(
    instance: AllocationInstance, rows: NDArray[np.float64], sites: NDArray[np.float64]
) -> AllocationCertificate:
    """Turn floating-point multipliers into a certificate.

    Parameters
    ----------
    instance
        What they are for.
    rows, sites
        (N,) and (M,); what is negative counts as 0.

    Raises
    ------
    InputError
        Costs add up to more than exact sums have room for.
    """
    rows, sites = np.maximum(rows, 0.0), np.maximum(sites, 0.0)
    if instance.capacity is None:
        sites = np.zeros_like(sites)
    largest = float(rows.sum() + instance.opening.sum()) + 1.0
    if instance.capacity is not None:
        held = np.where(sites > 0.0, instance.capacity, 0.0)
        largest += float(sites @ held + sites.max(initial=0.0) * instance.demand.sum())
    if not largest < _ROOM:
        raise InputError(f"costs add up to {largest:.3g}; they must stay below {_ROOM:.3g}")
    scale = int(min(40.0, math.log2(_ROOM / largest), math.log2(_WHOLE / (sites.max(initial=0.0) + 1.0))))
    units = 2.0**scale
    return AllocationCertificate(
        scale, np.floor(rows * units).astype(np.int64), np.floor(sites * units).astype(np.int64)
    )


def _units(values: NDArray[np.float64], scale: int) -> NDArray[np.int64]:
    """Return values in units, rounded down; one beyond all multipliers is as good as any other."""
    return np.floor(np.minimum(values * 2.0**scale, _ROOM)).astype(np.int64)


def _down(price: NDArray[np.float64], quantity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integer not above the product of a whole price and a quantity, exact where floats are."""
    product = price * quantity
    exact = (np.floor(quantity) == quantity) & (np.abs(product) <= 2.0**53)
    lower = np.floor(np.where(exact, product, np.nextafter(product, -np.inf)))
    return np.asarray(np.clip(lower, -_ROOM, _ROOM), np.int64)
