"""Layers of sites that look as if their datum were another one than is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.prepare.shifted import looks_shifted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from chargeplan.prepare.points import Sites
    from chargeplan.prepare.polylines import Polylines
    from chargeplan.scenario import Inputs


def shifted_layers(inputs: Inputs, placed: Mapping[str, Sites], roads: Polylines | None) -> Iterator[str]:
    """Say which layers of sites look shifted.

    Parameters
    ----------
    inputs
        The scenario's tables.
    placed
        The sites of each layer that was read, by its name.
    roads
        The lines of the network, beside which sites should lie; without it, existing stations are held
        against those of the other sources.
    """
    grids = {rule.name for rule in inputs.candidates if rule.method == "grid"}
    for layer in (*inputs.sites, *inputs.candidates, *inputs.existing):
        if layer.name not in placed or layer.name in grids:
            continue
        among = _other_stations(layer.name, inputs, placed) if roads is None else roads
        remark = looks_shifted(
            placed[layer.name].positions, among, layer.datum, name=f"{layer.file}: {layer.name}"
        )
        if remark is not None:
            yield remark


def _other_stations(name: str, inputs: Inputs, placed: Mapping[str, Sites]) -> npt.NDArray[np.float64]:
    """(K, 2) positions of the stations of all sources but one; none where that is no source of stations."""
    sources = [layer.name for layer in inputs.existing if layer.name in placed]
    others = [placed[source].positions for source in sources if source != name and name in sources]
    return np.concatenate([np.empty((0, 2)), *others])
