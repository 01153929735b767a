"""Sites filled by what multipliers pay, as far as they hold: a step of a Lagrangian of capacities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels.compiled import in_pieces, kernel, kernel_part
from chargeplan.kernels.inputs import unwritable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Names = NDArray[np.int64]
    Short = NDArray[np.int32]
    Marks = NDArray[np.bool_]
    # First pair of each row, site, cost; inverse of the demand of each row.
    ByRow = tuple[Names, Short, Numbers, Numbers]
    # First pair of each site, row, cost; demand and its inverse of each row, capacity of each site.
    BySite = tuple[Names, Short, Numbers, Numbers, Numbers, Numbers]

_SWING = 2.0  # times its last change that the price of a site's room is not expected to fall by
_PIECE = 64  # sites or rows that are not worth dividing


@kernel_part
def _swap(ratio: Numbers, weight: Numbers, s: int, t: int) -> None:
    ratio[s], ratio[t] = ratio[t], ratio[s]
    weight[s], weight[t] = weight[t], weight[s]


@kernel
def _price(ratio: Numbers, weight: Numbers, size: int, room: float) -> tuple[float, float]:
    """Fill some room by falling ratio; return the ratio that fills it, and the part of that which still fits.

    There is more weight than room. Selection by parts (Hoare 1961, Find), weighted.
    """
    first, last = 0, size
    while True:
        pivot = ratio[(first + last) // 2]
        high, at, low = first, first, last  # first:high is above the pivot, high:low at it, low:last below
        above, level = 0.0, 0.0
        while at < low:
            if ratio[at] > pivot:
                above += weight[at]
                _swap(ratio, weight, high, at)
                high += 1
                at += 1
            elif ratio[at] < pivot:
                low -= 1
                _swap(ratio, weight, low, at)
            else:
                level += weight[at]
                at += 1
        if room < above and high > first:
            last = high
        elif room < above + level or low == last:
            return pivot, min(max((room - above) / level, 0.0), 1.0)
        else:
            room -= above + level
            first = low


@kernel_part
def _collect(
    by_site: BySite, value: Numbers, j: int, least: float, ratio: Numbers, weight: Numbers
) -> tuple[int, float, float]:
    """Collect the pairs of a site with a profit per demand of at least so much, more than 0.

    Return how many there are, their demand, and the profit of all, with that of rows that ask for none.
    """
    first, row, cost, demand, inverse, _ = by_site
    size, load, total = 0, 0.0, 0.0
    for p in range(first[j], first[j + 1]):
        i = row[p]
        gain = value[i] - cost[p]
        if gain <= 0.0:
            continue
        profit = gain * inverse[i]
        if profit < least:
            continue
        total += gain
        if demand[i] > 0.0:
            load += demand[i]
            ratio[size], weight[size] = profit, demand[i]
            size += 1
    return size, load, total


@kernel
def _fill(
    by_site: BySite,
    value: Numbers,
    bounds: tuple[int, int],
    saved: Numbers,
    price: Numbers,
    swing: Numbers,
    part: Numbers,
) -> None:
    """Fill some sites: what each saves, the price of its room, the part of what pays just that.

    Prices come in as those of the step before, with their last change: what pays much less is left out.
    """
    first, capacity = by_site[0], by_site[-1]
    most = 0
    for j in range(bounds[0], bounds[1]):
        most = max(most, first[j + 1] - first[j])
    ratio, weight = np.empty(most), np.empty(most)
    for j in range(bounds[0], bounds[1]):
        before, least = price[j], max(price[j] - _SWING * swing[j], 0.0)
        size, load, total = _collect(by_site, value, j, least, ratio, weight)
        if load <= capacity[j] and least > 0.0:
            size, load, total = _collect(by_site, value, j, 0.0, ratio, weight)
        saved[j], price[j], part[j] = total, 0.0, 1.0
        if load > capacity[j]:
            price[j], part[j] = _price(ratio, weight, size, capacity[j])
            for t in range(size):
                total -= min(ratio[t], price[j]) * weight[t]
            saved[j] = total
        swing[j] = abs(price[j] - before)


@kernel
def _serve(
    by_row: ByRow,
    value: Numbers,
    worth: Marks,
    price: Numbers,
    part: Numbers,
    bounds: tuple[int, int],
    served: Numbers,
) -> None:
    """Add up for some rows by how much they are served."""
    first, site, cost, inverse = by_row
    for i in range(bounds[0], bounds[1]):
        total = 0.0
        for p in range(first[i], first[i + 1]):
            j = site[p]
            gain = value[i] - cost[p]
            if gain <= 0.0:
                break
            if not worth[j]:
                continue
            ratio = gain * inverse[i]
            if ratio > price[j]:
                total += 1.0
            elif ratio == price[j]:
                total += part[j]
        served[i] = total


@dataclass(frozen=True)
class Filled:
    """Sites filled by the best profit per demand first, as long as they have room.

    Parameters
    ----------
    saved
        (M,) what is left of the profit once the room is paid for.
    price
        (M,) of room: the profit per demand of what fills it, 0 where there is room for all.
    part
        (M,) how much there is room for of those whose profit is just that.
    """

    saved: Numbers
    price: Numbers
    part: Numbers


class RoomPrices:
    """The pairs of a capacitated problem by row and by site, for steps over all of them.

    Parameters
    ----------
    first, site, cost
        (N + 1,), (P,) and (P,): the pairs of each row, by rising cost within it.
    demand, capacity
        (N,) and (M,), 0 or more; capacities may be infinite.
    """

    def __init__(self, first: Names, site: Names, cost: Numbers, demand: Numbers, capacity: Numbers) -> None:
        row = np.repeat(np.arange(demand.size, dtype=np.int32), np.diff(first))
        order = np.argsort(site, kind="stable")
        by_site = np.concatenate(
            (np.zeros(1, np.int64), np.cumsum(np.bincount(site, minlength=capacity.size)))
        )
        with np.errstate(divide="ignore"):
            inverse = unwritable(1.0 / demand)  # infinite without demand: it comes first, and takes no room
        self._price, self._swing = np.zeros(capacity.size), np.zeros(capacity.size)
        self._rows = unwritable(first), unwritable(site.astype(np.int32)), unwritable(cost), inverse
        self._sites = (
            unwritable(by_site), unwritable(row[order]), unwritable(cost[order]), unwritable(demand), inverse,
            unwritable(capacity),
        )  # fmt: skip

    def filled(self, value: Numbers) -> Filled:
        """Fill every site with what pays it the most of the multipliers: (N,)."""
        sites = self._sites[-1].size
        saved, price, part = np.empty(sites), self._price.copy(), np.empty(sites)
        paid = unwritable(value)
        in_pieces(
            lambda start, stop: _fill(self._sites, paid, (start, stop), saved, price, self._swing, part),
            sites,
            _PIECE,
        )
        self._price = price
        return Filled(saved, price, part)

    def served(self, value: Numbers, filled: Filled, worth: Marks) -> Numbers:
        """Return by how much the sites that are worth it serve each row: (N,)."""
        served = np.empty(value.size)
        paid = unwritable(value)
        in_pieces(
            lambda start, stop: _serve(
                self._rows, paid, worth, filled.price, filled.part, (start, stop), served
            ),
            value.size,
            _PIECE,
        )
        return served
