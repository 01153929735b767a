"""Roads of an extract."""

import networkx as nx
import numpy as np
import pytest
from plain_roads import length_of, plain_graph
from scipy.sparse import lil_array
from scipy.sparse.csgraph import dijkstra

from chargeplan.errors import InputError
from chargeplan.instances import catalog
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.reach import Reach
from chargeplan.prepare.osm.roads import read_roads
from chargeplan.prepare.osm.tags import SPEEDS
from chargeplan.prepare.polylines import geodesic
from chargeplan.prepare.roads import road_network

ROAD = {"highway": "residential"}


def everything(roads):
    return np.ones(len(roads.edge), dtype=bool)


def nodes_of(roads, keep):
    """The ids of all nodes on some edges."""
    vertices = [roads.vertex[first : last + 1] for first, last in roads.edge[keep].tolist()]
    return set(roads.node[np.unique(np.concatenate(vertices))].tolist())


def test_ways_are_cut_where_they_share_a_node(write):
    """Two streets that cross at a node are four edges; two that cross without one are two."""
    nodes = {1: (0, 0), 2: (1, 0), 3: (2, 0), 4: (1, 1), 5: (1, -1), 6: (1.5, 1), 7: (1.5, -1)}
    roads = read_roads(Extract(write(nodes, {1: ([1, 2, 3], ROAD), 2: ([4, 2, 5], ROAD), 3: ([6, 7], ROAD)})))
    assert len(roads.edge) == 5
    ends = {tuple(sorted(roads.node[pair].tolist())) for pair in roads.ends}
    assert ends == {(1, 2), (2, 3), (2, 4), (2, 5), (6, 7)}
    assert roads.length == pytest.approx(geodesic(*roads.position[roads.ends].transpose(1, 0, 2)))


def test_a_bridge_does_not_meet_the_road_below_it(write):
    """Nodes of two ways at the very same place stay apart, also in the layer that is written."""
    nodes = {1: (0, 0), 2: (1, 0), 3: (2, 0), 4: (1, 1), 5: (1, 0), 6: (1, -1)}
    roads = read_roads(Extract(write(nodes, {1: ([1, 2, 3], ROAD), 2: ([4, 5, 6], ROAD)})))
    assert len(roads.edge) == 2
    lines = roads.lines(everything(roads))
    network = road_network(np.array(lines.geometry.array), lines["oneway"].to_numpy(np.int8))
    assert network.parts() == 2


def test_what_cannot_be_driven_to_and_from_is_left_out(write):
    """A one-way street that leads nowhere is no part of the roads on which one can drive from all to all."""
    nodes = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (2, 2), 5: (9, 9), 6: (9, 8)}
    dead_end = ([3, 4], {**ROAD, "oneway": "yes"})
    roads = read_roads(Extract(write(nodes, {1: ([1, 2, 3, 1], ROAD), 2: dead_end, 3: ([5, 6], ROAD)})))
    kept = roads.lines(roads.strong_part(everything(roads)))
    assert kept["id"].tolist() == [1]


def test_directions_are_those_of_the_ways(write):
    """A way with oneway=-1 is driven against its nodes, in the layer too."""
    nodes = {1: (0, 0), 2: (1, 0)}
    against = {**ROAD, "oneway": "-1", "maxspeed": "30"}
    roads = read_roads(Extract(write(nodes, {1: ([1, 2], ROAD), 2: ([1, 2], against)})))
    lines = roads.lines(everything(roads))
    assert lines["oneway"].tolist() == [0, -1]
    assert lines["speed"].tolist() == [SPEEDS["residential"], 30.0]


def test_nodes_that_the_extract_lacks_split_a_way(write):
    """Of a way with a node missing in the middle both whole runs stay, and no line jumps across."""
    nodes = {number: (number, 0) for number in (1, 2, 4, 5, 6)}
    roads = read_roads(Extract(write(nodes, {1: ([1, 2, 3, 4, 5, 6], ROAD)})))
    assert [roads.node[pair].tolist() for pair in roads.ends] == [[1, 2], [4, 6]]
    assert roads.length.max() < 230


