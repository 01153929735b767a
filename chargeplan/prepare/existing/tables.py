"""Charging stations in tables: the US AFDC's, Shenzhen's UrbanEV, any whose columns are told."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from chargeplan.errors import InputError
from chargeplan.io.layers import read_layer
from chargeplan.prepare.existing.plugs import MOST_KW, Plug, connector_named, from_text, gathered
from chargeplan.prepare.existing.records import Findings, Record
from chargeplan.prepare.existing.schema import ACCESS, COLUMNS, STATES, Station, station_table
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.where import select
from chargeplan.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    import geopandas as gpd

    from chargeplan.prepare.datum import Datum

# Columns of UrbanEV's `inf.csv` (Li et al. 2025, Scientific Data): a pile serves one vehicle.
URBANEV = {"id": "station_id", "ports": "charge_count"}
KEYS = (*(name for name in COLUMNS if name != "source"), "connectors", "kw")
_SPLIT = re.compile(r"\s*[;,|]\s*")
_NOT_WORD = re.compile(r"[^a-z0-9]+")

_AFDC_STATES = {"E": "open", "P": "planned", "T": "closed"}
_AFDC_CONNECTORS = {
    "J1772": "type1",
    "J1772COMBO": "ccs1",
    "CHADEMO": "chademo",
    "TESLA": "nacs",
    "J3400": "nacs",
    "J3271": "mcs",
    "NEMA515": "domestic",
    "NEMA520": "domestic",
    "NEMA1450": "domestic",
}
# Connectors that AFDC's newer tables count, with their power, each in columns of its own.
_AFDC_COUNTED = {"j1772": "type1", "ccs": "ccs1", "chademo": "chademo", "j3400": "nacs", "j3271": "mcs"}
_AFDC_LEVELS = ("ev_level1_evse_num", "ev_level2_evse_num", "ev_dc_fast_num", "ev_dc_fast_count")


def read_station_table(
    path: str | PathLike[str],
    source: str,
    columns: Mapping[str, str] | None = None,
    *,
    layer: str | None = None,
    where: str | None = None,
    crs: str | None = None,
    datum: Datum = "wgs84",
) -> gpd.GeoDataFrame:
    """Read stations from any table or layer.

    Parameters
    ----------
    path
        Whatever `chargeplan.io.layers.read_layer` reads.
    source
        The source's short name; ids begin with it.
    columns
        Which of the file's columns is which: keys are those of `schema`, and `connectors` (names, separated),
        `kw` (of each of its plugs). A key left out means the column of its own name, if there is one.
    layer, where
        Which layer of the file, and an SQL expression that keeps some of its rows.
    crs, datum
        As for every layer of a scenario.

    Returns
    -------
    GeoDataFrame
        With the columns of `schema`; without an id column rows are numbered.

    Raises
    ------
    InputError
        The file cannot be read, a column is not there, or values, ids or positions are wrong; every one of
        them is named.
    """
    frame = read_layer(path, layer)
    faults, findings = Faults(str(path), source), Findings()
    named = _columns(frame, columns or {}, faults)
    frame, rows = _chosen(frame, where, faults)
    # Every key by its own column: one may serve two keys, and a key's own name may be another column's.
    table = pd.DataFrame({key: frame[name] for key, name in named.items()}, index=frame.index)
    records = _records(table, rows, findings)
    stations = [_plain(record, source, "id" in named) for record in records]
    found = station_table(
        stations,
        frame.geometry.to_numpy(),
        findings.tell(faults),
        rows=rows,
        crs=frame.crs,
        stated_crs=crs,
        datum=datum,
    )
    found.attrs["doubts"] = (*frame.attrs.get("remarks", ()), *found.attrs["doubts"], *_unread(frame, named))
    return found


def _unread(frame: gpd.GeoDataFrame, named: Mapping[str, str]) -> list[str]:
    """Name columns that are a key's but for capitals, such as the `Name` of KML."""
    silent = set(KEYS) - named.keys()
    names = [(str(name), str(name).casefold()) for name in frame.columns if name not in named.values()]
    return [
        f'the column {name!r} is not read as {key}; to have it read, say columns = {{ {key} = "{name}" }}'
        for name, key in names
        if key in silent
    ]


def _columns(frame: gpd.GeoDataFrame, given: Mapping[str, str], faults: Faults) -> dict[str, str]:
    """Find the file's column of every key that it has; name the keys and columns that there are not."""
    there = [str(name) for name in frame.columns if name != frame.geometry.name]
    found = {key: key for key in KEYS if key in there and key not in given}
    for key, name in given.items():
        if key not in KEYS:
            faults.add(f"{key!r} is no key of stations" + nearest(key, KEYS))
        elif name not in there:
            faults.add(f"{key} = {name!r}: there is no such column{nearest(name, there)}", column=name)
        else:
            found[key] = name
    if faults.found:
        raise InputError(faults.found)
    return found


def _chosen(frame: gpd.GeoDataFrame, where: str | None, faults: Faults) -> tuple[gpd.GeoDataFrame, list[int]]:
    rows = np.arange(1, len(frame) + 1)
    if where is not None:
        try:
            keep = select(frame.drop(columns=frame.geometry.name), where)
        except InputError as error:
            faults.adopt(error)
            raise InputError(faults.found) from None
        frame, rows = frame[keep], rows[keep]
    if len(frame) == 0:
        faults.add("is empty" if where is None else f"where = {where!r} keeps no row")
        raise InputError(faults.found)
    return frame, rows.tolist()


def _records(table: pd.DataFrame, rows: list[int], findings: Findings) -> list[Record]:
    fields: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in table.to_dict("records")
    ]
    return [Record(each, row, findings) for each, row in zip(fields, rows, strict=True)]


