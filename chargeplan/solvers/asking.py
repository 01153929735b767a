"""A backend is asked for what search and bounds of our own leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from chargeplan.errors import BackendError
from chargeplan.solvers.backends.base import Hooks, checked, limits_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Run

T = TypeVar("T")

_LEAST = 0.1  # of a limit of work: what a backend gets at least, whatever has been spent
_WRITTEN = 30_000  # variables and rows that are given to a backend in a second, at the least
_ENDED = 0.98  # of its seconds: a backend that took as many was ended by them


def time_to_ask(run: Run, size: int) -> bool:
    """Say whether so many variables and rows can be handed to a backend in the time that is left."""
    return run.seconds_left is None or size <= _WRITTEN * run.seconds_left


def ask(
    run: Run,
    backend: Backend,
    matrix: MatrixModel,
    believe: Callable[[Answer], T],
    *,
    gap: float = 0.0,
    start: NDArray[np.float64] | None = None,
    report: Callable[[float | None, float | None], None] | None = None,
) -> T | None:
    """Give a model to a backend, with all the time and work that is left.

    Parameters
    ----------
    run
        What is under way; it is marked as cut where the clock or a person ended the backend, and notes why
        a backend failed.
    backend, matrix
        Who is asked, and what.
    believe
        Takes over an answer that is true of the model.
    gap
        Relative gap that the backend has to prove.
    start, report
        As `Hooks` has them.

    Returns
    -------
    object or None
        What `believe` returns; None where the backend failed, its answer turned out to be wrong, or the time
        that is left would go by while the model is handed over.
    """
    if not time_to_ask(run, matrix.objective.size + matrix.row_lower.size):
        run.by_clock = True
        run.notes.append("too much is left for a backend in the time; the bound is the best found without it")
        return None
    work = run.limits.work_limit
    if work is not None:
        work = max(work - run.worked, _LEAST * work)
        run.worked += work
    limits = limits_for(backend, run.limits, seconds=run.seconds_left, work=work, gap=gap)
    began, believed = run.elapsed, None
    try:
        answer = backend.solve(matrix, limits, Hooks(start, report, run.cancel))
        believed = believe(checked(backend, matrix, answer))
    except BackendError as failure:
        run.notes.append(f"{failure}; the plan is the best found without it")
    ended = limits.time_limit is not None and run.elapsed - began >= _ENDED * limits.time_limit
    if not run.good_enough() and (ended or run.cancelled):
        run.cut = True
    return believed
