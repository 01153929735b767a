"""Small cases of everything that a scenario can ask, and their optima by trying every set of sites.

What is measured here is measured by pyproj and networkx; nothing of chargeplan is used but its public door.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

import chargeplan as cp

GEOD = Geod(ellps="WGS84")
ORIGIN = (113.0, 28.0)
FACTOR = 1.15  # what a corridor's lines are lengthened by where the scenario does not say
BACKENDS = ("auto", "pulp:cbc")  # auto is OR-Tools, by CP-SAT or HiGHS as the numbers allow


def place(east: float, north: float = 0.0) -> tuple[float, float]:
    """Longitude and latitude, in 7 decimals, of a place so many metres east and north of the origin."""
    x, y, _ = GEOD.fwd(*ORIGIN, 90.0, east)
    x, y, _ = GEOD.fwd(x, y, 0.0, north)
    return round(x, 7), round(y, 7)


def layer(positions: Any, **columns: Any) -> gpd.GeoDataFrame:
    """A point layer."""
    return gpd.GeoDataFrame(columns, geometry=shapely.points(np.array(positions, float)), crs=4326)


@dataclass(frozen=True)
class Case:
    """A scenario given in Python.

    Parameters
    ----------
    demand, sites, corridors, exclude
        Layers.
    standards, objective
        As in a scenario file.
    distances
        The user's own metres by demand point and site, for the metric ``"matrix"``.
    """

    demand: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    standards: list[dict[str, Any]]
    objective: dict[str, Any]
    corridors: gpd.GeoDataFrame | None = None
    exclude: gpd.GeoDataFrame | None = None
    distances: dict[tuple[str, str], float] = field(default_factory=dict)

    def problem(self, folder: Path) -> cp.Problem:
        """The problem, built through the Python door; a table of distances is put into the folder."""
        standards = self.standards
        if self.distances:
            file = str(self._write_distances(folder))
            standards = [s | {"matrix": file} if s.get("metric") == "matrix" else s for s in standards]
        return cp.Problem(
            demand=self.demand,
            sites=self.sites,
            standards=standards,
            objective=self.objective,
            corridors=self.corridors,
            exclude=self.exclude,
        )

    def write(self, folder: Path, name: str = "small") -> Path:
        """The same as a scenario folder."""
        folder.mkdir(parents=True, exist_ok=True)
        tables: dict[str, Any] = {
            "demand": [{"name": "demand", "file": "demand.csv"}],
            "sites": [{"name": "sites", "file": "sites.csv"}],
        }
        _write_points(self.demand, folder / "demand.csv")
        _write_points(self.sites, folder / "sites.csv")
        for key, lines in (("corridors", self.corridors), ("exclude", self.exclude)):
            if lines is not None:
                (folder / f"{key}.geojson").write_text(lines.to_json(drop_id=True), encoding="utf-8")
                tables[key] = [{"file": f"{key}.geojson"} | ({"name": key} if key == "corridors" else {})]
        if self.distances:
            self._write_distances(folder)
        tables["standards"] = [
            ({} if "corridor" in s else {"demand": "demand"})
            | s
            | ({"matrix": "distances.csv"} if s.get("metric") == "matrix" else {})
            for s in self.standards
        ]
        lines = ["schema = 1", f'name = "{name}"', f"objective = {_inline(self.objective)}"]
        lines += [f"{key} = [{', '.join(map(_inline, rows))}]" for key, rows in tables.items()]
        (folder / "scenario.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def _write_distances(self, folder: Path) -> Path:
        rows = [f"{demand},{site},{metres}" for (demand, site), metres in self.distances.items()]
        file = folder / "distances.csv"
        file.write_text("\n".join(["demand,site,distance", *rows]) + "\n", encoding="utf-8")
        return file


def _write_points(frame: gpd.GeoDataFrame, file: Path) -> None:
    table = frame.drop(columns="geometry").assign(lon=frame.geometry.x, lat=frame.geometry.y)
    table.to_csv(file, index=False)


def _inline(table: dict[str, Any]) -> str:
    """A table of texts, numbers and truth values as TOML writes it in one line."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + " }"


