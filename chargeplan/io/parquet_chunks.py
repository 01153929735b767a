"""Positions and weights from a Parquet file, batch by batch: for more points than fit in memory."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.io.files import check_file, fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import NDArray

_BUFFER = 2**20  # bytes of a column that are read ahead, rather than a whole row group


def parquet_chunks(
    path: str | PathLike[str],
    position: tuple[str, str] = ("x", "y"),
    weight: str | None = None,
    *,
    size: int = 1_000_000,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
    """Read positions and weights batch by batch, as `chargeplan.kernels.cover_patterns` takes them.

    Memory depends on the size of a batch, not on that of the file or of its row groups.

    Parameters
    ----------
    path
        A Parquet file.
    position
        The columns of the coordinates: longitude, latitude (degrees, WGS-84), or metres in a plane.
    weight
        The column of the weights; None for points that weigh 1 each.
    size
        The most points of a batch, 1 or more.

    Yields
    ------
    positions, weights
        (n, 2) float64 and (n,) float64, or None without a column of weights.

    Raises
    ------
    InputError
        No such file, not a Parquet file, or cut short; a column that it does not have or that holds no
        numbers or no value in some row; pyarrow is not installed.
    """
    path = Path(path)
    if size < 1:
        raise InputError(f"size must be 1 or more, not {size}")
    if find_spec("pyarrow") is None:
        raise fault(path, "Parquet is read by pyarrow: pip install 'chargeplan[parquet]'")
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional dependency

    check_file(path)
    names = [*position, *([] if weight is None else [weight])]
    row = 0
    try:
        with _opened(path, names) as file:
            for batch in file.iter_batches(size, columns=names):
                columns = [_numbers(path, batch.column(name), name, row) for name in names]
                row += batch.num_rows
                yield np.column_stack(columns[:2]), None if weight is None else columns[2]
    except (pa.ArrowException, OSError) as error:
        raise fault(path, f"cannot be read as Parquet: {error}") from None


def _opened(path: Path, names: list[str]) -> Any:
    """Open a file whose columns are numbers."""
    from pyarrow import parquet, types  # noqa: PLC0415

    file = parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    schema = file.schema_arrow
    for name in names:
        if (times := schema.names.count(name)) != 1:
            there = ", ".join(map(repr, schema.names))
            raise fault(path, f"has {times or 'no'} columns {name!r}; there are {there}")
        kind = schema.field(name).type
        if not (types.is_integer(kind) or types.is_floating(kind)):
            raise InputError(Fault(f"holds {kind}, not numbers", file=str(path), column=name))
    return file


def _numbers(path: Path, values: Any, name: str, before: int) -> NDArray[np.float64]:
    """Return a column as floats; a value that is missing is named by its row."""
    if values.null_count:
        missing = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise InputError(Fault("has no value", file=str(path), row=before + missing + 1, column=name))
    numbers: NDArray[np.float64] = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return numbers
