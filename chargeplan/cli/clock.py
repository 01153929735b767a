"""The time that `--time-limit` gives, shared out between reading, solving and writing."""

from __future__ import annotations

import time

_STARTING = 1.0  # seconds from the command's call to here, about


class Clock:
    """Counts from the call of the command."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def left(self, limit: float | None) -> float | None:
        """Return what reading leaves for solving; writing takes about as long as reading did.

        Parameters
        ----------
        limit
            Seconds for the whole command; None for no limit.

        Returns
        -------
        float or None
            A quarter of the limit at least.
        """
        if limit is None or not limit > 0.0:
            return limit  # none, or one that solving refuses
        reading = time.monotonic() - self._began
        return max(limit - _STARTING - 2 * reading, limit / 4)
