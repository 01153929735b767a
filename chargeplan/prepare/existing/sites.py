"""The stations that a scenario's ``[[existing]]`` tables name, as sites: put together, filtered, counted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.prepare import existing
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.features import POINTS, Features, load, positions
from chargeplan.prepare.points import Sites, Standing
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd
    import numpy.typing as npt

    from chargeplan.errors import Fault
    from chargeplan.prepare.existing.plugs import Plug
    from chargeplan.prepare.files import Files
    from chargeplan.scenario import ExistingLayer


def read_existing(
    layers: Sequence[ExistingLayer], files: Files
) -> tuple[list[tuple[Features, Sites]], list[str], list[str], list[Fault]]:
    """Read the stations that stand.

    Parameters
    ----------
    layers
        The most trusted source first.
    files
        Opens their files.

    Returns
    -------
    list of tuple
        For each table of which any station counts: its features, and its sites with status ``"existing"``,
        which cost what keeping them takes and have room for as many chargers as they have ports, or as
        the table says.
    list of str
        What is doubtful: in the files, and of stations that several of them have.
    list of str
        How many stations there are, are known twice, are left out and why, and count.
    list of Fault
        The stations that are doubtful, with their places.

    Raises
    ------
    InputError
        With every fault of all tables.
    """
    tables: list[gpd.GeoDataFrame] = []
    faults: list[Fault] = []
    for number, layer in enumerate(layers):
        try:
            tables.append(_stations(layer, files).assign(entry=number))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    together, doubts, notes, doubtful = _together(layers, tables)
    read = []
    for number, layer in enumerate(layers):
        left = together[together["entry"] == number].reset_index(drop=True)
        found = _counting(layer, left)
        said = [*tables[number].attrs["remarks"], *found.attrs["remarks"]]
        merged = len(tables[number]) - len(left)
        stations = format_count(len(tables[number]), "station")
        stations += f", merged into those above: {merged:,}" if merged else ""
        notes.append(f"{_named(layer)}: {'; '.join([stations, *said])}")
        doubts += [f"{layer.file}: {doubt}" for doubt in tables[number].attrs["doubts"]]
        doubtful += [
            replace(doubt, file=layer.file, layer=layer.name) for doubt in tables[number].attrs["doubtful"]
        ]
        if len(found):
            read.append(_as_sites(layer, found))
    return read, doubts, notes, doubtful


def _named(layer: ExistingLayer) -> str:
    return f"existing stations {layer.name} ({layer.file})"


def _stations(layer: ExistingLayer, files: Files) -> gpd.GeoDataFrame:
    """Read one table's stations, which are a source of their own; `row` is their number in the file."""
    faults = Faults(layer.file, layer.name)
    try:
        _wanted(layer)
    except InputError as error:
        faults.adopt(error)
    try:
        table = _read(layer, files)
    except InputError as error:
        faults.adopt(error)
        raise InputError(faults.found) from None
    if len(table) == 0:
        faults.add("; ".join(["holds no charging station that stands", *table.attrs.get("remarks", ())]))
    if faults.found:
        raise InputError(faults.found)
    said = table.attrs
    table = table.assign(source=layer.name, row=said["rows"])
    table.attrs = said
    return table


def _read(layer: ExistingLayer, files: Files) -> gpd.GeoDataFrame:
    match layer.source:
        case "openstreetmap" if layer.file.lower().endswith(".pbf"):
            return files.read(layer.file, _of_extract)
        case "openstreetmap":
            return _of_openstreetmap(layer, files)
        case "openchargemap":
            return files.read(layer.file, lambda path: existing.read_open_charge_map(path, datum=layer.datum))
        case "ocpi":
            return files.read(layer.file, lambda path: existing.read_ocpi(path, datum=layer.datum))
        case "afdc":
            return files.read(layer.file, existing.read_afdc)
    return files.read(layer.file, lambda path: _of_table(layer, path))


