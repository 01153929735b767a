"""The time that `--time-limit` gives, shared out between reading, solving and writing."""

from __future__ import annotations

import time

_STARTING = 1.0  # seconds from the command's call to here, about
_GRACE = 4.0  # seconds that the command may take beyond its limit, where reading was slow
_LEAST = 0.1  # seconds for solving, however long reading took
_PER_ROW = 20e-6  # seconds for writing a demand point or a site, where files are read faster than that


class Clock:
    """Counts from the call of the command."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def left(self, limit: float | None, rows: int = 0) -> float | None:
        """Return what reading leaves for solving; writing takes about as long as reading did, or longer.

        Parameters
        ----------
        limit
            Seconds for the whole command; None for no limit.
        rows
            Demand points and sites that are to be written.

        Returns
        -------
        float or None
            A quarter of the limit, where reading was slow, as far as the command then still ends a few
            seconds after it; a moment at least.
        """
        if limit is None or not limit > 0.0:
            return limit  # none, or one that solving refuses
        reading = time.monotonic() - self._began
        left = limit - _STARTING - reading - max(reading, _PER_ROW * rows)
        return max(left, min(limit / 4, left + _GRACE), _LEAST)
