"""Reductions keep the optimum, in every setting, and come back to the original."""

from __future__ import annotations

import brute_force
import numpy as np
import pytest
from random_models import random_model

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
