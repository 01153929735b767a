"""Distances and nearest sites beside scikit-learn, pyproj and SciPy: answers within what each is off by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyproj import Geod
from scipy.spatial import cKDTree

from chargeplan import kernels
from chargeplan.kernels.geodesy import MEAN_RADIUS, ecef

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Positions = NDArray[np.float64]
    Measure = Callable[..., Any]
    Record = Callable[[str, str, dict[str, Any]], None]

SIZES = {"small": (500, 400), "full": (10_000, 5_000)}
NEAREST = {"small": (5_000, 500, 5), "full": (1_000_000, 20_000, 5)}
GEOD = Geod(ellps="WGS84")


def region(count: int, seed: int) -> Positions:
    """Positions spread over some 200 x 200 km around Changsha, longitude and latitude."""
    return np.random.default_rng(seed).uniform((112.0, 27.0), (114.0, 29.0), (count, 2))


@pytest.fixture(scope="module")
def ends(size: str) -> tuple[Positions, Positions]:
    """Origins and destinations."""
    origins, destinations = SIZES[size]
    return region(origins, 0), region(destinations, 1)


@pytest.fixture(scope="module")
def sample(ends: tuple[Positions, Positions]) -> tuple[Any, Any, NDArray[np.float64]]:
    """Rows, columns and what Geod says of them."""
    rng = np.random.default_rng(2)
    rows, columns = (rng.integers(0, len(side), 20_000) for side in ends)
    return rows, columns, GEOD.inv(*ends[0][rows].T, *ends[1][columns].T)[2]


def group(size: str) -> str:
    origins, destinations = SIZES[size]
    return f"distance matrix, float64: {origins:,} x {destinations:,}"


ASKED = "haversine_distances 5 x, Geod.inv 60 x"


def test_matrix(size: str, ends: Any, sample: Any, measure: Measure) -> None:
    rows, columns, metres = sample

    def exact(matrix: Any) -> None:
        assert np.abs(matrix[rows, columns] - metres).max() < 1e-3

    run, asked = lambda: kernels.distance_matrix(*ends), ASKED if size == "full" else None
    measure("chargeplan", run, answer=exact, rounds=5, group=group(size), asked=asked)


def test_matrix_of_float32(size: str, ends: Any, sample: Any, measure: Measure) -> None:
    rows, columns, metres = sample

    def exact(matrix: Any) -> None:
        assert np.abs(matrix[rows, columns] - metres).max() < 0.02

    run = lambda: kernels.distance_matrix(*ends, dtype=np.float32)  # noqa: E731
    measure("chargeplan, float32", run, answer=exact, rounds=5, group=group(size))


def test_haversine_distances(size: str, ends: Any, sample: Any, measure: Measure) -> None:
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    rows, columns, metres = sample

    def run() -> Any:
        matrix = pairwise.haversine_distances(*(np.radians(side[:, ::-1]) for side in ends))
        matrix *= MEAN_RADIUS
        return matrix

    def spherical(matrix: Any) -> None:
        assert np.abs(matrix[rows, columns] / metres - 1).max() < 0.006

    measure("scikit-learn haversine_distances", run, answer=spherical, group=group(size))


def test_geod(size: str, ends: Any, sample: Any, measure: Measure) -> None:
    rows, columns, metres = sample

    def run() -> Any:
        origins, destinations = ends
        matrix = np.empty((len(origins), len(destinations)))
        for row, origin in zip(matrix, origins, strict=True):
            here = np.broadcast_to(origin, destinations.shape)
            row[:] = GEOD.inv(*here.T, *destinations.T)[2]
        return matrix

    def same(matrix: Any) -> None:
        np.testing.assert_array_equal(matrix[rows, columns], metres)

    measure("pyproj Geod.inv", run, answer=same, rounds=1, group=group(size))


@pytest.mark.parametrize(("metres", "promise"), [(1e3, 1e-6), (50e3, 1e-6), (400e3, 1e-3), (1e6, 0.03)])
def test_accuracy(metres: float, promise: float, record: Record) -> None:
    """The largest difference from Geod among many pairs all over the Earth."""
    rng = np.random.default_rng(3)
    count = 200_000
    start = np.column_stack((rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))))
    lon, lat, _ = GEOD.fwd(*start.T, rng.uniform(-180, 180, count), metres * rng.uniform(0, 0.9999, count))
    found = kernels.paired_distances(start, np.column_stack((lon, lat)))
    worst = float(np.abs(found - GEOD.inv(*start.T, lon, lat)[2]).max())
    assert worst < promise
    text = {"promised, m": promise, "largest difference, m": float(f"{worst:.2g}")}
    record("distance, beside pyproj Geod", f"up to {metres / 1000:,.0f} km", text)


def nearest_group(size: str) -> str:
    demand, sites, k = NEAREST[size]
    return f"{k} nearest sites: {demand:,} x {sites:,}"


@pytest.fixture(scope="module")
def places(size: str) -> tuple[Positions, Positions, int]:
    demand, sites, k = NEAREST[size]
    return region(demand, 4), region(sites, 5), k


def test_nearest_sites(size: str, places: Any, measure: Measure) -> None:
    demand, sites, k = places

    def same(found: Any) -> None:
        matrix = kernels.distance_matrix(demand[:200], sites)
        order = np.argsort(matrix, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(found[0][:200], order)
        np.testing.assert_array_equal(found[1][:200], np.take_along_axis(matrix, order, axis=1))

    run = lambda: kernels.nearest_sites(demand, sites, k)  # noqa: E731
    measure("chargeplan", run, answer=same, group=nearest_group(size))


def test_nearest_by_chord(size: str, places: Any, measure: Measure) -> None:
    """SciPy knows chords only: their order is nearly that of the distances, which it does not give."""
    demand, sites, k = places

    def nearly(found: Any) -> None:
        assert (found[1] == kernels.nearest_sites(demand, sites, k)[0]).mean() > 0.9999

    run = lambda: cKDTree(ecef(sites)).query(ecef(demand), k, workers=-1)  # noqa: E731
    measure("SciPy cKDTree.query", run, answer=nearly, group=nearest_group(size))
