"""Who serves whom, told falsely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def tampered_services(service: dict[str, Any], ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """False versions of who serves whom, each by words of what is wrong with it."""
    closed = next(name for name in ids if name not in service["station"])
    changes = {
        "is served to": {"share": [0.5, *service["share"][1:]]},
        "greater than 0": {"share": [-1.0, *service["share"][1:]]},
        "has no station": {"station": [closed, *service["station"][1:]]},
        "there is no site": {"station": ["nowhere", *service["station"][1:]]},
        "there is no demand point": {"demand": ["nobody", *service["demand"][1:]]},
        "different lengths": {"share": service["share"][1:]},
        "beyond its room": {"station": [service["station"][0]] * len(service["station"])},
    }
    return {words: service | change for words, change in changes.items()}
