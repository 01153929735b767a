"""Facility location small enough to try every set of sites; no code of chargeplan."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linprog


@dataclass(frozen=True)
class Facilities:
    """A facility location problem; required and forbidden sites as the public functions take them."""

    cost: np.ndarray
    opening: np.ndarray
    capacity: np.ndarray | None
    demand: np.ndarray
    single_source: bool = False
    given: dict[str, list[int]] = field(default_factory=dict)
    stations: int | None = None

    def least(self) -> float:
        """The least cost of all plans; infinite where there is none."""
        required, forbidden = set(self.given.get("required", [])), set(self.given.get("forbidden", []))
        sites = range(self.opening.size)
        sizes = range(len(sites) + 1) if self.stations is None else [self.stations]
        sets = itertools.chain.from_iterable(itertools.combinations(sites, k) for k in sizes)
        permitted = [list(s) for s in sets if required <= set(s) and not forbidden & set(s)]
        return min((self.opening[s].sum() + self.served(s) for s in permitted), default=np.inf)

    def served(self, chosen: list[int]) -> float:
        """The least cost of serving everybody from some sites."""
        cost = self.cost[:, chosen]
        if not len(cost):
            return 0.0
        if not chosen or np.isinf(cost).all(axis=1).any():
            return np.inf
        if self.capacity is None:
            return float(cost.min(axis=1).sum())
        return self._one_each(cost, chosen) if self.single_source else self._split(cost, chosen)

    def _one_each(self, cost: np.ndarray, chosen: list[int]) -> float:
        plans = np.array(list(itertools.product(range(len(chosen)), repeat=len(cost))))
        total = cost[np.arange(len(cost)), plans].sum(axis=1)
        for k, site in enumerate(chosen):
            load = (plans == k) @ self.demand
            total[load > self.capacity[site] * (1 + 1e-9)] = np.inf
        return float(total.min())

    def _split(self, cost: np.ndarray, chosen: list[int]) -> float:
        points, sites = cost.shape
        whole = np.kron(np.eye(points), np.ones(sites))
        loads = np.kron(self.demand, np.eye(sites)).reshape(sites, points * sites)
        limits = [(0, 1 if np.isfinite(c) else 0) for c in cost.ravel()]
        costs = np.where(np.isfinite(cost), cost, 0.0).ravel()
        found = linprog(costs, loads, self.capacity[chosen], whole, np.ones(points), limits, method="highs")
        return float(found.fun) if found.status == 0 else np.inf


def random_facilities(seed: int) -> Facilities:
    """Draw a case: capacities loose, tight or missing, ties, demands of 0, pairs not allowed, given sites."""
    rng = np.random.default_rng(seed)
    kind = ("free", "split", "single")[seed % 3]
    sites = int(rng.integers(1, 6))
    points = int(rng.integers(1, 6 if kind == "single" else 9))
    cost = rng.integers(0, 12, (points, sites)).astype(float)
    opening = rng.integers(0, 20, sites).astype(float)
    demand = rng.integers(0, 5, points).astype(float)
    if seed % 2:
        cost, opening, demand = cost + rng.random(cost.shape), opening * 0.7, demand * rng.random(points)
    if seed % 5 == 0:
        cost[rng.random(cost.shape) < 0.25] = np.inf
    capacity = None
    if kind != "free":
        slack = rng.uniform(0.8, 3.0)
        capacity = np.ceil(rng.dirichlet(np.full(sites, 3.0)) * demand.sum() * slack)
    order = rng.permutation(sites).tolist()
    forbidden = order[: int(rng.integers(0, max(1, sites // 3) + 1))]
    required = order[len(forbidden) : len(forbidden) + int(rng.integers(0, 2))]
    given = {"required": required, "forbidden": forbidden}
    return Facilities(cost, opening, capacity, demand, kind == "single", given)


def random_clusters(seed: int) -> Facilities:
    """Draw a case with a number of stations, which cost nothing, and capacities that they need or miss."""
    rng = np.random.default_rng(seed)
    case = random_facilities(3 * seed + 1 + seed % 2)
    sites, (required, forbidden) = case.opening.size, (case.given["required"], case.given["forbidden"])
    if len(forbidden) == sites:
        return random_clusters(seed + 100_000)
    stations = int(rng.integers(max(1, len(required)), sites - len(forbidden) + 1))
    assert case.capacity is not None
    capacity = np.ceil(case.capacity * sites / stations * rng.uniform(0.7, 1.2))
    return replace(case, opening=np.zeros(sites), capacity=capacity, stations=stations)
