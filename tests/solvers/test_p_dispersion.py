"""The p-dispersion: against enumeration, on cases to solve in the head, and its certificate."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from small_distances import Case, random_case

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.events import Event
from chargeplan.instances.orlib import read_p_median
from chargeplan.solvers.dispersion import DispersionCertificate, DispersionInstance
from chargeplan.solvers.models.arrays import checked_sites

DATA = Path(__file__).parents[1] / "data"
LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))  # seven houses in a row


def instance(case: Case) -> DispersionInstance:
    """What a certificate is checked against."""
    sites = case.distance.shape[1]
    given = {name: checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden")}
    return DispersionInstance(case.distance, case.stations, given["required"], given["forbidden"])


def dispersed(seed: int) -> Case:
    """Draw a case with at least two stations."""
    while True:
        case = random_case(seed, square=True)
        if case.stations > 1:
            return case
        seed += 1000


@pytest.mark.parametrize("seed", range(120))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """Whatever the distances and given sites, the optimum is enumeration's, and the plan's own."""
    case = dispersed(seed)
    expected = max(map(case.dispersion, case.plans()))
    solution = solvers.p_dispersion(case.distance, case.stations, threads=1, **case.given)
    assert (solution.status, solution.objective, solution.bound) == ("optimal", expected, expected)
    assert case.dispersion(solution.selected.tolist()) == expected
    assert solution.selected.tolist() in list(case.plans())
    if solution.bound_kind == "dual-certificate":
        assert solution.certificate.bound(instance(case)) == expected


def test_seven_houses_in_a_row() -> None:
    """Two stations stand at the ends, three also in the middle, seven everywhere."""
    assert solvers.p_dispersion(LINE, 2).selected.tolist() == [0, 6]
    assert solvers.p_dispersion(LINE, 3).selected.tolist() == [0, 3, 6]
    assert solvers.p_dispersion(LINE, 4).objective == 2
    assert solvers.p_dispersion(LINE, 5).objective == 1
    assert solvers.p_dispersion(LINE, 7).objective == 1
    assert solvers.p_dispersion(LINE, 3, required=[1]).objective == 2
    assert solvers.p_dispersion(LINE, 3, required=[2, 3]).objective == 1
    assert solvers.p_dispersion(LINE, 2, forbidden=[0]).objective == 5
    assert solvers.p_dispersion(np.zeros((4, 4)), 2).objective == 0


def test_the_shorter_direction_counts() -> None:
    """One way there are 5 km, the other 3: the stations are 3 km apart."""
    assert solvers.p_dispersion([[9.0, 5.0], [3.0, 9.0]], 2).objective == 3


@pytest.mark.parametrize("name", ["pmed1", "pmed3", "pmed5"])
def test_on_graphs_of_a_hundred_nodes(name: str) -> None:
    """Optima on Beasley's graphs are proven, by the certificate alone or by a backend."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / f"{name}.txt")
    solution = solvers.p_dispersion(distance, stations)
    assert solution.status == "optimal"
    case = Case(distance, np.ones(len(distance)), stations)
    assert case.dispersion(solution.selected.tolist()) == solution.objective
    assert solution.certificate.bound(instance(case)) >= solution.bound


def test_a_certificate_proves_no_more_than_it_can() -> None:
    """Three groups of neighbours refute more than 2 for four stations, and nothing for three."""
    groups = DispersionCertificate(np.array([0, 3, 6, 7]), np.arange(7), np.ones(3, np.int64))
    assert groups.bound(instance(Case(LINE, np.ones(7), 4))) == 2
    assert groups.bound(instance(Case(LINE, np.ones(7), 3))) == np.inf
    two = DispersionCertificate(np.array([0, 3, 6]), np.arange(6), np.ones(2, np.int64))
    assert two.bound(instance(Case(LINE, np.ones(7), 3))) == np.inf  # the seventh house is in no group
    assert two.bound(instance(Case(LINE, np.ones(7), 3, {"forbidden": [6]}))) == 2


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"stations": 1}, "at least 2"),
        ({"stations": 8}, "only 7"),
        ({"stations": 2, "required": [0, 1, 2]}, "3 sites are required"),
        ({"required": [0], "forbidden": [0]}, "both"),
        ({"distance": LINE[:5]}, "sites x sites"),
        ({"distance": np.where(LINE > 5, np.inf, LINE)}, "finite"),
        ({"distance": LINE * np.nan}, "distance"),
        ({"backend": "abacus"}, "abacus"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.p_dispersion(**({"distance": LINE, "stations": 2} | arguments))


def test_limits_end_it_with_a_true_bound() -> None:
    """Cancelled, short of time or of work, there are a plan and a bound around the optimum."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed4.txt")
    optimum = solvers.p_dispersion(distance, stations).objective
    cancel = threading.Event()
    cancel.set()
    for limits in ({"cancel": cancel}, {"time_limit": 0.05}, {"work_limit": 0.3}):
        solution = solvers.p_dispersion(distance, stations, **limits)
        assert solution.selected.size == stations
        assert solution.objective <= optimum <= solution.bound
        assert solution.reproducible == ("work_limit" in limits or solution.status == "optimal")


def test_events_never_get_worse() -> None:
    """Best rises and bound falls from event to event and end with the answer's; a gap is enough."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed3.txt")
    events: list[Event] = []
    solution = solvers.p_dispersion(distance, stations, gap=0.1, on_event=events.append)
    bests = [event.best for event in events if event.best is not None]
    bounds = [event.bound for event in events if event.bound is not None]
    assert bests == sorted(bests)
    assert bounds == sorted(bounds, reverse=True)
    assert (bests[-1], bounds[-1]) == (solution.objective, solution.bound)
    assert solution.gap <= 0.1