def test_an_extract_without_roads_is_refused(write):
    """Footpaths are no roads."""
    path = write({1: (0, 0), 2: (1, 0)}, {1: ([1, 2], {"highway": "footway"})})
    with pytest.raises(InputError, match=r"town\.osm\.pbf: holds no road"):
        read_roads(Extract(path))


def test_a_kerb_site_serves_the_point_it_is_for(write):
    """On a one-way ring a site beside a point is ahead of it: behind, it would be once around away."""
    nodes = {1: (0, 0), 2: (90, 0), 3: (90, 90), 4: (0, 90)}
    roads = read_roads(Extract(write(nodes, {1: ([1, 2, 3, 4, 1], {**ROAD, "oneway": "yes"})})))
    reach = Reach(roads.lines(everything(roads)))
    rng = np.random.default_rng(1)
    demand = np.array([20.0, 10.0]) + np.column_stack([rng.uniform(0, 0.09, 300), rng.uniform(0, 0.001, 300)])
    kerbs = reach.kerb_sites(demand, np.ones(300), np.empty((0, 2)), 1000.0)
    assert not reach.unreached(demand, kerbs, 1000.0).any()
    assert len(kerbs) < 60


# --- beside an independent reading -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def porto_alegre():
    return catalog.resolve("porto_alegre").parent / "sources" / "poa_osm.pbf"


@pytest.mark.tree
def test_porto_alegre_agrees_with_networkx(porto_alegre):
    """Connected size, total length and 200 random shortest paths are those of a plain node graph."""
    inside, places = plain_graph(porto_alegre)
    roads = read_roads(Extract(porto_alegre))
    keep = roads.strong_part(everything(roads))
    assert nodes_of(roads, keep) == set(inside)
    assert roads.length[keep].sum() == pytest.approx(length_of(inside), rel=0.002)

    lines = roads.lines(keep)
    network = road_network(np.array(lines.geometry.array), lines["oneway"].to_numpy(np.int8))
    rng = np.random.default_rng(5)
    names = {tuple(place): at for at, place in enumerate(network.nodes.tolist())}
    junctions = [node for node in sorted(inside) if tuple(np.round(places[node], 7)) in names]
    ours, theirs = _arcs(network), nx.to_scipy_sparse_array(inside, weight="metres", format="csr")
    row = {node: at for at, node in enumerate(inside)}
    origins = rng.choice(junctions, 20, replace=False).tolist()
    found = dijkstra(ours, indices=[names[tuple(np.round(places[node], 7))] for node in origins])
    known = dijkstra(theirs, indices=[row[node] for node in origins])
    for at in range(len(origins)):
        for goal in rng.choice(junctions, 10, replace=False).tolist():
            metres = found[at, names[tuple(np.round(places[goal], 7))]]
            assert metres == pytest.approx(known[at, row[goal]], rel=1e-4, abs=0.1)


def _arcs(network):
    """The arcs of a network; no entry takes arcs all at once, and shorter ones come last and stay."""
    order = np.argsort(-network.lengths)
    graph = lil_array((len(network.nodes),) * 2)
    for (tail, head), metres, along, against in zip(
        network.ends[order].tolist(),
        network.lengths[order],
        network.forward[order],
        network.backward[order],
        strict=True,
    ):
        if along:
            graph[tail, head] = metres
        if against:
            graph[head, tail] = metres
    return graph.tocsr()


@pytest.mark.tree
def test_the_extract_knows_its_day_only_where_changes_are_dated(write, porto_alegre):
    """Undated ways say no day, rather than 1970; the roads of Porto Alegre say August 2020."""
    undated, dated = Extract(write({1: (0, 0), 2: (1, 0)}, {1: ([1, 2], ROAD)})), Extract(porto_alegre)
    for extract, day in ((undated, ""), (dated, "2020-08-12")):
        read_roads(extract)
        assert extract.date == day
