"""Distances by road, against networkx on graphs with directions, legs and roads of length 0."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra

from chargeplan.audit import road
from chargeplan.kernels import RoadGraph, Snapped
from chargeplan.problem import RoadAccess


def graph_of(arcs, nodes):
    arcs = sorted(arcs)
    tail = np.array([a for a, _, _ in arcs])
    indptr = np.searchsorted(tail, np.arange(nodes + 1))
    return RoadGraph(indptr, np.array([b for _, b, _ in arcs]), np.array([c for _, _, c in arcs], float))


def random_roads(seed, nodes=40, arcs=110):
    rng = np.random.default_rng(seed)
    ends = rng.choice(nodes * nodes, arcs, replace=False)
    lengths = rng.integers(0, 9, arcs)  # a road of length 0 is a road
    return [
        (int(e // nodes), int(e % nodes), float(c))
        for e, c in zip(ends, lengths, strict=True)
        if e // nodes != e % nodes
    ]


def snapped(rng, count, nodes):
    return Snapped(rng.integers(0, nodes, count), rng.integers(0, 4, count).astype(float))


def table_by_networkx(arcs, nodes, demand, stations):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from(arcs)
    ways = dict(nx.all_pairs_dijkstra_path_length(graph))
    return np.array(
        [
            [
                leg + ways[at].get(to, np.inf) + out
                for to, out in zip(stations.node, stations.leg, strict=True)
            ]
            for at, leg in zip(demand.node, demand.leg, strict=True)
        ]
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("cells", [1, 4_000_000])
def test_nearest_by_road_is_that_of_networkx(seed, k, cells, monkeypatch):
    """Nearest and k-th nearest are networkx's, however many stations are searched at a time."""
    monkeypatch.setattr(road, "_CELLS", cells)
    rng = np.random.default_rng(seed)
    arcs = random_roads(seed)
    demand, stations = snapped(rng, 30, 40), snapped(rng, 7, 40)
    table = table_by_networkx(arcs, 40, demand, stations)
    found = road.nearest_by_road(graph_of(arcs, 40), demand, stations, k)
    reached = np.isfinite(table.min(axis=1))
    np.testing.assert_array_equal(found.station, np.where(reached, table.argmin(axis=1), -1))
    backup = np.sort(table, axis=1)[:, k - 1]
    np.testing.assert_array_equal(found.backup_distance_m, np.where(np.isfinite(backup), backup, np.nan))
    np.testing.assert_array_equal(found.distance_m, np.where(reached, table.min(axis=1), np.nan))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strict", [False, True])
def test_pairs_by_road_are_those_of_networkx(seed, strict):
    """Whole-number ways make many pairs lie exactly on the radius; `strict` decides those."""
    rng = np.random.default_rng(seed)
    arcs = random_roads(seed)
    demand, sites = snapped(rng, 30, 40), snapped(rng, 12, 40)
    table = table_by_networkx(arcs, 40, demand, sites)
    rows, columns = road.pairs_within_road(graph_of(arcs, 40), demand, sites, 10.0, strict=strict)
    near = np.zeros(table.shape, bool)
    near[rows, columns] = True
    np.testing.assert_array_equal(near, table < 10.0 if strict else table <= 10.0)


def test_the_way_leads_from_the_demand_point_to_the_station():
    """On a one-way road 0 -> 1 a station at 1 serves a point at 0, and a station at 0 serves nobody at 1."""
    graph = graph_of([(0, 1, 5.0)], 2)
    here, there = Snapped(np.array([0]), np.array([1.0])), Snapped(np.array([1]), np.array([2.0]))
    assert road.nearest_by_road(graph, here, there, 1).distance_m.tolist() == [8.0]
    assert np.isnan(road.nearest_by_road(graph, there, here, 1).distance_m).all()


