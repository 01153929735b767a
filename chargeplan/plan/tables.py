"""The plan as layers for GIS: sites, demand points, service areas, and what no site can serve."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from chargeplan.viz.circles import geodesic_circles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chargeplan.plan.answer import Plan
    from chargeplan.problem import Problem

_SMALLEST = 0.05  # metres: a smaller circle has no area on the grid of 7 decimals (1.1 cm)


def tables(plan: Plan) -> Mapping[str, gpd.GeoDataFrame]:
    """Build the layers of a plan that was just made, by file name without ending.

    Parameters
    ----------
    plan
        With its problem.

    Returns
    -------
    dict of str to GeoDataFrame
        ``sites``, ``demand``, ``coverage``, and ``uncoverable`` where there is any. WGS-84.
    """
    assert plan.problem is not None
    layers = {"sites": _sites(plan), "demand": _demand(plan), "coverage": _coverage(plan)}
    uncoverable = _uncoverable(plan)
    if len(uncoverable):
        layers["uncoverable"] = uncoverable
    return layers


def read_table(content: bytes) -> gpd.GeoDataFrame:
    """Read a layer back from its GeoJSON; texts that look like dates, such as ids, stay texts."""
    return gpd.read_file(io.BytesIO(content), engine="pyogrio", DATE_AS_STRING="YES")


def site_status(problem: Problem, open_sites: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Say of every site what the plan makes of it.

    Parameters
    ----------
    problem
        With the sites' status before the plan.
    open_sites
        (M,) bool.

    Returns
    -------
    (M,) ndarray of str
        ``selected``, ``existing``, ``closed`` (an existing one given up), ``rejected`` or ``forbidden``.
    """
    before = problem.sites.status
    word = np.where(open_sites, "selected", "rejected").astype(object)
    word[(before == "existing") & open_sites] = "existing"
    word[(before == "existing") & ~open_sites] = "closed"
    word[before == "forbidden"] = "forbidden"
    return word


def _sites(plan: Plan) -> gpd.GeoDataFrame:
    assert plan.problem is not None
    sites = plan.problem.sites
    columns = {
        "id": sites.ids,
        "status": site_status(plan.problem, plan.open),
        "kind": sites.kind,
        "cost": sites.cost,
        **plan.site_columns,
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.points(sites.positions), crs=4326)


def _demand(plan: Plan) -> gpd.GeoDataFrame:
    assert plan.problem is not None
    ids = plan.problem.sites.ids
    pairs = list(zip(plan.problem.standards, plan.standards, strict=True))
    columns = {
        "id": np.concatenate([asked.points.ids for asked, _ in pairs]),
        "weight": np.concatenate([asked.points.weight for asked, _ in pairs]),
        "standard": np.repeat([asked.name for asked, _ in pairs], [done.demand_points for _, done in pairs]),
        "radius_m": np.repeat(
            [asked.radius for asked, _ in pairs], [done.demand_points for _, done in pairs]
        ),
        "covered": np.concatenate([done.covered for _, done in pairs]),
        "station": np.concatenate(
            [np.where(done.station >= 0, ids[done.station], np.array(None)) for _, done in pairs]
        ),
        "distance_m": np.concatenate([np.round(done.distance_m, 3) for _, done in pairs]),
    }
    points = shapely.points(np.concatenate([asked.points.positions for asked, _ in pairs]))
    return gpd.GeoDataFrame(columns, geometry=points, crs=4326)


def _coverage(plan: Plan) -> gpd.GeoDataFrame:
    """One service area for every standard in a straight line: all within its radius of an open station."""
    assert plan.problem is not None
    stations = plan.problem.sites.positions[plan.open]
    straight = [standard for standard in plan.problem.standards if standard.metric == "geodesic"]
    columns = {
        "id": [standard.name for standard in straight],
        "standard": [standard.name for standard in straight],
        "radius_m": np.array([standard.radius for standard in straight], np.float64),
    }
    areas = [service_area(stations, standard.radius) for standard in straight]
    return gpd.GeoDataFrame(columns, geometry=np.array(areas, object), crs=4326)


def service_area(stations: NDArray[np.float64], radius: float) -> shapely.Geometry:
    """Draw what lies within a radius of any station, as one (multi)polygon.

    Parameters
    ----------
    stations
        (K, 2) longitude and latitude, degrees.
    radius
        Metres on the ellipsoid; drawn as no less than `_SMALLEST`.
    """
    circles = geodesic_circles(stations, max(radius, _SMALLEST))
    merged = shapely.union_all(circles) if len(stations) else shapely.MultiPolygon()
    return shapely.normalize(shapely.set_precision(merged, 1e-7))


def _uncoverable(plan: Plan) -> gpd.GeoDataFrame:
    """Demand points that too few permitted sites can serve, whatever the plan."""
    assert plan.problem is not None
    pairs = zip(plan.problem.standards, plan.standards, strict=True)
    found = [(asked, np.flatnonzero(~done.coverable)) for asked, done in pairs]
    columns = {
        "id": np.concatenate([asked.points.ids[rows] for asked, rows in found]),
        "standard": np.repeat([asked.name for asked, _ in found], [rows.size for _, rows in found]),
        "required": np.repeat([asked.required for asked, _ in found], [rows.size for _, rows in found]),
        "weight": np.concatenate([asked.points.weight[rows] for asked, rows in found]),
    }
    places = np.concatenate([asked.points.positions[rows] for asked, rows in found])
    return gpd.GeoDataFrame(columns, geometry=shapely.points(places), crs=4326)
