"""Names on a map: road numbers and districts, each where nothing is written yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from matplotlib.patheffects import withStroke

from chargeplan.viz.style import INK, PAPER, ROAD, lettering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.viz.panel import Panel
    from chargeplan.viz.scene import Road, Scene


# Where scale bar and north arrow are: west, south, east, north in shares of the panel.
_FURNITURE = ((0.0, 0.0, 0.33, 0.09), (0.9, 0.89, 1.0, 1.0))


@dataclass(frozen=True)
class _Written:
    """What is written on a panel so far, as boxes in points of paper from the lower left corner."""

    panel: Panel
    boxes: list[shapely.Geometry]

    def add(self, text: str, places: NDArray[np.object_], size: float, **style: Any) -> None:
        """Write a text at the first place where it covers no other; nowhere if there is none."""
        corner = np.array((self.panel.window.west, self.panel.window.south)) * self.panel.points_per_degree
        half = np.array((0.31 * size * len(text) + 3, 0.6 * size + 2))
        for x, y in shapely.get_coordinates(places):
            middle = np.array((x, y)) * self.panel.points_per_degree - corner
            box = shapely.box(*(middle - half), *(middle + half))
            if not shapely.intersects(box, self.boxes).any() and self._holds(box):
                self.boxes.append(box)
                self.panel.axes.text(x, y, text, ha="center", va="center", zorder=18, clip_on=True, **style)
                return

    def _holds(self, box: shapely.Geometry) -> bool:
        return bool(shapely.box(0, 0, *self.panel.size).contains(box))


def draw_names(panel: Panel, scene: Scene) -> None:
    """Write road numbers, then district names, the largest first."""
    furniture = [shapely.box(*np.tile(panel.size, 2) * corner) for corner in _FURNITURE]
    written = _Written(panel, furniture)
    for road in scene.roads:
        _name_road(written, road)
    if scene.borders is not None and scene.names is not None:
        shapes = scene.borders.geometry.to_numpy()
        for i in np.argsort(-shapely.area(shapes), kind="stable"):
            _name_district(written, scene.names[i], shapes[i])


def _name_road(written: _Written, road: Road) -> None:
    """Write a road's number once, in the middle of one of its longest pieces in sight."""
    panel = written.panel
    seen = shapely.get_parts(shapely.intersection(road.lines, shapely.box(*panel.window.bounds)))
    longest = seen[np.argsort(-shapely.length(seen), kind="stable")[:4]]
    if road.ref and len(longest) and shapely.length(longest[0]) * panel.points_per_degree[0] > 24:
        middle = shapely.line_interpolate_point(longest, 0.5, normalized=True)
        box = {"boxstyle": "round,pad=0.18", "fc": ROAD, "ec": PAPER, "lw": 0.5}
        written.add(road.ref, middle, 6.5, color=PAPER, bbox=box, font=lettering().font(6.5, "bold"))


def _name_district(written: _Written, name: str, shape: shapely.Geometry) -> None:
    """Write a district's name inside it, if there is room for it in sight."""
    panel = written.panel
    seen = shapely.intersection(shapely.make_valid(shape), shapely.box(*panel.window.bounds))
    size = 9.0 if panel.detail else 7.5
    west, south, east, north = shapely.bounds(seen)
    if seen.is_empty or (east - west) * panel.points_per_degree[0] < 0.6 * size * len(name):
        return
    x, y = shapely.get_coordinates(shapely.point_on_surface(seen))[0]
    shifts = np.array((0.0, 0.15, -0.15, 0.3, -0.3))
    places = shapely.points(np.full(shifts.size, x), y + shifts * (north - south))
    halo = [withStroke(linewidth=2.2, foreground=PAPER, alpha=0.85)]
    font = lettering().font(size)
    written.add(name, places[shapely.contains(seen, places)], size, color=INK, path_effects=halo, font=font)
