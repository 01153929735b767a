"""Candidate sites: real places and metro stations, and modelled parking, swap and service-area sites.

Parking sites are drawn by seeded dart throwing (Poisson-disc sampling, Cook 1986): the cells of urban centres in
a random order that prefers people, each taken if no site taken before lies within a distance that shrinks with
density; so sites are well spread, denser where people are, and no cell is left without one. Costs and room are
assumptions, declared here and in the README; they are the fixed cost of opening a station, without chargers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.random import Generator

    from chargeplan.instances.czt.people import Bools, Floats, Ints

SEED = 2025
CORE = 10_000.0  # people per km2, from which land is core land
# 10,000 CNY: preparing a site with its grid connection, by kind, and land for some years, by its class.
PREPARATION = {"parking": 60, "metro": 60, "town": 40, "service area": 100, "swap": 260}
LAND = {"core": 60, "urban": 40, "other": 20}
# Chargers that fit; parking lots vary.
ROOM = {"metro": 24, "town": 20, "service area": 40, "swap": 8}
PARKING_ROOM = (16, 24, 32, 40)
# Metres between sites: in the densest core, at the edge of an urban centre, and in towns and suburbs.
SPACING_CORE, SPACING_EDGE, SPACING_TOWN = 430.0, 530.0, 1_200.0
CENTRAL_WIDER = 1.08  # factor on the spacing outside the central list
SUBURB = 300.0  # people per km2, from which a 1 km cell outside the centres can hold a parking site
SWAP_SPACING = 3_000.0
JITTER = 100.0  # metres off the middle of a cell


@dataclass(frozen=True)
class Spots:
    """Where parking may be: plane positions (N, 2) in metres, people, spacing wanted there in metres."""

    plane: Floats
    people: Floats
    spacing: Floats


def throw_darts(spots: Spots, taken: Floats, random: Generator) -> Ints:
    """Choose well-spread spots.

    Parameters
    ----------
    spots
        Where a site may be.
    taken
        (K, 2) plane positions of sites that stand already.
    random
        Decides the order: a spot comes before another with the odds of the square roots of their people.

    Returns
    -------
    ndarray
        Indices of chosen spots, in the order of choice. No two are closer than the later one's spacing, and
        every spot has a site within its own.
    """
    order = np.argsort(np.log(random.random(len(spots.people))) / -np.sqrt(spots.people), kind="stable")
    bins = _Bins(spots.spacing.max())
    for position in taken:
        bins.add(position)
    chosen = []
    for index in order:
        if bins.free(spots.plane[index], spots.spacing[index]):
            bins.add(spots.plane[index])
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)


class _Bins:
    """Positions in square bins, to find near ones."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._bins: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def add(self, position: Floats) -> None:
        x, y = map(float, position)
        self._bins.setdefault((int(x // self._size), int(y // self._size)), []).append((x, y))

    def free(self, position: Floats, distance: float) -> bool:
        x, y = map(float, position)
        column, row = int(x // self._size), int(y // self._size)
        return not any(
            (x - other_x) ** 2 + (y - other_y) ** 2 < distance**2
            for i in range(column - 1, column + 2)
            for j in range(row - 1, row + 2)
            for other_x, other_y in self._bins.get((i, j), ())
        )


def spacing(per_km2: Floats, centre: Bools, central: Bools) -> Floats:
    """Metres wanted between sites: less where it is dense, more outside the central list and the centres."""
    full = np.clip(per_km2 / (2.0 * CORE), 0.0, 1.0)
    urban = (SPACING_EDGE + (SPACING_CORE - SPACING_EDGE) * full) * np.where(central, 1.0, CENTRAL_WIDER)
    return np.where(centre, urban, SPACING_TOWN)


def land_class(per_km2: Floats, centre: Bools) -> list[str]:
    """Class of land: core, urban or other."""
    return list(np.where(centre, np.where(per_km2 >= CORE, "core", "urban"), "other"))


def costs(kinds: pd.Series, land: pd.Series) -> pd.Series:
    """Fixed cost of opening a station, 10,000 CNY: preparation by kind and land by class."""
    return kinds.map(PREPARATION) + land.map(LAND)


def rooms(kinds: pd.Series, random: Generator) -> pd.Series:
    """Chargers that fit: by kind, and at random from a few sizes for parking lots."""
    lots = pd.Series(random.choice(PARKING_ROOM, size=len(kinds)), index=kinds.index)
    return kinds.map(ROOM).fillna(lots).astype(np.int64)
