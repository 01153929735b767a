"""The same station from two sources: found by distance and name, counted always, merged on request.

Distances are geodesic. Names are compared by Ratcliff and Obershelp's gestalt matching (J. Ratcliff and D.
Metzener 1988), as the standard library's `difflib` has it: only pairs within the radius are compared, a few
per station, so a faster matcher would gain nothing. No source has a station twice: of those that may be the
same, each is given at most one of every other source: first the one of its own id, then the likest name, then
the nearest.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from chargeplan.errors import Fault, InputError
from chargeplan.kernels import coverage_distances
from chargeplan.prepare.features import positions
from chargeplan.units import format_count, format_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

# Words that say no more than that it is a charging station.
_GENERIC = re.compile(
    r"\b(ev|electric|vehicle|car|charging|charger|chargers|charge|recharge|station|stations|point|points|hub|"
    r"ladestation|ladesäule|ladepunkt|borne|bornes|de|la|the)\b|充电站|充电桩|充电|公共"
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class SameStation:
    """When two stations of different sources are one.

    Parameters
    ----------
    radius
        Metres between them, at most.
    likeness
        Of their names or operators, at least; 1 is equal.
    blind_radius
        Metres, at most, where there is nothing to compare, or where both have an operator and these differ:
        at car parks and service areas, stations of different operators stand side by side.

    Raises
    ------
    InputError
        A radius below 0, or a likeness not between 0 and 1.
    """

    radius: float = 100.0
    likeness: float = 0.6
    blind_radius: float = 25.0

    def __post_init__(self) -> None:
        radii = [("radius", self.radius), ("blind_radius", self.blind_radius)]
        faults = [
            Fault(f"{key} = {value} must be metres, 0 or more")
            for key, value in radii
            if not 0 <= value < np.inf
        ]
        if not 0 <= self.likeness <= 1:
            faults.append(Fault(f"likeness = {self.likeness} must lie between 0 and 1"))
        if faults:
            raise InputError(faults)


def join(
    tables: Sequence[gpd.GeoDataFrame], rule: SameStation | None = None, *, merged: bool = False
) -> gpd.GeoDataFrame:
    """Put the stations of several sources into one table.

    Parameters
    ----------
    tables
        With the columns of `schema`, the most trusted source first.
    rule
        When two stations are one.
    merged
        Whether those are made one. Stations of one id are, wherever they lie within the rule's radius; of two
        farther apart the later gets an id of its own.

    Returns
    -------
    GeoDataFrame
        ``attrs["remarks"]`` holds those of the tables, and how many stations are in several sources;
        ``attrs["doubts"]`` what is doubtful, and ``attrs["doubtful"]`` of which rows, from 0.

    Raises
    ------
    InputError
        No table, or, where nothing is merged, an id that two of them share.
    """
    if not tables:
        raise InputError("there is no table of stations to join")
    remarks = [remark for table in tables for remark in table.attrs.get("remarks", ())]
    plain = [_without_attrs(table) for table in tables if len(table)] or [_without_attrs(tables[0])]
    stations = gpd.GeoDataFrame(pd.concat(plain, ignore_index=True), crs=tables[0].crs)
    doubts = [doubt for table in tables for doubt in table.attrs.get("doubts", ())]
    twice = stations["id"][stations["id"].duplicated()].unique()
    if len(twice) and not merged:
        raise InputError([Fault(f"the id {name!r} is in several tables of stations") for name in twice])
    pairs = same_stations(stations, rule)
    both = len(np.unique(pairs[["first", "second"]].to_numpy()))
    result = merge(stations, pairs) if merged else stations
    fate = f"merged, {len(stations) - len(result):,} fewer" if merged else "kept as they are"
    if len(set(stations["source"])) > 1:
        said = f"in another source as well: {both:,} of {format_count(len(stations), 'station')}, {fate}"
        (remarks if merged or not both else doubts).append(said)
    renamed = _told_apart(result)
    if renamed:
        far = "ids that stations of two sources have, too far apart to be one"
        doubts.append(f"{far}: {len(renamed):,}, such as {next(iter(renamed.values()))}")
    says = "has the id of another station, too far apart to be one"
    doubtful = {at: f"{says}: {new}" for at, new in renamed.items()}
    if not merged:
        doubtful |= _twice(stations, pairs)
    result.attrs = {"remarks": tuple(remarks), "doubts": tuple(doubts), "doubtful": doubtful}
    return result


def _twice(stations: gpd.GeoDataFrame, pairs: pd.DataFrame) -> dict[int, str]:
    """Say of the later station of every pair which one it seems to be."""
    ids = stations["id"].tolist()
    found = zip(pairs["first"].tolist(), pairs["second"].tolist(), pairs["distance_m"].tolist(), strict=True)
    return {
        second: f"{ids[second]} seems to be {ids[first]}, {format_distance(metres)} away"
        for first, second, metres in found
    }


def _told_apart(stations: gpd.GeoDataFrame) -> dict[int, str]:
    """Give stations whose id an earlier one has, elsewhere, an id of their own, and say so by their rows."""
    ids = stations["id"].tolist()
    taken, renamed = set(ids), dict[int, str]()
    for at in np.flatnonzero(stations["id"].duplicated().to_numpy()).tolist():
        suffixed = (f"{ids[at]}-{number}" for number in count(2))
        own = next(name for name in suffixed if name not in taken)
        renamed[at] = f"{ids[at]} is now {own}"
        taken.add(own)
        ids[at] = own
    stations["id"] = ids
    return renamed


def _without_attrs(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    plain = table.copy()
    plain.attrs = {}
    return plain


def same_stations(stations: gpd.GeoDataFrame, rule: SameStation | None = None) -> pd.DataFrame:
    """Find the pairs of stations of different sources that are one.

    Parameters
    ----------
    stations
        With the columns of `schema`, of several sources; those of one id are alike whatever their names.
    rule
        When two stations are one.

    Returns
    -------
    DataFrame
        `first` and `second` (rows of the table, from 0, first < second), `distance_m`, `likeness` (NaN where
        there is nothing to compare), in the order of `first` and `second`.
    """
    rule = rule or SameStation()
    where = positions(stations)
    found = coverage_distances(where, where, max(rule.radius, rule.blind_radius)).tocoo()
    source = stations["source"].to_numpy(dtype=object)
    apart = (found.row < found.col) & (source[found.row] != source[found.col])
    first, second, metres = found.row[apart], found.col[apart], found.data[apart]
    names, operators = (list(map(_plain, stations[column])) for column in ("name", "operator"))
    ids = _all_ids(stations)
    known = np.array([not ids[one].isdisjoint(ids[other]) for one, other in zip(first, second, strict=True)])
    known = known.astype(bool)
    likeness, limit = np.full(len(first), np.nan), np.zeros(len(first))
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        who = _likeness(operators[one], operators[other], rule.likeness)
        texts = [(names[one], names[other]), (names[one], operators[other]), (operators[one], names[other])]
        likeness[pair] = best = np.fmax.reduce([who, *(_likeness(*text, rule.likeness) for text in texts)])
        blind = np.isnan(best) or who < rule.likeness
        limit[pair] = rule.blind_radius if blind else rule.radius
    likeness[known], limit[known] = 1.0, rule.radius
    same = (metres <= limit) & ~(likeness < rule.likeness)
    table = {"first": first, "second": second, "distance_m": metres, "likeness": likeness, "known": known}
    by_trust = pd.DataFrame(table)[same].sort_values(
        ["known", "likeness", "distance_m", "first", "second"], ascending=[False, False, *[True] * 3]
    )
    kept = _one_of_each(by_trust["first"].tolist(), by_trust["second"].tolist(), source)
    pairs = by_trust[kept].drop(columns="known")
    return pd.DataFrame(pairs.sort_values(["first", "second"], ignore_index=True))


def _all_ids(stations: gpd.GeoDataFrame) -> list[set[str]]:
    """List every station's id, and those of the stations that it was made of."""
    merged = stations.get("merged", pd.Series("", index=stations.index)).fillna("")
    return [
        {own, *filter(None, others.split("; "))} for own, others in zip(stations["id"], merged, strict=True)
    ]


