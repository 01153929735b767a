"""Plans filled up greedily: savings that are brought up to date are those that are added up afresh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeplan.solvers.models import distances


def filled_afresh(distance, plan, closed, stations):
    """Add up every site's savings again for each station."""
    plan = plan.copy()
    far = distance[np.isfinite(distance)].max(initial=0.0) + 1.0
    while plan.sum() < stations:
        near = np.where(plan, distance, far).min(axis=1, initial=far)
        saved = np.maximum(near[:, None] - distance, 0.0).sum(axis=0)
        plan[np.where(plan | closed, -1.0, saved).argmax()] = True
    return plan


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_filling_up_agrees_with_adding_up_afresh(seed: int) -> None:
    """Whole distances, some infinite, sites that are open or must not be: the same plan, ties and all."""
    rng = np.random.default_rng(seed)
    rows, sites = rng.integers(1, 20), rng.integers(1, 12)
    distance = np.where(rng.random((rows, sites)) < 0.3, np.inf, rng.integers(0, 20, (rows, sites)))
    plan = rng.random(sites) < 0.2
    closed = ~plan & (rng.random(sites) < 0.2)
    stations = int(rng.integers(plan.sum(), (~closed).sum() + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "_ROWS", 3)
        found = distances.filled(distance, plan, closed, stations)
    assert found.tolist() == filled_afresh(distance, plan, closed, stations).tolist()
