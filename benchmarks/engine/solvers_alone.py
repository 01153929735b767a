"""One solver on one instance, alone in this process; prints its answer as JSON.

::

    python benchmarks/engine/solvers_alone.py SOLVER INSTANCE.pickle SECONDS THREADS

A tiny instance first: it imports and compiles what is needed, so that the clock sees neither. Then the clock
runs from the arrays to the stations, model building inside. A plain solver gets what building its model left
of the time; spopt builds within its own constructor, so that CBC below it gets the whole time anew.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import pickle
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from models import MaximalCovering, PCenter, PMedian, SetCovering, Within
from scipy.sparse import csc_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargeplan.solvers.matrix import MatrixModel


@dataclass(frozen=True)
class Answer:
    """How a solver ended: with which bound, if any, and which stations."""

    status: str
    objective: float | None = None
    bound: float | None = None
    proof: str = ""
    selected: list[int] | None = None
    uncounted: float = 0.0  # seconds that do not belong to the solver


class CannotAnswer(Exception):  # noqa: N818 - a word of the report, not an error
    """Why a solver does not take part."""


def chargeplan(instance: Any, seconds: float, threads: int) -> Answer:
    found = instance.solved(time_limit=seconds, threads=threads, gap=0.0)
    selected = None if found.selected is None else np.asarray(found.selected).tolist()
    drawing = dict(found.seconds).get("drawing", 0.0)
    return Answer(found.status, found.objective, found.bound, found.bound_kind or "", selected, drawing)


def highs(instance: Any, seconds: float, threads: int) -> Answer:
    """Run HiGHS as OR-Tools brings it, which refuses to be told a number of threads above one."""
    import datetime as dt  # noqa: PLC0415 - every solver imports its own

    from ortools.math_opt.python import mathopt  # noqa: PLC0415

    from chargeplan.solvers.backends import mathopt_worker  # noqa: PLC0415

    assert threads >= 1
    began = time.perf_counter()
    matrix = instance.matrix()
    model = mathopt.Model.from_model_proto(mathopt_worker.build(matrix.arrays(), maximise=matrix.maximise))
    limit = dt.timedelta(seconds=_left(seconds, began))
    parameters = mathopt.SolveParameters(time_limit=limit, relative_gap_tolerance=0.0)
    result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters)
    answer = Answer(**mathopt_worker.read(result), proof="HiGHS")
    if not result.has_primal_feasible_solution():
        return answer
    sites = list(model.variables())[: instance.sites]
    return replace(answer, selected=_open(list(result.variable_values(sites))))


def cp_sat(instance: Any, seconds: float, threads: int) -> Answer:
    """Run CP-SAT with its own parameters, but for time and threads."""
    from ortools.sat.python import cp_model  # noqa: PLC0415

    began = time.perf_counter()
    matrix = instance.matrix()
    _check_whole(matrix)
    built = cp_model.CpModel()
    limits = zip(matrix.lower.astype(int).tolist(), matrix.upper.astype(int).tolist(), strict=True)
    variables = [built.new_int_var(low, high, "") for low, high in limits]
    rows = matrix.rows
    pointer, columns, data = rows.indptr, rows.indices, rows.data.astype(np.int64)
    for row, (low, high) in enumerate(zip(matrix.row_lower.tolist(), matrix.row_upper.tolist(), strict=True)):
        inside = slice(pointer[row], pointer[row + 1])
        linear = built.proto.constraints.add().linear
        linear.vars.extend(columns[inside].tolist())
        linear.coeffs.extend(data[inside].tolist())
        linear.domain.append(int(low) if np.isfinite(low) else cp_model.INT_MIN)
        linear.domain.append(int(high) if np.isfinite(high) else cp_model.INT_MAX)
    total = cp_model.LinearExpr.weighted_sum(variables, matrix.objective.astype(np.int64).tolist())
    (built.maximize if matrix.maximise else built.minimize)(total)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = threads
    solver.parameters.max_time_in_seconds = _left(seconds, began)
    status = solver.solve(built)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Answer(solver.status_name(status).lower())
    word = "optimal" if status == cp_model.OPTIMAL else "feasible"
    selected = _open([solver.value(variable) for variable in variables[: instance.sites]])
    return Answer(word, solver.objective_value, solver.best_objective_bound, "CP-SAT", selected)


def cbc(instance: Any, seconds: float, threads: int) -> Answer:
    from chargeplan.solvers.backends import pulp_worker  # noqa: PLC0415

    began = time.perf_counter()
    matrix = instance.matrix()
    problem, variables = pulp_worker.build(matrix.arrays(), maximise=matrix.maximise)
    return _by_cbc(problem, problem.solve, variables[: instance.sites], _left(seconds, began), threads)


def spopt(instance: Any, seconds: float, threads: int) -> Answer:
    """Run PySAL spopt, which hands its model to CBC through PuLP."""
    from spopt import locate  # noqa: PLC0415

    if isinstance(instance, SetCovering) and isinstance(instance.coverage, Within):
        built = locate.LSCP.from_cost_matrix(instance.coverage.distance, instance.coverage.radius)
    elif isinstance(instance, MaximalCovering) and isinstance(instance.coverage, Within):
        table = instance.coverage
        built = locate.MCLP.from_cost_matrix(table.distance, instance.weight, table.radius, instance.stations)
    elif isinstance(instance, PMedian):
        built = locate.PMedian.from_cost_matrix(instance.distance, instance.weight, instance.stations)
    elif isinstance(instance, PCenter):
        built = locate.PCenter.from_cost_matrix(instance.distance, instance.stations)
    else:
        raise CannotAnswer("has no such model")
    solve = lambda solver: built.solve(solver, results=False)  # noqa: E731
    return _by_cbc(built.problem, solve, built.fac_vars, seconds, threads)


def set_cover(instance: Any, seconds: float, threads: int) -> Answer:
    """Run OR-Tools' greedy and guided local search, on one thread and without a bound.

    In one call of as many iterations as take the time, since a call hands back the best cover that it saw and
    cannot be told a time; how many that is, is measured on a first call, which is not counted.
    """
    sys.path.append(str(Path(__file__).parents[1]))
    from set_cover_peer import guided, subsets  # noqa: PLC0415 - every solver imports its own

    assert threads >= 1
    began = time.perf_counter()
    columns = csc_array(instance.relation())
    model = subsets(columns.indptr, columns.indices, instance.cost)
    building = time.perf_counter() - began
    first = 2_000
    took, selected = guided(model, first)
    measuring = 0.0
    if took < seconds - building:
        measuring = took
        took, selected = guided(model, max(int(first * (seconds - building) / took), 1))
    cost = float(instance.cost[selected].sum())
    return Answer("feasible", cost, None, "", selected, uncounted=measuring)


def _by_cbc(
    problem: Any, solve: Callable[[Any], object], sites: list[Any], seconds: float, threads: int
) -> Answer:
    """Let CBC solve a problem of PuLP's, and read the bound that it proved from its log."""
    from chargeplan.solvers.backends import pulp_worker  # noqa: PLC0415

    asked = {"solver": "PULP_CBC_CMD", "time_limit": seconds, "gap": 0.0, "threads": threads, "seed": 0}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "cbc.log")
        try:
            solve(pulp_worker.solver(asked, log, warm=False))
        except RuntimeError as failure:  # spopt's word for no answer within the time
            return Answer("stopped: " + str(failure).splitlines()[0])
        status = pulp_worker.word(problem, asked)
        if status not in {"optimal", "feasible"}:
            return Answer(status)
        objective = float(problem.objective.value())
        bound = pulp_worker.cbc_bound(log, objective)
    return Answer(status, objective, bound, "CBC", _open([variable.value() or 0.0 for variable in sites]))


