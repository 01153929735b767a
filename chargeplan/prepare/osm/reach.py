"""What the roads of an extract reach, measured as a plan will measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from chargeplan import kernels
from chargeplan.prepare.features import DECIMALS
from chargeplan.prepare.nearest import nearest_on_lines
from chargeplan.prepare.osm.homes import in_metres
from chargeplan.prepare.polylines import geodesic
from chargeplan.prepare.roads import RoadNetwork, road_network

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

_NEIGHBOURHOOD = 0.5  # of the radius: the side of the squares in which one kerb site is tried

_STEP = 1e-5  # degrees, about a metre


class Reach:
    """The roads as a plan's network, and who reaches what on them.

    Parameters
    ----------
    lines
        The road layer.
    """

    def __init__(self, lines: gpd.GeoDataFrame) -> None:
        geometry = np.asarray(lines.geometry.array, dtype=object)
        self._network: RoadNetwork = road_network(geometry, lines["oneway"].to_numpy(dtype=np.int8))

    def foot(
        self, positions: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Find the nearest point of the roads, (N, 2) degrees, and the metres to it, (N,)."""
        if not len(positions):
            return np.empty((0, 2)), np.empty(0)
        _, _, foot = nearest_on_lines(positions, self._network.lines)
        foot = foot.round(DECIMALS)
        return foot, geodesic(positions, foot)

    def unreached(
        self, demand: npt.NDArray[np.float64], sites: npt.NDArray[np.float64], radius: float
    ) -> npt.NDArray[np.bool_]:
        """(N,) bool, the demand points that have no site within a radius in metres, by road."""
        if not len(demand) or not len(sites):
            return np.ones(len(demand), dtype=bool)
        snap = self._network.snap
        graph, origins, destinations = self._network.enter(snap(demand), snap(sites))
        coverage = kernels.road_coverage(graph, origins, destinations, radius, strict=True)
        return np.asarray(np.diff(coverage.indptr) == 0)

    def kerb_sites(
        self,
        demand: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64],
        sites: npt.NDArray[np.float64],
        radius: float,
    ) -> npt.NDArray[np.float64]:
        """Choose places on roads so that demand points have a site within a radius by road.

        In every square in which some have none, the road beside the point nearest to their middle gets one;
        and so on with the others that still have none.

        Parameters
        ----------
        demand, weight
            (N, 2) degrees, and (N,) above 0.
        sites
            (M, 2) degrees, those there are.
        radius
            Metres.

        Returns
        -------
        ndarray
            (K, 2) degrees, on roads.
        """
        chosen = [np.empty((0, 2))]
        left = np.flatnonzero(self.unreached(demand, sites, radius))
        while len(left):
            at = _middles(demand[left], weight[left], radius)
            chosen.append(self.ahead(demand[left[at]]))
            left = np.delete(left, at)
            left = left[self.unreached(demand[left], chosen[-1], radius)]
        return np.concatenate(chosen)

    def ahead(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Find places on the roads, (N, 2) degrees, a metre beyond where points enter them as one may drive.

        Rounded, the very place could lie a centimetre before it, and on a one-way road that is a long way.
        """
        network = self._network
        edge, _, foot = nearest_on_lines(positions, network.lines)
        corners = [slice(*network.lines.start[line : line + 2]) for line in edge.tolist()]
        lines = np.array([shapely.linestrings(network.lines.vertices[part]) for part in corners])
        step = np.where(network.forward[edge], _STEP, -_STEP)
        along = np.clip(
            shapely.line_locate_point(lines, shapely.points(foot)) + step, 0, shapely.length(lines)
        )
        place = shapely.get_coordinates(shapely.line_interpolate_point(lines, along))
        return np.asarray(place.round(DECIMALS))


def _middles(
    demand: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    radius: float,
) -> npt.NDArray[np.int64]:
    """Find the point of every square that is nearest to the middle of the square's weight."""
    place = in_metres(demand)
    square, which = np.unique(np.floor(place / (_NEIGHBOURHOOD * radius)), axis=0, return_inverse=True)
    total = np.bincount(which, weight, len(square))
    middle = np.column_stack([np.bincount(which, weight * axis, len(square)) / total for axis in place.T])
    away = np.hypot(*(place - middle[which]).T)
    order = np.lexsort([away, which])
    return np.asarray(order[np.unique(which[order], return_index=True)[1]])
