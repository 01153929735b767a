"""Local searches: feasible, reproducible, and optimal where every set of sites can be tried."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import cover_search, maximal_search

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
ORLIB = Path(__file__).parents[1] / "data" / "orlib_scp"


def random_model(
    seed: int, rows: int = 12, columns: int = 9
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Draw a relation without empty rows, and how many sites cover each row."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, columns)) < 0.3
    dense[np.arange(rows), rng.integers(0, columns, rows)] = True
    return dense.astype(int), dense.sum(axis=1), rng


def subsets(fixed: np.ndarray) -> np.ndarray:
    """List every set of sites that holds the fixed ones."""
    every = np.array(list(itertools.product((False, True), repeat=fixed.size)))
    return every[(every | ~fixed).all(axis=1)]


def read_orlib(name: str) -> tuple[csr_array, np.ndarray]:
    """Read a set covering instance: sizes, costs, then for each row how many columns and which, from 1."""
    numbers = iter((ORLIB / f"{name}.txt").read_text().split())
    rows, columns = int(next(numbers)), int(next(numbers))
    cost = np.array([float(next(numbers)) for _ in range(columns)])
    sets = [[int(next(numbers)) - 1 for _ in range(int(next(numbers)))] for _ in range(rows)]
    indptr = np.concatenate(([0], np.cumsum([len(s) for s in sets])))
    indices = np.concatenate([np.sort(s) for s in sets])
    return csr_array((np.ones(indices.size, bool), indices, indptr), shape=(rows, columns)), cost


def check_cover_state(search: kernels.CoverSearch) -> None:
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


def check_maximal_state(search: kernels.MaximalSearch) -> None:
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
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_covers_are_optimal_where_all_can_be_tried(seed: int, costs: bool, needs: bool) -> None:
    """With and without costs, needs and fixed sites, the search ends at the best of all covers."""
    dense, most, rng = random_model(seed)
    cost = rng.integers(0, 9, 9).astype(float) if costs else np.ones(9)
    need = np.minimum(rng.integers(0, 4, 12), most) if needs else np.ones(12, int)
    fixed = rng.random(9) < 0.2
    search = kernels.CoverSearch(csr_array(dense), cost, need, fixed, seed=seed % 100)
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
    dense, most, rng = random_model(seed, 25, 15)
    need = np.minimum(rng.integers(1, 4, 25), most)
    search = kernels.CoverSearch(csr_array(dense), rng.uniform(1, 5, 15), need, seed=seed % 100)
    for steps in (0, 1, 1, 5, 40):
        search.run(steps)
        check_cover_state(search)


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_a_maximal_search_keeps_its_books(seed: int) -> None:
    """After any number of steps scores, counts and the value are what the open sites make them."""
    dense, most, rng = random_model(seed, 25, 15)
    need = np.minimum(rng.integers(1, 4, 25), most)
    weight, usage = rng.uniform(0, 5, 25), rng.uniform(1, 5, 15)
    search = kernels.MaximalSearch(csr_array(dense), weight, usage, 12.0, need, seed=seed % 100)
    for steps in (0, 1, 1, 5, 40):
        search.run(steps)
        check_maximal_state(search)


@pytest.mark.parametrize("seed", [0, 1])
def test_chunks_of_steps_change_nothing(seed: int) -> None:
    """The same seed and total of steps give the same sites, however the steps are cut; also run twice."""
    dense, most, rng = random_model(seed, 120, 60)
    need, cost = np.minimum(rng.integers(1, 3, 120), most), rng.uniform(1, 9, 60)
    relation, weight = csr_array(dense), rng.uniform(0, 9, 120)
    make = (
        lambda: kernels.CoverSearch(relation, cost, need, seed=seed),
        lambda: kernels.MaximalSearch(relation, weight, cost, 40.0, need, seed=seed),
    )
    for search in make:
        whole, cut = search(), search()
        whole.run(600)
        for steps in (1, 0, 99, 250, 250):
            cut.run(steps)
        np.testing.assert_array_equal(whole.best, cut.best)
        np.testing.assert_array_equal(whole._state[2], cut._state[2])


def test_a_cover_has_no_site_to_spare(rng: np.random.Generator) -> None:
    """From the first moment on, leaving out any site that is not fixed leaves a row uncovered."""
    dense = rng.random((80, 50)) < 0.12
    dense[np.arange(80), rng.integers(0, 50, 80)] = True
    search = kernels.CoverSearch(csr_array(dense), rng.uniform(1, 3, 50))
    for _ in range(4):
        best = search.best
        for site in np.flatnonzero(best):
            rest = best.copy()
            rest[site] = False
            assert not np.all(dense @ rest)
        search.run(50)


@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="hundreds of thousands of steps, not compiled"
)
@pytest.mark.parametrize(("name", "optimum"), [("scp41", 429), ("scp44", 494), ("scp48", 492)])
def test_or_library_optima_are_found(name: str, optimum: float) -> None:
    """Instances of Beasley's with costs are solved to their proven optima."""
    relation, cost = read_orlib(name)
    search = kernels.CoverSearch(relation, cost)
    steps = 0
    while search.cost > optimum and steps < 400_000:
        search.run(20_000)
        steps += 20_000
    assert search.cost == optimum
    assert np.all(relation @ search.best.astype(int) >= 1)


