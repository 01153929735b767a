"""Relations small enough to try every set of sites, and OR-Library's files; no code of chargeplan."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

DATA = Path(__file__).parents[1] / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())


def random_relation(
    seed: int, rows: int = 12, columns: int = 9
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Draw a relation without empty rows, and how many sites cover each row."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, columns)) < 0.3
    dense[np.arange(rows), rng.integers(0, columns, rows)] = True
    return dense.astype(int), dense.sum(axis=1), rng


def subsets(fixed: np.ndarray) -> np.ndarray:
    """List every set of sites that holds the fixed ones."""
    every = np.array(list(itertools.product((False, True), repeat=fixed.size)))
    return every[(every | ~fixed).all(axis=1)]


def orlib_cover(name: str) -> tuple[csr_array, np.ndarray]:
    """Read a set covering instance: sizes, costs, then for each row how many columns and which, from 1."""
    numbers = iter((DATA / "orlib_scp" / f"{name}.txt").read_text().split())
    rows, columns = int(next(numbers)), int(next(numbers))
    cost = np.array([float(next(numbers)) for _ in range(columns)])
    sets = [[int(next(numbers)) - 1 for _ in range(int(next(numbers)))] for _ in range(rows)]
    indptr = np.concatenate(([0], np.cumsum([len(s) for s in sets])))
    indices = np.concatenate([np.sort(s) for s in sets])
    return csr_array((np.ones(indices.size, bool), indices, indptr), shape=(rows, columns)), cost


def orlib_median(name: str) -> tuple[np.ndarray, int]:
    """Read a p-median instance: nodes, edges, p, then edges and lengths; of an edge listed twice the last."""
    numbers = np.array((DATA / "orlib_pmed" / f"{name}.txt").read_text().split(), int)
    nodes, stations = numbers[0], int(numbers[2])
    length = np.zeros((nodes, nodes))
    for one, other, metres in numbers[3:].reshape(-1, 3):
        length[one - 1, other - 1] = length[other - 1, one - 1] = metres
    return shortest_path(length, directed=False), stations
