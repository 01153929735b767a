"""Selections: an SQL expression over the columns of a layer, evaluated by SQLite in memory.

The expression may read the columns and call plain functions of text and numbers, nothing else: an authorizer
refuses subqueries, other tables, pragmas and attachments. Text that is all numbers counts as numbers, unless
one is a code with a leading zero. What SQLite answers without a word, but not as meant, is refused: a name
misspelt in double quotes, which it takes for text, and text compared with numbers, which it calls larger,
whether the text is a column's or what a function makes of one.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.expression import Token, comparisons, folded, stands_alone, tokens
from chargeplan.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    SQLValue: TypeAlias = int | float | str | None

_FUNCTIONS = frozenset(
    {"abs", "coalesce", "glob", "ifnull", "iif", "instr", "length", "like", "lower", "ltrim", "max", "min"}
    | {"nullif", "replace", "round", "rtrim", "sign", "substr", "substring", "trim", "typeof", "upper"}
)
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_CODE = re.compile(r"\s*[+-]?0\d")
_LONGEST = 2**26  # bytes of any text, so that what an expression makes of it does not fill the memory
_INTEGERS = range(-(2**63), 2**63)  # what SQLite stores as such


class _Column(NamedTuple):
    """A column as SQLite has it; `affinity` is how it takes text that it is compared with."""

    name: str
    affinity: Literal["INTEGER", "REAL", ""]
    cells: Sequence[SQLValue]


def select(table: pd.DataFrame, where: str) -> npt.NDArray[np.bool_]:
    """Find the rows for which an expression is true.

    Parameters
    ----------
    table
        The columns; missing values are NULL. Rows are told by their place in it, from 1.
    where
        An SQL expression such as ``"class = 'urban' AND people > 0"``.

    Returns
    -------
    ndarray
        (N,) bool; False where the expression is NULL.

    Raises
    ------
    InputError
        The expression is no SQL, names an unknown column, compares text with numbers, or does more than look
        at columns.
    """
    names = [str(name) for name in table.columns]
    try:
        return _select(table, names, where)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        raise InputError(f"where = {where!r}: {error}; columns: {', '.join(names)}") from None


def _select(table: pd.DataFrame, names: list[str], where: str) -> npt.NDArray[np.bool_]:
    words = tokens(where)
    _check_words(words, names)
    columns = [_column(names[at], table.iloc[:, at]) for at in _columns_used(where, names)]
    _check_comparisons(words, columns, where)
    keep = np.zeros(len(table), dtype=bool)
    key = _quoted(_key([column.name for column in columns]))
    with closing(_opened()) as database:
        _fill(database, key, columns, len(table))
        _check_calls(words, database, key, where)
        keep[[row for (row,) in database.execute(_query(key, where))]] = True
    return keep


def _check_words(words: list[Token], names: list[str]) -> None:
    if not stands_alone(words):
        raise ValueError("its parentheses do not match")
    there = {folded(name) for name in names}
    for kind, word, *_ in words:
        if kind == "quoted" and word not in there:
            raise ValueError(
                f'there is no column "{word}"{nearest(word, names)}; text stands in single quotes'
            )


def _columns_used(where: str, names: list[str]) -> list[int]:
    """Compile the expression under an authorizer, and find the columns that it reads, by their places."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        places.setdefault(folded(name), []).append(at)
    used = _names_read(where, [names[at] for at, *_ in places.values()])
    for name in used:
        if len(alike := places[folded(name)]) > 1:
            which = " and ".join(repr(names[at]) for at in alike)
            raise ValueError(f"SQL cannot tell the columns {which} apart")
    return [places[folded(name)][0] for name in sorted(used)]


def _names_read(where: str, names: list[str]) -> set[str]:
    used: set[str] = set()
    selects = 0

    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        nonlocal selects
        if action == sqlite3.SQLITE_READ and first == "layer" and second in ("", *names):
            used.update({str(second)} & set(names))  # "" alone means that rows are counted, no column is read
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS:
            return sqlite3.SQLITE_OK
        selects += action == sqlite3.SQLITE_SELECT
        return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_SELECT and selects == 1 else sqlite3.SQLITE_DENY

    database = _opened()
    try:
        key = _key(names)
        database.execute(f"CREATE TABLE layer ({', '.join(map(_quoted, [key, *names]))})")
        database.set_authorizer(authorize)
        database.execute(_query("1", where)).close()
    finally:
        database.close()
    return used


