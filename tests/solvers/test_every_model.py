"""Every model against enumeration, by every backend, on instances that leave something to the backend."""

from __future__ import annotations

import functools
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_questions import QUESTIONS, Question

from chargeplan import solvers
from chargeplan.errors import BackendCrashed, InputError
from chargeplan.solvers import backends
from chargeplan.solvers.backends.base import Answer, Feature, Hooks
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits

IN_WORKERS = ("ortools:scip", "ortools:highs", "pulp:cbc")


class Dead:
    """A backend that fails, and says whether it was asked."""

    name = "dead"
    features = frozenset(Feature)
    asked = False

    def takes(self, model: MatrixModel) -> bool:
        """Anything."""
        return True

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Fail."""
        self.asked = True
        raise BackendCrashed("dead, as it was to be")


def asks(question: Question) -> bool:
    """Whether reductions, search and bounds of our own leave something to a backend."""
    dead = Dead()
    with mock.patch.object(backends, "find", return_value=dead):
        try:
            question.model(**question.arguments, backend="dead", threads=1)
        except BackendCrashed:
            assert dead.asked
    return dead.asked


@functools.cache
def asking(name: str) -> list[int]:
    """Two seeds whose question a backend is asked about."""
    found = (seed for seed in range(200) if asks(QUESTIONS[name](seed)))
    return [next(found), next(found)]


def check(question: Question, backend: str) -> None:
    """The optimum is enumeration's, proven, with the sites that are given."""
    if backend == "ortools:cp-sat" and question.split:
        with pytest.raises(InputError, match="whole shares"):
            question.model(**question.arguments, backend=backend)
        return
    solution = question.model(**question.arguments, backend=backend, threads=1)
    if np.isinf(question.best):
        assert (solution.status, solution.selected) == ("infeasible", None)
        return
    assert not solution.notes
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(question.best, rel=1e-8, abs=1e-8)
    assert solution.bound == pytest.approx(question.best, rel=1e-8, abs=1e-8)
    selected = set(solution.selected.tolist())
    assert set(question.arguments.get("required", [])) <= selected
    assert not set(question.arguments.get("forbidden", [])) & selected


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_model_finds_what_enumeration_finds(name: str) -> None:
    """With the backend that fits."""

    @settings(max_examples=4, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 10_000))
    def holds(seed: int) -> None:
        check(QUESTIONS[name](seed), "auto")

    holds()


@pytest.mark.parametrize("name", QUESTIONS)
def test_cp_sat_finds_what_enumeration_finds(name: str) -> None:
    """Or says that it takes no fractions."""
    for seed in asking(name):
        check(QUESTIONS[name](seed), "ortools:cp-sat")


@pytest.mark.parametrize("backend", IN_WORKERS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_backends_in_workers_find_what_enumeration_finds(name: str, backend: str) -> None:
    """One question each, since a process takes its time to start."""
    check(QUESTIONS[name](asking(name)[0]), backend)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_backend_that_fails_leaves_a_true_bound(name: str) -> None:
    """Where a plan is known it stands, with a bound on the right side of the optimum, and a note says why."""
    question = QUESTIONS[name](asking(name)[1])
    dead = Dead()
    with mock.patch.object(backends, "find", return_value=dead):
        solution: solvers.Solution = question.model(**question.arguments, backend="dead", threads=1)
    assert "dead" in solution.notes[0]
    assert solution.status in {"feasible", "stopped"}
    least, most = sorted((solution.objective, solution.bound))
    assert least - 1e-8 <= question.best <= most + 1e-8
