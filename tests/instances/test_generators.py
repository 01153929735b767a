"""Generated instances are the published ones, to the last digit, however they are drawn."""

from __future__ import annotations

import ctypes
import platform

import numpy as np
import pytest

from chargeplan.errors import InputError
from chargeplan.instances import generators
from chargeplan.instances.generators import cfl, city
from chargeplan.kernels import cover_patterns, coverage
from chargeplan.solvers import maximal_covering


def printed(number: int) -> str:
    """Print a number of ``rand()`` as the authors do."""
    return f"{number / (2**31 - 1) * 30:.6f}"


def test_the_city_is_the_one_that_was_measured() -> None:
    """Its first and last positions, and how many demand points are within reach."""
    demand, sites = city(30_000, 5_000, 40_000.0)
    np.testing.assert_allclose(demand[0], (11505.389195092104, 12428.946876351538), rtol=1e-12)
    np.testing.assert_allclose(sites[-1], (18128.726992255914, 34198.25742126803), rtol=1e-12)
    within = coverage(demand, sites, 1_000.0, metric="euclidean")
    assert np.count_nonzero(np.diff(within.indptr)) == 29_342


def test_check_rows() -> None:
    """Rows of the authors' instance of 100 sites, 10,000 demand points, seed 1 and costs 10 to 100."""
    rows = ("F 0 25.205632 11.831488 70", "F 1 23.492977 23.953201 91", "F 2 27.349421 5.926541 38")
    instance = cfl(10_000, 100, 1, cost=(10, 100))
    for number, row in enumerate(rows):
        x, y = instance.sites[number]
        assert f"F {number} {x:.6f} {y:.6f} {instance.cost[number]}" == row


def test_demand_points_of_the_authors_file() -> None:
    """Rows of GRID_INST_n100_m1000_d1_100_f10_100_s1.dat in the repository of the paper."""
    instance = cfl(1_000, 100, 1, cost=(10, 100))
    positions, weight = next(instance.chunks())
    rows = {0: (29.383024, 22.314336, 87), 409: (2.829596, 24.280644, 8), 451: (0.257058, 29.881246, 60)}
    for row, expected in rows.items():
        assert (*positions[row].tolist(), int(weight[row])) == expected
    assert instance.cost[[0, 99]].tolist() == [75, 88]


@pytest.mark.parametrize("size", [1, 7, 400])
def test_pieces_are_those_of_the_whole(size: int) -> None:
    """However the demand points are cut, and as often as they are asked for, they are the same."""
    instance = cfl(400, 3)
    ((positions, weight),) = instance.chunks()
    for _ in range(2):
        pieces = list(instance.chunks(size))
        assert max(len(piece[1]) for piece in pieces) <= size
        np.testing.assert_array_equal(np.concatenate([piece[0] for piece in pieces]), positions)
        np.testing.assert_array_equal(np.concatenate([piece[1] for piece in pieces]), weight)
    assert weight.min() >= 1
    assert weight.max() <= 100
    assert not list(cfl(0, 3).chunks())


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2**31 - 1])
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library here is not glibc")
def test_numbers_are_those_of_glibc(seed: int) -> None:
    """The generator draws what this machine's C library draws."""
    library = ctypes.CDLL(None)
    library.srand(seed)
    state, numbers = generators._seeded(seed), np.empty(500, np.int32)
    generators._draw(state, numbers[:99])
    generators._skip(state, 1)
    generators._draw(state, numbers[100:])
    expected = np.array([library.rand() for _ in range(500)])
    np.testing.assert_array_equal(np.delete(numbers, 99), np.delete(expected, 99))


def test_coordinates_are_rounded_as_they_are_printed() -> None:
    """A product that rounds to a half is decided by what was lost; plain rounding errs on some of these."""
    largest = 2**31 - 1
    inverse = pow(30_000_000, -1, largest)  # numbers whose coordinate lies next to a half of 10**-6
    numbers = np.array([(largest // 2 + step) * inverse % largest for step in range(-300, 300)], np.int32)
    values = np.empty(numbers.size)
    generators._print(numbers, values)
    expected = np.array([float(printed(number)) for number in numbers.tolist()])
    np.testing.assert_array_equal(values, expected)
    assert (np.round(numbers / largest * 30, 6) != expected).any()


def test_bad_input_is_named() -> None:
    """Counts, seeds, ranges and sizes out of range are InputErrors."""
    with pytest.raises(InputError, match="cannot be -1 demand points and 3 sites"):
        cfl(-1, 3)
    with pytest.raises(InputError, match="seed must be 0 to 2147483647, not -1"):
        cfl(1, 1, -1)
    with pytest.raises(InputError, match="weight must be a range"):
        cfl(1, 1, weight=(2, 1))
    with pytest.raises(InputError, match="size must be 1 or more, not 0"):
        list(cfl(1, 1).chunks(0))


@pytest.mark.slow
@pytest.mark.slow
def test_the_published_optimum() -> None:
    """Ten sites that cover most of 10,000 demand points within 5.5: the optimum of the paper's instance."""
    instance = cfl(10_000)
    found = cover_patterns(instance.chunks(3_000), instance.sites, 5.5, metric="euclidean")
    solution = maximal_covering(found.coverage, found.weight, stations=10, time_limit=120)
    assert (solution.status, solution.objective) == ("optimal", 441_545.0)
