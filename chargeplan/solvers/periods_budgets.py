"""By how much the budgets of periods have to grow, all alike, until something can be planned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, hstack

from chargeplan.errors import BackendError
from chargeplan.solvers import backends
from chargeplan.solvers.backends.base import Hooks, checked, limits_for
from chargeplan.solvers.periods_reduction import among

if TYPE_CHECKING:
    from chargeplan.events import Cancel
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel
    from chargeplan.solvers.solution import Limits

_LARGEST = 60_000  # entries of the reduced coverage, over all periods, up to which it is asked
_SECONDS = 20.0  # at most
_BACKEND = "ortools:highs"  # takes numbers that are not whole


def least_factor(model: MultiPeriodModel, limits: Limits, cancel: Cancel | None = None) -> float | None:
    """Find the least factor on all budgets with which a plan exists.

    Parameters
    ----------
    model
        Whose budgets are too small.
    limits
        When to end.
    cancel
        Asked whether to stop.

    Returns
    -------
    float or None
        A factor that does, in the last digit of seven rounded up; None where none was found, or none does.
    """
    reduction = among(model, ~model.closed)
    if reduction.model.coverage.nnz * model.periods > _LARGEST or not reduction.model.sites:
        return None
    matrix = _with_factor(reduction.model)
    backend = backends.find(_BACKEND)
    seconds = _SECONDS if limits.time_limit is None else min(_SECONDS, limits.time_limit)
    asked = limits_for(backend, replace(limits, gap=0.0), seconds=seconds, work=None, gap=1e-6)
    try:
        answer = checked(backend, matrix, backend.solve(matrix, asked, Hooks(cancel=cancel)))
    except BackendError:
        return None
    if answer.values is None:
        return None
    factor = float(answer.values[-1])
    return float(np.ceil(factor * 1e6 - 1e-3) / 1e6)


def _with_factor(model: MultiPeriodModel) -> MatrixModel:
    """Write a model out with one more variable: the factor on the budgets, which is minimised."""
    plain = replace(model, maximise=False, value=np.zeros(model.value.size)).matrix()
    limited = int(np.isfinite(model.budgets).sum())
    first = (
        plain.row_lower.size - limited - (model.limit is not None) * (model.periods if model.closes else 1)
    )
    budgets = np.zeros(plain.row_upper.size)
    budgets[first : first + limited] = plain.row_upper[first : first + limited]
    upper = plain.row_upper.copy()
    upper[first : first + limited] = 0.0
    columns = plain.objective.size
    last = np.append(np.zeros(columns, np.bool_), True)
    most = 1e6
    return replace(
        plain,
        objective=last.astype(np.float64),
        rows=csr_array(hstack((plain.rows, csr_array(-budgets[:, None])), format="csr")),
        row_upper=upper,
        lower=np.append(plain.lower, 0.0),
        upper=np.append(plain.upper, most),
        integral=np.append(plain.integral, np.False_),
        implied=np.append(plain.implied, np.False_),
        maximise=False,
    )
