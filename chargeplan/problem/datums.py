"""Layers that look as if their datum were another one than is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.prepare.shifted import looks_shifted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    import numpy.typing as npt

    from chargeplan.prepare.polylines import Polylines
    from chargeplan.scenario import Inputs, NamedLayer

    Key: TypeAlias = tuple[str, str]
    Positions: TypeAlias = npt.NDArray[np.float64]


def shifted_layers(inputs: Inputs, placed: Mapping[Key, Positions], roads: Polylines | None) -> Iterator[str]:
    """Say which layers look shifted.

    Parameters
    ----------
    inputs
        The scenario's tables.
    placed
        (N, 2) positions of each layer that was read, by ``"demand"``, ``"sites"`` or ``"corridors"`` and its
        name: of its demand points or sites, or of the corners of its lines.
    roads
        The lines of the network, beside which all that should lie; without it, existing stations are held
        against those of the other sources.
    """
    for what, layer in _telling(inputs):
        key = (what, layer.name)
        if key not in placed:
            continue
        among = _other_stations(key, inputs, placed) if roads is None else roads
        remark = looks_shifted(placed[key], among, layer.datum, name=f"{layer.file}: {layer.name}")
        if remark is not None:
            yield remark


def _telling(inputs: Inputs) -> Iterator[tuple[str, NamedLayer]]:
    """List the layers whose places lie at roads: a grid's do not, nor do schematic lines."""
    made = (rule for rule in inputs.candidates if rule.method != "grid")
    people = inputs.people
    dwellers = [] if people is None or people.is_raster or people.cell is not None else [people]
    surveyed = (corridor for corridor in inputs.corridors if corridor.length_factor == 1.0)
    yield from (("demand", layer) for layer in (*inputs.demand, *dwellers))
    yield from (("sites", layer) for layer in (*inputs.sites, *made, *inputs.existing))
    yield from (("corridors", layer) for layer in surveyed)


def _other_stations(key: Key, inputs: Inputs, placed: Mapping[Key, Positions]) -> Positions:
    """(K, 2) positions of the stations of all sources but one; none where that is no source of stations."""
    sources = [("sites", layer.name) for layer in inputs.existing if ("sites", layer.name) in placed]
    others = [placed[source] for source in sources if source != key and key in sources]
    return np.concatenate([np.empty((0, 2)), *others])
