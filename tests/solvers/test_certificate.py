"""Certificates prove bounds: never above the optimum, and as good as the LP."""

from __future__ import annotations

import threading
import time

import brute_force
import numpy as np
import pytest
from random_models import random_model
from scipy.optimize import linprog

from chargeplan.solvers.ascent import ascend
from chargeplan.solvers.bounds import Relaxation, lp_certificate, relax
from chargeplan.solvers.certificate import certify
from chargeplan.solvers.matrix import MatrixModel
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


def lp_value(matrix: MatrixModel) -> float:
    """Optimum of the LP relaxation, by another solver."""
    sign = np.where(np.isfinite(matrix.row_upper), 1.0, -1.0)
    answer = linprog(
        -matrix.objective if matrix.maximise else matrix.objective,
        A_ub=matrix.rows.multiply(sign[:, None]).tocsr(),
        b_ub=np.where(sign > 0, matrix.row_upper, -matrix.row_lower),
        bounds=np.stack((matrix.lower, matrix.upper), axis=1),
    )
    return float(-answer.fun if matrix.maximise else answer.fun)


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
    value = lp_value(matrix) + reduction.offset
    bound = lp_certificate(reduction, relaxation).bound(model)
    if model.maximise:
        assert bound <= np.floor(value + 1e-6) + 1e-9
    else:
        assert bound >= np.ceil(value - 1e-6) - 1e-9


@pytest.mark.parametrize("seed", range(15))
def test_ascent_proves_a_true_bound(setting: str, seed: int) -> None:
    """Without a linear program too, nothing is proven that enumeration does not reach."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    reduction = reduce(model) if expected is not None else None
    if reduction is None or not reduction.model.cost.size:
        return
    bound = lp_certificate(reduction, ascend(reduction.model)).bound(model)
    assert bound >= expected if model.maximise else bound <= expected


@pytest.mark.parametrize(("kind", "part"), [("cover", 0.03), ("maximal", 0.01), ("share", 0.5)])
def test_ascent_comes_near_the_lp(kind: str, part: float) -> None:
    """On 600 rows and 200 sites the multipliers prove nearly what the LP's prove; of a share, half of it."""
    rng = np.random.default_rng(4)
    matrix = rng.random((600, 200)) < 0.03
    matrix = matrix[matrix.any(axis=1)]
    n = len(matrix)
    parts = {
        "cover": {"cost": rng.integers(5, 20, 200) * 1.0},
        "share": {
            "cost": rng.integers(5, 20, 200) * 1.0,
            "must": np.zeros(n, bool),
            "group": np.zeros(n, int),
            "weight": np.full(n, 7.0),
            "targets": np.array([0.8 * 7 * n]),
        },
        "maximal": {
            "must": np.zeros(n, bool),
            "value": rng.integers(1, 99, n) * 1.0,
            "usage": np.ones(200),
            "limit": 20.0,
            "maximise": True,
        },
    }
    model = brute_force.covering_model(matrix, **parts[kind])
    reduction = reduce(model)
    best = lp_certificate(reduction, relax(reduction.model)).bound(model)
    bound = lp_certificate(reduction, ascend(reduction.model)).bound(model)
    assert abs(bound - best) <= part * abs(best)


def test_a_relaxation_cut_by_the_clock_leaves_what_it_knows() -> None:
    """With far too little time there is no bound, or a true one; and it ends soon."""
    rng = np.random.default_rng(4)
    matrix = rng.random((2500, 1200)) < 0.02
    model = brute_force.covering_model(matrix[matrix.any(axis=1)], cost=rng.integers(5, 20, 1200) * 1.0)
    reduction = reduce(model)
    began = time.monotonic()
    relaxation = relax(reduction.model, 0.1)
    assert time.monotonic() - began < 10
    if relaxation is not None:
        assert lp_certificate(reduction, relaxation).bound(model) <= model.cost.sum()


def test_a_relaxation_that_heeds_no_limit_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that outlives its limit is killed; there is no relaxation then, and no fault."""
    monkeypatch.setattr("chargeplan.solvers.backends.process._GRACE", -0.05)
    rng = np.random.default_rng(4)
    matrix = rng.random((2500, 1200)) < 0.02
    assert relax(brute_force.covering_model(matrix[matrix.any(axis=1)]), 0.1) is None


def test_a_relaxation_is_cancelled() -> None:
    """Once cancelled, the process that solves the relaxation is ended."""
    rng = np.random.default_rng(4)
    matrix = rng.random((2500, 1200)) < 0.02
    cancel = threading.Event()
    cancel.set()
    assert relax(brute_force.covering_model(matrix[matrix.any(axis=1)]), cancel=cancel) is None


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
    assert lp_certificate(reduction, Relaxation(np.zeros(0))).bound(model) == 2.0
