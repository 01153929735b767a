"""The p-dispersion solved: the greatest distance that so many stations can all keep from each other.

The optimum is one of the distances. At each, sites that are nearer to one another than that exclude each
other, and the question is whether enough sites exclude none: a stable set (Erkut 1990; Sayah & Irnich 2017).
Exchanges find plans; cliques of sites of which one at most can have a station, weighted by the multipliers
of the LP relaxation, refute distances; only those that both leave open go to a backend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.errors import BackendError
from chargeplan.solvers import backends
from chargeplan.solvers.asking import ask
from chargeplan.solvers.cliques import at_most_one, cliques, partition, prices
from chargeplan.solvers.solution import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import Limits, Solution

_STARTS = 30  # sites, at most, from which stations are spread
_PAIRS = 1e9  # pairs of a site and a station that all exchanges together may go through
_UNIT = 0.2  # units of work that a distance takes without a backend, for a limit of work
_SCALE = 30  # multipliers are in units of 2^-30


@dataclass(frozen=True, slots=True)
class DispersionInstance:
    """A p-dispersion as it was asked.

    Parameters
    ----------
    distance
        (M, M) symmetric, finite; the diagonal counts for nothing.
    stations
        How many sites have to be open, at least 2.
    opened, closed
        (M,) bool, sites whose state is given.
    """

    distance: NDArray[np.float64]
    stations: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    def separation(self, sites: NDArray[np.int64]) -> float:
        """Least distance between two of some sites, infinite for fewer than two."""
        between = self.distance[np.ix_(sites, sites)]
        return float(between[np.triu_indices(sites.size, 1)].min(initial=np.inf))


@dataclass(frozen=True)
class DispersionCertificate:
    """Groups of sites, with multipliers, that prove a bound.

    If no group had two stations, the multipliers of the groups that the stations are in would add up to no
    more than those of all groups.

    Parameters
    ----------
    first
        (G + 1,) where each group's sites begin.
    sites
        The sites of all groups.
    multipliers
        (G,) int64, 0 or more.
    """

    first: NDArray[np.int64]
    sites: NDArray[np.int64]
    multipliers: NDArray[np.int64]

    def bound(self, instance: DispersionInstance) -> float:
        """Prove a bound: no plan keeps its stations farther apart.

        Parameters
        ----------
        instance
            With the original sites.

        Returns
        -------
        float
            The longest distance within a group; infinite where the multipliers do not prove that some group
            has two stations.
        """
        each = np.repeat(self.multipliers, np.diff(self.first))
        paid = np.zeros(instance.closed.size, np.int64)
        np.add.at(paid, self.sites, each)
        free = np.sort(paid[~instance.opened & ~instance.closed])
        more = instance.stations - int(instance.opened.sum())
        least = sum(paid[instance.opened].tolist()) + sum(free[:more].tolist())
        if least <= sum(self.multipliers.tolist()):
            return float("inf")
        used = np.flatnonzero(self.multipliers).tolist()
        return max((self._diameter(instance, group) for group in used), default=0.0)

    def _diameter(self, instance: DispersionInstance, group: int) -> float:
        sites = self.sites[self.first[group] : self.first[group + 1]]
        between = instance.distance[np.ix_(sites, sites)]
        return float(between[np.triu_indices(sites.size, 1)].max(initial=0.0))


def solve(
    instance: DispersionInstance,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Solution:
    """Solve a p-dispersion.

    Parameters
    ----------
    instance
        What is asked.
    limits
        When to end.
    backend
        Name of the backend for the distances that stay open, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    Solution
        With the best plan, the best bound and the gap between them.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    work = _Work(instance, Run(limits, maximise=True, on_event=on_event, cancel=cancel), chosen)
    work.improve()
    return work.solution()


