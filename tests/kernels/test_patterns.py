"""Equal rows merged: the same groups as a dictionary makes, and the same patterns however points are cut."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import cover_cells, equal_rows, patterns

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)


def grouped(dense: np.ndarray, key: list) -> tuple[list, list]:
    """Group rows by a dictionary."""
    first: dict = {}
    for row, sites in enumerate(dense):
        first.setdefault((tuple(sites), key[row]), row)
    representative = list(first.values())
    return representative, [representative.index(first[tuple(s), k]) for s, k in zip(dense, key, strict=True)]


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_groups_are_those_of_a_dictionary(seed: int, keyed: bool) -> None:
    """Representatives are the first rows of their groups, in order; a key keeps rows apart."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rng.integers(0, 30), rng.integers(1, 5))) < 0.5
    key = rng.choice(["Yuhu", "Yuetang"], len(dense)).tolist() if keyed else [0] * len(dense)
    representative, group = kernels.merge_equal_rows(csr_array(dense), key if keyed else None)
    assert (representative.tolist(), group.tolist()) == grouped(dense, key)


def test_a_hash_is_not_trusted() -> None:
    """Where all hashes are equal, rows are still told apart site by site and by their keys."""
    dense = np.array([[1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 1]], dtype=bool)
    relation, keys = csr_array(dense), np.array([0, 0, 0, 0, 0, 1])
    group, first, table = np.empty(6, np.int64), np.empty(6, np.int64), np.full(16, -1)
    indptr, indices = relation.indptr.astype(np.int64), relation.indices.astype(np.int32)
    groups = equal_rows._group_rows(indptr, indices, keys, np.zeros(6, np.uint64), table, first, group)
    assert (first[:groups].tolist(), group.tolist()) == grouped(dense, keys.tolist())


def test_rows_may_come_unsorted_or_with_zeros() -> None:
    """The order of stored sites does not matter, and an explicit zero is no site."""
    relation = csr_array((np.array([1, 1, 1, 1, 0]), [2, 0, 0, 2, 1], [0, 2, 5]), shape=(2, 3))
    representative, group = kernels.merge_equal_rows(relation)
    assert representative.tolist() == [0]
    assert group.tolist() == [0, 0]
    assert relation.indices.tolist() == [2, 0, 0, 2, 1], "what is given stays as it was"


def test_what_is_handed_out_is_read_only() -> None:
    """Groups cannot be changed by accident."""
    for array in kernels.merge_equal_rows(csr_array(np.eye(2, dtype=bool))):
        assert not array.flags.writeable


def test_bad_input_is_named() -> None:
    """Another kind of matrix and a key of another length are InputErrors."""
    with pytest.raises(InputError, match=r"must be a scipy.sparse.csr_array, not ndarray"):
        kernels.merge_equal_rows(np.eye(2))
    with pytest.raises(InputError, match=r"key must have the shape \(2,\), not \(3,\)"):
        kernels.merge_equal_rows(csr_array(np.eye(2)), [1, 2, 3])
    outside = csr_array(np.eye(2, dtype=bool))
    outside.indices[:] = 7
    with pytest.raises(InputError, match="outside its 2 columns"):
        kernels.merge_equal_rows(outside)


def chunked(demand: np.ndarray, weight: np.ndarray | None, size: int) -> list[tuple]:
    """Cut points into chunks."""
    starts = range(0, len(demand), size)
    return [(demand[k : k + size], None if weight is None else weight[k : k + size]) for k in starts]


