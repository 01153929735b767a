"""All layers of a scenario, read and checked together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from chargeplan.errors import Fault, InputError
from chargeplan.io.files import digest
from chargeplan.io.layers import read_layer
from chargeplan.io.tables import read_table
from chargeplan.prepare import features as geometry
from chargeplan.prepare.candidates import forbid_inside, join, layer_sites
from chargeplan.prepare.corridors import read_corridor, read_network
from chargeplan.prepare.demand import demand_points
from chargeplan.prepare.extent import note_swapped
from chargeplan.problem.model import InputFile

if TYPE_CHECKING:
    from chargeplan.prepare.features import Features, OpenLayer
    from chargeplan.prepare.points import Points, Sites
    from chargeplan.prepare.roads import RoadNetwork
    from chargeplan.scenario import Inputs, Layer


class LayerFiles:
    """The files of a scenario, each read once, with their hashes."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._frames: dict[tuple[str, str | None], gpd.GeoDataFrame] = {}
        self._digests: dict[str, str] = {}

    def open(self, layer: Layer) -> gpd.GeoDataFrame:
        """Open a layer as it stands."""
        key = (layer.file, layer.layer)
        if key not in self._frames:
            path = self._inputs.path(layer.file)
            self._frames[key] = read_layer(path, layer.layer)
            self._digests[layer.file] = digest(path)
        return self._frames[key]

    def table(self, file: str) -> pd.DataFrame:
        """Read a CSV table as text."""
        path = self._inputs.path(file)
        table = read_table(path)
        self._digests[file] = digest(path)
        return table

    def release(self) -> None:
        """Let go of the layers as they stood, once all are read."""
        self._frames.clear()

    def inputs(self) -> tuple[InputFile, ...]:
        """List the files that were read, the scenario's own first."""
        scenario = self._inputs.file
        own = [] if scenario is None else [InputFile(scenario.name, digest(scenario))]
        return (*own, *(InputFile(name, sha256) for name, sha256 in self._digests.items()))


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
    borders: gpd.GeoDataFrame | None = None
    warnings: list[str] = field(default_factory=list)


def read_layers(inputs: Inputs, open_layer: OpenLayer) -> tuple[Layers, list[Fault]]:
    """Read all layers, and note what is wrong with any of them.

    Parameters
    ----------
    inputs
        The scenario's tables that name layers.
    open_layer
        Opens a layer as it stands.
    """
    reading = _Reading(open_layer)
    reading.demand(inputs)
    reading.sites(inputs)
    reading.corridors(inputs)
    reading.network(inputs)
    reading.borders(inputs)
    return reading.layers, reading.finish()


_COLUMN_KEYS = {"id", "weight", "district", "status", "kind", "cost", "room"}


class _Reading:
    """Reads layer by layer and goes on after faults."""

    def __init__(self, open_layer: OpenLayer) -> None:
        self.layers = Layers()
        self._open = open_layer
        self._features: list[Features] = []
        self._faults: list[Fault] = []

    def finish(self) -> list[Fault]:
        """Look at all layers together, and hand out every fault."""
        note_swapped([features for features in self._features if not features.faults.found])
        return self._faults + [fault for features in self._features for fault in features.faults.found]

    def demand(self, inputs: Inputs) -> None:
        for layer in inputs.demand:
            if features := self._load(layer, layer.name, geometry.POINTS):
                table = Table(demand_points(layer, features), features.frame.drop(columns="geometry"))
                if self._sound(features):
                    self.layers.demand[layer.name] = table

    def sites(self, inputs: Inputs) -> None:
        read = [(layer, self._load(layer, layer.name, geometry.POINTS)) for layer in inputs.sites]
        tables = [(features, layer_sites(layer, features)) for layer, features in read if features]
        areas = self._areas(inputs)
        if not tables:
            return
        sites = join(tables)
        if len(tables) == len(inputs.sites) and all(self._sound(features) for features, _ in tables):
            self.layers.sites = sites if areas is None else self._forbid(sites, areas)

    def corridors(self, inputs: Inputs) -> None:
        for layer in inputs.corridors:
            features = self._load(layer, layer.name, geometry.LINES)
            if features and self._sound(features):
                network = read_corridor(layer, features)
                self._warn_of_parts(f"corridor {layer.name}", network)
                self.layers.corridors[layer.name] = Corridor(network, features.frame)

    def network(self, inputs: Inputs) -> None:
        if inputs.network is None:
            return
        features = self._load(inputs.network, "network", geometry.LINES)
        if features and self._sound(features) and (network := read_network(features)):
            self._warn_of_parts("the network", network)
            self.layers.network = network

    def borders(self, inputs: Inputs) -> None:
        read = [self._load(layer, layer.name, geometry.POLYGONS) for layer in inputs.areas]
        frames = [features.frame for features in read if features and self._sound(features)]
        if frames:
            self.layers.borders = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=geometry.WGS84)

    def _areas(self, inputs: Inputs) -> np.ndarray[tuple[int], np.dtype[np.object_]] | None:
        read = [self._load(layer, "exclude", geometry.POLYGONS) for layer in inputs.exclude]
        parts = [np.asarray(features.frame.geometry.array) for features in read if features]
        return np.concatenate(parts) if parts else None

    def _forbid(self, sites: Sites, areas: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Sites:
        forbidden, standing = forbid_inside(sites, areas)
        if standing:
            self.layers.warnings.append(f"{standing} existing or required sites in excluded areas stay")
        return forbidden

    def _load(self, layer: Layer, name: str, kinds: tuple[str, ...]) -> Features | None:
        try:
            features = geometry.load(layer, name, self._open, kinds)
        except InputError as error:
            self._faults.extend(error.faults)
            return None
        self._features.append(features)
        self.layers.warnings.extend(f"{layer.file}: {remark}" for remark in features.remarks)
        self.layers.warnings.extend(_unread(layer, features))
        return features

    def _warn_of_parts(self, what: str, network: RoadNetwork) -> None:
        if (parts := network.parts()) > 1:
            self.layers.warnings.append(f"{what} is in {parts} parts that no road connects")

    @staticmethod
    def _sound(features: Features) -> bool:
        return not features.faults.found


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
