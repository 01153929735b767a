"""Local search for the engine: reproducible, and never worse with more strands."""

from __future__ import annotations

import pytest
from random_models import SETTINGS, random_model

from chargeplan.solvers.search import Search
from chargeplan.solvers.solution import Limits, Run


def value_of(search: Search, work: float) -> float | None:
    """Search for some work; return the objective of the plan, if there is one."""
    plan = search.run(work, Run(Limits(), maximise=search.model.maximise))
    return None if plan is None else search.model.objective(plan)


@pytest.mark.parametrize("setting", SETTINGS)
def test_more_strands_are_never_worse(setting: str) -> None:
    """The first of several strands is the one that goes alone; the same strands find the same plan."""
    for seed in range(4):
        model = random_model(setting, seed)
        if model.unreachable().any():
            continue
        one, two, again = (value_of(Search(model, seed, strands), 1e-4) for strands in (1, 3, 3))
        assert two == again
        if one is not None:
            assert two is not None
            assert two >= one if model.maximise else two <= one
