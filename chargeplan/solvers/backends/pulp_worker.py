"""The worker process of `pulp_process`: reads a model, solves it with PuLP, writes the answer.

``python -I pulp_worker.py list`` prints the solvers PuLP finds; ``python -I pulp_worker.py solve FOLDER``
solves. Imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pulp

_LIMITED = re.compile(r"^(?:Lower|Upper) bound:\s+(\S+)", re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    if arguments[0] == "list":
        print(json.dumps(pulp.listSolvers(onlyAvailable=True)))  # noqa: T201 - the answer
    else:
        solve(Path(arguments[1]))


def solve(folder: Path) -> None:
    """Solve the model in a folder and leave the answer there."""
    asked = json.loads((folder / "request.json").read_text())
    with np.load(folder / "model.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    problem, variables = build(arrays, maximise=asked["maximise"])
    if asked["time_limit"] is not None:  # starting up and building are inside the limit
        asked["time_limit"] = max(asked["time_limit"] - (time.time() - asked["asked_at"]), 0.05)
    log = folder / "solver.log"
    problem.solve(solver(asked, log, warm="start" in arrays))
    status = word(problem, asked)
    answer: dict[str, Any] = {"status": status, "objective": None, "bound": None}
    if status in {"optimal", "feasible"}:
        np.save(
            folder / "values.npy", np.array([variable.value() or 0.0 for variable in variables], np.float64)
        )
        answer["objective"] = float(pulp.value(problem.objective) or 0.0)
    if asked["solver"] in {"PULP_CBC_CMD", "COIN_CMD"} and status != "infeasible":
        answer["bound"] = cbc_bound(log, answer["objective"])
    (folder / "answer.json").write_text(json.dumps(answer))


def build(arrays: dict[str, np.ndarray], *, maximise: bool) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """Write the arrays as a PuLP problem."""
    problem = pulp.LpProblem("chargeplan", pulp.LpMaximize if maximise else pulp.LpMinimize)
    limits = zip(arrays["lower"].tolist(), arrays["upper"].tolist(), arrays["integral"].tolist(), strict=True)
    variables = [
        pulp.LpVariable(f"x{index}", low, high, pulp.LpInteger if whole else pulp.LpContinuous)
        for index, (low, high, whole) in enumerate(limits)
    ]
    if "start" in arrays:
        for variable, value in zip(variables, arrays["start"].tolist(), strict=True):
            variable.setInitialValue(value)
    used = np.flatnonzero(arrays["objective"]).tolist()
    problem.setObjective(
        pulp.LpAffineExpression([(variables[i], float(arrays["objective"][i])) for i in used])
    )
    add_rows(problem, variables, arrays)
    return problem, variables


def add_rows(
    problem: pulp.LpProblem, variables: list[pulp.LpVariable], arrays: dict[str, np.ndarray]
) -> None:
    """Add every row, twice where it is limited on both sides."""
    pointer, columns, data = (arrays[name].tolist() for name in ("indptr", "indices", "data"))
    for row, (low, high) in enumerate(
        zip(arrays["row_lower"].tolist(), arrays["row_upper"].tolist(), strict=True)
    ):
        inside = range(pointer[row], pointer[row + 1])
        expression = pulp.LpAffineExpression([(variables[columns[k]], data[k]) for k in inside])
        if low == high:
            problem.addConstraint(pulp.LpConstraint(expression, pulp.LpConstraintEQ, f"r{row}", low))
            continue
        if np.isfinite(low):
            problem.addConstraint(pulp.LpConstraint(expression, pulp.LpConstraintGE, f"l{row}", low))
        if np.isfinite(high):
            problem.addConstraint(pulp.LpConstraint(expression.copy(), pulp.LpConstraintLE, f"u{row}", high))


def solver(asked: dict[str, Any], log: Path, *, warm: bool) -> pulp.LpSolver:
    """Set up the solver with the limits it can take."""
    settings: dict[str, Any] = {
        "msg": True,
        "timeLimit": asked["time_limit"],
        "gapRel": max(asked["gap"], 1e-12),
    }
    if asked["solver"] in {"PULP_CBC_CMD", "COIN_CMD"}:
        settings |= {"threads": asked["threads"], "logPath": str(log), "warmStart": warm}
        settings["options"] = [f"randomCbcSeed {asked['seed']}"]
    return pulp.getSolver(asked["solver"], **settings)


def word(problem: pulp.LpProblem, asked: dict[str, Any]) -> str:
    """Say in our words how it ended; PuLP calls optimal what GLPK had no time to prove."""
    hurried = asked["solver"] == "GLPK_CMD" and asked["time_limit"] is not None
    if hurried and problem.sol_status == pulp.LpSolutionOptimal:
        return "feasible"
    if problem.status == pulp.LpStatusInfeasible:  # CBC's "integer infeasible" has no word as a solution
        return "infeasible"
    return {
        pulp.LpSolutionOptimal: "optimal",
        pulp.LpSolutionIntegerFeasible: "feasible",
        pulp.LpSolutionInfeasible: "infeasible",
    }.get(problem.sol_status, "stopped")


def cbc_bound(log: Path, objective: float | None) -> float | None:
    """Read the bound that CBC proved from its log."""
    text = log.read_text(errors="replace") if log.exists() else ""
    limited = _LIMITED.findall(text)
    if limited:
        return float(limited[-1])
    return objective if "Optimal solution found" in text else None


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
