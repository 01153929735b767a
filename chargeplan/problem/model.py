"""The parts of a problem, read-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_array

    from chargeplan.kernels import RoadGraph, Snapped
    from chargeplan.prepare.points import Points
    from chargeplan.prepare.roads import Entrances, RoadNetwork


@dataclass(frozen=True)
class InputFile:
    """A file that was read.

    Parameters
    ----------
    name
        As the scenario names it.
    sha256
        Its SHA-256 in hexadecimal.
    """

    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class RoadAccess:
    """How demand points and sites meet by road.

    Parameters
    ----------
    graph
        The road graph, with a node for every place where something enters.
    demand, sites
        Where the demand points and the sites enter the graph.
    network
        The roads that the graph was made of.
    entrances
        Where the demand points enter the network.
    """

    graph: RoadGraph
    demand: Snapped
    sites: Snapped
    network: RoadNetwork = field(repr=False)
    entrances: Entrances = field(repr=False)

    @classmethod
    def of(cls, network: RoadNetwork, entrances: Entrances, positions: npt.NDArray[np.float64]) -> RoadAccess:
        """Put demand points and sites into a network.

        Parameters
        ----------
        network
            The roads.
        entrances
            Where the demand points enter.
        positions
            (M, 2) longitude, latitude of the sites.
        """
        graph, demand, sites = network.enter(entrances, network.snap(positions))
        return cls(graph, demand, sites, network, entrances)

    def for_sites(self, positions: npt.NDArray[np.float64]) -> RoadAccess:
        """Let other sites, or any stations, enter by the same rule; (M, 2) longitude, latitude."""
        return RoadAccess.of(self.network, self.entrances, positions)


@dataclass(frozen=True, eq=False)
class Standard:
    """A service standard: these demand points, within this radius, by this metric.

    Parameters
    ----------
    name
        Unique in the problem.
    points
        The N demand points.
    radius
        Metres.
    strict
        Whether a station must be nearer than the radius; else at most so far.
    metric
        ``"geodesic"``, ``"road"`` or ``"matrix"``.
    share
        Of the weight that must be covered, above 0, at most 1.
    stations
        How many stations must lie within the radius of a demand point for it to be covered.
    required
        A requirement, or else an aim.
    access
        With metric ``"road"``: how demand points and sites meet.
    matrix
        With metric ``"matrix"``: (N, M) metres, the pairs that the table states.
    corridor
        The corridor whose points these are, if they are.
    not_planned
        What the scenario says of this standard that is not in this release, a line each.
    """

    name: str
    points: Points = field(repr=False)
    radius: float
    strict: bool = False
    metric: Literal["geodesic", "road", "matrix"] = "geodesic"
    share: float = 1.0
    stations: int = 1
    required: bool = True
    access: RoadAccess | None = field(default=None, repr=False)
    matrix: csr_array | None = field(default=None, repr=False)
    corridor: str | None = None
    not_planned: tuple[str, ...] = ()
