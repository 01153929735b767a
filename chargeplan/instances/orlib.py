"""Readers of the OR-Library's file formats (Beasley 1990)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


def read_set_covering(path: str | os.PathLike[str]) -> tuple[csr_array, NDArray[np.float64]]:
    """Read a set covering instance (scp files).

    Parameters
    ----------
    path
        A file with the number of rows and columns, the columns' costs, then for each row how many columns
        cover it and which (from 1).

    Returns
    -------
    csr_array, ndarray
        (N, M) bool coverage and (M,) cost.

    Raises
    ------
    InputError
        The file is missing, or does not hold what its first line says.
    """
    try:
        numbers = np.array(Path(path).read_text(encoding="ascii").split(), np.int64)
    except (OSError, ValueError) as error:
        raise InputError(Fault(f"cannot be read as whole numbers: {error}", file=str(path))) from None
    if numbers.size < 2 or numbers.size < 2 + numbers[1]:
        raise InputError(Fault("ends before its costs do", file=str(path)))
    n_rows, n_columns = numbers[:2].tolist()
    place = 2 + n_columns
    members: list[NDArray[np.int64]] = []
    for row in range(n_rows):
        if place >= numbers.size or place + 1 + numbers[place] > numbers.size:
            raise InputError(Fault("ends before its rows do", file=str(path), row=row + 1))
        members.append(numbers[place + 1 : place + 1 + numbers[place]] - 1)
        place += 1 + int(numbers[place])
    indptr = np.concatenate(([0], np.cumsum([part.size for part in members])))
    indices = np.concatenate(members)
    if indices.min(initial=0) < 0 or indices.max(initial=0) >= n_columns:
        raise InputError(Fault(f"names a column outside 1 to {n_columns}", file=str(path)))
    coverage = csr_array((np.ones(indices.size, np.bool_), indices, indptr), shape=(n_rows, n_columns))
    return coverage, numbers[2 : 2 + n_columns].astype(np.float64)
