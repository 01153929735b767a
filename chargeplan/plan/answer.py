"""The plan as an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.plan.record import PlanRecord
    from chargeplan.problem import Problem


@dataclass(frozen=True)
class StandardResult:
    """What a plan achieves of one service standard.

    Parameters
    ----------
    name
        Of the standard.
    radius_m, metric, strict, required
        As the scenario says.
    stations, target_share
        How many stations have to serve a demand point, and the share of the weight asked for.
    weight, weight_covered, share
        Of all its demand points; served; the ratio.
    max_distance_m
        From the farthest demand point to the last of the stations it needs; None where one cannot reach them.
    met
        Whether the promise is kept.
    covered
        (N,) bool, by demand point.
    station
        (N,) index of the nearest open station's site, -1 where none can be reached.
    distance_m
        (N,) metres to it by the standard's metric; nan where there is none.
    coverable
        (N,) bool, whether enough permitted sites lie within the radius, open or not.
    area_share
        Share of an area within the radius; None without one.
    """

    name: str
    radius_m: float
    metric: str
    strict: bool
    required: bool
    stations: int
    target_share: float
    weight: float
    weight_covered: float
    share: float
    max_distance_m: float | None
    met: bool
    covered: NDArray[np.bool_]
    station: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    coverable: NDArray[np.bool_]
    area_share: float | None = None

    @property
    def demand_points(self) -> int:
        """How many demand points the standard has."""
        return int(self.covered.size)


@dataclass(frozen=True)
class Plan:
    """The answer to a problem.

    Parameters
    ----------
    record
        What plan.json says.
    problem
        What was asked; None for a plan read from a folder.
    open
        (M,) bool, the sites with a station.
    standards
        What it achieves, one by one.
    certificate
        What certificate.json says.
    folder_files
        The files of the folder it was read from, None for a plan just made.
    site_columns
        What the table of sites says of each beside what it is: (M,) by name.
    phases
        (T, M) bool, the sites with a station by the end of each period; None without periods.
    """

    record: PlanRecord
    problem: Problem | None
    open: NDArray[np.bool_]
    standards: tuple[StandardResult, ...]
    certificate: Mapping[str, Any]
    folder_files: Mapping[str, bytes] | None = field(default=None, repr=False)
    site_columns: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    phases: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def status(self) -> str:
        """``"optimal"``, ``"feasible"``, ``"infeasible"`` or ``"stopped"``."""
        return self.record.status

    @property
    def sense(self) -> str:
        """``"min"`` or ``"max"``."""
        return self.record.sense

    @property
    def objective(self) -> float | None:
        """Cost, number of stations, or weight served; or metres, where the objective is about distances."""
        return self.record.objective

    @property
    def bound(self) -> float | None:
        """Best proven bound on the objective."""
        return self.record.bound

    @property
    def gap(self) -> float | None:
        """``abs(objective - bound) / max(abs(objective), 1e-9)``."""
        return self.record.gap

    @property
    def bound_kind(self) -> str | None:
        """How the bound is proven."""
        return self.record.bound_kind

    @property
    def seconds(self) -> Mapping[str, float]:
        """Time by stage."""
        return self.record.seconds

    @property
    def reproducible(self) -> bool:
        """Whether the same seed gives the same plan: false when the clock or a person cut the run."""
        return self.record.reproducible

    @property
    def met(self) -> bool:
        """Whether every required standard is met, chargers included; one that is left out is not."""
        planned = all(standard.met for standard in self.standards if standard.required)
        return planned and not self.unmeasured and not self.short_of_chargers

    @property
    def short_of_chargers(self) -> bool:
        """Whether stations have fewer chargers than are asked for, where that is required."""
        sizing = self.record.sizing
        return sizing is not None and sizing.required and not sizing.met

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Names of required standards that this release leaves out: nobody can call them met."""
        asked = self.record.provenance.scenario.get("standards", [])
        left_out = [spec["name"] for spec in asked if spec["name"] not in self.record.standards]
        required = {spec["name"] for spec in asked if spec.get("required", True)}
        return tuple(name for name in left_out if name in required)

    @cached_property
    def stations(self) -> gpd.GeoDataFrame:
        """One row per site: id, status, kind, cost and position (WGS-84)."""
        return self._table("sites")

    @cached_property
    def demand(self) -> gpd.GeoDataFrame:
        """One row per demand point and standard: covered or not, by which station, how far (WGS-84)."""
        return self._table("demand")

    def summary(self) -> str:
        """Say in a few lines what the plan achieves and how good it provably is."""
        from chargeplan.plan.wording import summary  # noqa: PLC0415

        return summary(self)

    def files(self, formats: Sequence[str] = ("geojson",)) -> Mapping[str, bytes]:
        """Build every file of the plan folder but plan.json, by name.

        Parameters
        ----------
        formats
            Of the tables; GeoJSON is always among the files.
        """
        from chargeplan.plan.files import build_files  # noqa: PLC0415 - draws the map

        return build_files(self, formats) if self.folder_files is None else self.folder_files

    def write(self, folder: str | os.PathLike[str], formats: Sequence[str] = ("geojson",)) -> None:
        """Write the plan folder, whole or not at all.

        Parameters
        ----------
        folder
            Made if it is not there. Only files that a plan.json in it names are replaced.
        formats
            ``"geojson"`` and any of ``"gpkg"``, ``"parquet"``, ``"fgb"``.

        Raises
        ------
        InputError
            A file of another origin stands where one of the plan's must go, or a format is unknown.
        """
        from chargeplan.io.plan_folder import write_folder  # noqa: PLC0415

        write_folder(
            folder, self.files(formats), self.record.model_dump(mode="json", by_alias=True, exclude={"files"})
        )

    def _table(self, name: str) -> gpd.GeoDataFrame:
        from chargeplan.plan.tables import read_table, tables  # noqa: PLC0415

        return (
            tables(self)[name]
            if self.folder_files is None
            else read_table(self.folder_files[f"{name}.geojson"])
        )
