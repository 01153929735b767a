"""Hold Shenzhen's real charging stations against the promise of a station less than 1 km away.

::

    python examples/shenzhen/audit.py

Reads the stations that UrbanEV publishes (see README.md beside this file), measures them with chargeplan's
audit, and prints what such data can say and what they cannot.
"""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import chargeplan as cp
from chargeplan.prepare.candidates_grid import sites_on_grid
from chargeplan.prepare.existing import URBANEV, Wanted, flat, keep, read_station_table
from chargeplan.prepare.features import WGS84, positions
from chargeplan.prepare.plane import equal_area, to_degrees, to_plane
from chargeplan.units import format_distance, format_share

STATIONS = Path(__file__).parent / "stations.csv"
PROMISE = 1_000.0  # metres
GRID = 500.0  # metres between the places that are looked at
HULL = (
    0.1  # how closely the outline hugs the stations, 0 to 1 (convex): a choice, which the figures depend on
)
CORNERS = 256  # of a circle
LARGE = 10  # piles


def main() -> None:
    """Print the audit."""
    stations = read_station_table(STATIONS, "urbanev", URBANEV)
    zones = pd.read_csv(STATIONS).drop_duplicates("TAZID")["area"]
    places = outlined(stations)
    report = audited(stations, places)
    print("Shenzhen's public charging stations of 2022/23 (UrbanEV), and the promise of one within 1 km\n")
    tell("Data", describe(stations, zones))
    tell("Reach", reached(stations, float(zones.sum()) / 1e6))
    tell("Outline", enclosed(report, places))
    tell("Widest gaps", widest(report, places))
    tell("Backup", backed_up(stations))
    tell("Large ones", large_alone(stations, places))
    tell("Datum", other_datum(report, places))
    tell("Not said", NOT_SAID)


NOT_SAID = (
    "Where people live, where nothing is built, who may use a station, and its kW are not in these data. So "
    "they cannot prove the promise kept anywhere, and a gap in the outline may be a hill, a reservoir or the "
    "sea. What they do show: which places have no station within 1 km, how much area can be served at "
    "most, and which stations stand alone. "
    "Add people (a raster, census areas) and the same audit says who is served."
)


def describe(stations: gpd.GeoDataFrame, zones: pd.Series) -> str:
    """Say what was read."""
    shared = stations.geometry.duplicated().sum()
    return (
        f"{len(stations):,} stations with {stations['ports'].sum():,.0f} piles in "
        f"{len(zones)} traffic zones that together have {zones.sum() / 1e6:,.0f} km2; "
        f"{shared} stations stand at the position of another."
    )


def reached(stations: gpd.GeoDataFrame, zones_km2: float) -> str:
    """Bound what can be served: the area of all circles, beside that of the zones."""
    km2 = reach_km2(stations)
    short = max(0.0, 1.0 - km2 / zones_km2)
    return (
        f"{km2:,.0f} km2, some of them water, lie less than 1 km from a station. Even if all were in the "
        f"zones that have a station, {short:.0%} of the area of these would be left, "
        f"{short * zones_km2:,.0f} km2."
    )


