"""Ways to a better plan or bound take turns: whichever has lately narrowed the gap the most for its work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chargeplan.solvers.solution import Run

_SLICE = 1.0  # units of work in a turn, at first
_LONGER = 1.25  # times that, after a turn that brought nothing
_LONGEST = 20.0
_HOPE, _LEAST = (
    1e-2,
    1e-6,
)  # part of the objective gained by a unit of work: expected at first, and too little


@dataclass
class Way:
    """One way to narrow the gap.

    Parameters
    ----------
    stage
        Its name in events.
    go
        Takes units of work and returns the units spent; it tells the run what it finds. 0 ends it.
    """

    stage: str
    go: Callable[[float], float]
    pace: float = field(default=_HOPE, init=False)
    slice: float = field(default=_SLICE, init=False)


def take_turns(run: Run, ways: list[Way], work: float | None) -> float:
    """Let ways take turns until the gap is small enough, the limits end it, or none gets on.

    Parameters
    ----------
    run
        Clock, limits, and the best plan and bound.
    ways
        The first goes first where several promise the same.
    work
        Units of work; None for no limit. The turn that exceeds them is finished.

    Returns
    -------
    float
        Units of work spent.
    """
    spent, open_ways = 0.0, list(ways)
    while open_ways and not run.good_enough() and not run.must_stop():
        way = max(open_ways, key=lambda way: way.pace)
        left = way.slice if work is None else min(way.slice, work - spent)
        if left <= 0.0 or way.pace < _LEAST:
            break
        run.enter(way.stage)
        before = run.gap
        used = way.go(left)
        spent += used
        if used <= 0.0:
            open_ways.remove(way)
            continue
        gained = 1.0 if before is None else max(before - (run.gap or 0.0), 0.0)
        way.pace = 0.5 * (way.pace + gained / used)
        if gained <= 0.0:
            way.slice = min(way.slice * _LONGER, _LONGEST)
    return spent
