"""How points are drawn: sites by status, demand points, and the legend's entries for everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chargeplan.units import format_length
from chargeplan.viz.style import (
    AREA,
    BORDER,
    CANDIDATE,
    DEMAND,
    EXISTING,
    FORBIDDEN,
    INK,
    MISSED,
    OPENED,
    PAPER,
    ROAD,
    SELECTED,
    STREET,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.artist import Artist

    from chargeplan.viz.scene import Scene


@dataclass(frozen=True)
class Mark:
    """How sites of one status are drawn.

    Parameters
    ----------
    label
        In the legend.
    style
        What matplotlib calls the marker's properties.
    size, closer_size, legend_size
        In points: on the whole map, on the closer look, in the legend.
    height
        Over what it is drawn.
    """

    label: str
    style: dict[str, Any]
    size: float
    closer_size: float
    legend_size: float
    height: int


_BEFORE = "station, opened before"
_NEW = {"marker": "o", "mfc": OPENED, "mec": PAPER, "mew": 0.4}
_EDGED = {"mec": INK, "mew": 0.6}
MARKS = {
    "opened": Mark("station, opened in this period", _NEW, 4.0, 6.2, 6.5, 16),
    "selected": Mark(
        "station, selected", {"marker": "o", "mfc": SELECTED, "mec": PAPER, "mew": 0.4}, 3.6, 5.6, 6.5, 15
    ),
    "existing": Mark(
        "existing station, kept", {"marker": "s", "mfc": EXISTING, **_EDGED}, 3.4, 5.4, 6.5, 14
    ),
    "closed": Mark("existing station, closed", {"marker": "s", "mfc": PAPER, **_EDGED}, 3.0, 4.6, 6.5, 13),
    "candidate": Mark(
        "candidate site, not chosen", {"marker": "o", "color": CANDIDATE, "alpha": 0.7}, 1.0, 2.0, 3.5, 5
    ),
    "forbidden": Mark(
        "forbidden site", {"marker": "x", "color": FORBIDDEN, "mew": 0.7}, 2.0, 3.6, 5.0, 6
    ),
}  # fmt: skip


def without_edge(style: dict[str, Any]) -> dict[str, Any]:
    """Return a marker's style without an edge, unless it has one of its own."""
    return style if "mew" in style else {"mew": 0.0, **style}


def legend_handles(scene: Scene) -> list[Artist]:
    """Return the legend's entries for what a scene holds, stations first."""
    return [*_site_handles(scene), *_demand_handles(scene), *_line_handles(scene)]


def _site_handles(scene: Scene) -> Iterator[Artist]:
    for status, mark in MARKS.items():
        if count := len(scene.sites[status]):
            label = _BEFORE if status == "selected" and len(scene.sites["opened"]) else mark.label
            yield _dot(f"{label} ({count:,})", markersize=mark.legend_size, **mark.style)


def _demand_handles(scene: Scene) -> Iterator[Artist]:
    for depth, radius in enumerate(scene.areas, 1):  # the smaller lie on the larger and are darker
        label = f"within {format_length(radius)} of a station"
        yield Patch(facecolor=AREA, alpha=1 - 0.7**depth, edgecolor=AREA, linewidth=1, label=label)
    square: dict[str, Any] = {"marker": "s", "markersize": 5.5}
    if count := len(scene.covered):
        yield _dot(f"demand point, covered ({count:,})", color=DEMAND, **square)
    if count := len(scene.missed):
        yield _dot(f"demand point, not covered ({count:,})", color=MISSED, **square)


def _line_handles(scene: Scene) -> Iterator[Artist]:
    if scene.streets:
        yield Line2D([], [], color=STREET, linewidth=1.4, label="road")
    if scene.roads:
        yield Line2D([], [], color=ROAD, linewidth=1.8, label="corridor")
    if len(scene.roads_missed):
        yield _dot("corridor, not covered", marker="o", color=MISSED, markersize=4.5)
    if scene.roads_beyond:
        yield Line2D([], [], color=BORDER, linewidth=1.8, label="corridor beyond what must be served")
    if scene.borders is not None:
        yield Line2D([], [], color=BORDER, linewidth=0.8, label="district border")


def _dot(label: str, **style: Any) -> Line2D:
    return Line2D([], [], linestyle="none", label=label, **without_edge(style))
