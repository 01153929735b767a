"""Roads: what SciPy's Dijkstra over the whole graph says, found without looking at all of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import network

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
LINE = kernels.RoadGraph([0, 1, 3, 4], [1, 0, 2, 1], [10.0, 10.0, 20.0, 20.0])  # 0 -10- 1 -20- 2


def random_graph(rng: np.random.Generator, nodes: int, arcs: int, *, whole: bool = False) -> csr_array:
    """Draw a directed graph; whole lengths make ties and, with explicit zeros, arcs of no length."""
    ends = rng.integers(0, nodes, (arcs, 2))
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    lengths = rng.integers(1, 6, len(ends)).astype(float) if whole else rng.uniform(1, 100, len(ends))
    return csr_array((lengths, (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))


def chained_graph(rng: np.random.Generator, roads: int) -> csr_array:
    """Draw roads of several arcs between few junctions: one-way, both ways, or both ways of different length.

    Roads may be rings or dead ends, meet a junction with themselves, run side by side, or lie apart.
    """
    tails, heads, lengths = [], [], []
    nodes = int(rng.integers(1, 5))
    for _ in range(roads):
        inside = int(rng.integers(0, 5))
        ends = [int(rng.integers(nodes)) if rng.random() < 0.8 else nodes + inside + side for side in (0, 1)]
        course = [ends[0], *range(nodes, nodes + inside), ends[1]]
        nodes = max(nodes + inside, *(end + 1 for end in ends))
        metres = np.where(rng.random((2, inside + 1)) < 0.1, 0.0, rng.uniform(0, 9, (2, inside + 1)))
        forward, backward = rng.random(2) < 0.8
        gap = rng.integers(0, 2 * inside + 2)  # an arc that may be missing in one direction
        for t in range(inside + 1):
            if forward and t != gap:
                tails, heads, lengths = [*tails, course[t]], [*heads, course[t + 1]], [*lengths, metres[0, t]]
            if backward:
                tails, heads = [*tails, course[t + 1]], [*heads, course[t]]
                lengths = [*lengths, metres[int(rng.random() < 0.5), t]]
    order = rng.permutation(nodes)
    return _arcs(order[np.array(tails, int)], order[np.array(heads, int)], np.array(lengths), nodes)


def _arcs(tails: np.ndarray, heads: np.ndarray, lengths: np.ndarray, nodes: int) -> csr_array:
    """Make rows of arcs in which several lead to the same node, and some to their own."""
    order = np.argsort(tails, kind="stable")
    indptr = np.append(0, np.cumsum(np.bincount(tails, minlength=nodes)))
    return csr_array((lengths[order], heads[order], indptr), shape=(nodes, nodes))


def shortest_arcs(matrix: csr_array) -> csr_array:
    """Keep the shortest of several arcs between the same nodes, as SciPy's Dijkstra wants it."""
    tails = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort([matrix.data, matrix.indices, tails])
    ends = np.column_stack([tails, matrix.indices])[order]
    first = np.append(True, np.any(ends[1:] != ends[:-1], axis=1))[: len(ends)]
    return _arcs(ends[first, 0], ends[first, 1], matrix.data[order][first], matrix.shape[0])


def snapped(rng: np.random.Generator, nodes: int, count: int, longest: float) -> kernels.Snapped:
    """Let points enter anywhere, several at one node."""
    return kernels.Snapped(rng.integers(0, nodes, count), rng.uniform(0, longest, count))


def all_ways(matrix: csr_array, demand: kernels.Snapped, sites: kernels.Snapped) -> np.ndarray:
    """Every way, from a search over the whole graph."""
    between = dijkstra(shortest_arcs(matrix))[np.ix_(demand.node, sites.node)]
    return (demand.leg[:, None] + between) + sites.leg[None]


