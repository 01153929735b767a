"""Several seeds side by side: the same for steps on any number of cores, and within its time by the clock."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from scipy.sparse import csr_array
from small_relations import random_relation

from chargeplan.errors import InputError
from chargeplan.kernels import CoverSearch, MaximalSearch, compiled, parallel_search
from chargeplan.kernels.parallel_search import ParallelSearch


class Noting:
    """A search that says which thread it ran in."""

    def __init__(self, seed: int, score: float = 0.0) -> None:
        self.seed, self.score = seed, score
        self.steps: list[int] = []
        self.threads: set[int] = set()

    def run(self, steps: int) -> float:
        self.steps.append(steps)
        self.threads.add(threading.get_ident())
        time.sleep(1e-5 * steps)
        return self.score


def on_cores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the kernels use some number of cores."""
    for module in (compiled, parallel_search):
        monkeypatch.setattr(module, "cores", lambda: number)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_steps_are_the_same_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """Every seed's search is what it would be alone, and the best of them is handed back."""
    on_cores(monkeypatch, cores)
    dense, _, rng = random_relation(7, 40, 25)
    relation, cost, weight = csr_array(dense), rng.uniform(1, 9, 25), rng.uniform(0, 9, 40)
    for make in (
        lambda seed: CoverSearch(relation, cost, seed=seed),
        lambda seed: MaximalSearch(relation, weight, cost, 20.0, seed=seed),
    ):
        several = ParallelSearch(make, (3, 1, 4))
        several.run(10)
        best = several.run(30)
        alone = [make(seed) for seed in (3, 1, 4)]
        for search, single in zip(several.searches, alone, strict=True):
            single.run(40)
            np.testing.assert_array_equal(search.best, single.best)
        assert best.score == max(single.score for single in alone)


def test_by_default_a_seed_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each seed has a thread of its own; of equally good searches the first is handed back."""
    on_cores(monkeypatch, 3)
    several = ParallelSearch(Noting)
    assert [search.seed for search in several.searches] == [0, 1, 2]
    assert several.run(100).seed == 0
    assert [search.steps for search in several.searches] == [[100]] * 3


@pytest.mark.parametrize("cores", [1, 2])
def test_by_the_clock(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """All seeds get on, also where there are fewer cores than seeds, and about as long as was asked for."""
    on_cores(monkeypatch, cores)
    monkeypatch.setattr(parallel_search, "_LOOK", 0.01)
    several = ParallelSearch(lambda seed: Noting(seed, score=float(seed)), range(3))
    began = time.perf_counter()
    assert several.run_for(0.2).seed == 2
    assert 0.2 <= time.perf_counter() - began < 2.0
    for search in several.searches:
        assert search.steps[0] == 1 < max(search.steps)  # ever more at once, as long as that is quick
        assert len(search.threads) == 1
    assert len({thread for search in several.searches for thread in search.threads}) <= cores


def test_steps_that_take_long_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a turn takes longer than it should, the next one is shorter."""
    on_cores(monkeypatch, 1)
    ticks = iter((0.0, 0.0, 0.001, 0.002, 1.0, 1.001, 9.0))
    monkeypatch.setattr(parallel_search.time, "perf_counter", lambda: next(ticks))
    several = ParallelSearch(Noting, [0])
    several.run_for(5.0)
    assert several.searches[0].steps == [1, 2, 4, 2, 4]


def test_without_a_seed_nothing_is_searched() -> None:
    """No seed at all is an InputError."""
    with pytest.raises(InputError, match="a search needs a seed"):
        ParallelSearch(Noting, [])
