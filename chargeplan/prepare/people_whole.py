"""Whole people, divided in proportion by the largest remainder, so that nobody is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def whole_people(total: int, weight: Floats) -> Ints:
    """Divide whole people in proportion to weights, exactly; of equal remainders the first is served first.

    Parameters
    ----------
    total
        How many.
    weight
        (N,) at least 0.

    Raises
    ------
    InputError
        There are people, and nothing has weight.
    """
    together = float(weight.sum())
    if together <= 0:
        if total:
            raise InputError(f"{total:,} people have nowhere to live: all weights are 0")
        return np.zeros(len(weight), dtype=np.int64)
    quota = total * weight / together
    whole: Ints = np.floor(quota).astype(np.int64)
    order = np.argsort(whole - quota, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def whole_people_by_area(totals: Ints, area: Ints, weight: Floats) -> Ints:
    """Divide every area's whole people over its places, exactly.

    Parameters
    ----------
    totals
        (A,) people of each area.
    area
        (N,) the area of every place, from 0.
    weight
        (N,) of the places, at least 0.

    Returns
    -------
    ndarray
        (N,) people.

    Raises
    ------
    InputError
        An area has people, and none of its places has weight.
    """
    order = np.argsort(area, kind="stable")
    begin = np.searchsorted(area[order], np.arange(len(totals) + 1))
    people = np.zeros(len(weight), dtype=np.int64)
    for index, total in enumerate(totals):
        rows = order[begin[index] : begin[index + 1]]
        people[rows] = whole_people(int(total), weight[rows])
    return people
