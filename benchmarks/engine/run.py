"""The engine beside its peers: same instance, same time, same threads, each solver in a process of its own.

::

    python benchmarks/engine/run.py [NAME ...] [--data FOLDER] [--threads 2] [--runs 1]

solves what `cases.py` lists under each name (all of them when none is named) and writes a section per name
into REPORT.md. ``--data`` names a folder laid out as tests/data with the instances of OR-Library that are too
big to ship (``orlib_scp/``, ``orlib_rail/``, ``optima.json``). ``--size small`` runs every program in seconds
and prints; so do ``--only TEXT``, for cases whose group or name has the text, and ``--who NAME``.

Every plan is checked, and its objective computed anew, before any figures are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402 - beside the parent folder
from cases import PROGRAMS, Case  # noqa: E402
from report import REPORT, conditions, replace_section, table  # noqa: E402
from solvers_alone import SOLVERS, absent, resident  # noqa: E402

from chargeplan.errors import InputError  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "chargeplan"
PEERS = ("spopt", "psutil")
HEADS = [
    *("instance", "who", "objective", "known", "bound", "gap", "seconds", "chargeplan's time x"),
    *("peak MiB", "for solving, MiB", "chargeplan's x", "ended", "proof", "asked"),
]
GRACE = 1.25, 120.0  # a process may take so many times its limit, and so many seconds for building, then ends
POLLED = 0.02  # seconds between looks at the memory, at least
LOOKING = (
    20.0  # times as long as a look takes, so that it takes nobody's processor; a fifth of a second at most
)
NEAR = 1e-6  # relative, between an objective as told and as computed here


@dataclass(frozen=True)
class Row:
    """What one solver made of one instance.

    Parameters
    ----------
    case, who
        The instance and the solver.
    status
        How it ended; why, where there is no answer.
    objective, bound
        The objective as computed here from the stations, the bound as the solver claims it.
    proof
        How the bound is proven, or who claims it.
    seconds
        From the arrays to the stations.
    memory
        Bytes at the highest, of the process and all that it started; None where that was not measured.
    held
        Bytes of it that the process held when the clock began: Python, libraries, the instance.
    fault
        What is wrong with the answer; empty where nothing is.
    """

    case: Case
    who: str
    status: str
    objective: float | None = None
    bound: float | None = None
    proof: str = ""
    seconds: float | None = None
    memory: int | None = None
    held: int | None = None
    fault: str = ""

    @property
    def gap(self) -> float | None:
        """Relative gap between the objective and the bound."""
        if self.objective is None or self.bound is None:
            return None
        return abs(self.objective - self.bound) / max(abs(self.objective), 1e-9)

    @property
    def grown(self) -> int | None:
        """Bytes that solving took beyond what the process held before."""
        return None if self.memory is None or self.held is None else max(self.memory - self.held, 0)


def main() -> None:
    """Measure, and write or print the sections."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # ends the solver too
    whole = given.size == "full" and not (given.only or given.who)
    faults = []
    for name in given.names or list(PROGRAMS):
        rows = measured(PROGRAMS[name](given.size, given.data), given)
        faults += [row for row in rows if row.fault]
        options = " --data FOLDER" if given.data else ""
        command = f"`python benchmarks/engine/run.py {name}{options} --threads {given.threads}`"
        text = section(rows, f"- Command: {command}, medians of {given.runs}")
        if whole:
            replace_section(f"Engine: {name}", text)
        else:
            print(f"## Engine: {name}\n\n{text}\n")
    if whole:
        print(f"written into {REPORT}")
    if faults:
        sys.exit("\n".join(f"{row.case.name}, {row.who}: {row.fault}" for row in faults))


def measured(cases: Iterable[Case], given: argparse.Namespace) -> list[Row]:
    """Let everybody solve every case, one after the other."""
    rows = []
    for case in cases:
        if given.only and given.only.lower() not in f"{case.group} {case.name}".lower():
            continue
        solvers = [who for who in (OURS, *case.who) if not given.who or who in given.who]
        rows += compared(case, solvers, given.threads, given.runs)
    return rows


