"""The nearest of many places, and the nearest point of many lines, on the ellipsoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.polylines import Polylines, Segments

# The WGS-84 ellipsoid's equatorial radius and squared first eccentricity.
_A, _E2 = 6378137.0, 0.0066943799901413165


def nearest_position(
    positions: npt.NDArray[np.float64], among: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Find the nearest of some places for every position.

    Parameters
    ----------
    positions, among
        (N, 2) and (K, 2) longitude, latitude in degrees.

    Returns
    -------
    ndarray
        (N,) indices into `among`.
    """
    _, nearest = cKDTree(_on_ellipsoid(among)).query(_on_ellipsoid(positions))
    return np.asarray(nearest, dtype=np.int64)


def nearest_on_lines(
    positions: npt.NDArray[np.float64], lines: Polylines
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Find the nearest point of some lines for every position.

    Parameters
    ----------
    positions
        (N, 2) longitude, latitude in degrees.
    lines
        Straight in longitude and latitude between their vertices.

    Returns
    -------
    ndarray
        (N,) the line that it lies on.
    ndarray
        (N,) the share of the line's length before it, 0 to 1.
    ndarray
        (N, 2) its longitude and latitude.
    """
    segments = lines.segments
    turn = np.round((segments.middle - positions[:, 0]) / 360.0) * 360.0  # of a place beyond the antimeridian
    positions = positions + np.column_stack([turn, np.zeros(len(turn))])
    begin, end = segments.begin, segments.end
    point, segment = _near_segments(positions, segments)
    share, away = _foot(positions[point], begin[segment], end[segment])
    order = np.lexsort([segment, away, point])
    best = order[np.unique(point[order], return_index=True)[1]]
    segment, share = segment[best], share[best]
    along, vertex = lines.along(), segments.first[segment]
    foot = begin[segment] + share[:, None] * (end[segment] - begin[segment])
    foot[:, 0] -= np.where(begin[segment, 0] == lines.vertices[vertex, 0], 0.0, 360.0)
    line = lines.line[vertex]
    before = along[vertex] + share * (along[vertex + 1] - along[vertex])
    whole = along[lines.last][line]
    share = np.divide(before, whole, out=np.zeros_like(before), where=whole > 0)
    return line, np.minimum(share, 1.0), foot


def _near_segments(
    positions: npt.NDArray[np.float64], segments: Segments
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pair every point with the segments that may be its nearest.

    They are searched in a plane with one scale for all, which is wrong by as much as parallels differ in
    length between the northernmost and the southernmost place; so all within that of the nearest count.
    """
    latitudes = np.abs(np.concatenate([positions[:, 1], segments.begin[:, 1], segments.end[:, 1]]))
    scale = np.cos(np.radians([latitudes.max(), latitudes.min()]))  # the least and the greatest
    wrong = max(1.0, scale[1] / segments.stretch) * max(1.0, segments.stretch / scale[0])
    points = shapely.points(positions * np.array([segments.stretch, 1.0]))
    at, away = segments.tree.query_nearest(points, return_distance=True, all_matches=False)
    reach = np.empty(len(points))
    reach[at[0]] = away * wrong * 1.01 + 1e-9  # 1 %: the Earth is not quite a ball
    point, segment = segments.tree.query(points, predicate="dwithin", distance=reach)
    return point, segment


def _foot(
    positions: npt.NDArray[np.float64], begin: npt.NDArray[np.float64], end: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Find the share of its segment before each point's foot, and the metres from the point to there."""
    scale = _metres_per_degree(positions[:, 1])
    course, toward = (end - begin) * scale, (positions - begin) * scale
    square = (course**2).sum(axis=1)
    share = np.divide((course * toward).sum(axis=1), square, out=np.zeros(len(square)), where=square > 0)
    share = np.clip(share, 0.0, 1.0)
    return share, np.hypot(*(toward - share[:, None] * course).T)


def _metres_per_degree(latitude: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 2) metres in a degree of longitude and of latitude on the WGS-84 ellipsoid."""
    phi = np.radians(latitude)
    flat = 1.0 - _E2 * np.sin(phi) ** 2
    east, north = _A / np.sqrt(flat) * np.cos(phi), _A * (1.0 - _E2) / flat**1.5
    return np.radians(np.column_stack([east, north]))


def _on_ellipsoid(positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 3) metres from the Earth's centre; straight distances there grow with geodesic ones."""
    lon, lat = np.radians(positions).T
    prime = _A / np.sqrt(1.0 - _E2 * np.sin(lat) ** 2)
    around = prime * np.cos(lat)
    return np.column_stack([around * np.cos(lon), around * np.sin(lon), prime * (1.0 - _E2) * np.sin(lat)])
