"""The table of existing stations: its columns, and how the stations of a source become it.

================  ============================================================================================
`id`              text, unique in the table: the source's short name and its own id, such as ``osm-node/17``
`source`          text: where the station is from
`name`            text or None
`operator`        text or None
`access`          one of `ACCESS`, or None where the source does not say
`hours`           text as the source has it, or None
`always_open`     True, False or None: open day and night
`state`           one of `STATES`, or None where the source does not say
`ports`           how many vehicles can charge at once; NaN where the source does not say
`plugs`           tuple of `Plug`: connectors, kW, numbers
`geometry`        point, WGS-84, rounded to 7 decimals
================  ============================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from chargeplan.errors import InputError
from chargeplan.prepare.existing.plugs import Plug, as_text
from chargeplan.prepare.features import POINTS, WGS84, load, positions
from chargeplan.scenario.tables import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from chargeplan.prepare.datum import Datum
    from chargeplan.prepare.faults import Faults

ACCESS = ("public", "customers", "restricted", "private")
STATES = ("open", "closed", "planned")


@dataclass(slots=True)
class Station:
    """A station as a source describes it; see the module's table."""

    id: str | None
    source: str
    name: str | None = None
    operator: str | None = None
    access: str | None = None
    hours: str | None = None
    always_open: bool | None = None
    state: str | None = None
    ports: float | None = None
    plugs: tuple[Plug, ...] = ()


COLUMNS = tuple(column.name for column in fields(Station))


def station_table(
    stations: Sequence[Station],
    geometry: object,
    faults: Faults,
    *,
    rows: Sequence[int] | None = None,
    crs: object = WGS84,
    stated_crs: str | None = None,
    datum: Datum = "wgs84",
    remarks: Sequence[str] = (),
) -> gpd.GeoDataFrame:
    """Make the table of a source's stations, or say everything that is wrong with them.

    Parameters
    ----------
    stations
        In the file's order.
    geometry
        Their geometries, as many.
    faults
        What is wrong with their fields, or doubtful, if anything.
    rows
        (N,) their numbers in the file, from 1; 1, 2, ... where left out.
    crs, datum
        Of the geometry.
    stated_crs
        What the caller says in place of `crs`.
    remarks
        What was left out or not read, counted; kept in ``attrs["remarks"]``.

    Returns
    -------
    GeoDataFrame
        With the columns of this module's table; ``attrs["rows"]`` are the numbers, and
        ``attrs["doubts"]`` says what is doubtful and what was repaired of the geometry,
        ``attrs["doubtful"]`` of which rows.

    Raises
    ------
    InputError
        A field, an id or a position is wrong; every one of them is named.
    """
    frame = gpd.GeoDataFrame(_columns(stations), geometry=geometry, crs=crs)
    numbers = np.arange(1, len(frame) + 1) if rows is None else np.array(rows, dtype=np.int64)
    repaired: tuple[str, ...] = ()
    if len(frame):
        layer = Layer(file=faults.file, crs=stated_crs, datum=datum)
        frame, repaired = _settled(frame, numbers, faults, layer)
    _note_ids(frame, numbers, faults)
    if faults.found:
        raise InputError(faults.found)
    frame.attrs = {
        "remarks": tuple(remarks),
        "doubts": (*faults.doubts, *repaired),
        "doubtful": tuple(faults.doubtful),
        "rows": numbers.tolist(),
    }
    return frame


def _settled(
    frame: gpd.GeoDataFrame, rows: npt.NDArray[np.int64], faults: Faults, layer: Layer
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Bring the geometry to WGS-84, noting what is wrong under the file's row numbers; count repairs."""
    try:
        read = load(layer, faults.layer, lambda _: frame, POINTS)
    except InputError as error:
        faults.adopt(error)
        return frame, ()
    for fault in read.faults.found:
        row = None if fault.row is None else int(rows[fault.row - 1])
        faults.add(fault.message, row=row, column=fault.column)
    for doubt in read.faults.doubtful:
        row = None if doubt.row is None else int(rows[doubt.row - 1])
        faults.doubtful.append(replace(doubt, row=row))
    faults.place(rows, positions(read.frame))
    return read.frame, read.remarks


def _columns(stations: Sequence[Station]) -> pd.DataFrame:
    """Put stations into columns: text and flags as objects, so that what is missing stays None."""
    table = {}
    for name in COLUMNS:
        column = np.empty(len(stations), dtype=object)
        column[:] = [getattr(station, name) for station in stations] or None
        table[name] = column.astype(np.float64) if name == "ports" else column
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in table.items()})


def _note_ids(frame: gpd.GeoDataFrame, rows: npt.NDArray[np.int64], faults: Faults) -> None:
    ids = frame["id"].to_numpy(dtype=object)
    missing = pd.isna(ids)
    faults.add_rows(missing, rows, lambda _: "the id is missing", column="id")
    twice = frame["id"].duplicated(keep=False).to_numpy() & ~missing
    faults.add_rows(twice, rows, lambda at: f"the id {ids[at]!r} is given more than once", column="id")


def flat(stations: gpd.GeoDataFrame, types: Mapping[str, float] | None = None) -> gpd.GeoDataFrame:
    """Make a layer of stations that every format takes, and that `solve` takes as existing sites.

    Parameters
    ----------
    stations
        The table.
    types
        The least kW of each charger type, such as ``{"slow": 0, "fast": 50}``: a plug is of the type with the
        greatest least kW that it reaches.

    Returns
    -------
    GeoDataFrame
        The same rows; `plugs` as text, `connectors` and `max_kw` taken from it, `status` (``"existing"``),
        `cost` (0), `room` (the ports), and for each charger type `chargers_<type>`, with `chargers_unknown`
        for those whose kW or number is not stated (a plug of unknown number counts as one).
    """
    table = stations.copy()
    plugs: list[tuple[Plug, ...]] = list(stations["plugs"])
    table["plugs"] = [as_text(each) for each in plugs]
    table["connectors"] = [";".join(dict.fromkeys(plug.connector for plug in each)) for each in plugs]
    table["max_kw"] = [
        max((plug.kw for plug in each if plug.kw is not None), default=np.nan) for each in plugs
    ]
    table["status"], table["cost"], table["room"] = "existing", 0.0, stations["ports"]
    for name in (*(types or {}), *(("unknown",) if types else ())):
        counts = [sum(_of_type(plug, name, types or {}) for plug in each) for each in plugs]
        table[f"chargers_{name}"] = np.array(counts, dtype=np.int64)
    return table.drop(columns="geometry").set_geometry(stations.geometry)


def _of_type(plug: Plug, name: str, types: Mapping[str, float]) -> int:
    """Count the plugs that are of a charger type."""
    fitting = [] if plug.kw is None or plug.count is None else [t for t in types if types[t] <= plug.kw]
    found = max(fitting, key=lambda t: types[t], default="unknown")
    return (1 if plug.count is None else plug.count) if found == name else 0