def test_a_good_start_is_kept() -> None:
    """A search that begins with the optimum is never worse; what a start leaves out is covered."""
    dense = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
    relation = csr_array(dense)
    start = np.array([False, False, True, True])
    assert kernels.CoverSearch(relation, [2, 2, 1, 1], start=start).cost == 2.0
    half = kernels.CoverSearch(relation, [2, 2, 1, 1], start=np.array([False, False, True, False]))
    assert np.all(dense @ half.best >= 1)
    begun = kernels.MaximalSearch(relation, [1, 1, 1, 1], None, 2, start=np.array([True] * 4))
    assert begun.best.sum() <= 2


def test_rows_that_fixed_sites_satisfy_ask_for_nothing() -> None:
    """Where fixed sites do all, nothing else is opened, and a run changes nothing."""
    relation = csr_array(np.ones((3, 2), dtype=bool))
    search = kernels.CoverSearch(relation, [5, 1], fixed=np.array([True, False]))
    assert search.run(10) == 5.0
    assert search.best.tolist() == [True, False]


def test_a_row_that_cannot_be_covered_is_named() -> None:
    """The first row with fewer sites than it needs is in the message; so is a negative number of steps."""
    relation = csr_array(np.array([[1, 1], [1, 0]], dtype=bool))
    with pytest.raises(InputError, match="row 1 needs 2 stations, but only 1 sites cover it"):
        kernels.CoverSearch(relation, need=[2, 2])
    with pytest.raises(InputError, match="steps must be 0 or more"):
        kernels.CoverSearch(relation).run(-1)
    with pytest.raises(InputError, match="fixed must be 2 booleans"):
        kernels.CoverSearch(relation, fixed=[0, 1])
    assert not kernels.CoverSearch(relation).best.flags.writeable


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_most_weight_where_all_can_be_tried(seed: int, budget: bool, needs: bool) -> None:
    """By number or budget, with and without needs and fixed sites, the search ends at the most weight."""
    dense, _, rng = random_model(seed)
    weight = rng.integers(0, 20, 12).astype(float)
    usage = rng.integers(1, 9, 9).astype(float) if budget else np.ones(9)
    need = rng.integers(0, 3, 12) if needs else np.ones(12, int)
    fixed = rng.random(9) < 0.15
    limit = float(usage[fixed].sum()) + (9.0 if budget else 3.0)
    search = kernels.MaximalSearch(csr_array(dense), weight, usage, limit, need, fixed, seed=seed % 100)
    search.run(600)
    allowed = [chosen for chosen in subsets(fixed) if usage @ chosen <= limit]
    assert search.weight == max(weight[dense @ chosen >= need].sum() for chosen in allowed)
    assert search.weight == weight[dense @ search.best >= need].sum()
    assert usage @ search.best <= limit
    assert np.all(search.best[fixed])


def test_rows_that_must_be_covered_come_first() -> None:
    """A row whose weight is above that of all others together is covered, though two others weigh more."""
    relation = csr_array(np.array([[1, 0], [0, 1], [0, 1]], dtype=bool))
    search = kernels.MaximalSearch(relation, [1000.0, 5.0, 5.0], None, 1)
    search.run(10)
    assert search.best.tolist() == [True, False]


def test_a_budget_may_be_used_up_to_the_last_cent() -> None:
    """Three sites at 0.1 fit into 0.3 although 0.1 + 0.1 + 0.1 is more in binary."""
    relation = csr_array(np.eye(3, dtype=bool))
    search = kernels.MaximalSearch(relation, [1, 1, 1], [0.1, 0.1, 0.1], 0.3)
    assert search.weight == 3.0


def test_free_sites_and_weightless_rows() -> None:
    """Sites that use nothing are opened under a limit of 0; without any weight nothing is."""
    relation = csr_array(np.eye(3, dtype=bool))
    free = kernels.MaximalSearch(relation, [1, 1, 1], [0, 1, 0], 0)
    assert free.best.tolist() == [True, False, True]
    nothing = kernels.MaximalSearch(relation, [0, 0, 0], None, 3)
    assert nothing.run(5) == 0.0
    assert not nothing.best.any()


def test_no_rows_and_no_sites() -> None:
    """Nothing to cover costs nothing; nothing to open covers nothing."""
    assert kernels.CoverSearch(csr_array((0, 3), dtype=bool)).run(5) == 0.0
    assert kernels.MaximalSearch(csr_array((2, 0), dtype=bool), [1, 1], None, 3).run(5) == 0.0
    assert kernels.MaximalSearch(csr_array((0, 3), dtype=bool), [], None, 3).run(5) == 0.0


def test_a_limit_below_the_fixed_sites_is_refused() -> None:
    """Fixed sites that use more than the limit, and limits that are no numbers, are InputErrors."""
    relation = csr_array(np.eye(2, dtype=bool))
    with pytest.raises(InputError, match="less than what the fixed sites use"):
        kernels.MaximalSearch(relation, [1, 1], None, 1, fixed=np.array([True, True]))
    with pytest.raises(InputError, match="not finite"):
        kernels.MaximalSearch(relation, [1, 1], None, np.nan)
    with pytest.raises(InputError, match="steps must be 0 or more"):
        kernels.MaximalSearch(relation, [1, 1], None, 1).run(-1)
    assert not kernels.MaximalSearch(relation, [1, 1], None, 1).best.flags.writeable


@pytest.mark.parametrize("module", [cover_search, maximal_search])
def test_random_numbers_are_even(module: object) -> None:
    """Each of ten numbers comes up about as often as the others."""
    record = np.zeros(1, module._SEARCH)
    record["random"] = 12345
    with np.errstate(over="ignore"):
        counts = np.bincount([module._draw(record, 10) for _ in range(5000)], minlength=10)
    assert counts.size == 10
    assert 380 < counts.min() <= counts.max() < 620