class _Work:
    """A p-dispersion being solved, and the best that is known of it.

    Parameters
    ----------
    instance
        What is asked.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for a fitting one.
    """

    def __init__(self, instance: DispersionInstance, run: Run, chosen: Backend | None) -> None:
        run.enter("search")
        self.instance, self.run, self.chosen = instance, run, chosen
        self.sites = np.flatnonzero(~instance.closed)
        self.between = instance.distance[np.ix_(self.sites, self.sites)]
        self.opened = instance.opened[self.sites]
        self.radii = np.unique(self.between[np.triu_indices(self.sites.size, 1)])
        self.plan: NDArray[np.int64] | None = None  # of the permitted sites

    def improve(self) -> None:
        """Spread stations, then refute or reach distances until one is reached and the next one refuted."""
        self._spread()
        high = self._offer_first_bound()
        for refutes in (self._refute_by_groups, self._refute):
            low = self._reached()
            while low + 1 < high and not self._done():
                middle = (low + high) // 2
                if refutes(middle):
                    high = min(middle, self._bounded())
                else:
                    low = middle
        while self._reached() + 1 < high and not self._done():
            middle = (self._reached() + high) // 2
            answer = self._ask(middle)
            if answer is None:
                return
            if not answer:
                high = middle

    def solution(self) -> Solution:
        """Put the answer together."""
        return self.run.solution(None if self.plan is None else self.sites[self.plan])

    def _done(self) -> bool:
        return self.run.spent or self.run.done()

    def _reached(self) -> int:
        """Return which distance the best plan keeps."""
        assert self.run.best is not None
        return int(np.searchsorted(self.radii, self.run.best))

    def _bounded(self) -> int:
        """Return the first distance that the bound excludes."""
        assert self.run.bound is not None
        return int(np.searchsorted(self.radii, self.run.bound, side="right"))

    def _spread(self) -> None:
        """Spread the stations from several sites, each time the next one where it is farthest from all."""
        rng = np.random.default_rng(self.run.limits.seed)
        starts = [np.flatnonzero(self.opened)]
        if not self.opened.any():
            count = int(
                np.clip(_PAIRS / (self._exchanges() * self.sites.size * self.instance.stations), 1, _STARTS)
            )
            starts = [np.array([site]) for site in rng.permutation(self.sites.size)[:count]]
        for start in starts:
            self._offer_plan(self._exchanged(_spread_from(self.between, start, self.instance.stations)))
            if self.run.must_stop():
                return

    def _exchanges(self) -> int:
        """Return how many exchanges a plan may take."""
        stations = self.instance.stations
        return int(np.clip(_PAIRS / 3 / (self.sites.size * stations), 10, 10 * stations))

    def _exchanged(self, plan: NDArray[np.int64]) -> NDArray[np.int64]:
        """Move a station of the closest pair to where it keeps a greater distance, while there is one."""
        for _ in range(self._exchanges()):
            if self.run.must_stop():
                break
            inside = self.between[np.ix_(plan, plan)].copy()
            np.fill_diagonal(inside, np.inf)
            least = inside.min()
            pair = [
                place for place in divmod(int(inside.argmin()), plan.size) if not self.opened[plan[place]]
            ]
            moves = [self._moved(plan, place, least) for place in pair]
            better = next((move for move in moves if move is not None), None)
            if better is None:
                break
            plan = better
        return plan

    def _moved(self, plan: NDArray[np.int64], place: int, least: float) -> NDArray[np.int64] | None:
        """Move one station to the site farthest from the others; None if that is no farther than `least`."""
        others = np.delete(plan, place)
        near = self.between[:, others].min(axis=1)
        near[plan] = -np.inf
        site = int(near.argmax())
        return np.append(others, site) if near[site] > least else None

    def _offer_plan(self, plan: NDArray[np.int64]) -> None:
        """Keep a plan of the permitted sites if it is the best so far."""
        separation = self.instance.separation(self.sites[plan])
        if self.plan is None or self.run.best is None or separation > self.run.best:
            self.plan = np.sort(plan)
            self.run.tell(best=separation)

    def _offer_first_bound(self) -> int:
        """Prove that two stations are no farther apart than the farthest sites, or two required ones."""
        required = np.flatnonzero(self.opened)
        group = np.arange(self.sites.size)
        if required.size > 1:
            between = self.between[np.ix_(required, required)].copy()
            np.fill_diagonal(between, np.inf)
            group = required[list(divmod(int(between.argmin()), required.size))]
        self._offer_certificate(_certificate([self.sites[group]], np.ones(1)))
        return self._bounded()

    def _refute_by_groups(self, index: int) -> bool:
        """Prove that stations cannot keep a distance: the sites fall into fewer groups of nearer ones."""
        self.run.enter("bound")
        groups = partition(self.between, float(self.radii[index]), self.run.must_stop)
        if len(groups) >= self.instance.stations:
            return False
        certificate = _certificate([self.sites[group] for group in groups], np.ones(len(groups)))
        return self._offer_certificate(certificate, float(self.radii[index]))

    def _refute(self, index: int) -> bool:
        """Prove by the multipliers of cliques that so many stations cannot keep a distance."""
        self.run.enter("bound")
        self.run.worked += _UNIT
        groups = cliques(self.between, float(self.radii[index]), self.run.must_stop)
        if not groups:
            return False
        try:
            found = prices(
                at_most_one(groups, self.opened),
                np.ones(self.sites.size),
                self.run.seconds_left,
                self.run.cancel,
            )
        except BackendError as failure:
            self.run.notes.append(f"{failure}; the distance {self.radii[index]} was left to a backend")
            return False
        if found is None:
            return False
        certificate = _certificate([self.sites[group] for group in groups], found)
        return self._offer_certificate(certificate, float(self.radii[index]))

    def _ask(self, index: int) -> bool | None:
        """Ask a backend whether the stations can keep a distance; None without an answer."""
        self.run.enter("solve")
        groups = cliques(self.between, float(self.radii[index]), self.run.must_stop)
        if not groups:
            return None
        model = _at_least(at_most_one(groups, self.opened), self.instance.stations)
        backend = self.chosen or backends.find("ortools")
        return ask(self.run, backend, model, lambda answer: self._believe(answer, index))

    def _believe(self, answer: Answer, index: int) -> bool | None:
        if answer.status == "infeasible":
            self.run.offer_bound(float(self.radii[index - 1]), "backend")
            return False
        if answer.values is not None:
            chosen = np.flatnonzero(answer.values > 0.5)
            order = np.argsort(~self.opened[chosen], kind="stable")
            self._offer_plan(self._exchanged(chosen[order][: self.instance.stations]))
            return True
        return None

    def _offer_certificate(self, certificate: DispersionCertificate, below: float = np.inf) -> bool:
        """Keep a certificate if it proves a bound below a distance."""
        bound = certificate.bound(self.instance)
        if not bound < below:
            return False
        self.run.offer_bound(bound, "dual-certificate", certificate)
        return True


