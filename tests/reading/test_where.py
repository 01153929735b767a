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
    """SQL cannot tell such columns apart: a selection by one is refused, by another column not."""
    table = pd.DataFrame({"Name": [1, 2], "name": [2, 1], "n": [1, 2]})
    with pytest.raises(InputError, match="cannot tell the columns 'Name' and 'name' apart"):
        select(table, "name = 1")
    assert select(table, "n = 1").tolist() == [True, False]


@pytest.mark.parametrize("where", ['"wieght" > 6', '6 < ("wieght")', '"class" = "urban"', '"rowid" > 1'])
def test_misspelt_quoted_column(where) -> None:
    """A name in double quotes that is no column is refused, rather than taken for text."""
    with pytest.raises(InputError, match="there is no column"):
        select(TABLE.assign(weight=1), where)


def test_quotes_inside_text() -> None:
    """Double quotes inside text or a comment are no names, and names may be written in any case."""
    table = pd.DataFrame({"name": ['a "b"', "c"]})
    assert select(table, """NAME = 'a "b"' AND "Name" <> 'it''s "x"' -- "y" """).tolist() == [True, False]


@pytest.mark.parametrize(
    "where",
    ["1) LIMIT (1", "people > 0) GROUP BY (people > 0", "1) ORDER BY (people", "(1", "1)", "'(' = '(')"],
)
def test_expression_stands_alone(where) -> None:
    """An expression cannot close the parenthesis it is put in."""
    with pytest.raises(InputError, match="parentheses do not match"):
        select(TABLE, where)


def test_parentheses_inside_text() -> None:
    """Parentheses in text, names and comments do not count."""
    table = pd.DataFrame({"a)": [1, 2], "b": ["(", ")"]})
    assert select(table, """"a)" = 1 AND b = '(' /* ) */ -- )""").tolist() == [True, False]


@pytest.mark.parametrize("where", ["max(people) > 5", "count(*) > 1"])
def test_aggregates_are_refused(where) -> None:
    """A selection looks at one row at a time."""
    with pytest.raises(InputError, match="columns: class, people"):
        select(TABLE, where)


@pytest.mark.parametrize("name", ["rowid", "oid", "_rowid_", "ROWID", "row number", "layer"])
def test_columns_named_like_sqlites_own(name) -> None:
    """A column may be called like SQLite's row numbers or ours, and rows are still told apart."""
    table = pd.DataFrame({name: [3, 1, 2], "n": [1, 2, 3]})
    assert select(table, f'"{name}" < 3').tolist() == [False, True, True]
    assert select(table, f'"{name}" < 3 AND n < 3').tolist() == [False, True, False]


def test_row_numbers_are_no_column() -> None:
    """SQLite's row numbers cannot be asked for, since they are no column."""
    with pytest.raises(InputError, match="columns: class"):
        select(TABLE, "rowid < 3")


@pytest.mark.parametrize("values", [["5", "n/a", "700"], [5, "n/a", 700]])
@pytest.mark.parametrize(
    "where",
    [
        "n > 600",
        "600 < n",
        "(n) >= -6",
        "n BETWEEN 1 AND 9",
        "n NOT BETWEEN 1 AND 9",
        '"n" <> 5',
        "n IN (5, 6)",
        "m < n",
        "layer.n > 6",
        "NOT n > 6",
    ],
)
def test_text_against_numbers(values, where) -> None:
    """Numbers compared with text are refused and the row is named, since SQLite calls all text larger."""
    with pytest.raises(InputError, match="compares numbers with the text 'n/a'") as error:
        select(pd.DataFrame({"n": values, "m": 1}), where)
    assert [(fault.row, fault.column) for fault in error.value.faults] == [(2, "n")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n = 'n/a'", [1]),
        ("n IS NOT NULL", [0, 1]),
        ("n LIKE 'n%'", [1]),
        ("CAST(n AS REAL) > 1", [0]),
        ("length(n) > 2", [1]),
        ("3 = length(n)", [1]),
        ("n > 'm'", [1]),
    ],
)
def test_text_as_text(where, expected) -> None:
    """Text may be compared with text, measured and converted."""
    assert np.flatnonzero(select(pd.DataFrame({"n": ["5", "n/a", None]}), where)).tolist() == expected


