"""People of points, gathered in square cells so that nobody is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from chargeplan.errors import InputError
from chargeplan.prepare.features import WGS84, positions
from chargeplan.prepare.plane import equal_area_around, to_degrees, to_plane

if TYPE_CHECKING:
    from collections.abc import Sequence


def gather_people(
    places: gpd.GeoDataFrame, cell: float, *, people: str = "people", sums: Sequence[str] = ()
) -> gpd.GeoDataFrame:
    """Gather places in the square cells of an equal-area plane, those of each district by themselves.

    Parameters
    ----------
    places
        With people, at least 0, and positions, in any CRS; a column `district` if there are districts.
    cell
        The side of a cell, metres.
    people
        The column that counts them.
    sums
        Other columns that are added up.

    Returns
    -------
    GeoDataFrame
        `id` (the cell's column and row, and the district), `people`, `district` if there are, and the sums; a
        point, WGS-84: the middle of the people of the cell.

    Raises
    ------
    InputError
        The cell has no size.
    """
    if not 0 < cell < np.inf:
        raise InputError(f"cell = {cell} must be metres, more than 0")
    where = positions(places)
    plane = equal_area_around(where)
    place = to_plane(where, plane)
    square = np.floor(place / cell).astype(np.int64)
    keys = {"column": square[:, 0], "row": square[:, 1]}
    if "district" in places.columns:
        keys["district"] = places["district"].to_numpy(dtype=object)
    table = pd.DataFrame(keys)
    of = table.groupby(list(keys), sort=True).ngroup().to_numpy()
    first = np.unique(of, return_index=True)[1]
    count = places[people].to_numpy(dtype=np.float64)
    total = np.bincount(of, count)
    pull = np.where(total[of] > 0, count, 1.0)  # a cell without people: its plain middle
    middle = [np.bincount(of, pull * axis) / np.bincount(of, pull) for axis in place.T]
    columns: dict[str, object] = {
        "id": [":".join(map(str, row)) for row in table.iloc[first].itertuples(index=False)],
        "people": total,
    }
    if "district" in keys:
        columns["district"] = keys["district"][first]
    columns |= {name: np.bincount(of, places[name].to_numpy(dtype=np.float64)) for name in sums}
    found = to_degrees(np.column_stack(middle), plane)
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(*found.T), crs=WGS84)