def _one_of_each(
    first: list[int], second: list[int], source: npt.NDArray[np.object_]
) -> npt.NDArray[np.bool_]:
    """Accept pairs one after the other, unless they would put two stations of a source into one group."""
    group = {row: [row] for row in {*first, *second}}
    accepted = []
    for one, other in zip(first, second, strict=True):
        together = group[one] + group[other]
        accepted.append(len({source[row] for row in together}) == len(together))
        if accepted[-1]:
            group.update(dict.fromkeys(together, together))
    return np.array(accepted, dtype=bool)


def _plain(text: str | None) -> str:
    """Bring a name into the form that is compared: without case, generic words and the order of words."""
    if not isinstance(text, str):
        return ""
    folded = _GENERIC.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(sorted(_WORD.findall(folded)))


@lru_cache(maxsize=100_000)  # there are few operators, and names repeat
def _likeness(one: str, other: str, least: float) -> float:
    """Compare two plain names, 0 to 1; NaN where one says nothing.

    Where it is surely below `least`, a bound of it from above will do, which is found in less time.
    """
    if not one or not other:
        return np.nan
    first, second = sorted((one, other))  # the matcher's ratio depends on the order
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for bound in (matcher.real_quick_ratio(), matcher.quick_ratio()):
        if bound < least:
            return bound
    return matcher.ratio()


