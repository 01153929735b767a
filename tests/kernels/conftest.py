"""What the kernel tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run; a first example may have to wait for the compiler.
settings.register_profile(
    "kernels",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("kernels")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut work into many pieces on two threads, however little there is."""
    from chargeplan.kernels import compiled, dominance, network, radius_coverage

    monkeypatch.setattr(compiled, "cores", lambda: 2)
    monkeypatch.setattr(radius_coverage, "_PIECE", 3)
    monkeypatch.setattr(network, "_PIECE", 2)
    monkeypatch.setattr(dominance, "_PIECE", 4)
