"""What the kernel tests share."""

from __future__ import annotations

import numpy as np
import pytest


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
