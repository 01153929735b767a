"""`chargeplan backends`."""

from __future__ import annotations


def backends() -> None:
    """List the solver backends and whether each is installed here."""
