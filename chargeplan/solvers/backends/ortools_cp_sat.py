"""OR-Tools CP-SAT (Perron & Didier)."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from chargeplan.errors import InputError
from chargeplan.solvers.backends.base import Answer, Feature, Hooks, run_watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits

_WORK_PER_UNIT = 0.25  # CP-SAT's deterministic seconds in a unit of work: what it does in about a second
_LARGEST = 2.0**50  # of a coefficient or a row's sum; CP-SAT computes in int64
_LARGEST_SUM = 2.0**61  # that a row or the objective can come to


class CpSat:
    """CP-SAT; takes whole numbers, and decimals that a power of ten makes whole.

    An objective of other numbers is rounded; its bound moves to the safe side by all that this can be worth.
    """

    name = "ortools:cp-sat"
    features = frozenset({Feature.WARM_START, Feature.CANCEL, Feature.PROGRESS, Feature.WORK_LIMIT})

    def is_available(self) -> bool:
        """Whether OR-Tools is installed."""
        return importlib.util.find_spec("ortools") is not None

    def takes(self, model: MatrixModel) -> bool:
        """Whether every variable and coefficient can be written in whole numbers."""
        try:
            _whole_rows(model)
            _scaled_objective(model)
        except InputError:
            return False
        return True

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits.

        Raises
        ------
        InputError
            A variable or coefficient cannot be written in whole numbers.
        """
        from ortools.sat.python import cp_model  # noqa: PLC0415 - loaded when first used

        began = time.perf_counter()
        built, variables, scale = _build(cp_model, model)
        if hooks.start is not None:
            built.proto.solution_hint.vars.extend(range(len(variables)))
            built.proto.solution_hint.values.extend(np.round(hooks.start).astype(int).tolist())
        solver = _solver(cp_model, limits, time.perf_counter() - began)
        if hooks.report is not None:
            solver.best_bound_callback = lambda bound: hooks.report(None, bound / scale)
        watcher = _solution_watcher(cp_model, hooks, scale)
        status: list[Any] = []
        run_watched(lambda: status.append(solver.solve(built, watcher)), solver.stop_search, hooks)
        answer = _answer(cp_model, solver, status[0], variables, scale)
        return _truthful(model, answer, scale)


def _whole_rows(model: MatrixModel) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Scale every row to whole numbers: its coefficients and both limits, infinite ones kept."""
    if not (model.integral | model.implied).all():
        raise InputError("CP-SAT takes integer variables only")
    data = model.rows.data.copy()
    lower, upper = model.row_lower.copy(), model.row_upper.copy()
    whole = np.floor(data) == data
    fractional = np.zeros(lower.size, np.bool_)
    fractional[np.repeat(np.arange(lower.size), np.diff(model.rows.indptr))[~whole]] = True
    for row in np.flatnonzero(fractional):
        inside = slice(model.rows.indptr[row], model.rows.indptr[row + 1])
        scale = _decimal_scale(data[inside])
        data[inside] = np.round(data[inside] * scale)
        lower[row], upper[row] = lower[row] * scale, upper[row] * scale
    sums = csr_array((abs(data), model.rows.indices, model.rows.indptr), model.rows.shape) @ _extent(model)
    if abs(data).sum() > _LARGEST or sums.max(initial=0.0) > _LARGEST_SUM:
        raise InputError("the coefficients are too large for CP-SAT")
    # A whole-number sum reaches a limit with the next whole number; 1e-12 forgives the product's rounding.
    return data.astype(np.int64), np.ceil(lower - 1e-12 * abs(lower)), np.floor(upper + 1e-12 * abs(upper))


def _decimal_scale(values: NDArray[np.float64]) -> int:
    for places in range(7):
        scaled = np.round(values * 10**places)
        if (scaled / 10**places == values).all() and np.abs(scaled).sum() < _LARGEST:
            return int(10**places)
    raise InputError("CP-SAT takes whole numbers and decimals of up to 6 places; choose another backend")


def _scaled_objective(model: MatrixModel) -> tuple[NDArray[np.int64], int]:
    """Write the objective in whole numbers: exactly where that can be, else as finely as int64 allows."""
    values = model.objective
    total = float(np.abs(values) @ _extent(model))
    try:
        scale = _decimal_scale(values)
    except InputError:
        if not total < _LARGEST / 2:
            raise
        scale = 1 << int(np.log2(_LARGEST / 2 / max(total, 1.0)))
    if not total * scale < _LARGEST_SUM:
        raise InputError("the objective is too large for CP-SAT")
    return np.round(values * scale).astype(np.int64), scale


def _extent(model: MatrixModel) -> NDArray[np.float64]:
    """Return how far each variable can be from 0, at least 1."""
    return np.maximum(np.maximum(np.abs(model.lower), np.abs(model.upper)), 1.0)


def _truthful(model: MatrixModel, answer: Answer, scale: int) -> Answer:
    """Give an answer the model's own objective, and move its bound by all that rounding can be worth."""
    if answer.values is None:
        return answer
    lost = np.abs(model.objective - np.round(model.objective * scale) / scale)
    slack = float(lost @ np.maximum(np.abs(model.lower), np.abs(model.upper))) * (1 + 1e-9)
    if slack == 0.0 or answer.bound is None:
        return answer
    bound = answer.bound + (slack if model.maximise else -slack)
    return replace(answer, objective=float(model.objective @ answer.values), bound=bound)


