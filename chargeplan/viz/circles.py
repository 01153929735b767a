"""Circles on the ellipsoid, for service areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan.viz.frame import WGS84

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CORNERS = 72  # of a circle's outline; its edges run up to 0.1 % of the radius inside the true circle


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
        (K,) polygons with their corners on the circle, in degrees (WGS-84).
    """
    azimuth = np.linspace(0.0, 360.0, _CORNERS, endpoint=False)
    x, y = (np.repeat(column, _CORNERS) for column in centres.T)
    longitude, latitude, _ = WGS84.fwd(x, y, np.tile(azimuth, len(centres)), np.full(x.size, radius))
    rings = np.stack((longitude, latitude), axis=1).reshape(len(centres), _CORNERS, 2)
    return np.asarray(shapely.polygons(rings), np.object_)
