"""Circles on the ellipsoid, for service areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan.viz.frame import WGS84

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CORNERS = 72  # of a circle's outline; its edges run up to 0.1 % of the radius inside the true circle
_FINE = 720  # where longitude runs fast, around a pole
_WHOLE = 19_900_000.0  # metres: from here on circles cross themselves, and leave out no more than a spot
_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)


def geodesic_circles(centres: NDArray[np.float64], radius: float) -> NDArray[np.object_]:
    """Draw circles of one radius as polygons.

    Parameters
    ----------
    centres
        (K, 2) longitude and latitude, degrees.
    radius
        Metres on the ellipsoid.

    Returns
    -------
    ndarray
        (K,) polygons with their corners on the circle, in degrees (WGS-84), within -180 to 180: a circle
        across the antimeridian is cut there into a multipolygon (RFC 7946, 3.1.9), one that holds a pole
        reaches up to it, and from 19,900 km on a circle is the whole world.
    """
    rings = _rings(centres, radius, _CORNERS)
    poles = _pole_distances(centres) <= radius
    whole = ~poles.any(axis=1) & (np.abs(rings[..., 0]) <= 180.0).all(axis=1)
    circles = np.empty(len(centres), object)
    circles[whole] = shapely.polygons(rings[whole])
    for k in np.flatnonzero(~whole):
        circles[k] = _cut_circle(centres[k], radius, *poles[k])
    return circles


def _rings(centres: NDArray[np.float64], radius: float, corners: int) -> NDArray[np.float64]:
    """Corners of the circles, (K, corners, 2); longitudes run on past 180 degrees, near the centre's."""
    azimuth = np.linspace(0.0, 360.0, corners, endpoint=False)
    x, y = (np.repeat(column, corners) for column in centres.T)
    longitude, latitude, _ = WGS84.fwd(x, y, np.tile(azimuth, len(centres)), np.full(x.size, radius))
    longitude -= 360.0 * np.round((longitude - x) / 360.0)
    return np.stack((longitude, latitude), axis=1).reshape(len(centres), corners, 2)


def _pole_distances(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres to the north and to the south pole, (K, 2)."""
    x, y = centres.T
    metres = [WGS84.inv(x, y, x, np.full(x.size, latitude))[2] for latitude in (90.0, -90.0)]
    return np.stack(metres, axis=1)


def _cut_circle(centre: NDArray[np.float64], radius: float, north: bool, south: bool) -> shapely.Geometry:  # noqa: FBT001
    """Draw one circle that crosses the antimeridian or holds poles."""
    if radius >= _WHOLE:
        return _WORLD
    ring = _rings(centre[np.newaxis], radius, _FINE)[0]
    if north and south:  # what is left out is a circle around the antipode
        ring[:, 0] -= 360.0 * np.round((ring[:, 0] - centre[0] - 180.0) / 360.0)
        return _WORLD.difference(_into_world(shapely.Polygon(ring)))
    if north or south:
        ring = _closed_at_pole(ring, 90.0 if north else -90.0)
    return _into_world(shapely.Polygon(ring))


def _closed_at_pole(ring: NDArray[np.float64], pole: float) -> NDArray[np.float64]:
    """Close an outline that runs once around a pole along the pole, which is an edge of the plane."""
    longitude = np.unwrap(np.append(ring[:, 0], ring[0, 0]), period=360.0)
    latitude = np.append(ring[:, 1], ring[0, 1])
    outline = np.stack((longitude, latitude), axis=1)
    return np.concatenate((outline, [(longitude[-1], pole), (longitude[0], pole)]))


def _into_world(polygon: shapely.Polygon) -> shapely.Geometry:
    """Cut a polygon at the antimeridian, and turn what lies beyond it to where it is on the Earth."""
    west, _, east, _ = polygon.bounds
    turns = range(int((west + 180.0) // 360.0), int((east + 180.0) // 360.0) + 1)
    moved = [shapely.transform(polygon, lambda at, turn=turn: at - (360.0 * turn, 0.0)) for turn in turns]
    return shapely.union_all([piece.intersection(_WORLD) for piece in moved])
