"""Small random covering models of every setting."""

from __future__ import annotations

import numpy as np
from brute_force import covering_model

from chargeplan.solvers.models.covering import CoveringModel

SETTINGS = (
    "cover",
    "backup",
    "share",
    "two shares",
    "mixed",
    "count",
    "budget",
    "rows and budget",
    "backup value",
)


def random_model(setting: str, seed: int) -> CoveringModel:
    """A model with up to 12 rows and 7 sites, some given open or closed."""
    rng = np.random.default_rng([seed, SETTINGS.index(setting)])
    n_rows, n_sites = int(rng.integers(1, 13)), int(rng.integers(1, 8))
    matrix = rng.random((n_rows, n_sites)) < rng.uniform(0.2, 0.6)
    weight = rng.integers(0, 20, n_rows).astype(float)
    state = rng.random(n_sites)
    parts: dict[str, object] = {
        "cost": rng.integers(0, 9, n_sites).astype(float),
        "opened": state < 0.1,
        "closed": state > 0.9,
    }
    nobody = np.zeros(n_rows, bool)
    value = {"value": weight, "must": nobody, "maximise": True, "cost": np.zeros(n_sites)}
    match setting:
        case "backup":
            parts["need"] = rng.integers(1, 3, n_rows)
        case "share":
            parts |= {"must": nobody, "group": np.zeros(n_rows, int), "weight": weight}
            parts["targets"] = np.array([rng.uniform(0, 0.9) * weight.sum()])
        case "two shares":
            group = rng.integers(0, 2, n_rows)
            total = np.bincount(group, weights=weight, minlength=2)
            parts |= {"must": nobody, "group": group, "weight": weight, "need": rng.integers(1, 3, n_rows)}
            parts["targets"] = rng.uniform(0, 0.8, 2) * total
        case "mixed":
            must = rng.random(n_rows) < 0.4
            parts |= {"must": must, "group": np.where(must, -1, 0), "weight": np.where(must, 0.0, weight)}
            parts["targets"] = np.array([rng.uniform(0, 0.9) * weight[~must].sum()])
        case "count":
            parts |= value | {"usage": np.ones(n_sites), "limit": float(rng.integers(0, n_sites + 1))}
        case "budget":
            usage = rng.integers(0, 9, n_sites).astype(float)
            parts |= value | {"usage": usage, "limit": float(rng.uniform(0, usage.sum() + 1))}
        case "rows and budget":
            must = rng.random(n_rows) < 0.2
            usage = rng.integers(0, 9, n_sites).astype(float)
            parts |= value | {"must": must, "value": np.where(must, 0.0, weight), "usage": usage}
            parts["limit"] = float(rng.uniform(0.3, 1) * usage.sum())
        case "backup value":
            parts |= value | {"need": rng.integers(1, 3, n_rows), "usage": np.ones(n_sites)}
            parts["limit"] = float(rng.integers(0, n_sites + 1))
    return covering_model(matrix, **parts)
