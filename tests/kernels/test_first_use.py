"""Kernels are compiled once, by two processes, and found on disk from then on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numba
import pytest

from chargeplan.kernels import first_use, inputs

if TYPE_CHECKING:
    from pathlib import Path

COMPILED = """
import sys
from numba.core import event
import chargeplan as cp
from chargeplan.kernels import first_use
print(first_use.prepare(), first_use.prepare())
recorder = event.RecordingListener()
with event.install_listener("numba:compile", recorder):
    for call in {**first_use.one_half(), **first_use.other_half()}.values():
        call()
    if len(sys.argv) > 1:
        cp.solve(cp.load(sys.argv[1]), work_limit=2.0)
print(sorted({str(record.data["dispatcher"]) for _, record in recorder.buffer if record.is_start}))
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(vars(numba.config)["DISABLE_JIT"]), reason="nothing is compiled")
def test_what_is_compiled_once_is_found_again(tmp_path: Path) -> None:
    """The first process compiles, both halves; the second loads, and finds all that a plan needs."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_NUM_THREADS": "2"}

    def said(*instance: str) -> list[str]:
        command = [sys.executable, "-c", COMPILED, *instance]
        answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return answer.stdout.splitlines()

    assert said() == ["True True", "[]"]
    assert said("xiangtan-2024") == ["False False", "[]"]


def test_both_halves_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process calls its half while the other calls the rest."""
    monkeypatch.setattr(first_use, "cores", lambda: 2)
    monkeypatch.setattr(first_use, "_must_compile", lambda: True)
    assert first_use.prepare.__wrapped__()
    first_use.compile_other_half()
    assert not first_use.one_half().keys() & first_use.other_half().keys()


def test_nothing_is_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """One core, no Python to start, kernels on disk: nothing is compiled ahead."""
    monkeypatch.setattr(first_use, "one_half", pytest.fail)
    monkeypatch.setattr(first_use, "_must_compile", lambda: True)
    monkeypatch.setattr(first_use, "cores", lambda: 1)
    assert not first_use.prepare.__wrapped__()
    monkeypatch.setattr(first_use, "cores", lambda: 2)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "executable", "/usr/bin/qgis")
        assert not first_use.prepare.__wrapped__()
    monkeypatch.setattr(first_use, "_must_compile", lambda: False)
    assert not first_use.prepare.__wrapped__()


def test_without_compilation_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba is told not to compile, kernels are functions like any other."""
    monkeypatch.setattr(first_use, "one_half", pytest.fail)
    monkeypatch.setattr(first_use, "cores", lambda: 2)
    monkeypatch.setattr(inputs, "all_within", lambda positions, most: bool((abs(positions) <= most).all()))
    assert not first_use.prepare.__wrapped__()
