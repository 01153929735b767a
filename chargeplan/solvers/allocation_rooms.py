"""Plans of capacitated set covering by local search: sites close where others near by take over the load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels.parallel_search import ParallelSearch
from chargeplan.kernels.room_search import RoomSearch
from chargeplan.solvers.allocation_service import in_units

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_STRANDS = 2  # searches side by side; not as many as there are cores, so that the answer is the same anywhere
_STEPS = 50  # between two looks at the clock
_SECONDS_PER_READ = 8e-9
_SECONDS_PER_PAIR = 0.4e-6  # of laying out an instance
_ENOUGH = 50  # steps per site without a better plan after which there hardly is one
_APART = 2**31  # between the seeds of the strands


class RoomPlans:
    """The cheapest sets of sites of one instance, whose room was seen to be enough.

    Parameters
    ----------
    instance
        Without pairs of closed sites; all sites together can serve all demand.
    seed
        Of every random choice.
    """

    def __init__(self, instance: AllocationInstance, seed: int) -> None:
        self.instance, self.seed = instance, seed
        self.work = 0.0  # units, about a second each
        self.best: NDArray[np.bool_] | None = None
        self.cost = np.inf
        self._idle = 0  # steps since the best plan was found
        assert instance.capacity is not None
        self._units = in_units(instance.demand, instance.capacity)
        pairs = np.ones(instance.row.size, np.bool_), (instance.row, instance.site)
        self._relation = csr_array(pairs, shape=(instance.points, instance.sites))
        self._strands: ParallelSearch[RoomSearch] | None = None
        self._read = 0

    @property
    def exhausted(self) -> bool:
        """Whether many steps, for so many sites, have found nothing better."""
        return self._idle >= _ENOUGH * self.instance.sites

    @staticmethod
    def fits(instance: AllocationInstance) -> bool:
        """Whether stations alone cost, there may be any number, and demand may be split among them."""
        return instance.split and instance.stations is None and not instance.cost.any()

    def begin(self, reduced: NDArray[np.float64]) -> None:
        """Close sites afresh, those first that add the most to the bound: (M,)."""
        instance = self.instance
        self._strands = ParallelSearch(
            lambda strand: RoomSearch(
                self._relation, *self._units, instance.opening, instance.opened, reduced,
                seed=self.seed + strand * _APART,
            ),
            range(_STRANDS),
        )  # fmt: skip
        self._read = 0
        self.work += _SECONDS_PER_PAIR * instance.row.size
        self._count(self._strands)

    def run(self, reduced: NDArray[np.float64], work: float, stop: Callable[[], bool]) -> None:
        """Search on for some units of work.

        Parameters
        ----------
        reduced
            (M,) what each site adds to the bound.
        work
            In every strand.
        stop
            Asked now and then.
        """
        strands, end = self._strands, self.work + work
        assert strands is not None
        for search in strands.searches:
            search.aim(reduced)
        while self.work < end and not (self.exhausted or stop()):
            strands.run(_STEPS)
            self._idle += _STEPS
            self._count(strands)

    def _count(self, strands: ParallelSearch[RoomSearch]) -> None:
        """Count the work, and keep the best plan."""
        read = max(search.read for search in strands.searches)
        self.work += _SECONDS_PER_READ * (read - self._read) + 1e-6 * _STEPS
        self._read = read
        leader = strands.leader
        if leader.cost < self.cost:
            self.cost, self.best, self._idle = leader.cost, leader.best, 0
