"""The tables of a scenario that name layers, and where their files are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr

from chargeplan.errors import Fault, InputError
from chargeplan.scenario.chargers import GridLayer  # noqa: TC001 - pydantic reads it at run time
from chargeplan.scenario.sources import (  # noqa: TC001 - pydantic reads them at run time
    CandidateRule,
    EvDemand,
    ExistingLayer,
    KindOfSite,
    PeopleLayer,
)
from chargeplan.scenario.tables import (
    AreaLayer,
    CorridorLayer,
    DemandLayer,
    Exclusion,
    RoadLayer,
    SiteLayer,
    Table,
)


class Inputs(Table):
    """The tables of a scenario that name layers, and where their files are."""

    demand: Annotated[tuple[DemandLayer, ...], Field(strict=False)] = ()
    sites: Annotated[tuple[SiteLayer, ...], Field(strict=False)] = ()
    corridors: Annotated[tuple[CorridorLayer, ...], Field(strict=False)] = ()
    areas: Annotated[tuple[AreaLayer, ...], Field(strict=False)] = ()
    exclude: Annotated[tuple[Exclusion, ...], Field(strict=False)] = ()
    existing: Annotated[tuple[ExistingLayer, ...], Field(strict=False)] = ()
    candidates: Annotated[tuple[CandidateRule, ...], Field(strict=False)] = ()
    kinds: dict[str, KindOfSite] = Field(default_factory=dict)
    people: PeopleLayer | None = None
    ev: EvDemand | None = None
    network: RoadLayer | None = None
    grid: GridLayer | None = None

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _file: Path | None = PrivateAttr(default=None)
    _given: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def folder(self) -> Path:
        """The folder that relative files resolve against, and that no file leaves."""
        return self._folder

    @property
    def file(self) -> Path | None:
        """The scenario file, if it was read from one."""
        return self._file

    def path(self, file: str) -> Path:
        """Resolve a file that the scenario names.

        Parameters
        ----------
        file
            As written in the scenario.

        Raises
        ------
        InputError
            It lies outside the scenario's folder and was not given on the command line, or cannot be a file.
        """
        try:
            path = (self.folder / file).resolve()
        except (OSError, RuntimeError):  # RuntimeError before Python 3.13
            raise InputError(Fault("cannot be read: is a link in a circle", file=file)) from None
        except ValueError as error:
            raise InputError(Fault(f"cannot be a file: {error}", file=file)) from None
        if file not in self._given and not path.is_relative_to(self.folder.resolve()):
            raise InputError(Fault("lies outside the scenario's folder", file=file))
        return path

    def located(self, folder: Path, file: Path | None = None, given: frozenset[str] = frozenset()) -> Self:
        """Say where the files are: the scenario's folder, its file, and the paths given by hand."""
        self._folder, self._file, self._given = folder, file, given
        return self
