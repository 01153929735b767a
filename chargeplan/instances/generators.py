"""Instances that are computed rather than stored: the same numbers on every machine.

What is drawn here is compared with published or earlier figures, so not a digit may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.kernels.compiled import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_QUARTERS = 40
_SIDE = 30.0  # of the square of the CFL instances
_LAG = 31  # numbers that the next one depends on
_DISCARDED = 310  # numbers that srand() throws away
_MOST = 2**31 - 1  # RAND_MAX
_DECIMALS = 1e6  # coordinates are printed with %.6f


def city(
    demand_points: int, sites: int, side: float, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a city of 40 quarters, each a round cloud of demand points and candidate sites.

    Parameters
    ----------
    demand_points, sites
        How many to draw.
    side
        Metres; the quarters' centres lie in a square of this side, their spreads are a sixtieth to a tenth
        of it.
    seed
        Of NumPy's default generator.

    Returns
    -------
    demand, sites
        (N, 2) and (M, 2) positions in a plane, metres.

    Notes
    -----
    ``city(30_000, 5_000, 40_000.0)`` at 1 km has 29,342 demand points within reach of a site, and 6,576 rows
    and 3,527 sites that no other stands for.
    """
    rng = np.random.default_rng(seed)
    centre = rng.random((_QUARTERS, 2)) * side
    spread = rng.random(_QUARTERS) * side / 12 + side / 60
    quarter = rng.integers(0, _QUARTERS, sites)
    site_xy = centre[quarter] + rng.normal(size=(sites, 2)) * spread[quarter][:, None]
    quarter = rng.integers(0, _QUARTERS, demand_points)
    demand_xy = centre[quarter] + rng.normal(size=(demand_points, 2)) * spread[quarter][:, None]
    return demand_xy, site_xy


@dataclass(frozen=True, eq=False)
class CflInstance:
    """A random instance of Cordeau, Furini and Ljubić (2019), its demand points drawn as they are asked for.

    Parameters
    ----------
    sites
        (M, 2) positions in a square of side 30.
    cost
        (M,) of the sites, whole numbers.
    demand_points
        How many there are.
    """

    sites: NDArray[np.float64]
    cost: NDArray[np.int32]
    demand_points: int
    _positions: NDArray[np.uint32]  # states of the generator before the first position and before the first
    _weights: NDArray[np.uint32]  # weight of the demand points
    _range: tuple[int, int]

    def chunks(self, size: int = 1_000_000) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int32]]]:
        """Draw the demand points in pieces, the same ones every time and for every size.

        Parameters
        ----------
        size
            The most demand points of a piece, 1 or more.

        Yields
        ------
        positions, weight
            (n, 2) and (n,) of the next demand points; weights are whole numbers.
        """
        if size < 1:
            raise InputError(f"size must be 1 or more, not {size}")
        positions, weights = self._positions.copy(), self._weights.copy()
        for start in range(0, self.demand_points, size):
            count = min(size, self.demand_points - start)
            yield _coordinates(positions, count), _whole(weights, count, self._range)


def cfl(
    demand_points: int,
    sites: int = 100,
    seed: int = 1,
    *,
    cost: tuple[int, int] = (1, 1),
    weight: tuple[int, int] = (1, 100),
) -> CflInstance:
    """Draw an instance of the covering problems of Cordeau, Furini and Ljubić.

    Parameters
    ----------
    demand_points, sites
        How many there are.
    seed
        Given to ``srand()``, 0 to 2**31 - 1; 0 and 1 give the same instance.
    cost, weight
        The least and the greatest cost of a site and weight of a demand point; the authors take costs 1 to 1
        for maximal covering and 10 to 100 for partial set covering, and weights 1 to 100.

    Returns
    -------
    CflInstance
        Sites, costs, and demand points by the piece; the numbers of the authors' instance files.

    Raises
    ------
    InputError
        A count that is negative, a seed out of range, a range that is empty or not of the generator's size.

    Notes
    -----
    Cordeau, Furini and Ljubić (2019), Benders decomposition for very large scale partial set covering and
    maximal covering location problems, European Journal of Operational Research 275. The authors draw with
    the C library's ``rand()``, which glibc defines as an additive feedback generator of 31 numbers: first
    the coordinates of all sites, then of all demand points, in a square of side 30 and with six decimals,
    then the costs, then the weights.
    """
    if min(demand_points, sites) < 0:
        raise InputError(f"there cannot be {demand_points} demand points and {sites} sites")
    for name, (least, greatest) in (("cost", cost), ("weight", weight)):
        if not 0 <= least <= greatest < _MOST:
            raise InputError(f"{name} must be a range of whole numbers from 0 to {_MOST - 1}")
    state = _seeded(seed)
    site_xy = _coordinates(state, sites)
    positions = state.copy()
    _skip(state, 2 * demand_points)
    costs = _whole(state, sites, cost)
    return CflInstance(site_xy, costs, demand_points, positions, state, weight)


