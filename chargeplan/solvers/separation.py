"""Minimum separation solved: the most worth that stations have which all keep a distance from each other.

The anti-covering location problem (Moon & Chaudhry 1984): sites that are nearer to one another exclude each
other, and a heaviest stable set is asked for. Every clique has one station at most (Murray & Church 1997);
the multipliers of the cliques prove a bound. A search by forced insertions finds plans (Andrade, Resende &
Werneck 2012); a backend gets what both leave open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendError
from chargeplan.solvers import backends
from chargeplan.solvers.asking import ask
from chargeplan.solvers.cliques import at_most_one, cliques, partition, prices
from chargeplan.solvers.solution import Run, Solution, whole_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel, OnEvent
    from chargeplan.solvers.backends.base import Answer, Backend
    from chargeplan.solvers.solution import Limits

_SECONDS_PER_STEP = 100e-6  # of the search
_SEARCH = 2.0  # units of work for it, at most
_SEARCH_SHARE = 0.2  # of the limits, at most
_STEPS_PER_SITE = 50  # that it should have
_ENOUGH = 1e-9  # a gap that is rounding
_ROOM = 2.0**60  # every sum has to stay below


@dataclass(frozen=True)
class SeparationInstance:
    """A problem of minimum separation as it was asked.

    Parameters
    ----------
    distance
        (M, M) symmetric; the diagonal counts for nothing.
    separation
        How far two stations have to be apart, at least.
    weight
        (M,) worth of a station at each site, 0 or more.
    opened, closed
        (M,) bool, sites whose state is given.
    """

    distance: NDArray[np.float64]
    separation: float
    weight: NDArray[np.float64]
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    @cached_property
    def excludes(self) -> NDArray[np.bool_]:
        """Which two sites cannot both have a station: (M, M)."""
        near = self.distance < self.separation
        np.fill_diagonal(near, val=False)
        return near

    @property
    def whole(self) -> bool:
        """Whether every plan's worth is a whole number."""
        return bool((self.weight == np.floor(self.weight)).all())


