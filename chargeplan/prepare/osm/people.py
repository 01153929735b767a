"""People: where a layer says they live, and how they spread over the homes of an extract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan.errors import InputError
from chargeplan.io.layers import read_layer
from chargeplan.prepare import columns
from chargeplan.prepare.features import POINTS, POLYGONS, load, positions
from chargeplan.scenario import DemandLayer

if TYPE_CHECKING:
    from os import PathLike

    import numpy.typing as npt

COLUMNS = ("people", "population", "pop", "residents", "inhabitants")


@dataclass(frozen=True, eq=False)
class Population:
    """People by place.

    Parameters
    ----------
    ids
        (N,) str.
    areas
        (N,) polygons in degrees; None where the layer holds points.
    positions
        (N, 2) longitude, latitude in degrees; of a polygon a point inside.
    people
        (N,) at least 0.
    column
        The column that said how many.
    """

    ids: npt.NDArray[np.object_]
    areas: npt.NDArray[np.object_] | None
    positions: npt.NDArray[np.float64]
    people: npt.NDArray[np.float64]
    column: str


def read_population(path: str | PathLike[str], column: str | None = None) -> Population:
    """Read a layer of people.

    Parameters
    ----------
    path
        Points or polygons, in any format of layers.
    column
        Which column counts them; where left out, one of `COLUMNS`, whatever its capitals.

    Raises
    ------
    InputError
        The layer cannot be read, has no such column, or has faults, all of which are named.
    """
    frame = read_layer(path)
    flat = bool(len(frame)) and bool((shapely.get_dimensions(frame.geometry.array) == 2).all())
    layer = DemandLayer(name="population", file=str(path))
    features = load(layer, layer.name, lambda _: frame, POLYGONS if flat else POINTS)
    if column is None:
        named = {str(name).casefold(): str(name) for name in reversed(features.frame.columns)}
        column = next((named[word] for word in COLUMNS if word in named), None)
    if column is None:
        features.faults.add(f"no column counts people: there is none of {', '.join(COLUMNS)}; say which")
        raise InputError(features.faults.found)
    people = columns.numbers(features, column, "people", 0.0)
    ids = columns.ids(features, None)
    if features.faults.found:
        raise InputError(features.faults.found)
    areas = np.asarray(features.frame.geometry.array, dtype=object) if flat else None
    return Population(ids, areas, positions(features.frame), people, column)


def spread(
    population: Population, homes: npt.NDArray[np.float64], built: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Spread the people of every area over the homes in it, in proportion to built area.

    Parameters
    ----------
    population
        With areas. A home inside several counts in the first.
    homes
        (N, 2) longitude, latitude in degrees.
    built
        (N,) m2.

    Returns
    -------
    ndarray
        (N,) people in every home; 0 outside all areas.
    ndarray
        (A,) bool, the areas that have homes, all of whose people are among these.
    """
    assert population.areas is not None
    home, area = shapely.STRtree(population.areas).query(shapely.points(homes), predicate="intersects")
    order = np.lexsort([area, home])
    home, area = home[order], area[order]
    first = np.unique(home, return_index=True)[1]
    home, area = home[first], area[first]
    total = np.bincount(area, built[home], len(population.people))
    people = np.zeros(len(homes))
    people[home] = population.people[area] * built[home] / np.where(total > 0, total, 1.0)[area]
    return people, total > 0
