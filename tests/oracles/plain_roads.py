"""The roads of an extract as a plain graph, read node by node without the reader that is tested.

A node of every OpenStreetMap node, an arc of every step of a way in a direction that may be driven; metres
are pyproj's.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import osmium
from pyproj import Geod

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROADS = ("motorway", "trunk", "primary", "secondary", "tertiary")
CLASSES = {*_ROADS, *(f"{road}_link" for road in _ROADS), "unclassified", "residential", "living_street"}
CLASSES |= {"service", "road"}
_CLOSED = {"no", "private", "agricultural", "forestry", "delivery", "emergency", "military", "permit"}
_YARDS = {"driveway", "parking_aisle", "drive-through", "emergency_access", "parking"}
_WHO = ("motorcar", "motor_vehicle", "vehicle", "access")


def is_for_cars(tags: Mapping[str, str]) -> bool:
    """Say whether a way is a road that everybody may drive a car along."""
    if tags.get("highway") not in CLASSES or tags.get("area") == "yes" or tags.get("service") in _YARDS:
        return False
    who = [tags[key] for key in _WHO if key in tags]
    return not (who and set(who[0].split(";")) <= _CLOSED)


def plain_graph(path: Path) -> tuple[nx.DiGraph, dict[int, tuple[float, float]]]:
    """Read the largest part in which one can drive from all to all, and where the nodes lie."""
    places, steps = {}, []
    for way in osmium.FileProcessor(str(path)).with_locations():
        if not way.is_way() or not is_for_cars(way.tags):
            continue
        refs = [node.ref for node in way.nodes]
        places.update((node.ref, (node.lon, node.lat)) for node in way.nodes)
        round_ = way.tags.get("junction") in ("roundabout", "circular") or way.tags["highway"] == "motorway"
        oneway = way.tags.get("oneway", "yes" if round_ else "no")
        if oneway not in ("-1", "reverse"):
            steps += pairwise(refs)
        if oneway not in ("yes", "true", "1"):
            steps += pairwise(refs[::-1])
    tails, heads = (np.array([places[pair[end]] for pair in steps]) for end in (0, 1))
    _, _, metres = Geod(ellps="WGS84").inv(*tails.T, *heads.T)
    graph = nx.DiGraph()
    graph.add_weighted_edges_from(
        ((tail, head, length) for (tail, head), length in zip(steps, metres.tolist(), strict=True)),
        weight="metres",
    )
    return largest_part(graph), places


def largest_part(graph: nx.DiGraph) -> nx.DiGraph:
    """Keep the nodes among which one can drive from each to each."""
    return graph.subgraph(max(nx.strongly_connected_components(graph), key=len)).copy()


def length_of(graph: nx.DiGraph) -> float:
    """Add up the metres of road, those that may be driven both ways once."""
    return sum(
        metres
        for tail, head, metres in graph.edges(data="metres")
        if tail < head or not graph.has_edge(head, tail)
    )
