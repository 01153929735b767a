"""Memory, announced before it is taken: what is too big is refused, and does not end the process."""

from __future__ import annotations

from pathlib import Path

from chargeplan.errors import InputError

_MEMINFO = Path("/proc/meminfo")
_GIB = 2**30


def free_memory() -> int | None:
    """Return how many bytes this machine can give, or None where it does not tell (Linux does)."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)


def reserve(needed: int, what: str, max_bytes: int | None) -> None:
    """Announce the memory that something needs, before any of it is taken.

    Parameters
    ----------
    needed
        Bytes.
    what
        Needs them.
    max_bytes
        May be taken; None: what the machine can give.

    Raises
    ------
    InputError
        More is needed.
    """
    limit = free_memory() if max_bytes is None else max_bytes
    if limit is not None and needed > limit:
        whose = "are free" if max_bytes is None else "it may take"
        raise InputError(
            f"{what} takes {needed / _GIB:.3g} GiB, more than the {limit / _GIB:.3g} GiB that {whose}"
        )
