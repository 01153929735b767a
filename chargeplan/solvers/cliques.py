"""Groups of sites that are all so near to one another that only one of them can have a station: cliques."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.backends import glop
from chargeplan.solvers.matrix import MatrixModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.events import Cancel


def partition(
    between: NDArray[np.float64], distance: float, stop: Callable[[], bool]
) -> list[NDArray[np.int64]]:
    """Part the sites into groups in which all are nearer than a distance, beginning with the most remote.

    Parameters
    ----------
    between
        (M, M) symmetric.
    distance
        What the sites of a group are nearer than, to one another.
    stop
        Asked now and then whether to stop; what is left then are groups of one site.
    """
    excludes = between < distance
    np.fill_diagonal(excludes, val=False)
    left = np.ones(len(between), np.bool_)
    groups: list[NDArray[np.int64]] = []
    for site in np.argsort(-between.sum(axis=1), kind="stable").tolist():
        if stop():
            return groups + [np.array([alone]) for alone in np.flatnonzero(left)]
        if left[site]:
            near = np.flatnonzero(excludes[site] & left)
            group = _grown(excludes, near[np.argsort(-between[site, near], kind="stable")], site)
            left[group] = False
            groups.append(group)
    return groups


def cliques(
    between: NDArray[np.float64], distance: float, stop: Callable[[], bool]
) -> list[NDArray[np.int64]]:
    """Cover every pair nearer than a distance by groups in which all are; every site is in a group.

    Each group is grown from a pair that is not covered yet, by the sites nearest to the first.

    Parameters
    ----------
    between
        (M, M) symmetric.
    distance
        What the sites of a group are nearer than, to one another.
    stop
        Asked now and then whether to stop; no groups are returned then.
    """
    excludes = between < distance
    np.fill_diagonal(excludes, val=False)
    left = excludes.copy()
    groups: list[NDArray[np.int64]] = []
    for site in range(len(excludes)):
        if stop():
            return []
        near = np.flatnonzero(excludes[site])
        near = near[np.argsort(between[site, near], kind="stable")]
        if not near.size:
            groups.append(np.array([site]))
        while left[site].any() and not stop():
            group = _grown(excludes, np.append(near[left[site, near]][:1], near), site)
            left[np.ix_(group, group)] = False
            groups.append(group)
    return [] if stop() else groups


def _grown(excludes: NDArray[np.bool_], order: NDArray[np.int64], site: int) -> NDArray[np.int64]:
    """Grow a group from a site, by others in an order, as long as they exclude all before them."""
    group, fitting = [site], excludes[site].copy()
    for other in order.tolist():
        if fitting[other]:
            group.append(other)
            fitting &= excludes[other]
    return np.sort(np.array(group))


def at_most_one(groups: list[NDArray[np.int64]], opened: NDArray[np.bool_]) -> MatrixModel:
    """Write down that each group has one station at most, and ask for any plan.

    Parameters
    ----------
    groups
        Indices of sites; every site is in one.
    opened
        (M,) bool, sites that have to have one.
    """
    sites, count = opened.size, len(groups)
    indptr = np.concatenate(([0], np.cumsum([group.size for group in groups]))).astype(np.int64)
    indices = np.concatenate((*groups, np.empty(0, np.int64)))
    return MatrixModel(
        objective=np.zeros(sites),
        rows=csr_array((np.ones(indices.size), indices, indptr), shape=(count, sites)),
        row_lower=np.full(count, -np.inf),
        row_upper=np.ones(count),
        lower=opened.astype(np.float64),
        upper=np.ones(sites),
        integral=np.ones(sites, np.bool_),
        implied=np.zeros(sites, np.bool_),
    )


def prices(
    model: MatrixModel, worth: NDArray[np.float64], seconds: float | None, cancel: Cancel | None
) -> NDArray[np.float64] | None:
    """Return what the one station of each group is worth, as the linear relaxation tells.

    Parameters
    ----------
    model
        As `at_most_one` writes it.
    worth
        (M,) what a station is worth.
    seconds, cancel
        As `glop.multipliers` takes them.

    Returns
    -------
    ndarray or None
        (G,) multipliers; None where there was no time for any.

    Raises
    ------
    BackendCrashed
        As `glop.multipliers` raises it.
    """
    relaxed = replace(
        model,
        objective=-worth,
        upper=np.full(worth.size, np.inf),
        integral=np.zeros(worth.size, np.bool_),
    )
    duals = glop.multipliers(relaxed, seconds, cancel)
    return None if duals is None or not np.isfinite(duals).all() else -duals
