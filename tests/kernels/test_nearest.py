"""Nearest sites: what a stable sort of each row of the distance matrix says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from chargeplan import kernels
from chargeplan.errors import InputError

GEOD = Geod(ellps="WGS84")
# The same examples in every run; the first may have to wait for the compiler.
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
POSITIONS = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=30)


def check(demand: np.ndarray, sites: np.ndarray, k: int, metric: str = "geodesic") -> None:
    """Compare with the whole matrix, sorted."""
    matrix = kernels.distance_matrix(demand, sites, metric=metric)
    order = np.argsort(matrix, axis=1, kind="stable")[:, :k]
    nearest, distances = kernels.nearest_sites(demand, sites, k, metric=metric)
    assert nearest.dtype == np.int32
    np.testing.assert_array_equal(nearest, order)
    np.testing.assert_array_equal(distances, np.take_along_axis(matrix, order, axis=1))


def on_the_globe(rng: np.random.Generator, count: int) -> np.ndarray:
    """Positions spread evenly over the Earth."""
    return np.column_stack((rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))))


@pytest.mark.parametrize("k", [1, 2, 5, 70])
def test_near_and_far(rng: np.random.Generator, k: int) -> None:
    """In a town, all over the Earth, and from far away, the order is that of the distances."""
    town = np.array((112.9, 28.2)) + rng.uniform(-0.1, 0.1, (150, 2))
    check(town[:80], town[80:], k)
    check(on_the_globe(rng, 60), on_the_globe(rng, 70), k)
    check(on_the_globe(rng, 20), town[:70], k)


@pytest.mark.parametrize("place", [(0.0, 90.0), (0.0, -90.0), (180.0, 0.0), (-179.9, 65.0)])
def test_near_the_poles_and_across_the_antimeridian(
    rng: np.random.Generator, place: tuple[float, float]
) -> None:
    """Where longitudes jump or meet, too."""
    ways = rng.uniform(-180, 180, 60), rng.uniform(0, 3e6, 60)
    lon, lat, _ = GEOD.fwd(np.full(60, place[0]), np.full(60, place[1]), *ways)
    points = np.concatenate((np.column_stack((lon, lat)), [place]))
    check(points[:30], points[25:], 4)


def test_a_tie_goes_to_the_first(rng: np.random.Generator) -> None:
    """Of sites at the same place, and of those equally near on a lattice, the first of the input leads."""
    sites = np.repeat(on_the_globe(rng, 5), 4, axis=0)
    check(sites, sites[rng.permutation(20)], 7)
    lattice = rng.integers(0, 6, (60, 2)).astype(float)
    check(lattice, rng.integers(0, 6, (50, 2)).astype(float), 9, "euclidean")
    check(lattice / 10, rng.integers(0, 6, (50, 2)) / 10, 9, "euclidean")
    np.testing.assert_array_equal(kernels.nearest_sites([[1, 1]], [[1, 1]] * 30, 30)[0], [range(30)])


def test_sites_that_are_equally_far_to_the_millimetre(rng: np.random.Generator) -> None:
    """Around a circle chords do not tell which is the nearest; distances along the ellipsoid do."""
    for metres in (1e3, 50e3, 400e3, 9.9e5, 1.2e6, 9e6):
        way = metres + rng.uniform(-1e-3, 1e-3, 40)
        lon, lat, _ = GEOD.fwd(np.full(40, 112.9), np.full(40, 28.2), rng.uniform(-180, 180, 40), way)
        check(np.array([[112.9, 28.2]]), np.column_stack((lon, lat)), 3)


@EXAMPLES
@given(POSITIONS, POSITIONS, st.integers(1, 30))
def test_wherever_points_lie(demand: list, sites: list, k: int) -> None:
    """Whatever hypothesis finds, it is the sorted matrix."""
    check(np.array(demand), np.array(sites), min(k, len(sites)))


@pytest.mark.usefixtures("small_pieces")
def test_pieces_and_threads_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into many pieces, the answer is the same."""
    from chargeplan.kernels import nearest

    monkeypatch.setattr(nearest, "_PIECE", 3)
    check(on_the_globe(rng, 50), on_the_globe(rng, 30), 3)


def test_nobody_asks_and_nothing_can_be_written() -> None:
    """No demand points make an empty answer; what is handed out is read-only."""
    nearest, distances = kernels.nearest_sites([], [[0, 0], [1, 1]], 2)
    assert nearest.shape == distances.shape == (0, 2)
    for part in kernels.nearest_sites([[0, 0]], [[0, 1]]):
        assert part.shape == (1, 1)
        assert not part.flags.writeable


@pytest.mark.parametrize("k", [0, 3, -1])
def test_more_than_there_are_is_an_error(k: int) -> None:
    """Neither none nor more than all sites can be the nearest."""
    with pytest.raises(InputError, match=f"at most the number of sites, 2, not {k}"):
        kernels.nearest_sites([[0, 0]], [[0, 0], [1, 1]], k)
    with pytest.raises(InputError, match="number of sites, 0"):
        kernels.nearest_sites([[0, 0]], [], 1)
