"""The roads of Porto Alegre beside networkx and OSMnx: the same nodes, lengths and ways.

::

    python benchmarks/osm_roads.py [--extract FILE] [--paths 200]

reads the file by `chargeplan`'s reader, node by node into networkx (tests/oracles/plain_roads.py), and by
OSMnx where it is installed (`pip install 'chargeplan[osmnx]'`). OSMnx reads no .pbf: it gets the ways for
cars as .osm, and decides itself which of them are one-way and how long they are (great circles). The figures
go into REPORT.md beside this file. Exit code 1 where lengths or ways differ by more than 1 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import osmium
from report import REPORT, conditions, replace_section, table
from scipy.sparse.csgraph import dijkstra

from chargeplan import kernels
from chargeplan.instances import catalog
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.roads import Roads, read_roads
from chargeplan.prepare.roads import Entrances, RoadNetwork, road_network

ORACLES = Path(__file__).resolve().parents[1] / "tests" / "oracles"
sys.path.insert(0, str(ORACLES))

from plain_roads import is_for_cars, largest_part, length_of, plain_graph  # noqa: E402 - in another folder

if TYPE_CHECKING:
    import numpy.typing as npt

HEADING = "Roads of an extract"
LIMIT = 0.01  # relative
FARTHEST = 200_000.0  # metres


@dataclass(frozen=True)
class Ours:
    """The roads as a scenario gets them: read, the strong part drawn as lines, joined again."""

    nodes: frozenset[int]
    metres: float
    place: dict[int, int]
    network: RoadNetwork

    @classmethod
    def read(cls, path: Path) -> Ours:
        """Read the largest part in which one can drive from all to all."""
        roads = read_roads(Extract(path))
        keep = roads.strong_part(np.ones(len(roads.edge), dtype=bool))
        lines = roads.lines(keep)
        network = road_network(np.array(lines.geometry.array), lines["oneway"].to_numpy(np.int8))
        at = {tuple(place): node for node, place in enumerate(network.nodes.tolist())}
        named = zip(roads.node.tolist(), map(tuple, roads.position.tolist()), strict=True)
        place = {name: at[where] for name, where in named if where in at}
        return cls(_nodes(roads, keep), float(roads.length[keep].sum()), place, network)

    def ways(self, pairs: list[tuple[int, int]]) -> npt.NDArray[np.float64]:
        """Measure the way from the first to the second of every pair, metres."""
        ends = np.array([[self.place[name] for name in pair] for pair in pairs])
        graph, origins, goals = self.network.enter(*(Entrances.at_nodes(column) for column in ends.T))
        return kernels.road_distances(graph, origins, goals, FARTHEST).toarray().diagonal()


def _nodes(roads: Roads, keep: npt.NDArray[np.bool_]) -> frozenset[int]:
    vertices = [roads.vertex[first : last + 1] for first, last in roads.edge[keep].tolist()]
    return frozenset(roads.node[np.unique(np.concatenate(vertices))].tolist())


def osmnx_graph(path: Path) -> nx.DiGraph:
    """Read the same ways by OSMnx, unsimplified; of parallel steps the shorter counts."""
    osmnx: Any = import_module("osmnx")
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder, "roads.osm")
        wanted: set[int] = set()
        with osmium.SimpleWriter(str(xml)) as writer:
            ways = _ways(path)
            for way in ways:
                wanted.update(way.nodes)
            for node in osmium.FileProcessor(str(path), osmium.osm.NODE):
                if node.id in wanted:
                    writer.add_node(node.replace(tags={}))
            for way in ways:
                writer.add_way(way)
        read = osmnx.graph_from_xml(xml, simplify=False, retain_all=True)
    graph = nx.DiGraph()
    for tail, head, metres in read.edges(data="length"):
        known = graph.get_edge_data(tail, head, {"metres": np.inf})["metres"]
        graph.add_edge(tail, head, metres=min(known, metres))
    return largest_part(graph)


def _ways(path: Path) -> list[Any]:
    from osmium.osm.mutable import Way  # noqa: PLC0415 - its name is osmium's own too

    return [
        Way(id=way.id, nodes=[node.ref for node in way.nodes], tags=dict(way.tags), version=1)
        for way in osmium.FileProcessor(str(path), osmium.osm.WAY)
        if is_for_cars(way.tags)
    ]


@dataclass(frozen=True)
class Agreement:
    """How two readings of a file agree."""

    peer: str
    nodes: int
    common: int
    length: float
    worst: float

    @classmethod
    def of(cls, peer: str, ours: Ours, theirs: nx.DiGraph, paths: int) -> Agreement:
        """Compare nodes, lengths, and random ways between junctions that both have."""
        junctions = sorted(ours.place.keys() & ours.nodes & set(theirs))
        rng = np.random.default_rng(5)
        pairs = [tuple(rng.choice(junctions, 2, replace=False).tolist()) for _ in range(paths)]
        row = {name: at for at, name in enumerate(theirs)}
        origins, goals = ([row[name] for name in column] for column in zip(*pairs, strict=True))
        matrix = nx.to_scipy_sparse_array(theirs, weight="metres", format="csr")
        known = dijkstra(matrix, indices=origins)[np.arange(paths), goals]
        worst = float(np.abs(ours.ways(pairs) / known - 1.0).max())
        common = len(ours.nodes & set(theirs))
        return cls(peer, len(theirs), common, ours.metres / length_of(theirs), worst)


def main() -> int:
    """Read, compare and write the figures down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shipped = catalog.resolve("porto_alegre").parent / "sources" / "poa_osm.pbf"
    parser.add_argument("--extract", type=Path, default=shipped)
    parser.add_argument("--paths", type=int, default=200)
    given = parser.parse_args()
    ours = Ours.read(given.extract)
    found = [Agreement.of("networkx, node by node", ours, plain_graph(given.extract)[0], given.paths)]
    if find_spec("osmnx") is not None:
        found.append(Agreement.of("OSMnx", ours, osmnx_graph(given.extract), given.paths))
    else:
        print("OSMnx is not installed: pip install 'chargeplan[osmnx]'")
    heads = ["peer", "its nodes", "in both", "length, ours / its", f"worst of {given.paths} ways"]
    rows = [
        [each.peer, f"{each.nodes:,}", f"{each.common:,}", f"{each.length:.5f}", f"{each.worst:.2e}"]
        for each in found
    ]
    lines = [
        "- Command: `python benchmarks/osm_roads.py`",
        "",
        (
            f"`{given.extract.name}`, the part in which one can drive from all to all: "
            f"{len(ours.nodes):,} nodes, {ours.metres / 1000:,.1f} km by our reader."
        ),
        "",
        table(heads, rows),
    ]
    replace_section(HEADING, "\n".join([*conditions("osmium", "networkx", "osmnx"), *lines]))
    print("\n".join([*lines, "", f"written into {REPORT}"]))
    return int(any(abs(each.length - 1.0) > LIMIT or each.worst > LIMIT for each in found))


if __name__ == "__main__":
    sys.exit(main())
