"""The engine against enumeration, in every setting of the covering form."""

from __future__ import annotations

import threading

import brute_force
import numpy as np
import pytest
from random_models import random_model

from chargeplan.errors import InputError
from chargeplan.events import Event
from chargeplan.solvers.engine import solve
from chargeplan.solvers.solution import Limits


@pytest.mark.parametrize("seed", range(25))
def test_the_engine_finds_and_proves_what_enumeration_finds(setting: str, seed: int) -> None:
    """Whatever the setting, the optimum is enumeration's, and infeasible means that nothing is allowed."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    solution = solve(model, Limits(threads=1))
    if expected is None:
        assert solution.status == "infeasible"
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, abs=1e-9)
    assert solution.gap == pytest.approx(0.0, abs=1e-9)
    plan = np.zeros(model.cost.size, bool)
    plan[solution.selected] = True
    assert model.allows(plan)
    assert model.objective(plan) == solution.objective


@pytest.mark.parametrize("backend", ["ortools:scip", "ortools:highs", "pulp:cbc"])
def test_other_backends_find_the_same(setting: str, backend: str) -> None:
    """The backend changes no optimum."""
    model = random_model(setting, 50)
    solution = solve(model, Limits(), backend=backend)
    expected = brute_force.best(model).objective
    assert (solution.objective if solution.status == "optimal" else None) == pytest.approx(expected)


def test_events_never_get_worse_and_end_with_the_answer() -> None:
    """Best falls and bound rises from event to event of a minimisation; the last tell the solution's."""
    rng = np.random.default_rng(5)
    model = brute_force.covering_model(
        rng.random((120, 60)) < 0.08, cost=rng.integers(1, 9, 60).astype(float)
    )
    model = brute_force.covering_model(model.coverage.toarray()[~model.unreachable()], cost=model.cost)
    events: list[Event] = []
    solution = solve(model, Limits(threads=1), on_event=events.append)
    bests = [event.best for event in events if event.best is not None]
    bounds = [event.bound for event in events if event.bound is not None]
    assert bests[-1] == solution.objective
    assert min(bests) == solution.objective
    assert max(bounds) <= solution.objective + 1e-9
    assert [event.seconds for event in events] == sorted(event.seconds for event in events)


def test_a_run_cancelled_at_once_still_returns_a_plan() -> None:
    """Cancelling before the work begins leaves the first search's plan, and says that it was cut."""
    rng = np.random.default_rng(6)
    matrix = rng.random((300, 200)) < 0.03
    matrix = matrix[matrix.any(axis=1)]
    cancel = threading.Event()
    cancel.set()
    solution = solve(brute_force.covering_model(matrix), Limits(), cancel=cancel)
    assert solution.selected is not None
    assert not solution.reproducible
    assert solution.status in {"stopped", "optimal"}


def test_the_same_seed_gives_the_same_plan() -> None:
    """Two runs that end by work choose the same sites."""
    rng = np.random.default_rng(7)
    matrix = rng.random((400, 250)) < 0.02
    matrix = matrix[matrix.any(axis=1)]
    first, second = (
        solve(brute_force.covering_model(matrix), Limits(work_limit=1.5, seed=3)) for _ in range(2)
    )
    assert first.reproducible
    assert np.array_equal(first.selected, second.selected)
    assert first.bound == second.bound


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ({"gap": -0.1}, "gap"),
        ({"time_limit": 0.0}, "time_limit"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
    ],
)
def test_limits_out_of_range_are_refused(limits: dict[str, float], word: str) -> None:
    """A limit that makes no sense is named."""
    with pytest.raises(InputError, match=word):
        Limits(**limits)
