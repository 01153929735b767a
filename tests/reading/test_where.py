"""Selections by SQL expressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chargeplan.errors import InputError
from chargeplan.prepare.where import select

TABLE = pd.DataFrame(
    {
        "class": ["urban", "rural", None, "urban"],
        "people": [10, 20, 30, 40],
        "share": [0.5, np.nan, 1.0, 2.0],
        "is new": [True, False, True, False],
        'odd"name': [1, 2, 3, 4],
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("class = 'urban'", [0, 3]),
        ("class <> 'urban'", [1]),
        ("class IS NULL OR people BETWEEN 5 AND 15", [0, 2]),
        ("share > 0.5", [2, 3]),
        ("share IS NULL", [1]),
        ('"is new"', [0, 2]),
        ('"odd""name" = 2', [1]),
        ("class IN ('rural', 'urban') AND people % 20 = 0", [1, 3]),
        ("upper(class) LIKE 'U%'", [0, 3]),
        ("1", [0, 1, 2, 3]),
        ("0", []),
        ("people > 10 -- and nothing else", [1, 2, 3]),
    ],
)
def test_selects(where, expected) -> None:
    """Exactly the rows for which the expression is true are selected; NULL is not true."""
    assert np.flatnonzero(select(TABLE, where)).tolist() == expected


@pytest.mark.parametrize(
    "where",
    [
        "colour = 'red'",
        "class =",
        "",
        "EXISTS (SELECT 1 FROM layer)",
        "people IN (SELECT people FROM layer)",
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n) > 0",
        "1) UNION SELECT name FROM sqlite_master WHERE (1",
        "load_extension('x')",
        "randomblob(10) IS NOT NULL",
        "random() > 0",
        "1); DROP TABLE layer; SELECT (1",
    ],
)
def test_refuses(where) -> None:
    """What is no plain expression over the columns is refused, and the columns that exist are told."""
    with pytest.raises(InputError, match=r"columns: class, people"):
        select(TABLE, where)


def test_columns_that_differ_only_in_case() -> None:
    """SQL cannot tell such columns apart, so a selection is refused."""
    with pytest.raises(InputError, match="duplicate column name"):
        select(pd.DataFrame({"Name": [1], "name": [2]}), "name = 1")


def test_no_columns() -> None:
    """A layer without columns can still be asked a question that reads none."""
    assert select(pd.DataFrame(index=range(3)), "1").all()