@dataclass(frozen=True)
class SeparationCertificate:
    """Groups of sites that exclude each other, with multipliers, that prove a bound.

    A plan is worth no more than all multipliers, and what each of its sites is worth beyond those of the
    groups that it is in.

    Parameters
    ----------
    scale
        Multipliers are in units of ``2.0**-scale``.
    first
        (G + 1,) where each group's sites begin.
    sites
        The sites of all groups.
    multipliers
        (G,) int64, 0 or more.
    """

    scale: int
    first: NDArray[np.int64]
    sites: NDArray[np.int64]
    multipliers: NDArray[np.int64]

    def bound(self, instance: SeparationInstance) -> float:
        """Prove a bound: no plan is worth more.

        Parameters
        ----------
        instance
            With the original sites.

        Returns
        -------
        float
            Rounded down to a whole number where every worth is one; infinite where two sites of a group do
            not exclude each other.
        """
        groups = np.split(self.sites, self.first[1:-1])
        if any(
            instance.excludes[np.ix_(group, group)].sum() < group.size * (group.size - 1) for group in groups
        ):
            return math.inf
        paid = np.zeros(instance.closed.size, np.int64)
        np.add.at(paid, self.sites, np.repeat(self.multipliers, np.diff(self.first)))
        beyond = np.ceil(instance.weight * 2.0**self.scale).astype(np.int64) - paid
        free = ~instance.opened & ~instance.closed
        total = sum(self.multipliers.tolist()) + sum(beyond[instance.opened].tolist())
        total += sum(np.maximum(beyond[free], 0).tolist())
        units = 1 << self.scale
        if instance.whole:
            return float(total // units)
        nearest = total / units
        return nearest if int(nearest * units) == total else math.nextafter(nearest, math.inf)


def certify_separation(
    weight: NDArray[np.float64], groups: list[NDArray[np.int64]], multipliers: NDArray[np.float64]
) -> SeparationCertificate:
    """Turn floating-point multipliers into a certificate.

    Parameters
    ----------
    weight
        (M,) worth of the sites.
    groups, multipliers
        G groups of sites, and (G,) what each gets; what is negative counts as 0.
    """
    kept = np.flatnonzero(multipliers > 0.0)
    chosen = [groups[place] for place in kept.tolist()]
    first = np.concatenate(([0], np.cumsum([group.size for group in chosen]))).astype(np.int64)
    largest = float(weight.sum() + multipliers[kept].sum()) + 1.0
    scale = int(min(40.0, math.log2(_ROOM / largest)))
    units = np.ceil(multipliers[kept] * 2.0**scale).astype(np.int64)
    return SeparationCertificate(scale, first, np.concatenate((*chosen, np.empty(0, np.int64))), units)


def solve(
    instance: SeparationInstance,
    limits: Limits,
    *,
    backend: str = "auto",
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Solution:
    """Solve a problem of minimum separation.

    Parameters
    ----------
    instance
        What is asked.
    limits
        When to end.
    backend
        Name of the backend for what search and multipliers leave open, or ``"auto"``.
    on_event, cancel
        As `chargeplan.solve` takes them.

    Returns
    -------
    Solution
        With the best plan, the best bound and the gap between them; infeasible where two required sites are
        too near to one another.
    """
    chosen = None if backend == "auto" else backends.find(backend)
    required = np.flatnonzero(instance.opened)
    near = np.argwhere(np.triu(instance.excludes[np.ix_(required, required)]))
    if len(near):
        one, other = required[near[0]].tolist()
        between = instance.distance[one, other]
        note = f"the required sites {one} and {other} are {between:g} apart, not {instance.separation:g}"
        return Solution("infeasible", notes=(note,))
    work = _Work(instance, Run(limits, maximise=True, on_event=on_event, cancel=cancel), chosen)
    work.improve()
    return work.solution()


class _Work:
    """A problem of minimum separation being solved, and the best that is known of it.

    Parameters
    ----------
    instance
        What is asked.
    run
        Clock and listeners.
    chosen
        The backend asked for, None for a fitting one.
    """

    def __init__(self, instance: SeparationInstance, run: Run, chosen: Backend | None) -> None:
        run.enter("search")
        run.rounding = 0.0 if instance.whole else _ENOUGH
        self.instance, self.run, self.chosen = instance, run, chosen
        barred = instance.excludes[:, instance.opened].any(axis=1) | instance.closed
        self.sites = np.flatnonzero(~barred)  # that a plan can have
        self.between = instance.distance[np.ix_(self.sites, self.sites)]
        self.weight, self.opened = instance.weight[self.sites], instance.opened[self.sites]
        self.plan: NDArray[np.bool_] | None = None  # of these sites

    def improve(self) -> None:
        """Search, bound, and give what is left open to a backend."""
        self._search()
        self.run.enter("bound")
        self._offer_certificate(*self._first_groups())
        if self.run.done():
            return
        groups = cliques(self.between, self.instance.separation, self.run.must_stop)
        if not groups:
            return
        self._offer_prices(groups)
        if not self.run.done():
            self._ask(groups)

    def solution(self) -> Solution:
        """Put the answer together."""
        return self.run.solution(None if self.plan is None else self.sites[self.plan])

    def _search(self) -> None:
        """Insert sites, and what they exclude makes room for others, as long as the limits allow."""
        limits = self.run.limits
        most = min(limit for limit in (limits.time_limit, limits.work_limit, math.inf) if limit is not None)
        work = min(_SEARCH, _SEARCH_SHARE * most, _STEPS_PER_SITE * self.sites.size * _SECONDS_PER_STEP)
        search = _Insertions(self.between < self.instance.separation, self.weight, self.opened, limits.seed)
        self._offer_plan(search.best)
        for _ in range(int(work / _SECONDS_PER_STEP)):
            if limits.time_limit is not None and self.run.elapsed >= _SEARCH_SHARE * limits.time_limit:
                self.run.by_clock = True
            if self.run.by_clock or self.run.must_stop():
                break
            search.step()
        self.run.worked += work
        self._offer_plan(search.best)

    def _offer_plan(self, plan: NDArray[np.bool_]) -> None:
        worth = float(self.weight[plan].sum())
        if self.run.best is None or worth > self.run.best:
            self.plan = plan.copy()
            self.run.tell(best=worth)

    def _first_groups(self) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
        """Part the sites into groups; each is worth no more than the best of its sites."""
        groups = partition(self.between, self.instance.separation, self.run.must_stop)
        return groups, np.array([self.weight[group].max() for group in groups])

    def _offer_prices(self, groups: list[NDArray[np.int64]]) -> None:
        model = at_most_one(groups, self.opened)
        try:
            found = prices(model, self.weight, self.run.seconds_left, self.run.cancel)
        except BackendError as failure:
            self.run.notes.append(f"{failure}; the bound is the best found without it")
            return
        if found is not None:
            self._offer_certificate(groups, found)

    def _offer_certificate(self, groups: list[NDArray[np.int64]], found: NDArray[np.float64]) -> None:
        instance = self.instance
        # A site that a required one excludes is worth nothing: the group of both pays for it.
        barred = np.flatnonzero(instance.excludes[:, instance.opened].any(axis=1) & ~instance.closed)
        required = np.flatnonzero(instance.opened)
        near = [required[instance.excludes[site, required].argmax()] for site in barred]
        pairs = [np.array(pair) for pair in zip(near, barred, strict=True)]
        certificate = certify_separation(
            instance.weight,
            [self.sites[group] for group in groups] + pairs,
            np.append(found, instance.weight[barred]),
        )
        bound = self.run.up_to_best(certificate.bound(instance))
        self.run.offer_bound(bound, "dual-certificate", certificate)

    def _ask(self, groups: list[NDArray[np.int64]]) -> None:
        self.run.enter("solve")
        model = replace(at_most_one(groups, self.opened), objective=self.weight, maximise=True)
        ask(
            self.run,
            self.chosen or backends.fitting(model),
            model,
            self._believe,
            gap=self.run.limits.gap,
            start=None if self.plan is None else self.plan.astype(np.float64),
            report=lambda _best, bound: self.run.show(None, bound),
        )

    def _believe(self, answer: Answer) -> None:
        """Take over a backend's plan and bound."""
        if answer.values is not None:
            self._offer_plan(answer.values > 0.5)
        bound = answer.bound
        if answer.status == "optimal" and self.run.limits.gap == 0.0:
            bound = answer.objective  # the gap is what floats of the backend leave
        if bound is not None and math.isfinite(bound) and self.run.best is not None:
            bound = whole_bound(bound, maximise=True) if self.instance.whole else bound
            self.run.offer_bound(max(bound, self.run.best), "backend")


class _Insertions:
    """Plans that get better by inserting a site, taking out what it excludes, and filling up.

    Parameters
    ----------
    excludes
        (M, M) bool, which two sites cannot both have a station.
    weight, opened
        (M,) worth of the sites; bool, those that must have a station and exclude none of the others.
    seed
        Of the random choices.
    """

    def __init__(
        self, excludes: NDArray[np.bool_], weight: NDArray[np.float64], opened: NDArray[np.bool_], seed: int
    ) -> None:
        np.fill_diagonal(excludes, val=False)
        self._near = [np.flatnonzero(row) for row in excludes]
        self._weight, self._opened = weight, opened
        self._rng = np.random.default_rng(seed)
        self._plan = opened.copy()
        self._against = np.zeros(weight.size)  # worth of what excludes each site
        self._count = np.zeros(weight.size, np.int64)  # and how many do
        promise = weight / (1.0 + np.array([near.size for near in self._near], np.float64))
        self._fill(np.argsort(-promise, kind="stable"))
        self._worth = self._best_worth = float(weight[self._plan].sum())
        self.best = self._plan.copy()

    def step(self) -> None:
        """Insert a site that costs little; go back if that made the plan much worse."""
        outside = np.flatnonzero(~self._plan)
        if not outside.size:
            return
        before = self._plan.copy(), self._against.copy(), self._count.copy(), self._worth
        loss = (self._against - self._weight)[outside] + self._rng.exponential(self._noise(), outside.size)
        site = int(outside[loss.argmin()])
        leaving = self._near[site][self._plan[self._near[site]]]
        for other in leaving.tolist():
            self._change(other, inside=False)
        self._change(site, inside=True)
        for other in leaving.tolist():
            near = self._near[other]
            self._fill(near[self._rng.permutation(near.size)])
        self._worth = float(self._weight[self._plan].sum())
        if self._worth > self._best_worth:
            self.best, self._best_worth = self._plan.copy(), self._worth
        elif self._worth < before[3] and self._worth < self._best_worth - self._noise():
            self._plan, self._against, self._count, self._worth = before

    def _noise(self) -> float:
        return float(self._weight.mean())

    def _fill(self, order: NDArray[np.int64]) -> None:
        """Insert the sites that nothing excludes, in an order."""
        for site in order.tolist():
            if not self._plan[site] and not self._count[site]:
                self._change(site, inside=True)

    def _change(self, site: int, *, inside: bool) -> None:
        sign = 1 if inside else -1
        self._plan[site] = inside
        self._against[self._near[site]] += sign * self._weight[site]
        self._count[self._near[site]] += sign
