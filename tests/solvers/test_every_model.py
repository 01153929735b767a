"""Every model against enumeration, on instances that leave something to the backend."""

from __future__ import annotations

from unittest import mock

import pytest
from asked_backends import Dead, asking, check
from hypothesis import given, settings
from hypothesis import strategies as st
from small_questions import QUESTIONS

from chargeplan import solvers
from chargeplan.solvers import backends


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_model_finds_what_enumeration_finds(name: str) -> None:
    """With the backend that fits."""

    @settings(max_examples=3, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 10_000))
    def holds(seed: int) -> None:
        check(QUESTIONS[name](seed), "auto")

    holds()


@pytest.mark.parametrize("name", QUESTIONS)
def test_cp_sat_finds_what_enumeration_finds(name: str) -> None:
    """Or says that it takes no fractions."""
    for seed in asking(name):
        check(QUESTIONS[name](seed), "ortools:cp-sat")


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
