"""What fixed sites leave to be decided: the rows they do not cover often enough, and the other sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Residual:
    """The rows and columns that are left, numbered afresh, by row and by column.

    Parameters
    ----------
    rows, columns
        The numbers that the rows and columns that are left had before.
    need
        How many stations each row still needs, 1 or more, and no more than there are columns for it.
    row_indptr, row_columns, column_indptr, column_rows
        Their relation.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    need: NDArray[np.int64]
    row_indptr: NDArray[np.int64]
    row_columns: NDArray[np.int32]
    column_indptr: NDArray[np.int64]
    column_rows: NDArray[np.int32]

    def mask(self, chosen: NDArray[np.bool_], fixed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the sites that are fixed or chosen among those left, as a mask over all."""
        sites = fixed.copy()
        sites[self.columns] = chosen
        return sites


def _pointers(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def residual(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    need: NDArray[np.int64],
    fixed: NDArray[np.bool_],
) -> Residual:
    """Take the fixed sites and the rows they satisfy, or that nothing can satisfy, out of a model.

    Parameters
    ----------
    indptr, indices
        The relation by row.
    need
        (N,) how many stations each row needs.
    fixed
        (M,) sites that are open whatever happens.
    """
    rows = need.size
    row_of = np.repeat(np.arange(rows), np.diff(indptr))
    open_already = fixed[indices]
    missing = need - np.bincount(row_of[open_already], minlength=rows)
    free = np.bincount(row_of[~open_already], minlength=rows)
    asked = (missing > 0) & (free >= missing)
    kept = asked[row_of] & ~open_already
    names = (np.cumsum(~fixed) - 1)[indices[kept]].astype(np.int32)
    columns = np.flatnonzero(~fixed)
    new_row = (np.cumsum(asked) - 1)[row_of[kept]].astype(np.int32)
    return Residual(
        rows=np.flatnonzero(asked),
        columns=columns,
        need=missing[asked],
        row_indptr=_pointers(free[asked]),
        row_columns=names,
        column_indptr=_pointers(np.bincount(names, minlength=columns.size)),
        column_rows=new_row[np.argsort(names, kind="stable")],
    )
