"""Rows split in two, and in two again, so that few sites serve both sides.

What serves what is all that is known. The order in which rows are cut approximates the Fiedler vector of the
graph of rows and sites (Fiedler 1973; Pothen, Simon & Liou 1990), found by power iteration from the distances
to two rows far apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels import components

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_SMOOTHING = 60  # steps of the power iteration
_MIDDLE = (0.35, 0.65)  # where a cut may lie, as shares of the weight
_FLAT = 1e-9  # share of the weight that every row counts for at least


@dataclass(frozen=True)
class Part:
    """Rows, and the two parts they split into.

    Parameters
    ----------
    rows
        Sorted row indices.
    halves
        Two parts, or none for a part that is small enough.
    """

    rows: NDArray[np.int64]
    halves: tuple[Part, Part] | None = None


def split(
    coverage: csr_array,
    weight: NDArray[np.float64],
    limit: float,
    stop: Callable[[], bool] = lambda: False,
) -> Part:
    """Split rows by recursive bisection.

    Parameters
    ----------
    coverage
        (N, M) relation.
    weight
        (N,) what a row counts for, not negative.
    limit
        Weight up to which a part stays whole.
    stop
        Asked before every cut and on the way to it; once it says so, what is left stays whole.

    Returns
    -------
    Part
        All rows, and how they split; rows that no site connects are parted first.
    """
    rows = np.arange(weight.size)
    weight = np.maximum(weight, _FLAT * max(float(weight.sum()), 1e-300))
    return _split(coverage.astype(np.float64), rows, weight, limit, stop)


def _split(
    coverage: csr_array,
    rows: NDArray[np.int64],
    weight: NDArray[np.float64],
    limit: float,
    stop: Callable[[], bool],
) -> Part:
    if rows.size < 2 or weight[rows].sum() <= limit or stop():
        return Part(rows)
    near = coverage[rows]
    near = csr_array(near[:, np.unique(near.indices)])
    one = _one_side(near, weight[rows], stop)
    first, second = (_split(coverage, rows[side], weight, limit, stop) for side in (one, ~one))
    return Part(rows, (first, second))


def _one_side(near: csr_array, weight: NDArray[np.float64], stop: Callable[[], bool]) -> NDArray[np.bool_]:
    """Mark the rows of one side of the best cut found."""
    count, label, _ = components(near.astype(np.bool_))
    if count > 1:
        return _half_of_the_components(count, label, weight)
    order = np.argsort(_fiedler(near, stop), kind="stable")
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    return place < _cut(near, place, weight[order])


def _half_of_the_components(
    count: int, label: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Take components, the heaviest first, until half of the weight is reached."""
    each = np.bincount(label, weights=weight, minlength=count)
    order = np.argsort(-each, kind="stable")
    before = np.cumsum(each[order]) - each[order]
    taken = np.zeros(count, np.bool_)
    taken[order[before < 0.5 * each.sum()]] = True
    if taken.all():
        taken[order[-1]] = False
    return taken[label]


def _cut(near: csr_array, place: NDArray[np.int64], weight: NDArray[np.float64]) -> int:
    """Find where few sites reach across, near the middle: how many rows come before the cut."""
    columns = near.tocsc()
    position = place[columns.indices]
    first = np.minimum.reduceat(position, columns.indptr[:-1])
    last = np.maximum.reduceat(position, columns.indptr[:-1])
    change = np.bincount(first + 1, minlength=place.size + 2) - np.bincount(
        last + 1, minlength=place.size + 2
    )
    across = np.cumsum(change)[: place.size]  # sites with rows on both sides of a cut before this row
    low, high = np.searchsorted(np.cumsum(weight), np.array(_MIDDLE) * weight.sum())
    low, high = max(int(low), 1), min(int(high), place.size - 1)
    if low > high:
        return min(max(low, 1), place.size - 1)
    return low + int(np.argmin(across[low : high + 1]))


def _fiedler(near: csr_array, stop: Callable[[], bool]) -> NDArray[np.float64]:
    """Order rows from one end of a connected relation to the other, the more roughly the sooner stopped."""
    sites = csr_array(near.T)
    row_degree, site_degree = np.diff(near.indptr), np.diff(sites.indptr)
    end = int(np.argmax(_distances(near, sites, 0)))
    one = _distances(near, sites, end)
    key = (one - _distances(near, sites, int(np.argmax(one)))).astype(np.float64)
    for _ in range(_SMOOTHING):
        key -= (key @ row_degree) / row_degree.sum()
        largest = np.abs(key).max()
        if not largest > 0 or stop():
            break
        key = near @ (sites @ (key / largest) / site_degree) / row_degree
    return key


def _distances(near: csr_array, sites: csr_array, start: int) -> NDArray[np.int64]:
    """Count the steps from a row to each row, by sites that serve both."""
    distance = np.full(near.shape[0], -1)
    fresh = np.zeros(near.shape[0], np.bool_)
    fresh[start] = True
    steps = 0
    while fresh.any():
        distance[fresh] = steps
        steps += 1
        reached = sites @ fresh.astype(np.float64) > 0
        fresh = (near @ reached.astype(np.float64) > 0) & (distance < 0)
    return distance
