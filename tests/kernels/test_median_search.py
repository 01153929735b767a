"""p-median search: reproducible, optimal where every set of sites can be tried, and on known graphs."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_relations import OPTIMA, orlib_median, subsets

from chargeplan.errors import InputError
from chargeplan.kernels import median_search
from chargeplan.kernels.median_search import MedianSearch

COMPILED = os.environ.get("NUMBA_DISABLE_JIT") != "1"
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40 if COMPILED else 10)
SMALL = ("pmed1", "pmed2", "pmed3", "pmed4", "pmed5", "pmed6", "pmed10", "pmed15")


def random_distances(seed: int, points: int = 12, sites: int = 8) -> tuple[np.ndarray, np.random.Generator]:
    """Draw distances between random places, in whole metres, so that sums are exact and ties occur."""
    rng = np.random.default_rng(seed)
    demand, place = rng.integers(0, 20, (points, 1, 2)), rng.integers(0, 20, (sites, 2))
    return np.rint(np.linalg.norm(demand - place, axis=2)), rng


def cost_of(distance: np.ndarray, weight: np.ndarray, chosen: np.ndarray) -> float:
    """Return the weighted distance to the nearest of the chosen sites."""
    return float(weight @ distance[:, chosen].min(axis=1))


def least(distance: np.ndarray, weight: np.ndarray, stations: int, fixed: np.ndarray) -> float:
    """Return the least cost of any set of sites of that number."""
    plans = subsets(fixed)
    return min(cost_of(distance, weight, plan) for plan in plans[plans.sum(axis=1) == stations])


def check_books(search: MedianSearch) -> None:
    """Recompute from scratch what the search keeps up to date step by step."""
    distance, near, reach, points, slots, record = search._state
    opened = slots["site"]
    to_open = distance[opened].T.astype(float)
    np.testing.assert_array_equal(near, to_open)
    in_order = np.sort(to_open, axis=1)
    np.testing.assert_array_equal(points["near"], in_order[:, 0])
    np.testing.assert_array_equal(to_open[np.arange(len(points)), points["nearest"]], in_order[:, 0])
    assert len(set(opened.tolist()) | set(search._closed.tolist())) == len(distance)
    second = in_order[:, 1] if opened.size > 1 else np.full(len(points), distance.max())
    np.testing.assert_array_equal(reach, second)
    away = points["weight"] * (second - in_order[:, 0])
    loss = np.bincount(points["nearest"], weights=away, minlength=opened.size)
    np.testing.assert_allclose(slots["loss"], loss, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(slots["kept"], 0.0)
    np.testing.assert_allclose(record["cost"], points["weight"] @ in_order[:, 0])


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.booleans())
def test_medians_are_optimal_where_all_can_be_tried(seed: int, stations: int, weighted: bool) -> None:
    """With and without weights and fixed sites, the search ends at the best of all sets of that size."""
    distance, rng = random_distances(seed)
    weight = rng.integers(0, 9, 12).astype(float) if weighted else np.ones(12)
    fixed = np.zeros(8, bool)
    fixed[rng.permutation(8)[: rng.integers(0, min(stations, 3) + 1)]] = True
    search = MedianSearch(distance, weight if weighted else None, stations, fixed, seed=seed % 100)
    search.run(400)
    assert search.cost == least(distance, weight, stations, fixed)
    assert search.cost == cost_of(distance, weight, search.best) == -search.score
    assert search.best.sum() == stations
    assert np.all(search.best[fixed])


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 15), st.booleans())
def test_a_median_search_keeps_its_books(seed: int, stations: int, single: bool) -> None:
    """After any number of steps nearest and second nearest sites, losses and costs are what they must be."""
    rng = np.random.default_rng(seed)
    distance = rng.uniform(0, 9, (25, 15)).astype(np.float32 if single else np.float64)
    weight = rng.uniform(0, 5, 25)
    search = MedianSearch(distance, weight, stations, seed=seed % 100)
    for steps in (0, 1, 1, 5, 40, 300):
        before = search.cost
        assert search.run(steps) <= before
        check_books(search)
        np.testing.assert_allclose(search.cost, cost_of(distance.astype(float), weight, search.best))


def test_chunks_of_steps_change_nothing() -> None:
    """The same seed and total of steps give the same sites, however the steps are cut."""
    rng = np.random.default_rng(3)
    distance, weight = rng.uniform(0, 9, (90, 60)), rng.uniform(0, 5, 90)
    whole, cut, other = (MedianSearch(distance, weight, 9, seed=seed) for seed in (5, 5, 6))
    whole.run(1500)
    other.run(1500)
    for steps in (1, 0, 99, 700, 700):
        cut.run(steps)
    np.testing.assert_array_equal(whole.best, cut.best)
    for one, two in zip(whole._state, cut._state, strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.any(whole._state[-2]["site"] != other._state[-2]["site"])


def test_single_precision_and_fortran_order_are_taken_as_they_are() -> None:
    """Neither is copied, and whole metres give the same answer in either precision."""
    distance, _ = random_distances(8, 40, 20)
    answers = []
    for dtype in (np.float32, np.float64):
        by_site = np.asfortranarray(distance, dtype)
        search = MedianSearch(by_site, None, 4, seed=1)
        assert np.shares_memory(search._state[0], by_site)
        search.run(200)
        answers.append(search.best)
    np.testing.assert_array_equal(*answers)
    integers = MedianSearch(distance.astype(int), None, 4, seed=1)
    integers.run(200)
    np.testing.assert_array_equal(integers.best, answers[0])


def test_the_first_site_is_the_median_of_all() -> None:
    """Greedy adding begins with the single best site and goes on with what helps most."""
    distance = np.array([[0.0, 2, 9], [5, 2, 9], [9, 9, 0]])
    assert MedianSearch(distance, None, 1).best.tolist() == [False, True, False]
    assert MedianSearch(distance, None, 2).best.tolist() == [False, True, True]


def test_a_start_is_taken_as_far_as_the_number_goes() -> None:
    """A search that begins with the optimum is never worse; fixed sites come first."""
    distance, _ = random_distances(4, 30, 10)
    best = MedianSearch(distance, None, 3, seed=2)
    best.run(2000)
    begun = MedianSearch(distance, None, 3, start=best.best)
    assert begun.cost <= best.cost
    fixed = np.arange(10) == 9
    full = MedianSearch(distance, None, 3, fixed, start=np.ones(10, bool))
    assert full.best.sum() == 3
    assert full.best[9]


def test_forbidden_pairs_by_a_fine() -> None:
    """Distances far above all others keep pairs apart, and the search does not boil over them."""
    for seed in range(8):
        distance, rng = random_distances(seed)
        forbidden = rng.random(distance.shape) < 0.4
        forbidden[np.arange(12), rng.integers(0, 8, 12)] = False
        distance[forbidden] = 1e7
        search = MedianSearch(distance, None, 4, seed=seed)
        search.run(600)
        assert search.cost == least(distance, np.ones(12), 4, np.zeros(8, bool))


def test_nothing_to_decide() -> None:
    """Without points nothing costs anything; where all sites are open or fixed, a run changes nothing."""
    assert MedianSearch(np.empty((0, 3)), None, 2).run(5) == 0.0
    distance = np.array([[1.0, 2], [3, 1]])
    assert MedianSearch(distance, None, 2).run(5) == 2.0
    fixed = MedianSearch(distance, [1, 2], 1, np.array([True, False]))
    assert fixed.run(5) == 7.0
    assert not fixed.best.flags.writeable


def test_wrong_arguments_are_named() -> None:
    """Distances that are no distances, and numbers of stations that cannot be, are InputErrors."""
    distance = np.ones((3, 4))
    for wrong in (np.nan, np.inf, -1.0):
        with pytest.raises(InputError, match="distance must be finite and 0 or more"):
            MedianSearch(np.where(np.eye(3, 4), wrong, 1.0), None, 2)
    with pytest.raises(InputError, match=r"distance must have the shape \(N, M\), not \(3,\)"):
        MedianSearch([1, 2, 3], None, 1)
    for stations in (0, 5, 1.5):
        with pytest.raises(InputError, match="not a whole number from 1 to 4"):
            MedianSearch(distance, None, stations)
    with pytest.raises(InputError, match="not a whole number from 2 to 4"):
        MedianSearch(distance, None, 1, np.array([True, True, False, False]))
    with pytest.raises(InputError, match="weight must have the shape"):
        MedianSearch(distance, [1, 1], 1)
    with pytest.raises(InputError, match="steps must be 0 or more"):
        MedianSearch(distance, None, 1).run(-1)


@pytest.mark.skipif(not COMPILED, reason="tens of thousands of steps")
@pytest.mark.parametrize("name", SMALL)
def test_or_library_optima_are_found(name: str) -> None:
    """Instances of Beasley's are solved to their proven optima."""
    distance, stations = orlib_median(name)
    optimum = OPTIMA["orlib_pmed"]["p_median_optimal"][name]
    search = MedianSearch(distance, None, stations)
    for _ in range(300):
        if search.run(1000) <= optimum:
            break
    assert search.cost == optimum
    assert cost_of(distance, np.ones(len(distance)), search.best) == optimum


def test_random_numbers_are_even() -> None:
    """Each of ten numbers comes up about as often as the others."""
    record = np.zeros(1, median_search._SEARCH)
    record["random"] = 12345
    with np.errstate(over="ignore"):
        counts = np.bincount([median_search._draw(record, 10) for _ in range(5000)], minlength=10)
    assert counts.size == 10
    assert 380 < counts.min() <= counts.max() < 620
