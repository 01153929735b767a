"""What the preparation asks of whoever opens a scenario's files: each is read once, and by its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from chargeplan.scenario import Layer


class Files(Protocol):
    """Opens the files that a scenario names."""

    def open(self, layer: Layer) -> gpd.GeoDataFrame:
        """Open a layer as it stands."""

    def read(self, file: str, reader: Callable[[Path], gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
        """Have a file read that is no layer, or not only."""
