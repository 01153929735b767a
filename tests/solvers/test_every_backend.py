"""Every model by the backends that run in workers, on instances that leave something to them."""

from __future__ import annotations

import pytest
from asked_backends import asking, check
from small_questions import QUESTIONS

IN_WORKERS = ("ortools:scip", "ortools:highs", "pulp:cbc")


@pytest.mark.parametrize("backend", IN_WORKERS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_backends_in_workers_find_what_enumeration_finds(name: str, backend: str) -> None:
    """One question each, since a process takes its time to start."""
    check(QUESTIONS[name](asking(name)[0]), backend)
