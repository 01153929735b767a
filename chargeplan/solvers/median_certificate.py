"""Bounds of the p-median that anyone can check by arithmetic.

For any multipliers u, one for each demand point, every plan of p stations costs at least::

    sum_i u_i - sum over the p sites with the most savings of  sum_i max(0, u_i - cost_ij)

required sites always counted among the p, forbidden ones never (Cornuejols, Fisher & Nemhauser 1977;
Geoffrion 1974). At its best it equals the bound of the LP relaxation. Multipliers are integers in units of
2^-scale and costs are rounded down to such units, so the sum is exact and the bound is never too good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROOM = 2.0**60  # the sum of the multipliers has to stay below; no site saves more than that
_WIDER = 1 + 1e-12  # so that no pair is missed by rounding
_BLOCK = 1 << 21  # entries of the distances looked at together


@dataclass(frozen=True, slots=True)
class MedianInstance:
    """A p-median as it was asked.

    Parameters
    ----------
    distance
        (N, M), infinite where the site cannot serve the demand point.
    weight
        (N,) of each demand point.
    stations
        How many sites have to be open.
    opened, closed
        (M,) bool, sites whose state is given.
    """

    distance: NDArray[np.float64]
    weight: NDArray[np.float64]
    stations: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]


@dataclass(frozen=True)
class MedianCertificate:
    """Multipliers that prove a bound.

    Parameters
    ----------
    scale
        Multipliers are in units of ``2.0**-scale``.
    multipliers
        (N,) int64, u of each demand point.
    """

    scale: int
    multipliers: NDArray[np.int64]

    def bound(self, instance: MedianInstance) -> float:
        """Prove a bound: no plan's distances, times weights, add up to less.

        Parameters
        ----------
        instance
            With the original demand points and sites.

        Returns
        -------
        float
            Rounded up to a whole number where all weighted distances are whole.
        """
        savings, whole = self._savings(instance)
        free = np.sort(savings[~instance.opened & ~instance.closed])
        more = free.size - (instance.stations - int(instance.opened.sum()))
        total = sum(self.multipliers.tolist())
        total -= sum(savings[instance.opened].tolist()) + sum(free[more:].tolist())
        units = 1 << self.scale
        if whole:
            return float(-((-total) // units))
        nearest = total / units
        return nearest if int(nearest * units) == total else math.nextafter(nearest, -math.inf)

    def _savings(self, instance: MedianInstance) -> tuple[NDArray[np.int64], bool]:
        """Return what each site saves, in units, and whether every weighted distance is whole."""
        rows, sites = instance.distance.shape
        savings, whole = np.zeros(sites, np.int64), True
        step = max(1, _BLOCK // sites)
        reach = self._reach(instance.weight)
        for start in range(0, rows, step):
            part = slice(start, start + step)
            distance, weight = instance.distance[part], instance.weight[part, None]
            if whole:
                cost = weighted(distance, weight, down=True)
                whole = bool((cost == np.floor(cost)).all())
            row, site = np.nonzero(distance <= reach[part, None])
            cost = weighted(distance[row, site], weight[row, 0], down=True)
            units = np.floor(np.minimum(cost * 2.0**self.scale, _ROOM)).astype(np.int64)
            np.add.at(savings, site, np.maximum(self.multipliers[part][row] - units, 0))
        return savings, whole

    def _reach(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N,) distances beyond which no site saves anything of a multiplier."""
        price = self.multipliers * 2.0**-self.scale
        everywhere = np.where(self.multipliers > 0, np.inf, -1.0)
        np.divide(price * _WIDER, weight, out=everywhere, where=(weight > 0.0) & (price > 0.0))
        return everywhere


def weighted(
    distance: NDArray[np.float64], weight: NDArray[np.float64], *, down: bool = False
) -> NDArray[np.float64]:
    """Return weight times distance, infinite wherever the distance is.

    Parameters
    ----------
    distance
        Any shape.
    weight
        Of the same number of axes.
    down
        Whether a product that may have been rounded is stepped down, so that it is not too large.
    """
    if not down:
        with np.errstate(invalid="ignore"):
            product = distance * weight
        product[np.isnan(product)] = np.inf  # infinity times nothing
        return product
    finite = np.isfinite(distance)
    product = np.where(finite, distance, 0.0) * weight
    whole = (np.floor(distance) == distance) & (np.floor(weight) == weight)
    exact = (whole & (product <= 2.0**53)) | (weight == 1.0) | (product == 0.0)
    product = np.where(exact, product, np.nextafter(product, 0.0))
    return np.where(finite, product, np.inf)


def certify_median(multipliers: NDArray[np.float64]) -> MedianCertificate:
    """Turn floating-point multipliers into a certificate.

    Parameters
    ----------
    multipliers
        (N,), 0 or more; negative ones count as 0.

    Raises
    ------
    InputError
        They add up to more than exact sums have room for.
    """
    multipliers = np.maximum(multipliers, 0.0)
    total = float(multipliers.sum())
    if not total < _ROOM:
        raise InputError(f"weighted distances add up to {total:.3g}; they must stay below {_ROOM:.3g}")
    scale = int(min(40.0, math.log2(_ROOM / max(total, 1.0))))
    return MedianCertificate(scale, np.floor(multipliers * 2.0**scale).astype(np.int64))