def check(matrix: csr_array, demand: kernels.Snapped, sites: kernels.Snapped, radius: float) -> None:
    """Compare both comparisons, and the distances, with the whole search, to the last bit."""
    graph = kernels.RoadGraph(matrix.indptr, matrix.indices, matrix.data)
    ways = all_ways(matrix, demand, sites)
    within = kernels.road_coverage(graph, demand, sites, radius)
    np.testing.assert_array_equal(within.toarray(), ways <= radius)
    assert within.data.all()
    assert all(np.all(np.diff(row) > 0) for row in np.split(within.indices, within.indptr[1:-1]))
    strictly = kernels.road_coverage(graph, demand, sites, radius, strict=True)
    np.testing.assert_array_equal(strictly.toarray(), ways < radius)
    metres = kernels.road_distances(graph, demand, sites, radius)
    assert metres.nnz == within.nnz
    np.testing.assert_array_equal(metres.toarray(), np.where(ways <= radius, ways, 0))


@pytest.mark.parametrize("radius", [0.0, 30.0, 90.0, 250.0, 1e6])
def test_a_directed_graph_agrees_with_scipy(rng: np.random.Generator, radius: float) -> None:
    """With legs at both ends, for any radius, pairs and distances are SciPy's to the last bit."""
    matrix = random_graph(rng, 60, 150)
    check(matrix, snapped(rng, 60, 50, 20.0), snapped(rng, 60, 40, 20.0), radius)


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(0, 25))
def test_ties_at_the_radius_are_decided_alike(seed: int, radius: int) -> None:
    """Whole lengths, where many ways are exactly as long as the radius, agree with SciPy."""
    rng = np.random.default_rng(seed)
    matrix = random_graph(rng, 20, 50, whole=True)
    points = [kernels.Snapped(rng.integers(0, 20, 15), rng.integers(0, 4, 15)) for _ in range(2)]
    check(matrix, *points, float(radius))


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([0.0, 3.0, 10.0, 30.0, 1e6]))
def test_chains_change_nothing(seed: int, roads: int, radius: float) -> None:
    """With chains of every kind, and points anywhere on them, distances are SciPy's to the last bit."""
    rng = np.random.default_rng(seed)
    matrix = chained_graph(rng, roads)
    nodes = matrix.shape[0]
    check(matrix, snapped(rng, nodes, 8, 1.0), snapped(rng, nodes, int(rng.integers(0, 12)), 1.0), radius)


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([0.0, 10.0, 1e6]))
def test_an_undirected_graph_agrees_with_scipy(seed: int, roads: int, radius: float) -> None:
    """Every arc leads both ways: SciPy's distances without directions, to the last bit."""
    rng = np.random.default_rng(seed)
    matrix = chained_graph(rng, roads)
    points = [snapped(rng, matrix.shape[0], 8, 1.0) for _ in range(2)]
    graph = kernels.RoadGraph(matrix.indptr, matrix.indices, matrix.data, directed=False)
    between = dijkstra(shortest_arcs(matrix), directed=False)[np.ix_(points[0].node, points[1].node)]
    ways = (points[0].leg[:, None] + between) + points[1].leg[None]
    metres = kernels.road_distances(graph, *points, radius)
    np.testing.assert_array_equal(metres.toarray(), np.where(ways <= radius, ways, 0))
    back = kernels.road_distances(graph, *points[::-1], radius)
    np.testing.assert_allclose(back.toarray().T, metres.toarray(), rtol=1e-14)


def test_chains_are_contracted() -> None:
    """Of a crossroads with a bent side street and a loop, only the crossing is queued."""
    tails = np.array([0, 1, 1, 2, 0, 3, 3, 4, 4, 0, 0, 5])
    heads = np.array([1, 0, 2, 1, 3, 0, 4, 3, 0, 4, 5, 0])
    matrix = _arcs(tails, heads, np.arange(1.0, 13.0), 6)
    chains = kernels.RoadGraph(matrix.indptr, matrix.indices, matrix.data).chains
    assert chains.junctions == 1
    assert chains.arcs.size == 0
    assert sorted(chains.halves["inside"].tolist()) == [1, 1, 2, 2, 2, 2]
    assert sorted(chains.place.tolist()) == [0, 1, 2, 3, 4, 5]


