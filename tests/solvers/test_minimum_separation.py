"""Minimum separation: against enumeration, on cases to solve in the head, and its certificate."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_distances import Case, random_case

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.events import Event
from chargeplan.solvers.models.arrays import checked_sites
from chargeplan.solvers.separation import SeparationCertificate, SeparationInstance, certify_separation

LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))  # seven houses in a row


def instance(case: Case, separation: float) -> SeparationInstance:
    """What a certificate is checked against."""
    sites = case.distance.shape[1]
    given_sites = (checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden"))
    return SeparationInstance(case.distance, separation, case.weight, *given_sites)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), separation=st.sampled_from([0.0, 1.0, 2.0, 2.5, 4.0, 5.0, 20.0]))
def test_it_finds_and_proves_what_enumeration_finds(seed: int, separation: float) -> None:
    """Whatever the distances, weights and given sites, the optimum is enumeration's, and the plan's own."""
    case = random_case(seed, square=True)
    best = case.heaviest(separation)
    solution = solvers.minimum_separation(case.distance, separation, case.weight, threads=1, **case.given)
    if best == -np.inf:
        assert (solution.status, solution.selected) == ("infeasible", None)
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(best, rel=1e-9)
    assert solution.bound == pytest.approx(best, rel=1e-9)
    assert solution.bound >= solution.objective
    chosen = solution.selected.tolist()
    assert all(case.distance[a, b] >= separation for a in chosen for b in chosen if a < b)
    assert case.weight[chosen].sum() == solution.objective
    assert set(case.given["required"]) <= set(chosen)
    assert not set(case.given["forbidden"]) & set(chosen)
    if solution.bound_kind == "dual-certificate":
        assert solution.certificate.bound(instance(case, separation)) >= solution.bound


def test_seven_houses_in_a_row() -> None:
    """Two apart there is room for four stations, three apart for three, more than six apart for one."""
    assert solvers.minimum_separation(LINE, 2).selected.tolist() == [0, 2, 4, 6]
    assert solvers.minimum_separation(LINE, 3).objective == 3
    assert solvers.minimum_separation(LINE, 6).selected.tolist() == [0, 6]
    assert solvers.minimum_separation(LINE, 6.5).objective == 1
    assert solvers.minimum_separation(LINE, 0).objective == 7
    assert solvers.minimum_separation(LINE, 2, required=[1]).objective == 3
    assert solvers.minimum_separation(LINE, 2, forbidden=[0, 2]).objective == 3
    assert solvers.minimum_separation(LINE, 2, [1, 5, 1, 1, 1, 5, 1]).selected.tolist() == [1, 3, 5]


def test_required_sites_too_near_to_one_another_are_named() -> None:
    """Two houses next to each other cannot both be two away."""
    solution = solvers.minimum_separation(LINE, 2, required=[3, 4])
    assert (solution.status, solution.selected) == ("infeasible", None)
    assert "3 and 4 are 1 apart, not 2" in solution.notes[0]


def test_the_shorter_direction_counts() -> None:
    """One way there are 5 km, the other 3: that is too near for 4."""
    assert solvers.minimum_separation([[9.0, 5.0], [3.0, 9.0]], 4).objective == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 5.0))
def test_any_multipliers_prove_a_true_bound(seed: int, spread: float) -> None:
    """Random multipliers of random groups never prove less than enumeration reaches."""
    case = random_case(seed, square=True)
    asked = instance(case, 4.0)
    rng = np.random.default_rng(seed)
    one, other = np.nonzero(asked.excludes)
    groups = [np.array(pair) for pair in zip(one, other, strict=True)] + [np.array([0])]
    certificate = certify_separation(case.weight, groups, rng.exponential(spread, len(groups)) - 0.5)
    assert certificate.bound(asked) >= case.heaviest(4.0)


def test_a_certificate_proves_no_more_than_it_can() -> None:
    """Groups of two houses each are true where stations are two apart, not where they may be next door."""
    case = Case(LINE, np.ones(7), 0)
    groups = SeparationCertificate(0, np.array([0, 2, 4, 6, 7]), np.arange(7), np.ones(4, np.int64))
    assert groups.bound(instance(case, 2.0)) == 4
    assert groups.bound(instance(case, 1.0)) == np.inf
    assert groups.bound(instance(replace(case, given={"forbidden": [6]}), 2.0)) == 4
    two = SeparationCertificate(0, np.array([0, 2, 4]), np.arange(4), np.ones(2, np.int64))
    assert two.bound(instance(case, 2.0)) == 5  # three houses are in no group


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"separation": -1.0}, "separation"),
        ({"separation": np.nan}, "separation"),
        ({"weight": [1.0]}, "weight"),
        ({"weight": -np.ones(7)}, "weight"),
        ({"required": [0], "forbidden": [0]}, "both"),
        ({"distance": LINE[:5]}, "sites x sites"),
        ({"distance": np.where(LINE > 5, np.inf, LINE)}, "finite"),
        ({"backend": "abacus"}, "abacus"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.minimum_separation(**({"distance": LINE, "separation": 2.0} | arguments))


def scattered(sites: int) -> np.ndarray:
    """Distances between places in a square, seeded."""
    places = np.random.default_rng(1).random((sites, 2))
    return np.linalg.norm(places[:, None] - places, axis=2)


def test_limits_end_it_with_a_true_bound() -> None:
    """Cancelled, short of time or of work, there are a plan and a bound around the optimum."""
    distance = scattered(200)
    optimum = solvers.minimum_separation(distance, 0.08).objective
    cancel = threading.Event()
    cancel.set()
    for limits in ({"cancel": cancel}, {"time_limit": 0.05}, {"work_limit": 0.1}, {"gap": 0.2}):
        solution = solvers.minimum_separation(distance, 0.08, **limits)
        chosen = distance[np.ix_(solution.selected, solution.selected)]
        assert (chosen[np.triu_indices(len(chosen), 1)] >= 0.08).all()
        assert solution.objective <= optimum
        assert solution.bound is None or solution.bound >= optimum
        assert not (solution.reproducible and "cancel" in limits)


def test_events_never_get_worse() -> None:
    """Best rises and bound falls from event to event and end with the answer's."""
    events: list[Event] = []
    solution = solvers.minimum_separation(scattered(120), 0.1, on_event=events.append)
    bests = [event.best for event in events if event.best is not None]
    bounds = [event.bound for event in events if event.bound is not None]
    assert bests == sorted(bests)
    assert bounds == sorted(bounds, reverse=True)
    assert (bests[-1], bounds[-1]) == (solution.objective, solution.bound)
