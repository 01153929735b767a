"""Roads of an extract: noded where ways share a node, and whole, so that one can drive from all to all."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.features import DECIMALS, WGS84
from chargeplan.prepare.osm import tags
from chargeplan.prepare.polylines import geodesic

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from osmium.osm import Node, Way

    from chargeplan.prepare.osm.extract import Extract

    _Step = tuple[int, int, int]  # a node's id and its longitude and latitude in whole numbers of `_UNIT`

_UNIT = 10**DECIMALS  # positions of an extract are whole numbers of this part of a degree
_NOWHERE = 2**31 - 1  # what stands for the position of a node that the extract lacks
_EAST = 180 * _UNIT  # the antimeridian; in the west it is -180 degrees


@dataclass(frozen=True, eq=False)
class Roads:
    """Drivable ways, cut into edges wherever they share a node.

    Parameters
    ----------
    node
        (V,) ids of the nodes on them, rising; those below 0 lie where a way crosses the antimeridian, once at
        180 and once at -180 degrees.
    position
        (V, 2) longitude, latitude in degrees; no two nodes have the same.
    vertex
        (P,) the vertices of the ways, one way after the other, as indices of nodes.
    start
        (W + 1,) where each way begins in `vertex`; the last entry is P.
    edge
        (E, 2) the first and the last vertex of every edge, as indices into `vertex`.
    way
        (E,) the way that it is of.
    length
        (E,) metres on the ellipsoid.
    ways
        A row per way: `id`, `class`, `name`, `ref`, `oneway` (1 along it, -1 against it, 0 both) and `speed`
        (km/h).
    junction
        (V,) bool, the nodes that are called a motorway junction.
    counts
        `ways for some only` that are not for everybody's car, `yards and drives`, `ways cut` for lack of
        nodes, and `crossings of the antimeridian`.
    """

    node: npt.NDArray[np.int64]
    position: npt.NDArray[np.float64]
    vertex: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    edge: npt.NDArray[np.int64]
    way: npt.NDArray[np.int64]
    length: npt.NDArray[np.float64]
    ways: dict[str, npt.NDArray[np.object_] | npt.NDArray[np.float64] | npt.NDArray[np.int64]]
    junction: npt.NDArray[np.bool_]
    counts: Counter[str]

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """(E, 2) the nodes that every edge leads from and to."""
        return self.vertex[self.edge]

    @property
    def oneway(self) -> npt.NDArray[np.int64]:
        """(E,) 1 along the edge only, -1 against it only, 0 both ways."""
        return np.asarray(self.ways["oneway"], dtype=np.int64)[self.way]

    def within(self, bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(E,) bool, the edges that begin or end between west, south and east, north, in degrees."""
        inside = np.all((self.position >= bounds[:2]) & (self.position <= bounds[2:]), axis=1)
        return np.asarray(inside[self.ends].any(axis=1))

    def strong_part(self, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(E,) bool, the edges of the largest part in which one can drive from every node to every other.

        Parameters
        ----------
        among
            (E,) bool, the edges that there are, at least one.
        """
        tail, head = self.ends.T
        along, against = among & (self.oneway >= 0), among & (self.oneway <= 0)
        east, west = self._across()
        arcs = (
            np.concatenate([tail[along], head[against], east, west]),
            np.concatenate([head[along], tail[against], west, east]),
        )
        graph = coo_array((np.ones(len(arcs[0]), dtype=np.int8), arcs), shape=(len(self.node),) * 2)
        _, part = connected_components(graph.tocsr(), connection="strong")
        largest = part == np.bincount(part).argmax()
        return np.asarray(among & largest[tail] & largest[head])

    def _across(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pair the nodes at 180 and at -180 degrees of the same latitude, which are one place."""
        lon, lat = self.position.T
        east, west = np.flatnonzero(lon == _EAST / _UNIT), np.flatnonzero(lon == -_EAST / _UNIT)
        _, at, other = np.intersect1d(lat[east], lat[west], return_indices=True)
        return east[at], west[other]

    def lines(self, keep: npt.NDArray[np.bool_]) -> gpd.GeoDataFrame:
        """Draw some edges as lines, a line for every stretch of edges that follow each other on a way.

        Parameters
        ----------
        keep
            (E,) bool.

        Returns
        -------
        GeoDataFrame
            `id` of the way, `class`, `name`, `ref`, `oneway`, `speed`; lines that meet share a vertex, and
            others do not.
        """
        kept = np.flatnonzero(keep)
        follows = np.zeros(len(kept), dtype=bool)
        follows[1:] = (np.diff(kept) == 1) & (np.diff(self.way[kept]) == 0)
        first, last = kept[~follows], kept[np.append(~follows[1:], True)]
        columns = {name: column[self.way[first]] for name, column in self.ways.items()}
        return gpd.GeoDataFrame(columns, geometry=self.drawn(first, last), crs=WGS84)

    def drawn(self, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        """Draw lines, each from the beginning of an edge to the end of one on the same way."""
        begin, size = self.edge[first, 0], self.edge[last, 1] - self.edge[first, 0] + 1
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        vertices = self.position[self.vertex[np.repeat(begin, size) + within]]
        return np.asarray(shapely.linestrings(vertices, indices=np.repeat(np.arange(len(size)), size)))


@dataclass
class _Gathering:
    """Ways as they come out of the stream, in flat arrays."""

    node: array[int] = field(default_factory=lambda: array("q"))
    x: array[int] = field(default_factory=lambda: array("i"))
    y: array[int] = field(default_factory=lambda: array("i"))
    size: array[int] = field(default_factory=lambda: array("q"))
    junctions: array[int] = field(default_factory=lambda: array("q"))
    crossings: dict[tuple[int, int], int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    ways: dict[str, list[object]] = field(
        default_factory=lambda: {name: [] for name in ("id", "class", "name", "ref", "oneway", "speed")}
    )

    def add(self, thing: Way | Node, said: dict[str, str]) -> None:
        if thing.is_node():
            if said["highway"] == "motorway_junction":
                self.junctions.append(thing.id)
        elif tags.is_road(said):
            runs, whole = _whole_runs(cast("Way", thing))
            self.counts["ways cut"] += not whole
            for run in runs:
                for part in self._on_each_side(run):
                    self._add_way(thing.id, said, part)
        elif reason := tags.why_not(said):
            self.counts[reason] += 1

    def _on_each_side(self, run: list[_Step]) -> Iterator[list[_Step]]:
        """Cut a run where it crosses the antimeridian: it ends there and begins again on the other side."""
        _, lon, _ = zip(*run, strict=True)
        if max(lon) - min(lon) <= _EAST:
            yield run
            return
        begin = 0
        for at, ((_, x, y), (_, x_next, y_next)) in enumerate(pairwise(run), 1):
            if abs(x_next - x) <= _EAST:
                continue
            self.counts["crossings of the antimeridian"] += 1
            side = _EAST if x > 0 else -_EAST
            share = abs(side - x) / max(abs(x_next + 2 * side - x), 1)
            lat = round(y + share * (y_next - y))
            before = [*run[begin:at], *([] if x == side else [self._crossing(side, lat)])]
            run[at - 1] = self._crossing(-side, lat)
            begin = at - (x_next != -side)
            if len(before) > 1:
                yield before
        if len(run) - begin > 1:
            yield run[begin:]

    def _crossing(self, x: int, y: int) -> _Step:
        """Name a node on the antimeridian: one for every place on either side."""
        return self.crossings.setdefault((x, y), -1 - len(self.crossings)), x, y

    def _add_way(self, number: int, said: dict[str, str], run: list[_Step]) -> None:
        node, x, y = zip(*run, strict=True)
        self.node.extend(node)
        self.x.extend(x)
        self.y.extend(y)
        self.size.append(len(run))
        row = (
            number,
            said["highway"],
            said.get("name", ""),
            said.get("ref", ""),
            tags.direction(said),
            tags.speed(said),
        )
        for column, value in zip(self.ways.values(), row, strict=True):
            column.append(value)


def read_roads(extract: Extract) -> Roads:
    """Read the roads that cars may use.

    Raises
    ------
    InputError
        The extract is damaged, or has no such road.
    """
    gathering = _Gathering()
    for thing, said in extract.roads():
        gathering.add(thing, said)
    if not gathering.size:
        raise InputError(Fault("holds no road that cars may use", file=str(extract.path)))
    return _noded(gathering)


def _whole_runs(way: Way) -> tuple[list[list[_Step]], bool]:
    """Split a way where the extract lacks nodes of it, and say whether it is whole.

    Nodes that repeat each other count once.
    """
    runs: list[list[_Step]] = [[]]
    whole = True
    for step in [(node.ref, node.x, node.y) for node in way.nodes]:
        if step[1] == _NOWHERE:
            runs.append([])
            whole = False
        elif not runs[-1] or runs[-1][-1][0] != step[0]:
            runs[-1].append(step)
    return [run for run in runs if len(run) > 1], whole


def _noded(gathering: _Gathering) -> Roads:
    """Cut the ways at the nodes that occur more than once."""
    node, first, vertex = np.unique(
        np.array(gathering.node, dtype=np.int64), return_index=True, return_inverse=True
    )
    whole = np.column_stack([np.array(axis, dtype=np.int64)[first] for axis in (gathering.x, gathering.y)])
    position = _apart(whole) / _UNIT
    start = np.concatenate([[0], np.cumsum(np.array(gathering.size, dtype=np.int64))])
    cut = np.bincount(vertex)[vertex] > 1
    cut[start[:-1]] = cut[start[1:] - 1] = True
    stops = np.flatnonzero(cut)
    owner = np.searchsorted(start, stops, side="right") - 1
    inside = np.flatnonzero(owner[:-1] == owner[1:])
    edge = np.column_stack([stops[inside], stops[inside + 1]])
    along = np.concatenate([[0.0], np.cumsum(geodesic(position[vertex[:-1]], position[vertex[1:]]))])
    return Roads(
        node=node,
        position=position,
        vertex=vertex,
        start=start,
        edge=edge,
        way=owner[inside],
        length=along[edge[:, 1]] - along[edge[:, 0]],
        ways={name: _column(name, values) for name, values in gathering.ways.items()},
        junction=np.isin(node, np.array(gathering.junctions, dtype=np.int64)),
        counts=gathering.counts,
    )


def _column(
    name: str, values: list[object]
) -> npt.NDArray[np.object_] | npt.NDArray[np.float64] | npt.NDArray[np.int64]:
    kinds = {"id": np.int64, "oneway": np.int64, "speed": np.float64}
    return np.array(values, dtype=kinds.get(name, object))


def _apart(position: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Move nodes at the very place of another by a centimetre, until none shares its place.

    Such as a bridge and the road below it: layers join lines that share a vertex, and these do not meet.
    """
    moved = position.copy()
    while True:
        _, first = np.unique(moved[:, 0] << 32 | moved[:, 1] + 2**31, return_index=True)
        again = np.ones(len(moved), dtype=bool)
        again[first] = False
        if not again.any():
            return moved
        meridian = np.abs(moved[:, 0]) == _EAST
        moved[again & ~meridian, 0] += 1
        moved[again & meridian, 1] += 1
