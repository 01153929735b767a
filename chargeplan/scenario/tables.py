"""The tables of a scenario file, one model each."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)

from chargeplan.errors import InputError
from chargeplan.units import parse_length

_HALF_WAY_AROUND = 20_037_509.0  # metres
STATUSES = ("candidate", "existing", "required", "forbidden")
PLACED = ("distance", "farthest", "separation")  # objectives that place a given number of stations


def _radius(text: object) -> str:
    try:
        metres = parse_length(str(text))
    except InputError as error:
        raise ValueError(str(error)) from None
    if metres > _HALF_WAY_AROUND:
        raise ValueError(f"{text!r} is more than half way around the Earth")
    return str(text)


def _column_or_number(value: object) -> str | float:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max:
        return float(value)
    raise ValueError(f"{value!r} is neither the name of a column nor a number of at least 0")


# Plain words only, since names become folder names and parts of ids.
Name = Annotated[str, Field(pattern=r"^\w([\w .+-]*[\w.+-])?$", max_length=100)]
Text = Annotated[str, Field(min_length=1)]
Radius = Annotated[str, PlainValidator(_radius)]
ColumnOrNumber = Annotated[str | float, PlainValidator(_column_or_number)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """A table of the scenario file: frozen, exact in its types, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Layer(Table):
    """A file with features, and how its positions are meant.

    `where` is an SQL expression over the columns, `crs` what the file's own CRS is replaced by (anything PROJ
    reads, such as ``"EPSG:4547"``), `datum` the datum of its longitudes and latitudes.
    """

    file: Text
    layer: Text | None = None
    where: Text | None = None
    crs: Text | None = None
    datum: Literal["wgs84", "gcj02", "bd09"] = "wgs84"


class NamedLayer(Layer):
    """A layer that standards and messages refer to."""

    name: Name


class DemandLayer(NamedLayer):
    """``[[demand]]``: weighted places. A column left out is the file's column of that name."""

    id: Text | None = None
    weight: ColumnOrNumber | None = None
    district: Text | None = None


class SiteLayer(NamedLayer):
    """``[[sites]]``: places where stations may stand, or stand.

    `keep` is what it costs to keep one that stands, `close` to give it up; without `close` it stays. The
    chargers that stand already are in columns ``chargers_<type>``.
    """

    id: Text | None = None
    status: Text | None = None
    kind: Text | None = None
    cost: ColumnOrNumber | None = None
    room: ColumnOrNumber | None = None
    district: Text | None = None
    substation: Text | None = None
    keep: ColumnOrNumber | None = None
    close: ColumnOrNumber | None = None


class CorridorLayer(NamedLayer):
    """``[[corridors]]``: road lines, one per piece between two places where the road can be entered."""

    length_factor: Annotated[float, Field(ge=1, le=10)] = 1.15
    interchange: Literal["nodes", "anywhere"] = "nodes"


class AreaLayer(NamedLayer):
    """``[[areas]]``: polygons; the map draws them as borders."""


class Exclusion(Layer):
    """``[[exclude]]``: polygons without new stations."""


class RoadLayer(Layer):
    """``[network]``: the road lines of standards by road."""

    unit: Literal["metres", "seconds"] = "metres"