def assert_patterns(found: patterns.Patterns, within: csr_array, weight: np.ndarray) -> None:
    """Compare patterns with the merged rows of the relation, their weights with exact sums."""
    representative, group = kernels.merge_equal_rows(within)
    np.testing.assert_array_equal(found.coverage.toarray(), within[representative].toarray())
    np.testing.assert_array_equal(found.points, np.bincount(group, minlength=representative.size))
    sums = [math.fsum(weight[group == number]) for number in range(representative.size)]
    np.testing.assert_array_equal(found.weight, sums)


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare cells from the first point on, but not many; cut work into small pieces."""
    monkeypatch.setattr(patterns, "_MANY", 1)
    monkeypatch.setattr(cover_cells, "_CELLS", 400)
    monkeypatch.setattr(cover_cells, "_PIECE", 40)


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("many", [0, 20, 10**6])
def test_streamed_patterns_are_those_of_one_piece(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: int, many: int
) -> None:
    """However points are cut into chunks, slices and blocks, with cells or without, the answer is one."""
    for name, value in {"_PILE": 3, "_SLICE": 30, "_FEW": 4, "_PAIRS": 40, "_MANY": many}.items():
        monkeypatch.setattr(patterns, name, value)
    monkeypatch.setattr(cover_cells, "_CELLS", 400)
    demand, sites = rng.uniform(0, 30, (100, 2)), rng.uniform(0, 30, (8, 2))
    weight = 10.0 ** rng.uniform(-6, 6, 100)
    found = kernels.cover_patterns(chunked(demand, weight, size), sites, 5.5, metric="euclidean")
    assert_patterns(found, kernels.coverage(demand, sites, 5.5, metric="euclidean"), weight)
    for array in (found.weight, found.points, found.coverage.data, found.coverage.indices):
        assert not array.flags.writeable


@pytest.mark.usefixtures("few_cells")
@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_cells_say_what_is_within(seed: int) -> None:
    """In the plane and on the Earth, across the antimeridian too, patterns are the true ones."""
    rng = np.random.default_rng(seed)
    metric, radius, side = (("euclidean", 5.0, 20.0), ("geodesic", 40_000.0, 1.5))[rng.integers(2)]
    corner = np.array((rng.choice([-300.0, 0.0, 112.0, 179.3]), rng.choice([-60.0, -0.7, 28.0])))
    sites = corner + rng.uniform(0, side, (rng.integers(1, 6), 2))
    demand = corner + rng.uniform(-0.5, side + 0.5, (150, 2))
    if metric == "geodesic":
        demand[:, 0] -= 360.0 * (rng.random(150) < 0.3) * (demand[:, 0] > 0)
    found = kernels.cover_patterns([(demand, None)], sites, radius, metric=metric)
    assert_patterns(found, kernels.coverage(demand, sites, radius, metric=metric), np.ones(150))


@pytest.mark.usefixtures("few_cells")
@pytest.mark.parametrize(("in_part", "strict"), [(1, False), (1, True), (4, False), (4, True)])
def test_pairs_at_the_radius_are_measured_as_for_coverage(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, in_part: int, strict: bool
) -> None:
    """On a lattice, with many pairs in doubt and cells crowded, patterns are those of the relation."""
    monkeypatch.setattr(cover_cells, "_IN_PART", in_part)
    demand, sites = rng.integers(0, 60, (200, 2)), np.array([[10, 10], [12, 12], [40, 40]])
    within = kernels.coverage(demand, sites, 10.0, metric="euclidean", strict=strict)
    limits = patterns.limits_of(10.0, "euclidean")
    cells = cover_cells.lay_cells(sites.astype(float), 10.0, limits, "euclidean")
    assert cells is not None
    assert (cells.cells == -1).any() == (in_part == 1), "crowded cells"
    found = kernels.cover_patterns([(demand, None)], sites, 10.0, metric="euclidean", strict=strict)
    assert_patterns(found, within, np.ones(200))


def test_where_cells_do_not_pay_there_are_none(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sites, no radius, a pole, sites all around the globe, large numbers, and too many sites."""

    def laid(sites: list, radius: float, metric: str = "geodesic") -> bool:
        given = np.array(sites, float).reshape(-1, 2)
        return cover_cells.lay_cells(given, radius, patterns.limits_of(radius, metric), metric) is not None

    monkeypatch.setattr(cover_cells, "_CELLS", 400)
    assert laid([[113.0, 28.0]], 1_000.0)
    assert laid([[113.0, 80.0]], 800_000.0)
    assert not laid([], 1_000.0)
    assert not laid([[113.0, 28.0]], 0.0)
    assert not laid([[113.0, 88.0]], 120_000.0)
    assert laid([[-170.0, 0.0], [170.0, 0.0]], 120_000.0)
    assert not laid([[-179.0, 0.0], [178.0, 0.0]], 120_000.0), "with a row of cells around, more than a turn"
    assert not laid([[1e9, 1e9]], 100.0, "euclidean")
    assert not laid([[0.0, 0.0]], 0.01)
    many = rng.uniform(0, 30, (80, 2))
    assert not laid(many, 5.5, "euclidean")
    for limit, value in (("_LOOKS", 100), ("_PAIRS", 100), ("_SURE", 2.0)):
        with monkeypatch.context() as patch:
            patch.setattr(cover_cells, limit, value)
            assert not laid([[113.0, 28.0]], 1_000.0)


