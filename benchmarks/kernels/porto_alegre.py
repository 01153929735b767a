"""The drivable roads of Porto Alegre as a graph: every OpenStreetMap node of a drivable way is a node.

Nothing is simplified beforehand, so that every peer gets the same graph and does its own preparation. The
file is the source of the instance of that name: © OpenStreetMap contributors, Open Database License 1.0; the
README beside it says where it was taken from.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from chargeplan import kernels

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).parents[2] / "chargeplan" / "instances" / "porto_alegre" / "sources" / "poa_osm.pbf"
ROADS = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential")
DRIVABLE = {*ROADS, *(f"{road}_link" for road in ROADS[:5]), "living_street", "service", "road"}


def read_roads(file: Path = FILE) -> tuple[np.ndarray, csr_array]:
    """Read the largest connected part of the drivable roads; skip the test where osmium is not installed.

    Returns
    -------
    positions : ndarray
        (V, 2) longitude, latitude in degrees.
    lengths : csr_array
        (V, V) metres of every arc, the geodesic between its ends on the WGS-84 ellipsoid.
    """
    osmium = pytest.importorskip("osmium", reason="the road file is read with osmium")
    place: dict[int, tuple[float, float]] = {}
    arcs: list[tuple[int, int]] = []
    for way in osmium.FileProcessor(str(file)).with_locations():
        if not way.is_way() or way.tags.get("highway") not in DRIVABLE:
            continue
        place.update((node.ref, (node.lon, node.lat)) for node in way.nodes)
        steps = [(a.ref, b.ref) for a, b in pairwise(way.nodes) if a.ref != b.ref]
        direction = _direction(way.tags)
        arcs += steps if direction >= 0 else []
        arcs += [(b, a) for a, b in steps] if direction <= 0 else []
    return largest_part(*_roads(place, arcs))


def _direction(tags: Mapping[str, str]) -> int:
    """Return 1 for a way that may be driven along only, -1 for against only, 0 for both."""
    given = tags.get("oneway")
    if given in ("yes", "true", "1"):
        return 1
    if given in ("-1", "reverse"):
        return -1
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    return int(given is None and implied)


def _roads(
    place: Mapping[int, tuple[float, float]], arcs: list[tuple[int, int]]
) -> tuple[np.ndarray, csr_array]:
    identity = np.array(sorted(place))
    positions = np.array([place[node] for node in identity.tolist()])
    ends = np.searchsorted(identity, np.unique(np.array(arcs), axis=0))
    metres = kernels.paired_distances(positions[ends[:, 0]], positions[ends[:, 1]])
    return positions, csr_array(coo_array((metres, ends.T), shape=(len(identity),) * 2))


def largest_part(positions: np.ndarray, lengths: csr_array) -> tuple[np.ndarray, csr_array]:
    """Keep the nodes of the largest part that roads connect, whichever way they may be driven."""
    _, part = connected_components(lengths, directed=False)
    kept = np.flatnonzero(part == np.bincount(part).argmax())
    return positions[kept], lengths[kept][:, kept]
