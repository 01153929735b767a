"""Small extracts, written node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import osmium
import pytest
from osmium.osm.mutable import Node, Relation, Way

LAT, LON = 10.0, 20.0
STEP = 0.001  # degrees between places of the grid, about 110 m

Place = tuple[float, float]  # columns east and rows north of the corner, in steps
Write = Callable[..., Path]


def degrees(place: Place, corner: tuple[float, float]) -> tuple[float, float]:
    """Longitude and latitude of a place of the grid; beyond 180 degrees it goes on from -180."""
    lon = corner[0] + place[0] * STEP
    return lon - 360.0 if lon > 180.0 else lon, corner[1] + place[1] * STEP


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an extract of nodes (id -> place, tags) and ways (id -> nodes, tags)."""

    def write(
        nodes: Mapping[int, Place],
        ways: Mapping[int, tuple[Sequence[int], Mapping[str, str]]],
        tags: Mapping[int, Mapping[str, str]] | None = None,
        relations: Sequence[Relation] = (),
        name: str = "town.osm.pbf",
        corner: tuple[float, float] = (LON, LAT),
    ) -> Path:
        path = tmp_path / name
        with osmium.SimpleWriter(str(path)) as writer:
            for number, place in sorted(nodes.items()):
                said = dict((tags or {}).get(number, {}))
                at = degrees(place, corner)
                writer.add_node(Node(id=number, location=at, tags=said, version=1))
            for number, (refs, said) in sorted(ways.items()):
                writer.add_way(Way(id=number, nodes=list(refs), tags=dict(said), version=1))
            for relation in relations:
                writer.add_relation(relation)
        return path

    return write


@pytest.fixture
def town(town_at: Callable[..., Path]) -> Path:
    """The town in the first quarter of the Earth."""
    return town_at()


@pytest.fixture
def town_at(write: Write) -> Callable[..., Path]:
    """Draw a square of streets of about 550 m with a house and a car park, and a farm 3 km up a lane.

    ::

        3 --- 4          12 - farm
        |     |          |
        1 --- 2 ---------11
    """
    nodes = {1: (0, 0), 2: (5, 0), 3: (0, 5), 4: (5, 5), 11: (32, 0), 12: (32, 1)}
    corners = {100: (1, 0.5), 110: (3, 0.4), 120: (32.5, 1)}  # of a house, a car park, a farm
    for first, (column, row) in corners.items():
        places = ((0, 0), (0.2, 0), (0.2, 0.2), (0, 0.2))
        nodes |= {first + at: (column + east, row + north) for at, (east, north) in enumerate(places)}
    ring = {first: [*range(first, first + 4), first] for first in corners}
    ways = {
        1: ([1, 2, 4, 3, 1], {"highway": "residential", "name": "Ring"}),
        2: ([2, 11, 12], {"highway": "tertiary", "maxspeed": "80", "name": "=Lane"}),
        3: (ring[100], {"building": "house", "building:levels": "3"}),
        4: (ring[110], {"amenity": "parking", "capacity": "120", "name": "=1+1"}),
        5: (ring[120], {"building": "farm"}),
    }
    return lambda **options: write(nodes, ways, **options)
