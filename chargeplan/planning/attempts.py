"""Asking the solvers with what is left of a plan's limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from chargeplan.solvers.engine import solve
from chargeplan.solvers.solution import Solution, relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargeplan.events import Cancel, Event
    from chargeplan.planning.stopwatch import Stopwatch
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Limits

Answer = TypeVar("Answer", bound=Solution)


@dataclass(frozen=True)
class Attempts:
    """What every solver that a plan asks is told, and where its time is booked.

    Parameters
    ----------
    watch
        The plan's clock.
    limits, backend, cancel
        As `chargeplan.solve` was given them.
    """

    watch: Stopwatch
    limits: Limits
    backend: str
    cancel: Cancel | None

    def covering(self, model: CoveringModel, part: float = 1.0, paid: float = 0.0) -> Solution:
        """Solve a covering form, with a part of the time and the work that are left."""
        return self.engine(solve, model, part, paid)

    def engine(
        self, solver: Callable[..., Answer], model: Any, part: float = 1.0, paid: float = 0.0
    ) -> Answer:
        """Ask an engine for one model.

        Parameters
        ----------
        solver
            Takes the model, limits, the backend, and whom to tell and to ask.
        model
            As it takes it.
        part
            Of the time and the work that are left.
        paid
            What the scenario counts besides the model's objective, for the events.
        """
        left = self.watch.left(self.limits)
        seconds, work = _times(part, left.time_limit), _times(part, left.work_limit)
        left = replace(left, time_limit=seconds, work_limit=work)
        told = {"backend": self.backend, "on_event": self._listener(1.0, paid), "cancel": self.cancel}
        return self._booked(solver(model, left, **told))

    def model(
        self,
        function: Callable[..., Answer],
        *arrays: Any,
        unit: float = 1.0,
        paid: float = 0.0,
        **given: Any,
    ) -> Answer:
        """Ask a function of `chargeplan.solvers`.

        Parameters
        ----------
        function, arrays, given
            What to call, with what beside the engine's own keywords.
        unit
            What the function counts that makes 1 of what the scenario counts, for the events.
        paid
            What the scenario counts besides, for the events.
        """
        keywords = asdict(self.watch.left(self.limits))
        return self._booked(
            function(
                *arrays,
                **keywords,
                **given,
                backend=self.backend,
                on_event=self._listener(unit, paid),
                cancel=self.cancel,
            )
        )

    def _listener(self, unit: float, paid: float) -> Callable[[Event], None]:
        return lambda event: self.watch.pass_on(_counted(event, unit, paid))

    def _booked(self, solution: Answer) -> Answer:
        self.watch.book(solution.seconds)
        return solution


def _times(part: float, limit: float | None) -> float | None:
    return None if limit is None else part * limit


def _counted(event: Event, unit: float, paid: float) -> Event:
    """Say an event's figures in what the scenario counts."""
    best, bound = (None if value is None else value / unit + paid for value in (event.best, event.bound))
    return replace(event, best=best, bound=bound, gap=relative_gap(best, bound) if paid else event.gap)
