"""Questions that leave something to a backend, and whether its answer is enumeration's."""

from __future__ import annotations

import functools
from unittest import mock

import numpy as np
import pytest
from small_questions import QUESTIONS, Question

from chargeplan.errors import BackendCrashed, InputError
from chargeplan.solvers import backends
from chargeplan.solvers.backends.base import Answer, Feature, Hooks
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits


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
