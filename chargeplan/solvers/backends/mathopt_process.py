"""SCIP (Bolusani et al. 2024) and HiGHS (Huangfu & Hall 2018) through OR-Tools' MathOpt.

In a process of its own: HiGHS inside OR-Tools cannot be interrupted, and prints on standard output.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from chargeplan.solvers.backends.base import Answer, Feature, Hooks
from chargeplan.solvers.backends.process import Worker

if TYPE_CHECKING:
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits

_SCRIPT = Path(__file__).with_name("mathopt_worker.py")


class MathOptProcess:
    """A mixed-integer solver inside OR-Tools.

    Parameters
    ----------
    solver
        ``"scip"`` or ``"highs"``.
    """

    features = frozenset({Feature.WARM_START, Feature.CANCEL, Feature.FRACTIONS})

    def __init__(self, solver: str) -> None:
        self._solver = solver
        self.name = f"ortools:{solver}"

    def is_available(self) -> bool:
        """Whether OR-Tools is installed."""
        return importlib.util.find_spec("ortools") is not None

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
        return Worker(self.name, _SCRIPT, self._solver).solve(model, limits, hooks)
