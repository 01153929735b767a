"""Exceptions of chargeplan.

::

    ChargeplanError
    ├── InputError            something given is wrong; carries every fault, by file, layer, row and column
    │   └── PlanFolderError   a plan folder that is not whole, or not what its plan.json says
    └── BackendError          a solver backend failed
        ├── BackendUnavailable    it is not installed here
        ├── BackendCrashed        its process ended or hung
        │   └── BackendLate           it did not end within its time limit
        └── WrongAnswer           its answer breaks a row of the model or misstates the objective
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_ESCAPED = ("Cc", "Cs", "Zl", "Zp")  # controls, halves of characters, line and paragraph separators
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Escape what would steer a terminal or reorder a line: file names, ids and titles are other people's.

    Parameters
    ----------
    text
        Of any origin.

    Returns
    -------
    str
        One line; control characters and those of bidirectional text as Python writes them.
    """
    return "".join(
        char.encode("unicode_escape").decode()
        if char in _BIDI or unicodedata.category(char) in _ESCAPED
        else char
        for char in text
    )


class ChargeplanError(Exception):
    """Whatever chargeplan raises on purpose."""


def json_printable(text: str) -> str:
    r"""Escape in JSON what would steer a terminal; whoever parses it reads the same.

    Parameters
    ----------
    text
        JSON: such characters stand in its strings only.

    Returns
    -------
    str
        The same JSON, with such characters by their numbers.
    """
    return "".join(
        char if char in "\n\t" or printable(char) == char else f"\\u{ord(char):04x}" for char in text
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input and the place where it is.

    Parameters
    ----------
    message
        What is wrong and, where it helps, what would be right.
    file, layer, row, column
        The place; `row` counts data rows from 1 as a person would, without a header.
    position
        Where on the Earth, if that is known: longitude, latitude in degrees, WGS-84.
    """

    message: str
    file: str | None = None
    layer: str | None = None
    row: int | None = None
    column: str | None = None
    position: tuple[float, float] | None = None

    def __str__(self) -> str:
        named = (("layer", self.layer), ("row", self.row), ("column", self.column))
        place = [self.file] if self.file is not None else []
        place += [f"{word} {value}" for word, value in named if value is not None]
        return printable(f"{', '.join(place)}: {self.message}" if place else self.message)


class InputError(ChargeplanError):
    """Something that was given is wrong.

    Parameters
    ----------
    faults
        Every fault that was found, or one message.
    """

    def __init__(self, faults: Iterable[Fault] | Fault | str) -> None:
        if isinstance(faults, str):
            faults = Fault(faults)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class PlanFolderError(InputError):
    """A plan folder is not whole, or not what its plan.json says."""


class BackendError(ChargeplanError):
    """A solver backend failed."""


class BackendUnavailable(BackendError):  # noqa: N818 - the word says it
    """The backend is not installed here."""


class BackendCrashed(BackendError):  # noqa: N818
    """The backend's process ended or hung."""


class BackendLate(BackendCrashed):
    """The backend's process did not end within its time limit."""


class WrongAnswer(BackendError):  # noqa: N818
    """The backend's answer breaks a row of the model or misstates the objective."""
