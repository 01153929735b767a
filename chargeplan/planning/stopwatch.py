"""The time that each stage of a plan takes, and the events that tell of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from chargeplan.events import Event

if TYPE_CHECKING:
    from chargeplan.events import OnEvent
    from chargeplan.solvers.solution import Limits


# Times as long as these stages took: the audit covers anew, and adds up what the certificate says.
_AFTER = {"cover": 4.0, "measure": 1.0, "formulate": 4.0}
# Seconds for serving and auditing a row, and for each of its pairs: large problems are covered much faster
# than they are audited.
_PER_ROW, _PER_PAIR = 6e-6, 0.7e-6
_MOST = 0.8  # of the time, kept for that


class Stopwatch:
    """Books seconds by stage.

    Parameters
    ----------
    on_event
        Told of every stage that begins, or None.
    """

    def __init__(self, on_event: OnEvent | None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_event = on_event
        self._began = time.perf_counter()
        self._stage: str | None = None
        self._stage_began = self._began
        self._expected = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began

    def enter(self, stage: str) -> None:
        """Begin a stage."""
        self.leave()
        self._stage, self._stage_began = stage, time.perf_counter()
        if self._on_event is not None:
            self._on_event(Event(stage, seconds=self.elapsed))

    def leave(self) -> None:
        """End the stage that runs."""
        if self._stage is not None:
            self.book({self._stage: time.perf_counter() - self._stage_began})
            self._stage = None

    def expect(self, rows: int, pairs: int) -> None:
        """Note how many rows, and pairs of a row and a site within its radius, are to be audited."""
        self._expected = _PER_ROW * rows + _PER_PAIR * pairs

    def book(self, seconds: dict[str, float]) -> None:
        """Add stage times that somebody else took."""
        for stage, spent in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent

    def pass_on(self, event: Event) -> None:
        """Pass an event on, counted from this watch's beginning."""
        if self._on_event is not None:
            self._on_event(replace(event, seconds=self.elapsed))

    def left(self, limits: Limits) -> Limits:
        """End the stage that runs; return the limits with the time that is left for solving.

        Serving and auditing the plan takes a few times as long as covering and measuring did, and up to a
        quarter of the time is kept for it; more, up to most of it, where the size alone tells that it takes
        as long. A tenth of a second is left at least.
        """
        self.leave()
        if limits.time_limit is None:
            return limits
        after = sum(times * self.seconds.get(stage, 0.0) for stage, times in _AFTER.items())
        kept = max(min(after, limits.time_limit / 4), min(self._expected, _MOST * limits.time_limit))
        return replace(limits, time_limit=max(limits.time_limit - self.elapsed - kept, 0.1))
