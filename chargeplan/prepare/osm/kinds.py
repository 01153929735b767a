"""The kinds of candidate sites and what is assumed of each: one table, which a build's README repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chargeplan.prepare.osm.tags import number

if TYPE_CHECKING:
    from collections.abc import Mapping

CURRENCY = "thousands of euros"


@dataclass(frozen=True, slots=True)
class SiteKind:
    """A kind of candidate site.

    Parameters
    ----------
    name
        In the column `kind`.
    means
        Which things of OpenStreetMap are of this kind.
    cost
        Of opening a station there: preparing the site and its grid connection, without chargers.
    room
        Chargers that fit, where `capacity` does not say how many cars do.
    """

    name: str
    means: str
    cost: float
    room: int


KINDS = {
    kind.name: kind
    for kind in (
        SiteKind("parking", "amenity=parking, on the surface or of no stated type", 40.0, 10),
        SiteKind("garage", "amenity=parking, parking=underground or multi-storey", 70.0, 20),
        SiteKind("fuel", "amenity=fuel", 60.0, 6),
        SiteKind("mall", "shop=mall or department_store", 60.0, 20),
        SiteKind("supermarket", "shop=supermarket", 50.0, 8),
        SiteKind("services", "highway=services", 100.0, 30),
        SiteKind("rest area", "highway=rest_area", 80.0, 10),
        SiteKind(
            "kerb", "a road near demand that no other site reaches; not a thing of OpenStreetMap", 50.0, 2
        ),
    )
}
SHARE_OF_PARKING = 0.1  # of the places of a car park may get a charger
_LEAST_ROOM = 2
_GARAGES = frozenset({"underground", "multi-storey"})
_AMENITIES = {"fuel": "fuel", "parking": "parking"}
_SHOPS = {"mall": "mall", "department_store": "mall", "supermarket": "supermarket"}
_HIGHWAYS = {"services": "services", "rest_area": "rest area"}


def site_kind(tags: Mapping[str, str]) -> str | None:
    """Say which kind of candidate site a thing is, or None."""
    found = (
        _HIGHWAYS.get(tags.get("highway", ""))
        or _SHOPS.get(tags.get("shop", ""))
        or _AMENITIES.get(tags.get("amenity", ""))
    )
    return "garage" if found == "parking" and tags.get("parking") in _GARAGES else found


def room(kind: str, tags: Mapping[str, str]) -> int:
    """Say how many chargers fit: a share of the car park's places, else what is usual for the kind."""
    places = number(tags.get("capacity")) if kind in {"parking", "garage"} else None
    return KINDS[kind].room if places is None else max(_LEAST_ROOM, round(places * SHARE_OF_PARKING))
