"""Road networks: lines joined at nodes, and where points enter them.

A network stands for the layer; `enter` puts demand points and sites into it and gives the graph that the
kernels search. Points that enter along an edge become nodes of that graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from chargeplan.kernels import RoadGraph, Snapped
from chargeplan.prepare.features import DECIMALS
from chargeplan.prepare.nearest import nearest_on_lines, nearest_position
from chargeplan.prepare.polylines import Polylines, geodesic

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Entrances:
    """Where points enter a road network: at a node, or a share of the way along an edge.

    Parameters
    ----------
    node
        (N,) nodes; -1 for a point that enters along an edge.
    edge, share
        (N,) edges, and how much of each lies before the point; -1 and 0 for a point that enters at a node.
    leg
        (N,) metres from the point to where it enters.
    """

    node: npt.NDArray[np.int64]
    edge: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    leg: npt.NDArray[np.float64]

    @classmethod
    def at_nodes(cls, node: npt.NDArray[np.int64], leg: npt.NDArray[np.float64] | None = None) -> Entrances:
        """Enter at nodes; points that stand there need no leg."""
        none = np.zeros(len(node))
        return cls(node, np.full(len(node), -1), none, none if leg is None else leg)


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """Edges between nodes.

    Parameters
    ----------
    nodes
        (V, 2) longitude, latitude in degrees.
    ends
        (E, 2) the nodes that each edge leads from and to.
    lengths
        (E,) metres of road.
    forward, backward
        (E,) bool, whether the edge may be driven that way.
    lines
        The course of the edges, one line each; `lines.feature` is the feature of the layer.
    factor
        Metres of road in a metre of leg.
    entries
        Nodes that sites and stations enter at, or None where they enter anywhere along the edges.
    """

    nodes: npt.NDArray[np.float64]
    ends: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.float64]
    forward: npt.NDArray[np.bool_]
    backward: npt.NDArray[np.bool_]
    lines: Polylines
    factor: float = 1.0
    entries: npt.NDArray[np.int64] | None = None

    def parts(self) -> int:
        """Count the parts that no road connects."""
        size = len(self.nodes)
        graph = coo_array((np.ones(len(self.ends)), tuple(self.ends.T)), shape=(size, size))
        parts, _ = connected_components(graph, directed=False)
        return int(parts)

    def snap(self, positions: npt.NDArray[np.float64]) -> Entrances:
        """Find where points enter: at the nearest of the entries, or else at the nearest point of the edges.

        Parameters
        ----------
        positions
            (N, 2) longitude, latitude in degrees.
        """
        return self._nearest_entry(positions) if self.entries is not None else self._nearest_point(positions)

    def enter(self, demand: Entrances, sites: Entrances) -> tuple[RoadGraph, Snapped, Snapped]:
        """Put points into the network.

        Returns
        -------
        RoadGraph
            Of the network's nodes, then the points that enter along edges.
        Snapped, Snapped
            Where the demand points and the sites enter the graph.
        """
        node = np.concatenate([demand.node, sites.node])
        along = np.flatnonzero(node < 0)
        edge = np.concatenate([demand.edge, sites.edge])[along]
        share = np.concatenate([demand.share, sites.share])[along]
        # Points that enter at the same place share a node: between two nodes there, a one-way edge would
        # lead in one direction only.
        place, which = np.unique(np.column_stack([edge, share]), axis=0, return_inverse=True)
        node[along] = len(self.nodes) + which
        node[along[share == 0]] = self.ends[edge[share == 0], 0]
        node[along[share == 1]] = self.ends[edge[share == 1], 1]
        graph = self._graph(place[:, 0].astype(np.int64), place[:, 1])
        count = len(demand.node)
        return graph, Snapped(node[:count], demand.leg), Snapped(node[count:], sites.leg)

    def _graph(self, edge: npt.NDArray[np.int64], share: npt.NDArray[np.float64]) -> RoadGraph:
        """Cut edges at shares of their length; the cuts are nodes after the network's own, in their order."""
        count = len(self.ends)
        cuts = np.arange(len(edge)) + len(self.nodes)
        owner = np.concatenate([np.arange(count), edge, np.arange(count)])
        place = np.concatenate([np.zeros(count), share, np.ones(count)])
        node = np.concatenate([self.ends[:, 0], cuts, self.ends[:, 1]])
        rank = np.repeat([0, 1, 2], [count, len(edge), count])  # a cut at share 0 or 1 stays between the ends
        order = np.lexsort([rank, place, owner])
        owner, place, node = owner[order], place[order], node[order]
        piece = np.flatnonzero(owner[:-1] == owner[1:])
        lengths = self.lengths[owner[piece]] * (place[piece + 1] - place[piece])
        forward, backward = self.forward[owner[piece]], self.backward[owner[piece]]
        tail, head = node[piece], node[piece + 1]
        return _road_graph(
            np.concatenate([tail[forward], head[backward]]),
            np.concatenate([head[forward], tail[backward]]),
            np.concatenate([lengths[forward], lengths[backward]]),
            len(self.nodes) + len(edge),
        )

    def _nearest_entry(self, positions: npt.NDArray[np.float64]) -> Entrances:
        assert self.entries is not None
        node = self.entries[nearest_position(positions, self.nodes[self.entries])]
        return Entrances.at_nodes(node, geodesic(positions, self.nodes[node]) * self.factor)

    def _nearest_point(self, positions: npt.NDArray[np.float64]) -> Entrances:
        edge, share, foot = nearest_on_lines(positions, self.lines)
        leg = geodesic(positions, foot) * self.factor
        return Entrances(np.full(len(positions), -1), edge, share, leg)


