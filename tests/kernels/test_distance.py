"""Distances: as near to Geod as promised, and Geod's own beyond 1,000 km."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import memory

GEOD = Geod(ellps="WGS84")
# The same examples in every run; the first may have to wait for the compiler.
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
PROMISES = [(50e3, 1e-6), (400e3, 1e-3), (1e6, 0.03)]


def pairs_at(rng: np.random.Generator, metres: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs up to a distance apart, all over the Earth, some from the poles and the antimeridian."""
    start = np.column_stack((rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))))
    start[:5, 1], start[5:9, 1], start[9:20, 0] = 90, -90, 180
    way = metres * rng.uniform(0.9, 0.999999, count)
    lon, lat, _ = GEOD.fwd(*start.T, rng.uniform(-180, 180, count), way)
    return start, np.column_stack((lon, lat))


@pytest.mark.parametrize(
    ("metres", "error"), [(0.0, 1e-8), (1.0, 1e-8), (1e3, 1e-8), (10e3, 1e-8), *PROMISES]
)
def test_paired_distances_keep_the_promise(rng: np.random.Generator, metres: float, error: float) -> None:
    """Within 1e-6 m of Geod to 50 km, 1 mm to 400 km, 3 cm to 1,000 km."""
    origins, destinations = pairs_at(rng, metres, 2000)
    expected = GEOD.inv(*origins.T, *destinations.T)[2]
    assert np.abs(kernels.paired_distances(origins, destinations) - expected).max() < error


@EXAMPLES
@given(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.floats(-180, 180),
    st.floats(0, 1e6),
)
def test_anywhere_in_any_direction(origin: tuple[float, float], azimuth: float, metres: float) -> None:
    """The promise holds wherever hypothesis looks."""
    lon, lat, _ = GEOD.fwd(*origin, azimuth, metres)
    expected = GEOD.inv(*origin, lon, lat)[2]
    error = next(error for limit, error in [*PROMISES, (np.inf, 0.03)] if expected <= limit)
    assert abs(kernels.paired_distances([origin], [(lon, lat)])[0] - expected) <= error


def test_beyond_a_thousand_kilometres_it_is_geod(rng: np.random.Generator) -> None:
    """Long ways, antipodes among them, are Geod's to the last bit, in both forms."""
    origins = np.column_stack((rng.uniform(-180, 180, 40), rng.uniform(-90, 90, 40)))
    destinations = np.concatenate((-origins[:20], np.column_stack((origins[20:, 0] + 180, -origins[20:, 1]))))
    expected = GEOD.inv(*origins.T, *destinations.T)[2]
    far = expected > 1e6
    assert far.sum() > 30
    np.testing.assert_array_equal(kernels.paired_distances(origins, destinations)[far], expected[far])
    matrix = kernels.distance_matrix(origins, destinations)
    np.testing.assert_array_equal(np.diag(matrix)[far], expected[far])


def test_the_matrix_holds_the_paired_distances(rng: np.random.Generator) -> None:
    """Entry (i, j) is the distance of the pair, to the last bit."""
    origins, destinations = rng.uniform(20, 22, (30, 2)), rng.uniform(20, 22, (17, 2))
    matrix = kernels.distance_matrix(origins, destinations)
    rows, columns = np.indices(matrix.shape).reshape(2, -1)
    np.testing.assert_array_equal(
        matrix.ravel(), kernels.paired_distances(origins[rows], destinations[columns])
    )


def test_float32_is_the_float64_answer_rounded(rng: np.random.Generator) -> None:
    """Distances are computed in float64 whatever the type they are kept in."""
    origins, destinations = rng.uniform(20, 22, (30, 2)), rng.uniform(20, 22, (17, 2))
    matrix = kernels.distance_matrix(origins, destinations, dtype=np.float32)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, kernels.distance_matrix(origins, destinations).astype(np.float32))


def test_the_plane(rng: np.random.Generator) -> None:
    """Euclidean distances are those of the plane."""
    origins, destinations = rng.uniform(-9, 9, (30, 2)), rng.uniform(-9, 9, (20, 2))
    expected = np.hypot(*(origins[:, None] - destinations[None]).transpose(2, 0, 1))
    matrix = kernels.distance_matrix(origins, destinations, metric="euclidean")
    np.testing.assert_allclose(matrix, expected, rtol=1e-15)


@EXAMPLES
@given(st.integers(0, 2**32 - 1))
def test_there_and_back_is_the_same(seed: int) -> None:
    """Distances are symmetric, never negative, and 0 from a point to itself."""
    points = np.random.default_rng(seed).uniform((-180, -90), (180, 90), (8, 2))
    matrix = kernels.distance_matrix(points, points)
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-7)
    assert matrix.min() == 0
    assert not np.diag(matrix).any()


def test_empty_and_read_only() -> None:
    """No points make an empty matrix; what is handed out cannot be written."""
    assert kernels.distance_matrix([], [[0, 0]]).shape == (0, 1)
    assert kernels.distance_matrix([[0, 0]], []).shape == (1, 0)
    assert kernels.paired_distances([], []).shape == (0,)
    assert not kernels.distance_matrix([[0, 0]], [[0, 1]]).flags.writeable
    assert not kernels.paired_distances([[0, 0]], [[0, 1]]).flags.writeable


def test_a_matrix_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit the memory is an error before it is taken."""
    monkeypatch.setattr(memory, "free_memory", lambda: 800)
    assert kernels.distance_matrix(np.zeros((10, 2)), np.zeros((10, 2))).size == 100
    with pytest.raises(InputError, match=r"a matrix of 110 distances takes .* GiB that are free"):
        kernels.distance_matrix(np.zeros((11, 2)), np.zeros((10, 2)))
    assert kernels.distance_matrix(np.zeros((11, 2)), np.zeros((10, 2)), dtype=np.float32).size == 110


def test_bad_input_is_named() -> None:
    """Unequal numbers of ends, another dtype and another metric are InputErrors."""
    with pytest.raises(InputError, match="2 origins cannot be paired with 1 destinations"):
        kernels.paired_distances([[0, 0], [1, 1]], [[0, 0]])
    with pytest.raises(InputError, match="dtype must be float64 or float32"):
        kernels.distance_matrix([[0, 0]], [[0, 0]], dtype=np.int32)
    with pytest.raises(InputError, match="metric must be"):
        kernels.distance_matrix([[0, 0]], [[0, 0]], metric="road")
