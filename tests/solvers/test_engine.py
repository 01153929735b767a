"""The engine against enumeration, in every setting of the covering form."""

from __future__ import annotations

import threading
import time

import brute_force
import numpy as np
import pytest
from random_models import random_model

from chargeplan import solvers
from chargeplan.errors import BackendCrashed, InputError
from chargeplan.events import Event
from chargeplan.solvers.backends.base import Answer, Hooks
from chargeplan.solvers.engine import solve
from chargeplan.solvers.matrix import MatrixModel
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


def test_a_share_reached_but_for_rounding_needs_no_further_station() -> None:
    """0.07 of 100 is a little more than 7 in binary; the required site's 7 rows reach it all the same."""
    matrix = np.zeros((100, 94), bool)
    matrix[:7, 0] = True
    matrix[np.arange(7, 100), np.arange(1, 94)] = True
    solution = solvers.set_covering(matrix, share=0.07, required=[0])
    assert (solution.status, solution.objective) == ("optimal", 1.0)


def test_a_budget_spent_to_the_last_bit_is_kept() -> None:
    """Three sites of 0.1 are a budget of 0.3, whatever binary makes of it."""
    solution = solvers.maximal_covering(np.eye(4), [1] * 4, budget=0.3, cost=[0.1] * 4, required=[0, 1, 2])
    assert (solution.status, solution.selected.tolist()) == ("optimal", [0, 1, 2])


def test_too_little_work_for_a_backend_leaves_the_certificate() -> None:
    """When CP-SAT has no time for a bound of its own, the dual certificate's stands."""
    rng = np.random.default_rng(11)
    matrix = rng.random((900, 300)) < 0.02
    solution = solvers.maximal_covering(matrix, rng.integers(1, 99, 900), stations=15, work_limit=0.01)
    assert solution.bound_kind == "dual-certificate"
    assert solution.objective <= solution.bound < 2 * solution.objective


@pytest.mark.parametrize("work", [1.0, 0.3, 0.01])
def test_any_amount_of_work_gives_a_plan(work: float) -> None:
    """Where blocks fit too, less work than the first search takes ends with the plan that it found."""
    rng = np.random.default_rng(5)
    here, there = rng.random((400, 2)), rng.random((400, 2))
    near = ((here[:, None] - there) ** 2).sum(axis=2) < 0.012
    np.fill_diagonal(near, val=True)
    cost = rng.integers(50, 100, 400) * 1.0
    one, two = (solvers.set_covering(near, cost, threads=n, work_limit=work) for n in (1, 2))
    assert near[:, one.selected].any(axis=1).all()
    assert 0.9 * one.objective < one.bound <= one.objective == two.objective
    assert one.reproducible


@pytest.mark.parametrize("scale", [1e9, 1e14])
def test_numbers_too_far_apart_for_a_certificate_lose_no_plan(scale: float) -> None:
    """Weights and costs whose ratio no whole number holds: no certificate, and a note says why."""
    rng = np.random.default_rng(0)
    near = rng.random((40, 20)) < 0.2
    weight = rng.random(40)
    cost = rng.random(20) + 0.1
    found = solvers.maximal_covering(near, weight * scale, budget=3.0 / scale, cost=cost / scale)
    plain = solvers.maximal_covering(near, weight, budget=3.0, cost=cost)
    assert found.objective == pytest.approx(plain.objective * scale, rel=1e-6)
    assert any("no certificate" in note for note in found.notes)


class _Stub:
    """A backend that claims a bound."""

    name = "stub"
    features = frozenset()

    def __init__(self, bound: float) -> None:
        self._bound = bound

    def takes(self, model: MatrixModel) -> bool:
        """Anything."""
        return True

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Answer with the start and the bound."""
        return Answer("feasible", hooks.start, float(model.objective @ hooks.start), self._bound)


@pytest.mark.parametrize(("bound", "kept"), [(1e9 * (1 + 1e-12), 1e9), (1.0001e9, 750_000_000.0)])
def test_a_backends_bound_is_not_believed_beyond_a_plan(
    bound: float, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise beyond the plan becomes the plan's value; more than noise is a wrong answer, and noted."""
    triangle = brute_force.covering_model([[1, 1, 0], [0, 1, 1], [1, 0, 1]], cost=np.full(3, 5e8))
    monkeypatch.setattr("chargeplan.solvers.backends.find", lambda _: _Stub(bound))
    solution = solve(triangle, Limits(), backend="stub")
    assert solution.objective == 1e9
    assert solution.bound == kept
    assert bool(solution.notes) == (kept < 1e9)


