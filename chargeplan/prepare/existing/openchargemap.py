"""Charging stations of Open Charge Map: the JSON of its service's `poi`, full or compact, and of its exports.

Numbers of connectors, uses and states are those of its reference data (`/referencedata`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import geopandas as gpd

from chargeplan.prepare.existing.plugs import Plug, gathered
from chargeplan.prepare.existing.records import Findings, Record, read_records
from chargeplan.prepare.existing.schema import Station, station_table
from chargeplan.prepare.faults import Faults

if TYPE_CHECKING:
    from os import PathLike

    from chargeplan.prepare.datum import Datum

SOURCE = "ocm"
_CONNECTORS = (
    {0: "unknown", 1: "type1", 2: "chademo", 25: "type2", 1036: "type2", 26: "type3", 36: "type3"}
    | {32: "ccs1", 33: "ccs2", 1038: "gbt_ac", 1039: "gbt_ac", 1040: "gbt_dc", 24: "wireless"}
    | dict.fromkeys((8, 27, 30), "tesla")
    | dict.fromkeys((4, 16, 17, 18, 34, 35, 1041), "cee")
    | dict.fromkeys((3, 9, 10, 11, 13, 14, 15, 22, 23, 28, 29, 1037, 1042), "domestic")
)
_ACCESS = {1: "public", 4: "public", 5: "public", 7: "public", 3: "restricted", 2: "private", 6: "customers"}
_STATES = dict.fromkeys((10, 20, 30, 50, 75), "open") | {100: "closed", 150: "planned"}
_REMOVED = (200, 210)
_ALWAYS = re.compile(r"(open )?24\s*(/\s*7|hours( (daily|a day))?)\.?")


def read_open_charge_map(path: str | PathLike[str], *, datum: Datum = "wgs84") -> gpd.GeoDataFrame:
    """Read stations from Open Charge Map's JSON.

    Parameters
    ----------
    path
        A JSON list of stations.
    datum
        Of its positions.

    Returns
    -------
    GeoDataFrame
        With the columns of `schema`. Stations that Open Charge Map has as removed are left out, and counted
        in the remarks.

    Raises
    ------
    InputError
        No such file, no such JSON, or fields, ids or positions that are wrong; every one of them is named.
    """
    findings = Findings()
    records = read_records(path, "items", findings)
    kept = [record for record in records if _reference(record, "StatusType") not in _REMOVED]
    stations = [_station(record) for record in kept]
    places = [record.child("AddressInfo") for record in kept]
    lon, lat = ([place.degrees(axis) for place in places] for axis in ("Longitude", "Latitude"))
    removed = len(records) - len(kept)
    remarks = [f"left out, as removed: {removed:,}"] if removed else []
    return station_table(
        stations,
        gpd.points_from_xy(lon, lat),
        findings.tell(Faults(str(path), SOURCE)),
        rows=[record.row for record in kept],
        datum=datum,
        remarks=remarks,
    )


def _station(record: Record) -> Station:
    number = record.text("ID")
    place = record.child("AddressInfo")
    hours = place.text("AccessComments")
    use = _reference(record, "UsageType")
    state = _reference(record, "StatusType")
    return Station(
        id=None if number is None else f"{SOURCE}-{number}",
        source=SOURCE,
        name=place.text("Title"),
        operator=_operator(record),
        access=_ACCESS.get(use) if use is not None else None,
        hours=hours,
        # A comment in free words: only one that says nothing else can be read.
        always_open=True if hours is not None and _ALWAYS.fullmatch(hours.lower()) else None,
        state=_STATES.get(state) if state is not None else None,
        ports=record.count("NumberOfPoints") or None,  # 0 is what the service has where it is not known
        plugs=gathered(_plug(connection) for connection in record.children("Connections")),
    )


def _operator(record: Record) -> str | None:
    name = record.child("OperatorInfo").text("Title")
    return (
        None if name is not None and name.startswith("(") else name
    )  # "(Unknown Operator)", "(Business Owner)"


def _plug(connection: Record) -> Plug:
    kind = _reference(connection, "ConnectionType")
    connector = "unknown" if kind is None else _CONNECTORS.get(kind, "other")
    return Plug(connector, connection.kilowatts("PowerKW"), connection.count("Quantity") or None)


def _reference(record: Record, name: str) -> int | None:
    """Read a number of the reference data: compact answers have it by itself, full ones in an object too."""
    number = record.count(f"{name}ID")
    return number if number is not None else record.child(name).count("ID")
