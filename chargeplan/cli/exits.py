"""What the command's exit codes mean."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `chargeplan`."""

    MET = 0
    """Every required standard is met."""
    FAILED = 1
    """A backend failed."""
    BAD_INPUT = 2
    """Bad usage or bad input."""
    NOT_MET = 3
    """A required standard is not met."""
    NO_PLAN = 4
    """Stopped by a limit without any plan; `audit --reprove`: before every block was proven again."""
    INTERRUPTED = 130
    """Interrupted; the best plan so far is written."""
