"""Reductions keep the optimum, in every setting, and come back to the original."""

from __future__ import annotations

import itertools
from dataclasses import replace

import brute_force
import numpy as np
import pytest
from random_models import random_model
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from small_facilities import Facilities, random_clusters, random_facilities

from chargeplan.instances.generators import city
from chargeplan.kernels import coverage
from chargeplan.solvers import reduction as reductions
from chargeplan.solvers.allocation import AllocationInstance
from chargeplan.solvers.allocation_core import everything, left
from chargeplan.solvers.allocation_dual import AllocationDual
from chargeplan.solvers.ascent import ascend
from chargeplan.solvers.bounds import lp_certificate
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.models.arrays import checked_sites
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.models.facility_location import allocation_instance
from chargeplan.solvers.reduction import Reduction, reduce

STEPS = {
    "given sites and rows out of reach": lambda step: step,  # settled already
    "equal rows": reductions._merge_rows,
    "dominated rows": reductions._drop_dominated_rows,
    "dominated sites": reductions._drop_dominated_sites,
    "forced sites": reductions._open_forced,
}
MUST = {"cover", "backup", "mixed", "rows and budget"}  # settings with rows that must hold


def settled(model: CoveringModel) -> Reduction:
    """The reduction that every other one begins with: what given sites decide is taken out."""
    rows, sites = (np.arange(size) for size in model.coverage.shape)
    none = np.empty(0, np.int64)
    nothing = Reduction(model, model, rows, sites, rows, np.zeros(sites.size, bool), none, 0.0)
    return reductions._settle(nothing)


def solvable(setting: str, seed: int) -> CoveringModel | None:
    """A model that has a plan."""
    model = random_model(setting, seed)
    if (model.must & model.unreachable()).any() or brute_force.best(model).objective is None:
        return None
    return model


@pytest.mark.parametrize("name", STEPS)
def test_each_reduction_keeps_the_optimum(setting: str, name: str) -> None:
    """By itself, in every setting: with a budget, a number, one share or two, with rows and without."""
    shrunk = 0
    for model in (solvable(setting, seed) for seed in range(100, 160)):
        if model is None:
            continue
        before = settled(model)
        step = STEPS[name](before)
        found = brute_force.best(step.model).objective
        assert found is not None
        assert found + step.offset == pytest.approx(brute_force.best(model).objective)
        reference = model if name.startswith("given") else before.model
        forced = step.model.opened.any()
        shrunk += bool(forced or step.model.coverage.shape != reference.coverage.shape)
    possible = setting in MUST or name not in {"dominated rows", "forced sites"}
    assert (shrunk > 0) == possible, "a reduction that never does anything is not tried"


def milp_optimum(matrix: MatrixModel) -> float | None:
    """The optimum of a matrix model, by SciPy; None where there is no plan."""
    if not matrix.objective.size:
        return None if (matrix.row_lower > 0.0).any() else 0.0
    answer = milp(
        -matrix.objective if matrix.maximise else matrix.objective,
        integrality=matrix.integral,
        bounds=Bounds(matrix.lower, matrix.upper),
        constraints=LinearConstraint(matrix.rows, matrix.row_lower, matrix.row_upper),
    )
    if answer.fun is None:
        return None
    return float(-answer.fun if matrix.maximise else answer.fun)


@pytest.mark.parametrize("seed", range(40, 52))
def test_reductions_on_and_off_give_equal_optima(setting: str, seed: int) -> None:
    """Another solver finds the same in the matrix of the whole model and in that of the reduced one."""
    model = solvable(setting, seed)
    if model is None:
        return
    off, step = milp_optimum(model.matrix()), reduce(model)
    on = milp_optimum(step.model.matrix())
    assert on + step.offset == pytest.approx(off)
    assert off == pytest.approx(brute_force.best(model).objective)


@pytest.mark.parametrize("look", [0, 1, 2, 4])
def test_a_stopped_reduction_keeps_the_optimum(setting: str, look: int) -> None:
    """It is exact as far as it got, leaves no given site, and multipliers of it prove a true bound."""
    less = 0
    for model in (solvable(setting, seed) for seed in range(200, 230)):
        if model is None:
            continue
        looks = itertools.count()
        step = reduce(model, lambda looks=looks: next(looks) >= look)
        best, found = brute_force.best(model).objective, brute_force.best(step.model)
        assert found.objective is not None
        assert found.objective + step.offset == pytest.approx(best)
        assert model.allows(step.undo(found.plan))
        assert not (step.model.opened | step.model.closed).any()
        less += step.model.coverage.shape > reduce(model).model.coverage.shape
        if step.model.cost.size:
            certificate = lp_certificate(step, ascend(step.model, lambda: True))
            beyond = certificate.bound(model) - best
            assert (beyond if not model.maximise else -beyond) <= 1e-9 * max(abs(best), 1.0)
    assert less > 0 or look > 2 or setting not in MUST


