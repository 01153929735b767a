"""Prepare and call every kernel that `chargeplan solve czt` needs; print what their first use costs.

::

    NUMBA_CACHE_DIR=<empty folder> python benchmarks/kernels/first_use.py [--solve INSTANCE]

`kernels.prepare` compiles in two processes, or finds that everything lies on disk. Then a first pass loads
it, and a second does not: the difference is what else a first use costs. With ``--solve`` the instance is
solved afterwards, and what is still compiled then is named: nothing should be.
"""

from __future__ import annotations

import argparse
import json
import time

from numba.core import event

import chargeplan as cp
from chargeplan import kernels
from chargeplan.kernels import first_use


def main() -> None:
    """Print seconds by kernel, and what a solve still compiles, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--solve", metavar="INSTANCE")
    instance = parser.parse_args().solve
    began = time.perf_counter()
    kernels.prepare()
    seconds = {"prepare": time.perf_counter() - began}
    calls = {**first_use.one_half(), **first_use.other_half()}
    seconds |= {name: _first_cost(call) for name, call in calls.items()}
    print(json.dumps({"seconds": seconds, "compiled later": _compiled_by_solving(instance)}))


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
