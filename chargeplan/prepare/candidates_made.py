"""The candidate sites of a scenario's ``[[candidates]]``: made of places, lines or polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.prepare import columns
from chargeplan.prepare.candidates import layer_sites, leave_out_inside
from chargeplan.prepare.candidates_along import sites_along
from chargeplan.prepare.candidates_clusters import clusters_by_density, clusters_by_number
from chargeplan.prepare.candidates_grid import sites_on_grid
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.features import LINES, POINTS, POLYGONS, Features, load
from chargeplan.scenario import SiteLayer
from chargeplan.scenario.wording import nearest
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from chargeplan.prepare.candidates_table import Kind
    from chargeplan.prepare.files import Files
    from chargeplan.prepare.points import Sites
    from chargeplan.scenario import CandidateRule

_GEOMETRY = {"along": LINES, "grid": POLYGONS}
_WORDS = {
    "places": "a site at each place",
    "kmeans": "clusters by k-means",
    "hdbscan": "clusters by HDBSCAN",
    "along": "along lines",
    "grid": "on a grid in polygons",
}


def made_sites(
    rule: CandidateRule,
    files: Files,
    kinds: Mapping[str, Kind],
    exclude: npt.NDArray[np.object_] | None = None,
) -> tuple[Features, Sites, list[str]]:
    """Make candidate sites.

    Parameters
    ----------
    rule
        The scenario's table.
    files
        Opens its file.
    kinds
        Costs and rooms by kind, for what the rule does not say.
    exclude
        Polygons in longitude and latitude; no site inside.

    Returns
    -------
    Features
        All sites as a layer; its faults hold what is wrong with their kinds and columns.
    Sites
        Those that are not excluded.
    list of str
        How many were made of how much, and how many are left out.

    Raises
    ------
    InputError
        With every fault of the layer and of what is to be made of it.
    """
    source = load(rule, rule.name, files.open, _GEOMETRY.get(rule.method, POINTS))
    table, rows = _made(rule, source)
    features = Features(rule.name, table, rows, source.faults, source.remarks)
    site_layer = SiteLayer(
        name=rule.name,
        file=rule.file,
        id=rule.id,
        status="candidate",
        kind=rule.kind if rule.method == "places" else None,  # what is made has a column of it
        cost=rule.cost,
        room=rule.room,
    )
    sites = layer_sites(site_layer, features, kinds)
    made = len(sites)
    found = format_count(len(source.frame), "feature")
    notes = [f"{format_count(made, 'site')} of {found} ({_WORDS[rule.method]})"]
    notes += table.attrs.get("remarks", ())
    if exclude is not None:
        sites, left_out = leave_out_inside(sites, exclude)
        notes.append(f"left out, in excluded areas: {left_out:,}")
    if len(sites) == 0:
        features.faults.add(f"no candidate site is left: {'; '.join(notes)}")
    return features, sites, [f"candidates {rule.name} ({rule.file}): {'; '.join(notes)}"]


def _made(rule: CandidateRule, source: Features) -> tuple[gpd.GeoDataFrame, npt.NDArray[np.int64]]:
    """Make the table of sites, and the rows of the file that they stand for, else their own numbers."""
    if rule.method == "places":
        return source.frame, source.rows
    made = Faults(rule.file, rule.name)
    if source.faults.found or not _columns_are_there(rule, source):
        raise InputError(source.faults.found)
    try:
        table = _by_method(rule, source)
    except InputError as error:
        made.adopt(error)
        raise InputError(made.found) from None
    return table, np.arange(1, len(table) + 1)


def _columns_are_there(rule: CandidateRule, source: Features) -> bool:
    there = [str(name) for name in source.frame.columns if name != "geometry"]
    if rule.road is not None and rule.road not in there:
        message = f"road = {rule.road!r}: there is no such column" + nearest(rule.road, there)
        source.faults.add(message, column=rule.road)
    if rule.weight is not None:  # numbers as text become numbers, and those that are none are named
        source.frame["weight"] = columns.numbers(source, rule.weight, "weight", 1.0)
    return not source.faults.found


def _by_method(rule: CandidateRule, source: Features) -> gpd.GeoDataFrame:
    frame, name, kind = source.frame, rule.name, rule.kind or rule.name
    weight = None if rule.weight is None else "weight"
    if rule.method == "kmeans":
        assert rule.number is not None
        return clusters_by_number(frame, rule.number, weight=weight, name=name, kind=kind, seed=rule.seed)
    if rule.method == "hdbscan":
        return clusters_by_density(
            frame, rule.least, reach=rule.reach_m, weight=weight, alone=rule.alone, name=name, kind=kind
        )
    if rule.method == "along":
        return sites_along(frame, rule.spacing_m, road=rule.road, name=name, kind=kind, file=rule.file)
    return sites_on_grid(frame, rule.spacing_m, pattern=rule.pattern, name=name, kind=kind, file=rule.file)
