"""Places of an extract: candidate sites, charging stations that stand, and homes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pandas as pd
import shapely

from chargeplan.prepare.features import DECIMALS
from chargeplan.prepare.osm.homes import Homes, HomesGathering
from chargeplan.prepare.osm.kinds import room, site_kind
from chargeplan.prepare.osm.stations import stations_of_extract
from chargeplan.prepare.osm.tags import is_open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    from osmium.osm import Area, Node

    from chargeplan.prepare.osm.extract import Extract

_KEYS = ("building", "landuse", "amenity", "shop", "highway")
_COLUMNS = ["id", "name", "kind", "room", "lon", "lat"]


@dataclass(frozen=True, eq=False)
class Places:
    """What an extract knows of, beside its roads.

    Parameters
    ----------
    sites
        Candidate sites: `id` (n, w or r for node, way or relation, and its number), `name`, `kind`, `room`,
        `lon`, `lat`.
    stations
        Charging stations that stand, with the columns of `existing.schema`.
    homes
        Where people live.
    counts
        What is left out: `sites for some only`, `stations for some only`, and `broken outlines` of sites,
        stations, homes and residential areas.
    """

    sites: pd.DataFrame
    stations: gpd.GeoDataFrame
    homes: Homes
    counts: Counter[str]


def read_places(extract: Extract) -> Places:
    """Read the places of an extract.

    Raises
    ------
    InputError
        The extract is damaged.
    """
    import osmium  # noqa: PLC0415 - an extra

    to_wkb = osmium.geom.WKBFactory().create_multipolygon
    rows: list[tuple[str, str, str, int, float, float]] = []
    stations: list[tuple[str, dict[str, str], float, float]] = []
    homes, counts = HomesGathering(), Counter[str]()
    for thing, tags in extract.places(*_KEYS):
        outline = _outline(cast("Area", thing), to_wkb) if thing.is_area() else None
        if outline is not None:
            homes.add(tags, outline)
        elif thing.is_area():
            counts["broken outlines"] += 1
            continue
        if not (kind := _kind(tags)):
            continue
        if not is_open(tags):
            counts["stations for some only" if kind == "station" else "sites for some only"] += 1
        elif kind == "station":
            stations.append((_id(thing), tags, *_position(thing, outline)))
        else:
            place = _position(thing, outline)
            rows.append((_id(thing), tags.get("name", ""), kind, room(kind, tags), *place))
    return Places(
        sites=pd.DataFrame(rows, columns=_COLUMNS).sort_values("id", kind="stable", ignore_index=True),
        stations=stations_of_extract(sorted(stations, key=lambda station: station[0])),
        homes=(found := homes.finish()),
        counts=counts + Counter({"broken outlines": found.wrapped}),
    )


def _kind(tags: Mapping[str, str]) -> str | None:
    """Say what kind of site a thing is: a station that stands, or a candidate."""
    return "station" if tags.get("amenity") == "charging_station" else site_kind(tags)


def _outline(area: Area, to_wkb: Callable[[Area], str]) -> str | None:
    """Outline an area in hexadecimal WKB; None where it has no outline that holds."""
    try:
        return to_wkb(area)
    except RuntimeError:
        return None


def _id(thing: Area | Node) -> str:
    if thing.is_node():
        return f"n{thing.id}"
    area = cast("Area", thing)
    return f"{'w' if area.from_way() else 'r'}{area.orig_id()}"


def _position(thing: Area | Node, outline: str | None) -> tuple[float, float]:
    if outline is None:
        location = cast("Node", thing).location
        return location.lon, location.lat
    inside = shapely.point_on_surface(shapely.from_wkb(outline))
    return round(float(inside.x), DECIMALS), round(float(inside.y), DECIMALS)
