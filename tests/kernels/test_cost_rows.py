"""Rows in order of cost: against plain Python, enumeration, and what dual ascent promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from chargeplan.errors import InputError
from chargeplan.kernels import cost_rows
from chargeplan.kernels.cost_rows import CostRows, DualAscent


def drawn(seed: int, points: int = 12, sites: int = 7) -> tuple[CostRows, np.ndarray, np.ndarray]:
    """Rows, the table that they are of, and opening costs; with ties and missing pairs now and then."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 20, (points, sites)) + (seed % 2) * rng.random((points, sites))
    table[(rng.random(table.shape) < 0.3) & (np.arange(sites) != rng.integers(0, sites, points)[:, None])] = (
        np.inf
    )
    order = np.argsort(table, axis=1, kind="stable")
    cost = np.take_along_axis(table, order, axis=1)
    keep = np.isfinite(cost)
    first = np.concatenate(([0], np.cumsum(keep.sum(axis=1))))
    rows = CostRows(first, order[keep], cost[keep], sites)
    opening = rng.integers(0, 30, sites) * (1.0 if seed % 2 else 0.7)
    return rows, table, opening


def naive_ascent(table: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Erlenkotter's ascent by the definition: in turn, to the next cost or as far as slack allows."""
    value, slack = table.min(axis=1), opening.astype(float)
    waiting = list(range(len(table)))
    while waiting:
        still = []
        for i in waiting:
            reached = table[i] <= value[i]
            room = slack[reached].min()
            level = min(table[i][table[i] > value[i]], default=np.inf)
            grown = min(room, level - value[i])
            slack[reached] -= grown
            if room > level - value[i]:
                value[i] = level
                still.append(i)
            else:
                value[i] += grown
        waiting = still
    return value


def savings(table: np.ndarray, value: np.ndarray) -> np.ndarray:
    """By how much each site costs less than the values."""
    return np.maximum(value[:, None] - table, 0.0).sum(axis=0)


def least(table: np.ndarray, opening: np.ndarray) -> float:
    """What the cheapest plan costs, by enumeration."""
    sites = range(opening.size)
    sets = itertools.chain.from_iterable(itertools.combinations(sites, k) for k in range(1, opening.size + 1))
    return min(float(opening[list(s)].sum() + table[:, list(s)].min(axis=1).sum()) for s in sets)


@pytest.mark.parametrize("seed", range(6))
def test_sums_and_counts_are_those_of_the_table(seed: int, rng: np.random.Generator) -> None:
    """What values save, how many open sites they reach, and which pairs are within something."""
    rows, table, _ = drawn(seed)
    value, opened = rng.uniform(0, 25, len(table)), rng.random(table.shape[1]) < 0.4
    saved, read = rows.savings(value)
    np.testing.assert_allclose(saved, savings(table, value))
    assert read == (table < value[:, None]).sum()
    np.testing.assert_array_equal(rows.served(value, opened), (table < value[:, None])[:, opened].sum(axis=1))
    extra = np.where(opened, rng.uniform(0, 9, opened.size), np.inf)
    found = rows.within(value, extra, 1000)
    row = np.repeat(np.arange(len(table)), np.diff(rows.first))
    np.testing.assert_array_equal(found, np.flatnonzero(rows.cost + extra[rows.site] <= value[row]))
    assert rows.within(value, extra, found.size) is not None
    assert rows.within(value, extra, found.size - 1) is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_two_nearest_stations(seed: int, share: float, rng: np.random.Generator) -> None:
    """The two cheapest open sites of each row, and what another site would spare of closing the nearest."""
    rows, table, _ = drawn(seed)
    opened = rng.random(table.shape[1]) < share
    found = rows.nearest_two(opened)
    costs = np.where(found < 0, np.inf, rows.cost[found])
    expected = np.sort(np.where(opened, table, np.inf), axis=1)[:, :2]
    np.testing.assert_array_equal(costs, expected)
    near, following = np.where(np.isinf(costs), 99.0, costs).T
    places = np.flatnonzero(opened)
    slot = np.searchsorted(places, np.where(found[:, 0] < 0, 0, rows.site[found[:, 0]]))
    spared = np.zeros((table.shape[1], max(places.size, 1)))
    for i, j in itertools.product(range(len(table)), np.flatnonzero(~opened)):
        spared[j, slot[i]] += max(following[i] - max(near[i], table[i, j]), 0.0)
    np.testing.assert_allclose(rows.spared(opened, near, following, slot, max(places.size, 1)), spared)


@pytest.mark.parametrize("seed", range(12))
def test_the_ascent_is_erlenkotters(seed: int) -> None:
    """The values are those of the plain procedure, and what they prove no plan undercuts."""
    rows, table, opening = drawn(seed)
    ascent = DualAscent(rows, opening)
    ascent.ascend(lambda: False)
    np.testing.assert_allclose(ascent.value, naive_ascent(table, opening))
    np.testing.assert_allclose(ascent.slack, opening - savings(table, ascent.value), atol=1e-9)
    assert ascent.value.sum() <= least(table, opening) + 1e-9
    assert ascent.read > 0


@pytest.mark.parametrize("between", [1, 1 << 20])
@pytest.mark.parametrize("seed", range(12))
def test_adjustment_proves_no_less_and_nothing_false(seed: int, between: int, monkeypatch) -> None:
    """However often it looks at the clock: the sum does not fall, slack stays, no plan costs less."""
    monkeypatch.setattr(cost_rows, "_BETWEEN", between)
    rows, table, opening = drawn(seed, 30, 9)
    ascent = DualAscent(rows, opening)
    ascent.ascend(lambda: False)
    before = ascent.value.sum()
    ascent.adjust(lambda: False)
    assert before - 1e-9 <= ascent.value.sum() <= least(table, opening) + 1e-9
    assert (ascent.slack >= 0.0).all()
    np.testing.assert_allclose(ascent.slack, opening - savings(table, ascent.value), atol=1e-9)
    chosen = ascent.chosen()
    assert (ascent.slack[chosen] <= 1e-7).all()
    assert ((table <= ascent.value[:, None]) & chosen).any(axis=1).all()


def test_adjustment_gains_where_the_ascent_is_caught() -> None:
    """Of some drawn instances the adjusted values prove more, and never other than by a stop less."""
    gained = 0
    for seed in range(20):
        rows, _, opening = drawn(seed, 30, 9)
        ascent = DualAscent(rows, opening)
        ascent.ascend(lambda: False)
        before = ascent.value.sum()
        ascent.adjust(lambda: False)
        gained += ascent.value.sum() > before + 1e-6
    assert gained >= 3


@pytest.mark.parametrize("looks", [0, 1, 2, 5])
def test_it_ends_when_asked(looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at any look the values are a bound still."""
    monkeypatch.setattr(cost_rows, "_BETWEEN", 1)
    rows, table, opening = drawn(1, 30, 9)
    ascent, left = DualAscent(rows, opening), itertools.count(-looks)
    ascent.ascend(lambda: next(left) >= 0)
    ascent.adjust(lambda: next(left) >= 0)
    assert next(left) <= 3
    assert (opening - savings(table, ascent.value) >= -1e-9).all()


def test_nothing_to_serve() -> None:
    """Without demand points there is nothing to raise."""
    rows = CostRows(np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0), 3)
    ascent = DualAscent(rows, np.ones(3))
    ascent.ascend(lambda: False)
    ascent.adjust(lambda: False)
    assert (ascent.value.size, ascent.chosen().any(), rows.nearest_two(np.ones(3, bool)).shape) == (
        0,
        False,
        (0, 2),
    )


def test_wrong_arguments_are_named() -> None:
    """Arrays that do not fit together."""
    first, site, cost = np.array([0, 2]), np.array([0, 1]), np.array([1.0, 2.0])
    for wrong in ((first[:1], site, cost), (first + 1, site, cost), (np.array([0, 3, 2]), site, cost)):
        with pytest.raises(InputError, match="first"):
            CostRows(*wrong, 2)
    with pytest.raises(InputError, match="site"):
        CostRows(first, site, cost, 1)
    with pytest.raises(InputError, match="no pair"):
        DualAscent(CostRows(np.array([0, 2, 2]), site, cost, 2), np.ones(2))
    with pytest.raises(InputError, match="opening"):
        DualAscent(CostRows(first, site, cost, 2), np.ones(3))
    with pytest.raises(InputError, match="values of the shape"):
        CostRows(first, site, cost, 2).savings(np.ones(3))