def reach_km2(stations: gpd.GeoDataFrame) -> float:
    """Measure the area within the promise of a station, km2; no circle is drawn too small."""
    plane = equal_area(stations.total_bounds)
    middles = shapely.points(to_plane(positions(stations), plane))
    circles = shapely.buffer(middles, PROMISE / math.cos(math.pi / CORNERS), quad_segs=CORNERS // 4)
    return float(shapely.union_all(circles).area) / 1e6


def outlined(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Fill an outline around the stations with places to look at."""
    plane = equal_area(stations.total_bounds)
    hull = shapely.concave_hull(shapely.multipoints(to_plane(positions(stations), plane)), HULL)
    outline = shapely.transform(hull, lambda given: to_degrees(given, plane))
    return sites_on_grid(gpd.GeoDataFrame(geometry=[outline], crs=WGS84), GRID, name="place")


def audited(
    stations: gpd.GeoDataFrame, places: gpd.GeoDataFrame, *, backup: int = 1, weight: str | None = None
) -> cp.AuditReport:
    """Hold stations against the promise for some places."""
    demand = places[["id", "geometry"]].assign(weight=1.0 if weight is None else places[weight])
    standard = {"name": "promise", "radius": f"{PROMISE:g} m", "strict": True, "stations": backup}
    problem = cp.Problem(
        demand=demand, sites=flat(stations), standards=[standard], objective={"minimise": "stations"}
    )
    return cp.audit(problem, flat(stations))


def enclosed(report: cp.AuditReport, places: gpd.GeoDataFrame) -> str:
    """Say how much of the outline is served."""
    (found,) = report.standards
    return (
        f"An outline drawn around the stations, how tightly is a choice, holds {len(places):,} places "
        f"{GRID:g} m apart: "
        f"{format_share(found.share)} of them have a station less than 1 km away; half have one within "
        f"{format_distance(float(np.median(found.distance_m)))}, nine in ten within "
        f"{format_distance(float(np.quantile(found.distance_m, 0.9)))}."
    )


def widest(report: cp.AuditReport, places: gpd.GeoDataFrame, count: int = 5, apart: float = 4_000.0) -> str:
    """Name the places farthest from any station, one in each gap."""
    (found,) = report.standards
    where = to_plane(positions(places), equal_area(places.total_bounds))
    left = found.distance_m.copy()
    told = []
    for _ in range(count):
        at = int(np.argmax(left))
        lon, lat = positions(places)[at]
        told.append(f"{format_distance(float(left[at]))} at {lat:.3f} N {lon:.3f} E")
        left[np.hypot(*(where - where[at]).T) < apart] = 0.0
    return "from the nearest station: " + "; ".join(told) + ". Look at a map before calling one a fault."


def backed_up(stations: gpd.GeoDataFrame) -> str:
    """Say how many stations have another within the promise: who charges there has somewhere else to go."""
    (found,) = audited(stations, stations, backup=2, weight="ports").standards
    alone = len(stations) - int(found.covered.sum())
    return (
        f"{alone} stations have no other less than 1 km away; the others have "
        f"{format_share(found.share)} of all piles. The loneliest, {found.farthest}, is "
        f"{format_distance(found.max_distance_m or 0.0)} from "
        f"the next."
    )


def large_alone(stations: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> str:
    """Say what is left if only large stations count."""
    large = keep(stations, Wanted(least_ports=LARGE))
    (found,) = audited(large, places).standards
    return (
        f"{len(large)} stations have {LARGE} piles or more. They alone reach {reach_km2(large):,.0f} km2, "
        f"and {format_share(found.share)} of the places in the outline."
    )


def other_datum(report: cp.AuditReport, places: gpd.GeoDataFrame) -> str:
    """Read the positions as GCJ-02: all move alike, so distances between them hardly change."""
    moved = read_station_table(STATIONS, "urbanev", URBANEV, datum="gcj02")
    fixed = read_station_table(STATIONS, "urbanev", URBANEV)
    metres = cp.kernels.distance_matrix(positions(moved)[:1], positions(fixed)[:1])[0, 0]
    (found,), (one,) = report.standards, audited(moved, places).standards
    changed = int((found.covered != one.covered).sum())
    return (
        f"The data do not state theirs. Were it GCJ-02, every station would stand {metres:,.0f} m from where "
        f"it is drawn here, but all would move alike: {reach_km2(moved):,.0f} km2 of reach. It matters as "
        f"soon as another layer is laid over: of the same places {format_share(one.share)}, not "
        f"{format_share(found.share)}, would be served, and {changed:,} would change sides."
    )


def tell(title: str, text: str) -> None:
    """Print a paragraph under its title."""
    print(textwrap.fill(text, 110, initial_indent=f"{title:<13}", subsequent_indent=" " * 13))


if __name__ == "__main__":
    main()
