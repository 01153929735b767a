"""The table of candidate sites that the other `candidates_*` make, and what is done with any such table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.features import DECIMALS, POLYGONS, WGS84, load, positions
from chargeplan.scenario.tables import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    _Table = TypeVar("_Table", bound=pd.DataFrame)
    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of site costs, and how many chargers fit.

    Parameters
    ----------
    cost
        Of opening one, in the scenario's currency.
    room
        Chargers that fit; inf where that does not matter.

    Raises
    ------
    InputError
        A cost below 0 or not finite, or no room.
    """

    cost: float = 1.0
    room: float = np.inf

    def __post_init__(self) -> None:
        faults = [] if 0 <= self.cost < np.inf else [Fault(f"cost = {self.cost} is no number of at least 0")]
        faults += [] if self.room > 0 else [Fault(f"room = {self.room} is not more than 0")]
        if faults:
            raise InputError(faults)


def site_table(
    where: Floats, name: str, kind: str | npt.NDArray[np.object_], **columns: object
) -> gpd.GeoDataFrame:
    """Make a table of candidate sites.

    Parameters
    ----------
    where
        (M, 2) longitude, latitude in degrees, WGS-84.
    name
        Ids are ``"<name>-1"``, ``"<name>-2"``, ...
    kind
        Of all, or of each.
    columns
        What else there is to say of each.

    Returns
    -------
    GeoDataFrame
        `id`, `kind`, and the other columns.
    """
    ids = [f"{name}-{number}" for number in range(1, len(where) + 1)]
    table = {"id": pd.Series(ids, dtype=object), "kind": kind} | columns
    points = gpd.points_from_xy(*np.round(where, DECIMALS).reshape(-1, 2).T)
    return gpd.GeoDataFrame(table, geometry=points, crs=WGS84)


def with_kinds(sites: _Table, kinds: Mapping[str, Kind]) -> _Table:
    """Give every site the cost and the room of its kind.

    Parameters
    ----------
    sites
        With a column `kind`.
    kinds
        By name.

    Returns
    -------
    GeoDataFrame or DataFrame
        With `cost` and `room`.

    Raises
    ------
    InputError
        Kinds of sites that there are not.
    """
    unknown = sorted(set(sites["kind"]) - kinds.keys())
    if unknown:
        there = ", ".join(kinds)
        raise InputError(
            [Fault(f"there is no kind {kind!r} of sites; there are {there}") for kind in unknown]
        )
    table = sites.copy()
    table["cost"] = [float(kinds[kind].cost) for kind in sites["kind"]]
    table["room"] = [float(kinds[kind].room) for kind in sites["kind"]]
    return table


def without(sites: gpd.GeoDataFrame, exclude: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out the sites inside polygons; their borders count as inside.

    Parameters
    ----------
    sites
        In any CRS.
    exclude
        Polygons, in any CRS.

    Returns
    -------
    GeoDataFrame
        With a fresh index; the last of ``attrs["remarks"]`` counts what was left out.

    Raises
    ------
    InputError
        The polygons are wrong, all of which is named.
    """
    features = load(Layer(file="exclude"), "exclude", lambda _: exclude, POLYGONS)
    if features.faults.found:
        raise InputError(features.faults.found)
    areas = np.asarray(features.frame.geometry.array)
    inside = np.zeros(len(sites), dtype=bool)
    inside[shapely.STRtree(areas).query(shapely.points(positions(sites)), predicate="intersects")[0]] = True
    kept = sites[~inside].reset_index(drop=True)
    remark = f"in excluded areas, left out: {inside.sum():,} of {len(sites):,} candidate sites"
    kept.attrs["remarks"] = (*sites.attrs.get("remarks", ()), remark)
    return kept


def joined(tables: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put tables of candidate sites one below the other, in WGS-84.

    Raises
    ------
    InputError
        No table, or an id that is in two of them.
    """
    if not tables:
        raise InputError("there is no table of candidate sites to join")
    plain = [table.to_crs(WGS84) for table in tables]
    remarks = tuple(remark for table in tables for remark in table.attrs.get("remarks", ()))
    for table in plain:
        table.attrs = {}
    sites = gpd.GeoDataFrame(pd.concat(plain, ignore_index=True), crs=WGS84)
    twice = sites["id"][sites["id"].duplicated()].unique()
    if len(twice):
        raise InputError([Fault(f"the id {name!r} is in several tables of sites") for name in twice])
    sites.attrs["remarks"] = remarks
    return sites
