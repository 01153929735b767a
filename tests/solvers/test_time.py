"""A run that is asked to stop: how soon it looks, and what it answers; counted in looks, not in seconds."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pytest
from brute_force import covering_model
from scipy.sparse import csr_array

from chargeplan import solvers
from chargeplan.solvers import asking, bounds, center, median, median_dual
from chargeplan.solvers.cliques import cliques, partition
from chargeplan.solvers.models import keywords
from chargeplan.solvers.models.keywords import Asked
from chargeplan.solvers.partition import split
from chargeplan.solvers.solution import Limits, Run

RNG = np.random.default_rng(4)
POINTS, SITES = RNG.random((20, 2)), RNG.random((9, 2))
DISTANCE = np.linalg.norm(POINTS[:, None] - SITES, axis=2)
BETWEEN = np.linalg.norm(SITES[:, None] - SITES, axis=2)
DEMAND = RNG.integers(1, 9, 20).astype(float)
CAPACITY = np.full(9, DEMAND.sum() / 3)
NEAR = RNG.random((60, 16)) < 0.25
COST = RNG.integers(3, 9, 16).astype(float)
VALUE = RNG.integers(1, 9, 60).astype(float)

QUESTIONS = {
    "set_covering": (solvers.set_covering, (NEAR, COST)),
    "partial_set_covering": (solvers.set_covering, (NEAR, COST, 0.8, VALUE)),
    "backup_covering": (solvers.set_covering, (NEAR[NEAR.sum(axis=1) > 1], COST, 1.0, None, 2)),
    "maximal_covering": (solvers.maximal_covering, (NEAR, VALUE, 4)),
    "maximal_covering_in_a_budget": (solvers.maximal_covering, (NEAR, VALUE, None, 20.0, COST)),
    "p_center": (solvers.p_center, (DISTANCE, 3)),
    "p_median": (solvers.p_median, (DISTANCE, DEMAND, 3)),
    "capacitated_p_median": (solvers.capacitated_p_median, (DISTANCE, DEMAND, 4, CAPACITY)),
    "facility_location": (solvers.facility_location, (DISTANCE, np.ones(9))),
    "capacitated_facility_location": (solvers.facility_location, (DISTANCE, np.ones(9), CAPACITY, DEMAND)),
    "capacitated_set_covering": (solvers.capacitated_set_covering, (DISTANCE < 0.5, CAPACITY, DEMAND)),
    "p_dispersion": (solvers.p_dispersion, (BETWEEN, 4)),
    "minimum_separation": (solvers.minimum_separation, (BETWEEN, 0.4)),
}


class StopsAt:
    """A cancel that is set from its so-many-th look on."""

    def __init__(self, look: int) -> None:
        self.looks, self.look = 0, look

    def is_set(self) -> bool:
        """Count the look."""
        self.looks += 1
        return self.looks > self.look


@functools.cache
def optimum(name: str) -> float:
    """What a run that nobody stops finds and proves."""
    model, arrays = QUESTIONS[name]
    solution = model(*arrays, threads=1)
    assert solution.status == "optimal"
    return solution.objective


@pytest.mark.parametrize("look", [0, 1, 3, 10, 40])
@pytest.mark.parametrize("name", list(QUESTIONS))
def test_a_run_stopped_at_any_look_has_a_plan_and_a_true_bound(name: str, look: int, monkeypatch) -> None:
    """Wherever it is stopped, in tables that are read in parts too, plan and bound enclose the optimum."""
    model, arrays = QUESTIONS[name]
    best = optimum(name)
    for room in (center, median, median_dual):
        monkeypatch.setattr(room, "_CELLS", 30)
    stopped = model(*arrays, threads=1, cancel=StopsAt(look))
    assert stopped.selected is not None
    below, above = sorted((stopped.bound, stopped.objective))
    assert below <= best * (1 + 1e-9)
    assert above >= best * (1 - 1e-9)


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_a_run_that_is_stopped_by_its_first_event_ends(name: str) -> None:
    """Whoever sets cancel on the first event gets what was known then."""
    model, arrays = QUESTIONS[name]
    cancel = threading.Event()
    solution = model(*arrays, threads=1, cancel=cancel, on_event=lambda _: cancel.set())
    assert solution.selected is not None
    assert solution.bound is not None


def test_the_limit_begins_with_the_call(monkeypatch) -> None:
    """What reading the arguments takes is taken off the time; a hundredth of it is always left."""
    asked = Asked(time_limit=10.0)
    now = [asked._asked_at + 4.0]
    monkeypatch.setattr(keywords.time, "perf_counter", lambda: now[0])
    assert asked.limits.time_limit == pytest.approx(6.0)
    now[0] += 50.0
    assert asked.limits.time_limit == pytest.approx(0.1)
    assert Asked().limits.time_limit is None


@pytest.mark.parametrize("limit", [None, 2.0])
def test_a_backend_is_asked_only_with_the_time_to_hand_the_model_over(limit: float | None) -> None:
    """Without a limit always, else for models as large as the time allows."""
    run = Run(Limits(time_limit=limit), maximise=False)
    assert asking.time_to_ask(run, 10)
    assert asking.time_to_ask(run, 10_000_000) == (limit is None)


@pytest.mark.parametrize("seconds", [None, 1.0, 1e-5])
def test_no_linear_program_is_begun_that_cannot_be_built_in_the_time(seconds, monkeypatch) -> None:
    """Its solver never hears of one that is too large for the seconds."""
    asked = []

    def answer(program, time_limit, cancel):
        asked.append(time_limit)
        return np.zeros(program.row_lower.size)

    monkeypatch.setattr(bounds.glop, "multipliers", answer)
    found = bounds.relax(covering_model(NEAR), seconds)
    assert (found is None) == (seconds == 1e-5)
    assert asked == ([] if seconds == 1e-5 else [seconds])


@pytest.mark.parametrize("look", [0, 1, 5, 10_000])
def test_a_cut_of_blocks_looks_while_it_is_made(look: int) -> None:
    """One cut of many entries takes long: it asks often on its way, and no row is lost wherever it stops."""
    near = csr_array(np.abs(np.arange(60)[:, None] / 3 - np.arange(20)) < 2)
    stop = StopsAt(look)
    whole = split(near, np.ones(60), 40.0, stop.is_set)
    assert whole.rows.tolist() == list(range(60))
    if whole.halves is not None:
        assert sorted(np.concatenate([half.rows for half in whole.halves]).tolist()) == list(range(60))
    assert (whole.halves is None) == (look == 0)
    assert stop.looks > 50 or look < 10_000


def test_groups_of_a_stopped_run_are_still_groups() -> None:
    """Sites that a stopped partition has not come to stand alone; half a cover by cliques is none."""
    groups = partition(BETWEEN, 0.6, StopsAt(3).is_set)
    assert sorted(np.concatenate(groups).tolist()) == list(range(9))
    assert all((BETWEEN[np.ix_(group, group)] < 0.6).all() for group in groups)
    assert cliques(BETWEEN, 0.6, StopsAt(3).is_set) == []
