"""The kernels against their peers, on the same inputs in the same run.

::

    python benchmarks/kernels/run.py [ROOM ...]

runs ``test_<room>.py`` beside this file (all of them when none is named) at full size and writes a section
per room into REPORT.md, with growth curves beside it. ``pytest benchmarks/kernels --size small`` is the smoke
run.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from report import REPORT, conditions, replace_section, table  # noqa: E402 - beside the parent folder

OURS, FLOOR = "chargeplan", "just writing the answer"
PEERS = ("scikit-learn", "pandana")
CURVES = HERE.parent / "curves"


def main() -> None:
    """Measure the rooms, one process each, and write their sections."""
    rooms = [path.stem.removeprefix("test_") for path in sorted(HERE.glob("test_*.py"))]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(rooms))
    chosen = parser.parse_args().rooms or rooms
    for room in chosen:
        if room not in rooms:
            parser.error(f"there is no room {room!r}; there are {', '.join(rooms)}")
        replace_section(f"Kernels: {room.replace('_', ' ')}", _section(room, *_measured(room)))
    print(f"written into {REPORT}")


def _measured(room: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows that were timed, and the figures that no clock gives."""
    with tempfile.TemporaryDirectory() as folder:
        times, figures = Path(folder, "times.json"), Path(folder, "figures.json")
        command = ["pytest", str(HERE / f"test_{room}.py"), "--size", "full", "-q", "-p", "no:cacheprovider"]
        options = ["-W", "default", f"--benchmark-json={times}", f"--figures={figures}"]
        subprocess.run([sys.executable, "-m", *command, *options], cwd=HERE.parents[1], check=True)
        timed = json.loads(times.read_text(encoding="utf-8"))["benchmarks"] if times.exists() else []
        return timed, json.loads(figures.read_text(encoding="utf-8"))


def _section(room: str, timed: list[dict[str, Any]], noted: list[dict[str, Any]]) -> str:
    parts = [
        "\n".join([*conditions(*PEERS), f"- Command: `python benchmarks/kernels/run.py {room}`, medians"])
    ]
    tables, curves = defaultdict(list), defaultdict(list)
    for row in timed:
        if row["extra_info"]["curve"]:
            curves[row["extra_info"]["curve"][0]].append(row)
        else:
            tables[row["group"]].append(row)
    parts += [f"### {group}\n\n{_clocks(rows)}" for group, rows in tables.items()]
    figures = defaultdict(list)
    for row in noted:
        figures[row["group"]].append(row)
    parts += [f"### {group}\n\n{_figures(rows)}" for group, rows in figures.items()]
    parts += [f"### {title}\n\n{_curve(title, rows)}" for title, rows in curves.items()]
    return "\n\n".join(parts)


def _clocks(rows: list[dict[str, Any]]) -> str:
    """Write the rows of a group, each beside chargeplan's."""
    ours = next((row["stats"]["median"] for row in rows if row["extra_info"]["who"] == OURS), None)
    lines = []
    for row in sorted(rows, key=lambda row: float(row["stats"]["median"])):
        seconds, about = row["stats"], row["extra_info"]
        lines.append(
            [
                about["who"],
                _short(seconds["median"]),
                f"{_short(seconds['min'])} to {_short(seconds['max'])}",
                f"{seconds['median'] / ours:.2f} x" if ours else "",
                _mebibytes(about["memory"]),
                about["asked"] or "",
            ]
        )
    return table(["who", "seconds", "from, to", "chargeplan's time x", "peak MiB", "asked"], lines)


def _figures(rows: list[dict[str, Any]]) -> str:
    heads = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    lines = [[row["who"], *(str(row["figures"].get(head, "")) for head in heads)] for row in rows]
    return table(["who", *heads], lines)


def _curve(title: str, rows: list[dict[str, Any]]) -> str:
    """Draw time over size, a line for each who, and write the same as a table."""
    lines: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        lines[row["extra_info"]["who"]][row["extra_info"]["curve"][1]] = row
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".svg"
    _draw(title, lines, CURVES / name)
    sizes = sorted({size for line in lines.values() for size in line})
    cells = [[who, *(_cell(line.get(size)) for size in sizes)] for who, line in lines.items()]
    heads = ["seconds (peak MiB)", *(f"{size:,}" for size in sizes)]
    return f"![{title}](curves/{name})\n\n{table(heads, cells)}"


def _draw(title: str, lines: dict[str, dict[int, dict[str, Any]]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - only for a whole run
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "chargeplan"
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for who, line in lines.items():
        sizes = sorted(line)
        style = (
            {"linewidth": 2.5} if who == OURS else {"linewidth": 1, "linestyle": ":" if who == FLOOR else "-"}
        )
        axes.loglog(sizes, [line[n]["stats"]["median"] for n in sizes], marker="o", label=who, **style)
    axes.set(title=title, xlabel="size", ylabel="seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{_short(row['stats']['median'])} ({_mebibytes(row['extra_info']['memory'])})"


def _short(seconds: float) -> str:
    return f"{seconds:.3g}"


def _mebibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:,.0f}"


if __name__ == "__main__":
    main()
