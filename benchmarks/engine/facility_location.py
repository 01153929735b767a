"""OR-Library's capacitated facility location, beside plain HiGHS: objective, bound, gap, seconds.

``python benchmarks/engine/facility_location.py [NAME ...] [--seconds 60] [--threads 2]`` solves every
instance of ``tests/data/optima.json``, or those named; ``drawn-300x60`` draws 300 demand points and 60 sites.
Each solver runs in a process of its own per instance, clocked from the arrays to the answer, model
building included; a first, tiny instance takes Python's imports out of the clock. HiGHS gets the strong
formulation (x_ij <= y_j) through `scipy.optimize.milp`, which runs it on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, vstack

from chargeplan import solvers
from chargeplan.instances.orlib import FacilityLocation, read_facility_location

DATA = Path(__file__).parents[2] / "tests" / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())["orlib_cap"]["optimal"]
CLOSE = 1e-4  # of the optimum
Row = dict[str, float | str]


def chargeplan(instance: FacilityLocation, seconds: float, threads: int) -> Row:
    began = time.perf_counter()
    solution = solvers.facility_location(
        instance.assignment_cost, instance.opening_cost, instance.capacity, instance.demand,
        time_limit=seconds, threads=threads,
    )  # fmt: skip
    return {
        "objective": solution.objective,
        "bound": solution.bound,
        "proof": f"{solution.status}, {solution.bound_kind}",
        "seconds": time.perf_counter() - began,
    }


def highs(instance: FacilityLocation, seconds: float, threads: int) -> Row:
    assert threads >= 1
    began = time.perf_counter()
    points, sites = instance.assignment_cost.shape
    pairs = points * sites
    each = csr_array(np.kron(np.eye(points), np.ones(sites)))
    open_ = csr_array(np.tile(np.eye(sites), (points, 1)))
    loads = csr_array(np.kron(instance.demand, np.eye(sites)))
    rows = vstack(
        [
            hstack([csr_array((points, sites)), each]),
            hstack([-open_, csr_array(np.eye(pairs))]),
            hstack([csr_array(-np.diag(instance.capacity)), loads]),
        ]
    )
    one, none = np.ones(points), np.full(pairs + sites, -np.inf)
    found = milp(
        np.concatenate((instance.opening_cost, instance.assignment_cost.ravel())),
        integrality=np.repeat((1, 0), (sites, pairs)),
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(rows, np.append(one, none), np.append(one, np.zeros(pairs + sites))),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    return {
        "objective": float(found.fun),
        "bound": float(found.mip_dual_bound),
        "proof": "backend",
        "seconds": time.perf_counter() - began,
    }


SOLVERS = {"chargeplan": chargeplan, "HiGHS (SciPy)": highs}
TINY = FacilityLocation(np.array([[0.0, 3.0], [3.0, 0.0]]), np.ones(2), np.full(2, 1.5), np.ones(2))


def drawn(points: int, sites: int, seed: int = 0) -> FacilityLocation:
    """Draw an instance as Cornuejols, Sridharan & Thizy (1991) do, with five times the capacity asked for."""
    rng = np.random.default_rng(seed)
    demand = np.rint(rng.uniform(5, 35, points))
    capacity = np.rint(rng.uniform(10, 160, sites))
    capacity = np.rint(capacity * 5.0 * demand.sum() / capacity.sum())
    opening = np.rint(rng.uniform(0, 90, sites) + rng.uniform(100, 110, sites) * np.sqrt(capacity))
    distance = np.linalg.norm(rng.random((points, 1, 2)) - rng.random((sites, 2)), axis=2)
    return FacilityLocation(10.0 * distance * demand[:, None], opening, capacity, demand)


def read(name: str, folder: Path) -> FacilityLocation:
    if name.startswith("drawn-"):
        points, sites = name.removeprefix("drawn-").split("x")
        return drawn(int(points), int(sites))
    return read_facility_location(folder / f"{name}.txt")


def alone(who: str, name: str, asked: argparse.Namespace) -> Row:
    """Let one solver answer in a process of its own."""
    arguments = [sys.executable, __file__, name, "--one", who, "--folder", str(asked.folder)]
    arguments += ["--seconds", str(asked.seconds), "--threads", str(asked.threads)]
    patience = asked.seconds + 60.0
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=patience)
    return json.loads(done.stdout.splitlines()[-1])


def compare(name: str, asked: argparse.Namespace) -> bool:
    """Print a row for each solver; say whether ours reaches the optimum."""
    close = False
    for who in SOLVERS:
        row = alone(who, name, asked)
        gap = abs(row["objective"] - row["bound"]) / max(abs(row["objective"]), 1e-9)
        optimum = OPTIMA.get(name, row["bound"])
        off = abs(row["objective"] - optimum) / optimum
        if who == "chargeplan":
            close = off <= CLOSE and gap <= CLOSE
        print(
            f"| {name} | {who} | {row['objective']:.3f} | {row['bound']:.3f} | {gap:.4%} | {off:.4%} | "
            f"{row['seconds']:.2f} | {row['proof']} |",
            flush=True,
        )
    return close


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(OPTIMA))
    parser.add_argument("--folder", type=Path, default=DATA / "orlib_cap")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--one", choices=SOLVERS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        SOLVERS[asked.one](TINY, asked.seconds, asked.threads)
        instance = read(asked.names[0], asked.folder)
        print(json.dumps(SOLVERS[asked.one](instance, asked.seconds, asked.threads)))
        return
    print("| instance | solver | objective | bound | gap | from the optimum | seconds | proof |")
    print("|---|---|---:|---:|---:|---:|---:|---|")
    reached = [compare(name, asked) for name in asked.names]
    print(f"\n{sum(reached)} of {len(reached)} found and proven to {CLOSE:.2%}")


if __name__ == "__main__":
    main()
