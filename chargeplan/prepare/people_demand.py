"""EV demand from people: how much electricity the electric cars of a place take, and how much in public.

Every factor is the caller's, with its source; there is no default, since none holds for every region and
year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor and where it is from.

    Parameters
    ----------
    value
        A number for all, or the name of a column.
    source
        Where it is from: a statistic with its year, or that it is assumed.
    """

    value: float | str
    source: str


# Each factor's words and the most that it can be.
_FACTORS = {
    "cars_per_person": ("cars per person", 5.0),
    "electric_share": ("share of cars that are electric", 1.0),
    "km_per_day": ("km per car and day", 2000.0),
    "kwh_per_km": ("kWh per km", 5.0),
    "home_share": ("share of energy charged at home", 1.0),
}


def ev_demand(
    people: gpd.GeoDataFrame,
    column: str = "people",
    *,
    cars_per_person: Factor,
    electric_share: Factor,
    km_per_day: Factor,
    kwh_per_km: Factor,
    home_share: Factor,
) -> gpd.GeoDataFrame:
    """Estimate the EV demand of places.

    Energy is people x cars per person x electric share x km x kWh per km; what is not charged at home is
    charged in public.

    Parameters
    ----------
    people
        Places with people.
    column
        How many live there.
    cars_per_person, electric_share, km_per_day, kwh_per_km, home_share
        The factors; shares lie between 0 and 1.

    Returns
    -------
    GeoDataFrame
        The places with `evs`, `kwh_per_day` and `public_kwh_per_day`. ``attrs["assumptions"]`` lists every
        factor with its source, a line each, for whoever must defend the figures.

    Raises
    ------
    InputError
        A factor without a source, a column that there is not, or a number that cannot be; all are named.
    """
    given = {
        "cars_per_person": cars_per_person,
        "electric_share": electric_share,
        "km_per_day": km_per_day,
        "kwh_per_km": kwh_per_km,
        "home_share": home_share,
    }
    faults: list[Fault] = []
    count = _numbers(people, "people", column, np.inf, faults)
    values = {
        name: _numbers(people, name, each.value, _FACTORS[name][1], faults) for name, each in given.items()
    }
    faults += [Fault(f"{name} has no source") for name, each in given.items() if not each.source.strip()]
    if faults:
        raise InputError(faults)
    table = people.copy()
    table["evs"] = count * values["cars_per_person"] * values["electric_share"]
    table["kwh_per_day"] = table["evs"] * values["km_per_day"] * values["kwh_per_km"]
    table["public_kwh_per_day"] = table["kwh_per_day"] * (1.0 - values["home_share"])
    table.attrs["assumptions"] = tuple(_said(name, each) for name, each in given.items())
    return table


def _numbers(
    people: gpd.GeoDataFrame, name: str, value: float | str, most: float, faults: list[Fault]
) -> npt.NDArray[np.float64]:
    """Read a factor of every place, noting what is wrong with it."""
    if isinstance(value, str):
        if value not in people.columns:
            faults.append(Fault(f"{name}: there is no column {value!r}"))
            return np.zeros(len(people))
        parsed = pd.to_numeric(people[value], errors="coerce")
        numbers: npt.NDArray[np.float64] = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = np.full(max(len(people), 1), float(value))
    wrong = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers <= most))
    if wrong.any():
        row = int(np.argmax(wrong))
        where = {"row": row + 1, "column": value} if isinstance(value, str) else {}
        more = f", and {wrong.sum() - 1} more rows" if wrong.sum() > 1 and where else ""
        limit = f"a number from 0 to {most:g}" if np.isfinite(most) else "a finite number of at least 0"
        faults.append(Fault(f"{name} = {numbers[row]:g} is not {limit}{more}", **where))  # type: ignore[arg-type]
    return numbers[: len(people)]


def _said(name: str, factor: Factor) -> str:
    value = f"column {factor.value!r}" if isinstance(factor.value, str) else f"{factor.value:g}"
    return f"{_FACTORS[name][0]}: {value} ({factor.source.strip()})"
