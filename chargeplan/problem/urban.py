"""The urban centres of a scenario: by the people that its demand layers count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.columns import DISTRICT_NAMES, as_text
from chargeplan.prepare.features import WGS84
from chargeplan.prepare.urbanisation import SQUARE, urbanisation
from chargeplan.scenario import PeopleLayer
from chargeplan.scenario.wording import nearest
from chargeplan.units import format_length

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    import numpy.typing as npt

    from chargeplan.problem.layers import Layers, Table
    from chargeplan.scenario import NamedLayer, Scenario

    Floats: TypeAlias = npt.NDArray[np.float64]
    Ints: TypeAlias = npt.NDArray[np.int64]
    Words: TypeAlias = npt.NDArray[np.object_]

_PEOPLE = "people"  # the column where none is named
_LEAST = 0.01  # of a centre's people: a district that holds less does not name it


def urban_centres(
    scenario: Scenario, layers: Layers, people: str | None = None, plane: object = None
) -> gpd.GeoDataFrame:
    """List the urban centres of every demand layer that counts people; `Problem.urban_centres` says how.

    Parameters
    ----------
    scenario, layers
        What is asked, and what its layers hold.
    people, plane
        The column, and the plane of the cells.
    """
    column = people or _PEOPLE
    given = [*scenario.demand, *([scenario.people] if scenario.people else [])]
    counted = [layer for layer in given if column in layers.demand[layer.name].columns]
    if not given:
        raise InputError("there is no demand layer, and so none that counts people")
    if not counted:
        raise InputError([_uncounted(layer, layers.demand, people) for layer in given])
    found = [_of_layer(layer, layers, column, plane) for layer in counted]
    return gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=WGS84)


def _uncounted(layer: NamedLayer, tables: Mapping[str, Table], people: str | None) -> Fault:
    """Say that a layer has no column of people, and what it has."""
    there = [str(name) for name in tables[layer.name].columns.columns]
    if people is None:
        message = f"no column {_PEOPLE!r} counts people: say which does; there are {', '.join(there)}"
    else:
        message = f"there is no column {people!r} of people" + nearest(people, there)
    return Fault(message, layer.file, layer.name)


def _of_layer(layer: NamedLayer, layers: Layers, column: str, plane: object) -> gpd.GeoDataFrame:
    cell = layer.cell_m if isinstance(layer, PeopleLayer) else None
    if cell is not None and cell > SQUARE:
        says = f"people are counted per km2, which needs cells of at most 1 km, not {format_length(cell)}"
        raise InputError(Fault(says, layer.file, layer.name))
    table = layers.demand[layer.name]
    points = gpd.points_from_xy(*table.points.positions.T)
    frame = gpd.GeoDataFrame({"people": _numbers(layer, table, column)}, geometry=points, crs=WGS84)
    try:
        places, centres = urbanisation(frame, plane=plane)
    except InputError as error:
        raise InputError(Fault(str(error), layer.file, layer.name)) from None
    inside = np.flatnonzero(places["centre"].to_numpy() > 0)
    districts = _districts(table, layers.borders, places.iloc[inside], inside)
    return gpd.GeoDataFrame(
        {
            "layer": layer.name,
            "centre": centres["centre"],
            "districts": [districts.get(number, ()) for number in centres["centre"].tolist()],
            "people": centres["people"],
            "area_km2": centres["area_km2"],
            "per_km2": centres["people"] / centres["area_km2"],
        },
        geometry=centres.geometry,
        crs=WGS84,
    )


def _numbers(layer: NamedLayer, table: Table, column: str) -> Floats:
    parsed = pd.to_numeric(table.columns[column], errors="coerce")
    people: Floats = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = int((~(np.isfinite(people) & (people >= 0))).sum())
    if wrong:
        says = f"does not count people: in {wrong:,} of {len(people):,} rows it is no number of at least 0"
        raise InputError(Fault(says, layer.file, layer.name, column=column))
    return people


def _districts(
    table: Table, borders: gpd.GeoDataFrame | None, places: gpd.GeoDataFrame, rows: Ints
) -> dict[int, tuple[str, ...]]:
    """Name centres by the districts that hold at least `_LEAST` of their people, the most people first."""
    if table.points.district is not None:
        names = table.points.district[rows]
    else:
        names = _containing(table.points.positions[rows], borders)
    held = places[["centre", "people"]].assign(district=names)
    sums = held.groupby(["centre", "district"], as_index=False)["people"].sum()
    sums = sums.sort_values(["centre", "people"], ascending=[True, False], kind="stable")
    whole = sums["centre"].map(held.groupby("centre")["people"].sum())
    large = sums[sums["people"] >= _LEAST * whole]
    found: dict[int, tuple[str, ...]] = {}
    for centre, district in zip(large["centre"].tolist(), large["district"].tolist(), strict=True):
        found[centre] = (*found.get(centre, ()), district)
    return found


def _containing(positions: Floats, borders: gpd.GeoDataFrame | None) -> Words:
    """(N,) names of the polygons that positions lie in, the first of several; None outside, or without."""
    found: Words = np.full(len(positions), None, dtype=object)
    columns = [] if borders is None else [name for name in DISTRICT_NAMES if name in borders.columns]
    if borders is None or not columns:
        return found
    names = as_text(borders[columns[0]])
    tree = shapely.STRtree(np.asarray(borders.geometry.array))
    point, polygon = tree.query(shapely.points(positions), predicate="intersects")
    order = np.lexsort((-polygon, point))  # the last that is written is the first that contains it
    found[point[order]] = names[polygon[order]]
    return found
