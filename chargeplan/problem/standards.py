"""Standards: from what a scenario promises to demand points, roads and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.corridors import corridor_points
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.where import select
from chargeplan.problem.matrix import arrange, read_distances, too_short
from chargeplan.problem.model import RoadAccess, Standard
from chargeplan.problem.unplanned import unplanned_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import numpy.typing as npt
    import pandas as pd
    from scipy.sparse import csr_array

    from chargeplan.prepare.points import Points, Sites
    from chargeplan.prepare.roads import Entrances, RoadNetwork
    from chargeplan.problem.layers import Corridor, Layers, Table
    from chargeplan.problem.matrix import Distances
    from chargeplan.scenario import Scenario, StandardSpec

    OpenTable: TypeAlias = Callable[[str], pd.DataFrame]


class _Served(NamedTuple):
    """The points of a standard and, by road, where they enter which network."""

    points: Points
    network: RoadNetwork | None = None
    entrances: Entrances | None = None


def build_standards(
    scenario: Scenario, layers: Layers, open_table: OpenTable
) -> tuple[tuple[Standard, ...], list[str], list[Fault]]:
    """Build every standard whose layers are sound.

    Parameters
    ----------
    scenario
        What is asked.
    layers
        What its layers hold.
    open_table
        Opens a distance table.

    Returns
    -------
    tuple of Standard
        Those on demand layers and on corridors; areas are not in this release.
    list of str
        Warnings.
    list of Fault
        What is wrong with selections and tables.
    """
    building = _Building(layers, open_table, str(scenario.file or "scenario"))
    standards = [building.standard(spec) for spec in scenario.standards]
    asked = {spec.demand for spec in scenario.standards}
    idle = (name for name in layers.demand if name not in asked)
    building.warnings += [f"demand {name}: no standard is about it" for name in idle]
    return tuple(filter(None, standards)), building.warnings, building.faults


class _Building:
    """Builds standard by standard and goes on after faults."""

    def __init__(self, layers: Layers, open_table: OpenTable, scenario: str) -> None:
        self.warnings: list[str] = []
        self.faults: list[Fault] = []
        self._layers = layers
        self._open_table = open_table
        self._scenario = scenario

    def standard(self, spec: StandardSpec) -> Standard | None:
        """Build a standard; None where something is wrong, or where it has no points in this release."""
        served = self._served(spec)
        distances = self._distances(spec) if spec.matrix else None
        sites = self._layers.sites
        if served is None or sites is None or (spec.matrix and distances is None):
            return None
        return Standard(
            name=spec.name,
            points=served.points,
            radius=spec.radius_m,
            strict=spec.strict,
            metric=cast("Literal['geodesic', 'road', 'matrix']", spec.measured_by),
            share=spec.share,
            stations=spec.stations,
            required=spec.required,
            access=_access(served, sites),
            matrix=None if distances is None else self._matrix(spec, distances, served.points, sites),
            corridor=spec.corridor,
            not_planned=unplanned_parts(spec),
        )

    def _served(self, spec: StandardSpec) -> _Served | None:
        try:
            if spec.demand in self._layers.demand:
                return self._on_demand(spec, self._layers.demand[spec.demand])
            if spec.corridor in self._layers.corridors:
                return _on_corridor(spec, self._layers.corridors[spec.corridor])
        except InputError as error:
            self._note(spec, str(error))
        return None  # told already, or an area

    def _on_demand(self, spec: StandardSpec, table: Table) -> _Served:
        points = table.points.take(_selected(spec, table.columns))
        network = self._layers.network if spec.measured_by == "road" else None
        return _Served(points, network, None if network is None else network.snap(points.positions))

    def _distances(self, spec: StandardSpec) -> Distances | None:
        assert spec.matrix is not None
        faults = Faults(spec.matrix, spec.name)
        try:
            distances = read_distances(self._open_table(spec.matrix), faults)
        except InputError as error:
            faults.adopt(error)
        self.faults += faults.found
        return None if faults.found else distances

    def _matrix(self, spec: StandardSpec, distances: Distances, points: Points, sites: Sites) -> csr_array:
        assert spec.demand is not None
        layer = self._layers.demand[spec.demand].points
        table, strangers = arrange(distances, points.ids, sites.ids, layer.ids)
        if table.nnz == 0:
            self.faults.append(Fault("names no pair of a demand point and a site", spec.matrix, spec.name))
        if short := too_short(table, points.positions, sites.positions):
            self.warnings.append(f"{spec.matrix}: {short}")
        for kind, ids in strangers.items():
            if len(ids):
                lost = f"{kind} ids that are in no layer, left out: {len(ids):,}, such as {ids[0]!r}"
                self.warnings.append(f"{spec.matrix}: {lost}")
        return table

    def _note(self, spec: StandardSpec, message: str) -> None:
        self.faults.append(Fault(f"[[standards]] ({spec.name}), {message}", self._scenario))


def _on_corridor(spec: StandardSpec, corridor: Corridor) -> _Served:
    assert spec.corridor is not None
    pieces = _selected(spec, corridor.pieces.drop(columns="geometry"))
    points, entrances = corridor_points(spec.corridor, corridor.network, pieces)
    on_road = spec.measured_by == "road"
    return _Served(points, corridor.network if on_road else None, entrances)


def _selected(spec: StandardSpec, columns: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if spec.where is None:
        return np.ones(len(columns), dtype=bool)
    chosen = select(columns, spec.where)
    if not chosen.any():
        raise InputError(f"where = {spec.where!r} keeps no row")
    return chosen


def _access(served: _Served, sites: Sites) -> RoadAccess | None:
    if served.network is None or served.entrances is None:
        return None
    return RoadAccess.of(served.network, served.entrances, sites.positions)
