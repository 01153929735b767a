"""What compiling costs whoever plans for the first time, and loading from the cache whoever plans again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def first_use(cache: Path, *options: str) -> dict[str, Any]:
    """Seconds by kernel in a process with a given cache, and what was compiled later."""
    command = [sys.executable, str(Path(__file__).with_name("first_use.py")), *options]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600)
    return dict(json.loads(answer.stdout))


def test_first_use(tmp_path: Path, size: str, record: Callable[..., None]) -> None:
    """Compiling and loading are noted by kernel; what is called here is all that a plan needs."""
    if size == "small":
        pytest.skip("tests/kernels/test_first_use.py compiles and loads everything too")
    runs = [first_use(tmp_path / str(run)) for run in range(3)]
    cold = sorted(runs, key=lambda run: sum(run["seconds"].values()))[len(runs) // 2]
    warm = first_use(tmp_path / "0", "--solve", "czt")
    assert warm["compiled later"] == []
    for name, asked in (("cold", "< 25"), ("from the cache", "< 1")):
        seconds = (cold if name == "cold" else warm)["seconds"]
        figures = {"all": f"{sum(seconds.values()):.2f}", "asked": asked}
        record("first use, seconds", name, figures | {kernel: f"{s:.2f}" for kernel, s in seconds.items()})
