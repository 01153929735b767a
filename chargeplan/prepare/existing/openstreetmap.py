"""Charging stations of OpenStreetMap: features tagged `amenity=charging_station`.

Tags are free text. What cannot be read counts as not stated, and is counted in the table's remarks; the tags
are those of the OpenStreetMap wiki's page on `amenity=charging_station`. What is not for cars is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chargeplan.prepare.existing.plugs import MOST_KW, Plug, gathered
from chargeplan.prepare.existing.schema import Station, station_table
from chargeplan.prepare.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd

    from chargeplan.prepare.datum import Datum

SOURCE = "osm"
_SOCKETS = {
    "type1": "type1",
    "type1_cable": "type1",
    "type1_combo": "ccs1",
    "type2": "type2",
    "type2_cable": "type2",
    "type2_combo": "ccs2",
    "type3": "type3",
    "type3a": "type3",
    "type3c": "type3",
    "chademo": "chademo",
    "chaoji": "chaoji",
    "gb_ac": "gbt_ac",
    "gb_dc": "gbt_dc",
    "gbt_ac": "gbt_ac",
    "gbt_dc": "gbt_dc",
    "mcs": "mcs",
    "nacs": "nacs",
    "tesla_supercharger": "tesla",
    "tesla_supercharger_ccs": "ccs2",
    "tesla_destination": "tesla",
    "tesla_standard": "tesla",
    "tesla_roadster": "tesla",
    "cee_blue": "cee",
    "cee_red_16a": "cee",
    "cee_red_32a": "cee",
    "cee_red_63a": "cee",
    "cee_red_125a": "cee",
    "schuko": "domestic",
    "typee": "domestic",
    "type_e": "domestic",
    "bs1363": "domestic",
    "as3112": "domestic",
    "sev1011_t13": "domestic",
    "sev1011_t15": "domestic",
    "sev1011_t23": "domestic",
    "sev1011_t25": "domestic",
    "nema_5_15": "domestic",
    "nema_5_20": "domestic",
    "nema_14_30": "domestic",
    "nema_14_50": "domestic",
}
_ACCESS = (
    dict.fromkeys(("yes", "public", "permissive", "designated"), "public")
    | dict.fromkeys(("customers",), "customers")
    | dict.fromkeys(("permit", "members", "residents", "employees", "delivery", "destination"), "restricted")
    | dict.fromkeys(("private", "no"), "private")
)
_CAR = ("motorcar", "motor_vehicle", "vehicle")  # the most particular says whether a car may charge
_ANY_VEHICLE = {"cee", "domestic", "other", "unknown"}  # connectors that charge bicycles, too
_CLOSED = ("disused", "abandoned", "demolished", "removed")
_ALWAYS = re.compile(r"24/7|mo-su 00:00-(24:00|00:00)|00:00-24:00", re.ASCII)
_COUNT = re.compile(r"\d{1,4}", re.ASCII)
_POWER = re.compile(r"(\d+(?:[.,]\d+)?)\s*(kw|kva|w|mw)?", re.ASCII)
_UNITS = {"w": 0.001, "kw": 1.0, "kva": 1.0, "mw": 1000.0}
_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')


def stations_of_openstreetmap(
    features: gpd.GeoDataFrame, *, file: str = "OpenStreetMap", datum: Datum = "wgs84"
) -> gpd.GeoDataFrame:
    """Make stations of OpenStreetMap features.

    Parameters
    ----------
    features
        Points or polygons tagged `amenity=charging_station`, in any CRS. Tags stand in columns of their own
        keys, in a column `tags` of dicts, or in GDAL's `other_tags`; ids in `id`, or in `osm_type` and
        `osm_id`.
    file
        What messages call the file.
    datum
        OpenStreetMap's own is WGS-84.

    Returns
    -------
    GeoDataFrame
        With the columns of `schema`; empty where there is no feature. Stations that no car may use are left
        out, and counted in the remarks.

    Raises
    ------
    InputError
        A feature has no usable position, or an id is given twice.
    """
    unread = _Unread()
    kept = {row: tags for row, tags in enumerate(_tags(features), 1) if _is_for_cars(tags)}
    stations = [_station(row, tags, unread) for row, tags in kept.items()]
    others = len(features) - len(kept)
    left_out = [f"charging stations left out, as no car may use them: {others:,}"] if others else []
    return station_table(
        stations,
        features.geometry.to_numpy()[[row - 1 for row in kept]],
        Faults(file, SOURCE),
        rows=list(kept),
        crs=features.crs,
        datum=datum,
        remarks=[*left_out, *unread.remarks()],
    )


@dataclass
class _Unread:
    """Tags that could not be read, by what was looked for."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, key: str, value: str) -> None:
        self.found.setdefault(what, []).append(f"{key}={value}")

    def remarks(self) -> list[str]:
        return [
            f"{what} that cannot be read and count as not stated: {len(tags):,}, such as {tags[0]}"
            for what, tags in sorted(self.found.items())
        ]


