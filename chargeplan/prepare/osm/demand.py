"""Demand points of an extract: homes by squares of a hectare, weighted by built area or by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chargeplan.prepare.features import DECIMALS
from chargeplan.prepare.osm.homes import CELL, in_degrees
from chargeplan.prepare.osm.people import spread

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.osm.homes import Homes
    from chargeplan.prepare.osm.people import Population


def demand_table(homes: Homes, population: Population | None) -> pd.DataFrame:
    """Make the demand points.

    Parameters
    ----------
    homes
        Of the extract.
    population
        People by place, or None where built area stands for them. Points are demand points as they are; the
        people of areas are spread over the homes inside, and stay at a point inside where there are none.

    Returns
    -------
    DataFrame
        `id`, `lon`, `lat`, `weight` (m2 of homes, or people), of those that weigh anything.
    """
    if population is None:
        table = _by_hectare(homes, homes.built)
    elif population.areas is None:
        table = _as_given(population, np.ones(len(population.ids), dtype=bool))
    else:
        people, settled = spread(population, homes.positions, homes.built)
        table = pd.concat([_by_hectare(homes, people), _as_given(population, ~settled)], ignore_index=True)
    return table[table["weight"] > 0].reset_index(drop=True)


def _by_hectare(homes: Homes, weight: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Put homes of the same square together, at the mean of where they are by weight."""
    square, which = np.unique(np.floor(homes.place / CELL).astype(np.int64), axis=0, return_inverse=True)
    total = np.bincount(which, weight, len(square))
    heavy = total > 0
    mean = [np.bincount(which, weight * axis, len(square))[heavy] / total[heavy] for axis in homes.place.T]
    degrees = np.round(in_degrees(np.column_stack(mean)), DECIMALS)
    ids = [f"E{east}N{north}" for east, north in square[heavy].tolist()]
    return _table(ids, degrees, np.asarray(total[heavy], dtype=np.float64))


def _as_given(population: Population, rows: npt.NDArray[np.bool_]) -> pd.DataFrame:
    return _table(population.ids[rows], population.positions[rows], population.people[rows])


def _table(ids: object, positions: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "lon": positions[:, 0], "lat": positions[:, 1], "weight": weight})
