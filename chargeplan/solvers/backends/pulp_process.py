"""PuLP (Mitchell et al. 2011) and the solvers it finds.

In a process of its own also because PuLP imports highspy wherever that is installed, and highspy and OR-Tools
cannot share a process.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chargeplan.solvers.backends.base import Answer, Feature, Hooks
from chargeplan.solvers.backends.process import Worker, end, start

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
_SCRIPT = Path(__file__).with_name("pulp_worker.py")


class PulpProcess:
    """A solver reached through PuLP.

    Parameters
    ----------
    solver
        A key of `PULP_SOLVERS`.
    """

    features = frozenset({Feature.WARM_START, Feature.CANCEL, Feature.FRACTIONS})

    def __init__(self, solver: str) -> None:
        self._ways = PULP_SOLVERS[solver]
        self.name = f"pulp:{solver}"

    def is_available(self) -> bool:
        """Whether PuLP finds the solver; the first question starts a process, later ones remember."""
        return importlib.util.find_spec("pulp") is not None and not _found().isdisjoint(self._ways)

    def takes(self, model: MatrixModel) -> bool:  # noqa: ARG002 - the interface
        """Whether it can write down the model's numbers: any."""
        return True

    def solve(self, model: MatrixModel, limits: Limits, hooks: Hooks) -> Answer:
        """Solve a model within limits.

        Raises
        ------
        BackendCrashed
            The process ended without an answer, or hung beyond its time limit.
        """
        way = next(name for name in self._ways if name in _found())
        return Worker(self.name, _SCRIPT, way).solve(model, limits, hooks)


@functools.cache
def _found() -> frozenset[str]:
    """PuLP's names of the solvers it finds on this machine."""
    with tempfile.TemporaryFile() as output:
        process = start(_SCRIPT, ["list"], output)
        process.wait()
        end(process)
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    if process.returncode != 0 or not lines:
        return frozenset()
    return frozenset(json.loads(lines[-1]))
