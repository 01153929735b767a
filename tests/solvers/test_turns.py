"""Turns: the way that narrows the gap goes on, those that bring nothing wait and end."""

from __future__ import annotations

import threading

from chargeplan.solvers.solution import Limits, Run
from chargeplan.solvers.turns import Way, take_turns


class Ladder:
    """A bound that rises by what a turn is worth."""

    def __init__(self, run: Run, gain: float, steps: int) -> None:
        self.run, self.gain, self.steps = run, gain, steps
        self.turns = 0

    def go(self, work: float) -> float:
        self.turns += 1
        if self.turns <= self.steps:
            self.run.tell(bound=self.run.bound + self.gain)
        return work


def run_at(best: float, bound: float, **limits: float) -> Run:
    run = Run(Limits(**limits), maximise=False)
    run.tell(best=best, bound=bound)
    return run


def test_the_way_that_gets_on_gets_the_turns() -> None:
    """Of two ways that promise the same, the one that keeps its word is asked more often."""
    run = run_at(100.0, 50.0)
    good, poor = Ladder(run, 1.0, 30), Ladder(run, 0.0, 0)
    spent = take_turns(run, [Way("search", poor.go), Way("bound", good.go)], 25.0)
    assert good.turns > 3 * poor.turns
    assert spent == 25.0


def test_turns_end_when_nothing_gets_on() -> None:
    """Without a limit, ways that bring nothing are given up."""
    run = run_at(100.0, 50.0)
    ways = [Ladder(run, 0.0, 0), Ladder(run, 1.0, 5)]
    take_turns(run, [Way("search", way.go) for way in ways], None)
    assert run.bound == 55.0
    assert all(way.turns < 40 for way in ways)


def test_turns_end_at_the_gap_and_when_a_way_is_at_its_end() -> None:
    """The gap asked for ends all; 0 units spent end one way."""
    run = run_at(100.0, 50.0, gap=0.4)
    way = Ladder(run, 5.0, 100)
    take_turns(run, [Way("bound", lambda _: 0.0), Way("bound", way.go)], None)
    assert run.good_enough()
    assert way.turns == 2


def test_a_run_that_has_to_stop_gives_no_turn() -> None:
    """A person's word counts before any turn."""
    cancel = threading.Event()
    cancel.set()
    run = Run(Limits(), maximise=False, cancel=cancel)
    way = Ladder(run, 1.0, 1)
    assert take_turns(run, [Way("bound", way.go)], None) == 0.0
    assert way.turns == 0
