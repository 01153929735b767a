"""The first use after installation: kernels are compiled then, and kept on disk.

numba compiles one function at a time, whatever the threads; two processes compile twice as fast.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chargeplan import kernels
from chargeplan.kernels import inputs
from chargeplan.kernels.compiled import cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

_DEMAND = np.array(((113.0, 28.0), (113.001, 28.0), (113.002, 28.0), (113.02, 28.0)))
_COST = np.array((3.0, 2.0, 4.0, 1.0))
# What another process runs: it finds modules where this one does, and nothing in its environment matters.
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from chargeplan.kernels.first_use import compile_other_half
compile_other_half()
"""


@cache
def prepare() -> bool:
    """Compile all that a plan needs, on two cores, unless it lies on disk; return whether it did.

    Whatever this leaves out is compiled when it is first called.
    """
    # A program with Python inside, such as QGIS, would start itself once more.
    alone = not Path(sys.executable or "").name.startswith("python")
    if alone or cores() == 1 or not _must_compile():
        return False
    with _other_process():
        for call in one_half().values():
            call()
    return True


def compile_other_half() -> None:
    """Compile what `prepare` leaves to another process."""
    for call in other_half().values():
        call()


def one_half() -> dict[str, Callable[[], object]]:
    """One call per kernel, with the types that a plan gives it, of about half the work."""
    return {
        "coverage": lambda: kernels.coverage(_DEMAND, _DEMAND, 1000.0, strict=True),
        "paired_distances": lambda: kernels.paired_distances(_DEMAND, _DEMAND[::-1]),
        "distance_matrix": lambda: kernels.distance_matrix(_DEMAND, _DEMAND),
        "merge_equal_rows": lambda: kernels.merge_equal_rows(_relation()),
        "dominated_rows": lambda: kernels.dominated_rows(_relation()),
        "dominated_columns": lambda: kernels.dominated_columns(_relation(), _COST),
        "components": lambda: kernels.components(_relation()),
        "least_servers": lambda: kernels.least_servers(_COST, service_time=1.0, wait=0.1, alpha=0.1),
        "wait_exceeds": lambda: kernels.wait_exceeds(_COST, 5, 1.0, 0.1),
    }


def other_half() -> dict[str, Callable[[], object]]:
    """As `one_half`, of the rest."""
    graph = kernels.RoadGraph(np.array((0, 1, 3, 4)), np.array((1, 0, 2, 1)), np.full(4, 500.0))
    snapped = kernels.Snapped(np.array((0, 1, 2)), np.full(3, 10.0))
    return {
        "CoverSearch": lambda: kernels.CoverSearch(_relation(), _COST).run(10),
        "road_coverage": lambda: kernels.road_coverage(graph, snapped, snapped, 5000.0, strict=True),
        "road_distances": lambda: kernels.road_distances(graph, snapped, snapped, 5000.0),
    }


def _relation() -> csr_array:
    from scipy.sparse import csr_array  # noqa: PLC0415 - kernels import no more than numpy and numba

    return csr_array(np.array(((1, 1, 0, 0), (1, 1, 1, 0), (0, 1, 1, 0), (0, 0, 0, 1)), np.bool_))


def _must_compile() -> bool:
    """Tell by the kernel that every plan calls first whether kernels are found on disk."""
    inputs.checked_positions(_DEMAND, "geodesic", "demand")
    numbers = getattr(inputs.all_within, "stats", None)  # where numba is told to compile
    return numbers is not None and not numbers.cache_hits


def _other_process() -> subprocess.Popen[bytes]:
    # -I: nothing is imported from the working directory that this process would not import from there.
    return subprocess.Popen(  # noqa: S603 - our own program, run by this interpreter
        [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
