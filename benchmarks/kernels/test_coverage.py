"""Radius coverage beside scikit-learn, SciPy and shapely, whose answers are as near as their distances.

Every peer gets the same longitudes and latitudes and is timed from there to its answer, its index built on
the way, in its best legal form: radians for BallTree, earth-centred metres for cKDTree, a projected plane
for STRtree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from scipy.spatial import cKDTree

from chargeplan import kernels
from chargeplan.kernels.compiled import in_pieces
from chargeplan.kernels.geodesy import MEAN_RADIUS, ecef

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Positions = NDArray[np.float64]
    Measure = Callable[..., Any]

RADIUS = 1000.0  # metres
EXTENT = 40_000.0  # metres, east and north
MIDDLE = 112.93, 28.21  # degrees, Changsha
SIZES = {"small": (20_000, 400), "full": (1_000_000, 20_000)}
CURVE = {"small": (1_000, 10_000), "full": (10_000, 100_000, 1_000_000, 10_000_000)}
CURVE_SITES = {"small": 400, "full": 2_000}  # however many demand points: pairs grow with them
TITLE = "coverage within 1 km, demand points, {} sites in 40 x 40 km"


def uniform(count: int, seed: int) -> Positions:
    """Positions spread evenly over 40 x 40 km, longitude and latitude."""
    metres = np.random.default_rng(seed).uniform(-EXTENT / 2, EXTENT / 2, (count, 2))
    east = 111_320.0 * np.cos(np.radians(MIDDLE[1]))
    return np.array(MIDDLE) + metres / (east, 110_800.0)


@pytest.fixture(scope="module")
def points(size: str) -> tuple[Positions, Positions]:
    """Demand and sites."""
    demand, sites = SIZES[size]
    return uniform(demand, 0), uniform(sites, 1)


@pytest.fixture(scope="module")
def pairs(points: tuple[Positions, Positions]) -> dict[float, int]:
    """How many pairs chargeplan finds within the radius, and a little within and beyond it."""
    radii = RADIUS * np.array((1 - 0.006, 1 - 1e-7, 1, 1 + 1e-7, 1 + 0.006))
    return dict(zip(radii / RADIUS - 1, (each.nnz for each in kernels.coverage(*points, radii)), strict=True))


def group(size: str) -> str:
    demand, sites = SIZES[size]
    return f"coverage: {demand:,} x {sites:,}, 1 km"


def agrees(found: int, pairs: dict[float, int], error: float) -> None:
    """Expect as many pairs as the radius has when it is off by an error; on the ellipsoid that is none."""
    bounds = [count for off, count in pairs.items() if abs(abs(off) - error) < error / 2]
    assert min(bounds) <= found <= max(bounds)


# The chord of 1,000 m is 1,000 m less 1 micrometre, and 1e-8 m of it depend on where and in what direction.
CHORD = 2 * MEAN_RADIUS * np.sin(RADIUS / (2 * MEAN_RADIUS))
EXACT = 1e-7
# A sphere is off by up to 5.6 m at 1 km, and transverse Mercator in its own middle by less.
SPHERE = 0.006


ASKED = "BallTree 15 x, the fastest peer 8 x, just writing an eighth"


def test_chargeplan(size: str, points: tuple[Positions, Positions], measure: Measure) -> None:
    def same(found: Any) -> None:
        demand, sites = points
        chosen = np.random.default_rng(2).choice(len(demand), 1000, replace=False)
        near = cKDTree(ecef(sites)).query_ball_point(ecef(demand[chosen]), CHORD, return_sorted=True)
        rows = (found.indices[found.indptr[i] : found.indptr[i + 1]] for i in chosen)
        assert sum(not np.array_equal(row, there) for row, there in zip(rows, near, strict=True)) <= 1

    run, asked = lambda: kernels.coverage(*points, RADIUS), ASKED if size == "full" else None
    measure("chargeplan", run, answer=same, rounds=5, group=group(size), asked=asked)


@numba.njit(nogil=True)
def _write(
    each: int,
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: NDArray[np.bool_],
) -> None:
    for i in range(start, stop):
        indptr[i + 1] = (i + 1) * each
        for t in range(i * each, (i + 1) * each):
            indices[t] = t - i * each
            data[t] = True


def test_just_writing_the_answer(size: str, pairs: dict[float, int], measure: Measure) -> None:
    """The same arrays, allocated and filled in their order by the same threads: nobody can be faster."""
    rows = SIZES[size][0]
    each = pairs[0.0] // rows

    def run() -> Any:
        indptr = np.zeros(rows + 1, np.int32)
        indices, data = np.empty(rows * each, np.int32), np.empty(rows * each, np.bool_)
        in_pieces(lambda start, stop: _write(each, start, stop, indptr, indices, data), rows, 2000)
        return indices

    def same(found: Any) -> None:
        assert found.size == rows * each

    measure("just writing the answer", run, answer=same, rounds=5, group=group(size))


def test_ball_tree(
    size: str, points: tuple[Positions, Positions], pairs: dict[float, int], measure: Measure
) -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")

    def run() -> Any:
        demand, sites = (np.radians(side[:, ::-1]) for side in points)
        return neighbors.BallTree(sites, metric="haversine").query_radius(demand, RADIUS / MEAN_RADIUS)

    measure(
        "scikit-learn BallTree.query_radius",
        run,
        answer=lambda found: agrees(sum(map(len, found)), pairs, SPHERE),
        group=group(size),
    )


def test_query_ball_point(
    size: str, points: tuple[Positions, Positions], pairs: dict[float, int], measure: Measure
) -> None:
    def run() -> Any:
        demand, sites = map(ecef, points)
        return cKDTree(sites).query_ball_point(demand, CHORD, workers=-1)

    measure(
        "SciPy cKDTree.query_ball_point",
        run,
        answer=lambda found: agrees(sum(map(len, found)), pairs, EXACT),
        group=group(size),
    )


def test_sparse_distance_matrix(
    size: str, points: tuple[Positions, Positions], pairs: dict[float, int], measure: Measure
) -> None:
    def run() -> Any:
        demand, sites = (cKDTree(ecef(side)) for side in points)
        return demand.sparse_distance_matrix(sites, CHORD, output_type="ndarray")

    measure(
        "SciPy cKDTree.sparse_distance_matrix",
        run,
        answer=lambda found: agrees(len(found), pairs, EXACT),
        group=group(size),
    )


def test_str_tree(
    size: str, points: tuple[Positions, Positions], pairs: dict[float, int], measure: Measure
) -> None:
    plane = f"+proj=tmerc +lat_0={MIDDLE[1]} +lon_0={MIDDLE[0]} +ellps=WGS84"

    def run() -> Any:
        project = Transformer.from_crs("EPSG:4326", plane, always_xy=True).transform
        demand, sites = (shapely.points(*project(*side.T)) for side in points)
        return shapely.STRtree(sites).query(demand, predicate="dwithin", distance=RADIUS)

    measure(
        "shapely STRtree dwithin",
        run,
        answer=lambda found: agrees(found.shape[1], pairs, SPHERE),
        group=group(size),
    )


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("who", ["chargeplan", "SciPy cKDTree.sparse_distance_matrix"])
def test_growth(who: str, step: int, size: str, measure: Measure) -> None:
    """Demand points from 10^4 to 10^7, the sites fixed, so that the pairs grow with the points."""
    if step >= len(CURVE[size]):
        pytest.skip("a point of the full curve")
    demand, sites = uniform(CURVE[size][step], 3), uniform(CURVE_SITES[size], 4)
    expected = len(demand) * len(sites) * np.pi * RADIUS**2 / EXTENT**2

    def ours() -> int:
        return int(kernels.coverage(demand, sites, RADIUS).nnz)

    def peers() -> int:
        trees = (cKDTree(ecef(side)) for side in (demand, sites))
        return len(next(trees).sparse_distance_matrix(next(trees), CHORD, output_type="ndarray"))

    def plausible(found: int) -> None:
        assert 0.9 * expected < found < 1.01 * expected  # less at the edges; equality is tested above

    title = TITLE.format(f"{len(sites):,}")
    run, rounds = (ours, 3) if who == "chargeplan" else (peers, 1)
    measure(who, run, answer=plausible, curve=(title, len(demand)), rounds=rounds)
