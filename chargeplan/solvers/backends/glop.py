"""GLOP, OR-Tools' simplex method, for linear relaxations.

Small ones are solved here, others in a process of their own: there they can be stopped at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chargeplan.errors import BackendLate
from chargeplan.solvers.backends.base import Hooks
from chargeplan.solvers.backends.process import Worker
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.events import Cancel
    from chargeplan.solvers.matrix import MatrixModel

_SMALL = 10_000  # entries of a matrix that take less time than a process takes to start
_SCRIPT = Path(__file__).with_name("mathopt_worker.py")


def multipliers(
    model: MatrixModel, time_limit: float | None = None, cancel: Cancel | None = None
) -> NDArray[np.float64] | None:
    """Solve a linear program for the multipliers of its rows.

    Parameters
    ----------
    model
        Without integers, minimising.
    time_limit
        Seconds; None for none.
    cancel
        Asked now and then whether to stop.

    Returns
    -------
    ndarray or None
        (R,) multipliers: not negative for a row with a lower limit, not positive for one with an upper
        limit, up to rounding. They are optimal unless the limit ended it; None where it left none.

    Raises
    ------
    BackendCrashed
        The process ended without an answer.
    """
    if model.rows.nnz <= _SMALL:
        from chargeplan.solvers.backends import mathopt_worker  # noqa: PLC0415 - loaded when first used

        return mathopt_worker.multipliers(model.arrays(), time_limit, maximise=False)
    hooks = Hooks(cancel=cancel)
    try:
        return Worker("ortools:glop", _SCRIPT, "glop").solve(model, Limits(time_limit), hooks).duals
    except BackendLate:
        return None
