"""A mixed-integer linear model as arrays: the one form in which models travel to backends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class MatrixModel:
    """``min`` (or ``max``) ``c x`` subject to ``row_lower <= A x <= row_upper``, ``lower <= x <= upper``.

    Parameters
    ----------
    objective
        (C,) coefficients c.
    rows
        (R, C) matrix A.
    row_lower, row_upper
        (R,) limits of the rows; infinite where there is none.
    lower, upper
        (C,) limits of the variables; finite where `integral`.
    integral
        (C,) bool, which variables are integers.
    implied
        (C,) bool, continuous variables that are integers in some optimum; a backend may take them
        for integers.
    maximise
        The sense.
    """

    objective: NDArray[np.float64]
    rows: csr_array
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    integral: NDArray[np.bool_]
    implied: NDArray[np.bool_]
    maximise: bool = False

    @property
    def integer_objective(self) -> bool:
        """Whether every solution's objective is an integer."""
        used = self.objective != 0.0
        return bool(self.integral[used].all() and (self.objective == np.round(self.objective)).all())

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the model as named arrays, the form that solver processes read."""
        rows = self.rows
        return {
            "objective": self.objective, "data": rows.data, "indices": rows.indices, "indptr": rows.indptr,
            "row_lower": self.row_lower, "row_upper": self.row_upper,
            "lower": self.lower, "upper": self.upper, "integral": self.integral,
        }  # fmt: skip

    def violation(self, values: NDArray[np.float64]) -> float:
        """Return the largest violation of a row or a limit, rows scaled by their largest coefficient.

        Parameters
        ----------
        values
            (C,) values of the variables.
        """
        activity = self.rows @ values
        largest = abs(self.rows).max(axis=1).toarray().ravel() if self.rows.nnz else np.ones(activity.size)
        scale = np.maximum(largest, 1.0)
        faults = [
            (self.row_lower - activity) / scale,
            (activity - self.row_upper) / scale,
            self.lower - values,
            values - self.upper,
            np.abs(values - np.round(values))[self.integral],
        ]
        return max((float(fault.max()) for fault in faults if fault.size), default=0.0)
