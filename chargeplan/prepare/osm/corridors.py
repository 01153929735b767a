"""Corridors of an extract: its motorways and trunk roads, in pieces between interchanges.

The carriageways of a road are lines of their own; at an interchange short straight pieces join them, so that
a station there serves both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from chargeplan.prepare.features import WGS84
from chargeplan.prepare.nearest import nearest_position
from chargeplan.prepare.osm.tags import CORRIDORS
from chargeplan.prepare.polylines import Polylines

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.osm.roads import Roads

INTERCHANGE = 500.0  # metres between places of one interchange, at most
_ALONG, _ACROSS = "carriageway", "interchange"
_NEIGHBOURS = 3  # that a place of an interchange is joined to
_TO_SPACE = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def corridor_pieces(roads: Roads, keep: npt.NDArray[np.bool_]) -> gpd.GeoDataFrame:
    """Draw the motorways and trunk roads, a piece between every two places where they can be entered.

    Those are the nodes that are called motorway junctions, that other roads meet, and the ends and forks.

    Parameters
    ----------
    roads
        All roads.
    keep
        (E,) bool, the edges that count.

    Returns
    -------
    GeoDataFrame
        `ref`, `name`, `class`, and `part`: "carriageway", or "interchange" for what joins carriageways. Empty
        where there are no such roads.
    """
    major = np.isin(roads.ways["class"][roads.way], CORRIDORS)
    edges = np.flatnonzero(keep & major)
    met = np.zeros(len(roads.node), dtype=bool)
    met[roads.ends[keep & ~major]] = True
    chain = _chains(roads.ends[edges], met | roads.junction)
    order = np.argsort(chain, kind="stable")
    first = np.unique(chain[order], return_index=True)[1]
    parts = shapely.multilinestrings(roads.drawn(edges, edges)[order], indices=chain[order])
    ways = roads.way[edges][order][first]
    columns = {name: roads.ways[name][ways] for name in ("ref", "name", "class")}
    pieces = gpd.GeoDataFrame({**columns, "part": _ALONG}, geometry=shapely.line_merge(parts), crs=WGS84)
    return pd.concat([pieces, _interchanges(pieces)], ignore_index=True) if len(pieces) else pieces


def entered(pieces: gpd.GeoDataFrame, sites: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say which pieces belong to a part of the corridors that some site enters, at the place nearest to it.

    Parameters
    ----------
    pieces
        As `corridor_pieces` makes them.
    sites
        (M, 2) degrees.
    """
    ends = _ends(pieces)
    ends[ends[:, 0] == -180.0, 0] = 180.0  # the same meridian
    places, end = np.unique(ends, axis=0, return_inverse=True)
    tail, head = end.reshape(-1, 2).T
    graph = coo_array((np.ones(len(tail)), (tail, head)), shape=(len(places),) * 2)
    _, part = connected_components(graph, directed=False)
    served = part[nearest_position(sites, places)] if len(sites) else part[:0]
    return np.isin(part[tail], served)


def _chains(ends: npt.NDArray[np.int64], entrance: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Give the edges, (E,), the number of the chain they are in: chains run through where two edges meet."""
    node = ends.ravel()
    through = (np.bincount(node, minlength=len(entrance)) == 2) & ~entrance
    order = np.argsort(node, kind="stable")
    order = order[through[node[order]]]
    pairs = (order // 2).reshape(-1, 2).T
    links = coo_array((np.ones(pairs.shape[1]), pairs), shape=(len(ends),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _interchanges(pieces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Join places near each other that no piece joins, each to the nearest few."""
    ends = _ends(pieces)
    places, end = np.unique(ends, axis=0, return_inverse=True)
    joined = np.unique(np.sort(end.reshape(-1, 2), axis=1), axis=0)
    space = np.column_stack(_TO_SPACE.transform(places[:, 0], places[:, 1], np.zeros(len(places))))
    away, near = cKDTree(space).query(space, k=1 + _NEIGHBOURS, distance_upper_bound=INTERCHANGE)
    rank = np.isfinite(away)
    rank[:, 0] = False  # itself
    pairs = np.column_stack([np.nonzero(rank)[0], np.asarray(near)[rank]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    known = {tuple(pair) for pair in joined.tolist()}
    new = np.array([tuple(pair) not in known for pair in pairs.tolist()], dtype=bool)
    new &= (
        np.abs(places[pairs[:, 0], 0] - places[pairs[:, 1], 0]) < 180.0
    )  # a line round the Earth joins nothing
    lines = shapely.linestrings(places[pairs[new]])
    return gpd.GeoDataFrame(
        {"ref": "", "name": "", "class": "", "part": _ACROSS},
        index=range(len(lines)),
        geometry=lines,
        crs=WGS84,
    )


def _ends(pieces: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """(2 F, 2) degrees, the first and the last vertex of every piece, one after the other."""
    lines = Polylines.of(np.asarray(pieces.geometry.array, dtype=object))
    return lines.vertices[np.column_stack([lines.first, lines.last]).ravel()]
