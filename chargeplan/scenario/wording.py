"""What is wrong with a key of a scenario file, in words, and where a person finds it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from chargeplan.scenario import chargers, sources
from chargeplan.scenario import tables as models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

_MODELS: dict[str, type[models.Table]] = {
    "demand": models.DemandLayer,
    "sites": models.SiteLayer,
    "corridors": models.CorridorLayer,
    "areas": models.AreaLayer,
    "exclude": models.Exclusion,
    "existing": sources.ExistingLayer,
    "people": sources.PeopleLayer,
    "ev": sources.EvDemand,
    "candidates": sources.CandidateRule,
    "kinds": sources.KindOfSite,
    "network": models.RoadLayer,
    "standards": models.StandardSpec,
    "objective": models.Objective,
    "chargers": chargers.ChargerType,
    "mix": chargers.MixRule,
    "sizing": chargers.Sizing,
    "grid": chargers.GridLayer,
    "periods": chargers.Period,
    "phasing": chargers.Phasing,
    "solve": models.SolveOptions,
}


def say(error: ErrorDetails, tables: Mapping[str, Any], top: Iterable[str]) -> str:
    """Put one of pydantic's errors into words.

    Parameters
    ----------
    error
        As `ValidationError.errors` gives it.
    tables
        What was validated.
    top
        The keys that a scenario file may have at its top.
    """
    location = error["loc"]
    return f"{_place(location, tables)}: {_fault(error, _known(location, top))}"


def _fault(error: ErrorDetails, known: Iterable[str]) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "unknown key" + nearest(str(error["loc"][-1]), known)
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_pattern_mismatch":
            return f"{error['input']!r} may hold letters, digits, spaces and . + - _ only"
        case "model_type" | "model_attributes_type" | "tuple_type" | "dict_type" if len(error["loc"]) < 3:
            return "is not written as a table ([name] once, [[name]] where it repeats)"
        case _:
            given = "" if isinstance(error["input"], dict | list) else f", not {error['input']!r}"
            return error["msg"][0].lower() + error["msg"][1:] + given


def _place(location: Sequence[str | int], tables: Mapping[str, Any]) -> str:
    """Name a key as a person finds it in the file: ``[[standards]] 2 (urban), radius``."""
    table = str(location[0])
    keys = [str(part) for part in location[1:]]
    if table == "kinds" and keys:
        return ", ".join([f"[kinds.{keys[0]}]", *keys[1:]])
    if len(location) < 2 or isinstance(location[1], str):
        return ", ".join([f"[{table}]" if table in _MODELS else table, *keys])
    item = tables[table][location[1]]
    name = item.get("name", item.get("type")) if isinstance(item, dict) else None
    called = f" ({name})" if isinstance(name, str) else ""
    return ", ".join([f"[[{table}]] {location[1] + 1}{called}", *keys[1:]])


def _known(location: Sequence[str | int], top: Iterable[str]) -> Iterable[str]:
    """List the keys of the table that a location lies in."""
    if len(location) == 1:
        return top
    if location[0] == "ev" and len(location) > 2:
        return sources.SourcedFactor.model_fields
    return _MODELS[str(location[0])].model_fields


def nearest(word: str, words: Iterable[str]) -> str:
    """Suggest the known word that was meant, or else list all that are known."""
    known = list(words)
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