def road_network(
    geometry: npt.NDArray[np.object_],
    oneway: npt.NDArray[np.int8],
    length: npt.NDArray[np.float64] | None = None,
) -> RoadNetwork:
    """Join road lines wherever they share a vertex.

    Parameters
    ----------
    geometry
        (F,) LineStrings or MultiLineStrings, degrees.
    oneway
        (F,) 0 both ways, 1 along the line only, -1 against it only.
    length
        (F,) metres; measured on the ellipsoid where it is None.
    """
    lines = Polylines.of(geometry)
    lines = lines.cut(_shared(lines))
    nodes, end = _distinct(lines.vertices[np.concatenate([lines.first, lines.last])])
    metres = lines.along()[lines.last]
    if length is not None:
        measured = np.bincount(lines.feature, metres, len(geometry))
        metres = metres * (length / np.where(measured > 0, measured, 1.0))[lines.feature]
    way = oneway[lines.feature]
    return RoadNetwork(nodes, end.reshape(2, -1).T, metres, way >= 0, way <= 0, lines)


def corridor_network(
    geometry: npt.NDArray[np.object_],
    factor: float,
    interchange: Literal["nodes", "anywhere"],
    longest_step: float,
) -> RoadNetwork:
    """Join corridor pieces at their ends, and divide them into equal steps.

    Parameters
    ----------
    geometry
        (F,) one LineString for every piece between two places where the road can be entered, degrees.
        Vertices inside a piece are shape only; pieces that cross there do not meet.
    factor
        Metres of road in a metre of line.
    interchange
        Whether sites enter at the ends of pieces, or anywhere along them.
    longest_step
        Metres of road.
    """
    pieces = Polylines.of(geometry)
    ends, end = _distinct(pieces.vertices[np.concatenate([pieces.first, pieces.last])])
    stepped, new = pieces.with_steps(longest_step, factor)
    node = np.full(len(new), -1)
    node[stepped.first], node[stepped.last] = np.split(end, 2)
    node[new] = len(ends) + np.arange(new.sum())
    lines = stepped.cut(new)
    named = node[node >= 0]
    # Named vertices follow each other along a piece; a piece ends where the next begins.
    piece = stepped.line[node >= 0]
    inside = np.flatnonzero(piece[:-1] == piece[1:])
    steps = np.bincount(piece[inside], minlength=len(pieces))
    metres = (pieces.along()[pieces.last] * factor / steps)[piece[inside]]
    both = np.ones(len(inside), dtype=bool)
    return RoadNetwork(
        nodes=np.concatenate([ends, stepped.vertices[new]]),
        ends=np.column_stack([named[inside], named[inside + 1]]),
        lengths=metres,
        forward=both,
        backward=both,
        lines=lines,
        factor=factor,
        entries=np.arange(len(ends)) if interchange == "nodes" else None,
    )


def _shared(lines: Polylines) -> npt.NDArray[np.bool_]:
    """Find the vertices that occur more than once, in one line or in several."""
    distinct, identity = _distinct(lines.vertices)
    return np.bincount(identity, minlength=len(distinct))[identity] > 1


def _distinct(positions: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Find the distinct positions, and which of them each position is."""
    lon, lat = np.round((positions + np.array([180.0, 90.0])) * 10**DECIMALS).astype(np.int64).T
    lon %= 360 * 10**DECIMALS  # 180 degrees east are 180 degrees west
    _, first, identity = np.unique(lon << 32 | lat, return_index=True, return_inverse=True)
    return positions[first], identity


def _road_graph(
    tail: npt.NDArray[np.int64], head: npt.NDArray[np.int64], lengths: npt.NDArray[np.float64], nodes: int
) -> RoadGraph:
    """Sort arcs by tail and head; of several between the same nodes the shortest stays."""
    order = np.lexsort([lengths, head, tail])
    tail, head, lengths = tail[order], head[order], lengths[order]
    keep = tail != head
    keep[1:] &= (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(tail[keep], minlength=nodes))])
    return RoadGraph(indptr, head[keep], lengths[keep])