def _build(cp_model: Any, model: MatrixModel) -> tuple[Any, list[Any], int]:
    built = cp_model.CpModel()
    bounds = zip(
        np.ceil(model.lower).astype(int).tolist(), np.floor(model.upper).astype(int).tolist(), strict=True
    )
    variables = [built.new_int_var(low, high, "") for low, high in bounds]
    data, lower, upper = _whole_rows(model)
    pointer, columns = model.rows.indptr.tolist(), model.rows.indices.tolist()
    coefficients = data.tolist()
    limits = [
        (_limit(low, cp_model.INT_MIN), _limit(high, cp_model.INT_MAX))
        for low, high in zip(lower, upper, strict=True)
    ]
    # Covering rows go in as sums, not as clauses: CP-SAT leaves clauses out of its LP, and so of the bound.
    # Straight into the message, as lists of numbers: an object per term takes five times as long.
    for (start, end), limit in zip(pairwise(pointer), limits, strict=True):
        row = built.proto.constraints.add().linear
        row.vars.extend(columns[start:end])
        row.coeffs.extend(coefficients[start:end])
        row.domain.extend(limit)
    objective, scale = _scaled_objective(model)
    total = cp_model.LinearExpr.weighted_sum(variables, objective.tolist())
    (built.maximize if model.maximise else built.minimize)(total)
    return built, variables, scale


def _limit(value: float, infinite: int) -> int:
    return int(value) if np.isfinite(value) else infinite


def _solver(cp_model: Any, limits: Limits, spent: float) -> Any:
    """Set the solver up; what has been spent on building counts as its time too."""
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.num_workers = limits.threads or os.cpu_count() or 1
    parameters.random_seed = limits.seed
    parameters.relative_gap_limit = limits.gap
    parameters.linearization_level = 2
    # Of few workers CP-SAT gives none the whole LP by itself, and covering models have no other bound.
    parameters.subsolvers.extend(["max_lp", "reduced_costs"])
    # A fixed schedule of the workers: the same seed gives the same plan.
    parameters.interleave_search = True
    if limits.time_limit is not None:
        parameters.max_time_in_seconds = max(limits.time_limit - spent, 0.0)
    if limits.work_limit is not None:
        parameters.max_deterministic_time = _WORK_PER_UNIT * limits.work_limit
    return solver


def _solution_watcher(cp_model: Any, hooks: Hooks, scale: int) -> Any:
    class Watcher(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
        def on_solution_callback(self) -> None:
            if hooks.report is not None:
                hooks.report(self.objective_value / scale, None)

    return Watcher()


def _answer(cp_model: Any, solver: Any, status: Any, variables: list[Any], scale: int) -> Answer:
    if status == cp_model.INFEASIBLE:
        return Answer("infeasible")
    if status == cp_model.MODEL_INVALID:
        raise InputError("CP-SAT refused the model")
    if status == cp_model.UNKNOWN:
        return Answer("stopped")  # CP-SAT then says 0 for a bound that it does not have
    values = np.array([solver.value(variable) for variable in variables], np.float64)
    word = "optimal" if status == cp_model.OPTIMAL else "feasible"
    return Answer(word, values, solver.objective_value / scale, solver.best_objective_bound / scale)  # type: ignore[arg-type]
