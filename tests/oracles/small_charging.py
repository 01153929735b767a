"""Stations and chargers by enumeration: every set of sites, every number of chargers.

Nothing of chargeplan's planning is used: distances are pyproj's, waiting is Erlang's formula of the books.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Geod
from scipy.optimize import linprog

import chargeplan as cp

GEOD = Geod(ellps="WGS84")
ORIGIN = (113.0, 28.0)
_PULP = Path(__file__).with_name("plain_charging.py")


@dataclass(frozen=True)
class Town:
    """A town whose stations and chargers are asked for.

    Parameters
    ----------
    points, sites, substations
        (N, 2), (M, 2) and (S, 2) metres east and north of a place.
    weight, cost, room, district, status
        Of the demand points, and of the sites.
    standing
        (M, K) chargers that stand.
    types
        ``[[chargers]]``, those at homes last.
    spare
        (S,) kW.
    standard, rules, sizing, grid
        Tables of a scenario file.
    prices
        `keep` and `close` of existing stations, which then may close.
    """

    points: np.ndarray
    weight: np.ndarray
    sites: np.ndarray
    cost: np.ndarray
    room: np.ndarray
    district: list[str]
    status: list[str]
    standing: np.ndarray
    types: list[dict[str, Any]]
    substations: np.ndarray
    spare: np.ndarray
    standard: dict[str, Any]
    rules: list[dict[str, Any]] = field(default_factory=list)
    sizing: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)
    prices: dict[str, np.ndarray] = field(default_factory=dict)

    def problem(self, folder: Path, **sizing: Any) -> cp.Problem:
        """The problem, with other keys of ``[sizing]``; the substations are put into the folder."""
        at_stations = [each for each in self.types if each.get("at") != "homes"]
        columns = {f"chargers_{each['type']}": self.standing[:, k] for k, each in enumerate(at_stations)}
        room = np.where(np.isfinite(self.room), self.room, np.nan)
        sites = _layer(
            self.sites, "s", cost=self.cost, room=room, district=self.district, status=self.status,
            **columns, **self.prices,
        )  # fmt: skip
        tables = {"mix": self.rules} if self.rules else {}
        if self.grid:
            file = folder / "substations.geojson"
            _layer(self.substations, "u", spare_kw=self.spare).to_file(file)
            tables["grid"] = {"file": str(file), **self.grid}
        return cp.Problem(
            demand=_layer(self.points, "d", weight=self.weight), sites=sites, standards=[self.standard],
            objective={"minimise": "cost"}, chargers=self.types, sizing={**self.sizing, **sizing}, **tables,
        )  # fmt: skip

    def question(self) -> dict[str, Any]:
        """The same in plain numbers, for whoever solves it."""
        away = _metres(self.points, self.sites)
        stations = [each for each in self.types if each.get("at") != "homes"]
        homes = [each for each in self.types if each.get("at") == "homes"]
        per_kw, lines = self.grid.get("cost_per_kw", 0.0), np.zeros(len(self.sites))
        of_site: list[int] = []
        if self.grid:
            to = _metres(self.sites, self.substations)
            of_site = to.argmin(axis=1).tolist()
            lines = np.round(to.min(axis=1)) / 1000 * self.grid.get("cost_per_km", 0.0)
        stands = np.array(self.status) == "existing"
        free = stands & bool(self.prices)
        keep, close = (self.prices.get(key, np.zeros(len(stands))) for key in ("keep", "close"))
        radius = float(self.standard["radius"].split()[0])
        return {
            "metres": away.tolist(), "weight": self.weight.tolist(),
            "within": (away < radius if self.standard.get("strict") else away <= radius).tolist(),
            "share": self.standard.get("share", 1.0), "stations": self.standard.get("stations", 1),
            "open": np.where(stands, keep, self.cost + lines).tolist(),
            "closed": np.where(free, close, 0.0).tolist(),
            "given": (np.isin(self.status, ["existing", "required"]) & ~free).tolist(),
            "forbidden": (np.array(self.status) == "forbidden").tolist(),
            "room": [float(room) if math.isfinite(room) else 1e6 for room in self.room],
            "standing": self.standing.tolist(), "district": self.district,
            "price": [each.get("cost", 0.0) + per_kw * each["kw"] for each in stations],
            "home_price": [each.get("cost", 0.0) for each in homes],
            "kw": [each["kw"] for each in stations],
            "part": [each.get("load_share", 0.0) / each.get("mean_kw", each["kw"]) for each in stations],
            "stay": [float(each.get("stay", "1 min").split()[0]) for each in stations],
            "rules": [_rule(rule, stations, homes) for rule in self.rules],
            "of_site": of_site, "spare": self.spare.tolist(),
            "simultaneity": self.grid.get("simultaneity", 1.0),
            "kw_per_weight": self.sizing.get("kwh", 0.0) * self.sizing.get("peak_share", 0.1),
            "wait": float(self.sizing.get("wait", "0 min").split()[0]),
            "chance": self.sizing.get("chance", 0.1), "least": self.sizing.get("least", 1),
            "nearest": self.sizing.get("assignment", "nearest") == "nearest",
        }  # fmt: skip


def _rule(
    rule: dict[str, Any], stations: list[dict[str, Any]], homes: list[dict[str, Any]]
) -> dict[str, Any]:
    counted = [rule.get("type") in {None, each["type"]} for each in (*stations, *homes)]
    least, most = rule.get("at_least", 0), rule.get("at_most", 10**9)
    if "total" in rule:
        give = Fraction(str(rule.get("tolerance", 0)))
        least, most = math.ceil(rule["total"] * (1 - give)), math.floor(rule["total"] * (1 + give))
    return {
        "counted": counted, "least": least, "most": most, "share": rule.get("share", 0.0),
        "district": rule.get("district"), "new": rule.get("new", False),
    }  # fmt: skip


def _place(east: float, north: float) -> tuple[float, float]:
    x, y, _ = GEOD.fwd(*ORIGIN, 90.0, east)
    x, y, _ = GEOD.fwd(x, y, 0.0, north)
    return round(x, 7), round(y, 7)


def _layer(places: np.ndarray, letter: str, **columns: Any) -> gpd.GeoDataFrame:
    names = [f"{letter}{at}" for at in range(len(places))]
    points = shapely.points([_place(*place) for place in places.tolist()])
    return gpd.GeoDataFrame({"id": names, **columns}, geometry=points, crs=4326)


def _metres(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    a, b = (np.array([_place(*place) for place in places.tolist()]) for places in (start, end))
    pairs = np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))
    return GEOD.inv(*pairs[0].T, *pairs[1].T)[2].reshape(len(a), len(b))


def waits(load: float, chargers: int, stay: float, wait: float) -> float:
    """The chance of waiting longer, by Erlang C as it is written in textbooks."""
    if load == 0.0:
        return 0.0
    if chargers <= load:
        return 1.0
    terms = [load**k / math.factorial(k) for k in range(chargers)]
    last = load**chargers / math.factorial(chargers) * chargers / (chargers - load)
    return last / (sum(terms) + last) * math.exp(-(chargers - load) * wait / stay)


def needed(question: dict[str, Any], load_kw: np.ndarray) -> np.ndarray:
    """(M, K) the fewest chargers for (M,) loads."""
    result = np.zeros((len(load_kw), len(question["part"])), int)
    for j, kw in enumerate(load_kw):
        for k, part in enumerate(question["part"]):
            while (
                waits(kw * part, int(result[j, k]), question["stay"][k], question["wait"])
                > question["chance"]
            ):
                result[j, k] += 1
    return result


def nearest_load(question: dict[str, Any], opened: list[int]) -> np.ndarray:
    """(M,) kW where everybody charges at the nearest of some stations."""
    away = np.array(question["metres"])
    load = np.zeros(away.shape[1])
    if opened:
        np.add.at(load, np.array(opened)[away[:, opened].argmin(axis=1)], question["weight"])
    return load * question["kw_per_weight"]


@dataclass(frozen=True)
class Numbers:
    """The fewest chargers that are missed, and the least cost of missing no more."""

    missed: int
    cost: float


def best_numbers(
    question: dict[str, Any], opened: list[int], need: np.ndarray, most: int, homes: int = 0
) -> Numbers | None:
    """Try all numbers of new chargers up to so many of a type at a station, and at homes; None: none fit."""
    kinds, n_homes = len(question["price"]), len(question["home_price"])
    ranges = [range(most + 1)] * (kinds * len(opened)) + [range(homes + 1)] * n_homes
    table = np.array(list(itertools.product(*ranges)))
    new = table[:, : kinds * len(opened)].reshape(-1, len(opened), kinds)
    at_homes = table[:, kinds * len(opened) :]
    standing = np.array(question["standing"])[opened]
    fits, missed = _stations(question, opened, new, standing, need)
    for rule in question["rules"]:
        allowed, lacks = _ruled(question, rule, opened, new, at_homes)
        fits, missed = fits & allowed, missed + lacks
    fits &= _fed(question, opened, new)
    if not fits.any():
        return None
    cost = new.sum(axis=1) @ np.array(question["price"]) + at_homes @ np.array(question["home_price"])
    fewest = int(missed[fits].min())
    return Numbers(fewest, float(cost[fits & (missed == fewest)].min()))


def missed_by(
    question: dict[str, Any], opened: list[int], need: np.ndarray, new: np.ndarray, homes: np.ndarray
) -> int | None:
    """How many chargers some numbers miss; None where they do not fit or are not allowed."""
    table, at_homes = new[opened][None], homes[None].astype(float)
    fits, missed = _stations(question, opened, table, np.array(question["standing"])[opened], need)
    for rule in question["rules"]:
        allowed, lacks = _ruled(question, rule, opened, table, at_homes)
        fits, missed = fits & allowed, missed + lacks
    return int(missed[0]) if (fits & _fed(question, opened, table))[0] else None


def _fed(question: dict[str, Any], opened: list[int], new: np.ndarray) -> np.ndarray:
    """Which numbers draw no more than the substations have left."""
    fed = np.ones(len(new), bool)
    for substation, spare in enumerate(question["spare"] if question["of_site"] else []):
        mine = np.array([question["of_site"][j] == substation for j in opened], bool)
        drawn = (new[:, mine].sum(axis=1) * question["kw"]).sum(axis=1) * question["simultaneity"]
        fed &= drawn <= spare + 1e-9
    return fed


def floors(question: dict[str, Any], need: np.ndarray) -> np.ndarray:
    """(M, K) new chargers that loads need; in a room too small, one by one by what is still short."""
    standing = np.array(question["standing"])
    floor = np.maximum(need - standing, 0)
    for j, room in enumerate(question["room"]):
        left = max(math.floor(room) - int(standing[j].sum()), 0)
        if floor[j].sum() > left:
            given = [0] * floor.shape[1]
            for _ in range(left):
                asked = [
                    -floor[j, k] / (given[k] + 1) if given[k] < floor[j, k] else 1 for k in range(len(given))
                ]
                given[asked.index(min(asked))] += 1
            floor[j] = given
    return floor


def _stations(
    question: dict[str, Any], opened: list[int], new: np.ndarray, standing: np.ndarray, need: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which numbers fit the rooms, and what loads and stations miss."""
    left = np.maximum(np.floor([question["room"][j] for j in opened]) - standing.sum(axis=1), 0)
    floor = floors(question, need)[opened]
    least = np.minimum(np.maximum(question["least"] - standing.sum(axis=1), 0), left)
    fits = (new.sum(axis=2) <= left).all(axis=1)
    missed = np.maximum(floor - new, 0).sum(axis=(1, 2))
    return fits, missed + np.maximum(least - np.maximum(new, floor).sum(axis=2), 0).sum(axis=1).astype(int)


