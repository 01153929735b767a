"""What long work says while it runs. The library prints nothing; whoever calls decides what to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Event:
    """A moment of a run.

    Parameters
    ----------
    stage
        What is being done: ``"read"``, ``"compile"`` (on the first use after installation), ``"cover"``,
        ``"reduce"``, ``"search"``, ``"bound"``, ``"solve"``, ...
    best, bound, gap
        The best objective and the best proven bound so far, and the gap between them; None where missing.
    seconds
        Since the run began.
    """

    stage: str
    best: float | None = None
    bound: float | None = None
    gap: float | None = None
    seconds: float = 0.0


OnEvent = Callable[[Event], None]


class Cancel(Protocol):
    """What can ask a run to stop; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether the run should stop and return the best so far."""
        ...
