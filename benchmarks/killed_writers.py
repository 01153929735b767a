"""Writers of plan folders killed with -9: no folder may ever be believed and wrong.

::

    python benchmarks/killed_writers.py [--kills N]

starts 200 processes of tests/io/killed_writer.py one after another on one folder, kills each at a random
moment, and looks whether a reader then believes the folder: if so, every file must be that plan's, and no
other file may be there but the one of another origin, which must survive. The counts go into REPORT.md
beside this file. Exit code 1 when a folder was believed and wrong, or the foreign file was touched.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from report import REPORT, conditions, replace_section

from chargeplan.errors import PlanFolderError
from chargeplan.io.plan_folder import read_folder

WRITER = Path(__file__).resolve().parents[1] / "tests" / "io" / "killed_writer.py"
HEADING = "Killed writers"
FOREIGN = ("notes.txt", "not a plan's\n")
LONGEST = 0.06  # seconds after a writer's first plan at which it is killed at the latest: about ten plans


def main() -> int:
    """Kill, look, count, and write the counts down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="chargeplan-killed-") as folder:
        counts = kill_writers(Path(folder), given.kills, random.Random(given.seed))
    took = time.perf_counter() - began
    lines = [
        f"- Command: `python benchmarks/killed_writers.py --kills {given.kills}`, {took:.0f} s",
        "",
        f"{given.kills} writers of one folder, killed up to {LONGEST * 1000:.0f} ms after its first plan:",
        "",
        f"- {counts['whole']} times the folder was believed and was one whole plan;",
        f"- {counts['refused']} times it was refused, and the next writer went on from there;",
        f"- {counts['wrong']} times it was believed and wrong;",
        f"- {counts['touched']} times the foreign file in it was touched.",
    ]
    replace_section(HEADING, "\n".join([*conditions(), *lines]))
    print("\n".join([*lines, "", f"written into {REPORT}"]))
    return 1 if counts["wrong"] or counts["touched"] else 0


def kill_writers(folder: Path, kills: int, moments: random.Random) -> Counter[str]:
    """Start and kill writers one after another, and count what a reader finds after each."""
    foreign = folder / FOREIGN[0]
    foreign.write_text(FOREIGN[1], encoding="utf-8")
    counts: Counter[str] = Counter()
    for number in range(kills):
        kill_one(folder, number * 1000, moments.uniform(0.0, LONGEST))
        counts[verdict(folder)] += 1
        if not foreign.exists() or foreign.read_text(encoding="utf-8") != FOREIGN[1]:
            counts["touched"] += 1
            foreign.write_text(FOREIGN[1], encoding="utf-8")
    return counts


def kill_one(folder: Path, first: int, seconds: float) -> None:
    """Start a writer, wait for its first plan and some time more, and kill it."""
    call = [sys.executable, WRITER, folder, str(first)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        if not writer.stdout.readline():
            sys.exit("a writer could not write over what the one before had left")
        time.sleep(seconds)
        writer.kill()


def verdict(folder: Path) -> str:
    """Say whether the folder is refused, or believed and whole, or believed and wrong."""
    try:
        plan, paths = read_folder(folder)
    except PlanFolderError:
        return "refused"
    right = all(
        set(path.read_text(encoding="utf-8").splitlines()) == {f"{plan['number']} {name}"}
        for name, path in paths.items()
    )
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    return "whole" if right and there == {"plan.json", FOREIGN[0], *paths} else "wrong"


if __name__ == "__main__":
    sys.exit(main())
