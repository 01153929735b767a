"""The problem: a scenario's data, read, checked, turned into arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chargeplan.errors import Fault, InputError
from chargeplan.problem.charging import read_charging, with_connections
from chargeplan.problem.files import LayerFiles
from chargeplan.problem.frames import GivenFrames, name_standards
from chargeplan.problem.layers import Layers, read_layers
from chargeplan.problem.standards import build_standards
from chargeplan.problem.unplanned import unplanned
from chargeplan.scenario import Inputs, Scenario, read_leniently

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from typing import Self

    import geopandas as gpd

    from chargeplan.prepare.points import Sites
    from chargeplan.problem.charging import Charging
    from chargeplan.problem.frames import Frames
    from chargeplan.problem.model import InputFile, Standard
    from chargeplan.scenario import Objective, StandardSpec

_OF_LAYERS = frozenset(Inputs.model_fields) | {"schema"}


@dataclass(frozen=True, init=False, eq=False)
class Problem:
    """Everything that is known: sites, standards with their demand points, and where it all came from.

    Parameters
    ----------
    demand, sites
        Point or polygon layers: a GeoDataFrame, or several by name. Columns ``id``, ``weight``, ``district``
        and ``id``, ``status``, ``kind``, ``cost``, ``room`` are used where they are there.
    standards
        Tables as in a scenario file, such as ``{"radius": "1 km"}``. A radius may also be a number of metres;
        a standard without a name is called ``"standard-1"``, ..., and one that names no layer is about the
        only demand layer.
    objective
        As in a scenario file: ``{"minimise": "cost"}``.
    corridors, network, areas, exclude
        Line and polygon layers, as GeoDataFrames; corridors and areas also by name.
    tables
        Other keys and tables of a scenario file: `name`, `title`, `source`, `chargers`, `mix`, `sizing`,
        `grid`, `periods`, `phasing`, `solve`.

    Attributes
    ----------
    scenario
        What is asked.
    name
        The scenario's name.
    sites
        All sites.
    standards
        The standards that this release plans, in the scenario's order.
    charging
        What is known of chargers, or None where the scenario has no ``[[chargers]]``.
    lines
        The corridors' pieces by corridor, in WGS-84.
    borders
        The polygons of ``[[areas]]``, in WGS-84, or None.
    inputs
        The files that were read.
    warnings
        What is doubtful, a line each.
    doubtful
        The rows that warnings are about, where those are demand points, sites or stations, with their places.
    notes
        How much of what was read is kept, put together or left out, and why, a line each.
    not_planned
        What the scenario asks for that is not in this release, a line each.

    Raises
    ------
    InputError
        With every fault of what was given.
    """

    scenario: Scenario = field(repr=False)
    name: str
    sites: Sites = field(repr=False)
    standards: tuple[Standard, ...]
    charging: Charging | None = field(repr=False)
    lines: Mapping[str, gpd.GeoDataFrame] = field(repr=False)
    borders: gpd.GeoDataFrame | None = field(repr=False)
    inputs: tuple[InputFile, ...] = field(repr=False)
    warnings: tuple[str, ...]
    doubtful: tuple[Fault, ...] = field(repr=False)
    notes: tuple[str, ...]
    not_planned: tuple[str, ...]
    _layers: Layers = field(repr=False)
    _files: LayerFiles = field(repr=False)

    def __init__(
        self,
        *,
        demand: Frames,
        sites: Frames,
        standards: Iterable[StandardSpec | Mapping[str, Any]],
        objective: Objective | Mapping[str, Any],
        corridors: Frames | None = None,
        network: gpd.GeoDataFrame | None = None,
        areas: Frames | None = None,
        exclude: gpd.GeoDataFrame | None = None,
        **tables: Any,
    ) -> None:
        given = GivenFrames(
            {
                "demand": demand,
                "sites": sites,
                "corridors": corridors,
                "network": network,
                "areas": areas,
                "exclude": exclude,
            }
        )
        scenario = given.scenario(standards, {"objective": objective, **tables})
        self._fill(scenario, given, *read_layers(scenario, given))

    @classmethod
    def read(cls, scenario: Scenario | str | PathLike[str]) -> Self:
        """Read a scenario and everything it names.

        Parameters
        ----------
        scenario
            A scenario, a scenario file, or a folder that holds ``scenario.toml``.

        Raises
        ------
        InputError
            With every fault of the scenario file and of the layers and tables that it names.
        """
        if isinstance(scenario, Scenario):
            files = LayerFiles(scenario)
            return cls._of(scenario, files, *read_layers(scenario, files))
        asked, sound, faults = read_leniently(scenario)
        files = LayerFiles(sound)
        layers, more = read_layers(sound, files)
        if asked is None:
            raise InputError(faults + more)
        return cls._of(asked, files, layers, more)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Names of required standards that this release leaves out: nobody can call them met."""
        planned = {standard.name for standard in self.standards}
        return tuple(
            spec.name for spec in self.scenario.standards if spec.required and spec.name not in planned
        )

    def replace(self, **tables: Any) -> Self:
        """Ask something else about the same layers.

        Parameters
        ----------
        tables
            Keys and tables of the scenario file that name no layer: `objective`, `standards`, `name`,
            `title`, `source`, `chargers`, `mix`, `sizing`, `periods`, `phasing`, `solve`.

        Raises
        ------
        InputError
            With every fault of the changed scenario.
        """
        if layers := sorted(_OF_LAYERS & tables.keys()):
            raise InputError(f"{', '.join(layers)}: layers are not replaced; read another problem")
        if "standards" in tables:
            people = self.scenario.people
            names = [layer.name for layer in (*self.scenario.demand, *([people] if people else []))]
            tables["standards"] = name_standards(tables["standards"], names)
        return self._of(self.scenario.replace(**tables), self._files, self._layers, [])

    def urban_centres(self, people: str | None = None, plane: object = None) -> gpd.GeoDataFrame:
        """List the urban centres, by the degree of urbanisation (Eurostat 2021), of every demand layer.

        Demand points at most 1 km apart give true figures: those of coarser cells pile up in one cell.

        Parameters
        ----------
        people
            The column that counts people; ``"people"`` where left out. Layers without it are passed over.
        plane
            The equal-area CRS in metres whose whole kilometres bound the 1 km2 cells, such as
            ``"EPSG:3035"``; one around the region where left out.

        Returns
        -------
        GeoDataFrame
            `layer`, `centre` (from 1, the most people first), `districts` (a tuple: the demand points'
            districts, else the polygons of ``[[areas]]`` by name, that hold at least 1 % of its people),
            `people`, `area_km2`, `per_km2`; the outline in WGS-84.

        Raises
        ------
        InputError
            No layer has the column, it holds something else than numbers of at least 0, or the plane is none.
        """
        from chargeplan.problem.urban import urban_centres  # noqa: PLC0415 - loads when it is needed

        return urban_centres(self.scenario, self._layers, people, plane)

    @classmethod
    def _of(cls, scenario: Scenario, files: LayerFiles, layers: Layers, faults: list[Fault]) -> Self:
        self = cls.__new__(cls)
        self._fill(scenario, files, layers, faults)
        return self

    def _fill(self, scenario: Scenario, files: LayerFiles, layers: Layers, faults: list[Fault]) -> None:
        standards, warnings, more = build_standards(scenario, layers, files.table)
        charging, doubts, wrong = read_charging(scenario, layers)
        if faults or more or wrong:
            raise InputError(faults + more + wrong)
        files.release()
        values = {
            "scenario": scenario,
            "name": scenario.name,
            "sites": None
            if layers.sites is None
            else with_connections(layers.sites, charging, scenario.grid),
            "standards": standards,
            "charging": charging,
            "lines": {name: corridor.pieces for name, corridor in layers.corridors.items()},
            "borders": layers.borders,
            "inputs": files.inputs(),
            "warnings": (*layers.warnings, *warnings, *doubts),
            "doubtful": tuple(layers.doubtful),
            "notes": tuple(layers.notes),
            "not_planned": unplanned(scenario),
            "_layers": layers,
            "_files": files,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
