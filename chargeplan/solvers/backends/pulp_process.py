"""PuLP (Mitchell et al. 2011) in a process of its own.

PuLP imports highspy wherever that is installed, and highspy and OR-Tools cannot share a process; a crash or a hang of a
solver then cannot hurt the plan either.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendCrashed
from chargeplan.solvers.backends.base import Answer, Feature, Hooks

if TYPE_CHECKING:
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits

# Our word for a solver, and PuLP's names for the ways to reach it, best first.
PULP_SOLVERS = {
    "cbc": ("PULP_CBC_CMD", "COIN_CMD"),
    "highs": ("HiGHS", "HiGHS_CMD"),
    "scip": ("SCIP_PY", "SCIP_CMD"),
    "glpk": ("GLPK_CMD",),
    "gurobi": ("GUROBI", "GUROBI_CMD"),
    "cplex": ("CPLEX_PY", "CPLEX_CMD"),
    "xpress": ("XPRESS_PY", "XPRESS"),
    "mosek": ("MOSEK",),
    "copt": ("COPT", "COPT_CMD"),
}
_WORKER = Path(__file__).with_name("pulp_worker.py")
_GRACE = 15.0  # seconds beyond the time limit before a worker counts as hung


class PulpProcess:
    """A solver reached through PuLP.

    Parameters
    ----------
    solver
        A key of `PULP_SOLVERS`.
    """

    features = frozenset({Feature.WARM_START, Feature.CANCEL, Feature.FRACTIONS})

    def __init__(self, solver: str) -> None:
        self._solver = solver
        self.name = f"pulp:{solver}"

    def is_available(self) -> bool:
        """Whether PuLP finds the solver; the first question starts a process, later ones remember."""
        return importlib.util.find_spec("pulp") is not None and not set(PULP_SOLVERS[self._solver]).isdisjoint(_found())

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits.

        Raises
        ------
        BackendCrashed
            The process ended without an answer, or hung beyond its time limit.
        """
        way = next(name for name in PULP_SOLVERS[self._solver] if name in _found())
        with tempfile.TemporaryDirectory(prefix="chargeplan-") as folder:
            _write_request(Path(folder), model, limits, hooks, way)
            ended = self._wait(Path(folder), limits, hooks)
            return self._read_answer(Path(folder), limits) if ended else Answer("stopped")

    def _wait(self, folder: Path, limits: Limits, hooks: Hooks) -> bool:
        """Run the worker; False where a person stopped it."""
        patience = None if limits.time_limit is None else time.monotonic() + limits.time_limit + _GRACE
        with (folder / "log").open("wb") as log:
            worker = _start(["solve", str(folder)], log)
            try:
                while worker.poll() is None:
                    if hooks.cancelled():
                        return False
                    if patience is not None and time.monotonic() > patience:
                        raise BackendCrashed(f"{self.name} did not end within its time limit")
                    _wait_briefly(worker)
            finally:
                _end(worker)
        if worker.returncode != 0:
            tail = (folder / "log").read_text(errors="replace").strip().splitlines()[-3:]
            raise BackendCrashed(f"{self.name} ended with code {worker.returncode}: {' / '.join(tail)}")
        return True

    def _read_answer(self, folder: Path, limits: Limits) -> Answer:
        answer = json.loads((folder / "answer.json").read_text())
        if answer["status"] in {"infeasible", "stopped"}:
            return Answer(answer["status"], bound=answer["bound"])
        values = np.load(folder / "values.npy", allow_pickle=False)
        bound = answer["bound"]
        if bound is None and answer["status"] == "optimal" and limits.gap == 0.0:
            bound = answer["objective"]
        return Answer(answer["status"], values, answer["objective"], bound)


def _write_request(folder: Path, model: MatrixModel, limits: Limits, hooks: Hooks, way: str) -> None:
    rows = model.rows
    arrays = {
        "objective": model.objective, "data": rows.data, "indices": rows.indices, "indptr": rows.indptr,
        "row_lower": model.row_lower, "row_upper": model.row_upper,
        "lower": model.lower, "upper": model.upper, "integral": model.integral,
    }  # fmt: skip
    if hooks.start is not None:
        arrays["start"] = hooks.start
    np.savez(folder / "model.npz", **arrays)  # type: ignore[arg-type]
    asked = {
        "solver": way, "maximise": model.maximise, "gap": limits.gap, "time_limit": limits.time_limit,
        "threads": limits.threads or os.cpu_count(), "seed": limits.seed,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(asked))


def _start(arguments: list[str], output: object) -> subprocess.Popen[bytes]:
    # -I: nothing from the working directory or the environment is imported by the worker.
    return subprocess.Popen(  # noqa: S603 - our own script, run by this interpreter
        [sys.executable, "-I", str(_WORKER), *arguments],
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,  # type: ignore[arg-type]
        start_new_session=os.name == "posix",
    )  # fmt: skip


def _wait_briefly(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(timeout=0.05)
    except subprocess.TimeoutExpired:
        return


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End the worker and the solver that it may have started."""
    if worker.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(worker.pid, signal.SIGKILL)
    else:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(worker.pid)], check=False, capture_output=True)  # noqa: S603, S607
    worker.wait()


@functools.cache
def _found() -> frozenset[str]:
    """PuLP's names of the solvers it finds on this machine."""
    with tempfile.TemporaryFile() as output:
        worker = _start(["list"], output)
        worker.wait()
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    if worker.returncode != 0 or not lines:
        return frozenset()
    return frozenset(json.loads(lines[-1]))
