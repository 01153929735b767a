"""Reductions keep the optimum, in every setting, and come back to the original."""

from __future__ import annotations

from dataclasses import replace

import brute_force
import numpy as np
import pytest
from random_models import random_model
from scipy.sparse import csr_array

from chargeplan.instances.generators import city
from chargeplan.kernels import coverage
from chargeplan.solvers.reduction import reduce


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
