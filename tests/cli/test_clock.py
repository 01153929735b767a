"""How `--time-limit` is shared out."""

from __future__ import annotations

import pytest

from chargeplan.cli.clock import Clock
from chargeplan.planning.stopwatch import Stopwatch
from chargeplan.solvers.solution import Limits


@pytest.mark.parametrize(
    ("limit", "reading", "left"),
    [
        (30.0, 3.0, 23.0),
        (10.0, 0.0, 9.0),
        (10.0, 5.0, 2.5),
        (10.0, 5.75, 1.5),
        (10.0, 60.0, 0.1),
        (None, 3.0, None),
        (-1.0, 3.0, -1.0),
    ],
)
def test_reading_and_writing_are_inside_the_limit(monkeypatch, limit, reading, left):
    """Solving gets what reading leaves and writing will take, else a quarter, unless that ends too late."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock()
    now[0] += reading
    assert clock.left(limit) == left


def test_a_million_rows_take_longer_to_write_than_to_read(monkeypatch):
    """Where files are read fast, the rows tell how long writing will take."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock()
    now[0] += 3.0
    assert clock.left(60.0, rows=100_000) == clock.left(60.0) == 53.0
    assert clock.left(60.0, rows=1_000_000) == pytest.approx(36.0)


@pytest.mark.parametrize(
    ("stage", "seconds", "left"),
    [
        ("cover", 1.0, 6.5),
        ("cover", 0.5, 7.5),
        ("cover", 60.0, 0.1),
        ("cover", 0.0, 10.0),
        ("measure", 1.0, 8.0),
        ("formulate", 0.25, 8.75),
        ("solve", 1.0, 9.0),
    ],
)
def test_the_audit_is_inside_the_limit(monkeypatch, stage, seconds, left):
    """Of ten seconds a stage took some; serving and auditing take some times that, or get a quarter."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    watch = Stopwatch(None)
    watch.enter(stage)
    now[0] += seconds
    assert watch.left(Limits(time_limit=10.0)).time_limit == pytest.approx(left)


@pytest.mark.parametrize(
    ("rows", "pairs", "left"), [(1_000, 10_000, 55.0), (10**6, 10**7, 46.0), (10**7, 10**8, 11.0)]
)
def test_the_audit_of_many_rows_is_inside_the_limit(monkeypatch, rows, pairs, left):
    """Many rows are covered in a moment; their audit gets what their number says, or most of the time."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    watch = Stopwatch(None)
    watch.enter("cover")
    now[0] += 1.0
    watch.expect(rows, pairs)
    assert watch.left(Limits(time_limit=60.0)).time_limit == pytest.approx(left)
