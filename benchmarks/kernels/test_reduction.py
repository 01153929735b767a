"""Rows and sites that say nothing new: the benchmark city, weighted and not, and its components."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import block_array, csr_array, save_npz
from scipy.sparse.csgraph import connected_components

from chargeplan.instances.generators import city
from chargeplan.kernels import components, coverage, dominated_columns, dominated_rows, merge_equal_rows
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.reduction import reduce

if TYPE_CHECKING:
    from collections.abc import Callable

CITY = {"small": (3_000, 500, 13_000.0), "full": (30_000, 5_000, 40_000.0)}
RADIUS = 1_000.0
ASKED = "6,576 x 3,527 or smaller in under 0.7 s"

Shape = tuple[int, int]


@pytest.fixture(scope="module")
def within(size: str) -> csr_array:
    """Cover the demand points that a site can reach; that is not part of what is timed."""
    relation = coverage(*city(*CITY[size]), RADIUS, metric="euclidean")
    return relation[np.flatnonzero(np.diff(relation.indptr))]


def costs(sites: int, *, weighted: bool) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 100, sites).astype(float) if weighted else np.ones(sites)


def by_kernels(relation: csr_array, cost: np.ndarray) -> Shape:
    """Merge equal rows, drop dominated rows and sites, until nothing gives way."""
    shape = None
    while relation.shape != shape:
        shape = relation.shape
        relation = relation[merge_equal_rows(relation)[0]]
        relation = relation[np.flatnonzero(~dominated_rows(relation))]
        sites = np.flatnonzero(~dominated_columns(relation, cost))
        relation, cost = relation[:, sites], cost[sites]
    return shape


def contained(sets: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs (small, large) of sets of which one lies in the other, and their sizes, by A A^T."""
    ones = csr_array(sets, dtype=np.int32)
    sizes = np.diff(ones.indptr)
    shared = (ones @ ones.T).tocoo()
    small, large = shared.coords
    inside = (shared.data == sizes[small]) & (small != large)
    return small[inside], large[inside], sizes


def by_product(relation: csr_array, cost: np.ndarray) -> Shape:
    """Do the same by SciPy alone: who shares all its members is contained."""
    shape = None
    while relation.shape != shape:
        shape = relation.shape
        small, large, sizes = contained(relation)
        drop = (sizes[small] < sizes[large]) | (small < large)
        relation = relation[np.setdiff1d(np.arange(shape[0]), large[drop])]
        small, large, sizes = contained(csr_array(relation.T))
        tied = (sizes[small] == sizes[large]) & (cost[small] == cost[large])
        drop = (cost[large] <= cost[small]) & (~tied | (large < small))
        sites = np.setdiff1d(np.flatnonzero(sizes), small[drop])
        relation, cost = relation[:, sites], cost[sites]
    return shape


def by_reduce(relation: csr_array, cost: np.ndarray) -> Shape:
    """Reduce as the solvers do: forced sites are opened too, and the way back is kept."""
    rows, sites = relation.shape
    model = CoveringModel(
        coverage=relation,
        need=np.ones(rows, np.int64),
        must=np.ones(rows, np.bool_),
        value=np.zeros(rows),
        group=np.full(rows, -1),
        weight=np.zeros(rows),
        targets=np.empty(0),
        cost=cost,
        usage=np.zeros(sites),
        limit=None,
        opened=np.zeros(sites, np.bool_),
        closed=np.zeros(sites, np.bool_),
        maximise=False,
    )
    return reduce(model).model.coverage.shape


WAYS = {
    "chargeplan": by_kernels,
    "chargeplan, forced sites opened too": by_reduce,
    "SciPy, A A^T until nothing gives way": by_product,
}


@pytest.mark.parametrize("priced", ["alike", "weighted"])
@pytest.mark.parametrize("who", list(WAYS))
def test_reduction(measure: Callable, within: csr_array, size: str, who: str, priced: str) -> None:
    weighted = priced == "weighted"
    cost = costs(within.shape[1], weighted=weighted)
    rows, sites = by_kernels(within, cost)

    def same(shape: Shape) -> None:
        if WAYS[who] is by_reduce:
            assert shape <= (rows, sites)
            assert shape[1] <= sites
        else:
            assert shape == (rows, sites)
        if size == "full" and not weighted:
            assert (rows, sites) == (6_576, 3_527)

    name = f"{within.shape[0]:,} x {within.shape[1]:,}"
    measure(
        who,
        lambda: WAYS[who](within, cost),
        rounds=1 if who.startswith("SciPy") and size == "full" else 5,
        answer=same,
        group=f"reduction of {name}{', costs' if weighted else ''}, to {rows:,} x {sites:,}",
        asked=ASKED if who == "chargeplan" and size == "full" and not weighted else None,
    )


def presolved(file: Path) -> dict[str, Any]:
    """Presolve by HiGHS in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("highs_presolve.py")), str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return dict(json.loads(done.stdout))


def test_presolve(within: csr_array, tmp_path: Path, record: Callable[..., None]) -> None:
    """What a solver's own presolve leaves of the same model, for comparison."""
    file = tmp_path / "coverage.npz"
    save_npz(file, csr_array(within, dtype=np.float64))
    rows, sites = within.shape
    record(f"reduction of {rows:,} x {sites:,}", "HiGHS presolve (SciPy milp)", presolved(file))
    left = " x ".join(f"{count:,}" for count in by_reduce(within, costs(sites, weighted=False)))
    record(f"reduction of {rows:,} x {sites:,}", "chargeplan", {"left": left})


def by_csgraph(relation: csr_array) -> int:
    return int(connected_components(block_array([[None, relation], [relation.T, None]]), directed=False)[0])


PARTS = {
    "chargeplan": lambda relation: components(relation)[0],
    "SciPy csgraph.connected_components": by_csgraph,
}


@pytest.mark.parametrize("who", list(PARTS))
def test_components(measure: Callable, size: str, who: str) -> None:
    demand, sites, side = CITY[size]
    relation = coverage(*city(demand, sites, 4 * side), RADIUS, metric="euclidean")
    expected = by_csgraph(relation)

    def same(count: int) -> None:
        assert count == expected

    name = f"{relation.shape[0]:,} x {relation.shape[1]:,}"
    measure(who, lambda: PARTS[who](relation), answer=same, group=f"components of {name}: {expected:,}")