def test_a_run_searched_by_the_clock_does_not_promise_the_same_plan_again() -> None:
    """With seconds instead of work, how much is searched depends on the machine."""
    rng = np.random.default_rng(8)
    matrix = rng.random((500, 200)) < 0.05
    matrix = matrix[matrix.any(axis=1)]
    solution = solvers.set_covering(matrix, time_limit=1.5)
    assert solution.gap > 0.0  # whether the clock or the backend's own limit came first is chance
    assert not solution.reproducible


def test_what_a_backend_proves_at_once_is_the_same_again() -> None:
    """A small model is proven long before its seconds are over, and nothing in it asks the clock."""
    rng = np.random.default_rng(8)
    matrix = rng.random((150, 60)) < 0.1
    matrix = matrix[matrix.any(axis=1)]
    solution = solvers.set_covering(matrix, cost=rng.integers(1, 50, 60), time_limit=60)
    assert (solution.status, solution.reproducible) == ("optimal", True)


@pytest.mark.parametrize("failure", [None, BackendCrashed("ortools:glop ended with code 1")])
def test_without_the_lp_there_is_still_a_bound(
    failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the LP is cut by the clock or its process fails, dual ascent proves the bound."""

    def relax(*_: object) -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr("chargeplan.solvers.engine.relax", relax)
    rng = np.random.default_rng(9)
    matrix = rng.random((500, 200)) < 0.03
    model = brute_force.covering_model(matrix[matrix.any(axis=1)], cost=rng.integers(5, 20, 200) * 1.0)
    solution = solve(model, Limits(work_limit=1.0, gap=0.5))
    assert solution.bound_kind == "dual-certificate"
    assert solution.certificate.bound(model) == solution.bound
    assert 0.7 * solution.objective <= solution.bound <= solution.objective
    assert bool(solution.notes) == (failure is not None)


def test_a_limit_that_is_over_at_once_still_leaves_plan_and_bound() -> None:
    """With a tenth of a second, what is known by then is written, with a bound that is true."""
    rng = np.random.default_rng(10)
    matrix = rng.random((3000, 1500)) < 0.02
    model = brute_force.covering_model(matrix[matrix.any(axis=1)], cost=rng.integers(5, 20, 1500) * 1.0)
    began = time.monotonic()
    solution = solve(model, Limits(time_limit=0.1))
    assert time.monotonic() - began < 60  # an untimed run takes minutes
    assert solution.status == "stopped"
    assert 0 < solution.bound <= solution.objective
    assert not solution.reproducible


def test_numbers_that_cp_sat_cannot_write_go_to_highs_or_are_refused_before_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A share of weights of thirds: `ortools` solves it all the same; CP-SAT by name is refused up front."""
    rng = np.random.default_rng(3)
    matrix = rng.random((60, 30)) < 0.1
    matrix = matrix[matrix.any(axis=1)]
    weight = np.sqrt(rng.integers(2, 99, len(matrix)) / 3)
    wanted = {"share": 0.8, "weight": weight, "threads": 1}
    best = solvers.set_covering(matrix, backend="ortools:highs", **wanted)
    assert solvers.set_covering(matrix, backend="ortools", **wanted).objective == best.objective
    monkeypatch.setattr("chargeplan.solvers.engine.Search", None)
    with pytest.raises(InputError, match="ortools:cp-sat takes no such numbers"):
        solvers.set_covering(matrix, backend="ortools:cp-sat", **wanted)


@pytest.mark.parametrize("backend", ["ortools", "ortools:cp-sat", "auto"])
def test_values_of_any_kind_are_maximised(backend: str) -> None:
    """Kilometres of corridors are worth what they are."""
    rng = np.random.default_rng(3)
    matrix = rng.random((80, 30)) < 0.08
    worth = np.sqrt(rng.integers(2, 99, 80)) / 3
    best = solvers.maximal_covering(matrix, worth, stations=5, backend="ortools:highs")
    solution = solvers.maximal_covering(matrix, worth, stations=5, backend=backend)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(best.objective))
    assert solution.bound >= solution.objective
