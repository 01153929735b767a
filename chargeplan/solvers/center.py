"""The p-center solved: the smallest radius at which so many stations serve everybody (Minieka 1970).

The optimum is one of the distances. A binary search over them asks each time whether so many stations can
serve every demand point within a radius: a set covering, reduced. Local search finds plans, the multipliers
of the LP relaxation refute radii (Elloumi, Labbe & Pochet 2004); only the radii that both leave open go to a
backend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.errors import BackendError
from chargeplan.solvers import backends
from chargeplan.solvers.ascent import ascend
from chargeplan.solvers.asking import ask
from chargeplan.solvers.bounds import Relaxation, lp_certificate, relax
from chargeplan.solvers.certificate import DualCertificate
from chargeplan.solvers.models.distances import filled
from chargeplan.solvers.models.reach import reach_model
from chargeplan.solvers.reduction import Reduction, reduce
from chargeplan.solvers.search import Search
from chargeplan.solvers.solution import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import BoundKind, Limits, Solution

_LOOK = 0.01  # units of work between two looks whether the stations suffice
_LOOKS = 10  # of them for a radius
_SMALL = 10_000  # entries of a reduced coverage up to which its LP takes no time
_LARGE = 100_000  # entries beyond which it takes too much
_CELLS = 4_000_000  # of the distances, read between two looks at the clock
_PATIENCE = 0.1  # of the time limit, for the multipliers of one radius
_UNIT = 0.2  # units of work that a radius takes without a backend, for a limit of work


@dataclass(frozen=True, slots=True)
class CenterInstance:
    """A p-center as it was asked.

    Parameters
    ----------
    distance
        (N, M), infinite where the site cannot serve the demand point.
    stations
        How many sites have to be open.
    opened, closed
        (M,) bool, sites whose state is given.
    """

    distance: NDArray[np.float64]
    stations: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    def radius(self, plan: NDArray[np.bool_]) -> float:
        """Longest distance to the nearest open site of a plan, (M,) bool."""
        return float(self.distance[:, plan].min(axis=1, initial=np.inf).max(initial=0.0))


@dataclass(frozen=True)
class CenterCertificate:
    """A proof that too many stations are needed for every distance to be less than a radius.

    Parameters
    ----------
    radius
        What is proven to be a bound.
    covering
        Multipliers of the set covering of what is nearer than that.
    """

    radius: float
    covering: DualCertificate

    def bound(self, instance: CenterInstance) -> float:
        """Prove a bound: no plan's longest distance is less.

        Parameters
        ----------
        instance
            With the original demand points and sites.

        Returns
        -------
        float
            The radius, or 0 where the multipliers do not prove it.
        """
        near = csr_array(instance.distance < self.radius)
        model = reach_model(near, instance.opened, instance.closed)
        return self.radius if self.covering.bound(model) > instance.stations else 0.0


def solve(
    instance: CenterInstance,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Solution:
    """Solve a p-center.

    Parameters
    ----------
    instance
        What is asked; every demand point has a permitted site at a finite distance.
    limits
        When to end.
    backend
        Name of the backend for the radii that stay open, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    Solution
        With the best plan, the best bound and the gap between them; infeasible where no number of stations
        as asked for serves every demand point at any distance.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    work = _Work(instance, Run(limits, maximise=False, on_event=on_event, cancel=cancel), chosen)
    work.improve()
    return work.solution()