@dataclass(frozen=True)
class Promise:
    """A standard with its points, and the metres from each of them to each site."""

    name: str
    weight: np.ndarray
    metres: np.ndarray
    within: np.ndarray
    stations: int
    share: Fraction
    required: bool

    def served(self, opened: np.ndarray) -> np.ndarray:
        """Points with enough open stations within the radius."""
        return self.within[:, opened].sum(axis=1) >= self.stations

    def weight_of(self, served: np.ndarray) -> Fraction:
        """Weight of some of the points."""
        return sum(map(Fraction, self.weight[served].tolist()), Fraction(0))

    def reached(self, served: np.ndarray, of: np.ndarray | None = None) -> bool:
        """Whether as much is served as is asked for; `of`, as far as these points can be served at all."""
        if self.share == 1:
            return bool(served.all() if of is None else served[of].all())
        target = self.share * self.weight_of(np.ones(served.size, bool))
        return self.weight_of(served) >= (target if of is None else min(target, self.weight_of(of)))

    def farthest(self, opened: np.ndarray) -> float | None:
        """Metres from the worst-served point to the last of the stations that it needs."""
        if opened.sum() < self.stations:
            return None
        worst = float(np.sort(self.metres[:, opened], axis=1)[:, self.stations - 1].max())
        return worst if math.isfinite(worst) else None


