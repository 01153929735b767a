"""The engine's keywords, which every model takes: declared, documented and read in one place."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from chargeplan.solvers.models.distances import checked_given
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.models.arrays import Sites

F = TypeVar("F", bound="Callable[..., Any]")

_MOMENT = 0.01  # of a time limit, left whatever preparing took


class EngineKeywords(TypedDict, total=False):
    """What a model's public function takes besides its own arguments, as `Asked` explains it."""

    time_limit: float | None
    gap: float
    work_limit: float | None
    backend: str
    threads: int | None
    seed: int
    required: Sites
    forbidden: Sites
    on_event: OnEvent | None
    cancel: Cancel | None


class _Listening(TypedDict):
    backend: str
    on_event: OnEvent | None
    cancel: Cancel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The engine's keywords with their defaults.

    Parameters
    ----------
    time_limit, gap, work_limit, threads, seed
        As `Limits` says.
    backend
        Name of the solver backend.
    required, forbidden
        Indices of sites that must be open, or closed.
    on_event, cancel
        Called with progress events; asked whether to stop.
    """

    time_limit: float | None = None
    gap: float = 0.0
    work_limit: float | None = None
    backend: str = "auto"
    threads: int | None = None
    seed: int = 0
    required: Sites = ()
    forbidden: Sites = ()
    on_event: OnEvent | None = None
    cancel: Cancel | None = None
    _asked_at: float = field(default_factory=time.perf_counter, init=False, repr=False)

    @property
    def limits(self) -> Limits:
        """When to end, by the time that is left since the call: a moment at least."""
        limits = Limits(self.time_limit, self.gap, self.work_limit, self.threads, self.seed)
        if limits.time_limit is None:
            return limits
        left = limits.time_limit - (time.perf_counter() - self._asked_at)
        return replace(limits, time_limit=max(left, _MOMENT * limits.time_limit))

    @property
    def listening(self) -> _Listening:
        """Who solves, and who listens: keywords of every engine."""
        return {"backend": self.backend, "on_event": self.on_event, "cancel": self.cancel}

    def given(self, sites: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return masks of the sites that must be open and of those that must be closed."""
        return checked_given(self.required, self.forbidden, sites)


def takes_engine_keywords(function: F) -> F:
    """Name the engine's keywords in a function's signature and docstring, where `help` looks for them."""
    signature = inspect.signature(function)
    own = [part for part in signature.parameters.values() if part.kind is not part.VAR_KEYWORD]
    common = inspect.signature(Asked).parameters.values()
    vars(function)["__signature__"] = signature.replace(parameters=[*own, *common])
    if function.__doc__ is not None and Asked.__doc__ is not None:  # python -OO has none
        explained = Asked.__doc__.split("----------\n", 1)[1].rstrip()
        function.__doc__ = function.__doc__.replace("\n\n    Returns\n", f"\n{explained}\n\n    Returns\n", 1)
    return function
