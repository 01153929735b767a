"""The tables of a scenario that say how many chargers of which kind, on which grid, in which year."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from chargeplan.errors import InputError
from chargeplan.scenario.tables import (
    ColumnOrNumber,
    Layer,
    Name,
    NotNegative,
    Positive,
    Share,
    Table,
    Text,
)
from chargeplan.units import parse_duration


def _duration(text: object) -> str:
    try:
        parse_duration(str(text))
    except InputError as error:
        raise ValueError(str(error)) from None
    return str(text)


Duration = Annotated[str, PlainValidator(_duration)]
Chance = Annotated[float, Field(gt=0, lt=1)]
Chargers = Annotated[int, Field(ge=0, le=1_000_000_000)]


class ChargerType(Table):
    """``[[chargers]]``: a type of charger, its power, its price, and what it is used for.

    Chargers at homes belong to no station: districts have them by their demand. `load_share` is the part of
    the energy charged at stations that this type charges, `stay` the mean time of a vehicle at it, and
    `mean_kw` the mean power during a stay, where that is less than `kw`.
    """

    type: Name
    kw: Positive
    cost: NotNegative = 0.0
    at: Literal["stations", "homes"] = "stations"
    load_share: Share | None = None
    stay: Duration | None = None
    mean_kw: Positive | None = None

    @property
    def at_stations(self) -> bool:
        """Whether it stands at stations."""
        return self.at == "stations"

    @property
    def stay_s(self) -> float | None:
        """The mean time of a vehicle at it, in seconds."""
        return None if self.stay is None else parse_duration(self.stay)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.at_stations:
            given = [key for key in ("load_share", "stay", "mean_kw") if getattr(self, key) is not None]
            if given:
                raise ValueError(f"{', '.join(given)}: for chargers at stations")
        if self.mean_kw is not None and self.mean_kw > self.kw:
            raise ValueError(f"mean_kw = {self.mean_kw:g} is more than kw = {self.kw:g}")
        return self


class MixRule(Table):
    """``[[mix]]``: how many chargers of a type, or of all types, at least, at most, about, or as a share.

    A share is the least part of the chargers at stations. In a `district` those at stations there count, else
    those at homes too; with `new` only those that are built.
    """

    type: Name | None = None
    at_least: Chargers | None = None
    at_most: Chargers | None = None
    total: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None
    share: Share | None = None
    district: Text | None = None
    new: bool = False

    @property
    def least(self) -> float:
        """How many there are to be at least, a whole number; 0 where nothing is said."""
        if self.total is not None:
            return float(math.ceil(self.total * (1 - self._tolerance)))
        return float(self.at_least or 0)

    @property
    def most(self) -> float:
        """How many there may be, a whole number; infinite where nothing is said."""
        if self.total is not None:
            return float(math.floor(self.total * (1 + self._tolerance)))
        return math.inf if self.at_most is None else float(self.at_most)

    @property
    def _tolerance(self) -> Fraction:
        """The number as it is written: 1.1 times 10 is 11 exactly."""
        return Fraction(str(self.tolerance or 0.0))

    @model_validator(mode="after")
    def _check(self) -> Self:
        limits = self.at_least is not None or self.at_most is not None
        if not limits and self.share is None and self.total is None:
            raise ValueError("needs at_least, at_most, total or share")
        if limits and self.total is not None:
            raise ValueError("total takes no at_least and no at_most beside it")
        if self.tolerance is not None and self.total is None:
            raise ValueError("tolerance is for total")
        if self.least > self.most:
            raise ValueError(f"at_least = {self.at_least} is more than at_most = {self.at_most}")
        if self.share is not None and self.type is None:
            raise ValueError("share needs the type whose share it is")
        return self


_OF_LOAD = ("peak_share", "wait", "chance", "assignment")  # keys that say nothing without `kwh`


class Sizing(Table):
    """``[sizing]``: what stations are used for, and how long vehicles may have to wait.

    The demand points of one standard charge `kwh` a day at stations for a weight of 1, `peak_share` of it in
    the busiest hour. At most `chance` of the vehicles wait longer than `wait`; without `wait`, at all. They
    charge at the nearest station, or `assignment` shares them out by room. Every station gets the `least`
    number of chargers. `vehicles` is how many a weight of 1 stands for; `joint` decides sites and chargers
    together.
    """

    standard: Name | None = None
    kwh: Positive | None = None
    peak_share: Share = 0.1
    wait: Duration | None = None
    chance: Chance = 0.1
    assignment: Literal["nearest", "balanced"] = "nearest"
    least: Chargers = 1
    vehicles: Positive | None = None
    joint: bool = False
    required: bool = True

    @property
    def wait_s(self) -> float:
        """How long a vehicle may wait, in seconds; 0: not at all."""
        return 0.0 if self.wait is None else parse_duration(self.wait)

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [key for key in _OF_LOAD if key in self.model_fields_set]
        if given and self.kwh is None:
            raise ValueError(f"{', '.join(given)}: only with kwh; without a load nobody waits")
        return self


class GridLayer(Layer):
    """``[grid]``: substations or feeders, points with the kW that they have left for chargers.

    A site draws on the one that it names (`substation` of ``[[sites]]``), else on the nearest. New chargers
    draw `simultaneity` times their kW. A connection costs `cost_per_km` for every km to it, and `cost_per_kw`
    for every kW of new chargers.
    """

    id: Text | None = None
    spare_kw: ColumnOrNumber | None = None
    simultaneity: Share = 1.0
    cost_per_km: NotNegative = 0.0
    cost_per_kw: NotNegative = 0.0


class Period(Table):
    """``[[periods]]``: a year, or another step of the plan, with its own budget, standards and demand.

    `budget` is what may be spent in it, beside the limits of ``[objective]``, which are for all periods
    together, `growth` the factor on all weights, `shares` what share of a required standard has to be kept by
    its end. Nothing said is nothing asked, but in the last period, where every standard is due as it is.
    """

    name: Name
    budget: NotNegative | None = None
    growth: Positive = 1.0
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)


class Phasing(Table):
    """``[phasing]``: how periods hang together.

    `discount` is what a later period counts less, by period; with `carry_over` what is left of a budget is
    for the next period; with `may_close` a new station may close again.
    """

    discount: Annotated[float, Field(ge=0, lt=1)] = 0.0
    carry_over: bool = False
    may_close: bool = False
