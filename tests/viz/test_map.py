"""The map as an image: whole, the same every time, with what it should show in the colours that mean it."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pytest
import shapely
from matplotlib.colors import to_rgb
from PIL import Image

import chargeplan as cp
from chargeplan.viz import style
from chargeplan.viz.map import draw_map


def pixels_of(image, colour):
    """How many pixels of an image have a colour, to the nearest few levels."""
    seen = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), float)
    return int((np.abs(seen - 255 * np.array(to_rgb(colour))) < 4).all(axis=2).sum())


def test_the_map_is_a_png_of_moderate_size(town, plan_of):
    """A page of about 2,000 x 1,250 pixels, at most 1.5 MB."""
    image = draw_map(plan_of(town()))
    picture = Image.open(io.BytesIO(image))
    assert picture.format == "PNG"
    assert picture.size == (2028, 1248)
    assert len(image) < 1_500_000


def test_the_same_plan_gives_the_same_bytes(town, plan_of):
    """No time, no version, no state left by the first drawing; nor does anybody's own style change it."""
    plan = plan_of(town())
    first = draw_map(plan)
    assert draw_map(plan) == first
    own = {"font.size": 20, "font.style": "italic", "lines.linewidth": 5, "axes.facecolor": "black"}
    own |= {"figure.dpi": 50, "xtick.top": True, "axes.spines.top": False, "patch.linewidth": 9}
    with mpl.rc_context(own):
        assert draw_map(plan) == first
    assert b"Software" not in first
    assert b"tIME" not in first


def test_drawing_leaves_matplotlib_as_it_was(town, plan_of):
    """No figure is registered with pyplot, no setting changed."""
    before = dict(mpl.rcParams)
    draw_map(plan_of(town()))
    assert dict(mpl.rcParams) == before
    code = "import sys, chargeplan.viz.map; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_missed_is_striking(town, plan_of):
    """With one station open uncovered demand and road show in a colour that only headings share."""
    problem = town()
    whole = plan_of(problem)
    kept = replace(whole, standards=tuple(_all_covered(result) for result in whole.standards))
    poor = plan_of(problem, np.arange(12) == 0)
    assert pixels_of(draw_map(kept), style.MISSED) == 0
    assert pixels_of(draw_map(poor), style.MISSED) > 2000


def _all_covered(result):
    return replace(result, covered=np.ones_like(result.covered), met=True, share=1.0)


def test_roads_show_where_a_standard_is_measured_along_them(town, plan_of):
    """The network of a standard by road is drawn; without one there is no such line."""
    grid = [shapely.LineString([(112.9 + k / 100, 27.9), (112.9 + k / 100, 28.1)]) for k in range(20)]
    network = gpd.GeoDataFrame(geometry=grid, crs=4326)
    standards = [{"name": "urban", "demand": "demand", "radius": "1 km", "metric": "road"}]
    given = {"areas": None, "corridors": None}
    problem = town(network=network, standards=standards, **given)
    assert pixels_of(draw_map(plan_of(problem)), style.STREET) > 500
    assert pixels_of(draw_map(plan_of(town(standards=[{"radius": "1 km"}], **given))), style.STREET) == 0


def test_stations_show_by_status(town, plan_of):
    """Selected, existing and forbidden sites each have their colour."""
    image = draw_map(plan_of(town()))
    for colour in (style.SELECTED, style.EXISTING, style.FORBIDDEN):
        assert pixels_of(image, colour) > 5


def test_a_wide_region_gets_a_closer_look(town, plan_of):
    """Where the radius is a speck on the whole map, a framed second panel shows the densest part."""
    near = town(areas=None, corridors=None, standards=[{"radius": "1 km"}])
    wide = town(standards=[{"radius": "100 m"}])
    assert pixels_of(draw_map(plan_of(near)), style.BEACON) == 0
    assert pixels_of(draw_map(plan_of(wide)), style.BEACON) > 2000


@pytest.mark.parametrize(
    "tables",
    [
        {"areas": None},
        {"areas": None, "corridors": None, "standards": [{"radius": "1 km"}]},
        {
            "standards": [{"radius": "1 km", "required": False}],
            "objective": {"maximise": "weight", "stations": 2},
        },
        {"standards": [{"name": "intercity", "corridor": "corridors", "radius": "5 km"}]},
        {"standards": [{"radius": f"{k} km", "stations": 2, "share": 0.5} for k in range(1, 10)]},
        {"title": "长株潭一体化三年行动计划 (2023-2025)", "source": "湖南省人民政府 " * 200},
        {"chargers": [{"type": "fast", "kw": 120}]},
    ],
)
def test_every_kind_of_scenario_can_be_drawn(town, plan_of, tables):
    """Without borders, without roads, aims, many standards, Chinese text: a map, and not one warning."""
    assert len(draw_map(plan_of(town(**tables)))) > 20_000


@pytest.mark.parametrize("status", ["optimal", "infeasible", "stopped"])
def test_a_plan_of_any_status_can_be_drawn(town, plan_of, status):
    """Even with no station at all and no bound."""
    nobody = np.zeros(12, bool)
    assert draw_map(plan_of(town(), nobody, status=status, gap=None))


def test_a_plan_read_from_a_folder_is_not_drawn_again(town, plan_of):
    """Its problem is not in the folder, and its map is."""
    with pytest.raises(cp.InputError, match="read from a folder"):
        draw_map(replace(plan_of(town()), problem=None))
