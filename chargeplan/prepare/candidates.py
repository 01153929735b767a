"""Site layers to sites: candidates, existing, required and forbidden ones; their kinds; excluded areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare import columns
from chargeplan.prepare.candidates_table import Kind, with_kinds
from chargeplan.prepare.features import positions
from chargeplan.prepare.points import Sites
from chargeplan.scenario import STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from chargeplan.prepare.features import Features
    from chargeplan.scenario import SiteLayer


def layer_sites(layer: SiteLayer, features: Features, kinds: Mapping[str, Kind] | None = None) -> Sites:
    """Turn a site layer into sites, noting what is wrong in the features' faults.

    Parameters
    ----------
    layer, features
        The layer's table, and what it holds.
    kinds
        What sites of a kind cost and have room for, where neither the table nor a column says it. All kinds
        of sites to be built without a stated cost must be there, if there are any.
    """
    sites = Sites(
        ids=columns.ids(features, layer.id),
        positions=positions(features.frame),
        status=columns.word_or_column(features, layer.status, "status", "candidate", STATUSES),
        kind=columns.word_or_column(features, layer.kind, "kind", layer.name),
        cost=columns.numbers(features, layer.cost, "cost", 1.0),
        room=columns.numbers(features, layer.room, "room", np.inf, blank=np.inf),
    )
    return sites if not kinds else _of_their_kinds(sites, layer, features, kinds)


def _of_their_kinds(sites: Sites, layer: SiteLayer, features: Features, kinds: Mapping[str, Kind]) -> Sites:
    """Fill in what the layer does not say of its sites: the cost and the room of their kind."""
    said = set(features.frame.columns) | {key for key in ("cost", "room") if getattr(layer, key) is not None}
    silent = {"cost", "room"} - said
    built = np.isin(sites.status, ("candidate", "required"))
    needed = set(sites.kind[built]) if "cost" in silent else set()
    spare = dict.fromkeys({*sites.kind} - needed - kinds.keys(), Kind())
    try:
        priced = with_kinds(pd.DataFrame({"kind": sites.kind}), {**kinds, **spare})
    except InputError as error:
        for fault in error.faults:
            features.faults.add(f"[kinds]: {fault.message}", column="kind")
        return sites
    return Sites(**{**vars(sites), **{key: priced[key].to_numpy(dtype=np.float64) for key in silent}})


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


def forbid_inside(sites: Sites, areas: npt.NDArray[np.object_]) -> tuple[Sites, npt.NDArray[np.bool_]]:
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
    ndarray
        (M,) bool: the existing and required sites inside.
    """
    inside = _inside(sites, areas)
    status = sites.status.copy()
    status[inside & (status == "candidate")] = "forbidden"
    standing = inside & np.isin(status, ("existing", "required"))
    return Sites(**{**vars(sites), "status": status}), standing


def leave_out_inside(sites: Sites, areas: npt.NDArray[np.object_]) -> tuple[Sites, int]:
    """Leave out the sites inside polygons, whose borders count as inside; return the others, and how many."""
    inside = _inside(sites, areas)
    return sites.take(~inside), int(inside.sum())


def _inside(sites: Sites, areas: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(sites), dtype=bool)
    inside[shapely.STRtree(areas).query(shapely.points(sites.positions), predicate="intersects")[0]] = True
    return inside
