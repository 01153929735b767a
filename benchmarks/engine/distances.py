"""Distance models: Beasley's graphs solved and proven, and PySAL spopt with CBC on the same instance.

``python benchmarks/engine/distances.py [--seconds 60] [--peer-seconds 300] [--rounds 1]`` prints two tables:
p-median and p-center on pmed1 to pmed20, then both at 1,000 demand points x 100 sites (median and center of
10 stations) beside spopt, each in a process of its own. Seconds include model building, but no imports; the
kernels are compiled before. spopt is skipped where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chargeplan import solvers
from chargeplan.instances.orlib import read_p_median

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[2] / "tests" / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())["orlib_pmed"]["p_median_optimal"]
POINTS, SITES, STATIONS = 1_000, 100, 10


def instance(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw distances, whole metres in a square of 10 km, and weights."""
    rng = np.random.default_rng(seed)
    demand, sites = rng.random((POINTS, 2)) * 10_000, rng.random((SITES, 2)) * 10_000
    distance = np.rint(np.hypot(*(demand[:, None, :] - sites[None, :, :]).transpose(2, 0, 1)))
    return distance, rng.integers(1, 100, POINTS).astype(float)


def ours(model: str, distance: np.ndarray, weight: np.ndarray, seconds: float) -> dict[str, object]:
    """Solve with chargeplan."""
    solution = (
        solvers.p_median(distance, weight, STATIONS, time_limit=seconds)
        if model == "p-median"
        else solvers.p_center(distance, STATIONS, time_limit=seconds)
    )
    return {"objective": solution.objective, "bound": solution.bound, "status": solution.status}


def spopt(model: str, distance: np.ndarray, weight: np.ndarray, seconds: float) -> dict[str, object]:
    """Solve with spopt and CBC, on as many threads."""
    import pulp  # noqa: PLC0415 - never beside OR-Tools
    from spopt.locate import PCenter, PMedian  # noqa: PLC0415

    solver = pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds, threads=2)
    if model == "p-median":
        built = PMedian.from_cost_matrix(distance, weight, p_facilities=STATIONS)
    else:
        built = PCenter.from_cost_matrix(distance, p_facilities=STATIONS)
    try:
        built = built.solve(solver, results=False)
    except RuntimeError as failure:  # spopt has no answer unless it is proven
        return {"objective": None, "bound": None, "status": str(failure).splitlines()[0]}
    proven = built.problem.sol_status == pulp.LpSolutionOptimal
    objective = built.problem.objective.value()
    return {"objective": objective, "bound": None, "status": "optimal" if proven else "stopped"}


def alone(who: str, model: str, seconds: float) -> dict[str, object]:
    """Run one solver in a process of its own."""
    command = [sys.executable, __file__, "--alone", who, model, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(solve: Callable[..., dict[str, object]], model: str, seconds: float) -> dict[str, object]:
    """Solve, after a small model that compiles and imports what is needed."""
    distance, weight = instance()
    solve(model, distance[:60, :30], weight[:60], seconds)
    began = time.perf_counter()
    answer = solve(model, distance, weight, seconds)
    answer["seconds"] = time.perf_counter() - began
    # In KiB on Linux; CBC is a child of the peer's process.
    used = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return answer | {"mib": max(used) / 1024}


def graphs(seconds: float) -> None:
    """Print a row for every graph of Beasley's."""
    solvers.p_median(np.ones((3, 3)), None, 1)
    print("| graph | nodes | stations | p-median | bound | proof | s | p-center | bound | proof | s |")
    print("|---|" + "---:|" * 4 + "---|---:|---:|---:|---|---:|")
    proven = [0, 0]
    for number in range(1, 21):
        distance, stations = read_p_median(DATA / "orlib_pmed" / f"pmed{number}.txt")
        cells = [f"pmed{number}", str(len(distance)), str(stations)]
        for place, solve in enumerate((solvers.p_median, solvers.p_center)):
            arguments = (distance, None, stations) if place == 0 else (distance, stations)
            began = time.perf_counter()
            answer = solve(*arguments, time_limit=seconds)
            took = time.perf_counter() - began
            proven[place] += answer.status == "optimal"
            cells += [f"{answer.objective:.0f}", f"{answer.bound:.0f}", str(answer.bound_kind), f"{took:.2f}"]
            assert place == 1 or answer.status != "optimal" or answer.objective == OPTIMA[f"pmed{number}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\nProven: p-median {proven[0]} of 20, p-center {proven[1]} of 20.\n")


def peers(seconds: float, peer_seconds: float, rounds: int) -> None:
    """Print a row for each model and solver."""
    print("| model | solver | objective | bound | status | s | MiB |\n|---|---|---:|---:|---|---:|---:|")
    for model in ("p-median", "p-center"):
        runs = [("chargeplan", seconds)]
        if importlib.util.find_spec("spopt") is not None:
            runs.append(("spopt", peer_seconds))
        for who, limit in runs:
            answers = [alone(who, model, limit) for _ in range(rounds)]
            answer = min(answers, key=lambda run: float(str(run["seconds"])))
            figures = [answer["objective"], answer["bound"]]
            cells = [f"{model} {POINTS:,} x {SITES}, {STATIONS} stations", who]
            cells += ["-" if figure is None else f"{figure:.0f}" for figure in figures]
            cells += [str(answer["status"]), f"{answer['seconds']:.2f}", f"{answer['mib']:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of chargeplan")
    parser.add_argument("--peer-seconds", type=float, default=300.0, help="time limit of the peers")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each; the quickest is shown")
    parser.add_argument("--only", choices=("graphs", "peers"), help="one table alone")
    parser.add_argument("--alone", nargs=2, metavar=("WHO", "MODEL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        solve = {"chargeplan": ours, "spopt": spopt}[asked.alone[0]]
        print(json.dumps(measured(solve, asked.alone[1], asked.seconds), default=float))
        return
    if asked.only != "peers":
        graphs(asked.seconds)
    if asked.only != "graphs":
        peers(asked.seconds, asked.peer_seconds, asked.rounds)


if __name__ == "__main__":
    main()