def _tags(features: gpd.GeoDataFrame) -> Iterator[dict[str, str]]:
    table = features.drop(columns=features.geometry.name)
    for values in table.to_dict("records"):
        inner = values.pop("tags", None)
        hstore = values.pop("other_tags", None)
        tags = {str(key): value for key, value in values.items()}
        tags |= inner if isinstance(inner, dict) else {}
        tags |= _from_hstore(hstore) if isinstance(hstore, str) else {}
        yield {key: text for key, value in tags.items() if (text := _text(value)) is not None}


def _from_hstore(text: str) -> dict[str, str]:
    plain = re.compile(r"\\(.)")
    return {plain.sub(r"\1", key): plain.sub(r"\1", value) for key, value in _HSTORE.findall(text)}


def _text(value: Any) -> str | None:
    if value is None or value != value or type(value).__name__ == "NAType":  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _is_for_cars(tags: Mapping[str, str]) -> bool:
    """Say whether cars may charge: not where they are forbidden, nor where tags name bicycles alone."""
    said = next((tags[mode] for mode in _CAR if mode in tags), None)
    if said is not None:
        return said != "no"
    sockets = {_connector(key) for key, value in _sockets(tags)}
    return tags.get("bicycle") not in {"yes", "designated"} or bool(sockets - _ANY_VEHICLE)


def _station(row: int, tags: Mapping[str, str], unread: _Unread) -> Station:
    hours = tags.get("opening_hours")
    ports = tags.get("capacity")
    if ports is not None and not _COUNT.fullmatch(ports):
        unread.note("numbers of places", "capacity", ports)
        ports = None
    return Station(
        id=f"{SOURCE}-{_id(row, tags)}",
        source=SOURCE,
        name=tags.get("name"),
        operator=tags.get("operator") or tags.get("network") or tags.get("brand"),
        access=_access(tags, unread),
        hours=hours,
        always_open=None if hours is None else _ALWAYS.fullmatch(hours.lower()) is not None,
        state="closed" if any(tags.get(word) == "yes" for word in _CLOSED) else "open",
        ports=None if ports is None else int(ports),
        plugs=gathered(_plugs(tags, unread)),
    )


def _id(row: int, tags: Mapping[str, str]) -> str:
    if "id" in tags:
        return tags["id"]
    if "osm_id" in tags:
        return f"{tags['osm_type']}/{tags['osm_id']}" if "osm_type" in tags else tags["osm_id"]
    return str(row)


def _access(tags: Mapping[str, str], unread: _Unread) -> str | None:
    word = tags.get("access")
    if word is not None and word.lower() not in _ACCESS:
        unread.note("rights of access", "access", word)
    return None if word is None else _ACCESS.get(word.lower())


def _sockets(tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Find the sockets that there are: keys such as `socket:type2`, and how many."""
    for key, value in tags.items():
        first, _, kind = key.partition(":")
        if first == "socket" and kind and ":" not in kind and value.lower() not in {"no", "0"}:
            yield key, value


def _connector(key: str) -> str:
    kind = key.partition(":")[2]
    return "unknown" if kind == "unknown" else _SOCKETS.get(kind, "other")


def _plugs(tags: Mapping[str, str], unread: _Unread) -> Iterator[Plug]:
    for key, value in _sockets(tags):
        if value.lower() != "yes" and not _COUNT.fullmatch(value):
            unread.note("numbers of sockets", key, value)
        count = int(value) if _COUNT.fullmatch(value) else None
        yield Plug(_connector(key), _power(f"{key}:output", tags, unread), count)


def _power(key: str, tags: Mapping[str, str], unread: _Unread) -> float | None:
    """Read kW; of several the least, since that is what every such socket gives."""
    given = tags.get(key)
    if given is None:
        return None
    found = [_POWER.fullmatch(part.strip().lower()) for part in given.split(";")]
    if any(match is None for match in found):
        unread.note("powers of sockets", key, given)
    powers = [_kilowatts(match[1], match[2]) for match in found if match is not None]
    return min((power for power in powers if power > 0), default=None)


def _kilowatts(number: str, unit: str | None) -> float:
    value = float(number.replace(",", "."))
    if unit is None:
        unit = "kw" if value <= MOST_KW else "w"
    return round(value * _UNITS[unit], 6)
