"""Does a plan keep its scenario's promises? Found out without a line of chargeplan.

::

    python tests/independent_check.py PLAN_FOLDER SCENARIO.toml

Only pyproj, NumPy, networkx and the standard library. It reads the scenario's own layers (demand as CSV,
corridors as GeoJSON with one LineString per piece) and the plan's `sites.geojson`, measures every required
standard afresh and prints its worst cases. Exit code 0: all are kept; 1: one is not.

- Straight lines: pyproj's geodesic from every demand point to the open stations around it.
- By road: a piece is as long as its geodesics times `length_factor`; a station enters at the nearest end of a
  piece, over a leg measured likewise; a piece is sampled at both ends and in equal steps of at most 1 km.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sqlite3
import sys
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
UNITS = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "nmi": 1852.0}
STEP = 1000.0  # metres of road between samples, at most


@dataclass(frozen=True)
class Finding:
    """A standard as found: its points, how many keep the promise, and the worst of them."""

    name: str
    radius: float
    strict: bool
    share: float
    ids: list[str]
    weight: np.ndarray
    distance: np.ndarray

    @property
    def served(self) -> np.ndarray:
        """Points within the radius; with `strict`, nearer than the radius."""
        return self.distance < self.radius if self.strict else self.distance <= self.radius

    @property
    def kept(self) -> bool:
        """Whether the share of the weight that is asked for is served; at 1.0 every point."""
        if self.share == 1.0:
            return bool(self.served.all())
        return math.fsum(self.weight[self.served]) >= self.share * math.fsum(self.weight)

    def lines(self) -> list[str]:
        """The verdict and the five worst points."""
        limit = f"{'<' if self.strict else '<='} {self.radius:,.0f} m"
        verdict = "kept" if self.kept else "NOT KEPT"
        first = f"{self.name}: {self.served.sum():,} of {len(self.ids):,} points {limit}: {verdict}"
        worst = np.argsort(-self.distance, kind="stable")[:5]
        return [first] + [f"    {self.distance[i]:12,.3f} m  {self.ids[i]}" for i in worst]


def main(arguments: list[str] | None = None) -> int:
    """Check the plan and print what is found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path, help="folder that holds sites.geojson")
    parser.add_argument("scenario", type=Path, help="scenario file, or a folder that holds scenario.toml")
    given = parser.parse_args(arguments)
    findings = check(given.plan, given.scenario)
    print("\n".join(line for finding in findings for line in finding.lines()))  # noqa: T201 - a program's report
    return 0 if all(finding.kept for finding in findings) else 1


def check(plan: Path, scenario: Path) -> list[Finding]:
    """Measure every required standard of a scenario for a plan's open stations."""
    file = scenario / "scenario.toml" if scenario.is_dir() else scenario
    asked = tomllib.loads(file.read_text(encoding="utf-8"))
    stations = open_stations(plan)
    required = [standard for standard in asked["standards"] if standard.get("required", True)]
    assert required, "the scenario requires nothing"
    return [
        check_corridor(standard, asked, file.parent, stations) if "corridor" in standard
        else check_points(standard, asked, file.parent, stations)
        for standard in required
    ]  # fmt: skip


def open_stations(plan: Path) -> np.ndarray:
    """Positions, (S, 2), of the plan's selected and existing stations."""
    features = json.loads((plan / "sites.geojson").read_text(encoding="utf-8"))["features"]
    opened = [
        f["geometry"]["coordinates"]
        for f in features
        if f["properties"]["status"] in ("selected", "existing")
    ]
    return np.array(opened, float).reshape(-1, 2)


def check_points(standard: dict, asked: dict, folder: Path, stations: np.ndarray) -> Finding:
    """Measure a standard in a straight line."""
    assert standard.get("metric", "geodesic") == "geodesic", "only straight lines are checked here"
    assert standard.get("stations", 1) == 1, "backup is not checked here"
    layer = next(layer for layer in asked["demand"] if layer["name"] == standard["demand"])
    with (folder / layer["file"]).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = chosen(rows, layer.get("where"), standard.get("where"))
    points = np.array([(float(row["lon"]), float(row["lat"])) for row in rows]).round(7).reshape(-1, 2)
    return Finding(
        name=standard["name"],
        radius=metres(standard["radius"]),
        strict=standard.get("strict", False),
        share=standard.get("share", 1.0),
        ids=[row.get(layer.get("id", "id"), "") for row in rows],
        weight=np.array([weight_of(row, layer.get("weight")) for row in rows]),
        distance=nearest_station(points, stations),
    )


def weight_of(row: dict, weight: str | float | None) -> float:
    """A row's weight: a number for all, or a column; by default the column `weight`, else 1."""
    return (
        float(row.get(weight or "weight", 1)) if weight is None or isinstance(weight, str) else float(weight)
    )


def metres(text: str) -> float:
    """A length with its unit in metres."""
    number, unit = text.split()
    return float(number) * UNITS[unit]


