"""Several seeds of one local search side by side, one thread for each."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import cores, in_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOOK = 0.05  # seconds between two looks at the clock, about


class LocalSearch(Protocol):
    """What `CoverSearch`, `MaximalSearch` and `MedianSearch` have in common."""

    def run(self, steps: int) -> float:
        """Search on."""

    @property
    def score(self) -> float:
        """How good the best is; of two searches for the same, the higher score is better."""


Searching = TypeVar("Searching", bound=LocalSearch)


class ParallelSearch(Generic[Searching]):
    """Run a local search from several seeds at once on the free cores: kernels release Python's lock.

    Parameters
    ----------
    make
        Begins the search of a seed, such as ``lambda seed: CoverSearch(coverage, seed=seed)``.
    seeds
        One or more; by default as many, from 0, as the kernels use cores.

    Raises
    ------
    InputError
        No seed.
    """

    def __init__(self, make: Callable[[int], Searching], seeds: Iterable[int] | None = None) -> None:
        names = list(range(cores()) if seeds is None else seeds)
        if not names:
            raise InputError("a search needs a seed")
        begun = in_pieces(lambda start, stop: [make(n) for n in names[start:stop]], len(names), 1)
        self.searches = list(chain.from_iterable(begun))

    def run(self, steps: int) -> Searching:
        """Search on for a number of steps in every seed; the same on any number of cores.

        Returns
        -------
        LocalSearch
            The best search.
        """

        def search_on(start: int, stop: int) -> None:
            for search in self.searches[start:stop]:
                search.run(steps)

        in_pieces(search_on, len(self.searches), 1)
        return self.leader

    def run_for(self, seconds: float) -> Searching:
        """Search on until the clock says so: how far, and with it the answer, is different every time.

        Returns
        -------
        LocalSearch
            The best search.
        """
        end = time.perf_counter() + seconds
        groups = min(cores(), len(self.searches))

        def search_on(start: int, stop: int) -> None:
            for group in range(start, stop):
                _run_until(end, self.searches[group::groups])

        in_pieces(search_on, groups, 1)
        return self.leader

    @property
    def leader(self) -> Searching:
        """The best search; of equals, that of the first seed."""
        return max(self.searches, key=lambda search: search.score)


def _run_until(end: float, searches: list[Searching]) -> None:
    """Run searches in turns, for as many steps at once as take about the time of a look at the clock."""
    steps = 1
    now = time.perf_counter()
    while now < end:
        for search in searches:
            search.run(steps)
        before, now = now, time.perf_counter()
        if now - before < _LOOK / 2:
            steps *= 2
        elif now - before > 2 * _LOOK:
            steps = max(steps // 2, 1)
