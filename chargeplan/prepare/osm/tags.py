"""What OpenStreetMap's tags mean to a car: which roads it may use, in which direction, how fast.

Not read: restrictions on turns, barriers on roads, and restrictions that hold at some hours only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# km/h where nothing is signposted, by class of road, as in the car profile of OSRM (Luxen and Vetter 2011).
# Roads of other classes are not for cars.
SPEEDS = {
    "motorway": 90.0,
    "motorway_link": 45.0,
    "trunk": 85.0,
    "trunk_link": 40.0,
    "primary": 65.0,
    "primary_link": 30.0,
    "secondary": 55.0,
    "secondary_link": 25.0,
    "tertiary": 40.0,
    "tertiary_link": 20.0,
    "unclassified": 25.0,
    "residential": 25.0,
    "living_street": 10.0,
    "service": 15.0,
    "road": 25.0,
}
CORRIDORS = ("motorway", "trunk")

# Yards and drives: what they add to a way is counted as the straight leg from the road.
_YARDS = ("driveway", "parking_aisle", "drive-through", "emergency_access", "parking")
_MODES = ("motorcar", "motor_vehicle", "vehicle", "access")  # the most particular says it
_CLOSED = frozenset(
    {
        "no",
        "private",
        "agricultural",
        "forestry",
        "delivery",
        "emergency",
        "military",
        "permit",
        "use_sidepath",
    }
)

_SPEED = re.compile(r"(\d{1,3}(?:\.\d+)?) ?(km/h|kmh|kph|mph)?", re.ASCII)
_MPH = 1.609344  # km/h
_NAMED_SPEEDS = {"walk": 7.0, "none": 130.0}
_ZONES = {"urban": 50.0, "rural": 90.0, "trunk": 100.0, "motorway": 120.0, "living_street": 10.0}
_ZONE = re.compile(r"(?:[A-Z]{2}(?:-[A-Z]{2,3})?:)(?:zone:?)?(\w+)", re.ASCII)


def is_road(tags: Mapping[str, str]) -> bool:
    """Say whether everybody may drive a car along a way."""
    return (
        tags.get("highway") in SPEEDS
        and tags.get("area") != "yes"
        and tags.get("service") not in _YARDS
        and is_open(tags)
    )


def why_not(tags: Mapping[str, str]) -> str:
    """Say why a way of a class that is for cars is no road for everybody; blank for ways of other classes."""
    if tags.get("highway") not in SPEEDS or tags.get("area") == "yes":
        return ""
    return "yards and drives" if tags.get("service") in _YARDS else "ways for some only"


def is_open(tags: Mapping[str, str]) -> bool:
    """Say whether everybody may bring a car: nothing forbids it, or keeps it to some."""
    said = next((tags[mode] for mode in _MODES if mode in tags), "yes")
    return not all(word.strip() in _CLOSED for word in said.split(";"))


def direction(tags: Mapping[str, str]) -> int:
    """Say how a way may be driven: 1 along it only, -1 against it only, 0 both ways.

    Motorways and roundabouts are one-way unless they say otherwise; what changes by the hour counts as both.
    """
    given = tags.get("oneway")
    if given in {"yes", "true", "1"}:
        return 1
    if given in {"-1", "reverse"}:
        return -1
    implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") == "motorway"
    return int(given is None and implied)


def speed(tags: Mapping[str, str]) -> float:
    """Say how fast a road is driven, in km/h: as signposted, else as usual for its class."""
    said = [_signposted(word.strip()) for word in tags.get("maxspeed", "").split(";")]
    known = [value for value in said if value is not None and 1.0 <= value <= 200.0]
    return min(known, default=SPEEDS[tags["highway"]])


def _signposted(word: str) -> float | None:
    if number := _SPEED.fullmatch(word):
        return float(number[1]) * (_MPH if number[2] == "mph" else 1.0)
    if zone := _ZONE.fullmatch(word):
        return float(zone[1]) if zone[1].isdecimal() else _ZONES.get(zone[1])
    return _NAMED_SPEEDS.get(word)


def number(text: str | None) -> float | None:
    """Read a number of at least 0, such as a count of storeys, or None."""
    found = re.fullmatch(r"\d{1,6}(\.\d+)?", (text or "").strip(), re.ASCII)
    return float(found[0]) if found else None
