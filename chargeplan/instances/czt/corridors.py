"""Schematic intercity corridors, cut at every place where a car can get on, off or charge.

`sources/corridors.csv` lists way-points; between them the lines are straight, so they show which cities a road
joins and about how far apart they are, not where it runs. Lines are cut at way-points, at modelled service areas
(at most `LONGEST_PIECE` apart on each leg), and where they cross a city's or the region's border.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import Geod

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

LONGEST_PIECE = 20_000.0  # metres between service areas; longer legs are divided evenly
GEOD = Geod(ellps="WGS84")
PRECISION = 7  # decimals of a degree

Position = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """Where a corridor can be entered or left: a way-point, a service area, or a border crossing."""

    position: Position
    name: str
    service_area: bool = False


@dataclass(frozen=True)
class Piece:
    """A stretch of a corridor between two consecutive nodes; `city` is empty outside the region."""

    ref: str
    name: str
    start: Node
    end: Node
    city: str

    @property
    def metres(self) -> float:
        """Geodesic length of the straight stretch."""
        return float(GEOD.inv(*self.start.position, *self.end.position)[2])


def pieces(waypoints: pd.DataFrame, cities: gpd.GeoDataFrame) -> list[Piece]:
    """Cut the corridors into pieces.

    Parameters
    ----------
    waypoints
        `ref`, `name`, `seq`, `place`, `longitude`, `latitude`.
    cities
        One polygon per `city` of the region.
    """
    found: list[Piece] = []
    for ref, corridor in waypoints.sort_values(["ref", "seq"], kind="stable").groupby("ref", sort=False):
        stops = [Node((row.longitude, row.latitude), row.place) for row in corridor.itertuples()]
        nodes = _with_service_areas(str(ref), stops)
        for start, end in pairwise(nodes):
            found += _cut_at_borders(str(ref), corridor["name"].iloc[0], start, end, cities)
    return found


def service_areas(cut: list[Piece]) -> list[Node]:
    """Service areas inside the region, each once."""
    ends = (node for piece in cut if piece.city for node in (piece.start, piece.end) if node.service_area)
    return list({node.position: node for node in reversed(list(ends))}.values())[::-1]


def _with_service_areas(ref: str, stops: list[Node]) -> list[Node]:
    nodes = stops[:1]
    for start, end in pairwise(stops):
        parts = ceil(GEOD.inv(*start.position, *end.position)[2] / LONGEST_PIECE)
        for part in range(1, parts):
            name = f"{ref} service area {sum(node.service_area for node in nodes) + 1}"
            nodes.append(Node(_between(start.position, end.position, part / parts), name, service_area=True))
        nodes.append(end)
    return nodes


def _between(start: Position, end: Position, share: float) -> Position:
    lon, lat = np.round(np.add(np.multiply(start, 1.0 - share), np.multiply(end, share)), PRECISION)
    return float(lon), float(lat)


def _cut_at_borders(ref: str, name: str, start: Node, end: Node, cities: gpd.GeoDataFrame) -> list[Piece]:
    line = shapely.LineString([start.position, end.position])
    crossings = shapely.get_coordinates(shapely.intersection(line, cities.boundary.to_numpy()))
    along = np.unique(shapely.line_locate_point(line, shapely.points(crossings), normalized=True))
    border = [Node(_between(start.position, end.position, share), "border") for share in along if 0 < share < 1]
    return [
        Piece(ref, name, a, b, _city_of(_between(a.position, b.position, 0.5), cities))
        for a, b in pairwise([start, *border, end])
    ]


def _city_of(position: Position, cities: gpd.GeoDataFrame) -> str:
    inside = cities.loc[cities.contains(shapely.Point(position)), "city"]
    return str(inside.iloc[0]) if len(inside) else ""
