"""Candidate sites along corridors, at a spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare.candidates_table import site_table
from chargeplan.prepare.features import LINES, load
from chargeplan.prepare.polylines import Polylines
from chargeplan.scenario.tables import Layer

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from chargeplan.prepare.datum import Datum

# Lines are straight in degrees, whose metres differ along a long stretch: it is measured in short ones, and
# what the middle of these may still be off is kept back.
_SHORT = 0.005  # degrees
_SLACK = 1e-4
_MOST_SITES = 5_000_000


def sites_along(
    lines: gpd.GeoDataFrame,
    spacing: float,
    *,
    road: str | None = None,
    name: str = "along",
    kind: str = "corridor",
    file: str = "corridors",
    datum: Datum = "wgs84",
) -> gpd.GeoDataFrame:
    """Put sites along lines: at both ends, and evenly between them, at most so far apart.

    Parameters
    ----------
    lines
        Road lines, in any CRS. Pieces of a road that meet end to end are one line; it is cut where a road
        forks.
    spacing
        Metres of line between neighbouring sites, at most, on the ellipsoid; positions are rounded to 1 cm.
    road
        The column that names the road of a piece, such as its number; all are one road where left out.
    name, kind
        Of the sites.
    file
        What messages call the lines.
    datum
        Of the lines.

    Returns
    -------
    GeoDataFrame
        `id`, `kind`, `road`, `along_m` (metres from the beginning of its line). Of sites at the same place
        the first is kept.

    Raises
    ------
    InputError
        The lines are wrong, all of which is named, the spacing is none, or there would be too many sites.
    """
    if not 0 < spacing < np.inf:
        raise InputError(f"spacing = {spacing} must be metres, more than 0")
    if road is not None and road not in lines.columns:
        raise InputError(f"{file}: road = {road!r}: there is no such column")
    features = load(Layer(file=file, datum=datum), "corridors", lambda _: lines, LINES)
    if features.faults.found:
        raise InputError(features.faults.found)
    frame = features.frame
    of = (
        np.full(len(frame), "", dtype=object)
        if road is None
        else frame[road].fillna("").astype(str).to_numpy()
    )
    whole, names = _merged(np.asarray(frame.geometry.array, dtype=object), of)
    polylines = Polylines.of(shapely.segmentize(whole, _SHORT))
    expected = float(polylines.along()[polylines.last].sum()) / spacing
    if expected > _MOST_SITES:
        raise InputError(f"there would be {expected:,.0f} sites along the lines; make the spacing larger")
    stepped, added = polylines.with_steps(spacing * (1.0 - _SLACK), 1.0)
    ends = np.zeros(len(stepped.vertices), dtype=bool)
    ends[stepped.first] = ends[stepped.last] = True
    chosen = np.flatnonzero(ends | added)
    places = stepped.vertices[chosen]
    first = np.sort(np.unique(places, axis=0, return_index=True)[1])
    on_line = stepped.feature[stepped.line[chosen]]
    columns = {"road": names[on_line][first], "along_m": np.round(stepped.along()[chosen][first], 1)}
    return site_table(places[first], name, kind, **columns)


def _merged(
    shapes: npt.NDArray[np.object_], road: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Join the pieces of every road that meet end to end; (L,) lines and the road of each."""
    whole: list[shapely.Geometry] = []
    names: list[str] = []
    for each in sorted(set(road)):
        pieces = shapely.get_parts(shapes[road == each])
        parts = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(pieces)))
        whole.extend(parts)
        names.extend([each] * len(parts))
    return np.array(whole, dtype=object), np.array(names, dtype=object)
