"""Stations that stand: those of the extract and those of a file, once each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from chargeplan.prepare import existing
from chargeplan.prepare.features import WGS84, positions

if TYPE_CHECKING:
    from collections import Counter
    from os import PathLike

_AFDC = ("Fuel Type Code", "EV Network")  # columns of that source alone
_LEFT_OUT = ("private", "restricted")


def read_stations(path: str | PathLike[str]) -> gpd.GeoDataFrame:
    """Read stations of any source: Open Charge Map, OCPI, the US AFDC, or a table or layer of points.

    Parameters
    ----------
    path
        The source is told by what the file holds.

    Returns
    -------
    GeoDataFrame
        With the columns of `existing.schema`.

    Raises
    ------
    InputError
        It cannot be read, or has faults, all of which are named.
    """
    path = Path(path)
    begin = _begin(path) if path.is_file() else ""  # a pipe would be waited for
    if path.suffix.lower() == ".csv" and any(word in begin.partition("\n")[0] for word in _AFDC):
        return existing.read_afdc(path)
    if path.suffix.lower() == ".json" and begin and (keys := _keys(path)):
        if "AddressInfo" in keys:
            return existing.read_open_charge_map(path)
        if "evses" in keys or "data" in keys:
            return existing.read_ocpi(path)
    return existing.read_station_table(path, "given")


def stations_of_extract(known: list[tuple[str, dict[str, str], float, float]]) -> gpd.GeoDataFrame:
    """Make stations of features of an extract: id, tags, longitude and latitude."""
    ids, tags, lon, lat = (list(column) for column in zip(*known, strict=True)) if known else ([],) * 4
    tags = [
        {key: value for key, value in said.items() if key != "id"} for said in tags
    ]  # ids are the things'
    frame = gpd.GeoDataFrame({"id": ids, "tags": tags}, geometry=gpd.points_from_xy(lon, lat), crs=WGS84)
    return existing.stations_of_openstreetmap(frame)


def standing(known: gpd.GeoDataFrame, given: gpd.GeoDataFrame | None, counts: Counter[str]) -> pd.DataFrame:
    """Put stations together that are open to everybody; one of both sources is the given one.

    Returns
    -------
    DataFrame
        As `existing.flat` makes it, with `lon` and `lat`.
    """
    counts["stations of the extract"] = len(known)
    counts["stations given"] = 0 if given is None else len(given)
    tables = [table for table in (given, known) if table is not None]
    if not any(map(len, tables)):
        nothing = pd.DataFrame(columns=["id", "name", "lon", "lat"])
        nothing.attrs["remarks"] = known.attrs["remarks"]
        return nothing
    together = existing.join(tables, merged=True)
    counts["stations known twice"] = sum(map(len, tables)) - len(together)
    kept = ~(together["access"].isin(_LEFT_OUT) | together["state"].isin(("closed", "planned"))).to_numpy()
    counts["stations not open to all"] = int((~kept).sum())
    table = existing.flat(together[kept].reset_index(drop=True))
    lon, lat = positions(table).T
    stations = pd.DataFrame(table.drop(columns="geometry")).assign(lon=lon, lat=lat)
    stations.attrs["remarks"] = (*together.attrs["doubts"], *together.attrs["remarks"])
    return stations


def _begin(path: Path) -> str:
    """Read the first bytes of a file; whatever is wrong with it, its reader says better."""
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def _keys(path: Path) -> set[str]:
    """Read the keys of the first record of a JSON file; none where it is not a file of records."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    first = content[0] if isinstance(content, list) and content else content
    return set(first) if isinstance(first, dict) else set()
