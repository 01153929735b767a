"""Schematic intercity corridors, cut wherever a car can get on, off or charge.

`sources/corridors.csv` lists way-points; between them the lines are straight, so they show which cities a
road joins and about how far apart they are, not where it runs. Lines are cut at way-points, at modelled
service areas (at most `LONGEST_PIECE` apart on each leg), and where they cross a border of a city or of the
region.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely
from pyproj import Geod

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Position: TypeAlias = tuple[float, float]

LONGEST_PIECE = 20_000.0  # metres between service areas; longer legs are divided evenly
DECIMALS = 7  # of a degree
GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Node:
    """An end of pieces: a way-point, a service area, or a border crossing."""

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
        return _metres(self.start.position, self.end.position)


def corridor_pieces(waypoints: pd.DataFrame, cities: gpd.GeoDataFrame) -> list[Piece]:
    """Cut the corridors into pieces.

    Parameters
    ----------
    waypoints
        `ref`, `name`, `place`, `lon`, `lat`, in order.
    cities
        One polygon per `city` of the region.
    """
    pieces: list[Piece] = []
    for key, corridor in waypoints.groupby(["ref", "name"], sort=False):
        ref, name = map(str, key)
        positions = zip(corridor["lon"].tolist(), corridor["lat"].tolist(), strict=True)
        stops = [Node(position, place) for position, place in zip(positions, corridor["place"], strict=True)]
        nodes = _with_borders(_with_service_areas(ref, stops), cities)
        pieces += [
            Piece(ref, name, a, b, _city_of(a.position, b.position, cities)) for a, b in pairwise(nodes)
        ]
    return pieces


def service_areas(pieces: list[Piece]) -> list[Node]:
    """List the service areas inside the region, each once."""
    nodes = [node for piece in pieces if piece.city for node in (piece.start, piece.end)]
    by_position: dict[Position, Node] = {}
    for node in nodes:
        if node.service_area:
            by_position.setdefault(node.position, node)
    return list(by_position.values())


def _metres(start: Position, end: Position) -> float:
    return float(GEOD.inv(*start, *end)[2])


def _with_service_areas(ref: str, stops: list[Node]) -> list[Node]:
    """Divide long legs evenly by service areas, numbered along the road."""
    nodes = stops[:1]
    number = 0
    for start, end in pairwise(stops):
        parts = ceil(_metres(start.position, end.position) / LONGEST_PIECE)
        for part in range(1, parts):
            number += 1
            position = _between(start.position, end.position, part / parts)
            nodes.append(Node(position, f"{ref} service area {number}", service_area=True))
        nodes.append(end)
    return nodes


def _with_borders(nodes: list[Node], cities: gpd.GeoDataFrame) -> list[Node]:
    """Add the points where the straight stretches cross a border."""
    cut = nodes[:1]
    for start, end in pairwise(nodes):
        line = shapely.LineString([start.position, end.position])
        crossings = shapely.get_coordinates(shapely.intersection(line, cities.boundary.to_numpy()))
        along = np.unique(shapely.line_locate_point(line, shapely.points(crossings), normalized=True))
        shares = along[(along > 0.0) & (along < 1.0)]
        cut += [Node(_between(start.position, end.position, share), "border") for share in shares]
        cut.append(end)
    return cut


def _between(start: Position, end: Position, share: float) -> Position:
    lon, lat = ((1.0 - share) * a + share * b for a, b in zip(start, end, strict=True))
    return round(float(lon), DECIMALS), round(float(lat), DECIMALS)


def _city_of(start: Position, end: Position, cities: gpd.GeoDataFrame) -> str:
    """Name the city that holds the middle of a stretch, or nothing."""
    inside = cities["city"][cities.contains(shapely.Point(_between(start, end, 0.5)))]
    return str(inside.iloc[0]) if len(inside) else ""
