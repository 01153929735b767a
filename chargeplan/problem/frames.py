"""Layers given in Python instead of files."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
from pydantic import BaseModel

from chargeplan.errors import Fault, InputError
from chargeplan.problem.files import LayerFiles
from chargeplan.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from chargeplan.scenario import Layer, StandardSpec

    Frames: TypeAlias = gpd.GeoDataFrame | Mapping[str, gpd.GeoDataFrame]

_ONCE = ("network",)
_NAMED = ("demand", "sites", "corridors", "areas")


class GivenFrames(LayerFiles):
    """GeoDataFrames in the place of a scenario's layers; what other tables name are files all the same."""

    def __init__(self, layers: Mapping[str, Frames | None]) -> None:
        self.tables: dict[str, Any] = {}
        self._given: dict[str, gpd.GeoDataFrame] = {}
        for table, frames in layers.items():
            if frames is not None:
                self._add(table, frames)

    def scenario(
        self, standards: Iterable[StandardSpec | Mapping[str, Any]], tables: Mapping[str, Any]
    ) -> Scenario:
        """Ask about these layers; the files that other tables name may lie anywhere."""
        named = name_standards(standards, [layer["name"] for layer in self.tables["demand"]])
        asked = Scenario.parse({"schema": 1, "name": "problem", **tables, **self.tables, "standards": named})
        files = {spec.matrix for spec in asked.standards if spec.matrix}
        files |= {layer.file for layer in (*asked.existing, *asked.candidates)}
        files |= {layer.file for layer in (asked.people, asked.grid) if layer}
        asked = asked.located(Path.cwd(), given=frozenset(files))
        super().__init__(asked)
        return asked

    def open(self, layer: Layer) -> gpd.GeoDataFrame:
        """Hand out a layer, or open the file of a table that makes one."""
        return self._given[layer.file] if layer.file in self._given else super().open(layer)

    def release(self) -> None:
        """Let go of the frames, once all are read."""
        super().release()
        self._given.clear()

    def _add(self, table: str, frames: Frames) -> None:
        named = frames if isinstance(frames, Mapping) else {table: frames}
        rows = []
        for name, frame in named.items():
            file = f"<{table}>" if name == table else f"<{table} {name}>"
            if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
                raise InputError(Fault("is not a GeoDataFrame with geometry", file=file))
            self._given[file] = frame.reset_index(drop=True)
            rows.append({"file": file, "name": name} if table in _NAMED else {"file": file})
        self.tables[table] = rows[0] if table in _ONCE else rows


def name_standards(
    standards: Iterable[StandardSpec | Mapping[str, Any]], demand: list[str]
) -> list[dict[str, Any]]:
    """Complete standards given in Python.

    Parameters
    ----------
    standards
        Models, or tables in which the radius may be a number of metres, the name may be missing, and so may
        the layer where there is only one demand layer.
    demand
        The names of the demand layers.
    """
    return [_complete(standard, number, demand) for number, standard in enumerate(standards, 1)]


def _complete(standard: StandardSpec | Mapping[str, Any], number: int, demand: list[str]) -> dict[str, Any]:
    given = standard.model_dump(exclude_unset=True) if isinstance(standard, BaseModel) else standard
    table = {"name": f"standard-{number}", **given}
    if isinstance(radius := table.get("radius"), Real):
        table["radius"] = f"{float(radius)!r} m"
    if len(demand) == 1 and not {"demand", "corridor", "area"} & table.keys():
        table["demand"] = demand[0]
    return table
