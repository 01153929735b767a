"""CSV tables."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.io.files import check_file, fault, not_utf8

if TYPE_CHECKING:
    from os import PathLike

_SEPARATORS = ",;\t"
_POSITION_COLUMNS = (("longitude", "latitude"), ("lon", "lat"), ("lng", "lat"), ("x", "y"))
_WKT_COLUMNS = ("wkt", "geometry", "geom", "the_geom")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d+\.\d+(e[+-]?\d+)?", re.ASCII)
_EXACT = range(-(2**53), 2**53 + 1)  # whole numbers that are exact as floats
_INT64 = range(-(2**63), 2**63)


def read_table(path: str | PathLike[str]) -> pd.DataFrame:
    """Read a CSV table as it stands, every value as text; blank ones are None.

    Raises
    ------
    InputError
        No such file, not UTF-8, or rows that do not fit the header.
    """
    path = Path(path)
    check_file(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from None
    names, *rows = _split(path, text)
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise fault(path, f"has columns of the same name: {', '.join(map(repr, twice))}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise fault(path, f"has {len(row)} fields where the header has {len(names)}", number)
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    texts = ([value or None for value in column] for column in columns)
    return pd.DataFrame(
        {name: pd.Series(column, dtype=object) for name, column in zip(names, texts, strict=True)}
    )


def read_point_table(path: str | PathLike[str]) -> gpd.GeoDataFrame:
    """Read a CSV table with longitudes and latitudes, or with WKT, as a layer in WGS-84.

    Columns of numbers become numbers where each of them is written as it would be written again, so that ids
    stay as they are; the others stay text.

    Raises
    ------
    InputError
        As for `read_table`, or no column gives the position.
    """
    path = Path(path)
    table = read_table(path)
    table = pd.DataFrame({name: _typed(column) for name, column in table.items()})
    geometry = _geometry(path, table)
    return gpd.GeoDataFrame(table, geometry=geometry, crs="EPSG:4326")


def _split(path: Path, text: str) -> list[list[str]]:
    """Split a CSV into its header and rows, without blank lines."""
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    limit = csv.field_size_limit(len(text) + 1)  # the outline of a region may be long
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [row for row in lines if row]
    except csv.Error as error:
        raise fault(path, f"cannot be read: {error}") from None
    finally:
        csv.field_size_limit(limit)


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Turn a column into numbers where that loses nothing: each is written as the number itself would be.

    Codes such as 007, 1E5 and 1.10 stay text, since a number would make others of them.
    """
    texts = column.dropna()
    if texts.empty:
        return column
    if all(_WHOLE.fullmatch(text) for text in texts):  # with blanks, numbers become floats
        most = _EXACT if column.hasnans else _INT64
        return column if any(int(text) not in most for text in texts) else pd.to_numeric(column)
    if not all(_DECIMAL.fullmatch(text) and repr(float(text)) == text for text in texts):
        return column
    numbers = pd.to_numeric(column)
    return column if (numbers.dropna() % 1 == 0).all() else numbers


def _geometry(path: Path, table: pd.DataFrame) -> object:
    """Make geometry of the position columns; what is no number or no WKT is missing there."""
    names = {str(name).strip().lower(): name for name in table.columns}
    for pair in _POSITION_COLUMNS:
        if names.keys() >= set(pair):
            lon, lat = (pd.to_numeric(table[names[axis]], errors="coerce") for axis in pair)
            return gpd.points_from_xy(lon, lat)
    for name in _WKT_COLUMNS:
        if name in names:
            texts = table.pop(names[name])
            with np.errstate(all="ignore"):  # it is no place, which is said with its row
                return shapely.from_wkt(texts.to_numpy(dtype=object), on_invalid="ignore")
    pairs = ", ".join("/".join(pair) for pair in _POSITION_COLUMNS)
    there = ", ".join(map(str, table.columns))
    raise fault(path, f"has no position columns ({pairs}) and no WKT column; there are {there}")
