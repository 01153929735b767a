"""Demand layers to demand points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.prepare import columns
from chargeplan.prepare.features import positions
from chargeplan.prepare.points import Points

if TYPE_CHECKING:
    from chargeplan.prepare.features import Features
    from chargeplan.scenario import DemandLayer


def demand_points(layer: DemandLayer, features: Features) -> Points:
    """Turn a demand layer into demand points, noting what is wrong in the features' faults."""
    return Points(
        ids=columns.ids(features, layer.id),
        positions=positions(features.frame),
        weight=columns.numbers(features, layer.weight, "weight", 1.0),
        district=columns.words(features, layer.district, "district"),
    )
