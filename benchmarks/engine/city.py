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

from cases import city_covering

from chargeplan import solvers

if TYPE_CHECKING:
    from chargeplan.events import Event


def main() -> None:
    given = _arguments()
    began = time.perf_counter()
    coverage = city_covering(given.demand, given.sites, given.side, given.seed).relation()
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
