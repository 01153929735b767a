"""Branch and Benders cuts: against enumeration, and on the instances of Cordeau, Furini and Ljubić."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from chargeplan import kernels, solvers
from chargeplan.instances.generators import cfl
from chargeplan.solvers.bounds import Relaxation, lp_certificate
from chargeplan.solvers.branch_cut import branch, fits
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.reduction import Reduction

OPTIMA = json.loads((Path(__file__).parents[1] / "data" / "optima.json").read_text())["cfl"]
SMALL = 10_000


def small_model(seed: int) -> CoveringModel:
    """A random model of the kind: a limit for the most value, or a target for the least cost."""
    rng = np.random.default_rng(seed)
    rows, sites, maximise = int(rng.integers(8, 30)), int(rng.integers(2, 9)), bool(seed % 2)
    coverage = rng.random((rows, sites)) < rng.uniform(0.1, 0.5)
    worth = rng.integers(0, 20, rows) * (1.0 if seed % 3 else 0.37)
    cost = rng.integers(1, 9, sites) * (1.0 if seed % 5 else 0.7)
    none = np.zeros(sites)
    reachable = worth[coverage.any(axis=1)].sum()
    return CoveringModel(
        coverage=csr_array(coverage),
        need=np.ones(rows, np.int64),
        must=np.zeros(rows, np.bool_),
        value=worth if maximise else np.zeros(rows),
        group=np.full(rows, -1 if maximise else 0),
        weight=np.zeros(rows) if maximise else worth,
        targets=np.empty(0) if maximise else np.array([rng.uniform(0.2, 0.99) * reachable]),
        cost=none if maximise else cost,
        usage=cost if maximise else none,
        limit=float(cost.sum() * rng.uniform(0.1, 0.8)) if maximise else None,
        opened=np.zeros(sites, np.bool_),
        closed=np.zeros(sites, np.bool_),
        maximise=maximise,
    )


def optimum(model: CoveringModel) -> float:
    """The best objective of all sets of sites."""
    plans = (np.array(plan, np.bool_) for plan in itertools.product((False, True), repeat=model.cost.size))
    allowed = [model.objective(plan) for plan in plans if model.allows(plan)]
    return max(allowed) if model.maximise else min(allowed)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """Whatever the values, limits and targets: the optimum, proven; its root's multipliers prove no more."""
    model = small_model(seed)
    assert fits(model)
    expected = optimum(model)
    found = branch(model, None)
    assert found.plan is not None
    assert model.allows(found.plan)
    assert model.objective(found.plan) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert found.bound == pytest.approx(expected, rel=1e-8, abs=1e-8)
    if found.multipliers is not None:
        proven = lp_certificate(untouched(model), Relaxation(found.multipliers)).bound(model)
        assert (proven - expected) * (1 if model.maximise else -1) >= -1e-9


def untouched(model: CoveringModel) -> Reduction:
    """The reduction that leaves a model as it is."""
    rows, sites = model.coverage.shape
    every, none = np.arange(rows), np.empty(0, np.int64)
    return Reduction(model, model, every, np.arange(sites), every, np.zeros(sites, np.bool_), none, 0.0)


@pytest.mark.parametrize("seed", range(30))
def test_stopped_anywhere_the_bound_is_true(seed: int) -> None:
    """After a few linear programs there is a bound on the right side of the optimum."""
    model = small_model(seed)
    left = iter([False] * (seed % 6))
    found = branch(model, None, stop=lambda: next(left, True))
    assert (found.bound - optimum(model)) * (1 if model.maximise else -1) >= -1e-8


@pytest.mark.parametrize("seed", range(40))
def test_a_gap_is_enough(seed: int) -> None:
    """Within 20 percent it may end, with a plan and a true bound that are no farther apart."""
    model = small_model(seed)
    found = branch(model, None, gap=0.2)
    objective = model.objective(found.plan)
    assert (found.bound - optimum(model)) * (1 if model.maximise else -1) >= -1e-8
    assert abs(objective - found.bound) <= 0.2 * abs(objective) + 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("radius", [5.5, 6.25])
def test_cfl_maximal_covering(radius: float) -> None:
    """10,000 demand points: the published optimum, proven."""
    instance = cfl(SMALL)
    patterns = kernels.cover_patterns(instance.chunks(), instance.sites, radius, metric="euclidean")
    solution = solvers.maximal_covering(patterns.coverage, patterns.weight, 10, time_limit=60)
    known = [
        entry["optimal"]
        for entry in OPTIMA["maximal_covering"]
        if (entry["m"], entry["R"]) == (SMALL, radius)
    ]
    assert (solution.status, [solution.objective]) == ("optimal", known)


@pytest.mark.parametrize("entry", OPTIMA["partial_set_covering"], ids=lambda entry: str(entry["share"]))
def test_cfl_partial_set_covering(entry: dict[str, float]) -> None:
    """10,000 demand points, half or 70 percent of their weight: the published cost, proven."""
    instance = cfl(SMALL, cost=(10, 100))
    patterns = kernels.cover_patterns(instance.chunks(), instance.sites, entry["R"], metric="euclidean")
    solution = solvers.set_covering(
        patterns.coverage, instance.cost, entry["share"], patterns.weight, time_limit=60
    )
    assert (solution.status, solution.objective) == ("optimal", entry["optimal_cost"])