@pytest.mark.parametrize(
    ("where", "call", "row"),
    [
        ("coalesce(n, 0) > 600", "coalesce(n, 0)", 2),
        ("600 < (Coalesce(n, 0))", "Coalesce(n, 0)", 2),
        ("((ifnull(n,0))) BETWEEN 1 AND 9", "ifnull(n,0)", 2),
        ("nullif(n, 'n/a') >= 5", "nullif(n, 'n/a')", 3),
        ("m = 1 AND NOT iif(n = 'n/a', '0', m) > -2", "iif(n = 'n/a', '0', m)", 2),
        ("replace(n, '/', '.') > 5", "replace(n, '/', '.')", 2),
        ("substr(n, 1, 2) IN (43, 44)", "substr(n, 1, 2)", 2),
        ("length(n) < trim(n)", "trim(n)", 2),
        ("max(n, m) = abs(m) -- (", "max(n, m)", 2),
    ],
)
def test_what_a_function_gives_against_numbers(where, call, row) -> None:
    """Where a function gives text it is refused beside a number as well, and the first such row is named."""
    table = pd.DataFrame({"n": [None, "n/a", "700"], "m": 1})
    with pytest.raises(InputError, match="compares numbers with") as error:
        select(table, where)
    (fault,) = error.value.faults
    assert f"with {call}, which is the text" in fault.message
    assert fault.row == row


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("coalesce(m, 0) > 600", [2]),
        ("CAST(replace(n, ',', '.') AS REAL) > 5", [2]),
        ("0 + replace(n, ',', '.') > 5", [2]),
        ("5 < replace(n, ',', '.') * 1", [2]),
        ("round(coalesce(n, 0)) > 5", [2]),
        ("(length(n)) > 3", [2]),
        ("coalesce(n, '0') = '0'", [0]),
        ("coalesce(n, m) IS NOT NULL", [1, 2]),
        ("substr(n, 1, 1) IN ('7', '8')", [2]),
        ("n IN ('n/a') AND length(n) = length(trim(n))", [1]),
        ("max(length(n), 2) = 5", [2]),
        ("like('%/%', n) = 1", [1]),
        ("(n LIKE ('%/%')) = 1", [1]),
        ("(m > 5 AND (length(n))) = 1", [2]),
    ],
)
def test_what_a_function_gives(where, expected) -> None:
    """Numbers that functions give, or that are made of text, are compared with numbers, text with text."""
    table = pd.DataFrame({"n": [None, "n/a", "700,5"], "m": [None, 5, 700]})
    assert np.flatnonzero(select(table, where)).tolist() == expected


def test_text_that_is_numbers() -> None:
    """Text that is all numbers is compared as numbers, but codes with leading zeros as text."""
    table = pd.DataFrame({"n": ["1.50", "1E3", None], "code": ["007", "7", "08"], "big": ["1", "2", "10"]})
    assert select(table, "n > 600").tolist() == [False, True, False]
    assert select(table, "code = '007'").tolist() == [True, False, False]
    assert select(table, "big > 3").tolist() == [False, False, True]
    assert select(table, "big = '10'").tolist() == [False, False, True]


def test_integers_beyond_64_bits() -> None:
    """An integer that SQLite cannot store is still compared by its size."""
    table = pd.DataFrame({"n": pd.Series([18446744073709551615, 5], dtype=object)})
    assert select(table, "n > 6").tolist() == [True, False]
    with pytest.raises(InputError, match="too large"):
        select(pd.DataFrame({"n": pd.Series([10**400], dtype=object)}), "n > 6")


@pytest.mark.parametrize("where", ["people > '\udc80'", "people > '\0'"])
def test_characters_that_sqlite_does_not_take(where) -> None:
    """Half a character, or NUL, is bad input, not a crash."""
    with pytest.raises(InputError, match="columns: class"):
        select(TABLE, where)


def test_text_that_grows_beyond_measure() -> None:
    """An expression of a hundred letters does not fill the memory with what it makes of a text."""
    grown = "replace(" * 9 + "'a'" + ", 'a', 'aaaaaaaaaa')" * 9
    with pytest.raises(InputError, match="too big"):
        select(pd.DataFrame({"n": ["x"]}), f"length({grown}) > 0")


def test_long_rows_of_digits() -> None:
    """Text of very many digits is told from a number at once, not by trying every way to cut it."""
    table = pd.DataFrame({"n": ["1" * 200_000 + "x", "7"]})
    assert select(table, "n = '7'").tolist() == [False, True]


def test_no_columns() -> None:
    """A layer without columns can still be asked a question that reads none."""
    assert select(pd.DataFrame(index=range(3)), "1").all()
