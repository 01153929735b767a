"""Text with units: radii such as "1 km", "800 m", "50 mi"; and numbers as a person reads them."""

from __future__ import annotations

import math
import re

from chargeplan.errors import InputError

METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "nmi": 1852.0}
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"\s*((?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*")


def _parse(text: str, units: dict[str, float], example: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        raise InputError(f"{text!r} is not a number with a unit ({', '.join(units)}), such as {example!r}")
    value = float(match[1]) * units[match[2]]
    if not 0.0 < value < math.inf:
        raise InputError(f"{text!r} is not a positive, finite length of way or time")
    return value


def parse_length(text: str) -> float:
    """Read a length with its unit.

    Parameters
    ----------
    text
        Such as ``"1 km"``, ``"800 m"``, ``"50 mi"``, ``"2500 ft"``, ``"5 nmi"``.

    Returns
    -------
    float
        Metres, greater than 0.

    Raises
    ------
    InputError
        No unit, an unknown unit, or not a positive finite number.
    """
    return _parse(text, METRES, "1 km")


def parse_duration(text: str) -> float:
    """Read a travel time with its unit (``"10 min"``), in seconds, greater than 0.

    Raises
    ------
    InputError
        No unit, an unknown unit, or not a positive finite number.
    """
    return _parse(text, SECONDS, "10 min")


def format_length(metres: float) -> str:
    """Write a length as a person would: ``"800 m"``, ``"2.5 km"``.

    Parameters
    ----------
    metres
        A length in metres.
    """
    if metres < 0.01:
        return f"{metres:.3g} m"  # no length is 0 m but none at all
    return f"{round(metres, 2):,.10g} m" if metres < 1000 else f"{metres / 1000:,.6g} km"


def format_distance(metres: float) -> str:
    """Write a measured distance, shortened and never rounded up: 999.97 m is nearer than 1 km, and reads so.

    Parameters
    ----------
    metres
        A distance in metres.
    """
    if metres < 1000:
        return f"{math.floor(10 * metres) / 10:,.1f} m"
    return f"{math.floor(metres / 10) / 100:,.2f} km"


def format_share(share: float) -> str:
    """Write a share in percent, shortened and never rounded up: only all is 100 %.

    Parameters
    ----------
    share
        Between 0 and 1.
    """
    return "100 %" if share >= 1.0 else f"{math.floor(10_000 * share + 1e-9) / 100:.2f} %"


def format_gap(gap: float) -> str:
    """Write a proven gap in percent, shortened and never rounded down: no plan is better than proven.

    Parameters
    ----------
    gap
        Relative, at least 0.
    """
    return f"{math.ceil(10_000 * gap - 1e-9) / 100:.2f} %"


def format_count(count: int, what: str, many: str | None = None) -> str:
    """Write a number of things: ``"1 station"``, ``"1,200 stations"``.

    Parameters
    ----------
    count
        How many.
    what
        One of them.
    many
        Several of them, where that is not `what` with an s.
    """
    return f"{count:,} {what if count == 1 else many or f'{what}s'}"
