"""Writers that are killed with -9 never leave a folder that is believed and wrong."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from chargeplan.errors import PlanFolderError
from chargeplan.io.plan_folder import read_folder

WRITER = Path(__file__).parent / "killed_writer.py"
KILLS = 40


def whole_plan(folder: Path) -> int | None:
    """The number of the plan that a reader believes, after checking that all of it is that plan's."""
    try:
        plan, paths = read_folder(folder)
    except PlanFolderError:
        return None
    for name, path in paths.items():
        assert set(path.read_text(encoding="utf-8").splitlines()) == {f"{plan['number']} {name}"}
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {"plan.json", "notes.txt", *paths}
    return int(plan["number"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed with -9 there")
def test_killed_at_random_moments(tmp_path) -> None:
    """After every kill the folder is one whole plan or refused, and the next writer goes on from there."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    moments = random.Random(1)
    believed = number = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, WRITER, tmp_path, str(number)], stdout=subprocess.PIPE, text=True
        ) as writer:
            first = (
                writer.stdout.readline()
            )  # it has started, and could write over whatever the last one left
            assert first.strip() == str(number)
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(moments.uniform(0.0, 0.02))
            writer.kill()
        found = whole_plan(tmp_path)
        believed += found is not None
        assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
        number += 1000
    assert believed > 0
