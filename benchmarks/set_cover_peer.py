"""OR-Tools' set cover heuristics on one instance; as a command, prints what they reach as JSON.

::

    python benchmarks/set_cover_peer.py INSTANCE.npz SECONDS ...

Greedy, then guided local search, in one call of as many iterations as take the time: the call hands back
the best cover that it saw, while several calls begin from wherever the one before broke off. How many that
is, is measured first and not counted. Steepest search comes for nothing after the greedy. Of the other ways
on from there, guided tabu search ends far behind; a large-neighbourhood search was not made
to work from Python.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from ortools.set_cover.python import set_cover

_TRIED = 5_000  # iterations


def main() -> None:
    """Read an instance and print the cost after each number of seconds."""
    with np.load(sys.argv[1]) as parts:
        cost = parts["cost"]
        model = subsets(parts["indptr"], parts["indices"], cost)
    seconds, _ = guided(model, _TRIED)
    reached = []
    for limit in map(float, sys.argv[2:]):
        took, selected = guided(model, max(int(_TRIED * limit / seconds), 1))
        reached.append({"seconds": took, "cost": float(cost[selected].sum())})
    print(json.dumps(reached), flush=True)


def subsets(indptr: np.ndarray, indices: np.ndarray, cost: np.ndarray) -> set_cover.SetCoverModel:
    """Write the model down: of each site its cost and, as CSC arrays, its rows."""
    model = set_cover.SetCoverModel()
    for site, price in enumerate(cost.tolist()):
        model.add_empty_subset(price)
        for row in indices[indptr[site] : indptr[site + 1]].tolist():
            model.add_element_to_last_subset(row)
    model.create_sparse_row_view()
    return model


def guided(model: set_cover.SetCoverModel, iterations: int) -> tuple[float, list[int]]:
    """Return the seconds that greedy, steepest and guided local search take, and the cover they find."""
    began = time.perf_counter()
    state = set_cover.SetCoverInvariant(model)
    set_cover.GreedySolutionGenerator(state).next_solution()
    steepest = set_cover.SteepestSearch(state)
    steepest.set_max_iterations(iterations)
    steepest.next_solution()
    search = set_cover.GuidedLocalSearch(state)
    search.initialize()
    search.set_max_iterations(iterations)
    search.next_solution()
    took = time.perf_counter() - began
    assert state.num_uncovered_elements() == 0
    return took, np.flatnonzero(state.is_selected()).tolist()


if __name__ == "__main__":
    main()
