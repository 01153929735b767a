"""Charging stations of OCPI: Locations of versions 2.1.1 and 2.2 (2.2.1), as JSON.

EVRoaming Foundation, *Open Charge Point Interface*, 2.1.1 and 2.2.1-d2, module Locations. A port is an EVSE;
of its connectors one can be used at a time. The id of a Location is its own only within its party (2.2);
where none is named, as in 2.1.1, the operator stands for it, so that LOC1 of two operators is two stations.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import geopandas as gpd

from chargeplan.prepare.existing.plugs import Plug, gathered
from chargeplan.prepare.existing.records import Findings, Record, read_records
from chargeplan.prepare.existing.schema import Station, station_table
from chargeplan.prepare.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from chargeplan.prepare.datum import Datum

SOURCE = "ocpi"
_CONNECTORS = {
    "CHADEMO": "chademo",
    "CHAOJI": "chaoji",
    "GBT_AC": "gbt_ac",
    "GBT_DC": "gbt_dc",
    "IEC_62196_T1": "type1",
    "IEC_62196_T1_COMBO": "ccs1",
    "IEC_62196_T2": "type2",
    "IEC_62196_T2_COMBO": "ccs2",
    "IEC_62196_T3A": "type3",
    "IEC_62196_T3C": "type3",
    "MCS": "mcs",
    "PANTOGRAPH_BOTTOM_UP": "pantograph",
    "PANTOGRAPH_TOP_DOWN": "pantograph",
    "SAE_J3400": "nacs",
    "TESLA_R": "tesla",
    "TESLA_S": "tesla",
}
_PREFIXES = {"DOMESTIC_": "domestic", "NEMA_": "domestic", "IEC_60309_": "cee"}
_GONE = ("REMOVED", "PLANNED")
_BROKEN = ("INOPERATIVE", "OUTOFORDER")
# Volts above which a three-phase voltage cannot be the one between line and neutral that OCPI asks for:
# public networks have 100 to 277. It is taken as the voltage between lines, as many give it.
_LINE_TO_LINE = 300.0
# Volts up to which a split-phase voltage is that of one leg, to neutral: 100 to 127 where such networks are.
# The specification asks for the one between the legs, 200 to 254, which is the whole voltage.
_ONE_LEG = 150.0
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = re.compile(r"[1-7]", re.ASCII)
_WORD = re.compile(r"\w+")


def read_ocpi(path: str | PathLike[str], *, datum: Datum = "wgs84") -> gpd.GeoDataFrame:
    """Read stations from OCPI Locations.

    Parameters
    ----------
    path
        A JSON list of Locations, or an OCPI response with it in `data`.
    datum
        Of its positions.

    Returns
    -------
    GeoDataFrame
        With the columns of `schema`. EVSEs that are removed or planned are not counted as ports, and counted
        in the remarks; so are Locations that have no other.

    Raises
    ------
    InputError
        No such file, no such JSON, or fields, ids or positions that are wrong; every one of them is named.
    """
    findings = Findings()
    records = read_records(path, "data", findings)
    evses = [record.children("evses") for record in records]
    standing = [[evse for evse in each if _state(evse) not in _GONE] for each in evses]
    stations = [_station(record, *each) for record, *each in zip(records, evses, standing, strict=True)]
    places = [record.child("coordinates") for record in records]
    lon, lat = ([place.degrees(axis) for place in places] for axis in ("longitude", "latitude"))
    gone = sum(map(len, evses)) - sum(map(len, standing))
    remarks = [f"EVSEs not counted as ports, as removed or planned: {gone:,}"] if gone else []
    return station_table(
        stations,
        gpd.points_from_xy(lon, lat),
        findings.tell(Faults(str(path), SOURCE)),
        rows=[record.row for record in records],
        datum=datum,
        remarks=remarks,
    )


def _station(record: Record, evses: Sequence[Record], standing: Sequence[Record]) -> Station:
    times = record.child("opening_times")
    operator = record.child("operator").text("name")
    return Station(
        id=_id(record, operator),
        source=SOURCE,
        name=record.text("name") or record.text("address"),
        operator=operator,
        access=_access(record, standing),
        hours=_hours(times),
        always_open=times.flag("twentyfourseven"),
        state=_whole_state(evses, standing),
        ports=len(standing) if evses else None,
        plugs=gathered(_plug(connector) for evse in standing for connector in evse.children("connectors")),
    )


def _id(record: Record, operator: str | None) -> str | None:
    """Tell a Location apart from those of all other parties."""
    country, party, own = (record.text(key) for key in ("country_code", "party_id", "id"))
    if own is None:
        return None
    if party is None and operator is not None:
        party = "_".join(_WORD.findall(operator.casefold()))
    return "-".join(filter(None, [SOURCE, country, party, own]))


def _state(evse: Record) -> str | None:
    return evse.text("status")


def _whole_state(evses: Sequence[Record], standing: Sequence[Record]) -> str | None:
    if not evses:
        return None
    if not standing:
        return "planned" if any(_state(evse) == "PLANNED" for evse in evses) else "closed"
    return "closed" if all(_state(evse) in _BROKEN for evse in standing) else "open"


def _access(record: Record, standing: Sequence[Record]) -> str | None:
    """Read who may charge: 2.2 says whether a Location may be published, 2.1.1 nothing at all."""
    published = record.flag("publish")
    if published is False:
        return "restricted"
    limits = [evse.fields.get("parking_restrictions") for evse in standing]
    if limits and all(isinstance(limit, list) and "CUSTOMERS" in limit for limit in limits):
        return "customers"
    return "public" if published else None


def _hours(times: Record) -> str | None:
    if times.flag("twentyfourseven"):
        return "24/7"
    texts = []
    for period in times.children("regular_hours"):
        day, begin, end = (period.text(key) for key in ("weekday", "period_begin", "period_end"))
        if day is None or not _DAY.fullmatch(day):
            period.wrong("weekday", f"{day!r} is no day from 1 (Monday) to 7")
            continue
        texts.append(f"{_DAYS[int(day) - 1]} {begin}-{end}")
    return "; ".join(texts) or None


def _plug(connector: Record) -> Plug:
    standard = connector.text("standard")
    return Plug("unknown" if standard is None else _connector(standard), _power(connector), 1)


def _connector(standard: str) -> str:
    found = (kind for prefix, kind in _PREFIXES.items() if standard.startswith(prefix))
    return _CONNECTORS.get(standard) or next(found, "other")


def _power(connector: Record) -> float | None:
    """Compute kW: stated (2.2), or from voltage and current by the number of phases."""
    stated = connector.kilowatts("max_electric_power", unit="W")
    if stated is not None:
        return stated
    volts = connector.amount("max_voltage") or connector.amount("voltage")
    amps = connector.amount("max_amperage") or connector.amount("amperage")
    if not volts or not amps:
        return None
    watts = volts * amps * _phases(connector.text("power_type"), volts)
    return round(watts / 1000.0, 1)


def _phases(power_type: str | None, volts: float) -> float:
    if power_type == "AC_3_PHASE":
        return 3.0 if volts <= _LINE_TO_LINE else math.sqrt(3.0)
    if power_type == "AC_2_PHASE_SPLIT":
        return 2.0 if volts <= _ONE_LEG else 1.0
    return 2.0 if power_type == "AC_2_PHASE" else 1.0
