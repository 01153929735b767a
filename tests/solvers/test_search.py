"""Local search for the engine: reproducible, and never worse with more strands."""

from __future__ import annotations

import brute_force
import numpy as np
import pytest
from random_models import SETTINGS, random_model

from chargeplan.solvers.bounds import multipliers, relax
from chargeplan.solvers.engine import solve
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.search import CoreSearch, Search, core
from chargeplan.solvers.solution import Limits, Run
from chargeplan.solvers.target_search import TargetSearch


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


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_of_the_core_is_a_plan_of_the_whole(setting: str, seed: int) -> None:
    """The sites that the LP points to serve every row; what they make is allowed and never too good."""
    model = random_model(setting, seed)
    optimum = brute_force.best(model).objective
    reduction = reduce(model)
    small = reduction.model
    if optimum is None or small.limit is not None or not small.cost.size:
        return
    search = CoreSearch(small, multipliers(small, relax(small))[0], seed)
    plan = search.run(1e-3, Run(Limits(), maximise=False))
    assert plan is not None
    assert small.allows(plan)
    assert not np.delete(plan, search.sites).any()
    assert model.objective(reduction.undo(plan)) >= optimum


def test_the_core_is_smaller_and_leaves_every_row_a_choice() -> None:
    """Dear sites stay outside; rows keep at least five sites, or as many as they need, or all they have."""
    rng = np.random.default_rng(2)
    matrix = rng.random((80, 600)) < 0.05
    need = rng.integers(1, 8, 80)
    model = brute_force.covering_model(matrix, cost=rng.integers(1, 100, 600) * 1.0, need=need)
    sites = core(model, multipliers(model, relax(model))[0])
    assert sites.size < 400
    assert (matrix[:, sites].sum(axis=1) >= np.minimum(np.maximum(need, 5), matrix.sum(axis=1))).all()


def test_large_models_are_searched_by_their_core_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the core's search beside the whole's the same work gives the same plan, on any threads."""
    monkeypatch.setattr("chargeplan.solvers.engine._SMALL", 100)
    rng = np.random.default_rng(5)
    model = brute_force.covering_model(rng.random((80, 300)) < 0.05, cost=rng.integers(1, 3, 300) * 1.0)
    one, two = (solve(model, Limits(work_limit=0.5, threads=threads)) for threads in (1, 2))
    assert one.objective == two.objective
    assert one.bound <= one.objective
    assert one.reproducible
    assert two.reproducible


def partial(rows: int, sites: int, seed: int, share: float, **parts: np.ndarray) -> CoveringModel:
    """A model whose one target is a share of the weight."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((rows, sites)) < 0.15
    matrix[np.arange(rows), rng.integers(0, sites, rows)] = True
    weight = rng.random(rows) * 9.0
    given = {"cost": rng.integers(1, 9, sites) * 1.0} | parts
    none = np.zeros(rows, bool)
    return brute_force.covering_model(
        matrix,
        must=none,
        group=np.zeros(rows, int),
        weight=weight,
        targets=share * weight.sum(keepdims=True),
        **given,
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_targets_search_finds_the_cheapest_sites(seed: int) -> None:
    """From the dearest plan it reaches what enumeration does, with needs above 1 and free sites too."""
    rng = np.random.default_rng(seed)
    need = rng.integers(1, 3, 12) if seed % 2 else np.ones(12, int)
    model = partial(12, 10, seed, 0.7, cost=rng.integers(0, 9, 10) * 1.0, need=need)
    everything = np.ones(10, bool)
    if not model.allows(everything):
        return
    search = TargetSearch(model, everything, seed)
    search.run(60_000)
    assert model.allows(search.best)
    assert model.objective(search.best) == -search.score == brute_force.best(model).objective


def test_a_targets_search_is_the_same_in_however_many_runs() -> None:
    """Steps add up, and costs only fall."""
    model = partial(80, 60, 3, 0.8, cost=np.random.default_rng(3).random(60) + 0.5)
    one, two = (TargetSearch(model, np.ones(60, bool), 7) for _ in range(2))
    one.run(20_000)
    costs = [two.run(steps) for steps in (1, 2_499, 700, 6_800, 9_999, 1)]
    np.testing.assert_array_equal(one.best, two.best)
    assert costs == sorted(costs, reverse=True)


def test_a_share_is_not_searched_as_a_cover_of_all() -> None:
    """Where a share is asked, what is found costs well below the cheapest cover of every row."""
    model = partial(120, 90, 1, 0.8)
    search = Search(model, 0)
    plan = search.run(0.05, Run(Limits(), maximise=False))
    assert model.allows(plan)
    whole = brute_force.covering_model(model.coverage.toarray(), cost=model.cost)
    assert model.objective(plan) < 0.8 * solve(whole, Limits(work_limit=1.0)).bound
