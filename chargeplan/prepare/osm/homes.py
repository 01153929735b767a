"""Homes: buildings in which people live, and places in residential areas where no building is mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from chargeplan.prepare.osm.tags import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

# Buildings in which people live, by the value of `building`; "yes" is a building of no stated use.
HOMES = (
    "apartments", "bungalow", "cabin", "detached", "dormitory", "farm", "house", "residential",
    "semidetached_house", "terrace",
)  # fmt: skip
STOREYS = {"apartments": 4.0, "dormitory": 4.0}  # where `building:levels` does not say
USUAL_STOREYS = 2.0
HOME_SIZE = 40.0, 2000.0  # m2 on the ground, of a building of no stated use that counts as a home
DENSITY = 0.3  # m2 of homes on a m2 of a residential area in which no home is mapped
WORK = (
    "commercial",
    "farmyard",
    "industrial",
    "military",
    "port",
    "railway",
    "retail",
)  # values of `landuse`
CELL = 100.0  # metres, the side of the squares of the equal-area grid

_USES = ("amenity", "shop", "office", "tourism", "leisure", "man_made", "historic", "aeroway", "railway")
_MOST_STOREYS = 100.0
_CHUNK = 50_000  # outlines turned into geometry at a time

_EQUAL_AREA = (
    "EPSG:6933"  # EASE-Grid 2.0 (Brodzik et al. 2012): metres east and north, one for the whole Earth
)
_HALF_EARTH = 17_000_000.0  # metres of the grid
_TO_GRID = pyproj.Transformer.from_crs("EPSG:4326", _EQUAL_AREA, always_xy=True)
_TO_DEGREES = pyproj.Transformer.from_crs(_EQUAL_AREA, "EPSG:4326", always_xy=True)


@dataclass(frozen=True, eq=False)
class Homes:
    """Where people live.

    Parameters
    ----------
    place
        (N, 2) metres in the equal-area grid.
    built
        (N,) m2 of homes there, all storeys together.
    buildings, sampled
        How many of them are buildings, and how many squares of residential areas.
    wrapped
        Outlines left out as they cross the antimeridian, and so seem to go round the Earth.
    """

    place: npt.NDArray[np.float64]
    built: npt.NDArray[np.float64]
    buildings: int
    sampled: int
    wrapped: int = 0

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """(N, 2) longitude, latitude in degrees."""
        return in_degrees(self.place)

    def take(self, rows: npt.NDArray[np.bool_]) -> Homes:
        """Select some of them."""
        buildings = int(rows[: self.buildings].sum())
        return Homes(self.place[rows], self.built[rows], buildings, int(rows.sum()) - buildings)


class HomesGathering:
    """Sorts outlines as they come: homes perhaps, residential areas, areas where people work."""

    def __init__(self) -> None:
        self._outlines: list[str] = []
        self._notes: list[tuple[float, bool]] = []
        self._wrapped = 0
        self._measured: list[npt.NDArray[np.float64]] = []
        self._residential: list[str] = []
        self._work: list[str] = []

    def add(self, tags: Mapping[str, str], outline: str) -> None:
        """Take an outline, in hexadecimal WKB, if it has to do with homes."""
        if "building" in tags:
            if _may_be_home(tags):
                self._outlines.append(outline)
                self._notes.append((_storeys(tags), tags["building"] == "yes"))
        elif tags.get("landuse") == "residential":
            self._residential.append(outline)
        elif tags.get("landuse") in WORK:
            self._work.append(outline)
        if len(self._outlines) == _CHUNK:
            self._measure()

    def finish(self) -> Homes:
        """Decide what is a home, and put squares where residential areas have none."""
        self._measure()
        x, y, ground, storeys, unstated = (
            np.concatenate(self._measured).T if self._measured else np.empty((5, 0))
        )
        place = np.column_stack([x, y])
        sized = (ground >= HOME_SIZE[0]) & (ground <= HOME_SIZE[1])
        home = (unstated == 0) | (sized & ~_inside(place, self._narrow(self._work)))
        squares, area = _squares(self._narrow(self._residential), place[home])
        return Homes(
            place=np.concatenate([place[home], squares]),
            built=np.concatenate([(ground * storeys)[home], area * DENSITY]),
            buildings=int(home.sum()),
            sampled=len(squares),
            wrapped=self._wrapped,
        )

    def _narrow(self, outlines: list[str]) -> npt.NDArray[np.object_]:
        """Bring areas to the grid, but for those that seem to go round the Earth."""
        flat = _on_grid(outlines)
        wide = _is_wide(flat)
        self._wrapped += int(wide.sum())
        return np.asarray(flat[~wide])

    def _measure(self) -> None:
        """Keep the place, m2 on the ground, storeys and whether the use is unstated; let the outlines go."""
        if self._outlines:
            flat = _on_grid(self._outlines)
            wide = _is_wide(flat)
            self._wrapped += int(wide.sum())
            centre = shapely.get_coordinates(shapely.centroid(flat))
            measured = np.column_stack([centre, shapely.area(flat), np.array(self._notes)])
            self._measured.append(measured[~wide])
            self._outlines, self._notes = [], []


def in_metres(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bring (N, 2) degrees to the equal-area grid."""
    return np.column_stack(_TO_GRID.transform(*degrees.T))


