"""Parquet files are read batch by batch, to the value, and what is wrong with one is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from chargeplan.errors import InputError
from chargeplan.io import parquet_chunks as module
from chargeplan.io.parquet_chunks import parquet_chunks
from chargeplan.kernels import cover_patterns


def written(path: Path, **columns: object) -> Path:
    """Write a table in row groups of five."""
    parquet.write_table(pa.table(columns), path, row_group_size=5)
    return path


def test_batches_are_the_table(tmp_path: Path) -> None:
    """Whole numbers and small floats come as float64; batches end where they should."""
    x, y = np.arange(12) / 4, np.arange(12, dtype=np.float32) / 8
    path = written(
        tmp_path / "points.parquet", name=["a"] * 12, y=y, people=np.arange(12, dtype=np.int32), x=x
    )
    chunks = list(parquet_chunks(path, weight="people", size=4))
    assert max(len(weight) for _, weight in chunks) <= 4
    np.testing.assert_array_equal(np.concatenate([chunk[0] for chunk in chunks]), np.column_stack((x, y)))
    np.testing.assert_array_equal(np.concatenate([chunk[1] for chunk in chunks]), np.arange(12))
    assert {array.dtype for chunk in chunks for array in chunk} == {np.dtype(np.float64)}
    assert [weight for _, weight in parquet_chunks(path, ("y", "x"))] == [None]


def test_patterns_of_a_file_are_those_of_its_points(tmp_path: Path) -> None:
    """A file streams through `cover_patterns`."""
    rng = np.random.default_rng(3)
    points, sites = rng.uniform(0, 10, (200, 2)), rng.uniform(0, 10, (5, 2))
    path = written(tmp_path / "points.parquet", x=points[:, 0], y=points[:, 1])
    streamed = cover_patterns(parquet_chunks(path, size=33), sites, 3.0, metric="euclidean")
    at_once = cover_patterns([(points, None)], sites, 3.0, metric="euclidean")
    np.testing.assert_array_equal(streamed.coverage.toarray(), at_once.coverage.toarray())
    np.testing.assert_array_equal(streamed.weight, at_once.weight)


def test_what_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, column, value or library, text for numbers, a file cut short, a size of 0."""

    def read(path: Path, *columns: str, size: int = 100) -> None:
        list(parquet_chunks(path, ("x", "y"), *columns, size=size))

    path = written(tmp_path / "points.parquet", x=[1.0] * 8, y=[1] * 7 + [None], text=["a"] * 8)
    with pytest.raises(InputError, match=r"nowhere.parquet: there is no such file"):
        read(tmp_path / "nowhere.parquet")
    with pytest.raises(InputError, match=r"has no columns 'people'; there are 'x', 'y', 'text'"):
        read(path, "people")
    with pytest.raises(InputError, match=r"column text: holds string, not numbers"):
        read(path, "text")
    with pytest.raises(InputError, match=r"row 8, column y: has no value"):
        read(path, size=3)
    with pytest.raises(InputError, match="size must be 1 or more, not 0"):
        read(path, size=0)
    short = tmp_path / "short.parquet"
    short.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"short.parquet: cannot be read as Parquet"):
        read(short)
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install 'chargeplan\[parquet\]'"):
        read(path)
