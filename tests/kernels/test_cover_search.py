"""Row-weighting search: feasible, reproducible, and optimal where every set of sites can be tried."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_relations import OPTIMA, orlib_cover, random_relation, subsets

from chargeplan.errors import InputError
from chargeplan.kernels import CoverSearch, cover_search

COMPILED = os.environ.get("NUMBA_DISABLE_JIT") != "1"
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40 if COMPILED else 10)
ORLIB = OPTIMA["orlib_scp"]["optimal"] | OPTIMA["orlib_scp_5_and_6"]["optimal"]


def check_cover_state(search: CoverSearch) -> None:
    """Recompute from scratch what the search keeps up to date step by step."""
    rows, row_columns, columns, _, record = search._state
    dense = np.zeros((rows.size, columns.size), int)
    for i, row in enumerate(rows):
        dense[i, row_columns[row["first"] : row["last"]]] = 1
    covered = dense @ columns["open"]
    np.testing.assert_array_equal(rows["covered"], covered)
    gain = dense.T @ (rows["weight"] * (covered < rows["need"]))
    loss = dense.T @ (rows["weight"] * (covered <= rows["need"]))
    np.testing.assert_array_equal(columns["score"], np.where(columns["open"], -loss, gain))
    missing = rows["missing"][: record["missing"][0]]
    assert sorted(missing) == np.flatnonzero(covered < rows["need"]).tolist()
    opened = columns["opened"][: record["open"][0]]
    assert sorted(opened) == np.flatnonzero(columns["open"]).tolist()
    np.testing.assert_allclose(record["cost"], columns["cost"] @ columns["open"])


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_covers_are_optimal_where_all_can_be_tried(seed: int, costs: bool, needs: bool) -> None:
    """With and without costs, needs and fixed sites, the search ends at the best of all covers."""
    dense, most, rng = random_relation(seed)
    cost = rng.integers(0, 9, 9).astype(float) if costs else np.ones(9)
    need = np.minimum(rng.integers(0, 4, 12), most) if needs else np.ones(12, int)
    fixed = rng.random(9) < 0.2
    search = CoverSearch(csr_array(dense), cost, need, fixed, seed=seed % 100)
    search.run(300)
    covers = [chosen for chosen in subsets(fixed) if np.all(dense @ chosen >= need)]
    assert search.cost == min(cost @ chosen for chosen in covers)
    assert search.cost == cost @ search.best
    assert np.all(dense @ search.best >= need)
    assert np.all(search.best[fixed])


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_a_cover_search_keeps_its_books(seed: int) -> None:
    """After any number of steps scores, counts and lists are what the open sites make them."""
    dense, most, rng = random_relation(seed, 25, 15)
    need = np.minimum(rng.integers(1, 4, 25), most)
    search = CoverSearch(csr_array(dense), rng.uniform(1, 5, 15), need, seed=seed % 100)
    for steps in (0, 1, 1, 5, 40):
        search.run(steps)
        check_cover_state(search)


@pytest.mark.parametrize("seed", [0, 1])
def test_chunks_of_steps_change_nothing(seed: int) -> None:
    """The same seed and total of steps give the same sites, however the steps are cut; also run twice."""
    dense, most, rng = random_relation(seed, 80, 40)
    need, cost = np.minimum(rng.integers(1, 3, 80), most), rng.uniform(1, 9, 40)
    whole, cut = (CoverSearch(csr_array(dense), cost, need, seed=seed) for _ in range(2))
    whole.run(300)
    for steps in (1, 0, 99, 100, 100):
        cut.run(steps)
    np.testing.assert_array_equal(whole.best, cut.best)
    np.testing.assert_array_equal(whole._state[2], cut._state[2])


def test_a_cover_has_no_site_to_spare(rng: np.random.Generator) -> None:
    """From the first moment on, leaving out any site that is not fixed leaves a row uncovered."""
    dense = rng.random((80, 50)) < 0.12
    dense[np.arange(80), rng.integers(0, 50, 80)] = True
    search = CoverSearch(csr_array(dense), rng.uniform(1, 3, 50))
    for _ in range(4):
        best = search.best
        for site in np.flatnonzero(best):
            rest = best.copy()
            rest[site] = False
            assert not np.all(dense @ rest)
        search.run(50)


@pytest.mark.skipif(not COMPILED, reason="hundreds of thousands of steps")
@pytest.mark.parametrize("name", sorted(ORLIB))
def test_or_library_optima_are_found(name: str) -> None:
    """Instances of Beasley's with costs are solved to their proven optima."""
    relation, cost = orlib_cover(name)
    search = CoverSearch(relation, cost)
    for _ in range(100):
        if search.run(4000) <= ORLIB[name]:
            break
    assert search.cost == ORLIB[name]
    assert np.all(relation @ search.best.astype(int) >= 1)


def test_a_good_start_is_kept() -> None:
    """A search that begins with the optimum is never worse; what a start leaves out is covered."""
    dense = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
    relation = csr_array(dense)
    start = np.array([False, False, True, True])
    assert CoverSearch(relation, [2, 2, 1, 1], start=start).cost == 2.0
    half = CoverSearch(relation, [2, 2, 1, 1], start=np.array([False, False, True, False]))
    assert np.all(dense @ half.best >= 1)


def test_rows_that_fixed_sites_satisfy_ask_for_nothing() -> None:
    """Where fixed sites do all, nothing else is opened, and a run changes nothing."""
    relation = csr_array(np.ones((3, 2), dtype=bool))
    search = CoverSearch(relation, [5, 1], fixed=np.array([True, False]))
    assert search.run(10) == 5.0
    assert search.best.tolist() == [True, False]


def test_a_row_that_cannot_be_covered_is_named() -> None:
    """The first row with fewer sites than it needs is in the message; so is a negative number of steps."""
    relation = csr_array(np.array([[1, 1], [1, 0]], dtype=bool))
    with pytest.raises(InputError, match="row 1 needs 2 stations, but only 1 sites cover it"):
        CoverSearch(relation, need=[2, 2])
    with pytest.raises(InputError, match="steps must be 0 or more"):
        CoverSearch(relation).run(-1)
    with pytest.raises(InputError, match="fixed must be 2 booleans"):
        CoverSearch(relation, fixed=[0, 1])
    assert not CoverSearch(relation).best.flags.writeable


def test_no_rows_cost_nothing() -> None:
    """Nothing to cover costs nothing."""
    search = CoverSearch(csr_array((0, 3), dtype=bool))
    assert search.run(5) == 0.0
    assert search.score == 0.0


def test_random_numbers_are_even() -> None:
    """Each of ten numbers comes up about as often as the others."""
    record = np.zeros(1, cover_search._SEARCH)
    record["random"] = 12345
    with np.errstate(over="ignore"):
        counts = np.bincount([cover_search._draw(record, 10) for _ in range(5000)], minlength=10)
    assert counts.size == 10
    assert 380 < counts.min() <= counts.max() < 620