def _plain(record: Record, source: str, has_id: bool) -> Station:  # noqa: FBT001 - of the table as a whole
    own = record.text("id") if has_id else str(record.row)
    return Station(
        id=None if own is None else f"{source}-{own}",
        source=source,
        name=record.text("name"),
        operator=record.text("operator"),
        access=_word(record, "access", ACCESS),
        hours=record.text("hours"),
        always_open=record.flag("always_open"),
        state=_word(record, "state", STATES),
        ports=record.count("ports"),
        plugs=_plugs(record),
    )


def _word(record: Record, key: str, allowed: tuple[str, ...]) -> str | None:
    value = record.text(key)
    if value is None or value.lower() in allowed:
        return None if value is None else value.lower()
    record.wrong(key, f"{value!r} is none of {', '.join(allowed)}")
    return None


def _plugs(record: Record) -> tuple[Plug, ...]:
    """Read plugs written out; or connectors by name, whose number is known only where there is one kind."""
    text = record.text("plugs")
    if text is not None:
        return _tried(record, "plugs", partial(from_text, text)) or ()
    kw, count = _kilowatts(record), record.count("ports")
    names = [name for name in _SPLIT.split(record.text("connectors") or "") if name]
    found = [_tried(record, "connectors", partial(connector_named, name)) for name in names]
    if not names:
        return (Plug("unknown", kw, count),) if kw is not None else ()
    alone = len(names) == 1
    return gathered(Plug(each, kw, count if alone else None) for each in found if each is not None)


def _kilowatts(record: Record) -> float | None:
    """Read the user's own column: one in watts would let every station through a filter of least kW."""
    value = record.kilowatts("kw")
    if value is not None and value > MOST_KW:
        record.wrong("kw", f"{value:g} is more than a plug gives: kw is that of one plug, in kW, not in W")
    return value


def _tried(record: Record, key: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError as error:
        record.wrong(key, str(error))
        return None


def read_afdc(path: str | PathLike[str]) -> gpd.GeoDataFrame:
    """Read stations from the CSV of the US Alternative Fuels Data Center, or a part of it.

    Parameters
    ----------
    path
        Its columns as downloaded (`Station Name`) or by their names in the service (`station_name`); only the
        position and the id must be there.

    Returns
    -------
    GeoDataFrame
        With the columns of `schema`. Stations of other fuels are left out, and counted in the remarks. kW are
        those of newer tables; of older ones, which state levels alone, they are not known.

    Raises
    ------
    InputError
        The file cannot be read, has no ids, or values, ids or positions are wrong; each of them is named.
    """
    frame = read_layer(path)
    faults, findings = Faults(str(path), "afdc"), Findings()
    frame = frame.rename(columns={name: _plain_name(str(name)) for name in frame.columns})
    if "id" not in frame.columns:
        there = ", ".join(str(name) for name in frame.columns if name != frame.geometry.name)
        faults.add(f"has no column ID; there are {there}")
        raise InputError(faults.found)
    fuel = frame.get("fuel_type_code")
    keep = np.ones(len(frame), dtype=bool) if fuel is None else (fuel == "ELEC").to_numpy(dtype=bool)
    rows = (np.flatnonzero(keep) + 1).tolist()
    others = len(frame) - len(rows)
    records = _records(frame[keep].drop(columns=frame.geometry.name), rows, findings)
    return station_table(
        [_afdc_station(record) for record in records],
        frame.geometry.to_numpy()[keep],
        findings.tell(faults),
        rows=rows,
        crs=frame.crs,
        remarks=[f"left out, of other fuels: {others:,}"] if others else [],
    )


def _plain_name(name: str) -> str:
    return _NOT_WORD.sub("_", name.lower()).strip("_")


def _afdc_station(record: Record) -> Station:
    number, hours = record.text("id"), record.text("access_days_time")
    levels = [record.count(key) for key in _AFDC_LEVELS]
    known = [level for level in levels if level is not None]
    return Station(
        id=None if number is None else f"afdc-{number}",
        source="afdc",
        name=record.text("station_name") or record.text("name"),
        operator=record.text("ev_network"),
        access=_afdc_access(record),
        hours=hours,
        always_open=None if hours is None else hours.lower().startswith("24 hours daily"),
        state=_AFDC_STATES.get(record.text("status_code") or ""),
        ports=sum(known) if known else None,
        plugs=_afdc_plugs(record, levels),
    )


def _afdc_access(record: Record) -> str | None:
    code = record.text("access_code") or record.text("groups_with_access_code")
    if code is None:
        return None
    if "private" in code.lower():
        return "private"
    return "restricted" if record.flag("restricted_access") else "public"


def _afdc_plugs(record: Record, levels: list[int | None]) -> tuple[Plug, ...]:
    counted = {name: record.count(f"ev_{name}_connector_count") for name in _AFDC_COUNTED}
    if any(counted.values()):
        powers = {name: record.kilowatts(f"ev_{name}_power_output_kw") for name in _AFDC_COUNTED}
        plugs = [Plug(_AFDC_COUNTED[name], powers[name], count) for name, count in counted.items()]
        return gathered(plug for plug in plugs if plug.count)
    listed = (record.text("ev_connector_types") or "").upper().replace(",", " ").split()
    names = [_AFDC_CONNECTORS.get(name, "other") for name in listed]
    slow = sum(level for level in levels[:2] if level is not None)
    fast = sum(level for level in levels[2:] if level is not None)
    # A level's ports all have a connector only where it is the only one of that level.
    alone = {"type1": slow if not {"nacs", "domestic"} & set(names) else None}
    if len({"ccs1", "chademo", "nacs", "mcs"} & set(names)) == 1:
        alone |= {"ccs1": fast, "chademo": fast}
    return gathered(Plug(name, None, alone.get(name) or None) for name in names)
