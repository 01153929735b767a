"""Site layers to sites: candidates, existing, required and forbidden ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan.prepare import columns
from chargeplan.prepare.features import positions
from chargeplan.prepare.points import Sites
from chargeplan.scenario import STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from chargeplan.prepare.features import Features
    from chargeplan.scenario import SiteLayer


def layer_sites(layer: SiteLayer, features: Features) -> Sites:
    """Turn a site layer into sites, noting what is wrong in the features' faults."""
    return Sites(
        ids=columns.ids(features, layer.id),
        positions=positions(features.frame),
        status=columns.word_or_column(features, layer.status, "status", "candidate", STATUSES),
        kind=columns.word_or_column(features, layer.kind, "kind", layer.name),
        cost=columns.numbers(features, layer.cost, "cost", 1.0),
        room=columns.numbers(features, layer.room, "room", np.inf, blank=np.inf),
    )


def join(layers: Sequence[tuple[Features, Sites]]) -> Sites:
    """Put the sites of all layers into one table; an id that two layers share is a fault of the later one."""
    seen: set[str] = set()
    for features, sites in layers:
        _note_shared(features, sites.ids, seen)
        seen.update(sites.ids)
    tables = [sites for _, sites in layers]
    names = vars(tables[0])
    return Sites(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})


def _note_shared(features: Features, ids: npt.NDArray[np.object_], seen: set[str]) -> None:
    shared = np.array([name is not None and name in seen for name in ids], dtype=bool)
    features.faults.add_rows(
        shared, features.rows, lambda at: f"the id {ids[at]!r} is in another site layer as well"
    )


def forbid_inside(sites: Sites, areas: npt.NDArray[np.object_]) -> tuple[Sites, int]:
    """Forbid the candidate sites inside polygons; what stands or must stand there stays.

    Parameters
    ----------
    sites
        All sites.
    areas
        Polygons in longitude and latitude; their borders count as inside.

    Returns
    -------
    Sites
        With fewer candidates.
    int
        How many existing and required sites lie inside.
    """
    inside = np.zeros(len(sites), dtype=bool)
    inside[shapely.STRtree(areas).query(shapely.points(sites.positions), predicate="intersects")[0]] = True
    status = sites.status.copy()
    status[inside & (status == "candidate")] = "forbidden"
    standing = inside & np.isin(status, ("existing", "required"))
    return Sites(**{**vars(sites), "status": status}), int(standing.sum())