def _of_table(layer: ExistingLayer, path: Path) -> gpd.GeoDataFrame:
    return existing.read_station_table(
        path,
        layer.name,
        layer.columns,
        layer=layer.layer,
        where=layer.where,
        crs=layer.crs,
        datum=layer.datum,
    )


def _of_extract(path: Path) -> gpd.GeoDataFrame:
    from chargeplan.prepare.osm.extract import Extract  # noqa: PLC0415 - an extra
    from chargeplan.prepare.osm.places import read_places  # noqa: PLC0415

    places = read_places(Extract(path))
    if closed := places.counts["stations for some only"]:
        says = f"charging stations left out, of access=no, private or the like: {closed:,}"
        places.stations.attrs["remarks"] += (says,)
    return places.stations


def _of_openstreetmap(layer: ExistingLayer, files: Files) -> gpd.GeoDataFrame:
    """Read a layer of OpenStreetMap; what says that it is something else than a station is left out."""
    features = load(layer, layer.name, files.open, POINTS)
    if features.faults.found:
        raise InputError(features.faults.found)
    frame, rows = features.frame, features.rows
    others = 0
    if "amenity" in frame.columns:
        fits = (frame["amenity"].isna() | (frame["amenity"] == "charging_station")).to_numpy(dtype=bool)
        frame, rows, others = frame[fits].reset_index(drop=True), rows[fits], int((~fits).sum())
    try:
        table = existing.stations_of_openstreetmap(frame, file=layer.file)
    except InputError as error:
        raise InputError([_in_file(fault, rows.tolist()) for fault in error.faults]) from None
    left_out = [f"left out, no charging stations: {format_count(others, 'feature')}"] if others else []
    said, rows = table.attrs, rows[np.array(table.attrs["rows"], dtype=np.int64) - 1]
    table.attrs = {
        "remarks": (*said["remarks"], *left_out),
        "doubts": (*features.remarks, *said["doubts"]),
        "doubtful": tuple(features.faults.doubtful),  # the others were points by then
        "rows": rows.tolist(),
    }
    return table


def _in_file(fault: Fault, rows: list[int]) -> Fault:
    """Give a fault the number that its row has in the file."""
    return fault if fault.row is None else replace(fault, row=rows[fault.row - 1])


def _together(
    layers: Sequence[ExistingLayer], tables: Sequence[gpd.GeoDataFrame]
) -> tuple[gpd.GeoDataFrame, list[str], list[str], list[Fault]]:
    """Add one source after the other; those above count as one that every station may be in already."""
    known, doubts, notes = _plain(tables[0]), [], []
    doubtful: list[Fault] = []
    for layer, table in zip(layers[1:], tables[1:], strict=True):
        rule = existing.SameStation() if layer.merge_m is None else _within(layer.merge_m)
        merged = layer.merge_m is not None
        if not merged:
            _refuse_shared(layer, known, table)
        known = existing.join(
            [known.assign(source=""), _plain(table)], rule, merged=merged
        )  # no layer's name
        who = f"{_named(layer)} and those above"
        notes += [f"{who}: {remark}" for remark in known.attrs["remarks"]]
        doubts += [f"{who}: {doubt}" for doubt in known.attrs["doubts"]]
        doubtful += _doubtful(layer, known)
        known = _plain(known)
    return known, doubts, notes, doubtful


def _doubtful(layer: ExistingLayer, known: gpd.GeoDataFrame) -> list[Fault]:
    """Place the stations of a source that something is said of, by their rows in the table of all."""
    said: dict[int, str] = known.attrs["doubtful"]
    own = np.flatnonzero((known["source"] == layer.name).to_numpy())
    rows, faults = known["row"].to_numpy(dtype=np.int64)[own], Faults(layer.file, layer.name)
    faults.locate(rows, positions(known)[own])
    faults.doubt_rows(np.isin(own, list(said)), rows, lambda at: said[int(own[at])])
    return faults.doubtful


