"""Exact sums and the bound that multipliers prove, against enumeration of every plan."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeplan.audit.exact import PricedRows, PricedSites, as_written, exact_sum, proven_bound
from chargeplan.errors import InputError


def test_sums_do_not_round():
    """Ten times 0.1 is not 1 in binary, and 2^53 + 1 is not lost."""
    assert exact_sum(np.full(10, 0.1)) == 10 * Fraction(0.1) != 1
    assert exact_sum(np.array([2.0**53, 1.0, 2.0**-40])) == 2**53 + 1 + Fraction(1, 2**40)
    assert exact_sum(np.empty(0)) == 0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40))
def test_sums_are_those_of_fractions(values: list[float]) -> None:
    """From the smallest subnormal number to the greatest, of either sign."""
    assert exact_sum(np.array(values, np.float64)) == sum(map(Fraction, values))


amounts = st.floats(0.0, 1e300) | st.integers(0, 9).map(float)


@given(
    st.lists(st.tuples(st.integers(0, 2**62 - 1) | st.integers(0, 9), amounts, amounts), max_size=9),
    st.integers(0, 3) | st.integers(0, 2**1100),
    st.integers(0, 40),
    st.integers(1, 3),
)
def test_rows_that_need_not_hold_take_away_what_fractions_say(rows, price, scale, need) -> None:
    """Whatever the size of the figures, and where a row's worth is exactly what it is paid."""
    tie = (need * 2**scale, 0.0, float(need * need))  # need u = value 2^scale
    multiplier, weight, value = zip(*rows, tie, strict=True)
    part = PricedRows(
        *(np.empty(0, np.int64),) * 2,
        need=need,
        must=np.zeros(len(value), np.bool_),
        multiplier=np.array(multiplier, np.int64),
        weight=np.array(weight),
        price=price,
        target=Fraction(0),
        value=np.array(value),
    )
    nothing = np.zeros(0)
    sites = PricedSites(nothing, nothing, Fraction(0), 0, nothing.astype(bool), nothing.astype(bool))
    units = Fraction(1, 2**scale)
    terms = (
        (need * u - price * Fraction(w)) * units - Fraction(v)
        for u, w, v in zip(multiplier, weight, value, strict=True)
    )
    assert proven_bound([part], sites, scale) == sum(min(term, 0) for term in terms)


def test_a_share_is_what_is_written():
    """0.9 asks for nine tenths, so nine of ten are enough."""
    assert as_written(0.9) == Fraction(9, 10)
    assert as_written(1.0) == 1


def random_model(seed, *, maximise, n=7, m=6):
    """A required standard in full, one with a share, and when maximising an aim and a limit."""
    rng = np.random.default_rng(seed)
    parts = []
    for kind in ("full", "share", "aim" if maximise else "share"):
        row, column = np.nonzero(rng.random((n, m)) < 0.45)
        weight = rng.integers(1, 9, n).astype(float)
        need = int(rng.integers(1, 3))
        reachable = np.bincount(row[column < m - 1], minlength=n) >= need  # the last site is closed
        target = min(as_written(0.7) * exact_sum(weight), exact_sum(weight[reachable]))
        parts.append(
            PricedRows(
                row=row, column=column, need=need,
                must=reachable if kind == "full" else np.zeros(n, bool),
                multiplier=rng.integers(0, 3 << 20, n),
                weight=weight if kind == "share" else np.zeros(n),
                price=int(rng.integers(0, 2 << 18)) if kind == "share" else 0,
                target=target if kind == "share" else Fraction(0),
                value=weight if kind == "aim" else np.zeros(n),
            )
        )  # fmt: skip
    sites = PricedSites(
        cost=np.zeros(m) if maximise else rng.random(m).round(3) * 10,
        usage=np.ones(m) if maximise else np.zeros(m),
        limit=Fraction(5 if maximise else 0),
        price=int(rng.integers(0, 2 << 20)) if maximise else 0,
        opened=np.arange(m) == 0,
        closed=np.arange(m) == m - 1,
    )
    return parts, sites


def cheapest(parts, sites):
    """The least objective over every permitted plan."""
    best = None
    for state in itertools.product((False, True), repeat=sites.cost.size):
        opened = np.array(state)
        if (sites.opened & ~opened).any() or (sites.closed & opened).any():
            continue
        if exact_sum(sites.usage[opened]) > sites.limit:
            continue
        objective, allowed = exact_sum(sites.cost[opened]), True
        for part in parts:
            held = np.bincount(part.row[opened[part.column]], minlength=part.must.size) >= part.need
            allowed &= bool(held[part.must].all()) and exact_sum(part.weight[held]) >= part.target
            objective -= exact_sum(part.value[held])
        if allowed and (best is None or objective < best):
            best = objective
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("maximise", [False, True])
def test_no_plan_beats_the_proven_bound(seed, maximise):
    """Whatever the multipliers, enumeration finds no permitted plan below the bound."""
    parts, sites = random_model(seed, maximise=maximise)
    best = cheapest(parts, sites)
    assert best is not None
    assert proven_bound(parts, sites, 20) <= best


def test_the_bound_can_be_tight():
    """Two rows that each one site of cost 3 serves: prices of 3 prove that 6 is least."""
    rows = PricedRows(
        np.array([0, 1]), np.array([0, 1]), 1, np.ones(2, bool), np.array([3 << 8, 3 << 8]),
        np.zeros(2), 0, Fraction(0), np.zeros(2),
    )  # fmt: skip
    none = np.zeros(2, bool)
    sites = PricedSites(np.array([3.0, 3.0]), np.zeros(2), Fraction(0), 0, none, none)
    assert proven_bound([rows], sites, 8) == 6
    assert proven_bound([replace(rows, multiplier=np.array([4 << 8, 3 << 8]))], sites, 8) == 6


def test_great_multipliers_do_not_overflow():
    """Many multipliers just below 2^62 on one site add up exactly."""
    n, great = 1000, (1 << 62) - 1
    rows = PricedRows(
        np.arange(n),
        np.zeros(n, int),
        1,
        np.ones(n, bool),
        np.full(n, great),
        np.zeros(n),
        0,
        Fraction(0),
        np.zeros(n),
    )
    one = np.zeros(1, bool)
    sites = PricedSites(np.array([5.0]), np.zeros(1), Fraction(0), 0, one, one)
    assert proven_bound([rows], sites, 0) == 5


@pytest.mark.parametrize("wrong", [-1, 1 << 62])
def test_impossible_multipliers_are_refused(wrong):
    """A negative multiplier proves nothing."""
    rows = PricedRows(
        np.array([0]),
        np.array([0]),
        1,
        np.ones(1, bool),
        np.array([wrong]),
        np.zeros(1),
        0,
        Fraction(0),
        np.zeros(1),
    )
    one = np.zeros(1, bool)
    with pytest.raises(InputError, match="multiplier"):
        proven_bound([rows], PricedSites(np.ones(1), np.zeros(1), Fraction(0), 0, one, one), 0)
