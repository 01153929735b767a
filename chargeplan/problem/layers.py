"""All layers of a scenario, read and checked together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import Fault, InputError
from chargeplan.prepare import features as geometry
from chargeplan.prepare.candidates import forbid_inside, join, layer_sites
from chargeplan.prepare.candidates_made import made_sites
from chargeplan.prepare.candidates_table import Kind
from chargeplan.prepare.corridors import read_corridor, read_network
from chargeplan.prepare.demand import demand_points
from chargeplan.prepare.existing.sites import read_existing
from chargeplan.prepare.extent import note_swapped
from chargeplan.prepare.grid import note_unknown, read_substations
from chargeplan.prepare.people import read_people
from chargeplan.problem.datums import shifted_layers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    import numpy.typing as npt

    from chargeplan.prepare.features import Features
    from chargeplan.prepare.files import Files
    from chargeplan.prepare.grid import Substations
    from chargeplan.prepare.points import Points, Sites
    from chargeplan.prepare.roads import RoadNetwork
    from chargeplan.scenario import GridLayer, Inputs, Layer

    Polygons: TypeAlias = npt.NDArray[np.object_]
    SiteTable: TypeAlias = tuple[Features, Sites]


@dataclass(frozen=True, eq=False)
class Table:
    """Demand points with all columns of their layer, for selections."""

    points: Points
    columns: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Corridor:
    """A corridor: its network, and its pieces with all their columns."""

    network: RoadNetwork
    pieces: gpd.GeoDataFrame


@dataclass
class Layers:
    """What the layers of a scenario hold; a layer with faults is absent."""

    demand: dict[str, Table] = field(default_factory=dict)
    corridors: dict[str, Corridor] = field(default_factory=dict)
    sites: Sites | None = None
    network: RoadNetwork | None = None
    substations: Substations | None = None
    borders: gpd.GeoDataFrame | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubtful: list[Fault] = field(default_factory=list)


def read_layers(inputs: Inputs, files: Files) -> tuple[Layers, list[Fault]]:
    """Read all layers, and note what is wrong with any of them.

    Parameters
    ----------
    inputs
        The scenario's tables that name layers.
    files
        Opens their files.
    """
    reading = _Reading(files)
    reading.demand(inputs)
    reading.grid(inputs)
    reading.sites(inputs)
    reading.corridors(inputs)
    reading.network(inputs)
    reading.borders(inputs)
    reading.people(inputs)
    reading.datums(inputs)
    return reading.layers, reading.finish()


_COLUMN_KEYS = {
    *("id", "weight", "district", "status", "kind", "cost", "room"),
    *("substation", "keep", "close", "spare_kw"),
}


class _Reading:
    """Reads layer by layer and goes on after faults."""

    def __init__(self, files: Files) -> None:
        self.layers = Layers()
        self._files = files
        self._areas: dict[str, gpd.GeoDataFrame] = {}
        self._placed: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        self._features: list[Features] = []
        self._faults: list[Fault] = []

    def finish(self) -> list[Fault]:
        """Look at all layers together, and hand out every fault."""
        note_swapped([features for features in self._features if not features.faults.found])
        self.layers.doubtful.extend(doubt for each in self._features for doubt in each.faults.doubtful)
        return self._faults + [fault for features in self._features for fault in features.faults.found]

    def demand(self, inputs: Inputs) -> None:
        for layer in inputs.demand:
            if features := self._load(layer, layer.name, geometry.POINTS):
                table = Table(demand_points(layer, features), features.frame.drop(columns="geometry"))
                if self._sound(features):
                    self.layers.demand[layer.name] = table
                    self._placed["demand", layer.name] = table.points.positions

    def sites(self, inputs: Inputs) -> None:
        kinds = {name: Kind(kind.cost, kind.room or np.inf) for name, kind in inputs.kinds.items()}
        read = [(layer, self._load(layer, layer.name, geometry.POINTS)) for layer in inputs.sites]
        given = [(features, layer_sites(layer, features, kinds)) for layer, features in read if features]
        self._connect(inputs, given)
        areas = self._excluded(inputs)
        made = self._candidates(inputs, kinds, areas)
        standing = self._existing(inputs)
        tables = [*given, *made, *(standing or ())]
        if not tables:
            if standing is not None and not self._faults:
                none = "there is no site: no station of [[existing]] counts; " + "; ".join(self.layers.notes)
                self._faults.append(Fault(none))
            return
        sites = join(tables)
        self._placed |= {("sites", features.name): each.positions for features, each in tables}
        whole = len(given) == len(inputs.sites) and len(made) == len(inputs.candidates)
        if whole and standing is not None and all(self._sound(features) for features, _ in tables):
            self.layers.sites = sites if areas is None else self._forbid(sites, areas, tables)
            self._note_unused(kinds, sites)

    def corridors(self, inputs: Inputs) -> None:
        for layer in inputs.corridors:
            features = self._load(layer, layer.name, geometry.LINES)
            if features and self._sound(features):
                network = read_corridor(layer, features)
                self._warn_of_parts(f"corridor {layer.name}", network)
                self.layers.corridors[layer.name] = Corridor(network, features.frame)
                self._placed["corridors", layer.name] = shapely.get_coordinates(features.frame.geometry.array)

    def network(self, inputs: Inputs) -> None:
        if inputs.network is None:
            return
        features = self._load(inputs.network, "network", geometry.LINES)
        if features and self._sound(features) and (network := read_network(features)):
            self._warn_of_parts("the network", network)
            self.layers.network = network

    def grid(self, inputs: Inputs) -> None:
        if inputs.grid is None:
            return
        features = self._load(inputs.grid, "grid", geometry.POINTS)
        if features:
            substations = read_substations(inputs.grid, features)
            if self._sound(features):
                self.layers.substations = substations
                self.layers.warnings.extend(_unlimited(inputs.grid, substations))

    def borders(self, inputs: Inputs) -> None:
        read = {layer.name: self._load(layer, layer.name, geometry.POLYGONS) for layer in inputs.areas}
        self._areas = {
            name: features.frame for name, features in read.items() if features and self._sound(features)
        }
        if frames := list(self._areas.values()):
            self.layers.borders = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=geometry.WGS84)

    def people(self, inputs: Inputs) -> None:
        """Make demand of people, once the areas are there that they may have to live in."""
        layer = inputs.people
        if layer is None or (layer.area is not None and layer.area not in self._areas):
            return
        try:
            area = None if layer.area is None else self._areas[layer.area]
            made = read_people(layer, inputs.ev, self._files, area)
        except InputError as error:
            self._faults.extend(error.faults)
            return
        self._take(layer, made.features)
        self.layers.notes.extend(made.notes)
        columns = made.features.frame.drop(columns="geometry")
        self.layers.demand[layer.name] = Table(made.points, columns)
        self._placed["demand", layer.name] = made.points.positions

    def datums(self, inputs: Inputs) -> None:
        """Look at where everything lies, once the roads are there that it should lie beside."""
        roads = None if self.layers.network is None else self.layers.network.lines
        self.layers.warnings.extend(shifted_layers(inputs, self._placed, roads))

    def _candidates(
        self, inputs: Inputs, kinds: Mapping[str, Kind], areas: Polygons | None
    ) -> list[SiteTable]:
        made = []
        for rule in inputs.candidates:
            try:
                features, sites, notes = made_sites(rule, self._files, kinds, areas)
            except InputError as error:
                self._faults.extend(error.faults)
                continue
            self._take(rule, features)
            self.layers.notes.extend(notes)
            made.append((features, sites))
        return made

    def _existing(self, inputs: Inputs) -> list[SiteTable] | None:
        """Read the stations of all sources; None where any has faults."""
        if not inputs.existing:
            return []
        try:
            read, doubts, notes, doubtful = read_existing(inputs.existing, self._files)
        except InputError as error:
            self._faults.extend(error.faults)
            return None
        self._features.extend(features for features, _ in read)
        self.layers.warnings.extend(doubts)
        self.layers.notes.extend(notes)
        self.layers.doubtful.extend(doubtful)
        return read

    def _connect(self, inputs: Inputs, given: list[SiteTable]) -> None:
        """Look whether there are the substations that sites name."""
        if self.layers.substations is None:
            return
        columns = {layer.name: layer.substation or "substation" for layer in inputs.sites}
        for features, sites in given:
            note_unknown(self.layers.substations, sites, features, columns[features.name])

    def _note_unused(self, kinds: Mapping[str, Kind], sites: Sites) -> None:
        for kind in sorted(kinds.keys() - set(sites.kind)):
            self.layers.warnings.append(f"[kinds.{kind}]: no site is of this kind")

    def _excluded(self, inputs: Inputs) -> Polygons | None:
        read = [self._load(layer, "exclude", geometry.POLYGONS) for layer in inputs.exclude]
        parts = [np.asarray(features.frame.geometry.array) for features in read if features]
        return np.concatenate(parts) if parts else None

    def _forbid(self, sites: Sites, areas: Polygons, tables: list[SiteTable]) -> Sites:
        forbidden, standing = forbid_inside(sites, areas)
        if count := int(standing.sum()):
            stay = f"existing or required sites in excluded areas, which stay: {count:,}"
            self.layers.warnings.append(stay)
        ends = np.cumsum([len(each) for _, each in tables])
        for (features, each), stays in zip(tables, np.split(standing, ends[:-1]), strict=True):
            _doubt_standing(features, each, stays)
        return forbidden

    def _load(self, layer: Layer, name: str, kinds: tuple[str, ...]) -> Features | None:
        try:
            features = geometry.load(layer, name, self._files.open, kinds)
        except InputError as error:
            self._faults.extend(error.faults)
            return None
        self._take(layer, features)
        self.layers.warnings.extend(_unread(layer, features))
        return features

    def _take(self, layer: Layer, features: Features) -> None:
        self._features.append(features)
        self.layers.warnings.extend(f"{layer.file}: {remark}" for remark in features.remarks)

    def _warn_of_parts(self, what: str, network: RoadNetwork) -> None:
        if (parts := network.parts()) > 1:
            meet = "lines meet where they share a vertex"
            self.layers.warnings.append(f"{what} is in {parts:,} parts that no road connects; {meet}")

    @staticmethod
    def _sound(features: Features) -> bool:
        return not features.faults.found


def _doubt_standing(features: Features, sites: Sites, stays: npt.NDArray[np.bool_]) -> None:
    says = "lies in an excluded area, and stays"
    features.faults.doubt_rows(stays, features.rows, lambda at: f"{sites.ids[at]} {says}")


def _unlimited(layer: GridLayer, substations: Substations) -> list[str]:
    count = int(np.isinf(substations.spare_kw).sum())
    says = f"{layer.file}: substations whose kW to spare are not stated, which limit nothing"
    return [f"{says}: {count:,} of {len(substations):,}"] if count else []


def _unread(layer: Layer, features: Features) -> list[str]:
    """Name columns that are a key's but for capitals: they are not read, and somebody may think they are."""
    columns = [str(name) for name in features.frame.columns]
    keys = type(layer).model_fields.keys() & _COLUMN_KEYS
    silent = [key for key in sorted(keys) if getattr(layer, key) is None and key not in columns]
    return [
        f'{layer.file}: the column {name!r} is not read as {key}; to have it read, say {key} = "{name}"'
        for key in silent
        for name in columns
        if name.casefold() == key
    ]
