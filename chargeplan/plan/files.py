"""The plan as files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chargeplan.io import formats as table_formats
from chargeplan.io import geojson
from chargeplan.plan.period_maps import period_maps
from chargeplan.plan.tables import tables
from chargeplan.viz.map import draw_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chargeplan.plan.answer import Plan


def build_files(plan: Plan, formats: Sequence[str]) -> Mapping[str, bytes]:
    """Build every file of the plan folder but plan.json.

    Parameters
    ----------
    plan
        With its problem.
    formats
        Of the tables; GeoJSON is always there.

    Returns
    -------
    dict of str to bytes
        By file name.

    Raises
    ------
    InputError
        A format is unknown, or needs a library that is not installed.
    """
    layers = tables(plan)
    files = {f"{name}.geojson": geojson.feature_collection(layer) for name, layer in layers.items()}
    files["certificate.json"] = (json.dumps(plan.certificate, ensure_ascii=False) + "\n").encode()
    files["map.png"] = draw_map(plan)
    files |= period_maps(plan)
    for wanted in formats:
        if wanted != "geojson":
            files |= table_formats.encode(layers, plan.record.name, wanted)
    return files
