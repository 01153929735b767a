"""Small problems on the ellipsoid, built through the public door."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

import chargeplan as cp

GEOD = Geod(ellps="WGS84")
ORIGIN = (113.0, 28.0)


def _place(east, north=0.0):
    """Longitude and latitude of a place so many metres east and north of the origin."""
    x, y, _ = GEOD.fwd(*ORIGIN, 90.0, east)
    x, y, _ = GEOD.fwd(x, y, 0.0, north)
    return x, y


def _layer(positions, **columns):
    """A point layer."""
    return gpd.GeoDataFrame(
        columns, geometry=shapely.points(np.array(positions, float).reshape(-1, 2)), crs=4326
    )


@pytest.fixture(scope="session")
def checker():
    """The program that checks plans without a line of chargeplan, as a module."""
    file = Path(__file__).parents[1] / "independent_check.py"
    spec = importlib.util.spec_from_file_location("independent_check", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def place():
    """Longitude and latitude of a place so many metres east and north of the origin."""
    return _place


@pytest.fixture
def layer():
    """A layer of points in WGS-84 with some columns."""
    return _layer


@pytest.fixture
def street():
    """Four demand points of weight 1 to 4 every 1,000 m along a street, sites at 0, 1,500 and 3,000 m."""

    def build(*, status=("candidate",) * 3, objective=None, **standard):
        return cp.Problem(
            demand=_layer(
                [_place(1000.0 * k) for k in range(4)], id=list("abcd"), weight=[1.0, 2.0, 3.0, 4.0]
            ),
            sites=_layer(
                [_place(x) for x in (0.0, 1500.0, 3000.0)], id=["s0", "s1", "s2"], status=list(status)
            ),
            standards=[{"name": "near", "radius": "600 m", **standard}],
            objective=objective or {"minimise": "stations"},
        )

    return build
