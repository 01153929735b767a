"""Who is served by which station, and how far away it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from chargeplan import kernels
from chargeplan.audit.road import ways_by_road
from chargeplan.kernels.geodesy import ecef
from chargeplan.plan.answer import StandardResult
from chargeplan.planning.distances import longest_way, metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.problem import RoadAccess, Sites, Standard

ROUNDING = 1e-12  # of a sum of weights, relative


def serve(
    standard: Standard,
    coverage: csr_array,
    sites: Sites,
    open_sites: NDArray[np.bool_],
    assigned: NDArray[np.int64] | None = None,
) -> StandardResult:
    """Find each demand point's nearest open station and add up what the standard achieves.

    Parameters
    ----------
    standard
        The promise.
    coverage
        (N, M) which sites serve its points.
    sites
        All sites.
    open_sites
        (M,) bool.
    assigned
        (N,) the site that serves each demand point, where that is not the nearest open one; -1 for none.

    Returns
    -------
    StandardResult
        What is covered, by which station, how far; and whether the standard is met.
    """
    counts = coverage.astype(np.int64)
    covered = counts @ open_sites.astype(np.int64) >= standard.stations
    permitted = (sites.status != "forbidden").astype(np.int64)
    index = np.flatnonzero(open_sites)
    distance, order = _nearest(standard, sites, index)
    reached = np.isfinite(distance[:, 0])
    station = np.where(reached, index[order] if index.size else -1, -1)
    length = np.where(reached, distance[:, 0], np.nan)
    if assigned is not None:
        station, length = assigned, np.full(assigned.size, np.nan)
        served = np.flatnonzero(assigned >= 0)
        length[served] = metres_of(standard, sites, served, assigned[served])
    weight = standard.points.weight
    farthest = float(distance[:, -1].max(initial=0.0))
    return StandardResult(
        name=standard.name,
        radius_m=standard.radius,
        metric=standard.metric,
        strict=standard.strict,
        required=standard.required,
        stations=standard.stations,
        target_share=standard.share,
        weight=float(weight.sum()),
        weight_covered=float(weight[covered].sum()),
        share=_share(weight, covered),
        max_distance_m=farthest if np.isfinite(farthest) else None,
        met=_is_met(standard, covered),
        covered=covered,
        station=station,
        distance_m=length,
        coverable=counts @ permitted >= standard.stations,
    )


def distance_to_last_needed(
    standard: Standard, sites: Sites, stations: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Distance from each demand point to the last of the stations it needs.

    Parameters
    ----------
    standard
        The promise.
    sites
        All sites.
    stations
        (M,) bool, which of them count.

    Returns
    -------
    ndarray
        (N,) metres, infinite where there are too few stations.
    """
    return _nearest(standard, sites, np.flatnonzero(stations))[0][:, -1]


def _is_met(standard: Standard, covered: NDArray[np.bool_]) -> bool:
    """Every point, or the share of the weight up to what rounding adds to its sum, as the model has it."""
    if standard.share == 1.0:
        return bool(covered.all())
    weight = standard.points.weight
    return bool(weight[covered].sum() >= standard.share * weight.sum() * (1 - ROUNDING))


def _share(weight: NDArray[np.float64], covered: NDArray[np.bool_]) -> float:
    """Share of the weight; of the points where nothing has a weight."""
    total = float(weight.sum())
    return (
        float(weight[covered].sum()) / total if total > 0 else float(covered.mean() if covered.size else 1.0)
    )


def _nearest(
    standard: Standard, sites: Sites, index: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances to the nearest stations, (N, need), infinite where none is; the first's place in `index`."""
    n, need = standard.points.weight.size, standard.stations
    if index.size == 0:
        return np.full((n, need), np.inf), np.zeros(n, np.int64)
    if standard.access is not None:
        return _nearest_by_road(standard.access, standard.radius, index, need)
    if standard.matrix is not None:
        return _nearest_in_rows(standard.matrix[:, index].tocsr(), need)
    return _nearest_geodesic(standard.points.positions, sites.positions[index], need)


def _nearest_geodesic(
    points: NDArray[np.float64], stations: NDArray[np.float64], need: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Order by the straight chord, which grows with the geodesic; measure on the ellipsoid."""
    tree = cKDTree(ecef(stations))
    order = np.asarray(tree.query(ecef(points), k=range(1, min(need, len(stations)) + 1))[1])
    distance = np.full((len(points), need), np.inf)
    for k in range(order.shape[1]):
        distance[:, k] = kernels.paired_distances(points, stations[order[:, k]])
    # Over long ways two stations almost equally far may come in another order by chord than on the ellipsoid.
    place = np.argsort(distance[:, : order.shape[1]], axis=1, kind="stable")
    return np.sort(distance, axis=1), np.take_along_axis(order, place, axis=1)[:, 0]


def _nearest_by_road(
    access: RoadAccess, radius: float, index: NDArray[np.int64], need: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Look within the radius, then ever farther for those alone who find too few and have a way to one."""
    n = access.demand.node.size
    stations = kernels.Snapped(access.sites.node[index], access.sites.leg[index])
    distance, order = np.full((n, need), np.inf), np.zeros(n, np.int64)
    asking, limit, longest = np.arange(n), radius, longest_way(access)
    while asking.size:
        demand = kernels.Snapped(access.demand.node[asking], access.demand.leg[asking])
        near = kernels.road_distances(access.graph, demand, stations, limit)
        distance[asking], order[asking] = _nearest_in_rows(near, need)
        if limit > longest:
            break
        asking = asking[np.diff(near.indptr) < min(need, index.size)]
        if limit == radius and asking.size:
            asking = asking[ways_by_road(access, np.isin(np.arange(access.sites.node.size), index))[asking]]
        limit *= 4
    return distance, order


def _nearest_in_rows(distance: csr_array, need: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Smallest entries of each row, and the column of the smallest; the first of equal ones."""
    n = distance.shape[0]
    row = np.repeat(np.arange(n), np.diff(distance.indptr))
    order = np.lexsort((distance.indices, distance.data, row))
    rank = np.arange(order.size) - distance.indptr[row]
    result, column = np.full((n, need), np.inf), np.zeros(n, np.int64)
    kept = rank < need
    result[row[kept], rank[kept]] = distance.data[order][kept]
    first = rank == 0
    column[row[first]] = distance.indices[order][first]
    return result, column
