"""Readers of the OR-Library's file formats (Beasley 1990)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


def read_set_covering(path: str | os.PathLike[str]) -> tuple[csr_array, NDArray[np.float64]]:
    """Read a set covering instance (scp files).

    Parameters
    ----------
    path
        A file with the number of rows and columns, the columns' costs, then for each row how many columns
        cover it and which (from 1).

    Returns
    -------
    csr_array, ndarray
        (N, M) bool coverage and (M,) cost.

    Raises
    ------
    InputError
        The file is missing, or does not hold what its first line says.
    """
    numbers = _whole_numbers(path)
    if numbers.size < 2 or numbers.size < 2 + numbers[1]:
        raise InputError(Fault("ends before its costs do", file=str(path)))
    n_rows, n_columns = numbers[:2].tolist()
    place = 2 + n_columns
    members: list[NDArray[np.int64]] = []
    for row in range(n_rows):
        if place >= numbers.size or place + 1 + numbers[place] > numbers.size:
            raise InputError(Fault("ends before its rows do", file=str(path), row=row + 1))
        members.append(numbers[place + 1 : place + 1 + numbers[place]] - 1)
        place += 1 + int(numbers[place])
    indptr = np.concatenate(([0], np.cumsum([part.size for part in members])))
    indices = np.concatenate(members)
    if indices.min(initial=0) < 0 or indices.max(initial=0) >= n_columns:
        raise InputError(Fault(f"names a column outside 1 to {n_columns}", file=str(path)))
    coverage = csr_array((np.ones(indices.size, np.bool_), indices, indptr), shape=(n_rows, n_columns))
    return coverage, numbers[2 : 2 + n_columns].astype(np.float64)


def read_p_median(path: str | os.PathLike[str]) -> tuple[NDArray[np.float64], int]:
    """Read a p-median instance (pmed files).

    Parameters
    ----------
    path
        A file with the number of nodes, edges and stations, then each edge of an undirected graph: two nodes
        (from 1) and its length. Of an edge that is listed several times the last line counts.

    Returns
    -------
    ndarray, int
        (N, N) lengths of the shortest paths, infinite where there is none, and the number of stations.

    Raises
    ------
    InputError
        The file is missing, or does not hold what its first line says.
    """
    numbers = _whole_numbers(path)
    if numbers.size < 3 or numbers.size < 3 + 3 * numbers[1]:
        raise InputError(Fault("ends before its edges do", file=str(path)))
    nodes, edges, stations = numbers[:3].tolist()
    one, other, length = numbers[3 : 3 + 3 * edges].reshape(-1, 3).T
    if (
        min(one.min(initial=1), other.min(initial=1)) < 1
        or max(one.max(initial=1), other.max(initial=1)) > nodes
    ):
        raise InputError(Fault(f"names a node outside 1 to {nodes}", file=str(path)))
    if length.min(initial=0) < 0:
        raise InputError(Fault("has an edge of negative length", file=str(path)))
    pair = np.minimum(one, other) * (nodes + 1) + np.maximum(one, other)
    _, from_behind = np.unique(pair[::-1], return_index=True)
    last = edges - 1 - from_behind
    graph = csr_array(
        (length[last].astype(np.float64), (one[last] - 1, other[last] - 1)), shape=(nodes, nodes)
    )
    return np.asarray(shortest_path(graph, directed=False), np.float64), stations


@dataclass(frozen=True, slots=True)
class FacilityLocation:
    """A facility location instance, its arrays named as `chargeplan.solvers.facility_location` takes them.

    Parameters
    ----------
    assignment_cost
        (N, M) cost of serving the whole of each demand point from each site.
    opening_cost, capacity
        (M,) of each site.
    demand
        (N,) of each demand point.
    """

    assignment_cost: NDArray[np.float64]
    opening_cost: NDArray[np.float64]
    capacity: NDArray[np.float64]
    demand: NDArray[np.float64]


def read_facility_location(path: str | os.PathLike[str]) -> FacilityLocation:
    """Read a facility location instance (cap files).

    Parameters
    ----------
    path
        A file with the number of sites and demand points, each site's capacity and opening cost, then for
        each demand point its demand and what it costs to serve it whole from each site.

    Returns
    -------
    FacilityLocation
        Its arrays.

    Raises
    ------
    InputError
        The file is missing, or does not hold what its first line says.
    """
    numbers = _numbers(path)
    if numbers.size < 2 or numbers[0] < 1 or numbers[1] < 0:
        raise InputError(Fault("does not begin with its numbers of sites and demand points", file=str(path)))
    sites, points = numbers[:2].astype(np.int64).tolist()
    place = 2 + 2 * sites
    if numbers.size < place + points * (sites + 1):
        raise InputError(Fault("ends before its costs do", file=str(path)))
    capacity, opening = numbers[2:place].reshape(sites, 2).T.copy()
    rows = numbers[place : place + points * (sites + 1)].reshape(points, sites + 1)
    return FacilityLocation(rows[:, 1:].copy(), opening, capacity, rows[:, 0].copy())


def _whole_numbers(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Return all numbers of a file."""
    try:
        return np.array(Path(path).read_text(encoding="ascii").split(), np.int64)
    except (OSError, ValueError) as error:
        raise InputError(Fault(f"cannot be read as whole numbers: {error}", file=str(path))) from None


def _numbers(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Return all numbers of a file, which must be finite."""
    try:
        numbers = np.array(Path(path).read_text(encoding="ascii").split(), np.float64)
    except (OSError, ValueError) as error:
        raise InputError(Fault(f"cannot be read as numbers: {error}", file=str(path))) from None
    if not np.isfinite(numbers).all():
        raise InputError(Fault("holds a number that is not finite", file=str(path)))
    return numbers
