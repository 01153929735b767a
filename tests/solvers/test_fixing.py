"""Sites closed by their prices: the optimum stays."""

from __future__ import annotations

import brute_force
import numpy as np
import pytest
from random_models import random_model

from chargeplan.instances.generators import city
from chargeplan.kernels import coverage
from chargeplan.solvers import maximal_covering
from chargeplan.solvers.ascent import ascend
from chargeplan.solvers.bounds import Relaxation, lp_certificate, relax
from chargeplan.solvers.fixing import proven, without_dear_sites
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.reduction import Reduction, reduce


def small(setting: str, seed: int) -> Reduction | None:
    """A reduced random model with a plan and something left to choose; None where there is none."""
    model = random_model(setting, seed)
    if brute_force.best(model).objective is None:
        return None
    reduction = reduce(model)
    return reduction if reduction.model.cost.size else None


def random_plan(model: CoveringModel, rng: np.random.Generator) -> np.ndarray:
    """A plan that the model allows, seldom the best."""
    tries = rng.random((200, model.cost.size)) < rng.random((200, 1))
    return next((plan for plan in tries if model.allows(plan)), brute_force.best(model).plan)


@pytest.mark.parametrize("seed", range(30))
def test_the_optimum_stays(setting: str, seed: int) -> None:
    """Whatever the multipliers and the plan, enumeration finds the same optimum in what is left."""
    reduction = small(setting, seed)
    if reduction is None:
        return
    model, rng = reduction.model, np.random.default_rng(seed)
    rows = model.need.size + model.targets.size + (model.limit is not None)
    for multipliers in (Relaxation(rng.exponential(2.0, rows)), relax(model), ascend(model)):
        for plan in (random_plan(model, rng), brute_force.best(model).plan):
            rest = without_dear_sites(model, multipliers, plan)
            found = brute_force.best(rest.model)
            assert found.objective + rest.offset == pytest.approx(brute_force.best(model).objective, abs=1e-9)
            whole = reduction.then(rest)
            undone = whole.undo(found.plan)
            assert whole.original.allows(undone)
            assert whole.original.objective(undone) == pytest.approx(found.objective + whole.offset, abs=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_what_multipliers_prove_is_true(setting: str, seed: int) -> None:
    """No plan is better than the bound, nor better than the bound and the prices of its sites."""
    reduction = small(setting, seed)
    if reduction is None:
        return
    model, rng = reduction.model, np.random.default_rng(seed)
    rows = model.need.size + model.targets.size + (model.limit is not None)
    known = proven(model, Relaxation(rng.exponential(2.0, rows)))
    for plan in rng.random((50, model.cost.size)) < 0.7:
        if model.allows(plan):
            objective = model.objective(plan) * (-1.0 if model.maximise else 1.0)
            assert objective >= known.bound + np.maximum(known.price[plan], 0.0).sum() - 1e-6


def test_a_stopped_reduction_of_what_is_left_keeps_the_optimum() -> None:
    """Asked to stop at once, fewer rows and sites drop out; the optimum is among what is left."""
    reduction = next(found for seed in range(30) if (found := small("cover", seed)) is not None)
    model, looks = reduction.model, []

    def stop() -> bool:
        looks.append(1)
        return True

    rest = without_dear_sites(model, ascend(model), brute_force.best(model).plan, stop)
    assert looks
    found = brute_force.best(rest.model)
    assert found.objective + rest.offset == pytest.approx(brute_force.best(model).objective, abs=1e-9)


@pytest.mark.slow
def test_prices_leave_little_of_a_city() -> None:
    """With a good plan, few sites of a maximal covering are left to choose; their LP proves as much."""
    demand, sites = city(3_000, 300, 9_000.0)
    model = brute_force.covering_model(
        coverage(demand, sites, 1_000.0, metric="euclidean").toarray(),
        must=np.zeros(3_000, bool),
        value=np.random.default_rng(1).integers(1, 99, 3_000) * 1.0,
        usage=np.ones(300),
        limit=12.0,
        maximise=True,
    )
    reduction = reduce(model)
    multipliers = ascend(reduction.model)
    best = optimum(reduction)
    rest = reduction.then(without_dear_sites(reduction.model, multipliers, best))
    assert rest.sites.size < 0.3 * reduction.sites.size
    bound = lp_certificate(rest, relax(rest.model)).bound(model)
    assert bound >= model.objective(reduction.undo(best))


def optimum(reduction: Reduction) -> np.ndarray:
    """The best plan of a reduced model, by the whole engine."""
    model = reduction.model
    found = maximal_covering(model.coverage, model.value, int(model.limit))
    plan = np.zeros(model.cost.size, bool)
    plan[found.selected] = True
    return plan