class Oracle:
    """A case measured afresh, and solved by trying every set of sites."""

    def __init__(self, case: Case) -> None:
        self.case = case
        sites = case.sites
        self.ids = sites["id"].to_numpy()
        self.cost = sites["cost"].to_numpy(float) if "cost" in sites else np.ones(len(sites))
        self.status = (
            sites["status"] if "status" in sites else sites["id"].map(lambda _: "candidate")
        ).to_numpy()
        if case.exclude is not None:
            inside = sites.geometry.intersects(case.exclude.union_all()).to_numpy()
            self.status = np.where(inside & (self.status == "candidate"), "forbidden", self.status)
        self.new = self.status != "existing"
        self.keep, self.close = _money(sites, "keep", 0.0), _money(sites, "close", math.inf)
        counted = case.objective.get("minimise") == "cost" or "budget" in case.objective
        self.stays = ~self.new & (np.isinf(self.close) | (not counted)) | (self.status == "required")
        self.promises = [_promise(case, standard) for standard in case.standards]

    def solve(self) -> tuple[float | None, set[frozenset[str]]]:
        """The best objective, None where nothing is allowed, and every set of sites that has it."""
        maximise = "maximise" in self.case.objective
        best: float | None = None
        sets: set[frozenset[str]] = set()
        for opened in self._choices():
            if not self._allows(opened, maximise=maximise):
                continue
            value = self.objective(opened)
            if best is None or (value > best if maximise else value < best):
                best, sets = value, set()
            if value == best:
                sets.add(frozenset(self.ids[opened]))
        return best, sets

    def least_limit(self) -> float | None:
        """The smallest number of stations or budget with which every required standard can be met."""
        met = [o for o in self._choices() if all(p.reached(p.served(o)) for p in self.promises if p.required)]
        return min(map(self._usage, met), default=None)

    def objective(self, opened: np.ndarray) -> float:
        """What the case counts."""
        asked = self.case.objective
        if "maximise" in asked:
            return float(sum(p.weight_of(p.served(opened)) for p in self.promises if not p.required))
        return self.spent(opened) if asked["minimise"] == "cost" else float((opened & self.new).sum())

    def spent(self, opened: np.ndarray) -> float:
        """What new stations cost, and keeping and closing those that stand."""
        kept, closed = self.keep[opened & ~self.new], self.close[~opened & ~self.new]
        return float(self.cost[opened & self.new].sum() + kept.sum() + closed.sum())

    def mask(self, stations: gpd.GeoDataFrame) -> np.ndarray:
        """The open sites of a plan's table, by its own words."""
        assert stations["id"].tolist() == self.ids.tolist()
        return stations["status"].isin(["selected", "existing"]).to_numpy()

    def permitted(self, promise: Promise) -> np.ndarray:
        """Points that enough permitted sites could serve."""
        return promise.served(self.status != "forbidden")

    def place(self) -> tuple[float | None, set[frozenset[str]]]:
        """The best that so many new stations can do by distances, and every set of sites that does it."""
        best: float | None = None
        sets: set[frozenset[str]] = set()
        for opened in self.so_many():
            value = self.measured(opened)
            if best is None or (value - best if "maximise" in self.case.objective else best - value) > 1e-6:
                best, sets = value, set()
            if abs(value - best) <= 1e-6:
                sets.add(frozenset(self.ids[opened]))
        return (None, set()) if best is None or math.isinf(best) else (best, sets)

    def so_many(self) -> Iterator[np.ndarray]:
        """Every set of sites with the number of new stations asked for that keeps what is required."""
        for opened in self._choices():
            if (opened & self.new).sum() == self.case.objective["stations"] and self._keeps(opened):
                yield opened

    def fit(self, separation: float) -> int:
        """The most new stations of which none is nearer to another than that; -1 where given sites are."""
        counts = [
            int((opened & self.new).sum())
            for opened in self._choices()
            if self._separation(opened) >= separation
        ]
        return max(counts, default=-1)

    def measured(self, opened: np.ndarray) -> float:
        """Metres: of the aims' demand points that any permitted site can serve, or of the sites."""
        if self.case.objective.get("maximise") == "separation":
            return self._separation(opened)
        near, weight = [np.empty(0)], [np.empty(0)]
        for promise in self.promises:
            way = np.isfinite(promise.metres[:, self.status != "forbidden"]).any(axis=1)
            if not promise.required:
                near.append(promise.metres[way][:, opened].min(axis=1, initial=math.inf))
                weight.append(promise.weight[way])
        distance, weights = np.concatenate(near), np.concatenate(weight)
        if self.case.objective["minimise"] == "farthest" or np.isinf(distance).any():
            return float(distance.max())
        return float(distance @ weights / weights.sum())

    def _separation(self, opened: np.ndarray) -> float:
        places = shapely.get_coordinates(self.case.sites.geometry)
        pairs = itertools.combinations(np.flatnonzero(opened), 2)
        counted = [(a, b) for a, b in pairs if self.new[a] or self.new[b]]
        return min((float(GEOD.inv(*places[a], *places[b])[2]) for a, b in counted), default=math.inf)

    def _keeps(self, opened: np.ndarray) -> bool:
        return all(promise.served(opened).all() for promise in self.promises if promise.required)

    def _usage(self, opened: np.ndarray) -> float:
        return float((opened & self.new).sum()) if "stations" in self.case.objective else self.spent(opened)

    def _choices(self) -> Iterator[np.ndarray]:
        for choice in itertools.product([False, True], repeat=self.ids.size):
            opened = np.array(choice)
            if opened[self.stays].all() and not opened[self.status == "forbidden"].any():
                yield opened

    def _allows(self, opened: np.ndarray, *, maximise: bool) -> bool:
        asked = self.case.objective
        if maximise and self._usage(opened) > asked.get("stations", asked.get("budget")):
            return False
        for promise in self.promises:
            if not promise.required and maximise:
                continue  # it is what is maximised
            of = None if promise.required else self.permitted(promise)
            if not promise.reached(promise.served(opened), of):
                return False
        return True


def _money(sites: gpd.GeoDataFrame, column: str, missing: float) -> np.ndarray:
    return sites[column].fillna(missing).to_numpy(float) if column in sites else np.full(len(sites), missing)


def _promise(case: Case, standard: dict[str, Any]) -> Promise:
    measure = _by_road if "corridor" in standard else _by_table if "metric" in standard else _straight
    weight, metres = measure(case)
    number, unit = standard["radius"].split()
    radius = float(number) * {"m": 1.0, "km": 1000.0}[unit]
    return Promise(
        name=standard["name"],
        weight=weight,
        metres=metres,
        within=metres < radius if standard.get("strict") else metres <= radius,
        stations=standard.get("stations", 1),
        share=Fraction(str(standard.get("share", 1))),
        required=standard.get("required", True),
    )


