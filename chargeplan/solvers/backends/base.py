"""What a solver backend is."""

from __future__ import annotations

import enum
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from chargeplan.errors import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.events import Cancel
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits

TOLERANCE = 1e-6


class Feature(enum.Enum):
    """What a backend can do beyond solving."""

    WARM_START = "warm start"
    CANCEL = "cancel"
    PROGRESS = "progress"
    WORK_LIMIT = "work limit"
    FRACTIONS = "fractional coefficients"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend found.

    Parameters
    ----------
    status
        ``"optimal"`` within the gap asked for, ``"infeasible"`` (proven), else ``"feasible"`` with a plan or
        ``"stopped"`` without one.
    values
        (C,) values of the variables, or None.
    objective, bound
        The backend's own figures; None where missing.
    duals
        (R,) multipliers of the rows of a linear program, those known when it was stopped too; else None.
    """

    status: Literal["optimal", "feasible", "infeasible", "stopped"]
    values: NDArray[np.float64] | None = None
    objective: float | None = None
    bound: float | None = None
    duals: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a run under way is watched and stopped.

    Parameters
    ----------
    start
        (C,) values of a known plan to start from, or None.
    report
        Called with (best, bound) as they improve, from any thread.
    cancel
        Asked now and then whether to stop.
    """

    start: NDArray[np.float64] | None = None
    report: Callable[[float | None, float | None], None] | None = None
    cancel: Cancel | None = None

    def cancelled(self) -> bool:
        """Whether to stop."""
        return self.cancel is not None and self.cancel.is_set()


def run_watched(work: Callable[[], None], stop: Callable[[], object], hooks: Hooks) -> None:
    """Do work in another thread while this one stays free for signals, and stop it when asked.

    Parameters
    ----------
    work
        Blocks until the solver is done.
    stop
        Asks the solver to end soon.
    hooks
        Whose `cancel` is watched.

    Raises
    ------
    BaseException
        Whatever `work` raises.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(work)
        try:
            while not wait([running], timeout=0.1).done:
                if hooks.cancelled():
                    stop()
        except BaseException:
            stop()
            raise
        running.result()


class Backend(Protocol):
    """A solver of matrix models."""

    @property
    def name(self) -> str:
        """Such as ``"ortools:cp-sat"``."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What it can do beyond solving."""
        ...

    def is_available(self) -> bool:
        """Whether it can be used here; cheap."""
        ...

    def takes(self, model: MatrixModel) -> bool:
        """Whether it can write down the model's numbers."""
        ...

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits."""
        ...


def checked(backend: Backend, model: MatrixModel, answer: Answer) -> Answer:
    """Hand an answer on if it is true of the model.

    Parameters
    ----------
    backend
        Whose answer it is.
    model
        What it was asked.
    answer
        What it said.

    Returns
    -------
    Answer
        The same, its objective recomputed from the values with integers rounded.

    Raises
    ------
    WrongAnswer
        A row or limit is broken, or the objective or the bound contradicts the values.
    """
    if answer.values is None:
        return answer
    values = np.where(model.integral, np.round(answer.values), answer.values)
    violation = max(model.violation(values), float(np.abs(values - answer.values).max(initial=0.0)))
    if not violation <= 10 * TOLERANCE:
        raise WrongAnswer(f"{backend.name} broke the model by {violation:.3g}")
    objective = float(model.objective @ values)
    slack = 10 * TOLERANCE * max(1.0, abs(objective))
    if answer.objective is not None and not abs(objective - answer.objective) <= slack:
        raise WrongAnswer(f"{backend.name} claims {answer.objective!r} for a plan of {objective!r}")
    beyond = 0.0 if answer.bound is None else (objective - answer.bound) * (1 if model.maximise else -1)
    if not beyond <= slack:
        raise WrongAnswer(
            f"{backend.name} claims the bound {answer.bound!r} beyond its own plan of {objective!r}"
        )
    return Answer(answer.status, values, objective, answer.bound)


def limits_for(
    backend: Backend, limits: Limits, *, seconds: float | None, work: float | None, gap: float
) -> Limits:
    """Limits for a backend; one that cannot count work is given the seconds that a unit stands for.

    Parameters
    ----------
    backend
        Who will solve.
    limits
        Those of the whole run.
    seconds, work
        What is left of either; None for no limit.
    gap
        What the backend has to prove.
    """
    if work is not None and Feature.WORK_LIMIT not in backend.features:
        seconds = work if seconds is None else min(seconds, work)
    return replace(limits, time_limit=seconds, work_limit=work, gap=gap)