def _refuse_shared(layer: ExistingLayer, known: gpd.GeoDataFrame, table: gpd.GeoDataFrame) -> None:
    """Refuse ids that are in a source above already: who does not merge has to tell the stations apart."""
    faults, ids = Faults(layer.file, layer.name), table["id"].to_numpy(dtype=object)
    shared = np.isin(ids, known["id"].to_numpy(dtype=object))
    says = 'is in another table of stations as well; merge = "100 m" makes one of those that are the same'
    rows = table["row"].to_numpy(dtype=np.int64)
    faults.locate(rows, positions(table))
    faults.add_rows(shared, rows, lambda at: f"the id {ids[at]!r} {says}", column="id")
    if faults.found:
        raise InputError(faults.found)


def _within(metres: float) -> existing.SameStation:
    usual = existing.SameStation()
    return existing.SameStation(metres, usual.likeness, min(usual.blind_radius, metres))


def _plain(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    plain = table.copy()
    plain.attrs = {}
    return plain


def _wanted(layer: ExistingLayer) -> existing.Wanted:
    return existing.Wanted(
        access=layer.access,
        always_open=layer.always_open,
        connectors=layer.connectors,
        least_kw=layer.least_kw,
        least_ports=layer.least_ports,
        standing=layer.standing,
        unknown=layer.unstated,
    )


def _counting(layer: ExistingLayer, stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep the stations that count; one that is in several sources goes by the filters of the first."""
    return existing.keep(_plain(stations), _wanted(layer))


def _as_sites(layer: ExistingLayer, stations: gpd.GeoDataFrame) -> tuple[Features, Sites]:
    count, ports = len(stations), stations["ports"].to_numpy(dtype=np.float64)
    rows, faults = stations["row"].to_numpy(dtype=np.int64), Faults(layer.file, layer.name)
    faults.locate(rows, positions(stations))
    return Features(layer.name, stations, rows, faults), Sites(
        ids=stations["id"].to_numpy(dtype=object),
        positions=positions(stations),
        status=np.full(count, "existing", dtype=object),
        kind=np.full(count, layer.kind or layer.name, dtype=object),
        cost=np.zeros(count),
        room=_room(layer, ports),
        district=np.full(count, "", dtype=object),
        substation=np.full(count, "", dtype=object),
        keep=np.full(count, layer.keep),
        close=np.full(count, np.inf if layer.close is None else layer.close),
        standing=_standing(stations["plugs"], ports),
    )


def _room(layer: ExistingLayer, ports: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many chargers fit: as the table says, and no fewer than there are ports."""
    if layer.room is None:
        return np.where(np.isnan(ports), np.inf, ports)
    return np.fmax(float(layer.room), ports)


def _standing(plugs: Iterable[tuple[Plug, ...]], ports: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """List the chargers of each station by their kW: (M,) tuples."""
    found = np.empty(len(ports), dtype=object)
    for at, each in enumerate(plugs):
        found[at] = tuple(_chargers(each, ports[at]))
    return found


def _chargers(plugs: tuple[Plug, ...], ports: float) -> Iterator[Standing]:
    """Count as many chargers as ports, each of its strongest plug; every plug where no ports are stated.

    A port may have plugs of several connectors, of which one is used at a time: so the strongest count first.
    Plugs of unknown number count once; ports beyond all plugs are of the weakest such plug, else unknown.
    """
    left = math.inf if math.isnan(ports) else ports
    for plug in sorted(plugs, key=lambda plug: -(plug.kw or 0.0)):
        number = int(min(1 if plug.count is None else plug.count, left))
        left -= number
        if number:
            yield Standing(None, plug.kw, number)
    if 0 < left < math.inf:
        of_any_number = (plug.kw for plug in plugs if plug.count is None)
        yield Standing(None, min(of_any_number, key=lambda kw: kw or 0.0, default=None), int(left))