def chosen(rows: list[dict], *conditions: str | None) -> list[dict]:
    """Rows that satisfy all conditions (SQL expressions); columns that hold only numbers are numbers."""
    if not rows or not any(conditions):
        return rows
    table = sqlite3.connect(":memory:")
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in rows[0])
    table.execute(f"CREATE TABLE layer ({names})")
    columns = [typed([row[name] for row in rows]) for name in rows[0]]
    table.executemany(
        f"INSERT INTO layer VALUES ({', '.join('?' * len(columns))})", zip(*columns, strict=True)
    )
    where = " AND ".join(f"({condition})" for condition in conditions if condition)
    kept = [
        number - 1 for (number,) in table.execute(f"SELECT rowid FROM layer WHERE {where} ORDER BY rowid")
    ]
    table.close()
    return [rows[number] for number in kept]


def typed(column: list) -> list:
    """A column as numbers, where all of it are."""
    try:
        return [float(value) if isinstance(value, str) else value for value in column]
    except ValueError:
        return column


def nearest_station(points: np.ndarray, stations: np.ndarray) -> np.ndarray:
    """Geodesic metres to the nearest of the eight stations that look nearest in a local plane.

    Should another be nearer still, the point is served all the better: what is found can only be too far.
    """
    if len(stations) == 0:
        return np.full(len(points), np.inf)
    found = []
    for part in np.array_split(points, max(1, len(points) // 500)):
        east = (part[:, None, 0] - stations[:, 0] + 180.0) % 360.0 - 180.0
        east *= np.cos(np.radians(part[:, None, 1]))
        apart = np.hypot(east, part[:, None, 1] - stations[:, 1])
        few = np.argsort(apart, axis=1)[:, :8]
        start, end = np.repeat(part, few.shape[1], axis=0), stations[few.ravel()]
        found.append(GEOD.inv(*start.T, *end.T)[2].reshape(few.shape).min(axis=1))
    return np.concatenate(found)


def check_corridor(standard: dict, asked: dict, folder: Path, stations: np.ndarray) -> Finding:
    """Measure a standard along corridors by road."""
    layer = next(layer for layer in asked["corridors"] if layer["name"] == standard["corridor"])
    assert layer.get("interchange", "nodes") == "nodes", (
        "only stations that enter at piece ends are checked here"
    )
    factor = layer.get("length_factor", 1.15)
    features = json.loads((folder / layer["file"]).read_text(encoding="utf-8"))["features"]
    network = [
        piece_of(feature, factor) for feature in features if feature["geometry"]["type"] == "LineString"
    ]
    assert len(network) == len(features), "a corridor piece is not a LineString"
    keep = {id(row) for row in chosen([piece.columns for piece in network], layer.get("where"))}
    network = [piece for piece in network if id(piece.columns) in keep]
    away = distance_from_stations(network, stations, factor)
    asked_for = {id(row) for row in chosen([piece.columns for piece in network], standard.get("where"))}
    samples = [
        sample for piece in network if id(piece.columns) in asked_for for sample in samples_of(piece, away)
    ]
    return Finding(
        name=standard["name"],
        radius=metres(standard["radius"]),
        strict=standard.get("strict", False),
        share=standard.get("share", 1.0),
        ids=[name for name, _, _ in samples],
        weight=np.array([weight for _, weight, _ in samples]),
        distance=np.array([distance for _, _, distance in samples]),
    )


@dataclass(frozen=True)
class Piece:
    """A stretch of road between two places where it can be entered, and how long it is."""

    columns: dict
    start: tuple[float, float]
    end: tuple[float, float]
    length: float


def piece_of(feature: dict, factor: float) -> Piece:
    """Measure a feature along its vertices, rounded to 7 decimals."""
    course = [(round(x, 7), round(y, 7)) for x, y, *_ in feature["geometry"]["coordinates"]]
    length = math.fsum(GEOD.inv(*a, *b)[2] for a, b in pairwise(course))
    return Piece(dict(feature["properties"]), course[0], course[-1], length * factor)


def distance_from_stations(network: list[Piece], stations: np.ndarray, factor: float) -> dict:
    """Metres by road from every piece end to the nearest station, its leg to the road counted."""
    graph = nx.Graph()
    for piece in network:
        known = graph.get_edge_data(piece.start, piece.end, {"weight": math.inf})["weight"]
        graph.add_edge(piece.start, piece.end, weight=min(known, piece.length))
    ends = list(graph)
    for station in stations:
        here = np.tile(station, (len(ends), 1))
        legs = GEOD.inv(*here.T, *np.array(ends).T)[2] * factor
        entry = ends[int(legs.argmin())]
        known = graph.get_edge_data("stations", entry, {"weight": math.inf})["weight"]
        graph.add_edge("stations", entry, weight=min(known, float(legs.min())))
    graph.add_node("stations")
    return nx.single_source_dijkstra_path_length(graph, "stations", weight="weight")


def samples_of(piece: Piece, away: dict) -> list[tuple[str, float, float]]:
    """Samples of a piece: their names, the km that they stand for, the metres to the nearest station."""
    steps = max(1, math.ceil(piece.length / STEP - 1e-9))
    to_start, to_end = away.get(piece.start, math.inf), away.get(piece.end, math.inf)
    name = f"{piece.columns.get('ref', '')} {piece.start} - {piece.end}"
    return [
        (
            f"{name}, km {k * piece.length / steps / 1000:.1f}",
            piece.length / steps / 1000 * (0.5 if k in (0, steps) else 1.0),
            min(to_start + k * piece.length / steps, to_end + (steps - k) * piece.length / steps),
        )
        for k in range(steps + 1)
    ]


if __name__ == "__main__":
    sys.exit(main())
