"""The columns of KML: a planner's own, without those that say how Google Earth shows a placemark."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyogrio

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

# What GDAL's driver (LIBKML) calls them, by its configuration option, so that no column of the file is meant.
_OWN = {
    f"LIBKML_{option}_FIELD": f"kml {option.lower()}"
    for option in (
        *("ID", "TIMESTAMP", "BEGIN", "END", "ALTITUDEMODE", "TESSELLATE", "EXTRUDE", "VISIBILITY"),
        *("DRAWORDER", "ICON", "HEADING", "TILT", "ROLL", "SNIPPET", "MODEL", "PHOTOOVERLAY"),
        *("SCALE_X", "SCALE_Y", "SCALE_Z"),
        *("NETWORKLINK", "NETWORKLINK_REFRESHVISIBILITY", "NETWORKLINK_FLYTOVIEW"),
    )
}


@contextmanager
def own_columns() -> Iterator[None]:
    """Let GDAL name the columns that KML itself has so that they are told from those of the file."""
    before = {option: pyogrio.get_gdal_config_option(option) for option in _OWN}
    pyogrio.set_gdal_config_options(_OWN)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def placemarks(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out what KML says of showing a placemark.

    Parameters
    ----------
    frame
        As GDAL reads it within `own_columns`.

    Returns
    -------
    GeoDataFrame
        The data of the file, `Name` and `description` where any placemark has one, and as `id`, where the
        file has no such column, the placemarks' own, where all have one.
    """
    own = _OWN["LIBKML_ID_FIELD"]
    if own in frame and "id" not in frame and frame[own].notna().all() and len(frame):
        frame = frame.rename(columns={own: "id"})
    empty = [name for name in ("Name", "description") if name in frame and frame[name].isna().all()]
    return frame.drop(columns=[*(name for name in frame if name in _OWN.values()), *empty])