def in_degrees(metres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bring (N, 2) metres of the equal-area grid to degrees."""
    return np.column_stack(_TO_DEGREES.transform(*metres.T))


def _may_be_home(tags: Mapping[str, str]) -> bool:
    kind = tags["building"]
    return kind in HOMES or (kind == "yes" and not any(use in tags for use in _USES))


def _storeys(tags: Mapping[str, str]) -> float:
    said = number(tags.get("building:levels"))
    usual = STOREYS.get(tags["building"], USUAL_STOREYS)
    return min(said, _MOST_STOREYS) if said else usual


def _on_grid(outlines: list[str]) -> npt.NDArray[np.object_]:
    return np.asarray(shapely.transform(shapely.from_wkb(outlines), in_metres))


def _is_wide(flat: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """(N,) bool, the areas on the grid that are wider than half of the Earth."""
    west, _, east, _ = shapely.bounds(flat).reshape(-1, 4).T
    return np.asarray(east - west > _HALF_EARTH)


def _inside(place: npt.NDArray[np.float64], areas: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """(N,) bool, the places inside any of some areas."""
    inside = np.zeros(len(place), dtype=bool)
    if len(areas) and len(place):
        tree = shapely.STRtree(areas)
        inside[tree.query(shapely.points(place), predicate="intersects")[0]] = True
    return inside


def _squares(
    areas: npt.NDArray[np.object_], homes: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cover the residential areas in which no home is mapped by squares of the grid.

    Returns
    -------
    ndarray
        (S, 2) a place inside the area in each square.
    ndarray
        (S,) m2 of the area in it.
    """
    if not len(areas):
        return np.empty((0, 2)), np.empty(0)
    areas = np.asarray(shapely.make_valid(areas))
    if len(homes):
        filled = shapely.STRtree(shapely.points(homes)).query(areas, predicate="intersects")[0]
        areas = np.delete(areas, np.unique(filled))
    pieces = [piece for area in areas for piece in _pieces(area)]
    size = shapely.area(pieces)
    real = np.flatnonzero(size > 0)
    inside = shapely.get_coordinates(shapely.point_on_surface(np.array(pieces, dtype=object)[real]))
    return inside.reshape(-1, 2), np.asarray(size[real])


def _pieces(area: shapely.Geometry) -> npt.NDArray[np.object_]:
    west, south, east, north = np.floor(np.array(area.bounds) / CELL)
    columns, rows = np.arange(west, east + 1) * CELL, np.arange(south, north + 1) * CELL
    x, y = (axis.ravel() for axis in np.meshgrid(columns, rows))
    squares = shapely.box(x, y, x + CELL, y + CELL)
    shapely.prepare(area)
    return np.asarray(shapely.intersection(area, squares[shapely.intersects(area, squares)]))
