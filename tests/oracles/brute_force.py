"""The covering form by enumeration: every set of sites is tried. Shares no code with the solvers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.models.covering import CoveringModel


@dataclass(frozen=True)
class Best:
    """The best objective over all sets of sites, and one that has it, (M,); None where none is allowed."""

    objective: float | None
    plan: np.ndarray | None = None


def best(model: CoveringModel) -> Best:
    """Try every set of sites of a small covering model."""
    matrix = model.coverage.toarray().astype(int)
    found: float | None = None
    plan = None
    for choice in itertools.product([0, 1], repeat=model.cost.size):
        y = np.array(choice)
        value = _value(model, matrix, y)
        if value is not None and (found is None or (value > found if model.maximise else value < found)):
            found, plan = value, y.astype(bool)
    return Best(found, plan)


def _value(model: CoveringModel, matrix: np.ndarray, y: np.ndarray) -> float | None:
    if (y[model.opened] == 0).any() or (y[model.closed] == 1).any():
        return None
    if model.limit is not None and float(model.usage @ y) > model.limit:
        return None
    holds = [sum(row * y) >= need for row, need in zip(matrix, model.need, strict=True)]
    if any(must and not held for must, held in zip(model.must, holds, strict=True)):
        return None
    for group, target in enumerate(model.targets):
        if (
            sum(w for w, g, held in zip(model.weight, model.group, holds, strict=True) if held and g == group)
            < target
        ):
            return None
    if model.maximise:
        return float(sum(v for v, held in zip(model.value, holds, strict=True) if held))
    return float(model.cost @ y)


def covering_model(coverage: object, **parts: object) -> CoveringModel:
    """Set covering over a dense relation, with any part replaced."""
    matrix = np.atleast_2d(np.asarray(coverage, bool))
    n_rows, n_sites = matrix.shape
    default = {
        "coverage": csr_array(matrix),
        "need": np.ones(n_rows, np.int64),
        "must": np.ones(n_rows, bool),
        "value": np.zeros(n_rows),
        "group": np.full(n_rows, -1),
        "weight": np.zeros(n_rows),
        "targets": np.empty(0),
        "cost": np.ones(n_sites),
        "usage": np.zeros(n_sites),
        "limit": None,
        "opened": np.zeros(n_sites, bool),
        "closed": np.zeros(n_sites, bool),
        "maximise": False,
    }
    return CoveringModel(**(default | parts))  # type: ignore[arg-type]
