"""One panel of a map and its layers, from land to stations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from scipy.spatial import cKDTree

from chargeplan.viz.marks import MARKS, without_edge
from chargeplan.viz.style import AREA, BORDER, DEMAND, LAND, MISSED, OUTLINE, PAPER, ROAD, STREET

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from chargeplan.prepare.polylines import Polylines
    from chargeplan.viz.frame import Window
    from chargeplan.viz.scene import Road, Scene

_ENOUGH = 50_000  # demand points to tell how far apart they usually are


@dataclass(frozen=True)
class Panel:
    """A part of the page that shows a window.

    Parameters
    ----------
    axes, window
        Where it is drawn, and what it shows; both have the same shape.
    points_per_metre
        Its scale: points (1/72 inch) of paper per metre of land.
    detail
        Whether single service areas can be told apart: a closer look, or the only panel.
    """

    axes: Axes
    window: Window
    points_per_metre: float
    detail: bool

    @property
    def size(self) -> NDArray[np.float64]:
        """Width and height in points of paper, (2,)."""
        return np.array(self.window.size) * self.points_per_metre

    @property
    def points_per_degree(self) -> NDArray[np.float64]:
        """Points of paper per degree of longitude and of latitude, (2,)."""
        return np.array(self.window.metres_per_degree) * self.points_per_metre


def draw_layers(panel: Panel, scene: Scene) -> None:
    """Draw a scene's layers, from land to stations."""
    _draw_land(panel, scene.borders)
    for area in scene.areas.values():
        _draw_area(panel, area)
    for streets in scene.streets:
        _draw_streets(panel, streets)
    _draw_demand(panel, scene)
    _draw_roads(panel, scene.roads_beyond, BORDER, 0.7)
    _draw_roads(panel, scene.roads, ROAD, 1.0)
    _dots(panel, scene.roads_missed, 12, marker="o", color=MISSED, markersize=3.2 if panel.detail else 2.2)
    for status, mark in MARKS.items():
        size = mark.closer_size if panel.detail else mark.size
        size *= _thinning(panel, scene.sites[status])
        _dots(panel, scene.sites[status], mark.height, **mark.style, markersize=size)


def _thinning(panel: Panel, positions: NDArray[np.float64]) -> float:
    """Shrink marks where there are many in sight."""
    count = int(panel.window.contains(positions).sum())
    return float(np.clip((400 / max(count, 1)) ** 0.25, 0.6, 1.25))


def _draw_land(panel: Panel, borders: gpd.GeoDataFrame | None) -> None:
    panel.axes.set_facecolor(PAPER if borders is not None else LAND)
    if borders is None:
        return
    shapes = borders.geometry.to_numpy()
    land = shapely.union_all(shapely.set_precision(shapes, 1e-6))
    _draw_polygons(panel, land, facecolor=LAND, edgecolor=OUTLINE, linewidth=1.1, zorder=1)
    _draw_polygons(panel, shapes, facecolor="none", edgecolor=BORDER, linewidth=0.6, zorder=7)


def _draw_area(panel: Panel, area: shapely.Geometry) -> None:
    _draw_polygons(panel, area, facecolor=AREA, alpha=0.22, linewidth=0.0, zorder=3)
    _draw_polygons(panel, area, facecolor="none", edgecolor=AREA, alpha=0.8, linewidth=0.35, zorder=3)


def _draw_polygons(panel: Panel, shapes: shapely.Geometry | NDArray[np.object_], **style: Any) -> None:
    """Draw polygons, with their holes, as one path; `add_artist`, as `add_patch` would measure every edge."""
    parts = shapely.get_parts(shapes)
    parts = shapely.get_parts(parts)
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    if len(rings) == 0:
        return
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    codes = np.full(len(vertices), Path.LINETO, Path.code_type)
    starts = np.flatnonzero(np.diff(ring, prepend=-1))
    codes[starts] = Path.MOVETO
    codes[np.append(starts[1:], len(vertices)) - 1] = Path.CLOSEPOLY
    panel.axes.add_artist(PathPatch(Path(vertices, codes), **style))


def _draw_demand(panel: Panel, scene: Scene) -> None:
    size = _cell_size(panel, np.concatenate((scene.covered, scene.missed)))
    _dots(panel, scene.covered, 4, marker="s", color=DEMAND, alpha=0.45, markersize=size)
    striking = max(size, 4.0 if panel.detail else 3.0)
    _dots(panel, scene.missed, 11, marker="s", color=MISSED, markersize=striking)


def _cell_size(panel: Panel, positions: NDArray[np.float64]) -> float:
    """Return the side of a demand point's square in points of paper, so that a grid looks like one."""
    here = positions[panel.window.contains(positions)] * panel.points_per_degree
    if len(here) < 2:
        return 3.0
    some = here[:: max(1, len(here) // _ENOUGH)]
    apart, _ = cKDTree(here).query(some, k=[2])
    return float(np.clip((0.6 if panel.detail else 0.8) * np.median(apart), 0.9, 3.6))


def _draw_streets(panel: Panel, streets: Polylines) -> None:
    """Draw the roads of a network thinly, as one path."""
    codes = np.full(len(streets.vertices), Path.LINETO, Path.code_type)
    codes[streets.first] = Path.MOVETO
    width = 0.6 if panel.detail else 0.35
    path = Path(streets.vertices, codes)
    panel.axes.add_artist(PathPatch(path, facecolor="none", edgecolor=STREET, linewidth=width, zorder=2))


def _draw_roads(panel: Panel, roads: tuple[Road, ...], colour: str, share: float) -> None:
    pieces = [shapely.get_coordinates(line) for road in roads for line in road.lines]
    width = share * (1.9 if panel.detail else 1.2)
    for shade, extra, height in ((PAPER, 1.4, 8), (colour, 0.0, 9)):
        lines = LineCollection(
            pieces, colors=shade, linewidths=width + extra, capstyle="round", zorder=height
        )
        panel.axes.add_collection(lines, autolim=False)


def _dots(panel: Panel, positions: NDArray[np.float64], height: float, **style: Any) -> None:
    """Draw points that all look the same, only those in sight."""
    x, y = positions[panel.window.contains(positions)].T
    panel.axes.plot(x, y, linestyle="none", zorder=height, **without_edge(style))
