"""Equal-area planes around a region, in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from chargeplan.prepare.features import DECIMALS, WGS84
from chargeplan.prepare.polylines import west_of_antimeridian

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def equal_area(bounds: Floats) -> pyproj.CRS:
    """Make Lambert's azimuthal equal-area projection around the middle of a region.

    A cell of the plane holds its nominal area on the ellipsoid; shapes are true to 0.1 % within 500 km.

    Parameters
    ----------
    bounds
        West, south, east, north in degrees, WGS-84; of a region across the antimeridian the east lies beyond
        180.
    """
    lon, lat = np.round((bounds[:2] + bounds[2:]) / 2.0, 3)
    return pyproj.CRS(f"+proj=laea +lat_0={lat} +lon_0={lon} +ellps=WGS84 +units=m +no_defs")


def equal_area_around(where: Floats) -> pyproj.CRS:
    """Make that projection around (N, 2) positions, also where they lie on both sides of the antimeridian."""
    whole = where + np.where(west_of_antimeridian(where), [360.0, 0.0], 0.0)
    return equal_area(np.concatenate([whole.min(axis=0), whole.max(axis=0)]))


def corners(shapes: npt.NDArray[np.object_]) -> Floats:
    """List the south-western and north-eastern corners of all parts of geometries, (2 P, 2) degrees."""
    return np.asarray(shapely.bounds(shapely.get_parts(shapes)).reshape(-1, 2))


def to_plane(degrees: Floats, plane: pyproj.CRS) -> Floats:
    """Project (N, 2) longitude, latitude in degrees, WGS-84, to metres in a plane."""
    return _transformed(degrees, pyproj.Transformer.from_crs(WGS84, plane, always_xy=True))


def to_degrees(metres: Floats, plane: pyproj.CRS) -> Floats:
    """Bring (N, 2) metres in a plane back to longitude, latitude, rounded to 7 decimals."""
    found = _transformed(metres, pyproj.Transformer.from_crs(plane, WGS84, always_xy=True))
    return np.round(found, DECIMALS)


def shapes_to_plane(shapes: npt.NDArray[np.object_], plane: pyproj.CRS) -> npt.NDArray[np.object_]:
    """Project geometries in degrees to a plane, vertex by vertex."""
    flat = shapely.force_2d(shapes)
    return np.asarray(shapely.transform(flat, lambda given: to_plane(given, plane)), dtype=object)


def _transformed(positions: Floats, transformer: pyproj.Transformer) -> Floats:
    x, y = transformer.transform(positions[:, 0], positions[:, 1])
    return np.column_stack([x, y])
