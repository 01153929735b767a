"""What frames a map: graticule, scale bar, north arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chargeplan.units import format_length
from chargeplan.viz.frame import scale_bar_length
from chargeplan.viz.style import GRATICULE, INK, PAPER, QUIET, lettering

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from chargeplan.viz.panel import Panel


def draw_frame(panel: Panel) -> None:
    """Set a panel's view, and draw its graticule, scale bar and north arrow."""
    axes, window = panel.axes, panel.window
    axes.set(xlim=(window.west, window.east), ylim=(window.south, window.north))
    axes.set_aspect(window.aspect, adjustable="box")
    _draw_graticule(axes)
    for spine in axes.spines.values():
        spine.set(edgecolor=QUIET, linewidth=0.8, visible=True)
    _draw_scale_bar(panel)
    _draw_north(axes)


def _draw_graticule(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(_degrees("E", "W"))
    axes.yaxis.set_major_formatter(_degrees("N", "S"))
    axes.minorticks_off()
    axes.tick_params(length=3, width=0.6, color=QUIET, labelcolor=QUIET, direction="in", pad=2)
    axes.tick_params(bottom=True, left=True, top=False, right=False, labelbottom=True, labelleft=True)
    axes.tick_params(labeltop=False, labelright=False)
    axes.locator_params(nbins=5)
    axes.grid(color=GRATICULE, linewidth=0.5, linestyle="-", alpha=1.0, zorder=2)
    axes.set_axisbelow(False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(lettering().font(7))
    for label in axes.get_yticklabels():
        label.set(rotation=90, va="center")


def _degrees(positive: str, negative: str) -> Callable[[float, float], str]:
    """Write degrees with the side of the Earth they are on."""

    def write(value: float, _: float) -> str:
        return f"{abs(value):g}° {negative if value < 0 else positive}"

    return write


def _draw_scale_bar(panel: Panel) -> None:
    """Draw a bar in two halves, true at the latitude of the panel's centre."""
    width, height = panel.window.size
    length = scale_bar_length(width)
    share, thick, left, low = length / width, 4.5 / (height * panel.points_per_metre), 0.035, 0.03
    backing = {"zorder": 30, "facecolor": PAPER, "alpha": 0.85, "linewidth": 0.0}
    half = {"zorder": 31, "linewidth": 0.7, "edgecolor": INK}
    _fill(panel.axes, (left - 0.015, low - 0.012, share + 0.06, thick + 0.052), backing)
    _fill(panel.axes, (left, low, share / 2, thick), half | {"facecolor": INK})
    _fill(panel.axes, (left + share / 2, low, share / 2, thick), half | {"facecolor": PAPER})
    _write(panel.axes, (left, low + thick + 0.008), "0", 7.5)
    _write(panel.axes, (left + share, low + thick + 0.008), format_length(length), 7.5)


def _draw_north(axes: Axes) -> None:
    arrow = {"arrowstyle": "-|>,head_width=0.28,head_length=0.6", "color": INK, "lw": 1.2}
    axes.annotate(
        "", (0.955, 0.975), (0.955, 0.925), xycoords="axes fraction", arrowprops=arrow, fontsize=10, zorder=32
    )
    _write(axes, (0.955, 0.905), "N", 9, "bold")


def _fill(axes: Axes, box: tuple[float, float, float, float], style: dict[str, Any]) -> None:
    """Fill a box given as left, bottom, width, height in shares of the axes."""
    left, low, width, height = box
    x, y = [left, left + width, left + width, left], [low, low, low + height, low + height]
    axes.fill(x, y, transform=axes.transAxes, **style)


def _write(axes: Axes, place: tuple[float, float], text: str, size: float, weight: str = "normal") -> None:
    font = lettering().font(size, weight)
    style: dict[str, Any] = {"color": INK, "ha": "center", "va": "bottom", "zorder": 32}
    axes.text(*place, text, transform=axes.transAxes, font=font, **style)
