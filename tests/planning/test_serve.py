"""Nearest stations by road: as Dijkstra's method finds them, and looked for no farther than they are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from chargeplan import kernels
from chargeplan.planning.serve import _nearest_by_road
from chargeplan.problem import RoadAccess


def random_access(seed: int) -> tuple[RoadAccess, np.ndarray]:
    """A town, an island without a station and a point no road leads to; and all distances, by SciPy."""
    rng = np.random.default_rng(seed)
    town, island = 40, 10
    tail = np.concatenate((rng.integers(0, town, 130), rng.integers(town, town + island, 30)))
    head = np.concatenate((rng.integers(0, town, 130), rng.integers(town, town + island, 30)))
    length = rng.integers(1, 2_000, tail.size).astype(float)
    order = np.argsort(tail, kind="stable")
    indptr = np.append(0, np.cumsum(np.bincount(tail, minlength=town + island)))
    graph = kernels.RoadGraph(indptr, head[order], length[order])
    demand = kernels.Snapped(rng.integers(0, town + island, 60), np.append(rng.random(59) * 9, np.inf))
    sites = kernels.Snapped(rng.integers(0, town, 12), rng.random(12) * 9)
    best = np.full((town + island, town + island), np.inf)
    np.minimum.at(best, (tail, head), length)
    rows, columns = np.nonzero(np.isfinite(best))
    along = dijkstra(csr_array((best[rows, columns], (rows, columns)), shape=best.shape))
    metres = demand.leg[:, None] + along[np.ix_(demand.node, sites.node)] + sites.leg
    return RoadAccess(graph, demand, sites, None, None), metres


@pytest.mark.parametrize("need", [1, 2, 4])
@pytest.mark.parametrize("seed", range(8))
def test_nearest_stations_by_road_are_those_of_dijkstra(seed: int, need: int) -> None:
    """Near and far, on an island and nowhere; of one station where more are asked for, too."""
    access, metres = random_access(seed)
    for index in (np.array([1, 4, 5, 8, 11]), np.array([7])):
        distance, order = _nearest_by_road(access, 500.0, index, need)
        known = np.sort(np.pad(metres[:, index], ((0, 0), (0, need)), constant_values=np.inf), axis=1)
        assert distance == pytest.approx(known[:, :need])
        reached = np.isfinite(distance[:, 0])
        assert metres[:, index][reached, order[reached]] == pytest.approx(distance[reached, 0])


def test_who_is_near_a_station_is_looked_for_once(monkeypatch) -> None:
    """Farther than the radius go only those who found too few within it and have a way to a station."""
    access, metres = random_access(3)
    index, asked, measure = np.array([1, 4, 5]), [], kernels.road_distances

    def noted(graph, demand, stations, limit):
        asked.append((limit, demand.node.size))
        return measure(graph, demand, stations, limit)

    monkeypatch.setattr(kernels, "road_distances", noted)
    _nearest_by_road(access, 500.0, index, 1)
    nearest = metres[:, index].min(axis=1)
    reached = nearest[np.isfinite(nearest)]
    assert reached.size < nearest.size
    limits = [limit for limit, _ in asked]
    wanted = [nearest.size, *(int((reached > limit).sum()) for limit in limits[:-1])]
    assert asked == list(zip(limits, wanted, strict=True))
    assert limits == [500.0 * 4**turn for turn in range(len(limits))]
    assert limits[-1] >= reached.max() > limits[-2]
