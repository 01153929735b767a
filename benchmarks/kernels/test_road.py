"""Road distances against SciPy's Dijkstra and pandana, on the streets of Porto Alegre and on grids.

::

    python benchmarks/kernels/test_road.py 1000

prints the peak memory of a process that measures on a grid of so many nodes each way.
"""

from __future__ import annotations

import resource
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import dijkstra

from chargeplan import kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    Measure = Callable[..., Any]

PORTO_ALEGRE = Path(__file__).with_name("porto_alegre.py")
LIMITS = {"small": (1000.0,), "full": (1000.0, 5000.0)}
POINTS = {"small": 100, "full": 2000}
SIDES = {"small": (30, 100), "full": (100, 316, 1000)}
BLOCK = 100.0  # metres between crossings of a grid
CURVE = "road, 200 x 2,000 points on a grid, 1 km"
DENSE = 10_000_000  # distances that SciPy is let hold at a time, 80 MB


@dataclass(frozen=True, eq=False)
class Job:
    """All pairs of a source and a site within a limit are asked for, with their distance.

    Parameters
    ----------
    lengths
        (V, V) metres of every arc.
    sources, sites
        Nodes.
    limit
        Metres.
    """

    lengths: csr_array
    sources: np.ndarray
    sites: np.ndarray
    limit: float

    def graph(self) -> kernels.RoadGraph:
        """Hand the roads to chargeplan, their chains not yet contracted."""
        return kernels.RoadGraph(self.lengths.indptr, self.lengths.indices, self.lengths.data)

    def by_chargeplan(self, graph: kernels.RoadGraph) -> csr_array:
        """Measure with chargeplan."""
        sources = kernels.Snapped(self.sources, np.zeros(self.sources.size))
        sites = kernels.Snapped(self.sites, np.zeros(self.sites.size))
        return kernels.road_distances(graph, sources, sites, self.limit)

    def by_scipy(self) -> csr_array:
        """Measure with SciPy, which gives all nodes: as many sources at a time as fit."""
        step = max(1, DENSE // self.lengths.shape[0])
        rows = []
        for first in range(0, self.sources.size, step):
            part = self.sources[first : first + step]
            distance = dijkstra(self.lengths, indices=part, limit=self.limit)[:, self.sites]
            row, site = np.nonzero(np.isfinite(distance))
            shape = (part.size, self.sites.size)
            rows.append(csr_array((distance[row, site], (row, site)), shape=shape))
        return csr_array(vstack(rows, format="csr"))

    def by_pandana(self, network: Any) -> csr_array:
        """Measure with pandana, which gives all nodes within the limit, in millimetres' precision."""
        table = network.nodes_in_range(self.sources.tolist(), self.limit)
        source, site = np.full(self.lengths.shape[0], -1), np.full(self.lengths.shape[0], -1)
        source[self.sources] = np.arange(self.sources.size)
        site[self.sites] = np.arange(self.sites.size)
        kept = site[table["destination"].to_numpy()] >= 0
        ends = source[table["source"].to_numpy()[kept]], site[table["destination"].to_numpy()[kept]]
        shape = (self.sources.size, self.sites.size)
        return csr_array((table.iloc[:, 2].to_numpy()[kept], ends), shape=shape)


def agrees(expected: csr_array, *, within: float = 1e-6) -> Callable[[csr_array], None]:
    """Check that distances are those expected; pairs that close to the limit may be missing."""

    def check(found: csr_array) -> None:
        longest = expected.data.max(initial=0.0)
        wanted, given = expected.tocoo(), found.tocoo()
        both = np.asarray(found[wanted.coords])
        absent = (both == 0) & (wanted.data > 0)
        assert np.all(wanted.data[absent] >= longest - within)
        np.testing.assert_allclose(both[~absent], wanted.data[~absent], rtol=0, atol=within)
        extra = given.nnz - (wanted.nnz - absent.sum())
        assert 0 <= extra <= np.sum(given.data >= longest - within)

    return check


def ways(count: int) -> str:
    """Name the sites in the title of a table."""
    return f"{count:,} sites"


@pytest.fixture(scope="session")
def streets(size: str) -> tuple[np.ndarray, csr_array]:
    """Porto Alegre's streets: positions and lengths of arcs; in a smoke run those of the centre."""
    read = runpy.run_path(str(PORTO_ALEGRE))
    positions, lengths = read["read_roads"]()
    if size == "small":
        centre = np.abs(positions - np.median(positions, axis=0)).max(axis=1) < 0.02
        positions, lengths = read["largest_part"](positions[centre], lengths[centre][:, centre])
    return positions, lengths


@pytest.fixture(params=["chosen", "all"])
def job(
    request: pytest.FixtureRequest, size: str, limit: float, streets: tuple[np.ndarray, csr_array]
) -> Job:
    """Ask for pairs between random nodes, or from random nodes to all."""
    rng = np.random.default_rng(0)
    nodes = streets[1].shape[0]
    sources, sites = (rng.choice(nodes, POINTS[size], replace=False) for _ in range(2))
    return Job(streets[1], sources, sites if request.param == "chosen" else np.arange(nodes), limit)


@pytest.fixture(params=[1000.0, 5000.0], ids=["1km", "5km"])
def limit(request: pytest.FixtureRequest, size: str) -> float:
    """Metres; the long way is only gone when sizes are full."""
    if request.param not in LIMITS[size]:
        pytest.skip("only with --size full")
    return float(request.param)


@pytest.fixture
def title(job: Job) -> str:
    """Name the table that a row stands in."""
    return (
        f"road: Porto Alegre, {job.sources.size:,} sources, {ways(job.sites.size)}, {job.limit / 1000:g} km"
    )


@pytest.fixture(scope="session")
def pandana_network(streets: tuple[np.ndarray, csr_array]) -> Any:
    """Hand the streets to pandana, its contraction hierarchy built."""
    return pandana_of(*streets)


def pandana_of(positions: np.ndarray, lengths: csr_array) -> Any:
    """Build pandana's network; skip where it is not installed."""
    pandana = pytest.importorskip("pandana")
    pandas = pytest.importorskip("pandas")
    arcs = lengths.tocoo()
    tail, head = (pandas.Series(ends) for ends in arcs.coords)
    x, y = (pandas.Series(axis) for axis in positions.T)
    return pandana.Network(x, y, tail, head, pandas.DataFrame({"metres": arcs.data}), twoway=False)


def test_chargeplan(job: Job, title: str, measure: Measure) -> None:
    """Chains contracted beforehand, as pandana's hierarchy is."""
    graph = job.graph()
    asked = "SciPy 12 x and pandana 25 x at 1 km, SciPy 4 x at 5 km"
    measure(
        "chargeplan",
        lambda: job.by_chargeplan(graph),
        rounds=7,
        answer=agrees(job.by_scipy()),
        group=title,
        asked=asked,
    )


def test_chargeplan_from_the_start(job: Job, title: str, measure: Measure) -> None:
    """Chains contracted every time."""
    measure("chargeplan, contracting included", lambda: job.by_chargeplan(job.graph()), rounds=5, group=title)


def test_scipy(job: Job, title: str, measure: Measure) -> None:
    """SciPy's Dijkstra with a limit, the sites picked from its rows."""
    measure("SciPy csgraph.dijkstra(limit=)", job.by_scipy, group=title)


@pytest.mark.filterwarnings("ignore")
def test_pandana(job: Job, title: str, pandana_network: Any, measure: Measure) -> None:
    """Nodes within a range by pandana, the sites picked from its table; it cuts every arc to a millimetre."""
    measure(
        "pandana nodes_in_range",
        lambda: job.by_pandana(pandana_network),
        rounds=1,
        answer=agrees(job.by_scipy(), within=0.3),
        group=title,
    )


PREPARING = "road: preparing Porto Alegre's graph, once"


def test_contracting(streets: tuple[np.ndarray, csr_array], measure: Measure) -> None:
    """What contracting the chains costs."""
    lengths = streets[1]

    def contract() -> Any:
        return kernels.RoadGraph(lengths.indptr, lengths.indices, lengths.data).chains

    measure("chargeplan", contract, rounds=7, group=PREPARING)


@pytest.mark.filterwarnings("ignore")
def test_building_pandana(streets: tuple[np.ndarray, csr_array], measure: Measure) -> None:
    """What pandana's hierarchy costs."""
    measure("pandana Network", lambda: pandana_of(*streets), rounds=1, group=PREPARING)


def grid(side: int) -> csr_array:
    """Draw streets between the crossings of a grid, both ways, a little longer or shorter than a block."""
    rng = np.random.default_rng(0)
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    metres = BLOCK * rng.uniform(0.8, 1.2, tail.size)
    ends = np.concatenate([tail, head]), np.concatenate([head, tail])
    return csr_array(coo_array((np.tile(metres, 2), ends), shape=(side**2, side**2)))


def grid_job(side: int) -> Job:
    """Ask for pairs within 1 km between 200 random crossings and 2,000 others."""
    rng = np.random.default_rng(1)
    sources = rng.choice(side**2, 200, replace=False)
    return Job(grid(side), sources, rng.choice(side**2, min(2000, side**2), replace=False), 1000.0)


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("who", ["chargeplan", "SciPy csgraph.dijkstra(limit=)"])
def test_growth(who: str, step: int, size: str, measure: Measure) -> None:
    """A search costs what it reaches, not what the graph holds."""
    if step >= len(SIDES[size]):
        pytest.skip("only with --size full")
    job = grid_job(SIDES[size][step])
    curve = (CURVE, SIDES[size][step] ** 2)
    if who == "chargeplan":
        graph = job.graph()
        measure(who, lambda: job.by_chargeplan(graph), rounds=5, answer=agrees(job.by_scipy()), curve=curve)
    else:
        measure(who, job.by_scipy, rounds=2, curve=curve)


def test_memory_of_a_large_grid(size: str, record: Callable[..., None]) -> None:
    """A grid of a million crossings is measured on in less than 2 GB."""
    side = SIDES[size][-1]
    command = [sys.executable, __file__, str(side)]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)
    assert peak < 2000
    figures = {"peak resident, MiB": str(peak), "asked": "< 2,000 with 1,000,000 nodes"}
    record("road: memory of a process", f"chargeplan, grid of {side**2:,} nodes", figures)


def main() -> None:
    """Measure on a grid from 2,000 crossings to all, and print the most memory this process held, in MiB."""
    job = grid_job(int(sys.argv[1]))
    rng = np.random.default_rng(2)
    nodes = job.lengths.shape[0]
    sources = rng.choice(nodes, min(2000, nodes), replace=False)
    found = Job(job.lengths, sources, np.arange(nodes), job.limit).by_chargeplan(job.graph())
    assert found.nnz > sources.size
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
