"""Many road lines as flat arrays: measured, cut, given new vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from chargeplan.prepare.features import DECIMALS

if TYPE_CHECKING:
    import numpy.typing as npt

_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, eq=False)
class Polylines:
    """Lines in longitude and latitude, of at least two vertices each.

    Parameters
    ----------
    vertices
        (P, 2) degrees, line after line.
    start
        (L + 1,) where each line begins in `vertices`; the last entry is P.
    feature
        (L,) which feature of the layer each line belongs to.
    """

    vertices: npt.NDArray[np.float64]
    start: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]

    @classmethod
    def of(cls, geometry: npt.NDArray[np.object_]) -> Polylines:
        """Take the lines out of LineStrings and MultiLineStrings."""
        lines, feature = shapely.get_parts(geometry, return_index=True)
        start = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(lines))])
        return cls(shapely.get_coordinates(lines), start, feature)

    def __len__(self) -> int:
        return len(self.feature)

    @property
    def line(self) -> npt.NDArray[np.int64]:
        """(P,) the line of every vertex."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @property
    def first(self) -> npt.NDArray[np.int64]:
        """(L,) the vertex that each line begins with."""
        return self.start[:-1]

    @property
    def last(self) -> npt.NDArray[np.int64]:
        """(L,) the vertex that each line ends with."""
        return self.start[1:] - 1

    def along(self) -> npt.NDArray[np.float64]:
        """Measure the geodesic metres from the first vertex of its line to every vertex, (P,)."""
        return self._along

    @cached_property
    def _along(self) -> npt.NDArray[np.float64]:
        steps = np.zeros(len(self.vertices))
        steps[1:] = geodesic(self.vertices[:-1], self.vertices[1:])
        steps[self.first] = 0.0
        total = np.cumsum(steps)
        along: npt.NDArray[np.float64] = total - total[self.first][self.line]
        along.flags.writeable = False
        return along

    @cached_property
    def segments(self) -> Segments:
        """The straight segments that the lines consist of, ready to be searched."""
        return Segments.of(self)

    def cut(self, breaks: npt.NDArray[np.bool_]) -> Polylines:
        """Cut every line at the marked vertices inside it.

        Parameters
        ----------
        breaks
            (P,) bool; marks at the ends of lines mean nothing.
        """
        inner = breaks.copy()
        inner[self.first] = inner[self.last] = False
        again = np.repeat(
            np.arange(len(inner)), 1 + inner
        )  # a vertex where a line is cut ends one and begins one
        begins = np.zeros(len(inner), dtype=bool)
        begins[self.first] = True
        opening = begins[again] | np.concatenate([[False], again[1:] == again[:-1]])
        start = np.append(np.flatnonzero(opening), len(again))
        return Polylines(self.vertices[again], start, self.feature[self.line[again[start[:-1]]]])

    def with_steps(self, longest: float, factor: float) -> tuple[Polylines, npt.NDArray[np.bool_]]:
        """Add vertices that cut every line into equal steps.

        Parameters
        ----------
        longest
            The longest step allowed, in metres of road.
        factor
            Metres of road in a metre of line.

        Returns
        -------
        Polylines
            With the new vertices.
        ndarray
            (P',) bool, True at the new ones.
        """
        along = self.along()
        length = along[self.last]
        steps = np.maximum(np.ceil(length * factor / longest - 1e-9), 1).astype(np.int64)
        owner = np.repeat(np.arange(len(self)), steps - 1)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(steps - 1) - (steps - 1), steps - 1) + 1
        target = length[owner] * number / steps[owner]
        offset = np.concatenate([[0.0], np.cumsum(length)])[
            :-1
        ]  # all lines end to end, for one interpolation
        added = np.column_stack(
            [np.interp(target + offset[owner], along + offset[self.line], axis) for axis in self.vertices.T]
        )
        order = np.lexsort([np.concatenate([along, target]), np.concatenate([self.line, owner])])
        vertices = np.concatenate([self.vertices, np.round(added, DECIMALS)])[order]
        start = self.start + np.concatenate([[0], np.cumsum(steps - 1)])
        return Polylines(vertices, start, self.feature), order >= len(self.vertices)


@dataclass(frozen=True, eq=False)
class Segments:
    """The straight segments of lines, and a tree of them in a plane.

    Parameters
    ----------
    first
        (S,) the vertex that each begins with; it ends with the next.
    begin, end
        (S, 2) degrees. Where the lines lie around the antimeridian, those west of it are east of 180 degrees.
    middle
        Degrees of longitude, halfway between the westernmost and the easternmost.
    stretch
        What longitudes are multiplied with in the plane.
    tree
        Of the segments in the plane.
    """

    first: npt.NDArray[np.int64]
    begin: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    middle: float
    stretch: float
    tree: shapely.STRtree

    @classmethod
    def of(cls, lines: Polylines) -> Segments:
        """Take the segments out of lines."""
        first = np.flatnonzero(np.diff(lines.line, append=-1) == 0)
        vertices = lines.vertices + np.where(west_of_antimeridian(lines.vertices), [360.0, 0.0], 0.0)
        begin, end = vertices[first], vertices[first + 1]
        lon, lat = vertices.T
        stretch = float(np.cos(np.radians(np.abs(lat).max(initial=0.0))))
        plane = np.stack([begin, end], axis=1) * np.array([stretch, 1.0])
        middle = float(lon.min() + lon.max()) / 2.0 if len(lon) else 0.0
        return cls(first, begin, end, middle, stretch, shapely.STRtree(shapely.linestrings(plane)))


def west_of_antimeridian(positions: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(P, 1) bool, the places west of 180 degrees where all of them span less around it than around 0."""
    lon = positions[:, :1]
    west = lon < 0
    if west.all() or not west.any():
        return np.zeros_like(west)
    span = lon[west].max() + 360.0 - lon[~west].min()
    return np.asarray(west & (span < lon.max() - lon.min()))


def geodesic(
    origins: npt.NDArray[np.float64], destinations: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Measure the distances in metres on the WGS-84 ellipsoid between (N, 2) positions, pair by pair."""
    _, _, metres = _GEOD.inv(*origins.T, *destinations.T)
    return np.asarray(metres, dtype=np.float64)
