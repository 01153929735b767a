"""Collecting the faults of a layer, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

MOST_ROWS = 20  # of one kind that are named one by one; the others are counted


@dataclass(frozen=True)
class Faults:
    """The faults of one layer of one file.

    Parameters
    ----------
    file, layer
        As the scenario names them.
    found
        What was found so far.
    """

    file: str
    layer: str
    found: list[Fault] = field(default_factory=list)

    def add(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        """Note one fault."""
        self.found.append(Fault(message, file=self.file, layer=self.layer, row=row, column=column))

    def add_rows(
        self,
        wrong: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        message: Callable[[int], str],
        *,
        column: str | None = None,
    ) -> None:
        """Note a fault of every wrong row.

        Parameters
        ----------
        wrong
            (N,) bool.
        rows
            (N,) row numbers in the file, from 1.
        message
            Says what is wrong with the row at an index into `wrong`.
        column
            The column that is wrong.
        """
        at = np.flatnonzero(wrong)
        for index in at[:MOST_ROWS]:
            self.add(message(int(index)), row=int(rows[index]), column=column)
        if len(at) > MOST_ROWS:
            last = message(int(at[-1]))
            more = len(at) - MOST_ROWS
            self.add(
                f"and {more} more rows like these; the last: {last}", row=int(rows[at[-1]]), column=column
            )

    def adopt(self, error: InputError) -> None:
        """Take over the faults of an error as this layer's."""
        self.found.extend(replace(fault, file=self.file, layer=self.layer) for fault in error.faults)
