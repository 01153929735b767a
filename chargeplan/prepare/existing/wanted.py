"""Which existing stations count: public, open day and night, with a connector, least kW, least ports.

Sources leave much unsaid. So every question has three answers: yes, no, and not stated; what is not stated is
dropped or kept as the caller asks, and counted either way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.existing.plugs import CONNECTORS
from chargeplan.prepare.existing.schema import ACCESS
from chargeplan.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from chargeplan.prepare.existing.plugs import Plug

_YES, _NO, _UNSTATED = 1, 0, -1


@dataclass(frozen=True)
class Wanted:
    """What a station must be to count.

    Parameters
    ----------
    access
        Any of these rights of access will do; empty: any at all.
    always_open
        Whether it must be open day and night.
    connectors
        Any of these will do; empty: any at all.
    least_kw
        At least so many kW at one plug, of the connectors asked for.
    least_ports
        So many vehicles can charge at once, with such plugs.
    standing
        Whether stations that their source has as closed or planned are dropped. Most sources list what
        stands and say no more, so a state that is not stated is never a reason to drop one.
    unknown
        What becomes of stations of which the source does not say the rest: ``"drop"`` or ``"keep"``.

    Raises
    ------
    InputError
        A word that there is not, or a number below 0.
    """

    access: Sequence[str] = ()
    always_open: bool = False
    connectors: Sequence[str] = ()
    least_kw: float = 0.0
    least_ports: int = 0
    standing: bool = True
    unknown: Literal["drop", "keep"] = "drop"

    def __post_init__(self) -> None:
        faults = [*_unknown_words(self.access, ACCESS, "access")]
        faults += _unknown_words(self.connectors, CONNECTORS, "connectors")
        faults += _unknown_words((self.unknown,), ("drop", "keep"), "unknown")
        for key in ("least_kw", "least_ports"):
            if not 0 <= getattr(self, key) < np.inf:
                faults.append(Fault(f"{key} = {getattr(self, key)} is not a number of at least 0"))
        if faults:
            raise InputError(faults)


def _unknown_words(given: Sequence[str], there: tuple[str, ...], key: str) -> Iterator[Fault]:
    if isinstance(given, str):
        yield Fault(f"{key} = {given!r} must be a list of words")
        return
    for word in given:
        if word not in there:
            yield Fault(f"{key}: there is no {word!r}" + nearest(word, there))


def keep(stations: gpd.GeoDataFrame, wanted: Wanted) -> gpd.GeoDataFrame:
    """Keep the stations that count.

    Parameters
    ----------
    stations
        With the columns of `schema`.
    wanted
        What they must be.

    Returns
    -------
    GeoDataFrame
        The stations kept, with a fresh index. ``attrs["remarks"]`` says of every question how many do not fit
        and of how many the source does not say.
    """
    kept = np.ones(len(stations), dtype=bool)
    remarks = list(stations.attrs.get("remarks", ()))
    for what, answers in _answers(stations, wanted):
        no, unstated = answers == _NO, answers == _UNSTATED
        verb = "dropped" if wanted.unknown == "drop" and what != "standing" else "kept"
        kept &= ~no & ~(unstated & (verb == "dropped"))
        remarks.append(f"{what}: {no.sum():,} no, {unstated.sum():,} not stated ({verb})")
    remarks.append(f"that count: {kept.sum():,} of {len(stations):,}")
    found = stations[kept].reset_index(drop=True)
    found.attrs["remarks"] = tuple(remarks)
    return found


def _answers(stations: gpd.GeoDataFrame, wanted: Wanted) -> Iterator[tuple[str, npt.NDArray[np.int8]]]:
    """Answer every question that is asked: its words, and (N,) answers."""
    if wanted.standing:
        yield "standing", _in(stations["state"], ("open",))
    if wanted.access:
        yield f"access {' or '.join(wanted.access)}", _in(stations["access"], wanted.access)
    if wanted.always_open:
        yield "open day and night", _in(stations["always_open"], (True,))
    plugs: list[tuple[Plug, ...]] = list(stations["plugs"])
    if wanted.connectors or wanted.least_kw > 0:
        asked = " or ".join(wanted.connectors) or "plug"
        power = f" of at least {wanted.least_kw:g} kW" if wanted.least_kw > 0 else ""
        yield f"{asked}{power}", np.array([_has_plug(each, wanted) for each in plugs], dtype=np.int8)
    if wanted.least_ports > 0:
        pairs = zip(plugs, stations["ports"], strict=True)
        answers = [_has_ports(each, ports, wanted) for each, ports in pairs]
        yield f"at least {wanted.least_ports} such ports", np.array(answers, dtype=np.int8)


def _in(values: pd.Series[Any], allowed: Sequence[object]) -> npt.NDArray[np.int8]:
    unstated = values.isna().to_numpy()
    return np.where(unstated, _UNSTATED, values.isin(list(allowed)).to_numpy()).astype(np.int8)


def _fits(plug: Plug, wanted: Wanted) -> int:
    """Answer whether a plug is of the connectors and the power asked for."""
    connector = _YES
    if wanted.connectors and plug.connector not in wanted.connectors:
        connector = _UNSTATED if plug.connector == "unknown" else _NO
    power = _YES
    if wanted.least_kw > 0:
        power = _UNSTATED if plug.kw is None else int(plug.kw >= wanted.least_kw)
    return _NO if _NO in {connector, power} else min(connector, power)


def _has_plug(plugs: tuple[Plug, ...], wanted: Wanted) -> int:
    answers = {_fits(plug, wanted) for plug in plugs}
    return _YES if _YES in answers else (_UNSTATED if _UNSTATED in answers or not plugs else _NO)


def _has_ports(plugs: tuple[Plug, ...], ports: float, wanted: Wanted) -> int:
    """Answer by bounds: a port has several connectors, of which one can be used at a time.

    There are at least as many fitting ports as fitting plugs of the most frequent connector, at most as many
    as fitting plugs in all or as ports in all.
    """
    every = _every_plug(wanted)
    if every and not np.isnan(ports):
        return int(ports >= wanted.least_ports)
    least: dict[str, int] = defaultdict(int)
    most: float = 0 if plugs else np.inf
    for plug in plugs:
        answer = _fits(plug, wanted)
        if answer == _YES:
            least[plug.connector] += plug.count or 0
        if answer != _NO:
            most += np.inf if plug.count is None else plug.count
    if max(least.values(), default=0) >= wanted.least_ports:
        return _YES
    return _NO if np.fmin(most, ports) < wanted.least_ports else _UNSTATED


def _every_plug(wanted: Wanted) -> bool:
    return not wanted.connectors and wanted.least_kw <= 0
