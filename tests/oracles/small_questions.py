"""A small random question of every model of the public API, with the answer that enumeration gives.

Many are such that the linear relaxation is far from it: each demand point has two good sites of a few, or
sites stand in rings of five. Multipliers and reductions then leave something for a backend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from small_distances import Case
from small_facilities import Facilities

from chargeplan import solvers

Given = dict[str, list[int]]


@dataclass(frozen=True)
class Question:
    """What is asked, and the best objective; infinite, or -infinite, where nothing is allowed."""

    model: Callable[..., solvers.Solution]
    arguments: dict[str, Any]
    best: float
    split: bool = False  # whether it takes fractions


def covering(seed: int, kind: str) -> Question:
    """Set covering, in part and with backup too, and maximal covering: 9 sites, costs and weights."""
    rng = np.random.default_rng(seed)
    matrix = pairs(rng, int(rng.integers(12, 20)), 9, of=3 if kind in {"backup", "stations"} else 2)
    cost, weight = rng.integers(2, 4, 9).astype(float), rng.integers(1, 9, len(matrix)).astype(float)
    given = given_sites(rng, 9)
    sets = np.array([s for s in np.ndindex(*(2,) * 9) if keeps(s, given)], bool)
    served = sets.astype(int) @ matrix.T.astype(int)
    paid = sets @ cost
    if kind in {"stations", "budget"}:
        limit = float(rng.integers(2, 5)) if kind == "stations" else float(rng.integers(2, 10))
        used = sets.sum(axis=1) if kind == "stations" else paid
        worth = ((served > 0) @ weight)[used <= limit]
        asked = {"stations": int(limit)} if kind == "stations" else {"budget": limit, "cost": cost}
        best = float(worth.max(initial=-np.inf))
        return Question(
            solvers.maximal_covering, {"coverage": matrix, "weight": weight, **asked, **given}, best
        )
    share = float(rng.choice([0.5, 0.7, 0.9])) if kind == "partial" else 1.0
    backup = 2 if kind == "backup" else 1
    allowed = (served >= backup) @ weight >= share * weight.sum() * (1 - 1e-12)
    asked = {"coverage": matrix, "cost": cost, "share": share, "weight": weight, "backup": backup}
    return Question(solvers.set_covering, asked | given, float(paid[allowed].min(initial=np.inf)))


def distances(seed: int, kind: str) -> Question:
    """P-median and p-center: up to 18 demand points, each near two of 8 sites."""
    rng = np.random.default_rng(seed)
    near = pairs(rng, int(rng.integers(12, 19)), 8)
    distance = np.where(near, rng.integers(1, 3, near.shape), rng.integers(4, 9, near.shape)).astype(float)
    distance[rng.random(distance.shape) < 0.1] += 0.5
    weight = rng.integers(1, 4, len(near)).astype(float)
    case = Case(distance, weight, int(rng.integers(3, 6)), given_sites(rng, 8))
    asked = {"distance": distance, "stations": case.stations, **case.given}
    if kind == "median":
        return Question(solvers.p_median, asked | {"weight": weight}, case.least(case.median))
    return Question(solvers.p_center, asked, case.least(case.center))


def separations(seed: int, kind: str) -> Question:
    """P-dispersion and minimum separation: two or three rings of five sites, one after the other near."""
    rng = np.random.default_rng(seed)
    rings = int(rng.integers(2, 4))
    sites = 5 * rings
    distance = rng.integers(4, 7, (sites, sites)).astype(float)
    for ring in range(rings):
        for place in range(5):
            one, other = 5 * ring + place, 5 * ring + (place + 1) % 5
            distance[one, other] = distance[other, one] = rng.integers(1, 3)
    order = rng.permutation(sites)
    distance = np.minimum(distance, distance.T)[np.ix_(order, order)]
    weight = rng.integers(2, 4, sites).astype(float)
    case = Case(distance, weight, 2 * rings + int(rng.integers(0, 2)), given_sites(rng, sites))
    if kind == "dispersion":
        best = max(map(case.dispersion, case.plans()))
        asked = {"distance": distance, "stations": case.stations, **case.given}
        return Question(solvers.p_dispersion, asked, best)
    asked = {"distance": distance, "separation": 4.0, "weight": weight, **case.given}
    return Question(solvers.minimum_separation, asked, case.heaviest(4.0))


def facilities(seed: int, kind: str, *, single_source: bool) -> Question:
    """Facility location with capacities and without, capacitated set covering and p-median."""
    rng = np.random.default_rng(seed)
    points, sites = (5, 5) if single_source else (7, 5)
    cost = rng.integers(1, 12, (points, sites)).astype(float)
    opening, demand = rng.integers(5, 15, sites).astype(float), rng.integers(1, 6, points).astype(float)
    given = given_sites(rng, sites)
    common = {"single_source": single_source, **given}
    if kind == "clusters":
        capacity = np.ceil(rng.dirichlet(np.full(sites, 9.0)) * demand.sum() * sites / 3 * 1.1)
        case = Facilities(cost, np.zeros(sites), capacity, demand, single_source, given, 3)
        asked = {"distance": cost, "weight": None, "stations": 3, "capacity": capacity, "demand": demand}
        return Question(solvers.capacitated_p_median, asked | common, case.least(), not single_source)
    capacity = np.ceil(rng.dirichlet(np.full(sites, 4.0)) * demand.sum() * 1.8)
    if kind == "covering":
        cost = np.where(rng.random(cost.shape) < 0.7, 0.0, np.inf)
        case = Facilities(cost, opening, capacity, demand, single_source, given)
        asked = {"coverage": cost == 0.0, "capacity": capacity, "demand": demand, "cost": opening}
        return Question(solvers.capacitated_set_covering, asked | common, case.least(), not single_source)
    if kind == "free":
        near = pairs(rng, 12, sites)
        cost, demand, opening = (
            np.where(near, 1.0, 8.0) * rng.integers(1, 3, (12, 1)),
            np.ones(12),
            opening / 2,
        )
    case = Facilities(cost, opening, capacity if kind == "limited" else None, demand, single_source, given)
    asked = {"assignment_cost": cost, "opening_cost": opening, "capacity": case.capacity, "demand": demand}
    split = kind == "limited" and not single_source
    return Question(solvers.facility_location, asked | common, case.least(), split)


def pairs(rng: np.random.Generator, rows: int, sites: int, of: int = 2) -> np.ndarray:
    """A relation in which each row has two sites, or another number."""
    matrix = np.zeros((rows, sites), bool)
    for row in matrix:
        row[rng.choice(sites, of, replace=False)] = True
    return matrix


def given_sites(rng: np.random.Generator, sites: int) -> Given:
    """One site required and one forbidden, or none."""
    some = rng.permutation(sites)[:2].tolist()
    return {"required": some[:1], "forbidden": some[1:]} if rng.random() < 0.5 else {}


def keeps(chosen: tuple[int, ...], given: Given) -> bool:
    """Whether a set keeps to the sites that are given."""
    return all(chosen[j] for j in given.get("required", [])) and not any(
        chosen[j] for j in given.get("forbidden", [])
    )


QUESTIONS: dict[str, Callable[[int], Question]] = {
    "set covering": lambda seed: covering(seed, "full"),
    "partial set covering": lambda seed: covering(seed, "partial"),
    "backup coverage": lambda seed: covering(seed, "backup"),
    "maximal covering by stations": lambda seed: covering(seed, "stations"),
    "maximal covering by budget": lambda seed: covering(seed, "budget"),
    "p-median": lambda seed: distances(seed, "median"),
    "p-center": lambda seed: distances(seed, "center"),
    "p-dispersion": lambda seed: separations(seed, "dispersion"),
    "minimum separation": lambda seed: separations(seed, "separation"),
    "capacitated p-median": lambda seed: facilities(seed, "clusters", single_source=False),
    "capacitated p-median, one source": lambda seed: facilities(seed, "clusters", single_source=True),
    "capacitated set covering": lambda seed: facilities(seed, "covering", single_source=False),
    "capacitated set covering, one source": lambda seed: facilities(seed, "covering", single_source=True),
    "capacitated facility location": lambda seed: facilities(seed, "limited", single_source=False),
    "capacitated facility location, one source": lambda seed: facilities(seed, "limited", single_source=True),
    "uncapacitated facility location": lambda seed: facilities(seed, "free", single_source=False),
}
