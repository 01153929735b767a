"""Every demand point's distance to every site, for the objectives that are about distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels.memory import reserve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chargeplan.problem import Problem, RoadAccess, Sites, Standard

_COPIES = 5  # of a table of distances, at most, that measuring and solving hold at a time
_WITH_ROOM = 12  # of them, where the solver writes down every pair


@dataclass(frozen=True)
class Distances:
    """Distances of a problem's demand points, one row each, in the order of its standards.

    Parameters
    ----------
    metres
        (N, M), infinite where a site cannot serve a demand point. A required standard's rows are 0 within its
        radius and infinite beyond: that one of the stations lies within is all that it asks.
    weight
        (N,), 0 in the rows of required standards.
    rows
        For every standard, which of its demand points have a row: of an aim those that some permitted site
        can serve at any distance, since no choice of sites helps the others.
    remarks
        What a reader has to know of the others.
    """

    metres: NDArray[np.float64]
    weight: NDArray[np.float64]
    rows: tuple[NDArray[np.int64], ...]
    remarks: tuple[str, ...]


def measure(problem: Problem, coverage: Sequence[csr_array]) -> Distances:
    """Measure the demand points of a problem whose objective is about distances.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.

    Raises
    ------
    InputError
        The table takes more memory than is free, or no demand point of an aim can be served at all.
    """
    sites, asked = problem.sites, problem.scenario.objective
    points = sum(len(standard.points) for standard in problem.standards)
    what = f'minimise = "{asked.counts}": {points:,} demand points and {len(sites):,} sites'
    reserve_table(points, len(sites), what, _WITH_ROOM if asked.allocates else _COPIES)
    permitted = sites.status != "forbidden"
    tables, rows, remarks = [], [], []
    for standard, relation in zip(problem.standards, coverage, strict=True):
        table = _kept(relation) if standard.required else metres(standard, sites)
        served = np.isfinite(table[:, permitted]).any(axis=1) | standard.required
        if lost := int((~served).sum()):
            are = "demand point has" if lost == 1 else "demand points have"
            remarks.append(f"{standard.name}: {lost:,} {are} no way to any site; no distance counts them")
        rows.append(np.flatnonzero(served))
        tables.append(table if served.all() else table[served])
    weight = [
        np.zeros(index.size) if standard.required else standard.points.weight[index]
        for standard, index in zip(problem.standards, rows, strict=True)
    ]
    aims = [
        index.size for standard, index in zip(problem.standards, rows, strict=True) if not standard.required
    ]
    if not sum(aims):
        raise InputError(f"{what}: no demand point of an aim has a way to any permitted site")
    return Distances(np.concatenate(tables), np.concatenate(weight), tuple(rows), tuple(remarks))


def reserve_table(rows: int, columns: int, what: str, copies: int = _COPIES) -> None:
    """Announce the memory that a table of distances takes.

    Parameters
    ----------
    rows, columns
        Its shape.
    what
        Needs it.
    copies
        Of the table, that are held at a time.

    Raises
    ------
    InputError
        More is needed than is free.
    """
    reserve(copies * 8 * rows * columns, what, None)


def metres(standard: Standard, sites: Sites) -> NDArray[np.float64]:
    """Measure a standard's demand points to all sites by its metric: (N, M), infinite for no way."""
    if standard.access is not None:
        access = standard.access
        found = kernels.road_distances(access.graph, access.demand, access.sites, longest_way(access))
        return _dense(found)
    if standard.matrix is not None:
        return _dense(standard.matrix)
    return np.asarray(kernels.distance_matrix(standard.points.positions, sites.positions), np.float64)


def metres_of(
    standard: Standard, sites: Sites, row: NDArray[np.int64], site: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure pairs of a demand point and a site: (P,) metres.

    Those of a required standard lie within its radius; those of an aim at any distance, if there is a way.
    """
    if standard.access is None and standard.matrix is None:
        return kernels.paired_distances(standard.points.positions[row], sites.positions[site])
    used, column = np.unique(site, return_inverse=True)
    table = _ways_to(standard, used).tocoo()
    place = table.coords[0].astype(np.int64) * used.size + table.coords[1]
    order = np.argsort(place, kind="stable")
    found = np.searchsorted(place, row * used.size + column, sorter=order)
    return np.asarray(table.data[order[found]], np.float64)


def _ways_to(standard: Standard, used: NDArray[np.int64]) -> csr_array:
    """Measure a standard's demand points to some sites, by road or table: (N, U) metres."""
    if standard.access is None:
        assert standard.matrix is not None
        return csr_array(standard.matrix[:, used])
    access = standard.access
    stations = kernels.Snapped(access.sites.node[used], access.sites.leg[used])
    reach = standard.radius if standard.required else longest_way(access)
    return kernels.road_distances(access.graph, access.demand, stations, reach)


def longest_way(access: RoadAccess) -> float:
    """Return metres that no way by road is longer than."""
    legs = [leg[np.isfinite(leg)].max(initial=0.0) for leg in (access.demand.leg, access.sites.leg)]
    return float(access.graph.lengths.sum() + sum(legs))


def _kept(relation: csr_array) -> NDArray[np.float64]:
    return np.where(relation.toarray(), 0.0, np.inf)


def _dense(distance: csr_array) -> NDArray[np.float64]:
    """Spread stored distances, those of 0 too, over a table that is infinite elsewhere."""
    table = np.full(distance.shape, np.inf)
    row = np.repeat(np.arange(distance.shape[0]), np.diff(distance.indptr))
    table[row, distance.indices] = distance.data
    return table
