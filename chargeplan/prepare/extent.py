"""Layers whose longitudes and latitudes were swapped, told by the extents of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from chargeplan.prepare.features import Features

_NEAR = 0.5  # degrees between extents that still belong together


def note_swapped(layers: Sequence[Features]) -> None:
    """Note a fault for every layer that lies near another one only with its axes swapped.

    Parameters
    ----------
    layers
        All layers of a problem that have sound positions; their faults are added to.
    """
    for layer in layers:
        others = [other for other in layers if other is not layer]
        if any(_near(layer.bounds, other.bounds) for other in others):
            continue
        turned = layer.bounds[[1, 0, 3, 2]]
        matches = [other.name for other in others if _near(turned, other.bounds)]
        if matches:
            layer.faults.add(
                f"lies near {', '.join(matches)} only with longitude and latitude swapped: "
                "they are swapped in one of the two",
                column="geometry",
            )


def _near(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    west_south, east_north = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return bool(np.all(west_south <= east_north + _NEAR))
