"""What kernels are given, checked and brought into the one form they are compiled for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

Metric = Literal["geodesic", "euclidean"]
Scalar = TypeVar("Scalar", bound=np.generic)


@kernel
def all_within(positions: NDArray[np.float64], most: tuple[float, float]) -> bool:
    """Tell whether no coordinate is beyond its limit or not a number: one pass, and no array in between."""
    wrong = 0
    for i in range(positions.shape[0]):
        wrong += not (abs(positions[i, 0]) <= most[0] and abs(positions[i, 1]) <= most[1])
    return wrong == 0


def checked_positions(positions: ArrayLike, metric: str, name: str) -> NDArray[np.float64]:
    """Return positions as (N, 2) C-contiguous read-only float64, all finite and, on the Earth, in range.

    Raises
    ------
    InputError
        Another shape, a value that is not finite, a longitude beyond 360 or a latitude beyond 90 degrees.
    """
    checked_metric(metric)
    values = np.ascontiguousarray(positions, dtype=np.float64)
    if values.size == 0:
        values = values.reshape(0, 2)
    if values.ndim != 2 or values.shape[1] != 2:
        raise InputError(f"{name} must have the shape (N, 2), not {values.shape}")
    limits = (360.0, 90.0) if metric == "geodesic" else (1e150, 1e150)
    if not all_within(unwritable(values), limits):
        with np.errstate(invalid="ignore"):
            row = int(np.argmin((np.abs(values) <= limits).all(axis=1)))
        kind = "longitude and latitude in degrees" if metric == "geodesic" else "finite metres"
        raise InputError(f"{name}: position {row} is {values[row].tolist()}, not {kind}")
    return unwritable(values)


def checked_metric(metric: str) -> None:
    """Raise InputError unless the metric is one that is computed from positions."""
    if metric not in ("geodesic", "euclidean"):
        raise InputError(f'metric must be "geodesic" or "euclidean", not {metric!r}')


def checked_radius(radius: float, name: str = "radius") -> float:
    """Return a radius as a float of metres, 0 or more and finite, or raise InputError."""
    if not (math.isfinite(radius) and radius >= 0):
        raise InputError(f"{name} must be finite metres, 0 or more, not {radius!r}")
    return float(radius)


def checked_vector(
    values: ArrayLike | None, size: int, name: str, *, default: float = 1.0
) -> NDArray[np.float64]:
    """Return one float64 per item, finite and 0 or more; `default` for all when None is given.

    Raises
    ------
    InputError
        Another length, or a value that is negative or not finite.
    """
    if values is None:
        return np.full(size, default)
    vector = np.ascontiguousarray(values, dtype=np.float64)
    if vector.shape != (size,):
        raise InputError(f"{name} must have the shape ({size},), not {vector.shape}")
    wrong = ~(np.isfinite(vector) & (vector >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"{name}[{row}] is {vector[row]}, not a finite number of 0 or more")
    return vector


def checked_needs(need: ArrayLike | None, size: int) -> NDArray[np.int64]:
    """Return how many stations each row needs, whole numbers; 1 for all when None is given.

    Raises
    ------
    InputError
        Another length, or a need that is negative or not whole.
    """
    values = checked_vector(need, size, "need")
    wrong = values != np.floor(values)
    if wrong.any():
        raise InputError(f"need[{int(np.argmax(wrong))}] is not a whole number")
    return values.astype(np.int64)


def checked_mask(mask: ArrayLike | None, size: int, name: str) -> NDArray[np.bool_]:
    """Return one bool per site, all false when None is given; raise InputError for another length or kind."""
    if mask is None:
        return np.zeros(size, dtype=np.bool_)
    values = np.ascontiguousarray(mask)
    if values.shape != (size,) or values.dtype != np.bool_:
        raise InputError(f"{name} must be {size} booleans, not {values.dtype} of the shape {values.shape}")
    return values


def sorted_rows(coverage: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return row pointers (int64) and column indices (int32), ascending within each row; read-only.

    A coverage is a relation: whatever it stores is 'within', but for explicit zeros, which are dropped.

    Raises
    ------
    InputError
        Not a two-dimensional compressed sparse row array, or one that points outside itself.
    """
    if getattr(coverage, "format", None) != "csr" or coverage.ndim != 2:
        raise InputError(f"coverage must be a scipy.sparse.csr_array, not {type(coverage).__name__}")
    if not (coverage.has_canonical_format and bool(np.all(coverage.data))):
        coverage = coverage.copy()
        coverage.sum_duplicates()
        coverage.eliminate_zeros()
    indptr = unwritable(np.ascontiguousarray(coverage.indptr, dtype=np.int64))
    indices = unwritable(np.ascontiguousarray(coverage.indices, dtype=np.int32))
    if indices.size and not (indices.min() >= 0 and indices.max() < coverage.shape[1]):
        raise InputError(f"coverage has a column index outside its {coverage.shape[1]} columns")
    return indptr, indices


def unwritable(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return a view that cannot be written to.

    A kernel is compiled once more for arrays that may be written to; so it is given one kind alone.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def read_only(*arrays: NDArray[np.generic]) -> None:
    """Make arrays that are handed out unwritable."""
    for array in arrays:
        array.flags.writeable = False


def frozen(matrix: csr_array) -> csr_array:
    """Make the parts of a sparse array unwritable and hand it back."""
    read_only(matrix.data, matrix.indices, matrix.indptr)
    return matrix
