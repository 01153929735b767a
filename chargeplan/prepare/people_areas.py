"""People of census areas, spread over cells so that every area's total is kept.

Areal weighting (Goodchild and Lam 1980, *Areal interpolation: a variant of the traditional spatial problem*):
the people of an area live evenly in it. Cells are squares of an equal-area plane; those on a border are cut
exactly, so every row lies in its area.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare import columns
from chargeplan.prepare.features import POLYGONS, WGS84, load
from chargeplan.prepare.people_whole import whole_people_by_area
from chargeplan.prepare.plane import corners, equal_area_around, shapes_to_plane, to_degrees
from chargeplan.scenario.tables import Layer

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.datum import Datum

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_MOST_CELLS = 20_000_000
_FULL = 1.0 - 1e-9  # of a square: what is covered so far is covered


def spread_people(
    areas: gpd.GeoDataFrame,
    people: str,
    cell: float = 250.0,
    *,
    id: str | None = None,  # noqa: A002 - as a scenario's layers have it
    whole: bool = True,
    file: str = "areas of people",
    datum: Datum = "wgs84",
) -> gpd.GeoDataFrame:
    """Spread the people of census areas over square cells.

    Parameters
    ----------
    areas
        Polygons, in any CRS.
    people
        The column that counts them, at least 0.
    cell
        The side of a cell, metres.
    id
        The column of the areas' ids; where left out the column `id`, if there is one, or row numbers.
    whole
        Whether cells hold whole people, by the largest remainder; each area's total is kept, rounded.
    file
        What messages call the areas.
    datum
        Of the areas.

    Returns
    -------
    GeoDataFrame
        A row for every area and cell with people: `id`, `area` (the area's id), `people`, and a point in
        both, WGS-84.

    Raises
    ------
    InputError
        An area or a number is wrong, all of which are named, or there would be too many cells.
    """
    if not 0 < cell < np.inf:
        raise InputError(f"cell = {cell} must be metres, more than 0")
    if people not in areas.columns:
        raise InputError(f"{file}: there is no column {people!r} of people")
    features = load(Layer(file=file, datum=datum), "areas", lambda _: areas, POLYGONS)
    total = columns.numbers(features, people, "people", 0.0)
    ids = columns.ids(features, id)
    if features.faults.found:
        raise InputError(features.faults.found)
    shapes = np.asarray(features.frame.geometry.array, dtype=object)
    plane = equal_area_around(corners(shapes))
    parts = _cut(shapes_to_plane(shapes, plane), cell)
    held = _divided(total, parts, whole=whole)
    some = held > 0
    names = [f"{ids[a]}:{c}:{r}" for a, c, r in zip(*parts.take(some).places(), strict=True)]
    table = {"id": names, "area": ids[parts.area[some]], "people": held[some]}
    where = to_degrees(parts.middle[some], plane)
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(*where.T), crs=WGS84)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Parts of areas by cell.

    `area` (K,) the area, `column` and `row` (K,) the cell's place in the plane, `square` (K,) m2, `middle`
    (K, 2) a position in both, metres.
    """

    area: Ints
    column: Ints
    row: Ints
    square: Floats
    middle: Floats

    def take(self, rows: npt.NDArray[Any]) -> _Parts:
        return _Parts(**{name: column[rows] for name, column in vars(self).items()})

    def places(self) -> tuple[list[int], list[int], list[int]]:
        return self.area.tolist(), self.column.tolist(), self.row.tolist()


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Pieces of areas, each cut by a block of cells: its lower left cell, and its side in cells."""

    shape: npt.NDArray[np.object_]
    area: Ints
    column: Ints
    row: Ints

    def take(self, rows: npt.NDArray[Any]) -> _Pieces:
        return _Pieces(**{name: column[rows] for name, column in vars(self).items()})


def _cut(shapes: npt.NDArray[np.object_], cell: float) -> _Parts:
    """Cut areas by cells: blocks of cells, halved until an area covers them whole or they are one cell.

    So a border of many vertices is cut by few lines, and what lies inside is never cut.
    """
    expected = float(shapely.area(shapes).sum()) / cell**2
    if expected > _MOST_CELLS:
        raise InputError(f"cells of {cell:g} m would be {expected:,.0f}; make them larger")
    bounds = shapely.bounds(shapes) / cell
    low, high = np.floor(bounds[:, :2]).astype(np.int64), np.ceil(bounds[:, 2:]).astype(np.int64)
    side = int(2 ** np.ceil(np.log2(max(int((high - low).max()), 1))))
    pieces = _Pieces(shapes, np.arange(len(shapes)), low[:, 0], low[:, 1])
    found: list[_Parts] = []
    while len(pieces.area):
        full = shapely.area(pieces.shape) >= _FULL * (side * cell) ** 2
        found.append(_whole_cells(pieces.take(full), side, cell))
        pieces = pieces.take(~full)
        if side == 1:
            found.append(_border_cells(pieces))
            break
        side //= 2
        pieces = _quartered(pieces, side, cell)
    parts = _Parts(*(np.concatenate([getattr(each, name) for each in found]) for name in vars(found[0])))
    return parts.take(np.lexsort([parts.column, parts.row, parts.area]))


def _quartered(pieces: _Pieces, side: int, cell: float) -> _Pieces:
    """Cut every piece into those of the four quarters of its block."""
    count = len(pieces.area)
    column = (pieces.column[:, None] + side * np.array([0, 1, 0, 1])).ravel()
    row = (pieces.row[:, None] + side * np.array([0, 0, 1, 1])).ravel()
    blocks = shapely.box(cell * column, cell * row, cell * (column + side), cell * (row + side))
    shape = shapely.intersection(np.repeat(pieces.shape, 4), blocks)
    four = _Pieces(np.asarray(shape, dtype=object), np.repeat(pieces.area, 4), column, row)
    assert len(four.area) == 4 * count
    return four.take(shapely.area(shape) > 0)


def _whole_cells(pieces: _Pieces, side: int, cell: float) -> _Parts:
    """List the cells of blocks that an area covers."""
    step = np.arange(side)
    column = (pieces.column[:, None, None] + step[None, None, :] + 0 * step[None, :, None]).ravel()
    row = (pieces.row[:, None, None] + step[None, :, None] + 0 * step[None, None, :]).ravel()
    middle = cell * (np.column_stack([column, row]) + 0.5)
    square = np.full(len(column), cell**2)
    return _Parts(np.repeat(pieces.area, side**2), column, row, square, middle)


def _border_cells(pieces: _Pieces) -> _Parts:
    """Put the parts of cells on a border at their centroid, or at a point inside where that lies outside."""
    centroid = shapely.centroid(pieces.shape)
    inside = shapely.intersects(pieces.shape, centroid)
    point = np.where(inside, centroid, shapely.point_on_surface(pieces.shape))
    middle = np.column_stack([shapely.get_x(point), shapely.get_y(point)])
    return _Parts(pieces.area, pieces.column, pieces.row, shapely.area(pieces.shape), middle)


def _divided(total: Floats, parts: _Parts, *, whole: bool) -> Floats:
    """Divide every area's people over its parts in proportion to their size."""
    if whole:
        rounded = np.round(total).astype(np.int64)
        return whole_people_by_area(rounded, parts.area, parts.square).astype(np.float64)
    size = np.bincount(parts.area, parts.square, len(total))
    return np.asarray(total[parts.area] * parts.square / size[parts.area], dtype=np.float64)