def _spread_from(between: NDArray[np.float64], start: NDArray[np.int64], stations: int) -> NDArray[np.int64]:
    """Add sites to some, each time the one that is farthest from all before it."""
    plan = start.tolist()
    near = between[:, start].min(axis=1)
    near[start] = -np.inf
    while len(plan) < stations:
        site = int(near.argmax())
        plan.append(site)
        near = np.minimum(near, between[:, site])
        near[site] = -np.inf
    return np.array(plan, np.int64)


def _certificate(groups: list[NDArray[np.int64]], multipliers: NDArray[np.float64]) -> DispersionCertificate:
    """Turn floating-point multipliers into a certificate; groups that get 0 are left out."""
    units = np.ceil(np.maximum(multipliers, 0.0) * 2.0**_SCALE).astype(np.int64)
    kept = np.flatnonzero(units).tolist()
    chosen = [groups[place] for place in kept]
    first = np.concatenate(([0], np.cumsum([group.size for group in chosen]))).astype(np.int64)
    sites = np.concatenate(chosen) if chosen else np.empty(0, np.int64)
    return DispersionCertificate(first, sites, units[kept])


def _at_least(model: MatrixModel, stations: int) -> MatrixModel:
    """Ask for any plan of at least so many stations."""
    row = csr_array(np.ones((1, model.objective.size)))
    return replace(
        model,
        rows=csr_array(vstack((model.rows, row), format="csr")),
        row_lower=np.append(model.row_lower, float(stations)),
        row_upper=np.append(model.row_upper, np.inf),
    )
