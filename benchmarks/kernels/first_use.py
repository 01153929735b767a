"""Call every kernel that `chargeplan solve czt` needs, on next to nothing, twice; print what the first cost.

::

    NUMBA_CACHE_DIR=<empty folder> python benchmarks/kernels/first_use.py [--solve INSTANCE]

The first pass compiles (or loads from the cache), the second does not: the difference is what a first use
costs. With ``--solve`` the instance is solved afterwards, and what is still compiled then is named: nothing
should be.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from numba.core import event
from scipy.sparse import csr_array

import chargeplan as cp
from chargeplan import kernels


def main() -> None:
    """Print seconds by kernel, and what a solve still compiles, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--solve", metavar="INSTANCE")
    instance = parser.parse_args().solve
    seconds = {name: _first_cost(call) for name, call in _calls().items()}
    print(json.dumps({"seconds": seconds, "compiled later": _compiled_by_solving(instance)}))


def _calls() -> dict[str, object]:
    """One call per kernel, with the types that a plan gives it."""
    demand = np.array(((113.0, 28.0), (113.001, 28.0), (113.002, 28.0), (113.02, 28.0)))
    within = csr_array(np.array(((1, 1, 0, 0), (1, 1, 1, 0), (0, 1, 1, 0), (0, 0, 0, 1)), np.bool_))
    graph = kernels.RoadGraph(np.array((0, 1, 3, 4)), np.array((1, 0, 2, 1)), np.full(4, 500.0))
    snapped = kernels.Snapped(np.array((0, 1, 2)), np.full(3, 10.0))
    cost = np.array((3.0, 2.0, 4.0, 1.0))
    return {
        "coverage": lambda: kernels.coverage(demand, demand, 1000.0, strict=True),
        "paired_distances": lambda: kernels.paired_distances(demand, demand[::-1]),
        "distance_matrix": lambda: kernels.distance_matrix(demand, demand),
        "road_coverage": lambda: kernels.road_coverage(graph, snapped, snapped, 5000.0, strict=True),
        "road_distances": lambda: kernels.road_distances(graph, snapped, snapped, 5000.0),
        "merge_equal_rows": lambda: kernels.merge_equal_rows(within),
        "dominated_rows": lambda: kernels.dominated_rows(within),
        "dominated_columns": lambda: kernels.dominated_columns(within, cost),
        "components": lambda: kernels.components(within),
        "CoverSearch": lambda: kernels.CoverSearch(within, cost).run(10),
    }


def _first_cost(call: object) -> float:
    began = time.perf_counter()
    call()
    first = time.perf_counter()
    call()
    return (first - began) - (time.perf_counter() - first)


def _compiled_by_solving(instance: str | None) -> list[str]:
    if instance is None:
        return []
    recorder = event.RecordingListener()
    with event.install_listener("numba:compile", recorder):
        cp.solve(cp.load(instance), work_limit=2.0)
    return sorted({str(record.data["dispatcher"]) for _, record in recorder.buffer if record.is_start})


if __name__ == "__main__":
    main()
