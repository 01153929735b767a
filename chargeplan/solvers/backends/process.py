"""Solvers in a process of their own.

A crash, a hang or a clash of libraries cannot hurt the plan, and every solver can be stopped. The model goes
there as arrays in a file, the answer comes back the same way; what the solver prints goes to a log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendCrashed, BackendLate
from chargeplan.solvers.backends.base import Answer, Hooks

if TYPE_CHECKING:
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits

_GRACE = 3.0  # seconds beyond the time limit before a worker counts as hung


@dataclass(frozen=True)
class Worker:
    """A program that solves models.

    Parameters
    ----------
    backend
        Whose worker it is, for messages.
    script
        The program, called as ``python -I script solve FOLDER``; it finds ``request.json`` and
        ``model.npz`` in the folder and leaves ``answer.json`` there, ``values.npy`` for a plan and
        ``duals.npy`` for multipliers. The time limit in ``request.json`` counts from its ``asked_at``.
    solver
        Which solver it should use.
    """

    backend: str
    script: Path
    solver: str

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits.

        Raises
        ------
        BackendCrashed
            The process ended without an answer.
        BackendLate
            It hung beyond its time limit.
        """
        with tempfile.TemporaryDirectory(prefix="chargeplan-") as name:
            folder = Path(name)
            self._write_request(folder, model, limits, hooks)
            return (
                self._read_answer(folder, limits) if self._ends(folder, limits, hooks) else Answer("stopped")
            )

    def _ends(self, folder: Path, limits: Limits, hooks: Hooks) -> bool:
        """Run the program; False where a person stopped it."""
        patience = None if limits.time_limit is None else time.monotonic() + limits.time_limit + _GRACE
        with (folder / "log").open("wb") as log:
            process = start(self.script, ["solve", str(folder)], log)
            try:
                while process.poll() is None:
                    if hooks.cancelled():
                        return False
                    if patience is not None and time.monotonic() > patience:
                        raise BackendLate(f"{self.backend} did not end within its time limit")
                    _wait_briefly(process)
            finally:
                end(process)
        if process.returncode != 0:
            tail = (folder / "log").read_text(errors="replace").strip().splitlines()[-3:]
            raise BackendCrashed(f"{self.backend} ended with code {process.returncode}: {' / '.join(tail)}")
        return True

    def _write_request(self, folder: Path, model: MatrixModel, limits: Limits, hooks: Hooks) -> None:
        arrays = model.arrays()
        if hooks.start is not None:
            arrays["start"] = hooks.start
        np.savez(folder / "model.npz", **arrays)  # type: ignore[arg-type]
        asked = {
            "solver": self.solver,
            "maximise": model.maximise,
            "gap": limits.gap,
            "time_limit": limits.time_limit,
            "asked_at": time.time(),  # starting up is inside the limit
            "threads": limits.threads or os.cpu_count(),
            "seed": limits.seed,
        }
        (folder / "request.json").write_text(json.dumps(asked))

    @staticmethod
    def _read_answer(folder: Path, limits: Limits) -> Answer:
        answer = json.loads((folder / "answer.json").read_text())
        if (folder / "duals.npy").exists():
            return Answer(answer["status"], duals=np.load(folder / "duals.npy", allow_pickle=False))
        if answer["status"] in {"infeasible", "stopped"}:
            return Answer(answer["status"], bound=answer["bound"])
        values = np.load(folder / "values.npy", allow_pickle=False)
        bound = answer["bound"]
        if bound is None and answer["status"] == "optimal" and limits.gap == 0.0:
            bound = answer["objective"]
        return Answer(answer["status"], values, answer["objective"], bound)


def start(script: Path, arguments: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start one of our worker programs, all that it prints going to `output`.

    In a session of its own it does not hear the terminal's Ctrl-C. Its standard input ends when this process
    does, however that ends; the worker takes that for its own end.
    """
    # -I: nothing from the working directory or the environment is imported by the worker.
    return subprocess.Popen(  # noqa: S603 - our own program, run by this interpreter
        [sys.executable, "-I", str(script), *arguments],
        stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
        start_new_session=os.name == "posix",
    )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """End a worker and the solver that it may have started."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], check=False, capture_output=True)  # noqa: S603, S607
    process.wait()


def _wait_briefly(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=0.05)
    except subprocess.TimeoutExpired:
        return
