"""Multipliers of facility location without capacities: dual ascent first, then subgradient steps from there.

Erlenkotter (1978) comes within a few percent in moments, at any size; the steps of `AllocationDual` close
what that leaves. Both read of every demand point the pairs that cost less than its multiplier, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels.cost_rows import DualAscent
from chargeplan.solvers.allocation_dual import AllocationDual

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.allocation import AllocationInstance

_SECONDS_PER_READ = 15e-9  # of a step, by the pair that costs less than its demand point's multiplier
_SECONDS_PER_POINT = 50e-9
_SECONDS_PER_STEP = 100e-6  # besides


class PlainDual(AllocationDual):
    """Multipliers of the demand points, where stations serve any demand.

    Parameters
    ----------
    instance
        Plain, and without pairs of closed sites; every demand point has a site.
    stop
        Asked between passes over the demand points whether to stop.
    enough
        Asked too, with the units of work spent, once every multiplier is as high as it gets by itself.
    """

    def __init__(
        self,
        instance: AllocationInstance,
        stop: Callable[[], bool] = lambda: False,
        enough: Callable[[float], bool] = lambda _work: False,
    ) -> None:
        ascent = DualAscent(instance.rows, np.where(instance.opened, 0.0, instance.opening))
        ascent.ascend(stop)
        ascent.adjust(lambda: stop() or enough(_SECONDS_PER_READ * ascent.read))
        self._nothing, self._read = np.zeros(instance.sites), 0
        super().__init__(instance)
        self.pointed = ascent.chosen()  # sites that nobody pays more for than they cost, and somebody as much
        self.work = _SECONDS_PER_READ * ascent.read
        self.offer(ascent.value, self._nothing)

    @property
    def seconds_per_step(self) -> float:
        """About how long a step takes."""
        return _SECONDS_PER_STEP + _SECONDS_PER_POINT * self.instance.points + _SECONDS_PER_READ * self._read

    def _begin(self) -> NDArray[np.float64]:
        return self._least

    def _saved(self, rows: NDArray[np.float64], _prices: NDArray[np.float64]) -> NDArray[np.float64]:
        saved, self._read = self.instance.rows.savings(rows)
        return saved

    def _take_step(self, target: float) -> None:
        value, reduced = self._value(self._now, self._saved(self._now, self._nothing), self._nothing)
        self.latest = reduced
        self._judge(value, reduced, self._nothing, target)
        served = self.instance.rows.served(self._now, self._worth(reduced))
        self._move(np.asarray(1.0 - served, np.float64), value, target)
