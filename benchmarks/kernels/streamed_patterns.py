"""Merge points that stream by, in this process alone, and print what it took as JSON.

``draw N``: as the generator makes them. ``write N FILE``: to a Parquet file. ``read N FILE``: from one.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chargeplan.instances.generators import cfl
from chargeplan.io.parquet_chunks import parquet_chunks
from chargeplan.kernels import cover_patterns

if TYPE_CHECKING:
    from collections.abc import Iterable

SITES, RADIUS = 100, 5.5


def write(points: int, path: str) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only those who write need it
    from pyarrow import parquet  # noqa: PLC0415

    schema = pa.schema({"x": pa.float64(), "y": pa.float64(), "weight": pa.int32()})
    with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        for positions, weight in cfl(points, SITES).chunks():
            file.write_table(pa.table([*positions.T.copy(), weight], schema=schema))
    print(json.dumps({"MB": Path(path).stat().st_size // 10**6}))


def merge(chunks: Iterable) -> None:
    few = cfl(200_000, SITES)
    cover_patterns(few.chunks(), few.sites, RADIUS, metric="euclidean")  # compiled, or loaded from the cache
    started = time.perf_counter()
    found = cover_patterns(chunks, few.sites, RADIUS, metric="euclidean")
    figures = {
        "points": f"{found.points.sum():,}",
        "patterns": f"{found.points.size:,}",
        "weight": f"{found.weight.sum():,.0f}",
        "seconds, all": f"{time.perf_counter() - started:.1f}",
        "most resident, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    action, number, *file = sys.argv[1:]
    if action == "write":
        write(int(number), *file)
    elif action == "read":
        merge(parquet_chunks(*file, weight="weight"))
    else:
        merge(cfl(int(number), SITES).chunks())
