"""Waiting at a station: Erlang C against published tables, exact fractions, SciPy and a simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from charging_queue import simulated_waits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from chargeplan import kernels
from chargeplan.errors import InputError

# The same examples in every run; the first may have to wait for the compiler.
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
LOADS = st.floats(1e-3, 300.0)
STAY = 30.0


def exact_erlang_c(load: float, servers: int) -> Fraction:
    """The definition, in fractions: Poisson terms up to n - 1, and all beyond as one geometric series."""
    offered = Fraction(load)
    terms = [Fraction(1)]
    for n in range(1, servers + 1):
        terms.append(terms[-1] * offered / n)
    tail = terms[-1] / (1 - offered / servers)
    return tail / (sum(terms[:-1]) + tail)


def poisson_erlang_c(load: float, servers: float) -> float:
    """Erlang B as a Poisson probability (Loader 2000) over their sum (SciPy's incomplete gamma function)."""
    x = (load - servers) / servers
    deviance = servers * (x - math.log1p(x))
    stirling = 1 / (12 * servers) - 1 / (360 * servers**3)
    term = math.exp(-stirling - deviance) / math.sqrt(2 * math.pi * servers)
    blocking = term / special.gammaincc(servers + 1, load)
    return servers * blocking / (servers - load * (1 - blocking))


def plain_least(load: float, patience: float, alpha: float) -> int:
    """Try one number of chargers after the other."""
    servers = 1
    while not kernels.wait_exceeds(load, servers, 1.0, patience) <= alpha:
        servers += 1
    return servers


@pytest.mark.parametrize(("channels", "load", "share"), [(8, 3.87, 0.05), (10, 4.08, 0.01)])
def test_erlang_c_table_of_dunlop(channels: int, load: float, share: float) -> None:
    """Dunlop, Girma and Irvine (1999), Digital mobile communications and the TETRA system, table A.4, p. 424.

    The table gives the load, rounded to a hundredth, of which a share must wait.
    """
    assert kernels.erlang_c(load - 0.005, channels) < share < kernels.erlang_c(load + 0.005, channels)


def test_queued_calls_of_dunlop() -> None:
    """The same page: of those that wait, 1.6 % wait longer than a mean call, and 0.22 % with 10 channels."""
    longer = kernels.wait_exceeds(3.87, [8, 10], 1.0, 1.0) / kernels.erlang_c(3.87, [8, 10])
    np.testing.assert_array_equal(longer.round(4), [0.0161, 0.0022])


def test_the_call_takers_of_footbridge() -> None:
    """Footbridge, application note Erlang C Call Calc: 30 emergency calls an hour, two call takers.

    With calls of 60 s fewer than 8 % wait more than 10 s; with 20 s of work after each it is 14 %.
    """
    found = kernels.wait_exceeds([30 * 60 / 3600, 30 * 80 / 3600], 2, [60, 80], 10)
    np.testing.assert_array_equal(found.round(2), [0.08, 0.14])
    assert found[0] < 0.08


def test_the_eye_clinic_of_gross_and_harris() -> None:
    """Gross and Harris, Fundamentals of queueing theory: 6 patients an hour, 3 doctors, 20 minutes.

    8/9 patients wait on average, for 4/27 hours; 4/9 of them must wait.
    """
    assert kernels.erlang_c(2.0, 3) == pytest.approx(4 / 9, rel=1e-15)
    assert kernels.mean_wait(2.0, 3, 1 / 3) == pytest.approx(4 / 27, rel=1e-15)
    assert 6 * kernels.mean_wait(2.0, 3, 1 / 3) == pytest.approx(8 / 9, rel=1e-15)


def test_one_server_and_two() -> None:
    """What is left of the formula by hand: the load itself, and a^2 / (2 + a)."""
    load = np.array((1e-9, 0.1, 0.5, 0.999))
    np.testing.assert_allclose(kernels.erlang_c(load, 1), load, rtol=1e-15)
    np.testing.assert_allclose(kernels.erlang_c(2 * load, 2), 2 * load**2 / (1 + load), rtol=1e-14)


def test_the_example_of_bronson() -> None:
    """Bronson (1982), Operations research, problem 24.6: 300 a year, 182.5 a year each, three servers."""
    wait = kernels.mean_wait(300 / 182.5, 3, 1 / 182.5)
    assert round(float(wait), 6) == 0.001175
    assert round(float(300 * wait), 3) == 0.352


def test_against_exact_fractions() -> None:
    """Up to 200 servers, from empty to nearly full, the definition in rational arithmetic."""
    for servers in (1, 2, 3, 5, 10, 33, 99, 120, 200):
        for use in (1e-6, 0.1, 0.5, 0.8, 0.95, 0.999, 1 - 1e-9):
            load = use * servers
            exact = exact_erlang_c(load, servers)
            if exact > Fraction(10) ** -290:
                found = Fraction(float(kernels.erlang_c(load, servers)))
                assert abs(found / exact - 1) < 1e-13, (servers, use)
            else:
                assert kernels.erlang_c(load, servers) < 1e-280


@pytest.mark.parametrize("load", [90.0, 99.5, 101.7, 121.0, 150.3, 640.0, 5000.9])
def test_beginning_below_the_load_is_beginning_at_none(load: float) -> None:
    """Where the recursion begins near the load, it ends where the one from 0 servers does."""
    for more in (1, 5, 60):
        servers = math.floor(load) + more
        blocking = 1.0
        for n in range(1, servers + 1):
            blocking = load * blocking / (n + load * blocking)
        plain = servers * blocking / (servers - load * (1 - blocking))
        assert kernels.erlang_c(load, servers) == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("load", [1e3, 1e4, 123_456.7, 1e6])
def test_large_loads_against_the_poisson_distribution(load: float) -> None:
    """A million Erlang neither overflow nor lose digits."""
    for beyond in (0.01, 0.5, 2.0, 8.0):
        servers = math.floor(load + beyond * math.sqrt(load)) + 1.0
        found = float(kernels.erlang_c(load, servers))
        assert found == pytest.approx(poisson_erlang_c(load, servers), rel=1e-9), beyond
        assert 0 < found < 1


@pytest.mark.parametrize("load", [10.0, 1e4, 1e6])
def test_large_loads_against_cephes(load: float) -> None:
    """Once more with SciPy's Poisson distribution itself, a difference of two sums over the greater."""
    servers = math.floor(load + math.sqrt(load))
    below, up_to = special.pdtr([servers - 1, servers], load)
    blocking = (up_to - below) / up_to
    expected = servers * blocking / (servers - load * (1 - blocking))
    assert kernels.erlang_c(load, servers) == pytest.approx(expected, rel=1e-9)


def test_the_limit_of_halfin_and_whitt() -> None:
    """Halfin and Whitt (1981): with n = a + b sqrt(a), C tends to 1 / (1 + b Phi(b) / phi(b))."""
    load = 1e6
    for b in (0.2, 1.0, 2.5):
        density = math.exp(-b * b / 2) / math.sqrt(2 * math.pi)
        limit = 1 / (1 + b * special.ndtr(b) / density)
        assert kernels.erlang_c(load, load + b * 1e3) == pytest.approx(limit, rel=5e-3)


def test_the_ends_of_the_scale() -> None:
    """No load, no wait; no spare charger, a wait without end; as many chargers as one likes, none."""
    np.testing.assert_array_equal(kernels.erlang_c([0, 0, 1, 5, 2.5], [0, 3, 1, 4, 0]), [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(kernels.mean_wait([0, 1, 2], [0, 1, 1], 30), [0, np.inf, np.inf])
    np.testing.assert_array_equal(kernels.wait_exceeds([0, 1, 2], [0, 1, 1], 30, 1e300), [0, 1, 1])
    np.testing.assert_array_equal(kernels.erlang_c([1e-299, 5, 1e6], [1, 2**53, 1e9]), [1e-299, 0, 0])
    assert kernels.least_servers(1e-305, service_time=1, wait=0, alpha=1e-320) == 1
    assert kernels.wait_exceeds(1.0, 2, 1e-300, 1e300) == 0
    nearly = kernels.erlang_c(np.nextafter([1.0, 7.0, 1e6], 0), [1, 7, 1_000_000])
    assert ((nearly > 0.99999) & (nearly <= 1)).all()


@EXAMPLES
@given(LOADS, st.integers(1, 400))
def test_more_chargers_help_and_more_load_does_not(load: float, servers: int) -> None:
    """The probability of waiting falls with chargers, rises with the load, and so does the mean wait."""
    more = kernels.erlang_c(load, servers + np.arange(3))
    assert (np.diff(more) <= 0).all()
    assert (np.diff(kernels.erlang_c(load * np.array((1, 1.01, 1.1)), servers)) >= 0).all()
    waits = kernels.mean_wait(load * np.array((1, 1.01, 1.1)), servers, STAY)
    assert (waits[1:] >= waits[:-1]).all()


@EXAMPLES
@given(LOADS, st.floats(0, 5), st.floats(1e-6, 0.99))
def test_the_least_holds_and_one_fewer_does_not(load: float, patience: float, alpha: float) -> None:
    """At the boundary `wait_exceeds` itself decides, and every further charger keeps the promise."""
    wait = patience * STAY
    n = int(kernels.least_servers(load, service_time=STAY, wait=wait, alpha=alpha))
    assert (kernels.wait_exceeds(load, n + np.arange(20), STAY, wait) <= alpha).all()
    assert n == 1 or kernels.wait_exceeds(load, n - 1, STAY, wait) > alpha
    if n > 1:  # and the share that is left with one fewer is enough for one fewer
        share = float(kernels.wait_exceeds(load, n - 1, STAY, wait))
        if share < 1:
            fewer = kernels.least_servers(load, service_time=STAY, wait=wait, alpha=share)
            assert fewer == n - 1


def test_the_least_of_many_at_once(rng: np.random.Generator) -> None:
    """An array is its stations one by one, those without load too, whatever is broadcast."""
    load = np.concatenate(([0.0, 1e-9, 0.5], rng.uniform(0, 60, 40), rng.uniform(100, 3000, 3)))
    alpha = np.array((0.01, 0.05, 0.5))
    found = kernels.least_servers(load[:, None], service_time=1.0, wait=0.25, alpha=alpha)
    assert found.shape == (46, 3)
    assert found.dtype == np.int64
    assert (found[0] == 0).all()
    for row, offered in enumerate(load[1:43], 1):
        assert found[row].tolist() == [plain_least(offered, 0.25, share) for share in alpha]
    for row in range(43, 46):
        fewer = kernels.wait_exceeds(load[row], found[row] - 1, 1.0, 0.25)
        assert ((kernels.wait_exceeds(load[row], found[row], 1.0, 0.25) <= alpha) & (fewer > alpha)).all()


def test_the_least_of_very_large_loads() -> None:
    """Ten thousand and a million Erlang: a spare of the order of the root of the load, as it must be."""
    load = np.array((1e4, 1e6))
    found = kernels.least_servers(load, service_time=1.0, wait=0.0, alpha=0.05)
    spare = (found - load) / np.sqrt(load)
    assert ((spare > 1.5) & (spare < 2)).all()
    assert (kernels.erlang_c(load, found) <= 0.05).all()
    assert (kernels.erlang_c(load, found - 1) > 0.05).all()


@pytest.mark.usefixtures("small_pieces")
def test_pieces_and_threads_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into many pieces, the answer is the same."""
    from chargeplan.kernels import queueing

    load = rng.uniform(0, 40, 50)
    whole = kernels.least_servers(load, service_time=1.0, wait=0.1, alpha=0.1)
    waits = kernels.erlang_c(load, whole)
    monkeypatch.setattr(queueing, "_PIECE", 3)
    np.testing.assert_array_equal(kernels.least_servers(load, service_time=1.0, wait=0.1, alpha=0.1), whole)
    np.testing.assert_array_equal(kernels.erlang_c(load, whole), waits)


def test_allen_and_cunneen_where_it_is_exact() -> None:
    """Exponential stays, and one server with Poisson arrivals: Pollaczek and Khinchine."""
    load = np.array((0.3, 0.9, 4.0))
    servers = np.array((1, 2, 7))
    waits = kernels.mean_wait(load, servers, STAY)
    np.testing.assert_array_equal(kernels.allen_cunneen(load, servers, STAY, 1, 1), waits)
    spread = np.array((0.0, 0.5, 3.0))
    expected = 0.8 * STAY * (1 + spread) / (2 * (1 - 0.8))
    np.testing.assert_allclose(kernels.allen_cunneen(0.8, 1, STAY, 1, spread), expected, rtol=1e-14)
    np.testing.assert_array_equal(kernels.allen_cunneen([0, 1, 2], 1, STAY, 0, 0), [0, np.inf, np.inf])


def test_what_is_handed_out_is_read_only_and_has_the_shape_that_was_given() -> None:
    """Scalars make an array without dimensions, nothing makes nothing, and none can be written to."""
    for load, shape in ((2.0, ()), ([], (0,)), ([[1.0, 2.0]], (1, 2))):
        for answer in (
            kernels.erlang_c(load, 3),
            kernels.mean_wait(load, 3, STAY),
            kernels.wait_exceeds(load, 3, STAY, 5),
            kernels.least_servers(load, service_time=STAY, wait=5, alpha=0.1),
            kernels.allen_cunneen(load, 3, STAY, 1, 0.5),
        ):
            assert answer.shape == shape
            assert not answer.flags.writeable


def test_all_that_is_wrong_is_named_at_once() -> None:
    """One message has a line for every argument, with the first wrong value, its place, and how many."""
    with pytest.raises(InputError) as refused:
        kernels.least_servers([1, -1, math.nan], service_time=[0, 1], wait=-1, alpha=1)
    assert str(refused.value).splitlines() == [
        "load[1] is -1.0, not a load of 0 to 1,000,000,000 Erlang, and 1 more are wrong",
        "service_time[0] is 0.0, not a finite time of more than 0",
        "wait is -1.0, not a finite number of 0 or more",
        "alpha is 1.0, not a share of more than 0 and less than 1",
        "shapes that cannot be broadcast together: load (3,), service_time (2,), wait (), alpha ()",
    ]
    with pytest.raises(InputError, match=r"servers\[0, 1\] is 1\.5, not a whole number of 0 or more"):
        kernels.erlang_c(1.0, [[1, 1.5]])
    for wrong in (-1, math.inf, math.nan, 1.1e9):
        with pytest.raises(InputError, match="load is"):
            kernels.erlang_c(wrong, 1)
    for wrong in (math.inf, math.nan, 0.0):
        with pytest.raises(InputError, match="service_time is"):
            kernels.mean_wait(1, 2, wrong)
    for wrong in (0.0, math.nan):
        with pytest.raises(InputError, match="alpha is"):
            kernels.least_servers(1, service_time=1, wait=0, alpha=wrong)
    with pytest.raises(InputError, match=r"stays_cv2 is -0\.1"):
        kernels.allen_cunneen(1, 2, 1, 1, -0.1)


@pytest.mark.parametrize(("load", "alpha"), [(0.5, 0.2), (4.0, 0.1), (12.0, 0.05)])
def test_beside_a_simulation(load: float, alpha: float) -> None:
    """A station with the least chargers, simulated with Poisson arrivals and exponential stays."""
    rng = np.random.default_rng(6)
    servers = int(kernels.least_servers(load, service_time=STAY, wait=0.0, alpha=alpha))
    arrivals = np.cumsum(rng.exponential(STAY / load, 40_000))
    waits = simulated_waits(arrivals, rng.exponential(STAY, 40_000), servers)
    assert np.mean(waits > 0) == pytest.approx(kernels.erlang_c(load, servers), abs=0.01)
    assert np.mean(waits > 5) == pytest.approx(kernels.wait_exceeds(load, servers, STAY, 5), abs=0.01)
    assert waits.mean() == pytest.approx(kernels.mean_wait(load, servers, STAY), rel=0.25)
