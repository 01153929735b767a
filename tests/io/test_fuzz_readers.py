"""Damaged files of every format that is read: each is read, or refused in an error of ours, within bounds.

The same 168 files every time; `python benchmarks/fuzz_readers.py --minutes 10` reads others.
"""

from __future__ import annotations

import random

import pytest
from damage import damaged, hunt
from small_files import FORMATS

FILES = 12  # of each format
GROUPS = [
    ["GeoJSON", "GeoPackage", "KML"],
    ["Shapefile", "FlatGeobuf", "GeoParquet"],
    ["CSV", "WKT", "AFDC", "scenario"],
    ["Open Charge Map", "OCPI", "GeoTIFF", "OpenStreetMap"],
]


def test_every_format_is_tried() -> None:
    """No format is left out, and the damage differs from file to file, but not from run to run."""
    assert sorted(name for group in GROUPS for name in group) == sorted(FORMATS)
    content = bytes(range(256)) * 8
    first, again, other = (damaged(content, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.slow
@pytest.mark.parametrize("names", GROUPS, ids=", ".join)
def test_damaged_files(names) -> None:
    """No traceback, no crash, no reading of more than ten seconds or a gigabyte."""
    assert list(hunt(names, 1, range(FILES))) == []
