"""Annealed swaps for maximal covering: within the limit, reproducible, and optimal where all can be tried."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_relations import random_relation, subsets

from chargeplan.errors import InputError
from chargeplan.kernels import MaximalSearch, maximal_search

COMPILED = os.environ.get("NUMBA_DISABLE_JIT") != "1"
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40 if COMPILED else 10)


def check_maximal_state(search: MaximalSearch) -> None:
    """Recompute from scratch what the search keeps up to date step by step."""
    rows, row_columns, columns, _, record = search._state
    dense = np.zeros((rows.size, columns.size), int)
    for i, row in enumerate(rows):
        dense[i, row_columns[row["first"] : row["last"]]] = 1
    covered, need, unit = dense @ columns["open"], rows["need"], rows["unit"]
    np.testing.assert_array_equal(rows["covered"], covered)
    loss = dense.T @ np.where(covered <= need, unit * (2 * covered - 1), 0)
    opened = columns["open"]
    np.testing.assert_array_equal(columns["loss"][opened], loss[opened])
    assert record["value"][0] == (unit * need**2)[covered >= need].sum()
    np.testing.assert_allclose(record["usage"], columns["usage"] @ columns["open"])


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_a_maximal_search_keeps_its_books(seed: int) -> None:
    """After any number of steps scores, counts and the value are what the open sites make them."""
    dense, most, rng = random_relation(seed, 25, 15)
    need = np.minimum(rng.integers(1, 4, 25), most)
    weight, usage = rng.uniform(0, 5, 25), rng.uniform(1, 5, 15)
    search = MaximalSearch(csr_array(dense), weight, usage, 12.0, need, seed=seed % 100)
    search._state[-1]["cycle"] = 10  # it begins anew once within the steps below
    for steps in (0, 1, 1, 5, 40):
        search.run(steps)
        check_maximal_state(search)


@pytest.mark.parametrize("seed", [0, 1])
def test_chunks_of_steps_change_nothing(seed: int) -> None:
    """The same seed and total of steps give the same sites, however the steps are cut; also run twice."""
    dense, most, rng = random_relation(seed, 80, 40)
    need, cost, weight = (
        np.minimum(rng.integers(1, 3, 80), most),
        rng.uniform(1, 9, 40),
        rng.uniform(0, 9, 80),
    )
    whole, cut = (MaximalSearch(csr_array(dense), weight, cost, 30.0, need, seed=seed) for _ in range(2))
    whole.run(300)
    for steps in (1, 0, 99, 100, 100):
        cut.run(steps)
    np.testing.assert_array_equal(whole.best, cut.best)
    np.testing.assert_array_equal(whole._state[2], cut._state[2])


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_most_weight_where_all_can_be_tried(seed: int, budget: bool, needs: bool) -> None:
    """By number or budget, with and without needs and fixed sites, the search ends at the most weight."""
    dense, _, rng = random_relation(seed)
    weight = rng.integers(0, 20, 12).astype(float)
    usage = rng.integers(1, 9, 9).astype(float) if budget else np.ones(9)
    need = rng.integers(0, 3, 12) if needs else np.ones(12, int)
    fixed = rng.random(9) < 0.15
    limit = float(usage[fixed].sum()) + (9.0 if budget else 3.0)
    search = MaximalSearch(csr_array(dense), weight, usage, limit, need, fixed, seed=seed % 100)
    search.run(600)
    allowed = [chosen for chosen in subsets(fixed) if usage @ chosen <= limit]
    assert search.weight == max(weight[dense @ chosen >= need].sum() for chosen in allowed)
    assert search.weight == weight[dense @ search.best >= need].sum()
    assert usage @ search.best <= limit
    assert np.all(search.best[fixed])


def test_a_start_is_taken_as_far_as_the_limit_goes() -> None:
    """No more sites are begun with than the limit allows."""
    dense = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
    begun = MaximalSearch(csr_array(dense), [1, 1, 1, 1], None, 2, start=np.array([True] * 4))
    assert begun.best.sum() <= 2
    assert begun.score == begun.weight


def test_rows_that_must_be_covered_come_first() -> None:
    """A row whose weight is above that of all others together is covered, though two others weigh more."""
    relation = csr_array(np.array([[1, 0], [0, 1], [0, 1]], dtype=bool))
    search = MaximalSearch(relation, [1000.0, 5.0, 5.0], None, 1)
    search.run(10)
    assert search.best.tolist() == [True, False]


def test_a_budget_may_be_used_up_to_the_last_cent() -> None:
    """Three sites at 0.1 fit into 0.3 although 0.1 + 0.1 + 0.1 is more in binary."""
    relation = csr_array(np.eye(3, dtype=bool))
    search = MaximalSearch(relation, [1, 1, 1], [0.1, 0.1, 0.1], 0.3)
    assert search.weight == 3.0


def test_free_sites_and_weightless_rows() -> None:
    """Sites that use nothing are opened under a limit of 0; without any weight nothing is."""
    relation = csr_array(np.eye(3, dtype=bool))
    free = MaximalSearch(relation, [1, 1, 1], [0, 1, 0], 0)
    assert free.best.tolist() == [True, False, True]
    nothing = MaximalSearch(relation, [0, 0, 0], None, 3)
    assert nothing.run(5) == 0.0
    assert not nothing.best.any()


def test_no_rows_and_no_sites() -> None:
    """Nothing to open covers nothing, and neither is there anything to cover without rows."""
    assert MaximalSearch(csr_array((2, 0), dtype=bool), [1, 1], None, 3).run(5) == 0.0
    assert MaximalSearch(csr_array((0, 3), dtype=bool), [], None, 3).run(5) == 0.0


def test_a_limit_below_the_fixed_sites_is_refused() -> None:
    """Fixed sites that use more than the limit, and limits that are no numbers, are InputErrors."""
    relation = csr_array(np.eye(2, dtype=bool))
    with pytest.raises(InputError, match="less than what the fixed sites use"):
        MaximalSearch(relation, [1, 1], None, 1, fixed=np.array([True, True]))
    with pytest.raises(InputError, match="not finite"):
        MaximalSearch(relation, [1, 1], None, np.nan)
    with pytest.raises(InputError, match="steps must be 0 or more"):
        MaximalSearch(relation, [1, 1], None, 1).run(-1)
    assert not MaximalSearch(relation, [1, 1], None, 1).best.flags.writeable


def test_random_numbers_are_even() -> None:
    """Each of ten numbers comes up about as often as the others."""
    record = np.zeros(1, maximal_search._SEARCH)
    record["random"] = 12345
    with np.errstate(over="ignore"):
        counts = np.bincount([maximal_search._draw(record, 10) for _ in range(5000)], minlength=10)
    assert counts.size == 10
    assert 380 < counts.min() <= counts.max() < 620