def _ruled(
    question: dict[str, Any], rule: dict[str, Any], opened: list[int], new: np.ndarray, homes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which numbers a rule allows, and what it misses."""
    kinds = new.shape[2]
    here = np.array([rule["district"] in {None, question["district"][j]} for j in opened], bool)
    counted = np.array(rule["counted"], float)
    standing = np.array(question["standing"])[opened][here] * (not rule["new"])
    of_new = new[:, here].sum(axis=1)
    built = of_new @ counted[:kinds] + (homes @ counted[kinds:] if rule["district"] is None else 0.0)
    there = float(standing.sum(axis=0) @ counted[:kinds])
    missed = np.maximum(rule["least"] - there - built, 0)
    whole = of_new.sum(axis=1) + standing.sum()
    of_type = of_new @ counted[:kinds] + there
    missed = missed + np.ceil(np.maximum(rule["share"] * whole - of_type, 0) - 1e-9)
    return built <= max(rule["most"] - there, 0), missed.astype(int)


def station_sets(question: dict[str, Any]) -> list[list[int]]:
    """Every set of stations that keeps the standard."""
    sites = range(len(question["open"]))
    sets = itertools.chain.from_iterable(
        itertools.combinations(sites, size) for size in range(len(sites) + 1)
    )
    return [list(chosen) for chosen in sets if _keeps(question, list(chosen))]


def _keeps(question: dict[str, Any], chosen: list[int]) -> bool:
    given = all(j in chosen for j in np.flatnonzero(question["given"]))
    if not given or any(question["forbidden"][j] for j in chosen):
        return False
    covered = np.array(question["within"])[:, chosen].sum(axis=1) >= question["stations"]
    weight = np.array(question["weight"])
    return bool(covered.all() or weight[covered].sum() >= question["share"] * weight.sum() > 0)


def station_cost(question: dict[str, Any], chosen: list[int]) -> float:
    """What stations cost, those that are closed included."""
    mask = np.isin(np.arange(len(question["open"])), chosen)
    return float(np.where(mask, question["open"], question["closed"]).sum())


def best_plan(question: dict[str, Any], most: int, homes: int = 0) -> Numbers | None:
    """The fewest chargers missed by any stations and chargers, and the least cost; all charge nearest."""
    found = []
    for chosen in station_sets(question):
        need = needed(question, nearest_load(question, chosen))
        best = best_numbers(question, chosen, need, most, homes)
        if best is not None:
            missed = best.missed + _hopeless(question, chosen, need)
            found.append((missed, best.cost + station_cost(question, chosen)))
    return Numbers(*min(found)) if found else None


def _hopeless(question: dict[str, Any], chosen: list[int], need: np.ndarray) -> int:
    """What no number of new chargers mends: too little room, and more standing than a rule allows."""
    standing = np.array(question["standing"])
    missed = 0
    for j in chosen:
        left = max(math.floor(question["room"][j]) - int(standing[j].sum()), 0)
        fits = max(left, int(np.maximum(need[j] - standing[j], 0).sum()))
        missed += max(question["least"] - int(standing[j].sum()) - fits, 0)
        missed += int(np.maximum(need[j] - standing[j] - floors(question, need)[j], 0).sum())
    for rule in question["rules"]:
        here = [j for j in chosen if rule["district"] in {None, question["district"][j]}]
        there = standing[here].sum(axis=0) @ np.array(rule["counted"][: standing.shape[1]]) if here else 0
        missed += max(int(there) - rule["most"], 0) * (not rule["new"])
    return missed


def best_shared_plan(question: dict[str, Any], most: int) -> float:
    """The least cost of stations and chargers with demand shared among all within the radius; inf for none.

    Every number of chargers is tried, the cheapest first, and a linear program says whether they are enough.
    """
    best = math.inf
    for chosen in station_sets(question):
        kinds = len(question["price"])
        table = np.array(list(itertools.product(range(most + 1), repeat=kinds * len(chosen))))
        new = table.reshape(-1, len(chosen), kinds)
        nothing = np.zeros((len(question["open"]), kinds), int)
        fits, missed = _stations(question, chosen, new, np.array(question["standing"])[chosen], nothing)
        fits &= missed == 0
        for rule in question["rules"]:
            allowed, lacks = _ruled(question, rule, chosen, new, np.zeros((len(new), 0)))
            fits &= allowed & (lacks == 0)
        fits &= _fed(question, chosen, new)
        cost = new.sum(axis=1) @ np.array(question["price"]) + station_cost(question, chosen)
        for at in np.argsort(cost, kind="stable"):
            if cost[at] >= best:
                break
            if fits[at] and _can_be_shared(question, chosen, new[at]):
                best = float(cost[at])
    return best


def most_load(question: dict[str, Any], kind: int, chargers: int) -> float:
    """The greatest Erlang that so many chargers of a type carry as promised."""
    low, high = 0.0, float(chargers)
    for _ in range(60):
        middle = (low + high) / 2
        kept = waits(middle, chargers, question["stay"][kind], question["wait"]) <= question["chance"]
        low, high = (middle, high) if kept else (low, middle)
    return low


def _can_be_shared(question: dict[str, Any], chosen: list[int], new: np.ndarray) -> bool:
    total = new + np.array(question["standing"])[chosen]
    held = [_held(question, row) for row in total.tolist()]
    kw = np.array(question["weight"]) * question["kw_per_weight"]
    within = np.array(question["within"])[:, chosen]
    points, sites = within.shape
    loads = np.kron(kw, np.eye(sites)).reshape(sites, points * sites)
    limits = [(0, 1 if ok else 0) for ok in within.ravel()]
    whole = np.kron(np.eye(points), np.ones(sites))
    found = linprog(
        np.zeros(points * sites), loads, np.minimum(held, 1e9), whole, np.ones(points), limits, method="highs"
    )
    return bool(found.status == 0)


def _held(question: dict[str, Any], chargers: list[int]) -> float:
    """The kW that the chargers of a station carry."""
    parts = enumerate(zip(chargers, question["part"], strict=True))
    return min((most_load(question, k, n) / part for k, (n, part) in parts if part), default=math.inf)


def random_town(seed: int, sites: int = 4, points: int = 7, kinds: int = 2) -> Town:
    """Draw a town: rooms, mixes, grids and standing chargers that bind or do not."""
    rng = np.random.default_rng(seed)
    side = 2500.0 * math.sqrt(sites / 4)
    standing = np.zeros((sites, kinds), int)
    status = ["candidate"] * sites
    if seed % 2:
        status[0] = "existing"
        standing[0] = rng.integers(0, 3, kinds)
    if seed % 5 == 4:
        status[-1] = "forbidden"
    types: list[dict[str, Any]] = [
        {
            "type": name,
            "kw": kw,
            "cost": float(rng.integers(0, 9)),
            "stay": f"{stay} min",
            "load_share": share,
        }
        for name, kw, stay, share in [("slow", 7.0, 240, 0.5), ("fast", 60.0, 40, 0.5)][-kinds:]
    ]
    if kinds == 1:
        types[0]["load_share"] = 1.0
    return Town(
        points=rng.uniform(0, side, (points, 2)), weight=rng.integers(0, 9, points).astype(float),
        sites=rng.uniform(0, side, (sites, 2)), cost=rng.integers(1, 15, sites).astype(float),
        room=np.where(rng.random(sites) < 0.3, np.inf, rng.integers(1, 7, sites).astype(float)),
        district=[("west", "east")[j % 2] for j in range(sites)], status=status, standing=standing,
        types=types, substations=rng.uniform(0, side, (2, 2)),
        spare=rng.integers(1, 6, 2) * (30.0 if seed % 3 else 300.0),
        standard={"name": "near", "radius": "2000 m", "strict": True, "share": 1.0 if seed % 4 else 0.8},
        rules=_random_rules(rng, kinds),
        sizing={"least": int(rng.integers(0, 3)), "standard": "near"},
        grid={"simultaneity": 0.8, "cost_per_km": 1.5, "cost_per_kw": 0.1} if seed % 3 == 0 else {},
    )  # fmt: skip


def _random_rules(rng: np.random.Generator, kinds: int) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        {"type": "fast", "at_least": int(rng.integers(1, 4))},
        {"type": "fast", "at_least": int(rng.integers(1, 4)), "new": True},
        {"type": "fast", "share": 0.7},
        {"total": int(rng.integers(2, 6)), "tolerance": 0.2},
        {"at_most": int(rng.integers(1, 5)), "district": "west"},
        {"type": "fast", "at_least": 2, "district": "east"},
    ]
    if kinds == 2:
        rules.append({"type": "slow", "share": 0.6, "district": "west"})
    return [rules[at] for at in rng.permutation(len(rules))[: int(rng.integers(0, 3))]]


def asked_pulp(question: dict[str, Any], **given: Any) -> dict[str, Any]:
    """What plain PuLP answers, in a process of its own."""
    command, asked = [sys.executable, str(_PULP)], json.dumps({**question, **given})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
