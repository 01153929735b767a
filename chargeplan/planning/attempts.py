"""Asking the solvers with what is left of a plan's limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from chargeplan.solvers.engine import solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargeplan.events import Cancel, Event
    from chargeplan.planning.stopwatch import Stopwatch
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Limits, Solution


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

    def covering(self, model: CoveringModel) -> Solution:
        """Solve a covering form."""
        left = self.watch.left(self.limits)
        return self._booked(
            solve(model, left, backend=self.backend, on_event=self.watch.pass_on, cancel=self.cancel)
        )

    def model(
        self, function: Callable[..., Solution], *arrays: Any, unit: float = 1.0, **given: Any
    ) -> Solution:
        """Ask a function of `chargeplan.solvers`.

        Parameters
        ----------
        function, arrays, given
            What to call, with what beside the engine's own keywords.
        unit
            What the function counts that makes 1 of what the scenario counts, for the events.
        """
        keywords = asdict(self.watch.left(self.limits))
        return self._booked(
            function(
                *arrays,
                **keywords,
                **given,
                backend=self.backend,
                on_event=lambda event: self.watch.pass_on(_in_units(event, unit)),
                cancel=self.cancel,
            )
        )

    def _booked(self, solution: Solution) -> Solution:
        self.watch.book(solution.seconds)
        return solution


def _in_units(event: Event, unit: float) -> Event:
    """Divide an event's figures, but for the gap, which has no unit."""
    best, bound = (None if value is None else value / unit for value in (event.best, event.bound))
    return replace(event, best=best, bound=bound)