def _column(name: str, given: pd.Series[str]) -> _Column:
    """Convert to what SQLite stores: None, int, float, text; anything else as text."""
    plain = given.astype(object).where(given.notna(), None)
    values = [
        value if isinstance(value, int | float | str | None) else str(value) for value in plain.tolist()
    ]
    there = [value for value in values if value is not None]
    if any(isinstance(value, str) and not _is_number(value) for value in there):
        return _Column(name, "", values)
    numbers = [_number(value) for value in values]
    if all(isinstance(value, int | None) for value in numbers):
        return _Column(name, "INTEGER", numbers)
    return _Column(name, "REAL", [None if value is None else float(value) for value in numbers])


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and _CODE.match(text) is None


def _number(value: SQLValue) -> int | float | None:
    """Turn text into the number it is; integers that SQLite cannot store become floats."""
    if isinstance(value, str):
        value = float(value) if not value.strip().lstrip("+-").isdecimal() else int(value)
    return float(value) if isinstance(value, int) and value not in _INTEGERS else value


def _check_comparisons(words: list[Token], columns: list[_Column], where: str) -> None:
    """Refuse to compare text with numbers: SQLite would call all text larger than any number."""
    by_name = {folded(column.name): column for column in columns}
    for pair in comparisons(words):
        for one, other in (pair, pair[::-1]):
            column = by_name.get(one.word) if one.kind in {"name", "quoted"} else None
            if column is None or column.affinity or not any(value is not None for value in column.cells):
                continue
            partner = by_name.get(other.word) if other.kind in {"name", "quoted"} else None
            if (
                other.kind == "number"
                or (partner is not None and partner.affinity)
                or _is_mixed(column, other)
            ):
                raise InputError(_compares_text(column, where))


def _is_mixed(column: _Column, other: Token) -> bool:
    """Find whether a column that is compared with some value holds both text and numbers."""
    is_value = other.word not in {"null", "true", "false"}
    return is_value and any(isinstance(value, int | float) for value in column.cells)


def _compares_text(column: _Column, where: str) -> list[Fault]:
    texts = [(row, value) for row, value in enumerate(column.cells, 1) if isinstance(value, str)]
    texts = [(row, text) for row, text in texts if not _is_number(text)]
    row, text = texts[0]
    more = f", and {len(texts) - 1} more rows hold text" if len(texts) > 1 else ""
    message = f"where = {where!r} compares numbers with the text {text!r}{more}"
    return [Fault(message, row=row, column=column.name)]


def _check_calls(words: list[Token], database: sqlite3.Connection, key: str, where: str) -> None:
    """Refuse to compare what a function gives with a number where it is text, such as coalesce(n, 0) > 6."""
    for pair in comparisons(words):
        for one, other in (pair, pair[::-1]):
            if one.kind != "call" or other.kind not in {"call", "number"}:
                continue
            call, partner = (where[word.begin : word.end] for word in (one, other))
            clash = f"typeof({call}\n) = 'text' AND typeof({partner}\n) IN ('integer', 'real')"
            found = database.execute(f"{_query(f'{key}, {call}', clash)} LIMIT 1").fetchone()
            if found is not None:
                row, text = found
                message = f"where = {where!r} compares numbers with {call}, which is the text {text!r}"
                raise InputError([Fault(message, row=row + 1)])


def _fill(database: sqlite3.Connection, key: str, columns: list[_Column], count: int) -> None:
    """Put the columns into a table, with the numbers of the rows, from 0, in a column `key`."""
    declared = [f"{_quoted(column.name)} {column.affinity}" for column in columns]
    marks = ", ".join("?" * (len(columns) + 1))
    database.execute(f"CREATE TABLE layer ({', '.join([key, *declared])})")
    rows = zip(range(count), *(column.cells for column in columns), strict=True)
    database.executemany(f"INSERT INTO layer VALUES ({marks})", rows)  # noqa: S608 - marks alone


def _opened() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    return database


def _key(names: list[str]) -> str:
    """Name a column of row numbers as no other is named; SQLite's own, rowid, gives way to a column."""
    taken = {folded(name) for name in names}
    key = "row number"
    while key in taken:
        key += "_"
    return key


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _query(wanted: str, where: str) -> str:
    return f"SELECT {wanted} FROM layer WHERE ({where}\n)"  # noqa: S608 - the authorizer stands guard