class StandardSpec(Table):
    """``[[standards]]``: a promise."""

    name: Name
    demand: Name | None = None
    corridor: Name | None = None
    area: Name | None = None
    where: Text | None = None
    radius: Radius
    strict: bool = False
    metric: Literal["geodesic", "road", "euclidean", "matrix"] | None = None
    matrix: Text | None = None
    share: Share = 1.0
    stations: Count = 1
    required: bool = True
    rule: Literal["radius", "spacing"] = "radius"
    guarantee: Literal["points", "everywhere"] = "points"

    @property
    def radius_m(self) -> float:
        """The radius in metres."""
        return parse_length(self.radius)

    @property
    def measured_by(self) -> str:
        """The metric: as given; else by road on a corridor and straight elsewhere."""
        return self.metric or ("road" if self.corridor else "geodesic")

    @model_validator(mode="after")
    def _check(self) -> Self:
        places = [key for key in ("demand", "corridor", "area") if getattr(self, key) is not None]
        if len(places) != 1:
            raise ValueError("needs exactly one of demand, corridor and area")
        if (self.metric == "matrix") != (self.matrix is not None):
            raise ValueError('metric = "matrix" and matrix = FILE need each other')
        if self.metric == "matrix" and self.demand is None:
            raise ValueError('metric = "matrix" is for standards on a demand layer')
        if self.metric == "euclidean":
            raise ValueError('metric = "euclidean" is not in this release: positions are degrees')
        if self.rule == "spacing" and self.corridor is None:
            raise ValueError('rule = "spacing" is for standards on a corridor')
        return self


class Objective(Table):
    """``[objective]``: what is best.

    A required standard is kept; an aim is what the objective is about: the weight served, or the distances
    from demand points to their nearest station, measured by the aim's metric.
    """

    minimise: Literal["cost", "stations", "distance", "farthest"] | None = None
    maximise: Literal["weight", "separation", "stations"] | None = None
    stations: Count | None = None
    budget: NotNegative | None = None
    separation: Radius | None = None
    weight_per_charger: Positive | None = None
    cost_per_km: Positive | None = None

    @property
    def sense(self) -> Literal["min", "max"]:
        """``"min"`` or ``"max"``."""
        return "max" if self.maximise else "min"

    @property
    def counts(self) -> str:
        """What is minimised or maximised, in the scenario's word."""
        return self.minimise or self.maximise or ""

    @property
    def places(self) -> bool:
        """Whether a given number of stations is placed by distances, which are metres."""
        return self.counts in PLACED

    @property
    def fits(self) -> bool:
        """Whether it is about how many stations keep a distance from each other."""
        return self.maximise == "stations"

    @property
    def separation_m(self) -> float:
        """How far a new station has to be from any other, in metres; 0 where nothing is said."""
        return 0.0 if self.separation is None else parse_length(self.separation)

    @property
    def allocates(self) -> bool:
        """Whether it matters which station serves whom: by room, or by what distances cost."""
        return self.weight_per_charger is not None or self.cost_per_km is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.minimise is None) == (self.maximise is None):
            raise ValueError("needs exactly one of minimise and maximise")
        if self.weight_per_charger is not None and self.minimise not in ("cost", "stations", "distance"):
            raise ValueError('weight_per_charger is for minimise = "cost", "stations" or "distance"')
        if self.cost_per_km is not None and self.minimise != "cost":
            raise ValueError('cost_per_km is for minimise = "cost"')
        if self.fits != (self.separation is not None):
            raise ValueError('maximise = "stations" and separation need each other')
        limits = (self.stations is not None) + (self.budget is not None)
        if self.fits and limits:
            raise ValueError('maximise = "stations" takes no stations and no budget')
        if self.places:
            key = "minimise" if self.minimise else "maximise"
            if self.stations is None or self.budget is not None:
                raise ValueError(f'{key} = "{self.counts}" needs stations, and takes no budget')
        elif self.maximise == "weight" and limits != 1:
            raise ValueError('maximise = "weight" needs exactly one of stations and budget')
        elif self.minimise and limits:
            raise ValueError(
                f'stations and budget are for maximise, and stations for distances, not for "{self.minimise}"'
            )
        return self


class SolveOptions(Table):
    """``[solve]``: when to stop, and by what means; a key left out is decided by the planning."""

    time_limit: Positive | None = None
    gap: Annotated[float, Field(ge=0, lt=1)] | None = None
    work_limit: Positive | None = None
    backend: Text = "auto"
    threads: Count | None = None
    seed: Annotated[int, Field(ge=0)] = 0
