"""Search in rooms: the flow always is one, and the sites are the cheapest where every set can be tried."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array
from small_relations import random_relation, subsets

from chargeplan.errors import InputError
from chargeplan.kernels import room_search
from chargeplan.kernels.room_prices import RoomPrices
from chargeplan.kernels.room_search import RoomSearch

COMPILED = os.environ.get("NUMBA_DISABLE_JIT") != "1"
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40 if COMPILED else 10)


def can_serve(dense: np.ndarray, demand: np.ndarray, capacity: np.ndarray, chosen: np.ndarray) -> bool:
    """Hall's condition: no set of rows asks for more than its open sites hold; idle rows need one."""
    if not dense[:, chosen].any(axis=1).all():
        return False
    for mask in range(1 << chosen.size):
        left = chosen & (mask >> np.arange(chosen.size) & 1 == 0)
        only = ~dense[:, left].any(axis=1)  # rows that nothing but the masked sites may serve
        if demand[only].sum() > capacity[chosen & ~left].sum():
            return False
    return True


def random_rooms(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Relation, demand, capacity, cost and sites given; all sites together hold the demand."""
    dense, _, rng = random_relation(seed, 10, 7)
    demand = rng.integers(0, 9, 10)
    demand[rng.random(10) < 0.2] = 0
    capacity = rng.integers(0, 30, 7)
    while not can_serve(dense.astype(bool), demand, capacity, np.ones(7, bool)):
        capacity += rng.integers(0, 9, 7)
    return dense, demand, capacity, rng.integers(0, 9, 7).astype(float), rng.random(7) < 0.15


def check_flow(search: RoomSearch, dense: np.ndarray, demand: np.ndarray, capacity: np.ndarray) -> None:
    """Recompute from scratch what the search keeps up to date step by step."""
    rows, row_places, sites, pairs, _, covered, _, _, record = search._state
    loaded = np.flatnonzero(demand > 0)
    assert (pairs["flow"] >= 0).all()
    np.testing.assert_array_equal(np.bincount(pairs["row"], pairs["flow"], rows.size), demand[loaded])
    load = np.bincount(pairs["site"], pairs["flow"], sites.size)
    np.testing.assert_array_equal(load[:-1] + sites["room"][:-1], np.minimum(capacity, demand.sum()))
    assert (load[~sites["open"]] == 0).all()
    assert (sites["room"] >= 0).all()
    assert dense[loaded[pairs["row"][: row_places.size]], pairs["site"][: row_places.size]].all()
    assert (dense @ sites["open"][:-1] > 0).all()
    assert sites["open"][sites["given"]].all()
    assert (covered >= 1).all()
    np.testing.assert_allclose(record["cost"], sites["cost"] @ sites["open"])
    np.testing.assert_array_equal(sites["best"][:-1], search.best)


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_rooms_are_the_cheapest_where_all_can_be_tried(seed: int) -> None:
    """With rows that ask for nothing, sites that hold nothing and sites given, it ends at the best set."""
    dense, demand, capacity, cost, fixed = random_rooms(seed)
    search = RoomSearch(csr_array(dense), demand, capacity, cost, fixed, seed=seed % 100)
    search.run(400)
    relation = dense.astype(bool)
    plans = [chosen for chosen in subsets(fixed) if can_serve(relation, demand, capacity, chosen)]
    assert search.cost == min(cost @ chosen for chosen in plans)
    assert can_serve(relation, demand, capacity, search.best)
    check_flow(search, dense, demand, capacity)


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_a_room_search_keeps_its_books(seed: int) -> None:
    """After any number of steps flows, rooms and counts are what the rows and the open sites make them."""
    dense, _, rng = random_relation(seed, 40, 20)
    demand = rng.integers(0, 50, 40) * (rng.random(40) < 0.8)
    capacity = np.full(20, int(demand.sum()))
    capacity[rng.random(20) < 0.5] //= 6
    capacity[dense[(dense.sum(axis=1) == 1)].any(axis=0)] = demand.sum()
    try:
        search = RoomSearch(csr_array(dense), demand, capacity, rng.uniform(1, 5, 20), seed=seed % 100)
    except InputError:
        assert not can_serve_all(dense, demand, capacity)
        return
    for steps in (0, 1, 1, 5, 40):
        search.run(steps)
        check_flow(search, dense, demand, capacity)


def can_serve_all(dense: np.ndarray, demand: np.ndarray, capacity: np.ndarray) -> bool:
    """Whether all sites hold all demand, as a linear program tells."""
    rows, sites = dense.shape
    place = np.arange(rows * sites)
    whole = csr_array((np.ones(place.size), (place // sites, place)), shape=(rows, place.size))
    held = csr_array((np.ones(place.size), (place % sites, place)), shape=(sites, place.size))
    most = np.where(dense.ravel() > 0, demand.sum(), 0)
    limits = np.column_stack((np.zeros(place.size), most))
    return linprog(np.zeros(place.size), held, capacity, whole, demand, limits).status == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_chunks_of_room_steps_change_nothing(seed: int) -> None:
    """The same seed and total of steps give the same sites and flows, however the steps are cut."""
    dense, _, rng = random_relation(seed, 60, 30)
    demand, cost = rng.integers(1, 9, 60), rng.uniform(1, 9, 30)
    capacity = np.full(30, 60)
    whole, cut = (RoomSearch(csr_array(dense), demand, capacity, cost, seed=seed) for _ in range(2))
    whole.run(200)
    for steps in (1, 0, 99, 100):
        cut.run(steps)
    for one, other in zip(whole._state, cut._state, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.read == cut.read > 0
    assert whole.score == -whole.cost


def test_what_is_promised_the_most_closes_first() -> None:
    """Of two sites that could each do alone, the one worth closing goes, whatever it costs."""
    relation, demand, capacity = csr_array(np.ones((1, 2), bool)), np.array([3]), np.array([3, 5])
    assert RoomSearch(relation, demand, capacity, [1.0, 2.0]).best.tolist() == [True, False]
    search = RoomSearch(relation, demand, capacity, [1.0, 2.0], worth=[1.0, 0.0])
    assert search.best.tolist() == [False, True]
    search.aim([0.0, 1.0])
    assert search.run(50) == 1.0
    assert not search.best.flags.writeable


def test_a_full_journal_ends_a_step_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is little room to note changes, every step still leaves a flow."""
    if COMPILED:
        pytest.skip("constants are compiled in")
    monkeypatch.setattr(room_search, "_JOURNAL", 2 * room_search._LONGEST)
    dense, _, rng = random_relation(5, 60, 30)
    demand, capacity = rng.integers(1, 9, 60), np.full(30, 60)
    search = RoomSearch(csr_array(dense), demand, capacity, rng.uniform(1, 9, 30))
    search.run(60)
    check_flow(search, dense, demand, capacity)


def test_rooms_without_rows_and_wrong_arguments() -> None:
    """Nothing to serve costs nothing; what cannot be served, and what is no whole number, is refused."""
    none = RoomSearch(csr_array((0, 2), dtype=bool), np.zeros(0, np.int64), np.zeros(2, np.int64))
    assert none.run(3) == 0.0
    relation = csr_array(np.ones((2, 2), bool))
    one, two = np.ones(2, np.int64), np.array([2, 0])
    assert RoomSearch(relation, one, two).run(5) == 1.0
    with pytest.raises(InputError, match="cannot serve all rows"):
        RoomSearch(relation, 2 * one, one)
    with pytest.raises(InputError, match="cannot serve all rows"):
        RoomSearch(csr_array(np.array([[1, 1], [0, 0]], bool)), np.array([1, 0]), one)
    with pytest.raises(InputError, match="capacity must be 2 integers"):
        RoomSearch(relation, one, np.ones(2))
    with pytest.raises(InputError, match="demand must be 2 integers"):
        RoomSearch(relation, -one, one)
    with pytest.raises(InputError, match="steps must be 0 or more"):
        RoomSearch(relation, one, two).run(-1)


def filled_naively(
    cost: np.ndarray, demand: np.ndarray, capacity: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each site saves, its price, and the share of each row, by sorting."""
    saved, price = np.zeros(capacity.size), np.zeros(capacity.size)
    share = np.zeros(cost.shape)
    for j, room in enumerate(capacity):
        gain = np.maximum(value - cost[:, j], 0.0)
        paying = gain > 0
        if demand[paying].sum() > room:
            ratio = gain * np.divide(1.0, demand, out=np.full(gain.size, 1e300), where=demand > 0)
            order = [i for i in np.argsort(-ratio, kind="stable") if paying[i]]
            load = np.cumsum(demand[order])
            price[j] = ratio[order][np.argmax(load > room)]
            above, level = paying & (ratio > price[j]), paying & (ratio == price[j])
            share[above, j] = 1.0
            share[level, j] = (room - demand[above].sum()) / demand[level].sum()
        else:
            share[paying, j] = 1.0
        saved[j] = np.maximum(gain - price[j] * demand, 0.0).sum()
    return saved, price, share


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_sites_are_filled_as_sorting_would(seed: int) -> None:
    """With ties, without demand, and step after step, prices and shares are those of a sorted knapsack."""
    rng = np.random.default_rng(seed)
    cost = np.where(rng.random((15, 6)) < 0.7, rng.integers(0, 2, (15, 6)) * 1.0, np.inf)
    cost[:, 0] = 0.0
    demand, capacity = rng.integers(0, 5, 15).astype(float), rng.integers(0, 25, 6).astype(float)
    capacity[rng.random(6) < 0.2] = np.inf
    order = np.argsort(cost, axis=1, kind="stable")
    pairs = [(i, j) for i in range(15) for j in order[i] if np.isfinite(cost[i, j])]
    row, site = np.array(pairs).T
    first = np.searchsorted(row, np.arange(16))
    rooms = RoomPrices(first, site, cost[row, site], demand, capacity)
    for _ in range(4):
        value = rng.integers(0, 6, 15) * (demand if rng.random() < 0.5 else 1.0)
        filled, worth = rooms.filled(value), rng.random(6) < 0.7
        saved, price, share = filled_naively(cost, demand, capacity, value)
        np.testing.assert_allclose(filled.saved, saved, atol=1e-9)
        np.testing.assert_array_equal(filled.price, price)
        np.testing.assert_allclose(rooms.served(value, filled, worth), share @ worth, atol=1e-12)
