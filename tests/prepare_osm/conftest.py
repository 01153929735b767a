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


def degrees(place: Place) -> tuple[float, float]:
    """Longitude and latitude of a place of the grid."""
    return LON + place[0] * STEP, LAT + place[1] * STEP


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an extract of nodes (id -> place, tags) and ways (id -> nodes, tags)."""

    def write(
        nodes: Mapping[int, Place],
        ways: Mapping[int, tuple[Sequence[int], Mapping[str, str]]],
        tags: Mapping[int, Mapping[str, str]] | None = None,
        relations: Sequence[Relation] = (),
        name: str = "town.osm.pbf",
    ) -> Path:
        path = tmp_path / name
        with osmium.SimpleWriter(str(path)) as writer:
            for number, place in sorted(nodes.items()):
                said = dict((tags or {}).get(number, {}))
                writer.add_node(Node(id=number, location=degrees(place), tags=said, version=1))
            for number, (refs, said) in sorted(ways.items()):
                writer.add_way(Way(id=number, nodes=list(refs), tags=dict(said), version=1))
            for relation in relations:
                writer.add_relation(relation)
        return path

    return write


@pytest.fixture
def town(write: Write) -> Path:
    """A square of streets of about 550 m with a house and a car park, and a farm 3 km up a lane.

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
    return write(nodes, ways)
