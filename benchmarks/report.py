"""REPORT.md: a section per benchmark, each written by its own program."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

REPORT = Path(__file__).with_name("REPORT.md")
_TITLE = "# Benchmarks\n\nEach section is written by the program that it names, run by hand.\n"
_LIBRARIES = ("chargeplan", "numpy", "scipy", "numba", "ortools", "pulp", "pyproj", "shapely", "geopandas")


def conditions(*peers: str) -> list[str]:
    """Machine, versions (of peers too, where they are installed), commit and day, a line each."""
    present = {distribution.name.lower() for distribution in metadata.distributions()}
    libraries = [*_LIBRARIES, *(name for name in peers if name in present)]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in libraries)
    return [
        f"- Machine: {os.cpu_count()} cores of {_processor()}, {_memory()} GiB, {platform.system()}",
        f"- Versions: Python {platform.python_version()}, {versions}",
        f"- Commit: {_commit()}, on {datetime.now(UTC).date().isoformat()}",
    ]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_section(heading: str, text: str) -> None:
    """Put a section into REPORT.md in the place of the one with the same heading, or at the end."""
    report = REPORT.read_text(encoding="utf-8") if REPORT.exists() else _TITLE
    section = f"## {heading}\n\n{text.strip()}\n"
    old = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(report):
        report = old.sub(lambda _: section + "\n", report)
    else:
        report = f"{report.rstrip()}\n\n{section}"
    REPORT.write_text(report.rstrip() + "\n", encoding="utf-8")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f}"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=REPORT.parent, capture_output=True, text=True, check=True
        ).stdout.strip()  # fmt: skip

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/REPORT.md")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
