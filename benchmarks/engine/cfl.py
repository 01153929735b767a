"""Cordeau, Furini & Ljubić's instances: millions of points merged into patterns, solved and proven.

``python benchmarks/engine/cfl.py [--points 1000000 20000000] [--threads 2] [--seconds 60]`` prints a row for
each model and size: patterns, seconds to draw the points, to merge them and to solve, objective, bound.
Drawing and merging alternate piece by piece, so that memory holds one piece of points at a time; the two are
clocked apart. A first, small run compiles the kernels and is not shown.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chargeplan import kernels, solvers
from chargeplan.instances.generators import CflInstance, cfl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chargeplan.kernels import Patterns

OPTIMA = json.loads((Path(__file__).parents[2] / "tests" / "data" / "optima.json").read_text())["cfl"]
PSCLP_COST = (10, 100)  # of a site in partial set covering; 1 in maximal covering


@dataclass
class Drawn:
    """Pieces of an instance, and how long it took to draw them."""

    instance: CflInstance
    seconds: float = 0.0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        pieces = self.instance.chunks()
        while True:
            began = time.perf_counter()
            piece = next(pieces, None)
            self.seconds += time.perf_counter() - began
            if piece is None:
                return
            yield piece


def merged(points: int, radius: float, cost: tuple[int, int]) -> tuple[Patterns, np.ndarray, float, float]:
    """Return the patterns, the sites' costs, and the seconds for drawing and for merging."""
    instance = cfl(points, cost=cost)
    drawn = Drawn(instance)
    began = time.perf_counter()
    patterns = kernels.cover_patterns(drawn, instance.sites, radius, metric="euclidean")
    return patterns, instance.cost, drawn.seconds, time.perf_counter() - began - drawn.seconds


def row(
    name: str,
    points: int,
    radius: float,
    cost: tuple[int, int],
    solve: Callable[[Patterns, np.ndarray], solvers.Solution],
) -> None:
    patterns, costs, drawing, merging = merged(points, radius, cost)
    began = time.perf_counter()
    solution = solve(patterns, costs)
    solving = time.perf_counter() - began
    known = _known(name, points, radius)
    print(
        f"| {name} | {points:,} | {len(patterns.weight):,} | {drawing:.2f} | {merging:.2f} | {solving:.2f} | "
        f"{merging + solving:.2f} | {solution.objective:.0f} | {solution.bound:.0f} | {solution.status}, "
        f"{solution.bound_kind} | {known or ''} |",
        flush=True,
    )
    print("  " + ", ".join(f"{stage} {value:.2f} s" for stage, value in solution.seconds.items()), flush=True)
    assert known in {None, solution.objective}, f"{name}: {solution.objective}, published {known}"


def _known(name: str, points: int, radius: float) -> float | None:
    """Return the published optimum."""
    word, place = name.split()[:2]
    for entry in OPTIMA[f"{word}_covering".replace("partial_", "partial_set_")]:
        asked = str(entry.get("sites", entry.get("share")))
        if (entry["m"], entry["R"], asked) == (points, radius, place):
            return float(entry.get("optimal", entry.get("optimal_cost")))
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[1_000_000, 20_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    limits = {"threads": asked.threads, "time_limit": asked.seconds}

    def maximal(stations: int) -> Callable[[Patterns, np.ndarray], solvers.Solution]:
        return lambda p, _cost: solvers.maximal_covering(p.coverage, p.weight, stations, **limits)

    def partial(share: float) -> Callable[[Patterns, np.ndarray], solvers.Solution]:
        return lambda p, cost: solvers.set_covering(p.coverage, cost, share, p.weight, **limits)

    maximal(2)(merged(200_000, 5.5, (1, 1))[0], np.empty(0))  # compiles
    print("| model | demand points | patterns | draw s | merge s | solve s | after drawing s ", end="")
    print("| objective | bound | proof | published |")
    print("|---|" + "---:|" * 8 + "---|---:|")
    for points in asked.points:
        row("maximal 10", points, 5.5, (1, 1), maximal(10))
        for share in (0.5, 0.7):
            row(f"partial {share}", points, 5.5, PSCLP_COST, partial(share))


if __name__ == "__main__":
    main()
