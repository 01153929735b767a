"""OR-Tools' linear solvers that take arrays: SCIP (Bolusani et al. 2024) and HiGHS (Huangfu & Hall 2018)."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import BackendError
from chargeplan.solvers.backends.base import Answer, Feature, Hooks, run_watched

if TYPE_CHECKING:
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits


class OrtoolsLinear:
    """A mixed-integer solver inside OR-Tools.

    Parameters
    ----------
    solver
        ``"scip"`` or ``"highs"``.
    """

    features = frozenset({Feature.WARM_START, Feature.CANCEL, Feature.FRACTIONS})

    def __init__(self, solver: str) -> None:
        self._solver = solver
        self.name = f"ortools:{solver}"

    def is_available(self) -> bool:
        """Whether OR-Tools is installed."""
        return importlib.util.find_spec("ortools") is not None

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits."""
        from ortools.linear_solver.python import model_builder_helper as builder  # noqa: PLC0415

        built = _build(builder, model)
        if hooks.start is not None:
            for index, value in enumerate(hooks.start.tolist()):
                built.add_hint(index, value)
        solver = builder.ModelSolverHelper(self._solver)
        if not solver.solver_is_supported():
            raise BackendError(f"this OR-Tools was built without {self._solver}")
        if limits.time_limit is not None:
            solver.set_time_limit_in_seconds(limits.time_limit)
        solver.set_solver_specific_parameters(self._parameters(limits))
        run_watched(lambda: solver.solve(built), solver.interrupt_solve, hooks)
        return self._answer(builder, solver, limits)

    def _parameters(self, limits: Limits) -> str:
        if self._solver == "scip":
            return f"limits/gap = {limits.gap}\nrandomization/randomseedshift = {limits.seed}\n"
        return f"mip_rel_gap = {limits.gap}\nrandom_seed = {limits.seed}\n"

    def _answer(self, builder: Any, solver: Any, limits: Limits) -> Answer:
        status = solver.status()
        words = builder.SolveStatus
        if status == words.INFEASIBLE:
            return Answer("infeasible")
        if not solver.has_solution():
            return Answer("stopped")
        values = np.asarray(solver.variable_values(), np.float64)
        word = "optimal" if status == words.OPTIMAL else "feasible"
        return Answer(word, values, solver.objective_value(), solver.best_objective_bound())  # type: ignore[arg-type]


def _build(builder: Any, model: MatrixModel) -> Any:
    built = builder.ModelBuilderHelper()
    built.fill_model_from_sparse_data(
        model.lower, model.upper, model.objective, model.row_lower, model.row_upper, _scipy_matrix(model)
    )
    for index in np.flatnonzero(model.integral).tolist():
        built.set_var_integrality(index, True)  # noqa: FBT003 - OR-Tools' own signature
    built.set_maximize(model.maximise)
    return built


def _scipy_matrix(model: MatrixModel) -> Any:
    """OR-Tools reads SciPy's older matrix class only."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    return csr_matrix(model.rows)
