"""Collecting the faults of a layer, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    places
        Where the layer's rows are, once that is known: their numbers, ascending, and (N, 2) positions.
    doubtful
        Rows that a warning is about: they are no faults.
    doubts
        Such warnings, which count them.
    """

    file: str
    layer: str
    found: list[Fault] = field(default_factory=list)
    places: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = field(default_factory=list)
    doubtful: list[Fault] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def add(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        """Note one fault."""
        self.found.append(self._placed(message, row, column))

    def doubt(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        """Note one row that a warning is about."""
        self.doubtful.append(self._placed(message, row, column))

    def _placed(self, message: str, row: int | None, column: str | None) -> Fault:
        place = (self.file, self.layer, row, column)
        return Fault(message, *place, position=None if row is None else self._position(row))

    def locate(self, rows: npt.NDArray[np.int64], degrees: npt.NDArray[np.float64]) -> None:
        """Say where the rows are, for the faults that are found from now on.

        Parameters
        ----------
        rows
            (N,) row numbers in the file, ascending.
        degrees
            (N, 2) longitude, latitude in WGS-84; whatever is no place on the Earth is left out.
        """
        self.places[:] = [(rows, degrees)]

    def place(self, rows: npt.NDArray[np.int64], degrees: npt.NDArray[np.float64]) -> None:
        """Say where the rows are, as `locate` does, for what was found or doubted before as well."""
        self.locate(rows, degrees)
        for noted in (self.found, self.doubtful):
            for at, fault in enumerate(noted):
                if fault.row is not None and fault.position is None:
                    noted[at] = replace(fault, position=self._position(fault.row))

    def _position(self, row: int) -> tuple[float, float] | None:
        for rows, degrees in self.places:
            at = int(np.searchsorted(rows, row))
            if at < len(rows) and rows[at] == row and (np.abs(degrees[at]) <= (180.0, 90.0)).all():
                return float(degrees[at, 0]), float(degrees[at, 1])
        return None

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
        self.found.extend(self._of_rows(wrong, rows, message, column))

    def doubt_rows(
        self,
        doubtful: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        message: Callable[[int], str],
        *,
        column: str | None = None,
    ) -> None:
        """Note every row that a warning is about, as `add_rows` notes faults."""
        self.doubtful.extend(self._of_rows(doubtful, rows, message, column))

    def _of_rows(
        self,
        noted: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        message: Callable[[int], str],
        column: str | None,
    ) -> Iterator[Fault]:
        """Place the first rows one by one, and the last for all the others, which it counts."""
        at = np.flatnonzero(noted)
        for index in at[:MOST_ROWS]:
            yield self._placed(message(int(index)), int(rows[index]), column)
        if len(at) > MOST_ROWS:
            last, more = message(int(at[-1])), len(at) - MOST_ROWS
            says = f"and {more} more rows like these; the last: {last}"
            yield self._placed(says, int(rows[at[-1]]), column)

    def adopt(self, error: InputError) -> None:
        """Take over the faults of an error as this layer's."""
        self.found.extend(replace(fault, file=self.file, layer=self.layer) for fault in error.faults)