def test_without_stations_nobody_reaches_one():
    """No station: no index, no distance."""
    nobody = Snapped(np.empty(0, int), np.empty(0))
    found = road.nearest_by_road(
        graph_of([(0, 1, 5.0)], 2), Snapped(np.array([0]), np.array([0.0])), nobody, 2
    )
    assert found.station.tolist() == [-1]
    assert np.isnan(found.backup_distance_m).all()


def real_roads(seed, nodes=300, arcs=900):
    """Lengths as real roads have them, parallel roads, and some that come from nowhere."""
    rng = np.random.default_rng(seed)
    tail, head = np.sort(rng.integers(0, nodes, arcs)), rng.integers(0, nodes, arcs)
    tail[1::9], head[1::9] = tail[0::9], head[0::9]
    graph = RoadGraph(np.searchsorted(tail, np.arange(nodes + 1)), head, rng.uniform(0, 500, arcs))
    demand, stations = (
        Snapped(rng.integers(0, nodes, size), rng.uniform(0, 100, size)) for size in (400, 150)
    )
    return graph, demand, stations


def one_by_one(graph, demand, stations):
    """Every distance, (S, N), by a search of the whole graph from every station."""
    along = dijkstra(road.reversed_graph(graph), indices=stations.node)
    return along[:, demand.node] + (stations.leg[:, None] + demand.leg)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_searching_from_all_stations_at_once_gives_what_one_by_one_gives(seed, k):
    """The stations, the distances to the last digits, and with them the verdicts at every radius."""
    graph, demand, stations = real_roads(seed)
    table = one_by_one(graph, demand, stations)
    found = road.nearest_by_road(graph, demand, stations, k)
    reached = np.isfinite(table.min(axis=0))
    assert reached.any()
    np.testing.assert_array_equal(found.station, np.where(reached, table.argmin(axis=0), -1))
    backup = np.sort(table, axis=0)[k - 1]
    np.testing.assert_allclose(found.backup_distance_m, np.where(np.isinf(backup), np.nan, backup), 1e-12)
    for radius in (200.0, 700.0, 2_000.0):
        np.testing.assert_array_equal(found.backup_distance_m < radius, backup < radius)


@pytest.mark.parametrize("together", [1, 10, 1_000])
@pytest.mark.parametrize("seed", range(3))
def test_searching_near_groups_of_sites_finds_every_pair(seed, together, monkeypatch):
    """However sites are grouped: the pairs, and the very distances, of whole searches from every site."""
    monkeypatch.setattr(road, "_TOGETHER", together)
    graph, demand, sites = real_roads(seed)
    table = one_by_one(graph, demand, sites).T
    rows, columns = road.pairs_within_road(graph, demand, sites, 700.0, strict=True)
    near = np.zeros(table.shape, bool)
    near[rows, columns] = True
    assert rows.size == near.sum()
    np.testing.assert_array_equal(near, table < 700.0)
    access = RoadAccess(graph, demand, sites, None, None)
    asking, reach = np.arange(0, 400, 3), np.linspace(0, 1_000, 134)
    found = np.full((134, 150), np.inf)
    for row, column, metres in road.metres_within_road(access, asking, reach):
        found[row, column] = metres
    expected = table[asking]
    np.testing.assert_array_equal(found, np.where(expected <= reach[:, None], expected, np.inf))


def test_of_stations_at_the_same_distance_the_first_is_named():
    """Twice the same place, and two ways of the same length: the station of the lower number."""
    graph = graph_of([(0, 1, 3.0), (0, 2, 3.0), (1, 3, 1.0), (2, 3, 1.0)], 4)
    here = Snapped(np.array([0]), np.array([0.0]))
    for order in ([2, 1], [1, 2], [3, 3], [3, 1, 2]):
        stations = Snapped(np.array(order), np.zeros(len(order)))
        table = np.array([{1: 3.0, 2: 3.0, 3: 4.0}[node] for node in order])
        assert road.nearest_by_road(graph, here, stations, 1).station.tolist() == [table.argmin()]