def test_rounding_along_a_chain_is_that_of_its_arcs() -> None:
    """0.1 + 0.2 + 0.3 is more than 0.6 added up arc by arc, and 0.6 added the other way round."""
    graph = kernels.RoadGraph(
        [0, 3, 5, 7, 10, 10, 10, 10, 10],
        [1, 4, 5, 0, 2, 1, 3, 2, 6, 7],
        [0.1, 1, 1, 0.1, 0.2, 0.2, 0.3, 0.3, 1, 1],
    )  # chain 0 - 1 - 2 - 3
    start, end = kernels.Snapped([0], [0.0]), kernels.Snapped([3], [0.0])
    assert graph.chains.arcs["inside"].max() == 2
    assert kernels.road_coverage(graph, start, end, 0.6).nnz == 0
    assert kernels.road_coverage(graph, end, start, 0.6).nnz == 1


def test_a_queue_that_grows_forgets_nothing(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for two entries to begin with, and buckets so wide that there is one, nothing changes."""
    monkeypatch.setattr(network, "_ENTRIES", 2)
    monkeypatch.setattr(network, "_WIDTH", 1e6)
    matrix = random_graph(rng, 60, 250)
    check(matrix, snapped(rng, 60, 30, 20.0), snapped(rng, 60, 30, 20.0), 120.0)


def test_many_sites_are_listed_in_order(rng: np.random.Generator) -> None:
    """Sites beyond the first sets of 32 and of 1,024 come out ascending, too."""
    matrix = random_graph(rng, 60, 250)
    check(matrix, snapped(rng, 60, 5, 20.0), snapped(rng, 60, 3000, 20.0), 60.0)


@pytest.mark.usefixtures("small_pieces")
def test_pieces_and_threads_change_nothing(rng: np.random.Generator) -> None:
    """Cut into many pieces the relation is the same."""
    matrix = random_graph(rng, 60, 150)
    check(matrix, snapped(rng, 60, 50, 20.0), snapped(rng, 60, 40, 20.0), 120.0)


def test_two_ways_around_a_block() -> None:
    """Metres from 0 to 2 are 5 + (10 + 20) + 7 = 42, so 42 covers and 'less than 42' does not."""
    start, end = kernels.Snapped([0], [5.0]), kernels.Snapped([2], [7.0])
    assert kernels.road_coverage(LINE, start, end, 42.0).nnz == 1
    assert kernels.road_coverage(LINE, start, end, 42.0, strict=True).nnz == 0
    assert kernels.road_distances(LINE, start, end, 42.0).toarray() == [[42.0]]


def test_one_way_roads_lead_one_way() -> None:
    """On an arc from 0 to 1 the demand point at 0 reaches the site at 1, and not the reverse."""
    graph = kernels.RoadGraph([0, 1, 1], [1], [10.0])
    points = kernels.Snapped([0, 1], [0.0, 0.0])
    expected = [[True, True], [False, True]]
    np.testing.assert_array_equal(kernels.road_coverage(graph, points, points, 10.0).toarray(), expected)


def test_arcs_of_no_length_and_shorter_ways_found_late() -> None:
    """A node reached on a long arc first and on short ones later, some of no length, keeps the least."""
    graph = kernels.RoadGraph(
        [0, 2, 3, 4, 5, 5], [4, 1, 2, 3, 4], [1.0, 0.0, 0.3, 0.0, 0.3]
    )  # 0 to 4 directly: 1.0; by way of 1, 2 and 3: 0.6
    start, end = kernels.Snapped([0], [0.0]), kernels.Snapped([4], [0.0])
    assert kernels.road_distances(graph, start, end, 5.0).toarray() == [[0.6]]


def test_nothing_is_an_explicit_distance() -> None:
    """A site at the demand point's own node, without legs, is stored with a distance of 0."""
    here = kernels.Snapped([1], [0.0])
    metres = kernels.road_distances(LINE, here, here, 0.0)
    assert metres.nnz == 1
    assert metres.data.tolist() == [0.0]


def test_points_that_no_road_reaches_are_covered_by_nothing() -> None:
    """An infinite leg, of a demand point or of every site, covers nothing."""
    nowhere, here = kernels.Snapped([0, 1], [np.inf, 0.0]), kernels.Snapped([0], [0.0])
    assert kernels.road_coverage(LINE, nowhere, here, 1e9).toarray().tolist() == [[False], [True]]
    everywhere_else = kernels.Snapped([0], [np.inf])
    assert kernels.road_coverage(LINE, here, everywhere_else, 1e9).nnz == 0


def test_no_points_or_no_roads() -> None:
    """Without demand points, sites or arcs the relation still has the right shape."""
    nobody, here = kernels.Snapped([], []), kernels.Snapped([0], [0.0])
    assert kernels.road_coverage(LINE, nobody, here, 1.0).shape == (0, 1)
    assert kernels.road_coverage(LINE, here, nobody, 1.0).shape == (1, 0)
    alone = kernels.RoadGraph([0, 0], [], [])
    assert kernels.road_coverage(alone, here, here, 0.0).nnz == 1


def test_what_is_handed_out_and_kept_is_read_only() -> None:
    """Graphs, snapped points and relations cannot be changed, and do not change with the arrays given."""
    lengths = np.array([10.0, 10.0, 20.0, 20.0])
    graph = kernels.RoadGraph([0, 1, 3, 4], [1, 0, 2, 1], lengths)
    lengths[:] = 0
    here = kernels.Snapped([0], [0.0])
    metres = kernels.road_distances(graph, here, here, 1.0)
    assert graph.lengths.tolist() == [10.0, 10.0, 20.0, 20.0]
    assert graph.nodes == 3
    kept = (graph.indptr, graph.indices, graph.lengths, here.node, here.leg)
    for array in (*kept, metres.data, metres.indices, metres.indptr):
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("indptr", "indices", "lengths", "message"),
    [
        ([], [], [], "begin with 0"),
        ([0, 2, 1], [0, 0], [1.0, 1.0], "never fall"),
        ([0, 1], [0, 0], [1.0, 1.0], "a road graph of 1 arcs"),
        ([0, 1], [0], [], "a road graph of 1 arcs"),
        ([0, 1], [1], [1.0], "leads outside the 1 nodes"),
        ([0, 1], [-1], [1.0], "leads outside the 1 nodes"),
        ([0, 1], [0], [-1.0], "finite and 0 or more"),
        ([0, 1], [0], [np.nan], "finite and 0 or more"),
    ],
)
def test_a_wrong_graph_is_refused(indptr: list, indices: list, lengths: list, message: str) -> None:
    """Pointers, nodes and lengths are checked when a graph is made."""
    with pytest.raises(InputError, match=message):
        kernels.RoadGraph(indptr, indices, lengths)


@pytest.mark.parametrize(
    ("node", "leg", "message"),
    [([0, 1], [0.0], "do not go with"), ([-1], [0.0], "0 or more"), ([0], [np.nan], "0 or more")],
)
def test_wrong_snapped_points_are_refused(node: list, leg: list, message: str) -> None:
    """Nodes and legs are checked when points are snapped."""
    with pytest.raises(InputError, match=message):
        kernels.Snapped(node, leg)


def test_points_outside_the_graph_are_refused() -> None:
    """A point at a node that the graph has not is an error, as is a negative radius."""
    here, outside = kernels.Snapped([0], [0.0]), kernels.Snapped([3], [0.0])
    with pytest.raises(InputError, match="demand points enter at node 3, but the graph has 3 nodes"):
        kernels.road_coverage(LINE, outside, here, 1.0)
    with pytest.raises(InputError, match="sites enter at node 3"):
        kernels.road_coverage(LINE, here, outside, 1.0)
    with pytest.raises(InputError, match="limit must be finite"):
        kernels.road_distances(LINE, here, here, -1.0)
