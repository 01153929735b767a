"""Multipliers without a linear program: subgradient ascent (Held, Wolfe & Crowder 1974).

The ways are deflected (Camerini, Fratta & Maffioli 1975). Every step is a sum over the coverage, so that a
bound is there within moments at any size. Any multipliers prove a true bound; these come near the LP's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.bounds import Relaxation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.solvers.models.covering import CoveringModel

_STEPS = 1000
_PATIENCE = 20  # steps without a better bound until the steps become half as long
_DEFLECTION = 0.7  # part of the last way that the next one keeps


def ascend(model: CoveringModel, stop: Callable[[], bool] = lambda: False) -> Relaxation:
    """Raise the bound of a covering model step by step.

    Parameters
    ----------
    model
        A reduced model: no site is given, and every row has a site.
    stop
        Asked between steps whether to stop.

    Returns
    -------
    Relaxation
        With the best multipliers found.
    """
    dual = _Dual(model)
    point = dual.start()
    kept, proven, highest = dual.fair(point), -np.inf, -np.inf
    way, pace, worse = np.zeros(point.size), 1.0, 0
    for _ in range(_STEPS):
        bound, slope = dual.evaluate(point)
        worse += 1
        if bound > highest:
            highest, worse, fair = bound, 0, dual.fair(point)
            kept, proven = max((kept, proven), (fair, dual.evaluate(fair)[0]), key=lambda pair: pair[1])
        if worse == _PATIENCE:
            pace, worse = pace / 2, 0
        way = slope + _DEFLECTION * way
        length = float(way @ (dual.scale * way))
        if length <= 0.0 or stop():
            break
        point = dual.permitted(point + pace * (dual.most - bound) / length * dual.scale * way)
    return Relaxation(dual.in_matrix_order(kept))


class _Dual:
    """The Lagrangian of a model, minimised, as a function of one vector.

    The vector holds, of each row that must hold, its multiplier; of every other row, how far its multiplier
    stays below what the row is worth; then the multipliers of the targets and of the limit.

    Parameters
    ----------
    model
        A reduced model.
    """

    def __init__(self, model: CoveringModel) -> None:
        self.model = model
        self._rows: csr_array = model.coverage.astype(np.float64).tocsr()
        self._sites: csr_array = self._rows.T.tocsr()
        self._ends = np.cumsum((model.need.size, model.targets.size)).tolist()
        self._cost = np.zeros(model.cost.size) if model.maximise else model.cost
        self.most = float(self._cost.sum())  # no bound exceeds it
        self._grouped = model.group >= 0
        self._typical = self._guess()
        ordinary = max(float(np.median(self._typical[: model.need.size])), 1e-9)
        # All rows step alike; a target or a limit is worth so many of them.
        self.scale = np.ones(self._typical.size)
        self.scale[model.need.size :] = (self._typical[model.need.size :] / ordinary) ** 2

    def start(self) -> NDArray[np.float64]:
        """Return the vector to begin with: rows pay what their cheapest sites ask, or nothing for value."""
        point = self._typical.copy()
        rows = point[: self.model.need.size]
        rows[~self.model.must] = np.inf if self.model.maximise else 0.0
        if self.model.maximise:
            point[rows.size :] = 0.0
        return self.permitted(point)

    def permitted(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest vector without a negative multiplier."""
        result = np.maximum(point, 0.0)
        rows, targets, _ = self._parts(result)
        result[: rows.size] = np.where(self.model.must, rows, np.minimum(rows, self._worth(targets)))
        return result

    def evaluate(self, point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the bound that a vector proves, and the way it rises."""
        model = self.model
        rows, targets, limit = self._multipliers(point)
        below = np.where(model.must, 0.0, point[: rows.size])
        reduced = self._cost + limit * model.usage - self._sites @ rows
        opened = (reduced < 0).astype(np.float64)
        most = model.limit or 0.0
        bound = float((model.need * rows)[model.must].sum() + targets @ model.targets) - limit * most
        bound += float(reduced[reduced < 0].sum() - model.need @ below)
        served = self._rows @ opened
        of_rows = np.where(model.must, model.need - served, served - model.need * (below > 0))
        of_targets = model.targets - self._grouped_sum(model.weight / model.need * served)
        of_limit = [0.0 if model.limit is None else float(model.usage @ opened) - most]
        return bound, np.concatenate((of_rows, of_targets, of_limit))

    def fair(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vector with rows paying less, so that no site is paid more than it costs.

        What such multipliers prove holds for the sites that reduction dropped as well: they serve no more
        rows at no less cost.
        """
        rows, _, limit = self._multipliers(point)
        price = self._cost + limit * self.model.usage
        paid = self._sites @ rows
        part = np.minimum(1.0, np.divide(price, paid, out=np.ones(paid.size), where=paid > 0))
        paying = rows * np.minimum.reduceat(part[self._rows.indices], self._rows.indptr[:-1])
        result = point.copy()
        result[: rows.size] = np.where(self.model.must, paying, point[: rows.size] + rows - paying)
        return result

    def in_matrix_order(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Order the multipliers as the rows of the matrix form: rows that must hold first."""
        rows, targets, limit = self._multipliers(point)
        must = self.model.must
        return np.concatenate((rows[must], rows[~must], targets, [limit][: self.model.limit is not None]))

    def _guess(self) -> NDArray[np.float64]:
        """Return what each part is like: the value of a row, or what its cheapest site asks of it."""
        model = self.model
        if model.maximise:
            rows = np.where(model.must, max(float(model.value.mean()), 1.0), model.value / 2)
            limit = float(np.median(self._sites @ model.value / np.maximum(model.usage, 1e-9)))
            return np.concatenate((rows, np.ones(model.targets.size), [limit]))
        price = self._cost / np.maximum(np.diff(self._sites.indptr), 1)
        rows = np.minimum.reduceat(price[self._rows.indices], self._rows.indptr[:-1])
        members = np.bincount(model.group[self._grouped], minlength=model.targets.size)
        weight = self._grouped_sum(model.weight) / np.maximum(members, 1)
        return np.concatenate((rows, float(np.median(rows)) / np.maximum(weight, 1e-9), [0.0]))

    def _multipliers(
        self, point: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        rows, targets, limit = self._parts(point)
        return np.where(self.model.must, rows, self._worth(targets) - rows), targets, limit

    def _worth(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each row that need not hold is worth, for each station that it needs."""
        model = self.model
        worth = model.value.copy() if model.maximise else np.zeros(model.need.size)
        worth[self._grouped] += targets[model.group[self._grouped]] * model.weight[self._grouped]
        return worth / model.need

    def _grouped_sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        model = self.model
        group = model.group[self._grouped]
        return np.bincount(group, values[self._grouped], model.targets.size).astype(np.float64)

    def _parts(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        rows, targets, limit = np.split(point, self._ends)
        return rows, targets, float(limit[0])
