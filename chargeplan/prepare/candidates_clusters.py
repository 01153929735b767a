"""Candidate sites amid points of interest: where many of them, or weighty ones, lie together.

A site stands at a point of interest, the one nearest the weighted middle of its cluster: a middle may lie in
a lake. Distances are those of an equal-area plane around the points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.candidates_table import site_table
from chargeplan.prepare.features import positions
from chargeplan.prepare.plane import equal_area_around, to_plane

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def clusters_by_number(
    places: gpd.GeoDataFrame,
    number: int,
    *,
    weight: str | None = None,
    name: str = "cluster",
    kind: str = "cluster",
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Group points of interest into so many clusters: weighted k-means (Lloyd 1982; k-means++, scikit-learn).

    Parameters
    ----------
    places
        Points or polygons, in any CRS.
    number
        Of clusters; no more than there are different places.
    weight
        The column that says how much each counts, at least 0; all alike where left out.
    name, kind
        Of the sites.
    seed
        Of the starts.

    Returns
    -------
    GeoDataFrame
        `id`, `kind`, `places` (how many points of interest the site stands for), `weight` (of them together),
        `reach_m` (to the farthest of them, in the plane).

    Raises
    ------
    InputError
        Too many clusters, or weights or positions that are wrong.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - loads when it is needed

    where, plane, mass = _given(places, weight)
    different = len(np.unique(where[mass > 0], axis=0))
    if not 1 <= number <= different:
        raise InputError(f"number = {number} must be from 1 to {different}, the places that have weight")
    found = KMeans(number, n_init=4, random_state=seed).fit(plane, sample_weight=mass)
    return _sites(where, plane, mass, np.asarray(found.labels_, dtype=np.int64), name, kind)


def clusters_by_density(
    places: gpd.GeoDataFrame,
    least: int = 5,
    *,
    reach: float = 0.0,
    weight: str | None = None,
    alone: bool = False,
    name: str = "cluster",
    kind: str = "cluster",
) -> gpd.GeoDataFrame:
    """Find clusters of points of interest of whatever shape: HDBSCAN (Campello, Moulavi and Sander 2013).

    Parameters
    ----------
    places
        Points or polygons, in any CRS.
    least
        How many make a cluster, at least 2.
    reach
        Metres: clusters closer than this are one.
    weight
        The column that says how much each counts; it moves the site within its cluster.
    alone
        Whether places in no cluster become sites of their own.
    name, kind
        Of the sites.

    Returns
    -------
    GeoDataFrame
        As `clusters_by_number`; the remarks count the places in no cluster.

    Raises
    ------
    InputError
        Fewer places than make a cluster, or weights or positions that are wrong.
    """
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415

    where, plane, mass = _given(places, weight)
    if not 2 <= least <= len(where):
        raise InputError(f"least = {least} must be from 2 to {len(where)}, the number of places")
    if not 0 <= reach < np.inf:
        raise InputError(f"reach = {reach} must be metres, 0 or more")
    model = HDBSCAN(
        min_cluster_size=least, cluster_selection_epsilon=reach, allow_single_cluster=True, copy=True
    )
    label = np.asarray(model.fit(plane).labels_, dtype=np.int64)
    noise = label < 0
    if alone:
        label[noise] = label.max(initial=-1) + 1 + np.arange(noise.sum())
    table = _sites(where, plane, mass, label, name, kind)
    fate = "sites of their own" if alone else "left out"
    table.attrs["remarks"] = (f"in no cluster, {fate}: {noise.sum():,} of {len(where):,} places",)
    return table


def _given(places: gpd.GeoDataFrame, weight: str | None) -> tuple[Floats, Floats, Floats]:
    """Check what is given: positions in degrees, in the plane, and weights."""
    if len(places) == 0:
        raise InputError("there are no places to make clusters of")
    empty = (places.geometry.is_empty | places.geometry.isna()).to_numpy()
    faults = [Fault("has no position", row=int(row) + 1) for row in np.flatnonzero(empty)[:20]]
    mass = np.ones(len(places))
    if weight is not None and weight not in places.columns:
        faults.append(Fault(f"weight = {weight!r}: there is no such column"))
    elif weight is not None:
        mass = places[weight].to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.flatnonzero(~(np.isfinite(mass) & (mass >= 0)))
        says = "is not a finite weight of at least 0"
        faults += [Fault(f"{mass[row]:g} {says}", row=int(row) + 1, column=weight) for row in wrong[:20]]
    if not faults and mass.sum() <= 0:
        faults.append(Fault("all weights are 0"))
    if faults:
        raise InputError(faults)
    where = positions(places)
    return where, to_plane(where, equal_area_around(where)), mass


def _sites(where: Floats, plane: Floats, mass: Floats, label: Ints, name: str, kind: str) -> gpd.GeoDataFrame:
    """Put a site at the place nearest the weighted middle of every cluster, the weightiest cluster first."""
    inside = label >= 0
    label, where, plane, mass = label[inside], where[inside], plane[inside], mass[inside]
    count = int(label.max(initial=-1)) + 1
    size, together = np.bincount(label, minlength=count), np.bincount(label, mass, count)
    pull = np.where(together[label] > 0, mass, 1.0)  # a cluster without weight: its plain middle
    total = np.bincount(label, pull, count)
    middle = np.column_stack([np.bincount(label, pull * axis, count) / total for axis in plane.T])
    away = np.hypot(*(plane - middle[label]).T)
    order = np.lexsort([np.arange(len(label)), away, label])
    stand = order[np.unique(label[order], return_index=True)[1]]
    farthest = np.zeros(count)
    np.maximum.at(farthest, label, np.hypot(*(plane - plane[stand][label]).T))
    rank = np.lexsort([np.arange(count), -size, -together])
    return site_table(
        where[stand[rank]],
        name,
        kind,
        places=size[rank],
        weight=together[rank],
        reach_m=np.round(farthest[rank], 1),
    )
