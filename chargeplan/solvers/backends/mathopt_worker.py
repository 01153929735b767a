"""The worker process of `mathopt_process`: reads a model, solves it with MathOpt, writes the answer.

``python -I mathopt_worker.py solve FOLDER``. Imports nothing of ours.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
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
    seconds = asked["time_limit"]
    return mathopt.SolveParameters(
        time_limit=None if seconds is None else dt.timedelta(seconds=seconds),
        relative_gap_tolerance=asked["gap"],
        random_seed=asked["seed"],
    )


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


if __name__ == "__main__":
    main(sys.argv[1:])
