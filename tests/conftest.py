"""What all tests share."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]

# What a process does that was forked from one that has imported everything already.
_FORKED = """
import os, sys
os.environ.clear()
os.environ.update(environment)
os.chdir(folder)
for descriptor, name in ((1, "stdout"), (2, "stderr")):
    os.dup2(os.open(files[name], os.O_WRONLY | os.O_CREAT), descriptor)
    setattr(sys, name, open(descriptor, "w", encoding="utf-8", closefd=False))
sys.argv = ["chargeplan", *arguments]
exec(before)
from chargeplan.cli import main
main()
"""
_SEEDS = 4  # of a test, that every run takes
_IMPORTED = (
    "cli",
    "planning",
    "problem",
    "plan.files",
    "viz.map",
    "audit",
    "solvers.backends.mathopt_process",
)


@pytest.fixture(scope="session")
def chargeplan(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run `chargeplan` with arguments in a folder, as a process of its own, in which `before` is run first.

    Importing what a plan needs takes longer than most plans of these tests: where processes can be forked,
    one imports it for all.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return _started_afresh
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"chargeplan.{module}" for module in _IMPORTED])

    def run(*arguments: str | Path, cwd: Path, before: str = "") -> subprocess.CompletedProcess[str]:
        said = tmp_path_factory.mktemp("said")
        given = {
            "environment": dict(os.environ),
            "folder": str(cwd),
            "files": {name: str(said / name) for name in ("stdout", "stderr")},
            "arguments": [str(argument) for argument in arguments],
            "before": before,
        }
        process = context.Process(target=exec, args=(_FORKED, given))
        process.start()
        process.join()
        stdout, stderr = ((said / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(given["arguments"], process.exitcode or 0, stdout, stderr)

    return run


def _started_afresh(*arguments: str | Path, cwd: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    code = ["-c", f"{before}\nfrom chargeplan.cli import main\nmain()"] if before else ["-m", "chargeplan"]
    command = [sys.executable, *code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, encoding="utf-8")


@pytest.fixture(scope="session")
def chargeplan_afresh() -> Command:
    """Run `chargeplan` as `chargeplan` does, but by a Python that has imported nothing."""
    return _started_afresh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the many seeds of a test, and skip what needs an absent program of the system.

    Unless the machine is meant to have all programs.
    """
    for item in items:
        case = getattr(item, "callspec", None)
        seed = case.params.get("seed") if case is not None else None
        if isinstance(seed, int) and seed >= _SEEDS:
            item.add_marker("many")
    if os.environ.get("CHARGEPLAN_REQUIRE_SYSTEM") == "1":
        return
    for item in items:
        for marker in item.iter_markers("system"):
            (program,) = marker.args
            absent = shutil.which(program) is None
            item.add_marker(pytest.mark.skipif(absent, reason=f"{program} is not installed here"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail at once, and say why, where a program that must be there is absent."""
    for marker in item.iter_markers("system"):
        (program,) = marker.args
        if shutil.which(program) is None:
            pytest.fail(
                f"{program} is not installed, and CHARGEPLAN_REQUIRE_SYSTEM asks for it", pytrace=False
            )
