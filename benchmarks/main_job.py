"""The main job, measured: whole processes of `chargeplan`, from the command to the written plan.

::

    python benchmarks/main_job.py [--runs N]

plans the shipped region `czt` with an empty cache of compiled kernels and again with a warm one, `czt-2021`
and `texas`, and asks for `--help`; runs the independent check on the plan of `czt`, compares the bytes of two
runs, and writes a table into REPORT.md beside this file. ``--quick`` does the same with one small instance
and prints the table instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from report import REPORT, conditions, replace_section, table

ROOT = Path(__file__).resolve().parents[1]
HEADING = "The main job"
LARGE = ("czt", "czt-2021", "texas")
LIMITS = {"first": 90.0, "czt": 60.0, "czt-2021": 60.0, "texas": 60.0, "--help": 0.5}

HEADS = [
    *("command", "exit", "seconds", "asked", "peak MiB", "stations", "cost"),
    *("objective", "bound", "gap", "bound kind", "ended", "met", "audit"),
]


@dataclass(frozen=True)
class Run:
    """A process that has ended.

    Parameters
    ----------
    seconds
        By the wall clock.
    code
        Exit code.
    memory
        Peak resident memory in bytes, of the process or of one that it started, whichever is greater.
    plan
        What plan.json says.
    """

    seconds: float
    code: int
    memory: int
    plan: dict = field(default_factory=dict, repr=False)


def main() -> None:
    """Measure, and write or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1, help="warm runs of each; the median is told")
    parser.add_argument("--quick", action="store_true", help="only xiangtan-2024, printed")
    given = parser.parse_args()
    names = ("xiangtan-2024",) if given.quick else LARGE
    with tempfile.TemporaryDirectory(prefix="chargeplan-main-job-") as folder:
        section = measure(names, max(1, given.runs), Path(folder))
    if given.quick:
        print(section)
    else:
        replace_section(HEADING, section)
        print(f"{section}\n\nwritten into {REPORT}")


def measure(names: tuple[str, ...], runs: int, scratch: Path) -> str:
    """Run everything once cold and some times warm, and put it into words."""
    main_instance = names[0]
    first = solve(main_instance, scratch / "first", scratch / "numba")
    rows = [row(f"`solve {main_instance}`, kernels compiling", [first], LIMITS["first"])]
    again = scratch / "first"
    for name in names:
        warm = [solve(name, scratch / f"{name}-{n}", scratch / "numba") for n in range(runs)]
        rows.append(row(f"`solve {name}`", warm, LIMITS.get(name)))
        if name == main_instance:
            again = scratch / f"{name}-0"
    rows.append(
        row(
            "`--help`",
            [command(["--help"], scratch / "numba") for _ in range(max(3, runs))],
            LIMITS["--help"],
        )
    )
    facts = [
        f"- Two runs of `{main_instance}`: {same_bytes(scratch / 'first', again)}.",
        f"- Independent check of `{main_instance}`: {independent_check(main_instance, again)}",
    ]
    if "texas" in names:
        facts.append(f"- People served in `texas`: {before_and_after('texas', scratch / 'texas-0')}.")
    what = f"- Command: `python benchmarks/main_job.py --runs {runs}`, medians of whole processes"
    return "\n".join([*conditions(), what, "", table(HEADS, rows), "", *facts])


def solve(name: str, folder: Path, cache: Path) -> Run:
    """Plan an instance in a process of its own."""
    run = command(["solve", name, "--out", str(folder), "--quiet"], cache)
    if run.code not in {0, 3}:
        sys.exit(f"chargeplan solve {name} ended with code {run.code}")
    return Run(
        run.seconds, run.code, run.memory, json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    )


def command(arguments: list[str], cache: Path) -> Run:
    """Run `chargeplan` to its end; compiled kernels are kept in `cache`."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "chargeplan", *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, process.returncode, usage.ru_maxrss * unit)


def row(name: str, runs: list[Run], limit: float | None) -> list[str]:
    """One line of the table: the median run, and whether it keeps the time that is asked."""
    run = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    start = [name, str(run.code), f"{run.seconds:.2f}", "" if limit is None else f"< {limit:g}"]
    start.append(f"{run.memory / 2**20:,.0f}")
    plan = run.plan
    if not plan:
        return start + [""] * 9
    required = [standard for standard in plan["standards"].values() if standard["required"]]
    met = sum(standard["met"] for standard in required)
    gap = "" if plan["gap"] is None else f"{plan['gap']:.2%}"
    return [
        *start,
        f"{plan['stations']['total']:,} ({plan['stations']['selected']:,} new)",
        f"{plan['cost']:,.6g}",
        f"{plan['objective']:,.10g}",
        "" if plan["bound"] is None else f"{plan['bound']:,.10g}",
        gap,
        str(plan["bound_kind"]),
        plan["status"] + ("" if plan["reproducible"] else ", cut by the clock"),
        f"{met} of {len(required)} required" if required else "aims only",
        "agrees" if plan["audit"]["agrees"] else "DISAGREES",
    ]


def same_bytes(one: Path, other: Path) -> str:
    """Say whether two plan folders differ in more than the times in plan.json."""
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (one, other)]
    plans = [json.loads(content.pop("plan.json")) for content in files]
    for plan in plans:
        del plan["seconds"], plan["provenance"]["command"]  # which names the folder
    if files[0] == files[1] and plans[0] == plans[1]:
        return "the same bytes but for the times and the command's own `--out` in plan.json"
    differing = [
        name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)
    ]
    differing += [f"plan.json: {key}" for key in plans[0] if plans[0][key] != plans[1].get(key)]
    return f"DIFFERENT in {', '.join(sorted(differing))}"


def independent_check(name: str, folder: Path) -> str:
    """Let the program that shares no code with chargeplan judge a plan."""
    from chargeplan.instances import catalog  # noqa: PLC0415 - only to find the scenario file

    file = catalog.resolve(name)
    asked = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["standards"]
    if not any(standard["required"] for standard in asked.values()):
        return "nothing is required."
    script = ROOT / "tests" / "independent_check.py"
    done = subprocess.run([sys.executable, script, folder, file], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    return f"exit {done.returncode}; " + "; ".join(lines or done.stderr.splitlines()[-1:])


def before_and_after(name: str, folder: Path) -> str:
    """Share of the people within the radius of the stations that stand already, and of the plan's."""
    import chargeplan as cp  # noqa: PLC0415 - not in the measured processes

    problem = cp.load(name)
    before = cp.audit(problem, problem.sites.status == "existing").standards[0]
    after = cp.audit(problem, cp.read_plan(folder).stations).standards[0]
    people = (
        f"of {after.weight:,.0f}, {before.weight_covered:,.0f} before and {after.weight_covered:,.0f} after"
    )
    return f"{before.share:.2%} before, {after.share:.2%} after ({people})"


if __name__ == "__main__":
    main()