def test_weights_are_added_exactly(rng: np.random.Generator) -> None:
    """Sums are the correctly rounded ones, whatever the order, where plain sums differ."""
    weight = np.concatenate((10.0 ** rng.uniform(-8, 6, 60), rng.uniform(0, 1e6, 60)))
    demand = np.zeros((120, 2))
    plain = set()
    for size, turn in product((1, 50, 120), (1, -1)):
        found = kernels.cover_patterns(chunked(demand, weight[::turn], size), [[0.0, 0.0]], 1.0)
        assert found.weight.tolist() == [math.fsum(weight)]
        plain.add(sum(weight[::turn].tolist()))
    assert len(plain) > 1


def test_weights_beyond_a_float_are_refused() -> None:
    """A sum that is infinite is an InputError, not a pattern that weighs nan."""
    with pytest.raises(InputError, match="add up to more than a float can hold"):
        kernels.cover_patterns([(np.zeros((3, 2)), [1e308] * 3)], [[0.0, 0.0]], 1.0)


def test_positions_are_checked_in_every_chunk() -> None:
    """The chunk that is wrong is refused in words, in whatever form it comes."""
    fine, sites = np.zeros((2, 2)), [[0.0, 0.0]]
    with pytest.raises(InputError, match=r"demand: position 1 is \[0.0, 91.0\]"):
        kernels.cover_patterns([(fine, None), (np.array([[0.0, 90.0], [0.0, 91.0]]), None)], sites, 1.0)
    with pytest.raises(InputError, match="demand: position 0"):
        kernels.cover_patterns([(np.full((1, 2), np.nan), None)], sites, 1.0, metric="euclidean")
    with pytest.raises(InputError, match=r"demand must have the shape \(N, 2\)"):
        kernels.cover_patterns([(np.zeros((2, 3)), None)], sites, 1.0)
    with pytest.raises(InputError, match=r"weight must have the shape \(2,\)"):
        kernels.cover_patterns([(fine, [1.0])], sites, 1.0)


def test_points_without_weights_count_one_each() -> None:
    """None for the weights weighs every point 1; strict leaves out the point at the radius."""
    chunks = [([[0.0, 0.0], [1.0, 0.0]], None), ([], None), ([[0.0, 1.0]], None)]
    found = kernels.cover_patterns(chunks, [[0.0, 0.0]], 1.0, metric="euclidean", strict=True)
    assert found.weight.tolist() == [1.0, 2.0]
    assert found.coverage.toarray().tolist() == [[True], [False]]


def test_no_chunks_make_no_patterns() -> None:
    """Nothing streamed is an empty relation over the sites."""
    assert kernels.cover_patterns([], [[0.0, 0.0], [1.0, 1.0]], 1.0).coverage.shape == (0, 2)
