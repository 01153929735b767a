"""How a row of the kernel benchmarks is measured: the answer compared, then memory, then the clock."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

Answer = TypeVar("Answer")
_FIGURES = pytest.StashKey[list[dict[str, Any]]]()
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice between a smoke run and the sizes of the report."""
    parser.addoption("--size", choices=("small", "full"), default="small", help="of the kernel benchmarks")
    parser.addoption("--figures", type=Path, help="file for the figures that no clock gives")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for figures that no clock gives."""
    config.stash[_FIGURES] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down the figures that no clock gives; pytest-benchmark writes only times."""
    path = session.config.getoption("--figures")
    if path is not None:
        path.write_text(json.dumps(session.config.stash[_FIGURES]), encoding="utf-8")


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> str:
    """``"small"`` or ``"full"``."""
    return str(request.config.getoption("--size"))


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Callable[..., Any]:
    """Measure one row: chargeplan's own or a peer's."""

    def run(
        who: str,
        function: Callable[[], Answer],
        *,
        rounds: int = 3,
        answer: Callable[[Answer], None] | None = None,
        group: str | None = None,
        curve: tuple[str, int] | None = None,
        asked: str | None = None,
    ) -> Answer:
        """Call the function once for its answer and its memory, then by the clock; return the answer.

        Parameters
        ----------
        who
            "chargeplan", a peer, or "just writing the answer".
        answer
            Raises AssertionError where the answer is not the right one; called before any clock runs.
        group
            The table that the row stands in.
        curve
            Title and abscissa, where the row is a point of a growth curve.
        asked
            What this row should show, as text for the report.
        """
        first, memory = _with_memory(function)
        if answer is not None:
            answer(first)
        if group is not None:
            benchmark.group = group
        benchmark.extra_info.update(who=who, memory=memory, curve=curve, asked=asked)
        benchmark.pedantic(function, rounds=rounds, iterations=1)
        return first

    return run


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, str, dict[str, Any]], None]:
    """Note figures that no clock gives, such as what was reached in a given time."""

    def note(group: str, who: str, figures: dict[str, Any]) -> None:
        file = request.node.path.stem
        request.config.stash[_FIGURES].append({"file": file, "group": group, "who": who, "figures": figures})

    return note


def _with_memory(function: Callable[[], Answer]) -> tuple[Answer, int | None]:
    """Call a function; return its answer and by how many bytes the process grew at its highest."""
    gc.collect()
    if not _CLEAR.exists():
        return function(), None
    _CLEAR.write_text("5", encoding="ascii")  # the highest mark begins anew
    before = _resident("VmRSS")
    return function(), max(_resident("VmHWM") - before, 0)


def _resident(name: str) -> int:
    line = next(row for row in _STATUS.read_text(encoding="ascii").splitlines() if row.startswith(name))
    return int(line.split()[1]) * 1024
