"""A town small enough to plan by hand, and the command line run as a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

DEMAND = """\
id,lon,lat,weight
a,113.0,28.00,10
b,113.0,28.01,20
c,113.0,28.02,30
d,113.0,28.03,40
"""

SITES = """\
id,lon,lat,kind,cost
ab,113.0,28.005,parking,1
bc,113.0,28.015,parking,1
cd,113.0,28.025,parking,1
"""

SCENARIO = """\
schema = 1
name = "town"
title = "Four streets"

[[demand]]
name = "streets"
file = "demand.csv"

[[sites]]
name = "parking"
file = "sites.csv"

[[standards]]
name = "near"
demand = "streets"
radius = "600 m"

[objective]
minimise = "cost"
"""

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Four demand points 1.1 km apart on a meridian, and three sites, each half-way between two of them.

    Within 600 m each site serves its two neighbours, so the first and the last site are needed and enough.
    """
    for name, content in (("demand.csv", DEMAND), ("sites.csv", SITES), ("scenario.toml", SCENARIO)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(chargeplan: Run, tmp_path: Path) -> Run:
    """Run `chargeplan` with arguments in the temporary folder."""
    return partial(chargeplan, cwd=tmp_path)
