"""Multipliers without a linear program: subgradient ascent (Held, Wolfe & Crowder 1974).

The ways are deflected (Camerini, Fratta & Maffioli 1975). Every step is a sum over the coverage, so that a
bound is there within moments at any size. Any multipliers prove a true bound; these come near the LP's. A
limit has no multiplier that moves: the sites that it leaves room for are chosen anew in every step (Galvão &
ReVelle 1996), and the least of them sets its price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.bounds import Relaxation, worth

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.solvers.models.covering import CoveringModel

_STEPS = 1000
_PATIENCE = 20  # steps without a better bound until the steps become half as long
_SLOWEST = 1e-3  # pace at which it ends
_DEFLECTION = 0.7  # part of the last way that the next one keeps


def ascend(
    model: CoveringModel,
    stop: Callable[[], bool] = lambda: False,
    *,
    best: float | None = None,
) -> Relaxation:
    """Raise the bound of a covering model step by step.

    Parameters
    ----------
    model
        A reduced model: no site is given, and every row has a site.
    stop
        Asked between steps whether to stop.
    best
        Objective of a plan, which tells how long a step should be; None where none is known.

    Returns
    -------
    Relaxation
        With the best multipliers found.
    """
    dual = _Dual(model, best)
    point = highest = dual.start()
    at = highest_at = dual.evaluate(point)
    kept = dual.fair(point, at.limit)
    way, pace, worse = np.zeros(point.size), 1.0, 0
    for _ in range(_STEPS):
        way = at.slope + _DEFLECTION * way
        length = float(way @ (dual.scale * way))
        if length <= 0.0 or dual.most <= at.bound or pace < _SLOWEST or stop():
            break
        point = dual.permitted(point + pace * (dual.most - at.bound) / length * dual.scale * way)
        at = dual.evaluate(point)
        worse += 1
        if at.bound > highest_at.bound:
            highest, highest_at, worse = point, at, 0
        if worse == _PATIENCE:
            pace, worse = pace / 2, 0
            kept = max(kept, dual.fair(highest, highest_at.limit), key=_proven)
    kept = max(kept, dual.fair(highest, highest_at.limit), key=_proven)
    return Relaxation(dual.in_matrix_order(kept))


@dataclass(frozen=True)
class _At:
    """The Lagrangian at a vector: the bound it proves, the way it rises, the multiplier of the limit."""

    bound: float
    slope: NDArray[np.float64]
    limit: float


@dataclass(frozen=True)
class _Fair:
    """A vector and a multiplier of the limit by which no site is paid more than it costs; their bound."""

    point: NDArray[np.float64]
    limit: float
    bound: float


def _proven(fair: _Fair) -> float:
    return fair.bound


class _Dual:
    """The Lagrangian of a model, minimised, as a function of one vector.

    The vector holds, of each row that must hold, its multiplier; of every other row, how far its multiplier
    stays below what the row is worth; then the multipliers of the targets. That of the limit follows.

    Parameters
    ----------
    model
        A reduced model.
    best
        Objective of a plan, None where none is known.
    """

    def __init__(self, model: CoveringModel, best: float | None = None) -> None:
        self.model = model
        self._rows: csr_array = model.coverage.astype(np.float64).tocsr()
        self._sites: csr_array = self._rows.T.tocsr()
        self._cost = np.zeros(model.cost.size) if model.maximise else model.cost
        self.most = float(self._cost.sum())  # no bound exceeds it
        if best is not None:
            self.most = min(self.most, -best if model.maximise else best)
        self._grouped = model.group >= 0
        self._value = worth(model, np.zeros(model.targets.size)) / model.need
        self._share = model.weight / model.need
        self._typical = self._guess()
        rows = model.need.size
        ordinary = max(float(np.median(self._typical[:rows])), 1e-9)
        # All rows step alike; a target is worth so many of them.
        self.scale = np.ones(self._typical.size)
        self.scale[rows:] = (self._typical[rows:] / ordinary) ** 2

    def start(self) -> NDArray[np.float64]:
        """Return the vector to begin with: rows pay what their cheapest sites ask, or half their value."""
        point = self._typical.copy()
        rows = point[: self.model.need.size]
        if not self.model.maximise:
            rows[~self.model.must] = 0.0
        else:
            point[rows.size :] = 0.0
        return self.permitted(point)

    def permitted(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest vector without a negative multiplier."""
        result = np.maximum(point, 0.0)
        rows, targets = self._parts(result)
        result[: rows.size] = np.where(self.model.must, rows, np.minimum(rows, self._worth(targets)))
        return result

    def evaluate(self, point: NDArray[np.float64], limit: float | None = None) -> _At:
        """Return the bound that a vector proves and the way it rises.

        With the best multiplier of the limit, unless one is given.
        """
        model = self.model
        rows, targets = self._multipliers(point)
        below = np.where(model.must, 0.0, point[: rows.size])
        price = self._cost - self._sites @ rows
        best_limit, opened = self._chosen(price)
        limit = best_limit if limit is None else limit
        price = price + limit * model.usage
        bound = float((model.need * rows)[model.must].sum() + targets @ model.targets)
        bound += float(np.minimum(price, 0.0).sum() - model.need @ below) - limit * (model.limit or 0.0)
        served = self._rows @ opened
        of_rows = np.where(model.must, model.need - served, served - model.need * (below > 0))
        of_targets = model.targets - self._grouped_sum(self._share * served)
        return _At(bound, np.concatenate((of_rows, of_targets)), limit)

    def _chosen(self, price: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the multiplier of the limit and the sites opened, the last of them in part.

        The sites that pay the most for what they use fit; the first that does not sets the multiplier.
        """
        model = self.model
        opened = (price < 0).astype(np.float64)
        if model.limit is None or model.usage @ opened <= model.limit:
            return 0.0, opened
        paying = np.flatnonzero((price < 0) & (model.usage > 0))
        gain = -price[paying] / model.usage[paying]
        order = np.argsort(-gain, kind="stable")
        used = np.cumsum(model.usage[paying][order])
        last = min(int(np.searchsorted(used, model.limit)), order.size - 1)
        opened[paying[order[last:]]] = 0.0
        site = paying[order[last]]
        opened[site] = 1.0 - max(used[last] - model.limit, 0.0) / model.usage[site]
        return float(gain[order[last]]), opened

    def fair(self, point: NDArray[np.float64], limit: float) -> _Fair:
        """Return the vector with rows paying less, so that no site is paid more than it costs.

        What such multipliers prove holds for the sites that reduction dropped as well: they serve no more
        rows at no less cost.
        """
        rows, _ = self._multipliers(point)
        price = self._cost + limit * self.model.usage
        paid = self._sites @ rows
        part = np.minimum(1.0, np.divide(price, paid, out=np.ones(paid.size), where=paid > 0))
        paying = rows * np.minimum.reduceat(part[self._rows.indices], self._rows.indptr[:-1])
        result = point.copy()
        result[: rows.size] = np.where(self.model.must, paying, point[: rows.size] + rows - paying)
        return _Fair(result, limit, self.evaluate(result, limit).bound)

    def in_matrix_order(self, fair: _Fair) -> NDArray[np.float64]:
        """Order the multipliers as the rows of the matrix form: rows that must hold first."""
        rows, targets = self._multipliers(fair.point)
        must, limit = self.model.must, [fair.limit][: self.model.limit is not None]
        return np.concatenate((rows[must], rows[~must], targets, limit))

    def _guess(self) -> NDArray[np.float64]:
        """Return what each part is like: half the value of a row, or what its cheapest site asks of it."""
        model = self.model
        if model.maximise:
            rows = np.where(model.must, max(float(model.value.mean()), 1.0), model.value / 2)
            return np.concatenate((rows, np.ones(model.targets.size)))
        price = self._cost / np.maximum(np.diff(self._sites.indptr), 1)
        rows = np.minimum.reduceat(price[self._rows.indices], self._rows.indptr[:-1])
        members = np.bincount(model.group[self._grouped], minlength=model.targets.size)
        weight = self._grouped_sum(model.weight) / np.maximum(members, 1)
        return np.concatenate((rows, float(np.median(rows)) / np.maximum(weight, 1e-9)))

    def _multipliers(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows, targets = self._parts(point)
        return np.where(self.model.must, rows, self._worth(targets) - rows), targets

    def _worth(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each row that need not hold is worth, for each station that it needs."""
        return worth(self.model, targets) / self.model.need if targets.size else self._value

    def _grouped_sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up by target what belongs to rows; no targets, the usual case, cost no time."""
        model = self.model
        if not model.targets.size:
            return np.zeros(0)
        group = model.group[self._grouped]
        return np.bincount(group, values[self._grouped], model.targets.size).astype(np.float64)

    def _parts(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows = self.model.need.size
        return point[:rows], point[rows:]
