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
from chargeplan.prepare.points import Sites, Standing
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
    status = columns.word_or_column(features, layer.status, "status", "candidate", STATUSES)
    sites = Sites(
        ids=columns.ids(features, layer.id),
        positions=positions(features.frame),
        status=status,
        kind=columns.word_or_column(features, layer.kind, "kind", layer.name),
        cost=columns.numbers(features, layer.cost, "cost", 1.0),
        room=columns.numbers(features, layer.room, "room", np.inf, blank=np.inf),
        district=columns.words(features, layer.district, "district", "", blank=""),
        substation=columns.words(features, layer.substation, "substation", "", blank=""),
        keep=columns.numbers(features, layer.keep, "keep", 0.0, blank=0.0),
        close=columns.numbers(features, layer.close, "close", np.inf, blank=np.inf),
        standing=standing_chargers(features, status),
    )
    return sites if not kinds else _of_their_kinds(sites, layer, features, kinds)


_CHARGERS = "chargers_"


def standing_chargers(features: Features, status: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Read how many chargers of each type stand at each site, from the columns ``chargers_<type>``.

    Parameters
    ----------
    features
        The layer; chargers of no whole number, or where no station stands, are faults of it.
    status
        (M,) of each site.

    Returns
    -------
    ndarray
        (M,) tuples of `Standing`.
    """
    named = [str(name) for name in features.frame.columns if str(name).startswith(_CHARGERS)]
    counts = {name.removeprefix(_CHARGERS): _whole(features, name, status) for name in named}
    found = np.empty(len(features.frame), dtype=object)
    for at in range(found.size):
        each = ((name, int(numbers[at])) for name, numbers in counts.items())
        found[at] = tuple(Standing(name, None, number) for name, number in each if number)
    return found


def _whole(features: Features, column: str, status: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Read a column of chargers that stand; what is missing is none."""
    counts = columns.numbers(features, column, column, 0.0, blank=0.0)
    say = features.faults.add_rows
    usable = (counts >= 0) & np.isfinite(counts)  # what is not has been said
    broken = usable & (counts != np.floor(counts))
    says = "is no whole number of chargers"
    say(broken, features.rows, lambda at: f"{counts[at]:.10g} {says}", column=column)
    astray = usable & (counts > 0) & (status != "existing")
    says_where = "chargers stand only where the status is 'existing'; here it is"
    say(astray, features.rows, lambda at: f"{says_where} {status[at]!r}", column=column)
    return np.where(usable & ~broken, counts, 0.0)


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
