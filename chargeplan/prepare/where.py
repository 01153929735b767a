"""Selections: an SQL expression over the columns of a layer, evaluated by SQLite in memory.

The expression may read the columns and call plain functions of text and numbers, nothing else: an authorizer
refuses subqueries, other tables, pragmas and attachments.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_FUNCTIONS = frozenset(
    {"abs", "coalesce", "glob", "ifnull", "iif", "instr", "length", "like", "lower", "ltrim", "max", "min"}
    | {"nullif", "replace", "round", "rtrim", "sign", "substr", "substring", "trim", "typeof", "upper"}
)


def select(table: pd.DataFrame, where: str) -> npt.NDArray[np.bool_]:
    """Find the rows for which an expression is true.

    Parameters
    ----------
    table
        The columns; missing values are NULL.
    where
        An SQL expression such as ``"class = 'urban' AND people > 0"``.

    Returns
    -------
    ndarray
        (N,) bool; False where the expression is NULL.

    Raises
    ------
    InputError
        The expression is no SQL, names an unknown column, or does more than look at columns.
    """
    columns = [str(name) for name in table.columns]
    database = sqlite3.connect(":memory:")
    try:
        named = ", ".join(_quoted(name) for name in columns) or "none"
        database.execute(f"CREATE TABLE layer ({named})")
        used = _columns_used(database, where)
        _fill(database, table[[name for name in columns if name in used]])
        chosen = [row for (row,) in database.execute(_query(where))]
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise InputError(f"where = {where!r}: {error}; columns: {', '.join(columns)}") from None
    finally:
        database.close()
    keep = np.zeros(len(table), dtype=bool)
    keep[np.array(chosen, dtype=np.int64) - 1] = True
    return keep


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _query(where: str) -> str:
    return f"SELECT rowid FROM layer WHERE ({where}\n)"  # noqa: S608 - the authorizer stands guard


def _columns_used(database: sqlite3.Connection, where: str) -> set[str]:
    """Compile the query under an authorizer, and note the columns that it reads."""
    used: set[str] = set()
    selects = 0

    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        nonlocal selects
        if action == sqlite3.SQLITE_READ and first == "layer":
            used.add(str(second))
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS:
            return sqlite3.SQLITE_OK
        selects += action == sqlite3.SQLITE_SELECT
        return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_SELECT and selects == 1 else sqlite3.SQLITE_DENY

    database.set_authorizer(authorize)
    database.execute(_query(where)).close()
    database.set_authorizer(None)
    return used


def _fill(database: sqlite3.Connection, table: pd.DataFrame) -> None:
    if table.empty:  # the expression reads no column, but counts the rows
        database.executemany("INSERT INTO layer DEFAULT VALUES", [()] * len(table))
        return
    names = ", ".join(_quoted(str(name)) for name in table.columns)
    marks = ", ".join("?" * len(table.columns))
    values = zip(*(_sql_values(table[name]) for name in table.columns), strict=True)
    database.executemany(f"INSERT INTO layer ({names}) VALUES ({marks})", values)  # noqa: S608 - quoted


def _sql_values(column: pd.Series[str]) -> list[object]:
    """Convert to what SQLite stores: None, int, float, text; anything else as text."""
    plain = column.astype(object).where(column.notna(), None)
    return [value if isinstance(value, int | float | str | None) else str(value) for value in plain.tolist()]
