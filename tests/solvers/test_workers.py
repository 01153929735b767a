"""Solvers' processes: they end with the process that started them, and do not hear the terminal's Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups")

# Prints the worker's process id as it starts; every SIGINT is answered by a line.
SOLVES = """
import signal, sys
import numpy as np
from scipy.sparse import csr_array
from chargeplan.solvers import backends
from chargeplan.solvers.backends import process
from chargeplan.solvers.backends.base import Hooks
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits

start = process.start
def tell(*arguments):
    worker = start(*arguments)
    if arguments[1][0] == "solve":
        print(worker.pid, flush=True)
    return worker

process.start = tell
signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
rows = np.random.default_rng(1).random((400, 200)) < 0.05
rows = rows[rows.any(axis=1)]
n = len(rows)
model = MatrixModel(
    np.ones(200), csr_array(rows * 1.0), np.ones(n), np.full(n, np.inf), np.zeros(200), np.ones(200),
    np.ones(200, bool), np.zeros(200, bool),
)
backends.find(sys.argv[1]).solve(model, Limits(), Hooks())
"""


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asks for does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not (
            Path("/proc/self/stat").exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
        )
    except (ProcessLookupError, FileNotFoundError):
        return False


def comes_true(fact: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes true before a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if fact():
            return True
        time.sleep(0)  # others first
    return False


def children(pid: int) -> list[int]:
    """Processes that a process started, where the system tells."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


@pytest.fixture(params=["ortools:scip", "pulp:cbc"])
def solving(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that solves, and its worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", SOLVES, request.param],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    worker = int(process.stdout.readline())
    yield process, worker
    for pid in (process.pid, worker):
        if lives(pid):
            os.killpg(pid, signal.SIGKILL)
    process.communicate()


def test_a_worker_ends_with_a_killed_parent(solving: tuple[subprocess.Popen[str], int]) -> None:
    """Whatever moment the parent is killed at, worker and solver end."""
    process, worker = solving
    solver = children(worker)
    process.kill()
    process.wait()
    assert comes_true(lambda: not lives(worker))
    assert comes_true(lambda: not any(map(lives, solver)))


def test_a_worker_does_not_hear_the_terminal(solving: tuple[subprocess.Popen[str], int]) -> None:
    """Ctrl-C reaches the foreground group: the parent, who decides what becomes of the worker."""
    process, worker = solving
    assert os.getpgid(worker) != os.getpgid(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "heard\n"
    assert lives(worker)
