"""Columns of a layer as the scenario maps them.

A key names a column; a key left out means the column of its own name, if there is one, else a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from chargeplan.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from chargeplan.prepare.features import Features

# Columns of borders that may hold a district's name, in the order of preference.
DISTRICT_NAMES = ("name", "name_en", "romanised", "district", "NAME", "name_zh", "name_local")
_MOST = 2.0**53  # beyond it not every whole number is a float64


def numbers(
    features: Features, given: str | float | None, key: str, constant: float, *, blank: float | None = None
) -> npt.NDArray[np.float64]:
    """Read a column of numbers of at least 0.

    Parameters
    ----------
    features
        The layer; its faults are added to.
    given
        The scenario's value: a column, a number for all, or None.
    key
        The scenario's key, such as ``"weight"``.
    constant
        The value for all where neither says anything.
    blank
        What a missing value means; None where it is a fault.

    Returns
    -------
    ndarray
        (N,) float64.
    """
    if isinstance(given, float):
        return _summable(np.full(len(features.frame), given), features, key)
    column = _column(features, given, key)
    if column is None:
        return np.full(len(features.frame), constant)
    parsed = pd.to_numeric(features.frame[column], errors="coerce")
    values: npt.NDArray[np.float64] = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = features.frame[column].to_numpy(dtype=object)
    missing = pd.isna(texts)
    say = features.faults.add_rows
    say(
        np.isnan(values) & ~missing, features.rows, lambda at: f"{texts[at]!r} is not a number", column=column
    )
    say(values < 0, features.rows, lambda at: f"{values[at]:g} is negative", column=column)
    if blank is None:
        say(missing, features.rows, lambda _: f"the {key} is missing", column=column)
    if blank is None or np.isfinite(blank):
        say(np.isinf(values), features.rows, lambda _: f"the {key} is infinite", column=column)
    if blank is not None:
        values = np.where(missing, blank, values)
    return _summable(values, features, column)


def _summable(values: npt.NDArray[np.float64], features: Features, column: str) -> npt.NDArray[np.float64]:
    """Note as a fault that finite numbers have a sum beyond which whole numbers are not exact."""
    with np.errstate(over="ignore"):
        total = values[np.isfinite(values)].sum()
    if total > _MOST:
        says = f"the numbers are too large to add up: their sum is {total:.3g}, more than {_MOST:.3g}"
        features.faults.add(says, column=column)
    return values + 0.0  # no -0


@overload
def words(
    features: Features, given: str | None, key: str, constant: str, *, blank: str | None = None
) -> npt.NDArray[np.object_]: ...
@overload
def words(
    features: Features, given: str | None, key: str, constant: None = None, *, blank: str | None = None
) -> npt.NDArray[np.object_] | None: ...
def words(
    features: Features,
    given: str | None,
    key: str,
    constant: str | None = None,
    *,
    blank: str | None = None,
) -> npt.NDArray[np.object_] | None:
    """Read a column of text; None where there is none and no constant stands for it.

    `blank` is what a missing text means; None where it is a fault.
    """
    column = _column(features, given, key)
    if column is None:
        return None if constant is None else np.full(len(features.frame), constant, dtype=object)
    values = as_text(features.frame[column])
    missing = np.array([value is None for value in values], dtype=bool)
    if blank is not None:
        values[missing] = blank
        return values
    features.faults.add_rows(missing, features.rows, lambda _: f"the {key} is missing", column=column)
    return values


def word_or_column(
    features: Features, given: str | None, key: str, constant: str, allowed: Sequence[str] = ()
) -> npt.NDArray[np.object_]:
    """Read a column of text, or take one word for all.

    Parameters
    ----------
    features
        The layer; its faults are added to.
    given
        The scenario's value: one of the allowed words, or a column; without `allowed`, any word at all.
    key
        The scenario's key, such as ``"status"``.
    constant
        The value for all where the scenario is silent and the layer has no column of the key's name.
    allowed
        The words there are; none where any will do.
    """
    if given in allowed or (given is not None and not allowed and given not in features.frame.columns):
        return np.full(len(features.frame), given, dtype=object)
    values = words(features, given, key, constant)
    if allowed:
        wrong = np.array([value is not None and value not in allowed for value in values], dtype=bool)
        says = f"is none of {', '.join(allowed)}"
        column = given or key
        features.faults.add_rows(wrong, features.rows, lambda at: f"{values[at]!r} {says}", column=column)
    return values


def ids(features: Features, given: str | None) -> npt.NDArray[np.object_]:
    """Read the ids, or number the rows: ``"<layer>-<row>"``. Ids given twice are faults."""
    values = words(features, given, "id")
    if values is None:
        return np.array([f"{features.name}-{row}" for row in features.rows], dtype=object)
    twice = pd.Series(values).duplicated(keep=False).to_numpy() & ~pd.isna(values)
    features.faults.add_rows(
        twice,
        features.rows,
        lambda at: f"the id {values[at]!r} is given more than once",
        column=given or "id",
    )
    return values


def as_text(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Turn values into text, whole numbers without a decimal point, missing ones into None."""
    missing = column.isna().to_numpy()
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.fillna(0).astype(np.int64)
    values: npt.NDArray[np.object_] = column.astype(str).to_numpy(dtype=object, copy=True)
    values[missing] = None
    return values


def _column(features: Features, given: str | None, key: str) -> str | None:
    """Find the column that a key means; None where there is none."""
    columns = [str(name) for name in features.frame.columns if name != features.frame.geometry.name]
    if given is None:
        return key if key in columns else None
    if given in columns:
        return given
    features.faults.add(f"{key} = {given!r}: there is no such column" + nearest(given, columns), column=given)
    return None