def compared(case: Case, solvers: list[str], threads: int, runs: int) -> list[Row]:
    """Let some solvers answer a case, say each row as it comes, and hold the answers beside each other."""
    try:
        instance = case.make()
    except (InputError, OSError) as error:  # an instance that is not here: the others go on
        return [Row(case, who, f"skipped: {error}") for who in solvers]
    with tempfile.TemporaryDirectory(prefix="chargeplan-engine-") as folder:
        file = Path(folder, "instance.pickle")
        file.write_bytes(pickle.dumps(instance))
        rows = []
        for who in solvers:
            reason = absent(who)
            row = Row(case, who, reason or "")
            if reason is None:
                answers = (alone(who, file, case, threads) for _ in range(runs))
                row = _median([checked(instance, case, who, answer) for answer in answers])
            print(" | ".join(_cells(row, None)), file=sys.stderr, flush=True)
            rows.append(row)
    return contradictions(rows, maximise=instance.maximise)


def alone(who: str, file: Path, case: Case, threads: int) -> dict[str, Any]:
    """Let a solver answer in a process of its own, ended when it takes far longer than it may."""
    command = [
        sys.executable,
        str(HERE / "solvers_alone.py"),
        who,
        str(file),
        str(case.seconds),
        str(threads),
    ]
    patience = GRACE[0] * case.seconds + GRACE[1]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        process = subprocess.Popen(
            command, stdout=said, stderr=complained, cwd=file.parent, start_new_session=True
        )
        memory, in_time = _watched(process, patience)
        if not in_time:
            status = f"no answer in {patience:.0f} s (limit {case.seconds:.0f} s and building)"
            return {"status": status, "memory": memory, "seconds": patience}
        said.seek(0)
        complained.seek(0)
        lines = said.read().splitlines()
        if process.returncode or not lines:
            reason = (complained.read().strip().splitlines() or ["without a word"])[-1]
            return {"status": "failed", "fault": f"exit {process.returncode}: {reason}", "memory": memory}
        return dict(json.loads(lines[-1])) | {"memory": memory}


def checked(instance: Any, case: Case, who: str, answer: dict[str, Any]) -> Row:
    """Compute the objective of the stations anew, and hold it against what was said."""
    figures = {
        name: answer[name] for name in ("bound", "proof", "seconds", "held", "fault") if name in answer
    }
    row = Row(case, who, answer["status"], memory=answer["memory"], **figures)
    if answer["status"].startswith("skipped"):
        return Row(case, who, answer["status"])
    if answer.get("selected") is None:
        return row
    try:
        row = replace(row, objective=instance.value(np.array(answer["selected"], int)))
    except ValueError as error:
        return replace(row, fault=f"no plan: {error}")
    told, found = answer["objective"], row.objective or 0.0
    short = told - found if instance.maximise else found - told
    if short > NEAR * max(abs(told), 1.0):  # better is well: not every model serves from the nearest station
        return replace(
            row, fault=f"says {answer['objective']:.10g}, but its stations give {row.objective:.10g}"
        )
    return row


def contradictions(rows: list[Row], *, maximise: bool) -> list[Row]:
    """Mark bounds that a plan of anybody's, or the known optimum, is better than."""
    objectives = [row.objective for row in rows if row.objective is not None and not row.fault]
    case = rows[0].case
    objectives += [case.known] if case.known is not None else []
    if not objectives:
        return rows
    best = max(objectives) if maximise else min(objectives)

    def judged(row: Row) -> Row:
        if row.bound is None or row.fault:
            return row
        beyond = best - row.bound if maximise else row.bound - best
        wrong = beyond > NEAR * max(abs(best), 1.0)
        return (
            replace(row, fault=f"bound {row.bound:.10g}, but there is a plan of {best:.10g}")
            if wrong
            else row
        )

    return [judged(row) for row in rows]


