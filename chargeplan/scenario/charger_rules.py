"""Rules between the tables of a scenario file that are about chargers, the grid and periods.

They look at the raw tables, as `chargeplan.scenario.rules` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Tables = Sequence[Mapping[str, Any]]

_SUM = 1e-9  # by which shares may miss 1, for numbers such as 0.1


def charger_faults(tables: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong between the tables about chargers."""
    types = _tables(tables, "chargers")
    sizing, grid = tables.get("sizing"), tables.get("grid")
    for name in ("sizing", "grid"):
        if tables.get(name) is not None and not tables.get("chargers"):
            yield f"[{name}]: there are no [[chargers]]"
    yield from _mix(types, _tables(tables, "mix"))
    yield from _shares(_tables(tables, "mix"))
    if grid is None:
        yield from _no_grid(_tables(tables, "sites"))
    if isinstance(sizing, dict):
        yield from _sizing(tables, sizing, types)
    if not isinstance(sizing, dict) or "kwh" not in sizing:
        yield from _no_load(types)
    yield from _periods(tables)
    yield from _phasing(tables)


def _tables(tables: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = tables.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list | tuple) else []


def _part(value: object) -> bool:
    """Whether it is a number from 0 to 1; what else stands there is said by its own table."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _at_homes(item: Mapping[str, Any]) -> bool:
    return bool(item.get("at") == "homes")


def _mix(types: Tables, rules: Tables) -> Iterator[str]:
    known = {str(item.get("type")): item for item in types}
    for number, rule in enumerate(rules, 1):
        asked = rule.get("type")
        if asked is None and not types:
            yield f"[[mix]] {number}: there are no [[chargers]]"
        if not isinstance(asked, str):
            continue
        if asked not in known:
            yield f"[[mix]] {number}, type: there are no [[chargers]] of type {asked!r}"
        elif _at_homes(known[asked]):
            homes = f"{asked!r} is at homes"
            if "share" in rule:
                yield f"[[mix]] {number}, share: {homes}; shares are those of the chargers at stations"
            if "district" in rule:
                yield f"[[mix]] {number}, district: {homes}; homes are given to districts by their demand"


def _shares(rules: Tables) -> Iterator[str]:
    """Check that least shares of one whole, all or the new chargers of a district, fit into it."""
    parts: dict[tuple[str, bool], dict[str, float]] = {}
    for rule in rules:
        if isinstance(rule.get("type"), str) and _part(rule.get("share")):
            whole = parts.setdefault((str(rule.get("district", "")), rule.get("new") is True), {})
            whole[rule["type"]] = max(rule["share"], whole.get(rule["type"], 0.0))
    for (district, new), shares in parts.items():
        if sum(shares.values()) > 1.0 + _SUM:
            which = f"{'new ' if new else ''}{', '.join(shares)}{f' in {district}' if district else ''}"
            yield f"[[mix]], share: those of {which} add up to {sum(shares.values()):g}, which is more than 1"


def _no_grid(sites: Tables) -> Iterator[str]:
    for number, layer in enumerate(sites, 1):
        if "substation" in layer:
            yield f"[[sites]] {number} ({layer.get('name', '')}), substation: there is no [grid]"


def _no_load(types: Tables) -> Iterator[str]:
    for number, item in enumerate(types, 1):
        if "load_share" in item:
            yield f"{_place(number, item)}, load_share: [sizing] states no kwh to be shared"


def _place(number: int, charger: Mapping[str, Any]) -> str:
    return f"[[chargers]] {number} ({charger.get('type', '')})"


def _sizing(tables: Mapping[str, Any], sizing: Mapping[str, Any], types: Tables) -> Iterator[str]:
    yield from _loading(sizing, _tables(tables, "standards"))
    yield from _joint(tables, sizing)
    if types and all(map(_at_homes, types)):
        yield "[sizing]: all [[chargers]] are at homes, so there is nothing to size"
    elif types and "kwh" in sizing:
        yield from _load_shares(sizing, types)


def _load_shares(sizing: Mapping[str, Any], types: Tables) -> Iterator[str]:
    stated = [(number, item) for number, item in enumerate(types, 1) if "load_share" in item]
    shares = [item["load_share"] for _, item in stated if not _at_homes(item)]
    if all(map(_part, shares)) and abs(sum(shares) - 1.0) > _SUM:
        yield f"[[chargers]], load_share: the parts at stations add up to {sum(shares):g}, not to 1"
    for number, item in stated:
        if "wait" in sizing and "stay" not in item and not _at_homes(item):
            yield f"{_place(number, item)}, stay: is missing; [sizing] wait needs it"


def _loading(sizing: Mapping[str, Any], standards: Tables) -> Iterator[str]:
    """Check whose demand points load the stations: those of the standard named, or else the only one."""
    names = [item.get("name") for item in standards if "demand" in item]
    named = sizing.get("standard")
    if isinstance(named, str):
        if named not in names:
            yield f"[sizing], standard: there is no standard on a demand layer called {named!r}"
        return
    for key in ("kwh", "vehicles"):
        if key in sizing and not names:
            yield f"[sizing], {key}: no standard is on a demand layer, so there is nobody who charges"
        elif key in sizing and len(names) > 1:
            yield f"[sizing], standard: {len(names)} are on demand layers; say whose demand points charge"
            return


def _joint(tables: Mapping[str, Any], sizing: Mapping[str, Any]) -> Iterator[str]:
    objective = tables.get("objective")
    if sizing.get("joint") is not True or not isinstance(objective, dict):
        return
    if objective.get("minimise") != "cost":
        yield '[sizing], joint: sites and chargers are decided together for minimise = "cost" only'
    for key in ("weight_per_charger", "cost_per_km"):
        if key in objective:
            yield f"[sizing], joint: decides who charges where; [objective] {key} does not go with it"
    if tables.get("periods"):
        yield "[sizing], joint: does not go with [[periods]]: chargers are sized after siting, year by year"


def _periods(tables: Mapping[str, Any]) -> Iterator[str]:
    periods = _tables(tables, "periods")
    objective = tables.get("objective")
    if periods and isinstance(objective, dict):
        yield from _phased_aims(objective)
    standards = {str(item.get("name")): item for item in _tables(tables, "standards")}
    for number, item in enumerate(periods, 1):
        asked = item.get("shares")
        for name, share in asked.items() if isinstance(asked, dict) else ():
            place = f"[[periods]] {number} ({item.get('name', '')}), shares"
            if name not in standards:
                yield f"{place}: there is no standard called {name!r}"
            else:
                yield from _share_by_then(place, standards[name], share, last=number == len(periods))


def _share_by_then(place: str, standard: Mapping[str, Any], share: object, *, last: bool) -> Iterator[str]:
    """Check what is asked of a required standard on the way to its own share, due in the last period."""
    name, due = standard.get("name"), standard.get("share", 1.0)
    if standard.get("required", True) is not True:
        yield f"{place}: {name!r} is an aim; shares are those of required standards"
    elif isinstance(share, int | float) and _part(share) and _part(due):
        if share > due:
            yield f"{place}: {share:g} of {name!r} is more than its own share, {due:g}"
        elif last and share < due:
            yield f"{place}: {share:g} of {name!r} is less than its own share, {due:g}, which is due by then"


def _phased_aims(objective: Mapping[str, Any]) -> Iterator[str]:
    if objective.get("minimise", "cost") != "cost" or objective.get("maximise", "weight") != "weight":
        yield '[[periods]]: periods are for minimise = "cost" and maximise = "weight"'
    for key in ("weight_per_charger", "cost_per_km"):
        if key in objective:
            yield f"[[periods]]: [objective] {key} does not go with periods"


def _phasing(tables: Mapping[str, Any]) -> Iterator[str]:
    phasing, periods = tables.get("phasing"), _tables(tables, "periods")
    if tables.get("phasing") is not None and not tables.get("periods"):
        yield "[phasing]: there are no [[periods]]"
    elif isinstance(phasing, dict) and phasing.get("carry_over") is True:
        without = [str(item.get("name", "")) for item in periods if "budget" not in item]
        if without:
            yield f"[phasing], carry_over: needs a budget in every period; without one: {', '.join(without)}"
