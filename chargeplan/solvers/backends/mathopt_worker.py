"""The worker process of `mathopt_process` and `glop`: reads a model, solves it, writes the answer.

``python -I mathopt_worker.py solve FOLDER``. Imports nothing of ours.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

_SOLVERS = {"scip": mathopt.SolverType.GSCIP, "highs": mathopt.SolverType.HIGHS}


def main(arguments: list[str]) -> None:
    """Solve the model in a folder and leave the answer there."""
    folder = Path(arguments[1])
    asked = json.loads((folder / "request.json").read_text())
    with np.load(folder / "model.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    (solve_linear if asked["solver"] == "glop" else solve_integer)(folder, asked, arrays)


def solve_integer(folder: Path, asked: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Leave the best plan and its bound."""
    model = mathopt.Model.from_model_proto(build(arrays, maximise=asked["maximise"]))
    result = mathopt.solve(
        model,
        _SOLVERS[asked["solver"]],
        params=parameters(asked),
        model_params=mathopt.ModelSolveParameters(solution_hints=hints(model, arrays)),
    )
    answer = read(result)
    if result.has_primal_feasible_solution():
        found = result.variable_values()
        np.save(
            folder / "values.npy", np.array([found[variable] for variable in model.variables()], np.float64)
        )
    (folder / "answer.json").write_text(json.dumps(answer))


def solve_linear(folder: Path, asked: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Leave the multipliers of a linear program's rows."""
    found = multipliers(arrays, seconds_left(asked), maximise=asked["maximise"])
    if found is not None:
        np.save(folder / "duals.npy", found)
    (folder / "answer.json").write_text(json.dumps({"status": "stopped", "objective": None, "bound": None}))


def multipliers(arrays: dict[str, np.ndarray], seconds: float | None, *, maximise: bool) -> np.ndarray | None:
    """Solve a linear program with GLOP; its multipliers, those it holds when the time is over too."""
    model = mathopt.Model.from_model_proto(build(arrays, maximise=maximise))
    limit = None if seconds is None else dt.timedelta(seconds=seconds)
    parameters = mathopt.SolveParameters(time_limit=limit)
    result = mathopt.solve(model, mathopt.SolverType.GLOP, params=parameters)
    for solution in result.solutions:
        if solution.dual_solution is not None:
            values = solution.dual_solution.dual_values
            return np.array([values[row] for row in model.linear_constraints()], np.float64)
    return None


def build(arrays: dict[str, np.ndarray], *, maximise: bool) -> model_pb2.ModelProto:
    """Write the arrays as a MathOpt model, without a Python object per term."""
    proto = model_pb2.ModelProto()
    columns, rows = arrays["objective"].size, arrays["row_lower"].size
    proto.variables.ids.extend(range(columns))
    proto.variables.lower_bounds.extend(arrays["lower"].tolist())
    proto.variables.upper_bounds.extend(arrays["upper"].tolist())
    proto.variables.integers.extend(arrays["integral"].tolist())
    proto.objective.maximize = maximise
    used = np.flatnonzero(arrays["objective"])
    proto.objective.linear_coefficients.ids.extend(used.tolist())
    proto.objective.linear_coefficients.values.extend(arrays["objective"][used].tolist())
    proto.linear_constraints.ids.extend(range(rows))
    proto.linear_constraints.lower_bounds.extend(arrays["row_lower"].tolist())
    proto.linear_constraints.upper_bounds.extend(arrays["row_upper"].tolist())
    add_matrix(proto, arrays)
    return proto


def add_matrix(proto: model_pb2.ModelProto, arrays: dict[str, np.ndarray]) -> None:
    """Add the coefficients, in the order that MathOpt asks for: by row, then by column."""
    row = np.repeat(np.arange(arrays["indptr"].size - 1), np.diff(arrays["indptr"]))
    order = np.lexsort((arrays["indices"], row))
    order = order[arrays["data"][order] != 0.0]
    matrix = proto.linear_constraint_matrix
    matrix.row_ids.extend(row[order].tolist())
    matrix.column_ids.extend(arrays["indices"][order].tolist())
    matrix.coefficients.extend(arrays["data"][order].tolist())


def parameters(asked: dict[str, Any]) -> mathopt.SolveParameters:
    """Set the limits; both solvers run on one thread here, and HiGHS refuses to be told."""
    seconds = seconds_left(asked)
    return mathopt.SolveParameters(
        time_limit=None if seconds is None else dt.timedelta(seconds=seconds),
        relative_gap_tolerance=asked["gap"],
        random_seed=asked["seed"],
    )


def seconds_left(asked: dict[str, Any]) -> float | None:
    """Say what starting up left of the time; None for no limit."""
    seconds: float | None = asked["time_limit"]
    return None if seconds is None else max(seconds - (time.time() - asked["asked_at"]), 0.05)


def hints(model: mathopt.Model, arrays: dict[str, np.ndarray]) -> list[mathopt.SolutionHint]:
    """Hand over a known plan."""
    if "start" not in arrays:
        return []
    values = dict(zip(model.variables(), arrays["start"].tolist(), strict=True))
    return [mathopt.SolutionHint(variable_values=values)]


def read(result: mathopt.SolveResult) -> dict[str, Any]:
    """Say in our words how it ended."""
    reason = result.termination.reason
    bound = result.termination.objective_bounds.dual_bound
    answer = {"status": "stopped", "objective": None, "bound": bound if math.isfinite(bound) else None}
    if reason == mathopt.TerminationReason.INFEASIBLE:
        answer |= {"status": "infeasible", "bound": None}
    elif result.has_primal_feasible_solution():
        optimal = reason == mathopt.TerminationReason.OPTIMAL
        answer |= {"status": "optimal" if optimal else "feasible", "objective": result.objective_value()}
    return answer


def end_with_parent() -> None:
    """End this process, and a solver that it started, when the process that started it is gone."""

    def wait() -> None:
        while os.read(0, 1):  # until standard input ends
            pass
        if os.name == "posix":
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1:])
