"""The tables of a scenario that make demand and sites of whatever layers there are, one model each."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from chargeplan.scenario.tables import (
    ColumnOrNumber,
    Count,
    Name,
    NamedLayer,
    NotNegative,
    Positive,
    Radius,
    Table,
    Text,
)
from chargeplan.units import parse_length

Words = Annotated[tuple[Text, ...], Field(strict=False)]

# Sources whose files are layers of their own choice; those of the others are laid down by who publishes them.
_LAYERED = ("table", "openstreetmap")
# The keys of `[[candidates]]` that only some ways of making sites have.
_OF_METHODS = {
    "number": ("kmeans",),
    "seed": ("kmeans",),
    "least": ("hdbscan",),
    "reach": ("hdbscan",),
    "alone": ("hdbscan",),
    "weight": ("kmeans", "hdbscan"),
    "spacing": ("along", "grid"),
    "road": ("along",),
    "pattern": ("grid",),
    "id": ("places",),
}
_NEEDED = {"kmeans": "number", "along": "spacing", "grid": "spacing"}
_RASTERS = (".tif", ".tiff")
_SQUARE = 1000.0  # metres, the side of the squares that the degree of urbanisation is about


class ExistingLayer(NamedLayer):
    """``[[existing]]``: stations that stand, of one source; the most trusted source comes first.

    `columns` says which column of a table is which; the filters say which stations count. With `merge`,
    stations that lie within so far of one of a source above and are called alike become one with it. `keep`
    is what it costs to keep each of them, `close` to give one up; without `close` they stay. `room` is how
    many chargers fit, where they may get more than they have.
    """

    source: Literal["table", "openstreetmap", "openchargemap", "ocpi", "afdc"]
    columns: dict[str, Text] = Field(default_factory=dict)
    kind: Text | None = None
    access: Words = ()
    always_open: bool = False
    connectors: Words = ()
    least_kw: NotNegative = 0.0
    least_ports: Annotated[int, Field(ge=0)] = 0
    standing: bool = True
    unstated: Literal["drop", "keep"] = "drop"
    merge: Radius | None = None
    room: Count | None = None
    keep: NotNegative = 0.0
    close: NotNegative | None = None

    @property
    def merge_m(self) -> float | None:
        """The distance in metres within which stations become one; None where they stay apart."""
        return None if self.merge is None else parse_length(self.merge)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.columns and self.source != "table":
            raise ValueError(f'columns is for source = "table"; those of "{self.source}" are known')
        layered = self.source in _LAYERED and not self.file.lower().endswith(".pbf")
        given = [key for key in ("layer", "where", "crs") if getattr(self, key) is not None]
        if given and not layered:
            raise ValueError(f'{", ".join(given)}: only layers of "table" and "openstreetmap" have that')
        if self.source == "afdc" and self.datum != "wgs84":
            raise ValueError('datum: positions of "afdc" are WGS-84')
        return self


class PeopleLayer(NamedLayer):
    """``[people]``: demand points made of people: of a raster's cells, of census polygons, or of points.

    `cell` is the side of the squares that polygons are spread over, or that points are gathered in; `gather`
    is how many cells of a raster along a side are gathered into one. No person is lost either way.
    """

    people: Text | None = None
    id: Text | None = None
    district: Text | None = None
    cell: Radius | None = None
    gather: Count = 1
    band: Count = 1
    whole: bool = True
    area: Name | None = None
    classes: bool = False

    @property
    def cell_m(self) -> float | None:
        """The side of a cell in metres; None where it is not given."""
        return None if self.cell is None else parse_length(self.cell)

    @property
    def is_raster(self) -> bool:
        """Whether the file is a raster, by its suffix."""
        return self.file.lower().endswith(_RASTERS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        of_layers = ("layer", "where", "crs", "people", "id", "district", "cell", "whole")
        wrong = of_layers if self.is_raster else ("gather", "band")
        if given := [key for key in wrong if key in self.model_fields_set]:
            what = "polygons or points; a raster has gather and band" if self.is_raster else "rasters (.tif)"
            raise ValueError(f"{', '.join(given)}: only for {what}")
        if self.classes and (self.cell_m or 0.0) > _SQUARE:
            raise ValueError("classes: people are counted per km2, which needs cells of at most 1 km")
        if self.is_raster and self.datum != "wgs84":
            raise ValueError("datum: the cells of a raster are not converted; project it to its true place")
        return self


class SourcedFactor(Table):
    """A factor of ``[ev]``: a number for all, or a column of the people's layer; and where it is from."""

    value: ColumnOrNumber
    source: Text

    @field_validator("source")
    @classmethod
    def _says(cls, source: str) -> str:
        if not source.strip():
            raise ValueError("says nothing: name the statistic and its year, or that it is assumed")
        return source


class EvDemand(Table):
    """``[ev]``: what people's electric cars charge: it becomes the weight of the demand of ``[people]``."""

    cars_per_person: SourcedFactor
    electric_share: SourcedFactor
    km_per_day: SourcedFactor
    kwh_per_km: SourcedFactor
    home_share: SourcedFactor
    weight: Literal["public_kwh_per_day", "kwh_per_day", "evs"] = "public_kwh_per_day"


class CandidateRule(NamedLayer):
    """``[[candidates]]``: candidate sites made of a layer of places, lines or polygons.

    `method` is how: ``"places"`` (one at each), ``"kmeans"`` and ``"hdbscan"`` (one in each cluster of
    places), ``"along"`` (along lines at a spacing), ``"grid"`` (inside polygons at a spacing).
    """

    method: Literal["places", "kmeans", "hdbscan", "along", "grid"]
    id: Text | None = None
    kind: Text | None = None
    cost: ColumnOrNumber | None = None
    room: ColumnOrNumber | None = None
    number: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    least: Annotated[int, Field(ge=2)] = 5
    reach: Radius | None = None
    alone: bool = False
    weight: Text | None = None
    spacing: Radius | None = None
    road: Text | None = None
    pattern: Literal["hexagonal", "square"] = "hexagonal"

    @property
    def reach_m(self) -> float:
        """How near clusters are one, in metres."""
        return 0.0 if self.reach is None else parse_length(self.reach)

    @property
    def spacing_m(self) -> float:
        """How far apart sites are, in metres."""
        assert self.spacing is not None
        return parse_length(self.spacing)

    @model_validator(mode="after")
    def _check(self) -> Self:
        said = []
        for key, methods in _OF_METHODS.items():
            if key in self.model_fields_set and self.method not in methods:
                said.append(f"{key} is for method = " + " and ".join(f'"{method}"' for method in methods))
        needed = _NEEDED.get(self.method)
        if needed is not None and getattr(self, needed) is None:
            said.append(f'method = "{self.method}" needs {needed}')
        if said:
            raise ValueError("; ".join(said))
        return self


class KindOfSite(Table):
    """``[kinds.<name>]``: what sites of a kind cost and have room for, where their layer does not say it."""

    cost: NotNegative = 1.0
    room: Positive | None = None
