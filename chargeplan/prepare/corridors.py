"""Corridor and road layers to networks, and the demand points along corridors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.prepare import columns
from chargeplan.prepare.points import Points
from chargeplan.prepare.polylines import Polylines
from chargeplan.prepare.roads import Entrances, RoadNetwork, corridor_network, road_network

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.features import Features
    from chargeplan.scenario import CorridorLayer

LONGEST_STEP = 1000.0  # metres of road between neighbouring demand points of a corridor, at most

# What the lengths that a layer states may be of those of its lines, in the middle: of roads that are drawn
# coarsely, or of both carriageways at once. Feet, km, miles and degrees lie beyond.
_LEAST, _MOST = 0.4, 3.0

# Permitted directions as OpenStreetMap and road databases write them; blank is both ways.
_DIRECTIONS = (
    dict.fromkeys(["", "no", "false", "0", "b", "both"], 0)
    | dict.fromkeys(["yes", "true", "1", "f", "ft"], 1)
    | dict.fromkeys(["-1", "reverse", "t", "tf"], -1)
)
_LETTERS = frozenset({"t", "f"})  # to and from, beside b for both; by themselves also true and false


def read_corridor(layer: CorridorLayer, features: Features) -> RoadNetwork:
    """Turn a corridor layer into a network whose nodes include its demand points."""
    return corridor_network(_geometry(features), layer.length_factor, layer.interchange, LONGEST_STEP)


def corridor_points(
    name: str, network: RoadNetwork, pieces: npt.NDArray[np.bool_]
) -> tuple[Points, Entrances]:
    """Make the demand points along some pieces of a corridor.

    Parameters
    ----------
    name
        The corridor's name; ids are ``"<name>-<number>"``.
    network
        The whole corridor.
    pieces
        (F,) bool, the features of the layer that must be served.

    Returns
    -------
    Points
        One per node along the pieces, weighted by the km of road that it stands for: half of each adjoining
        step.
    Entrances
        Where they enter the network: there, without a leg.
    """
    served = pieces[network.lines.feature]
    ends = network.ends[served].T.reshape(-1)
    half = np.tile(network.lengths[served] / 2000.0, 2)
    weight = np.asarray(np.bincount(ends, half, len(network.nodes)), dtype=np.float64)
    node = np.unique(ends)
    ids = np.array([f"{name}-{number + 1}" for number in node], dtype=object)
    return Points(ids, network.nodes[node], weight[node]), Entrances.at_nodes(node)


def read_network(features: Features) -> RoadNetwork | None:
    """Turn a road layer into a network; it may have columns ``oneway`` and ``length`` (metres).

    Returns
    -------
    RoadNetwork or None
        None where the columns have faults, which are noted.
    """
    length = columns.numbers(features, None, "length", np.nan)
    oneway = _oneway(features)
    stated = "length" in features.frame.columns
    if stated and not features.faults.found:
        _check_metres(features, length)
    if features.faults.found:
        return None
    return road_network(_geometry(features), oneway, length if stated else None)


def _geometry(features: Features) -> npt.NDArray[np.object_]:
    return np.asarray(features.frame.geometry.array, dtype=object)


def _check_metres(features: Features, length: npt.NDArray[np.float64]) -> None:
    """Note lengths that cannot be metres of these lines: every distance would be wrong, or none be left."""
    lines = Polylines.of(_geometry(features))
    drawn = np.bincount(lines.feature, lines.along()[lines.last], len(length))
    real = drawn > 1.0
    none = real & (length == 0)
    features.faults.add_rows(
        none, features.rows, lambda at: f"the length is 0, of a line of {drawn[at]:,.0f} m", column="length"
    )
    if none.any() or not real.any():
        return
    ratio = float(np.median(length[real] / drawn[real]))
    if not _LEAST <= ratio <= _MOST:
        says = f"lengths are {ratio:.3g} times those of the lines (median), and so no metres"
        features.faults.add(
            f"{says}; convert them, or rename the column to have lines measured", column="length"
        )


def _oneway(features: Features) -> npt.NDArray[np.int8]:
    """Read the permitted directions: 0 both ways, 1 along the line, -1 against it."""
    if "oneway" not in features.frame.columns:
        return np.zeros(len(features.frame), dtype=np.int8)
    given = [(word or "").strip().lower() for word in columns.as_text(features.frame["oneway"])]
    if not _LETTERS.isdisjoint(given) and "b" not in given:
        says = "t and f may mean true and false, or against the line and along it: write yes, no, -1"
        features.faults.add(says, column="oneway")
    unknown = np.array([word not in _DIRECTIONS for word in given], dtype=bool)
    features.faults.add_rows(
        unknown, features.rows, lambda at: f"{given[at]!r} is none of yes, no, -1", column="oneway"
    )
    return np.array([_DIRECTIONS.get(word, 0) for word in given], dtype=np.int8)
