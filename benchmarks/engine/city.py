"""The benchmark city: set covering of a map, how close plan and bound come as time goes on.

::

    python benchmarks/engine/city.py [--seconds 60] [--demand 30000] [--sites 5000] [--side 40000] [--gap 0]

draws the city, covers it within 1 km and solves it to the time limit; prints a line whenever the best plan or
the bound gets better, and the answer with the seconds by stage.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from chargeplan import solvers
from chargeplan.instances.generators import city

if TYPE_CHECKING:
    from chargeplan.events import Event

_RADIUS = 1000.0  # metres


def main() -> None:
    given = _arguments()
    began = time.perf_counter()
    coverage = covered(*city(given.demand, given.sites, given.side, given.seed))
    rows, sites = coverage.shape
    print(f"{rows:,} demand points within reach of {sites:,} sites, {coverage.nnz:,} pairs")
    print(f"drawn and covered in {time.perf_counter() - began:.1f} s")
    shown: list[tuple[float | None, float | None]] = [(None, None)]

    def show(event: Event) -> None:
        if (event.best, event.bound) != shown[-1]:
            shown.append((event.best, event.bound))
            gap = "" if event.gap is None else f"{event.gap:.2%}"
            print(f"{event.seconds:7.1f} s  {event.stage:7}  {event.best}  {event.bound}  {gap}", flush=True)

    began = time.perf_counter()
    answer = solvers.set_covering(
        coverage, time_limit=given.seconds, gap=given.gap, seed=given.seed, on_event=show
    )
    print(
        f"{answer.status} after {time.perf_counter() - began:.1f} s: {answer.objective:g} stations, ", end=""
    )
    print(f"bound {answer.bound:g} ({answer.bound_kind}), gap {answer.gap:.2%}")
    print({stage: round(seconds, 1) for stage, seconds in answer.seconds.items()})


def covered(demand: np.ndarray, sites: np.ndarray) -> csr_array:
    """Say which sites lie within the radius of which demand points, those without any left out."""
    near = cKDTree(demand).sparse_distance_matrix(cKDTree(sites), _RADIUS, output_type="ndarray")
    shape = (len(demand), len(sites))
    relation = csr_array((np.ones(near.size, bool), (near["i"], near["j"])), shape=shape)
    return csr_array(relation[np.diff(relation.indptr) > 0])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--demand", type=int, default=30_000)
    parser.add_argument("--sites", type=int, default=5_000)
    parser.add_argument("--side", type=float, default=40_000.0)
    parser.add_argument("--gap", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