class _Work:
    """A p-center being solved, and the best that is known of it.

    Parameters
    ----------
    instance
        What is asked.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for a fitting one.
    """

    def __init__(self, instance: CenterInstance, run: Run, chosen: Backend | None) -> None:
        run.enter("search")
        self.instance, self.run, self.chosen = instance, run, chosen
        self.plan: NDArray[np.bool_] | None = None
        self._offer_plan(_farthest_first(instance))
        self.nearest = self._offer_nearest()
        self.near = _Near.within(instance, math.inf if run.best is None else run.best, run.must_stop)
        metres = self.near.distance
        self.radii = np.unique(np.append(metres[metres >= self.nearest], self.nearest))

    def improve(self) -> None:
        """Refute or reach radii until one is reached and the one before it refuted."""
        low, low_open, high = -1, -1, self._known()
        while max(low, low_open) + 1 < high and not self._done():
            middle = (max(low, low_open) + high) // 2 if high < self.radii.size else high - 1
            answer = self._try(middle)
            if answer is None:
                low_open = middle
            elif not answer:
                low = middle
            high = self._known()
        self._decide(self._refute_below(low, low_open))

    def _refute_below(self, low: int, low_open: int) -> int:
        """Refute more of the radii below those that stay open; return the last one that is refuted."""
        while low + 1 < low_open and not self._done():
            middle = (low + low_open) // 2
            if self._try(middle, search=False) is False:
                low = middle
            else:
                low_open = middle
        return low

    def _decide(self, low: int) -> None:
        """Ask a backend about the radii that stay open."""
        high = self._known()
        while low + 1 < high and not self._done():
            middle = (low + high) // 2 if high < self.radii.size else high - 1
            answer = self._ask(middle)
            if answer is None:
                return
            if not answer:
                low = middle
            high = self._known()

    def solution(self) -> Solution:
        """Put the answer together."""
        return self.run.solution(None if self.plan is None else np.flatnonzero(self.plan))

    def _done(self) -> bool:
        return self.run.spent or self.run.done()

    def _known(self) -> int:
        """Return which radius the best plan reaches; one beyond the last without a plan."""
        return int(np.searchsorted(self.radii, np.inf if self.run.best is None else self.run.best))

    def _try(self, index: int, *, search: bool = True) -> bool | None:
        """Look whether the stations can serve everybody within a radius; None where that stays open."""
        self.run.enter("search")
        self.run.worked += _UNIT
        reduction = reduce(self._model(index), self.run.must_stop)
        decided = int(reduction.opened.sum())
        if not reduction.model.cost.size:
            return self._settle(index, reduction, decided)
        if self.run.must_stop():
            return None
        if search and self._search(reduction, self.instance.stations - decided):
            return True
        self.run.enter("bound")
        return False if self._refute(index, reduction) else None

    def _model(self, index: int) -> CoveringModel:
        near = self.near.up_to(float(self.radii[index]))
        return reach_model(near, self.instance.opened, self.instance.closed)

    def _settle(self, index: int, reduction: Reduction, decided: int) -> bool | None:
        """Take what reduction has decided to the last site."""
        if decided <= self.instance.stations:
            self._offer_plan(reduction.undo(np.zeros(0, np.bool_)))
            return True
        nothing = Relaxation(np.zeros(reduction.model.need.size))
        return False if self._offer_certificate(index, lp_certificate(reduction, nothing)) else None

    def _search(self, reduction: Reduction, stations: int) -> bool:
        """Search for a cover by few enough stations."""
        search = Search(reduction.model, self.run.limits.seed)
        for _ in range(_LOOKS if stations > 0 else 0):
            plan = search.run(_LOOK, self.run)
            if plan is not None and int(plan.sum()) <= stations:
                self._offer_plan(reduction.undo(plan))
                return True
            if self.run.must_stop():
                break
        return False

    def _refute(self, index: int, reduction: Reduction) -> bool:
        """Prove by multipliers that the stations are too few: quick ones, or those of the LP relaxation."""
        entries = reduction.model.coverage.nnz
        if entries > _SMALL:
            quick = ascend(reduction.model, self._impatient())
            if self._offer_certificate(index, lp_certificate(reduction, quick)):
                return True
        if entries > _LARGE or self.run.must_stop():
            return False
        try:
            relaxation = relax(reduction.model, self.run.seconds_left, self.run.cancel)
        except BackendError as failure:
            self.run.notes.append(f"{failure}; the radius {self.radii[index]} was left to a backend")
            return False
        if relaxation is None:
            return False
        return self._offer_certificate(index, lp_certificate(reduction, relaxation))

    def _impatient(self) -> Callable[[], bool]:
        """Return what ends the multipliers of one radius, so that the clock leaves time for others."""
        limit, began = self.run.limits.time_limit, self.run.elapsed

        def stop() -> bool:
            if limit is not None and self.run.elapsed - began >= _PATIENCE * limit:
                self.run.by_clock = True
                return True
            return self.run.must_stop()

        return stop

    def _ask(self, index: int) -> bool | None:
        """Ask a backend whether the stations can serve everybody within a radius; None without an answer."""
        self.run.enter("solve")
        reduction = reduce(self._model(index), self.run.must_stop)
        decided = int(reduction.opened.sum())
        if not reduction.model.cost.size:
            return self._settle(index, reduction, decided)
        if self.run.must_stop():
            return None
        matrix = _at_most(reduction.model.matrix(), self.instance.stations - decided)
        backend = self.chosen or backends.find("ortools")
        return ask(self.run, backend, matrix, lambda answer: self._believe(answer, index, reduction))

    def _believe(self, answer: Answer, index: int, reduction: Reduction) -> bool | None:
        if answer.status == "infeasible":
            self._offer_bound(index, "backend")
            return False
        if answer.values is not None:
            self._offer_plan(reduction.undo(answer.values > 0.5))
            return True
        return None

    def _offer_plan(self, plan: NDArray[np.bool_]) -> None:
        """Keep a plan if it is the best so far, filled up to the number of stations."""
        instance = self.instance
        plan = filled(instance.distance, plan, instance.closed, instance.stations)
        radius = instance.radius(plan)
        if math.isfinite(radius) and (self.run.best is None or radius < self.run.best):
            self.plan = plan
            self.run.tell(best=radius)

    def _offer_nearest(self) -> float:
        """Prove the first bound and return it: some demand point has no site that is nearer."""
        (rows, sites), bound, row, certificate = self.instance.distance.shape, -1.0, 0, None
        for part in _parts(rows, sites):
            least = _permitted(self.instance, part).min(axis=1, initial=np.inf)
            if float(least.max()) > bound:
                bound, row = float(least.max()), part.start + int(least.argmax())
            if self.run.must_stop():
                break
        if rows:
            multipliers = np.zeros(rows, np.int64)
            multipliers[row] = sites + 1
            covering = DualCertificate(0, multipliers, np.empty(0, np.int64), 0)
            certificate = CenterCertificate(bound, covering)
        self.run.offer_bound(max(bound, 0.0), "dual-certificate", certificate)
        return max(bound, 0.0)

    def _offer_certificate(self, index: int, covering: DualCertificate) -> bool:
        """Keep multipliers if they refute a radius; the next one is a bound then."""
        if not covering.bound(self._model(index)) > self.instance.stations:
            return False
        self._offer_bound(index, "dual-certificate", covering)
        return True

    def _offer_bound(self, index: int, kind: BoundKind, covering: DualCertificate | None = None) -> None:
        """Note that a radius is refuted: the next one is a bound, or none is left."""
        if index + 1 == self.radii.size:
            self.run.infeasible = True
            return
        bound = float(self.radii[index + 1])
        self.run.offer_bound(bound, kind, None if covering is None else CenterCertificate(bound, covering))


