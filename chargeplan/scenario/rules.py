"""Rules between the tables of a scenario file.

They look at the raw tables, so that they are checked even where a table has faults of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from chargeplan.scenario.charger_rules import charger_faults
from chargeplan.scenario.tables import PLACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def crossed(tables: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong between tables: nothing to do, names given twice, names of nothing, no aim."""
    yield from _nothing(tables)
    yield from _repetitions(tables)
    yield from _references(tables)
    yield from _people(tables)
    yield from _roads(tables)
    yield from _aims(tables)
    yield from charger_faults(tables)


def _items(tables: Mapping[str, Any], table: str) -> list[dict[str, Any]]:
    items = tables.get(table)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list | tuple) else []


def _names(tables: Mapping[str, Any], table: str, key: str = "name") -> list[str]:
    return [item[key] for item in _items(tables, table) if isinstance(item.get(key), str)]


def _standards(tables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, item in enumerate(_items(tables, "standards"), 1):
        yield f"[[standards]] {number} ({item.get('name', '')})", item


def _nothing(tables: Mapping[str, Any]) -> Iterator[str]:
    if not any(tables.get(table) for table in ("sites", "candidates", "existing")):
        yield "[[sites]]: there are no candidate sites"
    if not tables.get("standards"):
        yield "[[standards]]: there are no service standards"


def _repetitions(tables: Mapping[str, Any]) -> Iterator[str]:
    keys = {"chargers": "type"}
    for table in ("demand", "sites", "corridors", "areas", "standards", "chargers", "periods"):
        names = _names(tables, table, keys.get(table, "name"))
        for name, count in Counter([*names, *_also(tables, table)]).items():
            if count > 1:
                yield f"[[{table}]]: {count} are called {name!r}"


def _also(tables: Mapping[str, Any], table: str) -> list[str]:
    """List the names that share those of a table: demand is made of people too, sites of several tables."""
    if table == "sites":
        return _names(tables, "candidates") + _names(tables, "existing")
    people = tables.get("people") if table == "demand" else None
    name = people.get("name") if isinstance(people, dict) else None
    return [name] if isinstance(name, str) else []


def _references(tables: Mapping[str, Any]) -> Iterator[str]:
    for key, table in (("demand", "demand"), ("corridor", "corridors"), ("area", "areas")):
        known = [*_names(tables, table), *_also(tables, table)]
        for place, item in _standards(tables):
            if isinstance(item.get(key), str) and item[key] not in known:
                yield f"{place}, {key}: there is no [[{table}]] called {item[key]!r}"


def _people(tables: Mapping[str, Any]) -> Iterator[str]:
    people = tables.get("people")
    if "ev" in tables and "people" not in tables:
        yield "[ev]: needs [people], whose electric cars it is about"
    area = people.get("area") if isinstance(people, dict) else None
    if isinstance(area, str) and area not in _names(tables, "areas"):
        yield f"[people], area: there is no [[areas]] called {area!r}"


def _roads(tables: Mapping[str, Any]) -> Iterator[str]:
    for place, item in _standards(tables):
        if "demand" in item and item.get("metric") == "road" and "network" not in tables:
            yield f'{place}, metric: "road" needs a [network]'
    network = tables.get("network")
    if isinstance(network, dict) and network.get("unit") == "seconds":
        yield '[network], unit: "seconds" is not in this release'


def _aims(tables: Mapping[str, Any]) -> Iterator[str]:
    """Check that the objective has what it is about, and that it can keep what is required beside it."""
    objective = tables.get("objective")
    asked = objective if isinstance(objective, dict) else {}
    required = [item.get("required", True) is True for item in _items(tables, "standards")]
    if asked.get("maximise") in ("separation", "stations"):
        yield from _beside_separation(tables, asked["maximise"])
    elif "maximise" in asked and required and all(required):
        yield "[objective], maximise: no standard is an aim (required = false), so nothing is maximised"
    if asked.get("minimise") in PLACED:
        if required and all(required):
            yield "[objective], minimise: no standard is an aim (required = false), so nothing is measured"
        yield from _beside_distances(tables, asked["minimise"])
        if "weight_per_charger" in asked:
            yield from _with_room(tables)
    elif keys := [key for key in ("weight_per_charger", "cost_per_km") if key in asked]:
        yield from _allocated(tables, keys[0])


def _with_room(tables: Mapping[str, Any]) -> Iterator[str]:
    """Whom a station has room for is decided for the demand points of one aim, the one that is measured."""
    aims = [item for item in _items(tables, "standards") if item.get("required", True) is not True]
    if len(aims) > 1:
        yield f"[objective], weight_per_charger: exactly one aim takes room; there are {len(aims)}"
    for item in aims:
        if "demand" not in item:
            yield (
                f"[objective], weight_per_charger: the aim that takes room is one on a demand layer; "
                f"{item.get('name', '')!r} is not"
            )


def _allocated(tables: Mapping[str, Any], key: str) -> Iterator[str]:
    """Whom a station serves is decided for the demand points of one standard, each served whole and once."""
    about = [item for item in _items(tables, "standards") if "demand" in item]
    if len(about) != 1:
        yield f"[objective], {key}: exactly one standard on a demand layer is served; there are {len(about)}"
    for place, item in _standards(tables):
        for name, value in (("required", True), ("share", 1.0), ("stations", 1)):
            if item.get(name, value) != value:
                yield f"{place}, {name}: {key} is for required standards of share 1 and one station only"


def _beside_separation(tables: Mapping[str, Any], word: str) -> Iterator[str]:
    for place, item in _standards(tables):
        if item.get("required", True) is True:
            yield (
                f'{place}, required: maximise = "{word}" looks at the sites alone and keeps no required '
                "standard; required = false has it measured"
            )


def _beside_distances(tables: Mapping[str, Any], word: str) -> Iterator[str]:
    """Distances are those to the nearest station; what else is promised must be a rule for each pair."""
    for place, item in _standards(tables):
        if item.get("stations", 1) != 1:
            yield f'{place}, stations: minimise = "{word}" is about the nearest station, not about a backup'
        if item.get("required", True) is True and item.get("share", 1.0) != 1.0:
            yield f'{place}, share: minimise = "{word}" keeps required standards for all demand points only'
