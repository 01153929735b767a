"""What the public functions of the models take, checked and turned into one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.sparse import csr_array, issparse

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Sites = Sequence[int]


def checked_coverage(coverage: ArrayLike | csr_array) -> csr_array:
    """Return an (N, M) relation as a bool CSR array without explicit zeros.

    Raises
    ------
    InputError
        Not two-dimensional, or without a site.
    """
    sparse = csr_array(coverage) if issparse(coverage) else csr_array(np.atleast_2d(np.asarray(coverage)))
    if sparse.ndim != 2 or sparse.shape[1] == 0:
        raise InputError(
            f"coverage has the shape {sparse.shape}; it must be demand points x sites, with a site at least"
        )
    # The stubs take the comparison for one of whole objects.
    result = cast("csr_array", sparse != 0)  # type: ignore[comparison-overlap]
    result.eliminate_zeros()
    result.sort_indices()
    return result


def checked_vector(
    values: ArrayLike | None, size: int, name: str, default: float = 1.0
) -> NDArray[np.float64]:
    """Return (size,) finite numbers, none negative; `default` everywhere where nothing is given.

    Raises
    ------
    InputError
        Another length, or a number that is negative or not finite; every fault by its row.
    """
    if values is None:
        return np.full(size, default)
    vector = np.asarray(values, np.float64)
    if vector.shape != (size,):
        raise InputError(f"{name} has the shape {vector.shape}; it must be ({size},)")
    wrong = np.flatnonzero(~(np.isfinite(vector) & (vector >= 0)))
    if wrong.size:
        raise InputError(
            [Fault(f"{name} is {vector[i]}; it must be 0 or more", row=int(i) + 1) for i in wrong]
        )
    return vector


def checked_sites(sites: Sites, size: int, name: str) -> NDArray[np.bool_]:
    """Return a (size,) mask of site indices.

    Raises
    ------
    InputError
        An index that no site has.
    """
    indices = np.asarray(sites, np.int64).ravel()
    wrong = indices[(indices < 0) | (indices >= size)]
    if wrong.size:
        raise InputError(f"{name} names sites {wrong.tolist()}; there are sites 0 to {size - 1}")
    mask = np.zeros(size, np.bool_)
    mask[indices] = True
    return mask


def first_server(coverage: csr_array, selected: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Return for each demand point its first selected site, -1 for none: (N,)."""
    if selected is None:
        return None
    chosen = coverage[:, selected].tocsr()
    chosen.sort_indices()
    served = np.diff(chosen.indptr) > 0
    result = np.full(coverage.shape[0], -1, np.int64)
    result[served] = selected[chosen.indices[chosen.indptr[:-1][served]]]
    return result