@pytest.mark.parametrize("capacitated", [True, False])
@pytest.mark.parametrize("number", [True, False])
def test_what_multipliers_leave_out_keeps_the_optimum(capacitated: bool, number: bool) -> None:
    """Of facility location: sites and pairs that cost too much by the multipliers are in no better plan."""
    dropped = 0
    for seed in range(24):
        case = random_clusters(seed) if number else random_facilities(seed)
        instance = replace(
            small_instance(case), capacity=small_instance(case).capacity if capacitated else None
        )
        whole = milp_optimum(everything(instance).matrix())
        if whole is None:
            continue
        dual = AllocationDual(instance)
        dual.run(200, whole + 1.0)
        core = left(dual, whole, dual.instance.row.size)
        dropped += everything(instance).pairs.size - core.pairs.size
        assert core.feasible
        assert milp_optimum(core.matrix()) == pytest.approx(whole, rel=1e-7, abs=1e-7)
    assert dropped > 0


def small_instance(case: Facilities) -> AllocationInstance:
    """The case as the engine sees it, without pairs of forbidden sites."""
    sites = case.opening.size
    row, site = np.nonzero(np.isfinite(case.cost))
    given = [checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden")]
    return allocation_instance(
        len(case.cost), row, site, case.cost[row, site], opening=case.opening, demand=case.demand,
        capacity=case.capacity, given=(given[0], given[1]), single_source=case.single_source,
        stations=case.stations,
    ).permitted  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_the_reduced_optimum_is_the_full_one(setting: str, seed: int) -> None:
    """Enumeration finds the same optimum, offset included, before and after the reduction."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    if expected is None or (model.must & model.unreachable()).any():
        return
    reduction = reduce(model)
    assert reduction.model.coverage.shape <= model.coverage.shape
    assert brute_force.best(reduction.model).objective + reduction.offset == pytest.approx(expected)
    everything = reduction.undo(np.ones(reduction.model.cost.size, bool))
    assert (model.holds(everything) | ~model.must).all()


def test_a_grid_of_equal_and_implied_rows_shrinks_to_its_core() -> None:
    """Row 1 repeats row 0, which implies row 2; site 2 serves less than site 0 does; site 3 is forced."""
    matrix = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
    reduction = reduce(brute_force.covering_model(matrix))
    assert reduction.opened.tolist() == [False, True, False, True] or reduction.opened.tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert reduction.model.coverage.shape == (0, 0)
    assert reduction.offset == 2.0


def test_a_site_that_backup_needs_is_not_dropped() -> None:
    """With two stations needed, equal sites do not replace each other."""
    model = brute_force.covering_model([[1, 1, 1]], need=np.array([2]))
    reduction = reduce(model)
    assert reduction.model.cost.size + reduction.opened.sum() >= 2
    assert brute_force.best(reduction.model).objective + reduction.offset == 2.0


@pytest.mark.parametrize("weighted", [False, True])
def test_the_benchmark_city_shrinks_as_far_as_measured(weighted: bool) -> None:
    """29,342 rows and 5,000 sites become 6,576 and 3,527 or fewer; every row and site can be traced back."""
    demand, sites = city(30_000, 5_000, 40_000.0)
    within = coverage(demand, sites, 1_000.0, metric="euclidean")
    within = within[np.flatnonzero(np.diff(within.indptr))]
    parts = {"cost": np.random.default_rng(1).integers(1, 100, 5_000).astype(float)} if weighted else {}
    model = replace(brute_force.covering_model(np.ones((1, 1))), **arrays_of(within, **parts))
    reduction = reduce(model)
    if not weighted:
        assert reduction.model.coverage.shape <= (6_576, 3_527)
        assert reduction.model.coverage.shape[1] <= 3_527
    everything = reduction.undo(np.ones(reduction.model.cost.size, bool))
    assert model.holds(everything).all()
    again = reduce(reduction.model)
    assert again.model.coverage.shape == reduction.model.coverage.shape, "nothing more gives way"


def arrays_of(within: csr_array, **parts: np.ndarray) -> dict[str, object]:
    """Return the arrays of a set covering model."""
    rows, sites = within.shape
    return {
        "coverage": within,
        "need": np.ones(rows, np.int64),
        "must": np.ones(rows, bool),
        "value": np.zeros(rows),
        "group": np.full(rows, -1),
        "weight": np.zeros(rows),
        "cost": np.ones(sites),
        "usage": np.zeros(sites),
        "opened": np.zeros(sites, bool),
        "closed": np.zeros(sites, bool),
    } | parts
