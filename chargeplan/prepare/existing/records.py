"""Records of a file, read field by field: what is wrong is noted, and reading goes on."""

from __future__ import annotations

import json
import math
import re
import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chargeplan.io.files import fault
from chargeplan.prepare.existing.plugs import LEAST_KW, MOST_KW
from chargeplan.prepare.faults import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from chargeplan.prepare.faults import Faults

_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_FLAGS = {
    "true": True,
    "yes": True,
    "1": True,
    "y": True,
    "false": False,
    "no": False,
    "0": False,
    "n": False,
}
_MOST = 1e9  # of any measure; so nothing that is computed from two of them is infinite
_MOST_THINGS = 100_000  # that can be counted at a station


@dataclass(frozen=True)
class Findings:
    """What is wrong with the fields of many records, and what is doubtful, by field."""

    found: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    doubtful: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, row: int, name: str, message: str) -> None:
        """Note what is wrong with a field of a row."""
        self.found.setdefault(name, []).append((row, message))

    def doubt(self, row: int, name: str, message: str) -> None:
        """Note what is hardly meant as a field of a row says it."""
        self.doubtful.setdefault(name, []).append((row, message))

    def tell(self, faults: Faults) -> Faults:
        """Add them to a file's faults: the first of every field by themselves, the others counted."""
        for name, wrong in self.found.items():
            for row, message in _first(wrong):
                faults.add(message, row=row, column=name)
        for name, doubtful in self.doubtful.items():
            row, message = doubtful[0]
            says = (
                f"values of {name} that are hardly meant so, and are taken as they stand: {len(doubtful):,}"
            )
            faults.doubts.append(f"{says}, such as row {row}: {message}")
            for row, message in _first(doubtful):
                faults.doubt(message, row=row, column=name)
        return faults


def _first(noted: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Name the first ones, and the last for all the others, which are counted."""
    yield from noted[:MOST_ROWS]
    if len(noted) > MOST_ROWS:
        row, last = noted[-1]
        yield row, f"and {len(noted) - MOST_ROWS} more like these; the last: {last}"


@dataclass(frozen=True)
class Record:
    """An object of a file: its fields by name, where it is, and where its faults go."""

    fields: Mapping[str, Any]
    row: int
    findings: Findings
    within: str = ""

    def wrong(self, key: str, message: str) -> None:
        """Note what is wrong with a field."""
        self.findings.add(self.row, self.within + key, message)

    def text(self, key: str) -> str | None:
        """Read text; None where it is missing or blank. A number counts as what it is written as."""
        value = _given(self.fields.get(key))
        if value is None:
            return None
        if isinstance(value, dict | list):
            self.wrong(key, "is no text")
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).strip() or None

    def number(self, key: str) -> float | None:
        """Read a finite number of any sign; None where it is missing or wrong."""
        value = _given(self.fields.get(key))
        if value is None:
            return None
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, f"{_short(value)} is not a number")
            return None
        number = float(value) if abs(value) < 1e300 else math.inf
        if not math.isfinite(number):
            self.wrong(key, f"{_short(value)} is not a finite number")
            return None
        return number

    def degrees(self, key: str) -> float:
        """Read a longitude or latitude; NaN where it is missing or wrong."""
        value = self.number(key)
        return math.nan if value is None else value

    def amount(self, key: str) -> float | None:
        """Read a number of at least 0."""
        return self._up_to(key, _MOST)

    def kilowatts(self, key: str, *, unit: Literal["W", "kW"] = "kW") -> float | None:
        """Read what a plug gives, in kW; None where it is 0. What none gives to a car is doubtful."""
        stated = self.amount(key)
        if not stated:
            return None
        kw = stated / 1000.0 if unit == "W" else stated
        if not LEAST_KW <= kw <= MOST_KW:
            says = f"{stated:.10g} {unit} is {'less' if kw < LEAST_KW else 'more'} than a plug gives"
            self.findings.doubt(self.row, self.within + key, says)
        return kw

    def _up_to(self, key: str, most: float) -> float | None:
        value = self.number(key)
        if value is None or 0 <= value <= most:
            return value
        self.wrong(key, f"{value:g} is " + ("negative" if value < 0 else f"more than {most:g}"))
        return None

    def count(self, key: str) -> int | None:
        """Read a whole number of at least 0."""
        value = self._up_to(key, _MOST_THINGS)
        if value is not None and value % 1:
            self.wrong(key, f"{value:g} is not a whole number")
            return None
        return None if value is None else int(value)

    def flag(self, key: str) -> bool | None:
        """Read yes or no."""
        value = _given(self.fields.get(key))
        if value is None or isinstance(value, bool):
            return value
        known = _FLAGS.get(str(value).strip().lower())
        if known is None:
            self.wrong(key, f"{_short(value)} is neither yes nor no")
        return known

    def child(self, key: str) -> Record:
        """Read an object; an empty one where it is missing or wrong."""
        value = self.fields.get(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(key, "is no object")
        return self._inner(value if isinstance(value, dict) else {}, f"{key}.")

    def children(self, key: str) -> list[Record]:
        """Read a list of objects; none where it is missing or wrong."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, "is no list")
            return []
        if any(not isinstance(item, dict) for item in value):
            self.wrong(key, "holds something that is no object")
        return [self._inner(item, f"{key}[].") for item in value if isinstance(item, dict)]

    def _inner(self, fields: Mapping[str, Any], name: str) -> Record:
        return Record(fields, self.row, self.findings, self.within + name)


def _short(value: Any) -> str:
    """Show a value of whatever size."""
    return reprlib.repr(value)


def _given(value: Any) -> Any:
    """Make None of what stands for nothing: blank text, and the NaN that tables have in empty cells."""
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if type(value).__name__ in {"NAType", "NaTType"} else value


def read_records(path: str | PathLike[str], inside: str, findings: Findings) -> list[Record]:
    """Read the objects of a JSON file that is a list, or an object that holds one.

    Parameters
    ----------
    path
        The file, UTF-8.
    inside
        The key under which an answer of the source's service holds the list.
    findings
        What is wrong with them, now and when they are read field by field.

    Returns
    -------
    list of Record
        Numbered from 1.

    Raises
    ------
    InputError
        No such file, no JSON, or no such list.
    """
    path = Path(path)
    value = _read_json(path)
    if isinstance(value, dict) and inside in value:
        value = value[inside]
    if not isinstance(value, list):
        raise fault(path, f'is neither a list nor an object with a list in "{inside}"')
    if not value:
        raise fault(path, "holds no station")
    for row, item in enumerate(value, 1):
        if not isinstance(item, dict):
            findings.add(row, "station", "is no object")
    return [Record(item, row, findings) for row, item in enumerate(value, 1) if isinstance(item, dict)]


def _read_json(path: Path) -> Any:
    try:
        if not path.is_file():
            raise fault(path, "is not a file" if path.exists() else "there is no such file")
        return json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_no_number)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise fault(path, "is not UTF-8 text; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise fault(path, f"cannot be read: is no JSON: {error}") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")