def _weight(case: Case) -> np.ndarray:
    return case.demand["weight"].to_numpy(float) if "weight" in case.demand else np.ones(len(case.demand))


def _straight(case: Case) -> tuple[np.ndarray, np.ndarray]:
    points, sites = (shapely.get_coordinates(f.geometry) for f in (case.demand, case.sites))
    start, end = np.repeat(points, len(sites), axis=0), np.tile(sites, (len(points), 1))
    return _weight(case), GEOD.inv(*start.T, *end.T)[2].reshape(len(points), len(sites))


def _by_table(case: Case) -> tuple[np.ndarray, np.ndarray]:
    pairs = itertools.product(case.demand["id"], case.sites["id"])
    metres = np.array([case.distances.get(pair, math.inf) for pair in pairs])
    return _weight(case), metres.reshape(len(case.demand), len(case.sites))


def _by_road(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Points every km at most along the pieces; sites enter at the nearest end of a piece."""
    graph = nx.Graph()
    weight: dict[Any, float] = defaultdict(float)
    ends = set()
    for number, line in enumerate(case.corridors.geometry):
        course = [(round(x, 7), round(y, 7)) for x, y in line.coords]
        length = FACTOR * sum(GEOD.inv(*a, *b)[2] for a, b in itertools.pairwise(course))
        steps = max(1, math.ceil(length / 1000.0 - 1e-9))
        names = [course[0], *((number, k) for k in range(1, steps)), course[-1]]
        ends |= {course[0], course[-1]}
        for a, b in itertools.pairwise(names):
            graph.add_edge(a, b, weight=length / steps)
            weight[a] += length / steps / 2000.0
            weight[b] += length / steps / 2000.0
    metres = np.full((len(graph), len(case.sites)), np.inf)
    rows = {node: row for row, node in enumerate(graph)}
    for column, site in enumerate(case.sites.geometry):
        leg, entry = min((GEOD.inv(site.x, site.y, *end)[2] * FACTOR, end) for end in ends)
        for node, along in nx.single_source_dijkstra_path_length(graph, entry, weight="weight").items():
            metres[rows[node], column] = leg + along
    return np.array([weight[node] for node in graph]), metres


def town(seed: int, points: int = 24, sites: int = 9, **columns: Any) -> dict[str, gpd.GeoDataFrame]:
    """Sites in a square of 4 km, and demand points that each have a site within 950 m."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 4000, (sites, 2))
    around = rng.uniform(0, 950, points), rng.uniform(0, 2 * np.pi, points)
    offset = around[0][:, None] * np.stack((np.cos(around[1]), np.sin(around[1])), axis=1)
    people = corners[rng.integers(0, sites, points)] + offset
    return {
        "demand": layer(
            [place(*p) for p in people],
            id=[f"d{k}" for k in range(points)],
            weight=rng.integers(0, 20, points).astype(float),
        ),
        "sites": layer(
            [place(*p) for p in corners],
            id=[f"s{k}" for k in range(sites)],
            cost=rng.integers(2, 14, sites) / 4,
            **columns,
        ),
    }


def roads() -> gpd.GeoDataFrame:
    """Three roads of about 70, 60 and 45 km that leave the town, two pieces each, one of them bent."""
    courses = [
        [(0, 0), (35_000, 0)],
        [(35_000, 0), (50_000, 8_000), (68_000, 8_000)],
        [(0, 0), (0, 30_000)],
        [(0, 30_000), (0, 60_000)],
        [(0, 0), (-20_000, -24_000)],
        [(-20_000, -24_000), (-30_000, -34_000)],
    ]
    lines = [shapely.LineString([place(*p) for p in course]) for course in courses]
    return gpd.GeoDataFrame({"ref": ["G1", "G1", "G2", "G2", "S3", "S3"]}, geometry=lines, crs=4326)


def with_roads(seed: int, **columns: Any) -> dict[str, gpd.GeoDataFrame]:
    """The town, its roads, and six sites near their nodes."""
    small = town(seed, points=12, sites=5)
    along = [
        (35_100, 50),
        (68_000, 8_200),
        (-90, 30_000),
        (0, 59_800),
        (-20_000, -24_200),
        (-30_100, -34_000),
    ]
    stops = layer(
        [place(*p) for p in along],
        id=[f"stop{k}" for k in range(6)],
        cost=[2.0, 1.5, 2.25, 3.0, 1.75, 1.0],
    )
    sites = gpd.GeoDataFrame(
        pd.concat([small["sites"], stops], ignore_index=True).assign(**columns), crs=4326
    )
    return {"demand": small["demand"], "sites": sites, "corridors": roads()}


URBAN = {"name": "urban", "radius": "1 km", "strict": True}
WIDE = {"name": "urban", "radius": "2 km"}
INTERCITY = {"name": "intercity", "corridor": "corridors", "radius": "38 km", "strict": True}
COST, COUNT = {"minimise": "cost"}, {"minimise": "stations"}


def _weight_most(**limit: float) -> dict[str, Any]:
    return {"maximise": "weight", **limit}


def _far_away(demand: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The layer with one more point, 40 km from the town."""
    far = layer([place(40_000, 3_000)], id=["far"], weight=[7.0])
    return gpd.GeoDataFrame(pd.concat([demand, far], ignore_index=True), crs=4326)


def _backed_up() -> Case:
    return Case(**town(4), standards=[WIDE | {"radius": "2600 m", "stations": 2}], objective=COST)


def _tight_share() -> Case:
    """Weights of which 55 % can be served exactly, which in floating point is less than 0.55 * 100."""
    parts = town(5, points=8)
    parts["demand"]["weight"] = [5.0, 10.0, 15.0, 20.0, 25.0, 7.0, 8.0, 10.0]
    return Case(**parts, standards=[URBAN | {"share": 0.55}], objective=COUNT)


def _states() -> Case:
    status = ["existing", "candidate", "required", "forbidden", *["candidate"] * 5]
    return Case(**town(6, status=status), standards=[WIDE], objective=COST)


def _excluded() -> Case:
    parts = town(7, status=["candidate", "existing", *["candidate"] * 7])
    centre = shapely.box(*place(0, 0), *place(2_000, 2_500))
    exclude = gpd.GeoDataFrame(geometry=[centre], crs=4326)
    return Case(**parts, exclude=exclude, standards=[WIDE | {"radius": "3 km"}], objective=COST)


def _aims() -> Case:
    """A required standard beside three aims, each of which one point is out of reach of."""
    parts = town(8)
    parts["demand"] = _far_away(parts["demand"])
    standards = [
        {"name": "most", "radius": "1 km", "share": 0.6},
        {"name": "near", "radius": "1 km", "strict": True, "required": False, "share": 0.9},
        {"name": "all", "radius": "1500 m", "required": False},
        {"name": "two", "radius": "2500 m", "required": False, "stations": 2},
    ]
    return Case(**parts, standards=standards, objective=COST)


def _two_aims() -> Case:
    standards = [
        {"name": "near", "radius": "700 m", "required": False},
        {"name": "two", "radius": "1600 m", "required": False, "stations": 2},
    ]
    return Case(**town(10), standards=standards, objective=_weight_most(budget=4.0))


def _share_beside_aim() -> Case:
    standards = [
        {"name": "most", "radius": "1 km", "share": 0.4},
        {"name": "near", "radius": "600 m", "required": False},
    ]
    status = ["existing", *["candidate"] * 8]
    return Case(**town(11, status=status), standards=standards, objective=_weight_most(stations=3))


def _closing(seed: int, objective: dict[str, Any]) -> Case:
    """Stations that stand: two cheap to close, one that stays, one cheaper kept, one at a tie."""
    blank = [math.nan] * 4
    parts = town(
        seed,
        status=["existing"] * 5 + ["candidate"] * 3 + ["required"],
        keep=[5.0, 2.0, 1.25, 0.5, 1.5, *blank],
        close=[1.0, 0.25, math.nan, 0.75, 1.5, *blank],
    )
    least = {"name": "most", "radius": "1 km", "share": 0.5}
    near = {"name": "near", "radius": "800 m", "required": False}
    standards = [URBAN] if "minimise" in objective else [least, near]
    return Case(**parts, standards=standards, objective=objective)


def _own_distances() -> Case:
    """Metres that follow no map: some unknown, one 0, some exactly the radius, which is not less than it."""
    parts = town(12, points=15, sites=8)
    rng = np.random.default_rng(12)
    pairs = itertools.product(parts["demand"]["id"], parts["sites"]["id"])
    metres = {pair: float(rng.choice([250, 499.999, 500, 900])) for pair in pairs if rng.random() < 0.6}
    metres |= {(point, "s7"): 100.0 for point in parts["demand"]["id"][:7]} | {("d0", "s0"): 0.0}
    metres |= {(point, "s6"): 450.0 for point in parts["demand"]["id"][7:]}
    parts["sites"]["cost"] = [1.0, 1.25, 1.5, 1.0, 1.25, 1.5, 3.0, 3.25]
    standard = {"name": "table", "radius": "500 m", "strict": True, "metric": "matrix"}
    return Case(**parts, standards=[standard], objective=COST, distances=metres)


CASES: dict[str, Callable[[], Case]] = {
    "cost": lambda: Case(**town(1), standards=[URBAN], objective=COST),
    "stations": lambda: Case(**town(2), standards=[URBAN], objective=COUNT),
    "share": lambda: Case(**town(3), standards=[URBAN | {"share": 0.8}], objective=COST),
    "tight share": _tight_share,
    "backup": _backed_up,
    "states": _states,
    "excluded": _excluded,
    "aims": _aims,
    "roads": lambda: Case(**with_roads(9), standards=[URBAN, INTERCITY], objective=COST),
    "roads, kept": lambda: Case(
        **with_roads(9, status=["candidate"] * 8 + ["existing", "candidate", "required"]),
        standards=[URBAN | {"share": 0.7}, INTERCITY | {"share": 0.9}],
        objective=COUNT,
    ),
    "roads, backup": lambda: Case(
        **with_roads(9), standards=[URBAN, INTERCITY | {"radius": "80 km", "stations": 2}], objective=COST
    ),
    "stations beside roads": lambda: Case(
        **with_roads(13),
        standards=[INTERCITY, URBAN | {"required": False}],
        objective=_weight_most(stations=6),
    ),
    "budget beside roads": lambda: Case(
        **with_roads(14, status=["candidate"] * 6 + ["existing"] + ["candidate"] * 4),
        standards=[INTERCITY, URBAN | {"required": False}],
        objective=_weight_most(budget=10.5),
    ),
    "road as an aim": lambda: Case(
        **with_roads(15), standards=[INTERCITY | {"required": False}], objective=_weight_most(stations=2)
    ),
    "two aims": _two_aims,
    "share beside an aim": _share_beside_aim,
    "own distances": _own_distances,
    "closing": lambda: _closing(18, COST),
    "closing within a budget": lambda: _closing(18, _weight_most(budget=11.0)),
    "closing counts for nothing": lambda: _closing(18, COUNT),
}


AIM = {"name": "near", "radius": "1 km", "required": False}


def _own_table(objective: dict[str, Any]) -> Case:
    """Distances of the user's own, whole numbers, some unknown; no site has one to the last demand point."""
    case = _own_distances()
    known = {pair: metres for pair, metres in case.distances.items() if pair[0] != "d14"}
    aim = AIM | {"metric": "matrix"}
    whole = {pair: float(round(metres)) for pair, metres in known.items()}
    return replace(case, standards=[aim], objective=objective, distances=whole)


def _kept_apart() -> Case:
    """Two existing stations near each other, which no new one may be near to; and a forbidden site."""
    status = ["existing", "existing", "forbidden", "required", *["candidate"] * 5]
    parts = town(21, status=status)
    places = shapely.get_coordinates(parts["sites"].geometry)
    places[1] = places[0] + 0.0005
    parts["sites"] = parts["sites"].set_geometry(shapely.points(places), crs=4326)
    return Case(**parts, standards=[AIM], objective={"maximise": "separation", "stations": 3})


def _placed_cases() -> dict[str, Callable[[], Case]]:
    """Cases of the two objectives of distances, by the word in their name, and of separation."""
    cases: dict[str, Callable[[], Case]] = {
        "separation": lambda: Case(
            **town(20), standards=[AIM], objective={"maximise": "separation", "stations": 4}
        ),
        "separation, kept": _kept_apart,
    }
    status = ["existing", "candidate", "required", "forbidden", *["candidate"] * 5]
    promise = {"name": "all", "radius": "1900 m", "strict": True}
    by_road = INTERCITY | {"required": False}
    for word in ("distance", "farthest"):
        few, some, many = ({"minimise": word, "stations": count} for count in (2, 3, 5))
        cases |= {
            word: lambda some=some: Case(**town(1), standards=[AIM], objective=some),
            f"{word}, kept": lambda few=few: Case(**town(6, status=status), standards=[AIM], objective=few),
            f"{word} beside a promise": lambda many=many: Case(
                **town(17), standards=[promise, AIM], objective=many
            ),
            f"{word} by table": lambda some=some: _own_table(some),
            f"{word} by road": lambda many=many: Case(
                **with_roads(9), standards=[by_road, AIM, WIDE | {"radius": "4 km"}], objective=many
            ),
        }
    return cases


PLACED = _placed_cases()


@pytest.fixture(scope="session", params=list(PLACED))
def placed(request: pytest.FixtureRequest) -> Case:
    """Every case whose objective is about distances."""
    return PLACED[request.param]()


@pytest.fixture(scope="session")
def placed_cases() -> dict[str, Callable[[], Case]]:
    """The cases of distances by name."""
    return PLACED


@pytest.fixture(scope="session", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Every case that has a plan."""
    return CASES[request.param]()


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """OR-Tools and PuLP."""
    return request.param


@pytest.fixture(scope="session")
def cases() -> dict[str, Callable[[], Case]]:
    """The cases by name."""
    return CASES


@pytest.fixture(scope="session")
def town_parts() -> Callable[..., dict[str, gpd.GeoDataFrame]]:
    """A random town: its demand and its sites."""
    return town


@pytest.fixture(scope="session")
def case_of() -> type[Case]:
    """What makes a case."""
    return Case


@pytest.fixture(scope="session")
def oracle() -> type[Oracle]:
    """What solves a case by enumeration."""
    return Oracle


@pytest.fixture
def out_of_reach() -> Case:
    """The town with one more demand point, 40 km away, for which no site is permitted."""
    parts = town(1)
    return Case(**parts | {"demand": _far_away(parts["demand"])}, standards=[URBAN], objective=COST)


@pytest.fixture
def too_few() -> Case:
    """The town, where two stations cannot serve what is required; another promise is an aim."""
    aim = {"name": "near", "radius": "500 m", "required": False}
    return Case(**town(2), standards=[URBAN, aim], objective=_weight_most(stations=2))


@pytest.fixture
def change() -> Callable[..., Case]:
    """A case with some parts replaced."""
    return replace


@pytest.fixture(scope="session")
def checker() -> Iterator[Any]:
    """The program that checks plans without a line of chargeplan, as a module."""
    file = Path(__file__).parents[1] / "independent_check.py"
    spec = importlib.util.spec_from_file_location("independent_check_of_plans", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def row_of_places() -> Callable[[list[float]], dict[str, gpd.GeoDataFrame]]:
    """Demand points with these weights, 3 km apart, and a site at each of them."""

    def build(weight: list[float]) -> dict[str, gpd.GeoDataFrame]:
        where = [place(3000.0 * k) for k in range(len(weight))]
        return {
            "demand": layer(where, id=[f"d{k}" for k in range(len(weight))], weight=weight),
            "sites": layer(where, id=[f"s{k}" for k in range(len(weight))]),
        }

    return build
