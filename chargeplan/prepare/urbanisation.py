"""Degree of urbanisation: cells of 1 km2 by how many live there, and the urban centres that they form.

European Commission, FAO, UN-Habitat, OECD and World Bank, *Applying the degree of urbanisation: a
methodological manual to define cities, towns and rural areas for international comparisons* (Eurostat, 2021),
level 1:

- urban centre: 4-connected cells of at least 1,500 people per km2, together at least 50,000; then smoothed by
  the iterated majority rule (five of eight neighbours), and holes under 15 km2 filled;
- urban cluster: 8-connected cells of at least 300 per km2, together at least 5,000;
- rural: all others.

The manual counts people per km2 of land; cells partly under water count by their whole area here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.exceptions import CRSError
from scipy import ndimage

from chargeplan.errors import InputError
from chargeplan.prepare.features import WGS84, positions
from chargeplan.prepare.plane import equal_area_around, to_degrees, to_plane

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

CLASSES = ("rural", "urban cluster", "urban centre")
RURAL, CLUSTER, CENTRE = range(3)
SQUARE = 1000.0  # metres, the side of a cell
_MOST_CELLS = 50_000_000  # of a region's rectangle: 7,000 km square


def degree_of_urbanisation(per_km2: Floats) -> Ints:
    """Classify 1 km2 cells by their people.

    Parameters
    ----------
    per_km2
        (rows, columns) people in each.

    Returns
    -------
    ndarray
        (rows, columns) indices into `CLASSES`.
    """
    corners = np.ones((3, 3), dtype=bool)
    classes = np.full(per_km2.shape, RURAL, dtype=np.int64)
    classes[_clusters(per_km2, 300.0, 5_000.0, corners)] = CLUSTER
    classes[centres(per_km2) > 0] = CENTRE
    return classes


def centres(per_km2: Floats) -> Ints:
    """Tell the urban centres of 1 km2 cells apart.

    Parameters
    ----------
    per_km2
        (rows, columns) people in each.

    Returns
    -------
    ndarray
        (rows, columns) the number of the centre, from 1, in the order of their first cells; 0 outside. A cell
        that the smoothing gives to two belongs to the later.
    """
    sides = ndimage.generate_binary_structure(2, 1)
    labels, _ = ndimage.label(_clusters(per_km2, 1_500.0, 50_000.0, sides), structure=sides)
    whole = np.zeros(per_km2.shape, dtype=np.int64)
    for label, window in enumerate(ndimage.find_objects(labels), 1):
        around = tuple(slice(max(each.start - 1, 0), each.stop + 1) for each in window)
        whole[around][_without_holes(_smoothed(labels[around] == label), 15)] = label
    left = np.unique(whole)  # one that lay in a hole of another may be gone
    return np.searchsorted(left, whole) + int(left[0] > 0)


def _clusters(per_km2: Floats, least: float, together: float, neighbours: Bools) -> Bools:
    """Find the cells of at least `least` people in clusters of at least `together` people."""
    labels, count = ndimage.label(per_km2 >= least, structure=neighbours)
    large: Bools = ndimage.sum_labels(per_km2, labels, np.arange(count + 1)) >= together
    large[0] = False
    return large[labels]


def _smoothed(centre: Bools) -> Bools:
    """Add cells with at least five of eight neighbours in the centre, until there are none."""
    around = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    while True:
        larger = centre | (ndimage.convolve(centre.astype(np.int64), around, mode="constant") >= 5)
        if (larger == centre).all():
            return centre
        centre = larger


def _without_holes(centre: Bools, hole: int) -> Bools:
    """Fill holes of fewer than `hole` cells."""
    labels, _ = ndimage.label(ndimage.binary_fill_holes(centre) & ~centre)
    small = np.bincount(labels.ravel()) < hole
    small[0] = False
    return centre | small[labels]


@dataclass(frozen=True, eq=False)
class Squares:
    """People of a region in 1 km2 cells; row 0 in the south.

    Parameters
    ----------
    plane
        The equal-area projection, in which the cells' sides lie at whole kilometres.
    west, south
        Its lower left corner, metres.
    people
        (rows, columns).
    row, column
        (N,) the cell of each of the places that the people were counted at.
    """

    plane: pyproj.CRS
    west: float
    south: float
    people: Floats
    row: Ints
    column: Ints

    def outlines(self, row: Ints, column: Ints) -> npt.NDArray[np.object_]:
        """Outline cells as polygons in the plane."""
        x, y = self.west + SQUARE * column, self.south + SQUARE * row
        return np.asarray(shapely.box(x, y, x + SQUARE, y + SQUARE), dtype=object)


def squares(people: gpd.GeoDataFrame, column: str = "people", plane: object = None) -> Squares:
    """Count people in 1 km2 cells.

    Parameters
    ----------
    people
        Places, or cells of at most 1 km with their middles, in any CRS: coarser ones would pile up the people
        of several cells in one.
    column
        How many live there, at least 0.
    plane
        An equal-area CRS in metres, such as ``"EPSG:3035"`` for Europe or ``"ESRI:54009"`` (Mollweide) for
        the world, as the official grids have them; one around the region where left out.

    Returns
    -------
    Squares

    Raises
    ------
    InputError
        There is nobody, a number or position is wrong, or the region is too large for its plane.
    """
    if column not in people.columns:
        raise InputError(f"there is no column {column!r} of people")
    weight = people[column].to_numpy(dtype=np.float64, na_value=np.nan)
    placed = len(people) > 0 and not (people.geometry.is_empty | people.geometry.isna()).any()
    where = positions(people) if placed else np.full((1, 2), np.nan)
    if not np.isfinite(where).all() or not (np.isfinite(weight) & (weight >= 0)).all():
        raise InputError("the degree of urbanisation needs places with positions and numbers of at least 0")
    crs = equal_area_around(where) if plane is None else _plane(plane)
    cell = np.floor(to_plane(where, crs) / SQUARE)
    if not np.isfinite(cell).all():
        raise InputError(f"some places have no position in the plane {crs.name}")
    lowest = cell.min(axis=0)
    number, row = (cell - lowest).astype(np.int64).T
    shape = (int(row.max()) + 1, int(number.max()) + 1)
    if shape[0] * shape[1] > _MOST_CELLS:
        raise InputError(f"the region has {shape[0]:,} x {shape[1]:,} cells of 1 km: do it in parts")
    counted = np.zeros(shape)
    np.add.at(counted, (row, number), weight)
    return Squares(crs, SQUARE * float(lowest[0]), SQUARE * float(lowest[1]), counted, row, number)


def _plane(given: object) -> pyproj.CRS:
    try:
        crs = pyproj.CRS.from_user_input(given)
    except CRSError as error:
        raise InputError(f"the plane cannot be used: {error}") from None
    if not crs.is_projected or {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        raise InputError(f"{crs.name} is no plane in metres")
    return crs


def urbanisation(
    people: gpd.GeoDataFrame, column: str = "people", plane: object = None
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Classify places by the degree of urbanisation, and list the urban centres.

    Parameters
    ----------
    people, column, plane
        As for `squares`.

    Returns
    -------
    GeoDataFrame
        The places with `class` (one of `CLASSES`), `per_km2` (people in their cell of 1 km2) and `centre`
        (the number of their urban centre, or 0).
    GeoDataFrame
        The urban centres, the most people first: `centre`, `people`, `area_km2`, their outline, WGS-84.

    Raises
    ------
    InputError
        As `squares`.
    """
    grid = squares(people, column, plane)
    found, classes = centres(grid.people), degree_of_urbanisation(grid.people)
    order = _by_people(grid.people, found)
    ranked = order[found]
    at = grid.row, grid.column
    places = people.copy()
    places["class"] = np.array(CLASSES, dtype=object)[classes[at]]
    places["per_km2"] = grid.people[at]
    places["centre"] = ranked[at]
    return places, _listed(grid, ranked)


def _by_people(people: Floats, found: Ints) -> Ints:
    """Rank centres by their people, from 1; 0 stays."""
    totals = np.bincount(found.ravel(), people.ravel())[1:]
    rank = np.zeros(len(totals) + 1, dtype=np.int64)
    rank[1 + np.argsort(-totals, kind="stable")] = np.arange(1, len(totals) + 1)
    return rank


def _listed(grid: Squares, ranked: Ints) -> gpd.GeoDataFrame:
    count = int(ranked.max())
    outlines = []
    for centre in range(1, count + 1):
        outline = shapely.union_all(grid.outlines(*np.nonzero(ranked == centre)))
        outlines.append(shapely.transform(outline, lambda given: to_degrees(given, grid.plane)))
    table: dict[str, npt.NDArray[np.generic] | pd.Series[int]] = {
        "centre": np.arange(1, count + 1),
        "people": np.bincount(ranked.ravel(), grid.people.ravel(), count + 1)[1:],
        "area_km2": np.bincount(ranked.ravel(), minlength=count + 1)[1:],
    }
    return gpd.GeoDataFrame(table, geometry=outlines, crs=WGS84)