def _check_whole(matrix: MatrixModel) -> None:
    numbers = (matrix.objective, matrix.rows.data, matrix.lower, matrix.upper)
    free = ~(matrix.integral | matrix.implied)
    if free.any() or any((part != np.round(part)).any() for part in numbers):
        raise CannotAnswer("takes whole numbers only")


def _open(values: list[float]) -> list[int]:
    return np.flatnonzero(np.array(values) > 0.5).tolist()


def _left(seconds: float, began: float) -> float:
    return max(seconds - (time.perf_counter() - began), 0.05)


SOLVERS: dict[str, Callable[[Any, float, int], Answer]] = {
    "chargeplan": chargeplan,
    "spopt": spopt,
    "HiGHS": highs,
    "CP-SAT": cp_sat,
    "CP-SAT, 8 workers": lambda instance, seconds, _: cp_sat(instance, seconds, 8),  # its own advice
    "CBC": cbc,
    "set_cover": set_cover,
}
_NEEDS = {"spopt": "spopt", "CBC": "pulp", "chargeplan": "chargeplan"}  # all others: OR-Tools
WARMING = 1.0  # seconds


def absent(who: str) -> str | None:
    """Say why a solver cannot run here; None where it can."""
    package = _NEEDS.get(who, "ortools")
    if importlib.util.find_spec(package) is not None:
        return None
    return f"skipped: {package} is not installed"


def _warm_up(who: str, instance: Any, threads: int) -> None:
    """Import and compile what the solver needs."""
    if who == "set_cover":  # whose guided search breaks off on instances so small
        importlib.import_module("ortools.set_cover.python.set_cover")
        return
    if who == "chargeplan":
        for module in ("ortools.sat.python.cp_model", "ortools.math_opt.python.mathopt"):
            importlib.import_module(module)
        importlib.import_module("chargeplan.kernels").prepare()
    SOLVERS[who](type(instance).tiny(), WARMING, threads)


def resident(pid: int) -> int | None:
    """Resident memory of a process and of all that it started; None where psutil is not installed.

    A child that has not yet become a program of its own still shows its parent's memory.
    """
    if importlib.util.find_spec("psutil") is None:
        return None
    import psutil  # noqa: PLC0415 - of the bench extra

    try:
        process = psutil.Process(pid)
        family, own = process.children(recursive=True), process.cmdline()
        total = int(process.memory_info().rss)
    except psutil.Error:
        return None
    for child in family:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            total += child.memory_info().rss if child.cmdline() != own else 0
    return total


def main() -> None:
    """Warm up, solve by the clock, print."""
    who, file, seconds, threads = sys.argv[1:]
    with Path(file).open("rb") as handle:
        instance = pickle.load(handle)
    solve = SOLVERS[who]
    held = None
    try:
        _warm_up(who, instance, int(threads))
        held = resident(os.getpid())
        began = time.perf_counter()
        answer = solve(instance, float(seconds), int(threads))
        took = time.perf_counter() - began - answer.uncounted
    except CannotAnswer as reason:
        answer, took = Answer(f"skipped: {reason}"), 0.0
    print(json.dumps(asdict(answer) | {"seconds": took, "held": held}), flush=True)
    os._exit(0)  # OR-Tools' set_cover does not always end well after its answer


if __name__ == "__main__":
    main()
