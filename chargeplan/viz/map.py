"""`map.png`: a plan on one page, for planners.

The whole region on the left, the densest urban area beside it where service areas would be too small to see,
the legend and key figures on the right, sources below. Both panels are equirectangular, true to scale at
their centre.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from chargeplan.errors import InputError
from chargeplan.viz import captions
from chargeplan.viz.frame import densest
from chargeplan.viz.furniture import draw_frame
from chargeplan.viz.labels import draw_names
from chargeplan.viz.marks import legend_handles
from chargeplan.viz.panel import Panel, draw_layers
from chargeplan.viz.scene import Scene, region, stage, tightest
from chargeplan.viz.style import BEACON, INK, MISSED, PAPER, QUIET, lettering

if TYPE_CHECKING:
    from chargeplan.plan import Plan
    from chargeplan.prepare.points import Points
    from chargeplan.problem import Problem
    from chargeplan.viz.frame import Window

_PAGE = (15.6, 9.6)  # inches
_DPI = 130
_TOP, _BOTTOM, _SIDE, _GAP, _COLUMN = 1.0, 0.95, 0.35, 0.3, 3.15  # inches
_LEGIBLE = 9.0  # points of paper (1/72 inch): a service area of a smaller radius asks for a closer look
_CLOSER = (30.0, 24.0, 17.0, 12.0, 9.0, 7.0, 6.0)  # radii in points to try there


def draw_map(plan: Plan, period: captions.PeriodCaption | None = None) -> bytes:
    """Draw a plan's map.

    Parameters
    ----------
    plan
        Any plan, whether its standards are met or not.
    period
        Where the plan is one as it is by the end of a period: what to say of it.

    Returns
    -------
    bytes
        A PNG image. The same plan gives the same bytes on the same machine.

    Raises
    ------
    InputError
        The plan was read from a folder, without its problem.
    """
    problem = plan.problem
    if problem is None:
        raise InputError("a plan read from a folder has its map there; only a plan just made is drawn")
    scene = stage(problem, plan, None if period is None else period.opened)
    figure = Figure(figsize=_PAGE, dpi=_DPI, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    panels = _lay_out(figure, problem, scene)
    for panel in panels:
        draw_layers(panel, scene)
        draw_names(panel, scene)
        draw_frame(panel)
    if len(panels) > 1:
        _mark(panels[0], panels[1])
    _write(figure, problem, plan, scene, period)
    image = io.BytesIO()
    canvas.print_png(image, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return image.getvalue()


def _lay_out(figure: Figure, problem: Problem, scene: Scene) -> list[Panel]:
    """Share the page out: one panel, or two that take as much width as the region's shape leaves."""
    whole, standard = region(problem).widened(0.03), tightest(problem)
    width, height = _PAGE[0] - 2 * _SIDE - _GAP - _COLUMN, _PAGE[1] - _TOP - _BOTTOM
    across, up = whole.shaped(width / height).size
    if standard is None or 72 * width * scene.smallest_radius >= _LEGIBLE * across:
        return [replace(_panel(figure, whole, _SIDE, (width, height)), detail=True)]
    across, up = whole.size
    first = min(max(height * across / up, 0.4 * width), 0.56 * width)
    left = _panel(figure, whole, _SIDE, (first, height))
    shape = (width - first - _GAP, height)
    closer = _closer_look(standard.points, left, shape, scene.smallest_radius)
    return [left, replace(_panel(figure, closer, _SIDE + first + _GAP, shape), detail=True)]


def _closer_look(points: Points, whole: Panel, shape: tuple[float, float], radius: float) -> Window:
    """Choose the window of the second panel: as much of the demand as it can hold at thrice the scale."""
    least = 3 * whole.points_per_metre
    scales = [size / radius for size in _CLOSER if size / radius >= least] or [least]
    sizes = [(72 * shape[0] / scale, 72 * shape[1] / scale) for scale in scales]
    return densest(points.positions, points.weight, whole.window, sizes)


def _panel(figure: Figure, window: Window, left: float, shape: tuple[float, float]) -> Panel:
    """Make a panel of a width and height in inches, whose window fills it."""
    width, height = shape
    axes = figure.add_axes((left / _PAGE[0], _BOTTOM / _PAGE[1], width / _PAGE[0], height / _PAGE[1]))
    window = window.shaped(width / height)
    return Panel(axes, window, points_per_metre=72 * width / window.size[0], detail=False)


def _mark(panel: Panel, closer: Panel) -> None:
    """Outline the closer look on the whole map, in the colour of its own frame."""
    west, south, east, north = closer.window.bounds
    x, y = [west, east, east, west], [south, south, north, north]
    panel.axes.fill(x, y, facecolor="none", edgecolor=BEACON, linewidth=1.3, zorder=20)
    for spine in closer.axes.spines.values():
        spine.set(edgecolor=BEACON, linewidth=1.6)


def _write(
    figure: Figure, problem: Problem, plan: Plan, scene: Scene, period: captions.PeriodCaption | None
) -> None:
    """Write title, legend, key figures and sources around the panels."""
    title = plan.record.title or plan.record.name
    title = title if lettering().can_draw(title) else plan.record.name
    _text(figure, (_SIDE, _PAGE[1] - 0.42), title, 18, weight="bold", va="center")
    headline = captions.headline(plan) if period is None else period.headline
    _text(figure, (_SIDE, _PAGE[1] - 0.76), headline, 11.5, color=QUIET, va="center")
    column = _PAGE[0] - _SIDE - _COLUMN
    bottom = _write_legend(figure, column, scene)
    figures = list(captions.figures(problem, plan)) if period is None else list(period.figures)
    _write_figures(figure, figures, column, bottom - 0.4)
    lines = textwrap.wrap(
        captions.remarks(problem, plan), 250, max_lines=4, placeholder=" ... (see plan.json)"
    )
    _text(figure, (_SIDE, _BOTTOM - 0.3), "\n".join(lines), 8, color=QUIET, linespacing=1.35)


def _write_legend(figure: Figure, left: float, scene: Scene) -> float:
    """Draw the legend and return the height on the page, in inches, at which it ends."""
    legend = figure.legend(
        handles=legend_handles(scene),
        loc="upper left",
        bbox_to_anchor=((left - 0.1) / _PAGE[0], 1 - (_TOP - 0.08) / _PAGE[1]),
        frameon=False,
        prop=lettering().font(9.5),
        labelcolor=INK,
        handlelength=1.8,
        labelspacing=0.55,
        borderpad=0.3,
    )
    return float(legend.get_window_extent().y0) / _DPI


def _write_figures(figure: Figure, figures: list[tuple[str, str, bool]], left: float, top: float) -> None:
    """Write what becomes of the standards from `top`, in inches, as many as there is room for."""
    for number, (heading, text, well) in enumerate(figures):
        height = 0.5 + 0.19 * (text.count("\n") + 1)
        if top - height < _BOTTOM:
            _text(figure, (left, top), f"and {len(figures) - number} more in plan.json", 9.5)
            return
        _text(figure, (left, top), heading, 10.5, weight="bold", color=INK if well else MISSED)
        _text(figure, (left, top - 0.25), text, 9.5, linespacing=1.4)
        top -= height


def _text(figure: Figure, place: tuple[float, float], text: str, size: float, **style: Any) -> None:
    """Write at a place given in inches from the page's lower left corner."""
    style = {"color": INK, "va": "top"} | style
    font = lettering().font(size, style.pop("weight", "normal"))
    figure.text(place[0] / _PAGE[0], place[1] / _PAGE[1], lettering().spell(text), font=font, **style)
