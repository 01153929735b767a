"""The files that a scenario names, each read once, with their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.io.files import digest
from chargeplan.io.layers import read_layer
from chargeplan.io.tables import read_table
from chargeplan.problem.model import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

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

    def read(self, file: str, reader: Callable[[Path], gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
        """Have a file read that is no layer, or not only."""
        path = self._inputs.path(file)
        found = reader(path)
        self._digests[file] = digest(path)
        return found

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
