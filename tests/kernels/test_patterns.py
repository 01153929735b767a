"""Equal rows merged: the same groups as a dictionary makes, and the same patterns however points are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import patterns, radius_coverage

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
    group = np.empty(6, np.int64)
    indptr, indices = relation.indptr.astype(np.int64), relation.indices.astype(np.int32)
    representative = patterns._group_rows(indptr, indices, keys, np.zeros(6, np.uint64), group)
    assert (representative.tolist(), group.tolist()) == grouped(dense, keys.tolist())


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


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize(("pile", "room"), [(3, 2), (10**6, 1024)])
def test_streamed_patterns_are_those_of_one_piece(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: int, pile: int, room: int
) -> None:
    """However points are cut into chunks, patterns, weights and counts are those of all points at once."""
    monkeypatch.setattr(patterns, "_PILE", pile)
    monkeypatch.setattr(radius_coverage, "_ROOM", room)
    demand, sites = rng.uniform(0, 30, (100, 2)), rng.uniform(0, 30, (8, 2))
    weight = rng.integers(1, 100, 100).astype(float)
    chunks = ((demand[k : k + size], weight[k : k + size]) for k in range(0, 100, size))
    found = kernels.cover_patterns(chunks, sites, 5.5, metric="euclidean")
    within = kernels.coverage(demand, sites, 5.5, metric="euclidean")
    representative, group = kernels.merge_equal_rows(within)
    np.testing.assert_array_equal(found.coverage.toarray(), within[representative].toarray())
    np.testing.assert_array_equal(found.weight, np.bincount(group, weight))
    np.testing.assert_array_equal(found.points, np.bincount(group))
    for array in (found.weight, found.points, found.coverage.data, found.coverage.indices):
        assert not array.flags.writeable


def test_pairs_at_the_radius_are_measured_as_for_coverage(rng: np.random.Generator) -> None:
    """On a lattice, where many pairs are in doubt, patterns are still those of the relation."""
    demand, sites = rng.integers(0, 9, (80, 2)), rng.integers(0, 9, (6, 2))
    for strict in (False, True):
        within = kernels.coverage(demand, sites, 3.0, metric="euclidean", strict=strict)
        found = kernels.cover_patterns([(demand, None)], sites, 3.0, metric="euclidean", strict=strict)
        representative, _ = kernels.merge_equal_rows(within)
        np.testing.assert_array_equal(found.coverage.toarray(), within[representative].toarray())


def test_points_without_weights_count_one_each() -> None:
    """None for the weights weighs every point 1; strict leaves out the point at the radius."""
    chunks = [([[0.0, 0.0], [1.0, 0.0]], None), ([], None), ([[0.0, 1.0]], None)]
    found = kernels.cover_patterns(chunks, [[0.0, 0.0]], 1.0, metric="euclidean", strict=True)
    assert found.weight.tolist() == [1.0, 2.0]
    assert found.coverage.toarray().tolist() == [[True], [False]]


def test_no_chunks_make_no_patterns() -> None:
    """Nothing streamed is an empty relation over the sites."""
    assert kernels.cover_patterns([], [[0.0, 0.0], [1.0, 1.0]], 1.0).coverage.shape == (0, 2)
