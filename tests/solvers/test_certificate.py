"""Certificates prove bounds: never above the optimum, and as good as the LP."""

from __future__ import annotations

import brute_force
import numpy as np
import pytest
from random_models import random_model
from scipy.optimize import linprog

from chargeplan.solvers.bounds import Relaxation, lp_certificate, relax
from chargeplan.solvers.certificate import certify
from chargeplan.solvers.reduction import reduce


@pytest.mark.parametrize("seed", range(30))
def test_any_multipliers_prove_a_true_bound(setting: str, seed: int) -> None:
    """Random multipliers, good or bad, never prove more than enumeration reaches."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    if expected is None:
        return
    rng = np.random.default_rng(seed)
    bound = certify(
        model, rng.exponential(2, model.need.size), rng.exponential(1, model.targets.size), rng.exponential(1)
    ).bound(model)
    assert bound >= expected if model.maximise else bound <= expected


@pytest.mark.parametrize("seed", range(30))
def test_the_lp_certificate_is_as_good_as_the_lp(setting: str, seed: int) -> None:
    """On the original rows, the LP's multipliers prove the reduced LP's value, up to rounding."""
    model = random_model(setting, seed)
    if brute_force.best(model).objective is None or (model.need > 1).any():
        return  # with backup, reduction itself tightens the LP
    reduction = reduce(model)
    if not reduction.model.cost.size:
        return
    matrix = reduction.model.matrix()
    relaxation = relax(reduction.model)
    value = float(matrix.objective @ relaxation.values) + reduction.offset
    bound = lp_certificate(reduction, relaxation).bound(model)
    if model.maximise:
        assert bound <= np.floor(value + 1e-6) + 1e-9
    else:
        assert bound >= np.ceil(value - 1e-6) - 1e-9


def test_numbers_that_no_float_holds_exactly_are_rounded_to_the_safe_side() -> None:
    """With costs of a third and weights of a tenth, the bound stays below the optimum by 0 to 1e-6."""
    model = brute_force.covering_model(
        [[1, 0], [0, 1], [1, 1]],
        cost=np.array([1 / 3, 1 / 7]),
        must=np.zeros(3, bool),
        group=np.zeros(3, int),
        weight=np.array([0.1, 0.2, 0.3]),
        targets=np.array([0.6 * (1 - 1e-12)]),
    )
    optimum = brute_force.best(model).objective
    program = model.matrix()
    answer = linprog(
        program.objective,
        A_ub=-program.rows,
        b_ub=-program.row_lower,
        bounds=np.stack((program.lower, program.upper), 1),
    )
    multipliers = -answer.ineqlin.marginals
    bound = certify(model, multipliers[:3], multipliers[3:], 0.0).bound(model)
    assert optimum - 1e-6 < bound <= optimum


def test_huge_costs_do_not_overflow() -> None:
    """The scale gives way before a sum could overflow."""
    cost = np.full(3, 4e15)
    model = brute_force.covering_model(np.eye(3), cost=cost)
    certificate = certify(model, cost, np.empty(0), 0.0)
    assert certificate.scale < 40
    assert certificate.bound(model) == 1.2e16


def test_sites_without_choice_are_paid_once() -> None:
    """Three rows that only sites 0 and its dearer double serve force site 0 open; the bound is its cost."""
    model = brute_force.covering_model([[1, 1], [1, 0], [1, 1]], cost=np.array([2.0, 3.0]))
    reduction = reduce(model)
    nothing = np.zeros(0)
    relaxation = Relaxation(nothing, nothing)
    assert lp_certificate(reduction, relaxation).bound(model) == 2.0
