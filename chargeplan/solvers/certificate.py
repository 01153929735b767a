"""Bounds that anyone can check by arithmetic: Lagrangian multipliers as exact integers.

For multipliers u >= 0 on the rows, lambda >= 0 on the targets and mu >= 0 on the limit, every plan of the
covering form (minimised; a maximising model is minimised with its values negated) costs at least::

    sum_{must} need_i u_i + sum_k lambda_k target_k - mu limit
      + sum_{other rows} min(0, need_i u_i - lambda_k weight_i - value_i)
      + sum_j min over permitted y_j of (cost_j + mu usage_j - sum_i a_ij u_i) y_j

It cannot exceed the LP bound and equals it for the LP's own multipliers (Geoffrion 1974). Multipliers are
integers in units of 2^-scale and every other number is rounded to the safe side, so the sum is exact and the
bound is never too good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.models.covering import CoveringModel

_ROOM = 2.0**61  # every sum has to stay below the largest int64
_WHOLE = 2.0**52  # every multiplier of a target or the limit has to be a whole float


@dataclass(frozen=True)
class DualCertificate:
    """Multipliers that prove a bound.

    Parameters
    ----------
    scale
        Multipliers are in units of ``2.0**-scale``.
    rows
        (N,) int64 multipliers u of the original rows.
    targets
        (K,) int64 multipliers lambda.
    limit
        Multiplier mu.
    """

    scale: int
    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    limit: int

    def bound(self, model: CoveringModel) -> float:
        """Prove a bound for a model: no plan has a better objective.

        Parameters
        ----------
        model
            The model, in its original rows and sites.

        Returns
        -------
        float
            A lower bound when minimising, an upper bound when maximising; rounded to an integer where every
            objective is one.
        """
        total = self._constant(model) + self._soft_rows(model) + self._sites(model)
        if model.maximise:
            total = -total
        units = 1 << self.scale
        if model.integer_objective:
            return float(total // units if model.maximise else -((-total) // units))
        nearest = total / units
        outward = math.inf if model.maximise else -math.inf
        return nearest if nearest * units == total else math.nextafter(nearest, outward)

    def _constant(self, model: CoveringModel) -> int:
        must = int((model.need[model.must] * self.rows[model.must]).sum())
        targets = int(_down(self.targets.astype(np.float64), model.targets).sum())
        return must + targets - (0 if model.limit is None else int(_up(float(self.limit), model.limit)))

    def _soft_rows(self, model: CoveringModel) -> int:
        soft = np.flatnonzero(~model.must)
        grouped = model.group[soft] >= 0
        price = np.zeros(soft.size)
        price[grouped] = self.targets[model.group[soft][grouped]]
        worth = _up(price, model.weight[soft])
        if model.maximise:
            worth += np.ceil(model.value[soft] * 2.0**self.scale).astype(
                np.int64
            )  # a power of two loses nothing
        return int(np.minimum(0, model.need[soft] * self.rows[soft] - worth).sum())

    def _sites(self, model: CoveringModel) -> int:
        paid = model.coverage.astype(np.int64).T @ self.rows
        reduced = _down(float(self.limit), model.usage) - paid
        if not model.maximise:
            reduced += np.floor(model.cost * 2.0**self.scale).astype(np.int64)
        return int(reduced[model.opened].sum() + np.minimum(reduced, 0)[~model.opened & ~model.closed].sum())


def certify(
    model: CoveringModel, rows: NDArray[np.float64], targets: NDArray[np.float64], limit: float
) -> DualCertificate:
    """Turn floating-point multipliers into a certificate.

    Parameters
    ----------
    model
        The model, in its original rows and sites.
    rows, targets, limit
        (N,), (K,) and scalar multipliers; negative ones count as 0.

    Returns
    -------
    DualCertificate
        With the finest scale, up to 2^-40, at which no sum can overflow.
    """
    rows, targets, limit = np.maximum(rows, 0.0), np.maximum(targets, 0.0), max(limit, 0.0)
    scale = _finest_scale(model, rows, targets, limit)
    units = 2.0**scale
    return DualCertificate(
        scale,
        np.floor(rows * units).astype(np.int64),
        np.floor(targets * units).astype(np.int64),
        int(limit * units),
    )


def _finest_scale(
    model: CoveringModel, rows: NDArray[np.float64], targets: NDArray[np.float64], limit: float
) -> int:
    columns = np.asarray(model.coverage.sum(axis=1))
    magnitude = (
        float((rows * np.maximum(columns, model.need)).sum())
        + float(model.cost.sum() + model.value.sum() + limit * model.usage.sum())
        + limit * (model.limit or 0.0)
        + float(targets.sum() * (model.weight.sum() + model.targets.sum()))
    )
    if not magnitude < _ROOM:
        raise InputError(f"costs and weights add up to {magnitude:.3g}; they must stay below {_ROOM:.3g}")
    largest = max(limit, float(targets.max(initial=0.0)), 1.0)
    if largest > _WHOLE:
        raise InputError(f"costs and weights are too far apart: one is worth {largest:.3g} of the other")
    return int(min(40.0, math.log2(_ROOM / max(magnitude, 1.0)), math.log2(_WHOLE / largest)))


def _down(multiplier: NDArray[np.float64] | float, factor: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Integer not above the product of a whole multiplier and a factor."""
    return np.asarray(np.floor(_outward(multiplier, factor, -np.inf)), np.int64)


def _up(multiplier: NDArray[np.float64] | float, factor: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """Integer not below the product of a whole multiplier and a factor."""
    return np.asarray(np.ceil(_outward(multiplier, factor, np.inf)), np.int64)


def _outward(
    multiplier: NDArray[np.float64] | float, factor: NDArray[np.float64] | float, towards: float
) -> NDArray[np.float64]:
    """Product, stepped to the safe side by one unit in the last place unless it is exact."""
    product = np.multiply(multiplier, factor)
    exact = (np.floor(factor) == factor) & (np.abs(product) <= 2.0**53)
    return np.where(exact, product, np.nextafter(product, towards))
