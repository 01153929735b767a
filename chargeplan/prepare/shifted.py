"""Layers that look as if their datum were another one than is declared, told by what lies beside them.

Chinese web maps move every place by 300 to 700 m (GCJ-02) or more (BD-09). Where two layers show things that
belong together, such as parking lots and roads, or the same stations from two sources, the right datum brings
them together. Whether it is the layer or the other one that is shifted the positions cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.prepare.datum import DATUMS, in_china, to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from chargeplan.prepare.nearest import nearest_on_lines, nearest_position
from chargeplan.prepare.polylines import Polylines, geodesic

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.datum import Datum

    Floats = npt.NDArray[np.float64]

_FEWEST = 20  # positions, of which anything is said
_MOST = 2_000  # positions that are looked at
_CLOSER = 0.5  # of the median distance as declared, at most, that another datum leaves
_NEARER = 2.0 / 3.0  # of the positions, at least, that it brings nearer


def looks_shifted(
    positions: Floats, among: Floats | Polylines, datum: Datum = "wgs84", *, name: str = "the layer"
) -> str | None:
    """Say so where another datum than the declared one brings a layer much nearer to what it belongs to.

    Parameters
    ----------
    positions
        (N, 2) longitude, latitude of a layer, in WGS-84, converted from the declared datum.
    among
        (M, 2) positions, or lines, in WGS-84, beside which the layer's places should lie.
    datum
        The datum that is declared for the layer.
    name
        What the message calls it.

    Returns
    -------
    str or None
        A sentence with both distances; None where nothing is suspicious, where fewer than 20 positions lie in
        China, or where there is nothing to compare with.
    """
    inside = positions[in_china(positions)]
    if len(inside) < _FEWEST or len(among) == 0:
        return None
    sample = inside[np.linspace(0, len(inside) - 1, min(len(inside), _MOST)).astype(np.int64)]
    declared = _away(sample, among)
    raw = _undone(sample, datum)
    found = [(other, _away(to_wgs84(raw, other), among)) for other in DATUMS if other != datum]
    other, away = min(found, key=lambda each: float(np.median(each[1])))
    closer = np.median(away) <= _CLOSER * np.median(declared)
    if not closer or np.mean(away < declared) < _NEARER:
        return None
    return (
        f"{name} looks shifted: read as {other} its places lie {np.median(away):,.0f} m from what they "
        f"belong to, read as {datum}, as declared, {np.median(declared):,.0f} m (medians)"
    )


def _undone(positions: Floats, datum: Datum) -> Floats:
    """Return positions as they stood in the file."""
    if datum == "gcj02":
        return wgs84_to_gcj02(positions)
    return wgs84_to_bd09(positions) if datum == "bd09" else positions


def _away(positions: Floats, among: Floats | Polylines) -> Floats:
    if isinstance(among, Polylines):
        return geodesic(positions, nearest_on_lines(positions, among)[2])
    return geodesic(positions, among[nearest_position(positions, among)])
