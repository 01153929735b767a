"""Large-neighbourhood search: never worse, always allowed, the same every time."""

from __future__ import annotations

from dataclasses import replace

import brute_force
import numpy as np
import pytest
from random_models import random_model

from chargeplan.solvers.exact import solve_exactly
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.neighbourhood import Neighbourhoods, _in_whole_numbers
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.search import Search
from chargeplan.solvers.solution import Limits, Run


def unlimited() -> None:
    """No clock."""


def allowed_plan(model: CoveringModel) -> np.ndarray | None:
    """Any plan that the model allows: all sites open, or none, or what a search of a moment finds."""
    for plan in (~model.closed, model.opened.copy()):
        if model.allows(plan):
            return plan
    return Search(model, 0).run(0.01, Run(Limits(), maximise=model.maximise))


@pytest.mark.parametrize("seed", range(4))
def test_what_all_sites_are_near_is_solved(setting: str, seed: int) -> None:
    """On small models a neighbourhood may hold every site; the plan ends at the optimum, or never worse."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    if expected is None:
        return
    reduction = reduce(model)
    plan = allowed_plan(reduction.model) if reduction.model.cost.size else None
    if plan is None:
        return
    before = reduction.model.objective(plan)
    search = Neighbourhoods(reduction.model, plan, seed=seed)
    search.run(0.2, unlimited)
    after = reduction.model.objective(search.best)
    assert reduction.model.allows(search.best)
    full = model.objective(reduction.undo(search.best))
    if model.maximise:
        assert before <= after
        assert full <= expected + 1e-9
    else:
        assert before >= after
        assert full >= expected - 1e-9


def square(seed: int) -> CoveringModel:
    rng = np.random.default_rng(seed)
    demand, sites = rng.random((600, 2)) * 20, rng.random((200, 2)) * 20
    near = np.hypot(*(demand[:, None] - sites[None]).transpose(2, 0, 1)) < 2.0
    near = near[near.any(axis=1)]
    return brute_force.covering_model(near, cost=rng.integers(60, 160, 200).astype(float))


def test_a_poor_plan_becomes_a_good_one_the_same_with_any_threads() -> None:
    """From every site open, neighbourhoods lead to within 3 % of the optimum, whatever the threads."""
    model = reduce(square(1)).model
    ends = []
    for threads in (1, 2):
        search = Neighbourhoods(model, ~model.closed, seed=3, threads=threads)
        search.run(1.0, unlimited)
        ends.append(search.best)
    np.testing.assert_array_equal(ends[0], ends[1])
    best = solve_exactly(model.matrix(), 40.0)
    assert best.optimal
    assert model.allows(ends[0])
    assert model.objective(ends[0]) <= 1.03 * best.bound


def test_a_clock_that_has_run_out_leaves_the_plan() -> None:
    """Without time nothing is drawn."""
    model = square(2)
    search = Neighbourhoods(model, ~model.closed)
    assert search.run(5.0, lambda: 0.0) == 0.0
    assert search.best.all()
    search.restart(np.ones(model.cost.size, bool))
    assert search.best.all()


def test_sites_whose_state_is_given_keep_it() -> None:
    """Required sites stay open and forbidden ones closed."""
    model = square(3)
    opened, closed = np.zeros(200, bool), np.zeros(200, bool)
    opened[:5] = True
    served = model.coverage.astype(int) @ (np.arange(200) < 190).astype(int) > 0
    closed[190:] = True
    model = replace(model, opened=opened, closed=closed)
    rows = np.flatnonzero(served)
    model = replace(
        model,
        coverage=model.coverage[rows],
        **{name: getattr(model, name)[rows] for name in ("need", "must", "value", "group", "weight")},
    )
    search = Neighbourhoods(model, ~closed)
    search.run(0.5, unlimited)
    assert search.best[:5].all()
    assert not search.best[190:].any()
    assert model.objective(search.best) < model.objective(~closed)


def test_rounding_to_whole_numbers_keeps_solutions_true() -> None:
    """Weights, targets, budgets and costs of any decimals: what solves the rounded model solves the model."""
    rng = np.random.default_rng(4)
    for maximise in (False, True):
        coverage = rng.random((20, 10)) < 0.3
        weight = rng.random(20)
        parts = (
            {"value": weight, "maximise": True, "cost": np.zeros(10), "usage": rng.random(10), "limit": 1.7}
            if maximise
            else {"cost": rng.random(10), "group": np.zeros(20, int), "weight": weight}
        )
        if not maximise:
            parts["targets"] = np.array([0.8 * weight[coverage.any(axis=1)].sum()])
        model = brute_force.covering_model(coverage, must=np.zeros(20, bool), **parts)
        answer = solve_exactly(_in_whole_numbers(model.matrix()), 20.0)
        plan = answer.values[:10] > 0.5
        assert model.allows(plan)
        assert model.objective(plan) == pytest.approx(brute_force.best(model).objective)


def test_what_cannot_be_is_said() -> None:
    """A row that no site serves, and a model that needs more work than it is given."""
    impossible = brute_force.covering_model([[1, 0]], need=np.array([2]))
    assert solve_exactly(impossible.matrix(), 1.0).infeasible
    hurried = solve_exactly(reduce(square(1)).model.matrix(), 1e-9)
    assert not hurried.optimal
    assert hurried.bound is None or hurried.values is not None


def test_what_is_known_of_an_objective_spares_its_proof_and_changes_no_answer() -> None:
    """From its optimum as the start and its optimal value as known, a model is solved for next to nothing."""
    matrix = reduce(square(3)).model.matrix()
    plain = solve_exactly(matrix, 1e3)
    known = solve_exactly(matrix, 1e3, known=int(plain.bound) - 1)
    told = solve_exactly(matrix, 1e3, start=plain.values, known=plain.bound)
    for answer in (plain, known, told):
        assert answer.optimal
        assert answer.bound == matrix.objective @ answer.values == plain.bound
    assert told.work < plain.work
