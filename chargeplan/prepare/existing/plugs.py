"""Connectors by one name each, with their kW and number; as text and back."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chargeplan.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

# IEC 62196 and SAE J1772/J3400, GB/T 20234, CHAdeMO; `tesla` is what sources call Tesla without saying which
# plug: NACS in North America, a Type 2 or CCS 2 elsewhere. `cee` are industrial sockets, IEC 60309.
CONNECTORS = (
    "type1",
    "type2",
    "type3",
    "ccs1",
    "ccs2",
    "chademo",
    "chaoji",
    "gbt_ac",
    "gbt_dc",
    "mcs",
    "nacs",
    "tesla",
    "cee",
    "domestic",
    "wireless",
    "pantograph",
    "other",
    "unknown",
)
# Other names of them in tables, without blanks and punctuation.
_ALSO = {
    "j1772": "type1",
    "iec62196t1": "type1",
    "mennekes": "type2",
    "iec62196t2": "type2",
    "scame": "type3",
    "combo1": "ccs1",
    "j1772combo": "ccs1",
    "ccstype1": "ccs1",
    "iec62196t1combo": "ccs1",
    "combo2": "ccs2",
    "ccstype2": "ccs2",
    "type2combo": "ccs2",
    "iec62196t2combo": "ccs2",
    "gbtac": "gbt_ac",
    "gbac": "gbt_ac",
    "gbtdc": "gbt_dc",
    "gbdc": "gbt_dc",
    "j3400": "nacs",
    "j3271": "mcs",
    "schuko": "domestic",
    "nema515": "domestic",
    "nema520": "domestic",
    "nema1450": "domestic",
}
LEAST_KW = 1.0  # less than any plug gives to a car: what is stated as less was meant in another unit
MOST_KW = 5_000.0  # more than any plug gives: what is stated as more was meant in watts, or of many plugs
_PUNCTUATION = re.compile(r"[\W_]+")
_PLUG = re.compile(r"\s*(\d+|\?)\s*x\s*(\w+)\s+(\d+(?:\.\d*)?|\?)\s*kW\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plug:
    """Plugs of one connector and power.

    Parameters
    ----------
    connector
        One of `CONNECTORS`.
    kw
        What each gives at most; None where the source does not say.
    count
        How many; None where the source does not say.
    """

    connector: str
    kw: float | None = None
    count: int | None = None

    def __str__(self) -> str:
        count = "?" if self.count is None else str(self.count)
        power = "?" if self.kw is None else f"{self.kw:.10g}"
        return f"{count} x {self.connector} {power} kW"


def gathered(plugs: Iterable[Plug]) -> tuple[Plug, ...]:
    """Add up plugs of one connector and power, in the order of `CONNECTORS`, the strongest first."""
    known: Counter[tuple[str, float | None]] = Counter()
    unknown: set[tuple[str, float | None]] = set()
    for plug in plugs:
        key = (plug.connector, plug.kw)
        if plug.count is None:
            unknown.add(key)
        else:
            known[key] += plug.count
    keys = sorted(known.keys() | unknown, key=lambda key: (CONNECTORS.index(key[0]), -(key[1] or 0.0)))
    return tuple(Plug(*key, None if key in unknown else known[key]) for key in keys)


def as_text(plugs: Iterable[Plug]) -> str:
    """Write plugs as one text, such as ``"2 x type2 22 kW; ? x ccs2 ? kW"``."""
    return "; ".join(map(str, plugs))


def from_text(text: str) -> tuple[Plug, ...]:
    """Read what `as_text` writes.

    Raises
    ------
    ValueError
        It is written otherwise.
    """
    return gathered(_plug(part) for part in text.split(";") if part.strip())


def _plug(text: str) -> Plug:
    match = _PLUG.fullmatch(text)
    if match is None:
        raise ValueError(f"{text.strip()!r} is not written as '2 x type2 22 kW', unknown parts as '?'")
    count, connector, power = match.groups()
    return Plug(
        connector_named(connector),
        None if power == "?" else float(power),
        None if count == "?" else int(count),
    )


def connector_named(text: str) -> str:
    """Find the connector that a name means.

    Raises
    ------
    ValueError
        It means none.
    """
    word = _PUNCTUATION.sub("", text.casefold())
    plain = {name.replace("_", ""): name for name in CONNECTORS} | _ALSO
    if word in plain:
        return plain[word]
    raise ValueError(f"{text!r} is no connector" + nearest(text, CONNECTORS))
