"""Distances small enough to try every set of sites; no code of chargeplan."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """A distance model's input; required and forbidden sites as the public functions take them."""

    distance: np.ndarray
    weight: np.ndarray
    stations: int
    given: dict[str, list[int]] = field(default_factory=dict)

    def plans(self) -> Iterator[list[int]]:
        """Every permitted set of as many sites as asked for."""
        required, forbidden = set(self.given.get("required", [])), set(self.given.get("forbidden", []))
        for chosen in itertools.combinations(range(self.distance.shape[1]), self.stations):
            if required <= set(chosen) and not forbidden & set(chosen):
                yield list(chosen)

    def least(self, cost: Callable[[list[int]], float]) -> float:
        """The least cost of all plans; infinite where none is finite."""
        return min(map(cost, self.plans()), default=float("inf"))

    def median(self, chosen: list[int]) -> float:
        """Weighted distances to the nearest chosen site, added up."""
        nearest = self.distance[:, chosen].min(axis=1)
        return float("inf") if np.isinf(nearest).any() else float(self.weight @ nearest)

    def center(self, chosen: list[int]) -> float:
        """The longest distance to the nearest chosen site."""
        return float(self.distance[:, chosen].min(axis=1).max(initial=0.0))

    def dispersion(self, chosen: list[int]) -> float:
        """The least distance between two chosen sites."""
        return float(min(self.distance[a, b] for a, b in itertools.combinations(chosen, 2)))

    def heaviest(self, separation: float) -> float:
        """The most weight of sites that are all so far apart; -infinite where none are."""
        required, forbidden = set(self.given.get("required", [])), set(self.given.get("forbidden", []))
        sites = range(self.distance.shape[1])
        return max(
            (
                float(self.weight[list(chosen)].sum())
                for count in range(len(sites) + 1)
                for chosen in itertools.combinations(sites, count)
                if required <= set(chosen)
                and not forbidden & set(chosen)
                and all(self.distance[a, b] >= separation for a, b in itertools.combinations(chosen, 2))
            ),
            default=float("-inf"),
        )


def random_case(seed: int, *, square: bool = False) -> Case:
    """Draw a case: whole or broken distances, ties, weights of 0, pairs that are not allowed, given sites."""
    rng = np.random.default_rng(seed)
    sites = int(rng.integers(2, 10))
    rows = sites if square else int(rng.integers(1, 14))
    demand, place = rng.integers(0, 12, (rows, 1, 2)), rng.integers(0, 12, (sites, 2))
    distance = np.linalg.norm((place[:, None] if square else demand) - place, axis=2)
    if seed % 2:
        distance = np.rint(distance)
    if seed % 3 == 0 and not square:
        distance[rng.random(distance.shape) < 0.3] = np.inf
    weight = rng.integers(0, 4, rows).astype(float) if seed % 4 < 2 else rng.random(rows)
    return _with_given_sites(distance, weight, sites, rng)


def _with_given_sites(distance: np.ndarray, weight: np.ndarray, sites: int, rng: np.random.Generator) -> Case:
    order = rng.permutation(sites).tolist()
    forbidden = order[: int(rng.integers(0, max(1, sites // 3) + 1))]
    required = order[len(forbidden) : len(forbidden) + int(rng.integers(0, 2))]
    least = max(1, len(required))
    stations = int(rng.integers(least, sites - len(forbidden) + 1))
    return Case(distance, weight, stations, {"required": required, "forbidden": forbidden})
