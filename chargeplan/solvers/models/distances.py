"""What the distance models take, checked and turned into one form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.solvers.models.arrays import checked_sites

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chargeplan.solvers.models.arrays import Sites

_NAMED = 20  # faults of a table that are named one by one
_ROWS = 1000  # of a table, looked at together


def checked_distance(distance: ArrayLike, name: str = "distance") -> NDArray[np.float64]:
    """Return (N, M) distances or costs, each 0 or more; infinite where the site cannot serve the point.

    Raises
    ------
    InputError
        Not two-dimensional, without a site, or with a distance that is negative or not a number.
    """
    table = np.asarray(distance, np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise InputError(
            f"{name} has the shape {table.shape}; it must be demand points x sites, with a site at least"
        )
    wrong = np.argwhere(~(table >= 0.0))
    if len(wrong):
        raise InputError(
            [
                Fault(f"{name} is {table[i, j]}; it must be 0 or more", row=int(i) + 1, column=str(j))
                for i, j in wrong[:_NAMED].tolist()
            ]
        )
    return table


def checked_between(distance: ArrayLike) -> NDArray[np.float64]:
    """Return (M, M) distances between sites that are the same in both directions: the shorter one.

    Raises
    ------
    InputError
        Not square, or with a distance that is negative, infinite or not a number.
    """
    table = checked_distance(distance)
    if table.shape[0] != table.shape[1]:
        raise InputError(f"distance has the shape {table.shape}; it must be sites x sites")
    table = np.minimum(table, table.T)
    np.fill_diagonal(table, 0.0)
    if not np.isfinite(table).all():
        raise InputError("distance must be finite between every two sites")
    return table


def checked_given(
    required: Sites, forbidden: Sites, size: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the sites that must be open and of those that must be closed.

    Raises
    ------
    InputError
        An index that no site has, or a site that is both.
    """
    opened = checked_sites(required, size, "required")
    closed = checked_sites(forbidden, size, "forbidden")
    both = np.flatnonzero(opened & closed)
    if both.size:
        raise InputError(f"sites {both.tolist()} are both required and forbidden")
    return opened, closed


def checked_stations(stations: int, opened: NDArray[np.bool_], closed: NDArray[np.bool_]) -> int:
    """Return the number of stations if the sites permit that many.

    Raises
    ------
    InputError
        Not a whole number of at least 1, more than there are sites, or fewer than are required.
    """
    permitted, required = int((~closed).sum()), int(opened.sum())
    if int(stations) != stations or stations < 1:
        raise InputError(f"stations is {stations}; it must be a whole number of at least 1")
    if stations > permitted:
        raise InputError(f"stations is {stations}, but only {permitted} sites may have one")
    if stations < required:
        raise InputError(f"stations is {stations}, but {required} sites are required")
    return int(stations)


def without_site(distance: NDArray[np.float64], closed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the demand points that no permitted site serves."""
    lost = [
        np.isinf(distance[first : first + _ROWS].min(axis=1, where=~closed, initial=np.inf))
        for first in range(0, len(distance), _ROWS)
    ]
    return np.flatnonzero(np.concatenate((*lost, np.empty(0, np.bool_))))


def nearest_station(
    distance: NDArray[np.float64], selected: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """Return for each demand point its nearest selected site, the first of several: (N,)."""
    if selected is None:
        return None
    return np.asarray(selected[distance[:, selected].argmin(axis=1)], np.int64)


def filled(
    distance: NDArray[np.float64], plan: NDArray[np.bool_], closed: NDArray[np.bool_], stations: int
) -> NDArray[np.bool_]:
    """Open further sites until there are `stations`: each time the one that shortens the distances most.

    Parameters
    ----------
    distance
        (N, M), infinite where not allowed.
    plan, closed
        (M,) bool, sites that are open, and sites that must not be.
    stations
        How many are wanted; no fewer than are open, no more than are permitted.

    Returns
    -------
    ndarray
        (M,) bool.
    """
    plan, saved = plan.copy(), np.zeros(plan.size)
    if int(plan.sum()) == stations:
        return plan
    far = float(np.max(distance, where=np.isfinite(distance), initial=0.0)) + 1.0
    near = np.minimum(distance[:, plan].min(axis=1, initial=np.inf), far)
    for first in range(0, near.size, _ROWS):
        saved += _savings(near[first : first + _ROWS], distance[first : first + _ROWS])
    for _ in range(stations - int(plan.sum())):
        site = int(np.where(plan | closed, -np.inf, saved).argmax())
        plan[site] = True
        nearer = np.flatnonzero(distance[:, site] < near)  # nobody else's savings change
        rows = distance[nearer]
        saved -= _savings(near[nearer], rows)
        near[nearer] = rows[:, site]
        saved += _savings(near[nearer], rows)
    return plan


def _savings(near: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up by how much every site is nearer to some demand points than their nearest station."""
    return np.asarray(np.maximum(near[:, None] - distance, 0.0).sum(axis=0), np.float64)