def merge(stations: gpd.GeoDataFrame, pairs: pd.DataFrame) -> gpd.GeoDataFrame:
    """Make one station of those that are the same.

    Parameters
    ----------
    stations
        With the columns of `schema`.
    pairs
        `first` and `second`, as `same_stations` finds them; stations joined by a chain of pairs become one.

    Returns
    -------
    GeoDataFrame
        The first of each group, what it does not say filled in from the next that does; `merged` holds the
        ids of the others and of those they were made of, in order, separated by ``"; "``.
    """
    size = len(stations)
    links = coo_array((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(size, size))
    group = connected_components(links, directed=False)[1]
    groups = pd.Series(np.arange(size)).groupby(group).agg(list).tolist()
    lead = np.sort(np.array([rows[0] for rows in groups], dtype=np.int64))
    result = stations.iloc[lead].reset_index(drop=True)
    others = {rows[0]: rows[1:] for rows in groups}
    ids = _all_ids(stations)
    own = result["id"].tolist()
    result["merged"] = [
        "; ".join(sorted(set().union(ids[row], *(ids[each] for each in others[row])) - {name}))
        for row, name in zip(lead.tolist(), own, strict=True)
    ]
    for column in ("name", "operator", "access", "hours", "always_open", "state", "ports", "plugs"):
        values = stations[column].to_numpy(dtype=object)
        result[column] = _filled(values, lead, others, stations[column].dtype)
    return result


def _filled(
    values: npt.NDArray[np.object_], lead: npt.NDArray[np.int64], others: dict[int, list[int]], dtype: Any
) -> pd.Series[Any]:
    """Take every group's first value that says something."""
    found = np.empty(len(lead), dtype=object)
    for at, row in enumerate(lead.tolist()):
        said = [values[each] for each in (row, *others[row]) if _says(values[each])]
        found[at] = said[0] if said else values[row]
    return pd.Series(found).astype(dtype)


def _says(value: object) -> bool:
    return value != () and not (value is None or value != value)  # noqa: PLR0124 - NaN