def section(rows: list[Row], command: str) -> str:
    """Put a program's rows into words: a table for each group, and how often the optimum was found."""
    lines = [*conditions(*PEERS), command]
    if find_spec("psutil") is None:
        lines.append("- Memory was not measured: psutil is not installed")
    parts = ["\n".join(lines)]
    groups = defaultdict(list)
    for row in rows:
        groups[row.case.group].append(row)
    for group, members in groups.items():
        ours = {row.case: row for row in members if row.who == OURS}
        cells = [_cells(row, ours.get(row.case)) for row in members]
        parts.append(f"### {group}\n\n{table(HEADS, cells)}\n{_summary(list(ours.values()))}".rstrip())
    return "\n\n".join(parts)


def _summary(ours: list[Row]) -> str:
    """Say how many optima were found and proven, where there are several."""
    if len(ours) < 2:
        return ""
    known = [row for row in ours if row.case.known is not None and row.case.optimal]
    found = sum(_near(row.objective, row.case.known) for row in known)
    proven = [row for row in ours if row.status == "optimal"]
    longest = max((row.seconds or 0.0 for row in proven), default=0.0)
    text = f"\nchargeplan: {len(proven)} of {len(ours)} proven, the longest in {longest:.2f} s"
    return text + (f"; {found} of {len(known)} known optima found." if known else ".")


def _cells(row: Row, ours: Row | None) -> list[str]:
    if row.fault:
        return [row.case.name, row.who, *[""] * 9, f"WRONG: {row.fault}", "", ""]
    compare = ours is not None and ours is not row and not ours.fault
    return [
        row.case.name,
        row.who,
        _number(row.objective),
        _number(row.case.known),
        _number(row.bound),
        "" if row.gap is None else f"{row.gap:.2%}",
        "" if row.seconds is None else f"{row.seconds:.3g}",
        _ratio(row.seconds, ours.seconds) if compare and ours else "",
        _mebibytes(row.memory),
        _mebibytes(row.grown),
        _ratio(row.grown, ours.grown) if compare and ours else "",
        row.status,
        row.proof,
        row.case.asked if row.who == OURS else "",
    ]


def _mebibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:,.0f}"


def _ratio(theirs: float | None, ours: float | None) -> str:
    return f"{theirs / ours:.3g} x" if theirs and ours else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.10g}"


def _near(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= NEAR * max(abs(other), 1.0)


def _median(rows: list[Row]) -> Row:
    """Return the first faulty row, or the one in the middle by time."""
    faulty = [row for row in rows if row.fault]
    if faulty:
        return faulty[0]
    middle = statistics.median_high([row.seconds or 0.0 for row in rows])
    return next(row for row in rows if (row.seconds or 0.0) == middle)


def _watched(process: subprocess.Popen[str], patience: float) -> tuple[int | None, bool]:
    """Wait for a process; return its highest memory with all that it started, and whether it ended by itself.

    Looked at again and again: what the system keeps of a process that has ended counts the memory of whoever
    started it, and does not add up processes that ran side by side.
    """
    highest: int | None = None
    now, pause = time.perf_counter(), POLLED
    ends = now + patience
    try:
        while now < ends:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(pause)
                return highest, True
            began = time.perf_counter()
            seen = resident(process.pid)
            highest = max(highest or 0, seen) if seen is not None else highest
            now = time.perf_counter()
            pause = min(max(POLLED, LOOKING * (now - began)), 0.2)
        return highest, False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--data", type=lambda text: Path(text).resolve(), help="more instances")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--runs", type=int, default=1, help="of each solver; the median is told")
    parser.add_argument("--only", help="cases whose group or name has this text")
    parser.add_argument("--who", action="append", choices=SOLVERS, help="these solvers alone")
    given = parser.parse_args()
    for name in given.names:
        if name not in PROGRAMS:
            parser.error(f"there is no program {name!r}; there are {', '.join(PROGRAMS)}")
    return given


if __name__ == "__main__":
    main()
