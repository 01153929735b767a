"""What a solve is asked for, and what it answers."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chargeplan.errors import InputError, WrongAnswer
from chargeplan.events import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent

Status = Literal["optimal", "feasible", "infeasible", "stopped"]
BoundKind = Literal["dual-certificate", "block-certificate", "backend"]


def relative_gap(objective: float | None, bound: float | None) -> float | None:
    """Gap between an objective and a proven bound, minimising and maximising alike.

    Parameters
    ----------
    objective, bound
        Either may be None; the gap then is None too.

    Returns
    -------
    float or None
        ``abs(objective - bound) / max(abs(objective), 1e-9)``.
    """
    if objective is None or bound is None:
        return None
    return abs(objective - bound) / max(abs(objective), 1e-9)


def whole_bound(bound: float, *, maximise: bool = False) -> float:
    """Round a bound of floats to the next whole number that an objective can be.

    Parameters
    ----------
    bound
        Off by a millionth, or a part of 1e-9, at most; returned as it is where that is half a unit.
    maximise
        The sense of the objective.
    """
    noise = max(1e-6, 1e-9 * abs(bound))
    if noise >= 0.5:
        return bound
    return float(math.floor(bound + noise) if maximise else math.ceil(bound - noise))


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solve may end.

    Parameters
    ----------
    time_limit
        Seconds by the wall clock; None for no limit. A run that it cuts is not reproducible.
    gap
        Relative gap at which the plan is good enough; 0 asks for the optimum.
    work_limit
        Units of work, about a second each on one core; None for no limit. The same seed and number of
        threads give the same answer.
    threads
        Threads for a backend; None for all processors.
    seed
        Of every random choice.
    """

    time_limit: float | None = None
    gap: float = 0.0
    work_limit: float | None = None
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("time_limit", "work_limit"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise InputError(f"{name} is {value}; it must be positive")
        if not 0.0 <= self.gap < 1.0:
            raise InputError(f"gap is {self.gap}; it must be from 0 to below 1: 0.01 is 1 %")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads is {self.threads}; it must be at least 1")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed is {self.seed}; it must be between 0 and 2147483647")


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer of every function of `chargeplan.solvers`.

    Parameters
    ----------
    status
        ``"optimal"`` (proven), ``"feasible"``, ``"infeasible"`` (proven), ``"stopped"`` (by the clock or a
        person).
    objective, bound, gap
        None where missing.
    bound_kind
        How the bound is proven.
    selected
        (K,) sorted site indices, or None without a plan.
    assignment
        (N,) site index that serves each demand point, -1 where none does; None where the model assigns
        nobody.
    certificate
        The best proof by arithmetic alone; None where there is none.
    block_certificate
        What proves a bound of kind ``"block-certificate"``: `BlockCertificate.reprove` checks it.
    seconds
        By stage.
    reproducible
        False when the wall clock or a person cut the run.
    uncoverable
        (U,) demand points that must be served and that the sites cannot serve, when infeasible for that
        reason.
    notes
        What else whoever reads the plan has to know, such as a backend that failed.
    """

    status: Status
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    bound_kind: BoundKind | None = None
    selected: NDArray[np.int64] | None = None
    assignment: NDArray[np.int64] | None = None
    certificate: Any = None
    block_certificate: Any = None
    seconds: dict[str, float] = field(default_factory=dict)
    reproducible: bool = True
    uncoverable: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    notes: tuple[str, ...] = ()


class Run:
    """One solve under way: its clock, its limits, the best plan and bound so far, and whom to tell.

    Parameters
    ----------
    limits
        When to end.
    maximise
        The sense of the objective.
    on_event, cancel
        As `chargeplan.solve` takes them.
    """

    def __init__(
        self, limits: Limits, *, maximise: bool, on_event: OnEvent | None = None, cancel: Cancel | None = None
    ) -> None:
        self.limits = limits
        self.maximise = maximise
        self.best: float | None = None
        self.bound: float | None = None
        self.bound_kind: BoundKind | None = None
        self.certificate: Any = None
        self.rounding = 0.0  # gap that sums of floats may leave; 0 where figures are exact
        self.infeasible = False
        self.by_clock = False  # whether the clock decided how much was searched
        self.worked = 0.0  # units of work
        self.notes: list[str] = []
        self._shown_best: float | None = None
        self._shown_bound: float | None = None
        self.seconds: dict[str, float] = {}
        self.cut = False
        self._on_event = on_event
        self.cancel = cancel
        self._began = time.perf_counter()
        self._stage_began = self._began
        self.stage = "start"

    def enter(self, stage: str) -> None:
        """Begin a stage and say so."""
        self.leave()
        self.stage = stage
        self.tell()

    def leave(self) -> None:
        """Book the time of the stage that ends."""
        now = time.perf_counter()
        if self.stage != "start":
            self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self._stage_began
        self._stage_began = now

    def tell(self, *, best: float | None = None, bound: float | None = None) -> None:
        """Note a better plan or bound and tell whoever listens."""
        if best is not None:
            self.best = self._better(best, self.best)
        if bound is not None:
            self.bound = self._tighter(bound, self.bound)
        self.show(best, bound)

    def show(self, best: float | None, bound: float | None) -> None:
        """Tell whoever listens of figures that are not yet checked, without believing them."""
        if best is not None:
            self._shown_best = self._better(best, self._shown_best)
        if bound is not None:
            self._shown_bound = self._tighter(bound, self._shown_bound)
        if self._on_event is not None:
            gap = relative_gap(self._shown_best, self._shown_bound)
            self._on_event(Event(self.stage, self._shown_best, self._shown_bound, gap, self.elapsed))

    def offer_bound(self, bound: float, kind: BoundKind, certificate: Any = None) -> bool:
        """Keep a bound, and what proves it, if it is the tightest so far; say whether it is."""
        if self.bound is not None and self._tighter(bound, self.bound) == self.bound:
            return False
        self.bound_kind = kind
        if certificate is not None:
            self.certificate = certificate
        self.tell(bound=bound)
        return True

    def up_to_best(self, bound: float) -> float:
        """Return a bound of ours, which only the rounding of sums can have put beyond the best plan.

        Raises
        ------
        WrongAnswer
            It is beyond by more.
        """
        if self.best is None or self._tighter(bound, self.best) == self.best:
            return bound
        if abs(bound - self.best) > 1e-9 * max(abs(self.best), 1.0):
            raise WrongAnswer(f"multipliers prove {bound!r}, but a plan has {self.best!r}")
        return self.best

    def solution(self, selected: NDArray[np.int64] | None) -> Solution:
        """Put the answer together, with the sites of the best plan, None without one."""
        self.leave()
        if self.infeasible:
            return Solution("infeasible", seconds=self.seconds, notes=tuple(self.notes))
        return Solution(
            status=self._status(planned=selected is not None),
            objective=self.best,
            bound=self.bound,
            gap=self.gap,
            bound_kind=self.bound_kind,
            selected=selected,
            certificate=self.certificate,
            seconds=self.seconds,
            reproducible=not (self.cut or self.by_clock),
            notes=tuple(self.notes),
        )

    def _status(self, *, planned: bool) -> Status:
        if self.gap is not None and self.gap <= self.rounding:
            return "optimal"
        return "stopped" if self.cut or not planned else "feasible"

    def _better(self, value: float, known: float | None) -> float:
        if known is None:
            return value
        return max(value, known) if self.maximise else min(value, known)

    def _tighter(self, value: float, known: float | None) -> float:
        if known is None:
            return value
        return min(value, known) if self.maximise else max(value, known)

    @property
    def gap(self) -> float | None:
        """Gap so far."""
        return relative_gap(self.best, self.bound)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    @property
    def remaining(self) -> float | None:
        """Seconds left on the clock; None without a time limit."""
        return None if self.limits.time_limit is None else max(0.0, self.limits.time_limit - self.elapsed)

    @property
    def seconds_left(self) -> float | None:
        """Seconds that a solver may take, a moment at least; None without a time limit."""
        return None if self.remaining is None else max(self.remaining, 0.01)

    def good_enough(self) -> bool:
        """Whether the gap asked for is reached."""
        return self.gap is not None and self.gap <= max(self.limits.gap, self.rounding, 1e-12)

    @property
    def spent(self) -> bool:
        """Whether the limit of work is reached."""
        return self.limits.work_limit is not None and self.worked >= self.limits.work_limit

    def done(self) -> bool:
        """Whether nothing is left to look for: no plan exists, the gap is reached, or the run must stop."""
        return self.infeasible or self.good_enough() or self.must_stop()

    def must_stop(self) -> bool:
        """Whether the clock has run out or a person has asked to stop; the run is then marked as cut."""
        if self.cancelled or (self.remaining is not None and self.remaining <= 0.0):
            self.cut = True
        return self.cut

    @property
    def cancelled(self) -> bool:
        """Whether a person has asked to stop."""
        return self.cancel is not None and self.cancel.is_set()
