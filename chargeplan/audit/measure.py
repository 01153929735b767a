"""The audit: what any set of stations achieves, measured afresh."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.audit.exact import as_written, exact_sum
from chargeplan.audit.geodesic import Nearest, nearest, ranked, within
from chargeplan.audit.report import AuditedStandard, AuditReport, CorridorGap
from chargeplan.audit.road import nearest_by_road
from chargeplan.audit.spacing import corridor_gaps
from chargeplan.audit.stations import Stations, open_stations
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.problem import Problem, Standard

_ROUNDING = Fraction(1, 10**12)  # of a target, relative: weights such as 0.1 are rounded numbers themselves


def audit(problem: Problem, stations: gpd.GeoDataFrame | ArrayLike) -> AuditReport:
    """Measure what a set of stations achieves, trusting nothing that a solver said.

    Distances are pyproj's geodesics and SciPy's shortest paths; weights and shares are compared as exact
    fractions.

    Parameters
    ----------
    problem
        The scenario's data.
    stations
        A layer of points in any CRS (polygons count by a point inside), of which only the rows with status
        ``selected`` or ``existing`` count if it has a column `status`; or an (M,) array of bool over the
        problem's sites.

    Returns
    -------
    AuditReport
        Every standard, measured.

    Raises
    ------
    InputError
        The layer has no CRS, or positions or shapes that are no stations; the mask has another size or type;
        or a standard measured by a table of distances meets a station that is none of the scenario's sites.
    """
    opened = open_stations(problem, stations)
    standards = tuple(_measure(problem, standard, opened) for standard in problem.standards)
    return AuditReport(problem, opened, standards, (*opened.notes, *_unmeasured(problem)))


def _unmeasured(problem: Problem) -> Iterator[str]:
    """Say what is not seen of stations alone."""
    if problem.scenario.objective.weight_per_charger is not None:
        yield "whether stations have room for their demand is checked of plans, which say who serves whom"


def _measure(problem: Problem, standard: Standard, opened: Stations) -> AuditedStandard:
    found = _nearest(problem, standard, opened)
    covered = within(found.backup_distance_m, standard.radius, strict=standard.strict)
    weight, served = exact_sum(standard.points.weight), exact_sum(standard.points.weight[covered])
    farthest = _farthest(found.backup_distance_m)
    distance = None if farthest is None else float(found.backup_distance_m[farthest])
    return AuditedStandard(
        name=standard.name,
        metric=standard.metric,
        radius_m=standard.radius,
        strict=standard.strict,
        required=standard.required,
        backup=standard.stations,
        target=standard.share,
        demand_points=len(covered),
        weight=float(weight),
        weight_covered=float(served),
        share=_share(weight, served, covered),
        met=_is_met(standard, weight, served, covered),
        max_distance_m=None if distance is None or np.isnan(distance) else distance,
        farthest=None if farthest is None else str(standard.points.ids[farthest]),
        unreached=int(np.isnan(found.backup_distance_m).sum()),
        covered=covered,
        station=found.station,
        distance_m=found.distance_m,
        backup_distance_m=found.backup_distance_m,
        gaps=_gaps(problem, standard, opened),
    )


def _gaps(problem: Problem, standard: Standard, opened: Stations) -> tuple[CorridorGap, ...]:
    if standard.corridor is None or standard.access is None:
        return ()
    return corridor_gaps(problem, standard, opened.positions)


def _share(weight: Fraction, served: Fraction, covered: NDArray[np.bool_]) -> float:
    if weight > 0:
        return float(served / weight)
    return float(covered.mean()) if covered.size else 1.0


def _is_met(standard: Standard, weight: Fraction, served: Fraction, covered: NDArray[np.bool_]) -> bool:
    if standard.share == 1.0:
        return bool(covered.all())
    return served >= as_written(standard.share) * weight * (1 - _ROUNDING)


def _farthest(distance: NDArray[np.float64]) -> int | None:
    """Find the first demand point that reaches too few stations, else the farthest; None without points."""
    if distance.size == 0:
        return None
    return int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))


def _nearest(problem: Problem, standard: Standard, opened: Stations) -> Nearest:
    if standard.metric == "geodesic":
        return nearest(standard.points.positions, opened.positions, standard.stations)
    if standard.access is not None:
        access = standard.access.for_sites(opened.positions)
        return nearest_by_road(access.graph, access.demand, access.sites, standard.stations)
    return _nearest_in_table(problem, standard, opened)


def _nearest_in_table(problem: Problem, standard: Standard, opened: Stations) -> Nearest:
    """Find nearest stations in the user's own table, which knows the scenario's sites."""
    unknown = opened.ids[opened.sites < 0]
    if len(unknown):
        what = f"{len(unknown):,} stations that are none of the scenario's sites, such as {unknown[0]!r}"
        raise InputError(f"standard {standard.name!r} is measured by a table without distances to {what}")
    assert standard.matrix is not None
    table = standard.matrix.tocoo()
    row, site = (np.asarray(axis, np.int64) for axis in table.coords)
    station = np.full(len(problem.sites.ids), -1, np.int64)
    station[opened.sites] = np.arange(len(opened.sites))
    kept = station[site] >= 0
    return ranked(
        row[kept], station[site[kept]], table.data[kept], len(standard.points.ids), standard.stations
    )