def _seeded(seed: int) -> NDArray[np.uint32]:
    """Return the state of glibc's generator after ``srand(seed)``: its last 31 numbers, the oldest first."""
    if not 0 <= seed <= _MOST:
        raise InputError(f"seed must be 0 to {_MOST}, not {seed}")
    words = [seed or 1]
    while len(words) < _LAG:
        words.append(16807 * words[-1] % _MOST)
    state = np.roll(np.array(words, np.uint32), -3)  # the first three stand for the next three as well
    _skip(state, _DISCARDED)
    return state


def _coordinates(state: NDArray[np.uint32], count: int) -> NDArray[np.float64]:
    """Draw (count, 2) positions."""
    numbers, values = np.empty(2 * count, np.int32), np.empty(2 * count)
    _draw(state, numbers)
    _print(numbers, values)
    return values.reshape(count, 2)


def _whole(state: NDArray[np.uint32], count: int, span: tuple[int, int]) -> NDArray[np.int32]:
    """Draw whole numbers of a range, its ends included."""
    numbers = np.empty(count, np.int32)
    _draw(state, numbers)
    numbers %= span[1] - span[0] + 1
    numbers += span[0]
    return numbers


@kernel
def _next(state: NDArray[np.uint32], place: int) -> int:
    """Put the next number in the place of the oldest, and return the place of the one that is oldest now."""
    behind = place + _LAG - 3
    total = np.int64(state[place]) + np.int64(state[behind if behind < _LAG else behind - _LAG])
    state[place] = total & 0xFFFFFFFF
    return place + 1 if place + 1 < _LAG else 0


@kernel
def _oldest_first(state: NDArray[np.uint32], place: int) -> None:
    state[:] = np.concatenate((state[place:], state[:place]))


@kernel
def _skip(state: NDArray[np.uint32], count: int) -> None:
    place = 0
    for _ in range(count):
        place = _next(state, place)
    _oldest_first(state, place)


@kernel
def _draw(state: NDArray[np.uint32], numbers: NDArray[np.int32]) -> None:
    """Write the next numbers of ``rand()``: all but the lowest bit."""
    place = 0
    for i in range(numbers.size):
        drawn = place
        place = _next(state, place)
        numbers[i] = state[drawn] >> np.uint32(1)
    _oldest_first(state, place)


@kernel
def _print(numbers: NDArray[np.int32], values: NDArray[np.float64]) -> None:
    """Bring numbers to the square, and round to six decimals as printing and reading them does.

    What is printed is the exact value of a float; times 10**6 it can round to a half that it is not. The
    remainder of that product (Dekker 1971) tells on which side of the half it lies.
    """
    for i in range(numbers.size):
        value = numbers[i] / _MOST * _SIDE
        scaled = value * _DECIMALS
        nearest = np.rint(scaled)
        if abs(scaled - nearest) == 0.5:
            split = value * 134217729.0  # 2**27 + 1
            high = split - (split - value)
            remainder = (high * _DECIMALS - scaled) + (value - high) * _DECIMALS
            if remainder != 0.0:
                nearest = np.floor(scaled) + (remainder > 0.0)
        values[i] = nearest / _DECIMALS