@dataclass(frozen=True)
class _Near:
    """The pairs of a demand point and a permitted site that matter, by demand point.

    Parameters
    ----------
    shape
        Numbers of demand points and sites.
    first
        (N + 1,) where the pairs of each demand point begin.
    site, distance
        (P,) of the pairs.
    """

    shape: tuple[int, int]
    first: NDArray[np.int64]
    site: NDArray[np.int32]
    distance: NDArray[np.float64]

    @classmethod
    def within(cls, instance: CenterInstance, radius: float, stop: Callable[[], bool]) -> _Near:
        """Collect the pairs within a radius, some rows at a time; those of the first rows if stopped."""
        rows, sites = instance.distance.shape
        count = np.zeros(rows, np.int64)
        site, distance = [np.empty(0, np.int32)], [np.empty(0)]
        for part in _parts(rows, sites):
            if stop():
                break
            table = instance.distance[part]
            near = (table <= radius) & ~instance.closed & np.isfinite(table)
            count[part] = near.sum(axis=1)
            site.append(np.nonzero(near)[1].astype(np.int32))
            distance.append(table[near])
        first = np.concatenate(([0], np.cumsum(count)))
        return cls((rows, sites), first, np.concatenate(site), np.concatenate(distance))

    def up_to(self, radius: float) -> csr_array:
        """Return (N, M) bool, the pairs that lie within a radius."""
        kept = self.distance <= radius
        first = np.concatenate(([0], np.cumsum(kept)))[self.first]
        return csr_array((np.ones(first[-1], np.bool_), self.site[kept], first), shape=self.shape)


def _parts(rows: int, sites: int) -> Iterator[slice]:
    """Part the rows of a table, so that between two looks at the clock not too many entries are read."""
    step = max(1, _CELLS // max(sites, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _permitted(instance: CenterInstance, part: slice) -> NDArray[np.float64]:
    """Return some rows of the distances, infinite to sites that are closed."""
    table = instance.distance[part]
    return np.where(instance.closed, np.inf, table) if instance.closed.any() else table


def _farthest_first(instance: CenterInstance) -> NDArray[np.bool_]:
    """Open the site that is nearest to the farthest demand point, again and again (Gonzalez 1985)."""
    plan = instance.opened.copy()
    near = instance.distance[:, plan].min(axis=1, initial=np.inf)
    for _ in range(instance.stations - int(plan.sum()) if near.size else 0):
        row = int(near.argmax())
        if near[row] == 0.0:
            break
        site = int(np.where(plan | instance.closed, np.inf, instance.distance[row]).argmin())
        plan[site] = not instance.closed[site]
        near = np.minimum(near, instance.distance[:, site])
    return plan


def _at_most(model: MatrixModel, stations: int) -> MatrixModel:
    """Ask for any cover by at most so many stations."""
    row = csr_array(np.ones((1, model.objective.size)))
    return replace(
        model,
        objective=np.zeros(model.objective.size),
        rows=csr_array(vstack((model.rows, row), format="csr")),
        row_lower=np.append(model.row_lower, -np.inf),
        row_upper=np.append(model.row_upper, float(stations)),
    )
