"""A map of the places where inputs are wrong or doubtful: one HTML file that needs no network and no script.

What it says comes from layers of others, so every word is escaped, and the page forbids itself scripts,
images and anything from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from chargeplan.errors import InputError, printable
from chargeplan.instances import catalog
from chargeplan.io.geojson import feature_collection
from chargeplan.prepare.existing.sites import read_existing
from chargeplan.prepare.features import LINES, POINTS, POLYGONS, WGS84, load
from chargeplan.prepare.people import read_people
from chargeplan.problem.files import LayerFiles
from chargeplan.scenario import CandidateRule, ExistingLayer, PeopleLayer, read_leniently
from chargeplan.units import format_count, format_length
from chargeplan.viz.frame import Window, around, scale_bar_length
from chargeplan.viz.style import (
    BEACON,
    BORDER,
    CANDIDATE,
    DEMAND,
    EXISTING,
    FORBIDDEN,
    INK,
    LAND,
    MISSED,
    QUIET,
    STREET,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from chargeplan.errors import Fault
    from chargeplan.scenario import Inputs, Layer

_WIDTH, _HEIGHT = 900.0, 620.0  # of a map, in pixels of the page
_CLOSER = (
    1.0 / 3.0
)  # of the whole map's width: problem places that lie closer together get a map of their own
_MARGIN = 0.06
_REACH = 0.01  # degrees, at least, that places may lie off the others
_LOOKS = {  # by table of the scenario: colour, and the width of points or lines in pixels
    "areas": (BORDER, 1.0),
    "exclude": (FORBIDDEN, 1.0),
    "network": (STREET, 1.0),
    "corridors": (INK, 1.6),
    "people": (DEMAND, 3.0),
    "demand": (DEMAND, 3.0),
    "candidates": (CANDIDATE, 3.0),
    "sites": (CANDIDATE, 5.0),
    "existing": (EXISTING, 5.0),
}
_KINDS = {"areas": POLYGONS, "exclude": POLYGONS, "network": LINES, "corridors": LINES}
_STYLE = f"""
body{{font:15px/1.45 system-ui,sans-serif;color:{INK};max-width:{_WIDTH:.0f}px}}
body{{margin:24px auto;padding:0 16px}}
h1{{font-size:22px;margin:0 0 4px}} h2{{font-size:16px;margin:24px 0 6px}} p{{margin:4px 0 12px}}
svg{{display:block;width:100%;height:auto;border:1px solid {BORDER}}}
table{{border-collapse:collapse;width:100%;margin-top:16px;font-size:14px}}
th,td{{text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid #e7e3da}}
td{{overflow-wrap:anywhere}}
th:first-child,td:first-child,.number{{text-align:right;overflow-wrap:normal;white-space:nowrap}}
.key{{display:inline-block;width:12px;height:12px;border-radius:6px;margin:0 6px 0 16px;vertical-align:-1px}}
.quiet{{color:{QUIET}}} :target{{background:#fbe3d6}} circle:target,a:hover circle{{fill:{INK}}}
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
{maps}
{table}
</body>
</html>
"""


@dataclass(frozen=True, eq=False)
class _Background:
    """A layer that could be read, or what of it could be."""

    table: str
    name: str
    shapes: NDArray[np.object_]


@dataclass(frozen=True)
class _Marked:
    """What is marked on a map: faults, or where there are none what is doubtful."""

    rows: Sequence[Fault]
    places: str
    what: str
    colour: str

    @classmethod
    def of(cls, faults: Sequence[Fault], doubtful: Sequence[Fault]) -> Self:
        if faults or not doubtful:
            return cls(faults, "problem places", "wrong", BEACON)
        return cls(doubtful, "doubtful places", "doubtful", MISSED)

    @property
    def placed(self) -> list[tuple[int, Fault]]:
        return [(number, row) for number, row in enumerate(self.rows, 1) if row.position is not None]


def problem_places(faults: Sequence[Fault], doubtful: Sequence[Fault] = ()) -> bytes:
    """Write faults as GeoJSON, those without a place too: their geometry is null.

    Parameters
    ----------
    faults
        As an `InputError` carries them.
    doubtful
        As a `Problem` has them: what is written where nothing is wrong.

    Returns
    -------
    bytes
        A FeatureCollection; the properties are `number`, `is` (``"wrong"`` or ``"doubtful"``), `file`,
        `layer`, `row`, `column`, `message`.
    """
    marked = _Marked.of(faults, doubtful)
    keys = ("file", "layer", "row", "column", "message")
    rows = {key: [getattr(row, key) for row in marked.rows] for key in keys}
    shapes = [None if row.position is None else shapely.Point(row.position) for row in marked.rows]
    numbers = range(1, len(shapes) + 1)
    columns = {"number": numbers, "is": [marked.what for _ in numbers], **rows}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=WGS84)
    return feature_collection(frame.astype({"row": "Int64"}))


def draw_problem_map(scenario: str, faults: Sequence[Fault], doubtful: Sequence[Fault] = ()) -> bytes:
    """Draw the places where the inputs of a scenario are wrong, above the layers that could be read.

    Parameters
    ----------
    scenario
        A scenario file, a folder, or the name of a shipped instance.
    faults
        What is wrong; none where all is sound.
    doubtful
        The rows that warnings are about, as a `Problem` has them: they are marked where nothing is wrong.

    Returns
    -------
    bytes
        HTML, UTF-8. The same inputs give the same bytes.
    """
    layers = list(_readable(scenario))
    marked = _Marked.of(faults, doubtful)
    page = _PAGE.format(
        title=f"{marked.places.capitalize()}: {escape(printable(_name(scenario)))}",
        style=_STYLE,
        summary=_summary(faults, marked) + "".join(map(_key, layers)),
        maps="\n".join(_maps(layers, marked)),
        table=_table(marked) if marked.rows else "",
    )
    return page.encode()


def _summary(faults: Sequence[Fault], marked: _Marked) -> str:
    if not marked.rows:
        return "Nothing is wrong with these layers."
    counted = f"{len(marked.placed):,} with a place on the map."
    if faults:
        return f"{format_count(len(faults), 'fault')}; {counted}"
    return f"Nothing is wrong with these layers. {format_count(len(marked.rows), 'doubt')}; {counted}"


def _name(scenario: str) -> str:
    path = Path(scenario)
    return path.resolve().name if path.exists() else scenario


def _readable(scenario: str) -> Iterator[_Background]:
    """Read what can be read of a scenario's layers, the lowest on the map first."""
    try:
        _, inputs, _ = read_leniently(catalog.resolve(scenario))
    except InputError:
        return

    files = LayerFiles(inputs)
    for table in _LOOKS:
        for layer in _layers(inputs, table):
            name = getattr(layer, "name", table)
            try:
                shapes = _shapes(layer, name, table, files)
            except InputError:
                continue
            yield _Background(table, name, shapes[~shapely.is_missing(shapes)])


def _shapes(layer: Layer, name: str, table: str, files: LayerFiles) -> NDArray[np.object_]:
    """Read what of a layer is drawn: of stations and rasters their places, else the layer as it stands."""
    if isinstance(layer, ExistingLayer):
        read, *_ = read_existing([layer], files)
        return np.concatenate(
            [np.empty(0, dtype=object), *(shapely.points(each.positions) for _, each in read)]
        )
    if isinstance(layer, PeopleLayer) and layer.is_raster:
        return np.asarray(read_people(layer, None, files).features.frame.geometry.array)
    kinds = _KINDS.get(table) or _kinds(layer, files)
    return np.asarray(load(layer, name, files.open, kinds).frame.geometry.array, dtype=object)


def _kinds(layer: Layer, files: LayerFiles) -> tuple[str, ...]:
    """Say as what a layer is drawn that may be of several kinds."""
    if isinstance(layer, CandidateRule | PeopleLayer):
        dimensions = shapely.get_dimensions(np.asarray(files.open(layer).geometry.array, dtype=object))
        return (POINTS, LINES, POLYGONS)[max(int(dimensions.max(initial=0)), 0)]
    return POINTS


def _layers(inputs: Inputs, table: str) -> tuple[Layer, ...]:
    found = getattr(inputs, table)
    return found if isinstance(found, tuple) else () if found is None else (found,)


# --- maps ------------------------------------------------------------------------------------------------


def _maps(layers: Sequence[_Background], marked: _Marked) -> Iterator[str]:
    """Draw everything, and what is much smaller beside it a second time: the marked places, or the rest."""
    places = np.array([row.position for _, row in marked.placed], dtype=np.float64).reshape(-1, 2)
    corners = [shapely.bounds(layer.shapes).reshape(-1, 2) for layer in layers]
    all_corners = np.concatenate([np.empty((0, 2)), *corners])
    known = np.concatenate([places, all_corners])
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return
    whole = around(known).widened(_MARGIN)
    yield _svg(whole, layers, marked, anchors=True)
    for title, positions in ((f"The {marked.places}", places), ("The layers", all_corners)):
        closer = around(_together(positions)).widened(_MARGIN)
        if len(positions) and max(closer.size) < _CLOSER * max(whole.size):
            yield f"<h2>{title}, closer</h2>\n{_svg(closer, layers, marked, anchors=False)}"
            return


def _together(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out positions far off the others: those beyond the fences of Tukey (1977) along either axis."""
    positions = positions[np.isfinite(positions).all(axis=1)]
    if not len(positions):
        return positions
    low, high = np.quantile(positions, (0.25, 0.75), axis=0)
    reach = 1.5 * (high - low) + _REACH
    near = ((positions >= low - reach) & (positions <= high + reach)).all(axis=1)
    return np.asarray(positions[near], dtype=np.float64)


def _svg(window: Window, layers: Sequence[_Background], marked: _Marked, *, anchors: bool) -> str:
    window = window.shaped(_WIDTH / _HEIGHT)
    label = f"Map of the {marked.places}"
    parts = [f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">']
    parts.append(f'<rect width="100%" height="100%" fill="{LAND}"/>')
    parts += [_drawn(layer, window) for layer in layers]
    markers = (_marker(number, row, window, marked.colour, anchors=anchors) for number, row in marked.placed)
    parts += markers
    return "\n".join([*parts, _scale_bar(window), "</svg>"])


def _pixels(positions: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Turn longitudes and latitudes into pixels of the map, to a tenth."""
    x = (positions[:, 0] - window.west) / (window.east - window.west) * _WIDTH
    y = (window.north - positions[:, 1]) / (window.north - window.south) * _HEIGHT
    return np.asarray(np.round(np.column_stack([x, y]), 1), dtype=np.float64)


def _drawn(layer: _Background, window: Window) -> str:
    colour, width = _LOOKS[layer.table]
    shapes = shapely.clip_by_rect(layer.shapes, *window.widened(_MARGIN).bounds)
    pixel = (window.east - window.west) / _WIDTH
    parts = shapely.get_parts(shapely.simplify(shapes, pixel / 2))
    flat = shapely.get_type_id(parts)
    points = np.unique(
        _pixels(shapely.get_coordinates(parts[flat == shapely.GeometryType.POINT]), window), axis=0
    )
    path = "".join(f"M{x:g} {y:g}h0" for x, y in points)
    rings = shapely.get_rings(parts[flat == shapely.GeometryType.POLYGON])
    edges = np.concatenate([parts[flat == shapely.GeometryType.LINESTRING], rings])
    for edge in edges:
        corners = _pixels(shapely.get_coordinates(edge), window)
        path += "M" + "L".join(f"{x:g} {y:g}" for x, y in corners)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round"/>'


def _marker(number: int, fault: Fault, window: Window, colour: str, *, anchors: bool) -> str:
    """Draw a marked place as a link to its row; its words appear where the mouse rests."""
    ((x, y),) = _pixels(np.array([fault.position], dtype=np.float64), window)
    if not (0 <= x <= _WIDTH and 0 <= y <= _HEIGHT):
        return ""
    anchor = f' id="place-{number}"' if anchors else ""
    return (
        f'<a href="#fault-{number}"><title>{number}: {escape(str(fault))}</title>'
        f'<circle{anchor} cx="{x:g}" cy="{y:g}" r="8" fill="{colour}" fill-opacity="0.85" stroke="#fff"/>'
        f'<text x="{x:g}" y="{y + 3.5:g}" font-size="10" fill="#fff" text-anchor="middle">{number}</text></a>'
    )


def _scale_bar(window: Window) -> str:
    width = window.size[0]
    length = scale_bar_length(width)
    across = length / width * _WIDTH
    bottom = _HEIGHT - 16
    return (
        f'<path d="M16 {bottom:g}h{across:g}" stroke="{INK}" stroke-width="3"/>'
        f'<text x="16" y="{bottom - 8:g}" font-size="12" fill="{INK}">{escape(format_length(length))}</text>'
    )


# --- words -----------------------------------------------------------------------------------------------


def _key(layer: _Background) -> str:
    colour, _ = _LOOKS[layer.table]
    name = escape(printable(layer.name))
    what = name if layer.name == layer.table else f"{name} ({layer.table})"
    return f'<span class="key" style="background:{colour}"></span>{what}, {len(layer.shapes):,}'


def _table(marked: _Marked) -> str:
    heads = ("#", "File", "Layer", "Row", "Column", "Longitude, latitude", f"What is {marked.what}")
    lines = ["<table>", "<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for number, fault in enumerate(marked.rows, 1):
        lon_lat = "" if fault.position is None else "{:.5f}, {:.5f}".format(*fault.position)
        link = f'<a href="#place-{number}">{number}</a>' if fault.position is not None else f"{number}"
        values = (fault.file, fault.layer, fault.row, fault.column, lon_lat, fault.message)
        cells = ("" if value is None else escape(printable(str(value))) for value in values)
        lines.append(
            f'<tr id="fault-{number}"><td>{link}</td>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    return "\n".join([*lines, "</table>"])
