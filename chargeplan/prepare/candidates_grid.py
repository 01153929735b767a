"""Candidate sites on a grid inside polygons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare import columns
from chargeplan.prepare.candidates_table import site_table
from chargeplan.prepare.features import POLYGONS, load
from chargeplan.prepare.plane import corners, equal_area_around, shapes_to_plane, to_degrees
from chargeplan.scenario.tables import Layer

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from chargeplan.prepare.datum import Datum

    Floats = npt.NDArray[np.float64]

_MOST_SITES = 5_000_000


def sites_on_grid(
    areas: gpd.GeoDataFrame,
    spacing: float,
    *,
    pattern: Literal["hexagonal", "square"] = "hexagonal",
    name: str = "grid",
    kind: str = "grid",
    file: str = "areas",
    datum: Datum = "wgs84",
) -> gpd.GeoDataFrame:
    """Fill polygons with sites, so far apart from their neighbours.

    Parameters
    ----------
    areas
        Polygons, in any CRS.
    spacing
        Metres between neighbours, in an equal-area plane. No place of the plane is farther from the nearest
        than 0.58 of it on the hexagonal grid, 0.71 on the square one; near a polygon's border it may be more,
        since sites lie inside.
    pattern
        The grid. The hexagonal one covers most with fewest sites (Kershner 1939, *The number of circles
        covering a set*).
    name, kind
        Of the sites.
    file
        What messages call the areas.
    datum
        Of the areas.

    Returns
    -------
    GeoDataFrame
        `id`, `kind`, `area` (the number or the id of the first area that holds it). An area that no point of
        the grid lies in gets a site inside, and is counted in the remarks.

    Raises
    ------
    InputError
        The areas are wrong, all of which is named, the spacing is none, or there would be too many sites.
    """
    if not 0 < spacing < np.inf:
        raise InputError(f"spacing = {spacing} must be metres, more than 0")
    if pattern not in {"hexagonal", "square"}:
        raise InputError(f'pattern must be "hexagonal" or "square", not {pattern!r}')
    features = load(Layer(file=file, datum=datum), "areas", lambda _: areas, POLYGONS)
    ids = columns.ids(features, None)
    if features.faults.found:
        raise InputError(features.faults.found)
    given = np.asarray(features.frame.geometry.array, dtype=object)
    plane = equal_area_around(corners(given))
    shapes = shapes_to_plane(given, plane)
    points, holder = _inside(shapes, _step(spacing, pattern))
    missed = np.setdiff1d(np.arange(len(shapes)), holder)
    held = _first_holders(shapes, points)
    extra = shapely.point_on_surface(shapes[missed])
    points = np.vstack([points, np.column_stack([shapely.get_x(extra), shapely.get_y(extra)])])
    table = site_table(to_degrees(points, plane), name, kind, area=ids[np.concatenate([held, missed])])
    table.attrs["remarks"] = (f"areas too small for the grid, with one site each: {len(missed):,}",) * bool(
        len(missed)
    )
    return table


def _step(spacing: float, pattern: str) -> tuple[float, float, float]:
    """Return the steps between columns and between rows, and how far every other row is moved."""
    return (
        (spacing, spacing, 0.0) if pattern == "square" else (spacing, spacing * math.sqrt(0.75), spacing / 2)
    )


def _inside(
    shapes: npt.NDArray[np.object_], step: tuple[float, float, float]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Find the points of the grid inside polygons, row by row, and all polygons that hold one."""
    across, up, moved = step
    expected = float(shapely.area(shapes).sum()) / (across * up)
    if expected > _MOST_SITES:
        raise InputError(f"there would be {expected:,.0f} sites on the grid; make the spacing larger")
    found, holder = [np.empty((0, 2), dtype=np.int64)], []
    for index, shape in enumerate(shapes):
        shapely.prepare(shape)
        west, south, east, north = shape.bounds
        for row in range(math.ceil(south / up), math.floor(north / up) + 1):
            off = moved * (row % 2)
            column = np.arange(math.ceil((west - off) / across), math.floor((east - off) / across) + 1)
            inside = column[shapely.contains_xy(shape, column * across + off, np.full(len(column), row * up))]
            found.append(np.column_stack([inside, np.full(len(inside), row)]))
            if len(inside):
                holder.append(index)
    cells = np.unique(np.vstack(found)[:, ::-1], axis=0)
    x = cells[:, 1] * across + moved * (cells[:, 0] % 2)
    return np.column_stack([x, cells[:, 0] * up]), np.unique(np.array(holder, dtype=np.int64))


def _first_holders(shapes: npt.NDArray[np.object_], points: Floats) -> npt.NDArray[np.int64]:
    """Find the first polygon that holds each point."""
    point, shape = shapely.STRtree(shapes).query(shapely.points(points), predicate="within")
    holder = np.full(len(points), len(shapes))
    np.minimum.at(holder, point, shape)
    return holder
