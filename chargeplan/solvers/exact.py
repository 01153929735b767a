"""Small problems, solved exactly by one worker of CP-SAT: many at a time, the same answer every time."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from chargeplan.solvers.matrix import MatrixModel

    TimeLeft = Callable[[], float | None]

T = TypeVar("T")
R = TypeVar("R")

BACKEND = "ortools:cp-sat"  # by its name among the backends
WORK_PER_UNIT = 0.25  # CP-SAT's deterministic seconds in a unit of work
_NOISE = 1e-6  # of a bound that is whole
_GLANCE = 0.1  # seconds between two looks at the clock


@dataclass(frozen=True)
class Exact:
    """What is known of a small problem.

    Parameters
    ----------
    values
        (C,) values of the variables, None where none were found.
    bound
        Proven bound of a whole objective, None where nothing is proven.
    work
        Units of work spent.
    optimal, infeasible
        Whether that is proven.
    """

    values: NDArray[np.float64] | None
    bound: int | None
    work: float
    optimal: bool = False
    infeasible: bool = False


class Workers:
    """Threads that solve small problems side by side, each by itself, until the time is up.

    Parameters
    ----------
    threads
        How many.
    time_left
        Asked now and then for the seconds left, None for no limit.

    Attributes
    ----------
    cut
        Whether the time was up before the work was done; what was found then is not reproducible.
    """

    def __init__(self, threads: int, time_left: TimeLeft) -> None:
        self.cut = False
        self._time_left = time_left
        self._pool = ThreadPoolExecutor(threads)
        self._running: set[Any] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut = True
        self._stop()
        self._pool.shutdown()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply a function that calls `solve` to all items; results in their order."""
        jobs = [self._pool.submit(function, item) for item in items]
        while wait(jobs, timeout=_GLANCE).not_done:
            if self._up():
                self._stop()
        return [job.result() for job in jobs]

    def solve(
        self,
        model: MatrixModel,
        work: float,
        *,
        start: NDArray[np.float64] | None = None,
        seed: int = 0,
        known: int | None = None,
    ) -> Exact:
        """Solve a small model as `solve_exactly` does, unless the time is up."""
        if self._up():
            return Exact(None, None, 0.0)
        from ortools.sat.python import cp_model  # noqa: PLC0415 - loaded when first used

        solver = cp_model.CpSolver()
        self._running.add(solver)
        try:
            return _solved(cp_model, solver, _written(cp_model, model, known), model, work, start, seed)
        finally:
            self._running.discard(solver)

    def _up(self) -> bool:
        seconds = self._time_left()
        if seconds is not None and seconds <= 0.0:
            self.cut = True
        return self.cut

    def _stop(self) -> None:
        for solver in tuple(self._running):
            solver.stop_search()


def solve_exactly(
    model: MatrixModel,
    work: float,
    *,
    start: NDArray[np.float64] | None = None,
    seed: int = 0,
    known: int | None = None,
) -> Exact:
    """Solve a small model of whole numbers by one worker.

    Parameters
    ----------
    model
        Whole numbers only: variables, coefficients, limits of rows (these may be infinite).
    work
        Units after which the worker gives up.
    start
        (C,) values of a known solution.
    seed
        Of the worker's random choices.
    known
        What a minimised objective is proven to reach; None for nothing.

    Returns
    -------
    Exact
        With a bound that is proven even where the worker gave up.
    """
    from ortools.sat.python import cp_model  # noqa: PLC0415 - loaded when first used

    built = _written(cp_model, model, known)
    return _solved(cp_model, cp_model.CpSolver(), built, model, work, start, seed)


def _solved(
    cp_model: Any,
    solver: Any,
    built: Any,
    model: MatrixModel,
    work: float,
    start: NDArray[np.float64] | None,
    seed: int,
) -> Exact:
    if start is not None:
        built.proto.solution_hint.vars.extend(range(start.size))
        built.proto.solution_hint.values.extend(np.round(start).astype(int).tolist())
    _set_up(solver.parameters, work, seed)
    status = solver.solve(built)
    spent = solver.response_proto.deterministic_time / WORK_PER_UNIT
    if status == cp_model.INFEASIBLE:
        return Exact(None, None, spent, infeasible=True)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Exact(None, None, spent)
    values = np.array(solver.response_proto.solution, np.float64)
    claimed = solver.best_objective_bound
    bound = math.floor(claimed + _NOISE) if model.maximise else math.ceil(claimed - _NOISE)
    return Exact(values, bound, spent, optimal=status == cp_model.OPTIMAL)


def _set_up(parameters: Any, work: float, seed: int) -> None:
    parameters.num_workers = 1
    parameters.random_seed = seed
    parameters.max_deterministic_time = WORK_PER_UNIT * work
    parameters.linearization_level = 2
    # Measured on blocks of a few hundred rows: without cuts and led by the LP, a third less time.
    parameters.cut_level = 0
    parameters.search_branching = type(parameters.search_branching).LP_SEARCH


def _written(cp_model: Any, model: MatrixModel, known: int | None) -> Any:
    """Write a model of whole numbers down; an object per term would take five times as long as lists."""
    built = cp_model.CpModel()
    proto = built.proto
    for low, high in zip(model.lower.astype(int).tolist(), model.upper.astype(int).tolist(), strict=True):
        proto.variables.add().domain.extend((low, high))
    columns, numbers = model.rows.indices.tolist(), model.rows.data.astype(np.int64).tolist()
    limits = zip(model.row_lower.tolist(), model.row_upper.tolist(), strict=True)
    # Covering rows go in as sums, not as clauses, which CP-SAT leaves out of its LP.
    for (begin, end), (low, high) in zip(pairwise(model.rows.indptr.tolist()), limits, strict=True):
        row = proto.constraints.add().linear
        row.vars.extend(columns[begin:end])
        row.coeffs.extend(numbers[begin:end])
        row.domain.append(int(low) if math.isfinite(low) else cp_model.INT_MIN)
        row.domain.append(int(high) if math.isfinite(high) else cp_model.INT_MAX)
    sign = -1 if model.maximise else 1
    used = np.flatnonzero(model.objective)
    proto.objective.vars.extend(used.tolist())
    proto.objective.coeffs.extend((sign * model.objective[used]).astype(np.int64).tolist())
    if model.maximise:
        proto.objective.scaling_factor = -1.0
    elif known is not None:
        proto.objective.domain.extend((known, cp_model.INT_MAX))
    return built
