"""Dominance and components: marked exactly where the definition says, and harmless to the optimum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import block_array, csr_array
from scipy.sparse.csgraph import connected_components

from chargeplan import kernels
from chargeplan.errors import InputError

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=150)


def random_relation(rng: np.random.Generator, most: int = 14) -> np.ndarray:
    """Draw a small relation of any density."""
    rows, columns = rng.integers(1, most, 2)
    return rng.random((rows, columns)) < rng.choice([0.15, 0.4, 0.75])


def implied(sets: list[set], need: np.ndarray) -> list[bool]:
    """Mark rows by the definition: another row lies within, needs as much, and is smaller or comes first."""
    return [
        bool(need[k] == 0)
        or any(
            sets[i]
            and sets[i] <= sets[k]
            and need[i] >= need[k]
            and (sets[i] < sets[k] or need[i] > need[k] or i < k)
            for i in range(len(sets))
            if i != k
        )
        for k in range(len(sets))
    ]


def replaced(sets: list[set], cost: np.ndarray) -> list[bool]:
    """Mark columns by the definition: another covers as much, costs no more, is better or comes first."""
    return [
        not sets[j]
        or any(
            sets[k] >= sets[j] and cost[k] <= cost[j] and (sets[k] > sets[j] or cost[k] < cost[j] or k < j)
            for k in range(len(sets))
            if k != j
        )
        for j in range(len(sets))
    ]


def cheapest_cover(dense: np.ndarray, need: np.ndarray, cost: np.ndarray) -> float:
    """Try every set of sites; infinite where none covers."""
    best = np.inf
    for chosen in itertools.product((0, 1), repeat=dense.shape[1]):
        if np.all(dense @ np.array(chosen) >= need):
            best = min(best, float(cost @ chosen))
    return best


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_rows_are_marked_as_defined(seed: int) -> None:
    """A row is marked exactly where a row that is kept implies it."""
    rng = np.random.default_rng(seed)
    dense = random_relation(rng)
    need = rng.integers(0, 3, len(dense))
    sets = [set(np.flatnonzero(row)) for row in dense]
    assert kernels.dominated_rows(csr_array(dense), need).tolist() == implied(sets, need)
    ones = np.ones(len(dense), int)
    assert kernels.dominated_rows(csr_array(dense)).tolist() == implied(sets, ones)


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_columns_are_marked_as_defined(seed: int) -> None:
    """A site is marked exactly where a site that is kept replaces it."""
    rng = np.random.default_rng(seed)
    dense = random_relation(rng)
    cost = rng.integers(0, 3, dense.shape[1]).astype(float)
    sets = [set(np.flatnonzero(column)) for column in dense.T]
    assert kernels.dominated_columns(csr_array(dense), cost).tolist() == replaced(sets, cost)
    assert kernels.dominated_columns(csr_array(dense)).tolist() == replaced(sets, np.ones_like(cost))


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_the_optimum_stays(seed: int) -> None:
    """Without the marked rows, or the marked sites of a simple cover, the best cover costs the same."""
    rng = np.random.default_rng(seed)
    dense = random_relation(rng, 8)
    cost = rng.integers(1, 5, dense.shape[1]).astype(float)
    need = np.minimum(rng.integers(0, 3, len(dense)), dense.sum(axis=1))
    rows = ~kernels.dominated_rows(csr_array(dense), need)
    assert cheapest_cover(dense[rows], need[rows], cost) == cheapest_cover(dense, need, cost)
    once = np.minimum(need, 1)
    columns = ~kernels.dominated_columns(csr_array(dense), cost)
    assert cheapest_cover(dense[:, columns], once, cost[columns]) == cheapest_cover(dense, once, cost)


@pytest.mark.usefixtures("small_pieces")
def test_pieces_and_threads_change_nothing(rng: np.random.Generator) -> None:
    """Cut into many pieces the marks are the same."""
    dense = rng.random((80, 30)) < 0.15
    rows = [set(np.flatnonzero(row)) for row in dense]
    columns = [set(np.flatnonzero(column)) for column in dense.T]
    assert kernels.dominated_rows(csr_array(dense)).tolist() == implied(rows, np.ones(80))
    assert kernels.dominated_columns(csr_array(dense)).tolist() == replaced(columns, np.ones(30))


@pytest.mark.parametrize("look", [0, 1, 3])
def test_what_a_stopped_search_marks_is_stood_for(rng: np.random.Generator, look: int) -> None:
    """Stopped between two pieces, it marks some of what it would mark, and each is implied by a kept row."""
    dense = rng.random((4_000, 30)) < 0.15
    dense = dense[dense.any(axis=1)]
    looks = itertools.count()
    some = kernels.dominated_rows(csr_array(dense), stop=lambda: next(looks) >= look)
    every = kernels.dominated_rows(csr_array(dense))
    assert not (some & ~every).any()
    assert (some.sum() == 0) == (look == 0)
    assert some.sum() < every.sum()
    missing = ~dense[some].astype(int)[:, None] & dense[~some].astype(int)[None]
    assert (missing.sum(axis=2) == 0).any(axis=1).all()
    nothing = kernels.dominated_columns(csr_array(dense * (np.arange(30) > 0)), stop=lambda: True)
    assert np.flatnonzero(nothing).tolist() == [0], "a site that serves nothing needs no search"


def test_large_sets_that_no_signature_tells_apart(rng: np.random.Generator) -> None:
    """Sets of a hundred members, a member short of another or with one exchanged, are told apart."""
    base = rng.random((12, 250)) < 0.5
    short, exchanged = base.copy(), base.copy()
    for row in range(12):
        inside, outside = np.flatnonzero(base[row])[:2], np.flatnonzero(~base[row])[0]
        short[row, inside[0]] = exchanged[row, inside[1]] = False
        exchanged[row, outside] = True
    dense = np.concatenate((base, exchanged, short))
    rows = [set(np.flatnonzero(row)) for row in dense]
    columns = [set(np.flatnonzero(column)) for column in dense.T]
    assert kernels.dominated_rows(csr_array(dense)).tolist() == implied(rows, np.ones(36))
    assert kernels.dominated_columns(csr_array(dense.T)).tolist() == replaced(rows, np.ones(36))
    assert kernels.dominated_columns(csr_array(dense)).tolist() == replaced(columns, np.ones(250))


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_components_are_those_of_scipy(seed: int) -> None:
    """Rows and columns share a label exactly where SciPy connects them; labels count up by first rows."""
    dense = random_relation(np.random.default_rng(seed)) & (np.random.default_rng(seed + 1).random() < 0.9)
    relation = csr_array(dense)
    count, rows, columns = kernels.components(relation)
    expected, labels = connected_components(block_array([[None, relation], [relation.T, None]]))
    ours = np.concatenate((rows, columns))
    assert count == expected == len(set(zip(ours, labels, strict=True)))
    _, first = np.unique(ours, return_index=True)
    assert np.all(np.diff(first) > 0)


def test_three_towns() -> None:
    """Two towns share a site, one has its own, one site serves nobody: three parts."""
    relation = csr_array(np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]], dtype=bool))
    count, rows, columns = kernels.components(relation)
    assert (count, rows.tolist(), columns.tolist()) == (3, [0, 0, 1], [0, 0, 1, 2])
    assert not rows.flags.writeable


def test_bad_input_is_named() -> None:
    """Needs that are not whole, costs that are negative and other lengths are InputErrors."""
    relation = csr_array(np.eye(2, dtype=bool))
    with pytest.raises(InputError, match=r"need\[1\] is not a whole number"):
        kernels.dominated_rows(relation, [1, 0.5])
    with pytest.raises(InputError, match=r"cost\[0\] is -1.0"):
        kernels.dominated_columns(relation, [-1, 1])
    with pytest.raises(InputError, match=r"cost must have the shape \(2,\)"):
        kernels.dominated_columns(relation, [1])
    assert not kernels.dominated_rows(relation).flags.writeable
