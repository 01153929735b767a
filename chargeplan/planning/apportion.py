"""Whole numbers given out in proportion, by the greatest quotients (D'Hondt 1882; Balinski & Young 1982)."""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_HALVINGS = 100  # of the interval in which the last quotient is looked for


def by_quotients(number: int, weight: Floats, have: Counts, most: Floats) -> Counts:
    """Give out so many, one after the other, to whoever has the greatest weight for each that it then has.

    Parameters
    ----------
    number
        How many; fewer are given out where `most` forbids more.
    weight
        (S,) at least 0; where all who may have more weigh nothing, they weigh the same.
    have
        (S,) what each has already.
    most
        (S,) what each may be given; infinite for any number.

    Returns
    -------
    ndarray
        (S,) what each is given; of equal quotients the first counts.
    """
    given = np.zeros(weight.size, np.int64)
    open_to = np.flatnonzero(most >= 1.0)
    if number <= 0 or open_to.size == 0:
        return given
    share = weight if weight[open_to].any() else np.ones(weight.size)
    given = _surely_given(number, share, have, most)
    open_to = open_to[given[open_to] + 1.0 <= most[open_to]]
    heap = [(-share[at] / (have[at] + given[at] + 1.0), int(at)) for at in open_to]
    heapify(heap)
    for _ in range(number - int(given.sum())):
        if not heap:
            break
        at = heap[0][1]
        given[at] += 1
        if given[at] + 1.0 <= most[at]:
            heapreplace(heap, (-share[at] / (have[at] + given[at] + 1.0), at))
        else:
            heappop(heap)
    return given


def _surely_given(number: int, share: Floats, have: Counts, most: Floats) -> Counts:
    """Give out at once what is given before the quotients are close to the last one's.

    At a quotient q all have been given whole parts of their share over q, and the least q that gives out no
    more than the number is looked for. A part in a billion less is given, for the rounding of quotients.
    """

    def at(parts: float) -> Counts:
        whole = np.floor(share * (parts * (1.0 - 1e-9))) - have
        return np.asarray(np.clip(whole, 0.0, np.floor(np.minimum(most, number))), np.int64)

    low, high = 0.0, min((number + float(have.sum()) + 1.0) / float(share[share > 0.0].min()), 1e300)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if at(middle).sum() <= number else (low, middle)
    return at(low)


def cut_to(number: Floats, counts: Counts) -> Counts:
    """Cut rows of counts down to what fits, in proportion: (S, K) for (S,) numbers.

    Parameters
    ----------
    number
        (S,) what a row may add up to.
    counts
        (S, K) at least 0.
    """
    cut = counts.copy()
    for row in np.flatnonzero(counts.sum(axis=1) > number):
        asked = counts[row].astype(np.float64)
        cut[row] = by_quotients(int(number[row]), asked, np.zeros(asked.size, np.int64), asked)
    return cut


def give_out(
    totals: Counts,
    floor: Counts,
    least: Counts,
    room: Floats,
    standing: Counts,
    weight: Floats,
    built: Counts | None = None,
) -> Counts:
    """Give the new chargers of a class to its stations.

    Each gets what it needs first, then what every station has to have, of whatever type; the others follow
    the weight.

    Parameters
    ----------
    totals
        (K,) new chargers.
    floor
        (S, K) what the stations need; less is given where the totals are less.
    least
        (S,) of all types together.
    room
        (S,) that is left.
    standing
        (S, K) what they have.
    weight
        (S, K) in proportion to which chargers are of use.
    built
        (S, K) of the floor, what each gets in any case.

    Returns
    -------
    ndarray
        (S, K) adding up to `totals`, which fit.
    """
    given, none = floor.copy(), np.zeros(room.size, np.int64)
    kept = np.zeros_like(floor) if built is None else built
    for k in np.flatnonzero(totals < floor.sum(axis=0)).tolist():
        asked = (floor - kept)[:, k].astype(np.float64)
        given[:, k] = kept[:, k] + by_quotients(int(totals[k] - kept[:, k].sum()), asked, none, asked)
    for k in np.argsort(given.sum(axis=0) - totals, kind="stable").tolist():
        missing = np.maximum(least - given.sum(axis=1), 0).astype(np.float64)
        number = int(min(totals[k] - given[:, k].sum(), missing.sum()))
        given[:, k] += by_quotients(number, weight[:, k], none, missing)
    for k in range(totals.size):  # the rest
        number = int(totals[k] - given[:, k].sum())
        most = room - given.sum(axis=1)
        given[:, k] += by_quotients(number, weight[:, k], given[:, k] + standing[:, k], most)
    return given
