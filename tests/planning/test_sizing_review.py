"""Chargers where nobody charges, or where there is no station at all."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely.geometry import Point

import chargeplan as cp


def region(weight: float, radius: str) -> cp.Problem:
    """Three demand points, and a site that stands by the first."""
    places = [Point(113.0 + 0.005 * at, 28.0) for at in range(3)]
    demand = gpd.GeoDataFrame({"id": ["a", "b", "c"], "weight": weight, "geometry": places}, crs=4326)
    sites = gpd.GeoDataFrame({"id": ["s"], "geometry": [Point(113.0, 28.001)]}, crs=4326)
    return cp.Problem(
        demand=demand, sites=sites, standards=[{"radius": radius}], objective={"minimise": "cost"},
        chargers=[{"type": "slow", "kw": 7.0, "load_share": 1.0}, {"type": "home", "kw": 7.0, "at": "homes"}],
        mix=[{"type": "slow", "share": 0.5}, {"type": "home", "total": 5}], sizing={"kwh": 1.0},
    )  # fmt: skip


@pytest.mark.parametrize(("weight", "stations"), [(0.0, 1), (10.0, 1), (10.0, 0)])
def test_nobody_charges_or_no_station_is_there(weight: float, stations: int) -> None:
    """A plan like any other, with which the audit agrees."""
    plan = cp.solve(region(weight, "2 km" if stations else "50 m"))
    sizing = plan.record.sizing
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert plan.record.stations.total == stations
    assert sizing.homes == {"home": 5}
    assert (sizing.new["slow"] > 0) == (stations > 0)
    assert sizing.lost_kw == pytest.approx(0.0 if stations else sizing.load_kw)
