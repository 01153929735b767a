"""Where a map looks: windows in degrees, true to scale at their centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Geod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WGS84 = Geod(ellps="WGS84")
_INNER = 0.88  # of a closer look's width and height: what should be seen lies not at its very edge
_CELLS = 120  # along the longer side of the region, to look for the densest part


@dataclass(frozen=True)
class Window:
    """A part of the map: longitude and latitude in degrees, WGS-84."""

    west: float
    south: float
    east: float
    north: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        return self.west, self.south, self.east, self.north

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle."""
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        """Metres that a degree of longitude and a degree of latitude are long at the centre."""
        x, y = self.centre
        step = 5e-4
        east = WGS84.inv(x - step, y, x + step, y)[2]
        north = WGS84.inv(x, y - step, x, y + step)[2]
        return east / (2 * step), north / (2 * step)

    @property
    def aspect(self) -> float:
        """How much longer a degree of latitude is than one of longitude: the equirectangular projection."""
        east, north = self.metres_per_degree
        return north / east

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in metres, at the scale of the centre."""
        east, north = self.metres_per_degree
        return (self.east - self.west) * east, (self.north - self.south) * north

    def widened(self, share: float) -> Window:
        """Return the window with a margin of a share of its longer side."""
        east, north = self.metres_per_degree
        margin = share * max(self.size)
        return self._grown(margin / east, margin / north)

    def shaped(self, ratio: float) -> Window:
        """Return the smallest window around this one whose width over height, in metres, is `ratio`."""
        east, north = self.metres_per_degree
        width, height = self.size
        return self._grown(
            max(0.0, height * ratio - width) / 2 / east, max(0.0, width / ratio - height) / 2 / north
        )

    def contains(self, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which positions, (N, 2), lie in the window."""
        x, y = positions.T
        return np.asarray((x >= self.west) & (x <= self.east) & (y >= self.south) & (y <= self.north))

    def _grown(self, x: float, y: float) -> Window:
        return Window(self.west - x, self.south - y, self.east + x, self.north + y)


def around(positions: NDArray[np.float64]) -> Window:
    """Return the window that just holds some positions, (N, 2), at least about 2 km wide and high."""
    if len(positions) == 0:
        return Window(-180.0, -85.0, 180.0, 85.0)
    (west, south), (east, north) = positions.min(axis=0), positions.max(axis=0)
    x, y = max(0.0, 0.02 - (east - west)) / 2, max(0.0, 0.02 - (north - south)) / 2
    return Window(float(west - x), float(south - y), float(east + x), float(north + y))


def densest(
    positions: NDArray[np.float64],
    weight: NDArray[np.float64],
    region: Window,
    sizes: Sequence[tuple[float, float]],
) -> Window:
    """Find the window that is worth a closer look.

    Parameters
    ----------
    positions, weight
        (N, 2) and (N,) demand, at least one point.
    region
        What the whole map shows.
    sizes
        Widths and heights in metres to try, in ascending order.

    Returns
    -------
    Window
        Of the first size that can hold 99 % of the weight, else a fifth of it, there where it holds most.
    """
    east, north = region.metres_per_degree
    side = max(region.size) / _CELLS
    columns = ((positions[:, 0] - region.west) * east // side).astype(np.int64).clip(0, _CELLS - 1)
    rows = ((positions[:, 1] - region.south) * north // side).astype(np.int64).clip(0, _CELLS - 1)
    heap = np.zeros((_CELLS + 1, _CELLS + 1))
    np.add.at(heap, (rows + 1, columns + 1), weight)
    heap = heap.cumsum(axis=0).cumsum(axis=1)
    total = float(heap[-1, -1])
    best = [
        _best_rectangle(heap, *(_cells(length * _INNER, side) for length in size[::-1])) for size in sizes
    ]
    for share in (0.99, 0.2, 0.0):
        for (width, height), (row, column, held) in zip(sizes, best, strict=True):
            if held >= share * total:
                x = region.west + (column * side + _INNER * width / 2) / east
                y = region.south + (row * side + _INNER * height / 2) / north
                half = width / 2 / east, height / 2 / north
                return Window(x - half[0], y - half[1], x + half[0], y + half[1])
    raise AssertionError("a rectangle holds less than nothing")


def _cells(length: float, side: float) -> int:
    return max(1, min(_CELLS, round(length / side)))


def _best_rectangle(heap: NDArray[np.float64], up: int, across: int) -> tuple[int, int, float]:
    """Find the rectangle that holds most: row, column, weight; `heap` sums over rectangles at the origin."""
    held = heap[up:, across:] - heap[:-up, across:] - heap[up:, :-across] + heap[:-up, :-across]
    most = np.argwhere(held >= held.max() * (1 - 1e-12))
    row, column = most[len(most) // 2]  # the middle one of equals, with some room on either side
    return int(row), int(column), float(held[row, column])


def scale_bar_length(width: float) -> float:
    """Return a round length for a scale bar on a map of that width: 1, 2 or 5 times a power of ten, metres.

    Parameters
    ----------
    width
        Width of the map in metres.
    """
    most = width / 4
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)
