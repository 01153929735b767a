"""The p-median: against enumeration, published optima, and its certificate."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from small_distances import Case, random_case

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.events import Event
from chargeplan.instances.orlib import read_p_median
from chargeplan.solvers.median_certificate import MedianInstance, certify_median
from chargeplan.solvers.median_tree import MedianTree
from chargeplan.solvers.models.arrays import checked_sites

DATA = Path(__file__).parents[1] / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())["orlib_pmed"]["p_median_optimal"]
LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))  # seven houses in a row


def instance(case: Case) -> MedianInstance:
    """What a certificate is checked against."""
    sites = case.distance.shape[1]
    given = {name: checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden")}
    return MedianInstance(case.distance, case.weight, case.stations, given["required"], given["forbidden"])


@pytest.mark.parametrize("seed", range(120))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """Whatever the distances, weights and given sites, the optimum is enumeration's, and the plan's own."""
    case = random_case(seed)
    expected = case.least(case.median)
    solution = solvers.p_median(case.distance, case.weight, case.stations, threads=1, **case.given)
    if expected == np.inf:
        assert solution.status == "infeasible"
        assert solution.selected is None
        permitted = np.delete(case.distance, case.given["forbidden"], axis=1)
        assert solution.uncoverable.tolist() == np.flatnonzero(np.isinf(permitted).all(axis=1)).tolist()
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, rel=1e-9)
    assert solution.bound == pytest.approx(expected, rel=1e-9)
    assert case.median(solution.selected.tolist()) == pytest.approx(expected, rel=1e-9)
    assert solution.selected.tolist() in list(case.plans())
    nearest = case.distance[np.arange(len(case.weight)), solution.assignment]
    assert (nearest == case.distance[:, solution.selected].min(axis=1)).all()


def random_places(seed: int, *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw distances between 40 places, and weights; the LP relaxation leaves a gap."""
    rng = np.random.default_rng(seed)
    places = rng.random((40, 2)) * 30
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    if whole:
        distance = np.rint(distance)
    distance[rng.random(distance.shape) < 0.1] = 30.0
    return distance, rng.integers(0, 5, 40).astype(float)


@pytest.mark.parametrize("seed", range(10))
def test_the_search_tree_finds_what_a_backend_finds(seed: int) -> None:
    """Branch and bound and CP-SAT or HiGHS agree, with whole and with broken distances, with given sites."""
    distance, weight = random_places(seed, whole=seed % 2 == 0)
    given = {"required": [seed], "forbidden": [39 - seed]} if seed % 3 == 0 else {}
    own = solvers.p_median(distance, weight, 3, **given)
    other = solvers.p_median(
        distance, weight, 3, backend="ortools" if seed % 2 == 0 else "ortools:highs", **given
    )
    assert (own.status, other.status) == ("optimal", "optimal")
    assert own.objective == pytest.approx(other.objective, rel=1e-9)
    assert own.bound <= own.objective


@pytest.mark.parametrize("steps", [1, 50, 1000])
def test_a_tree_that_is_stopped_keeps_its_bound(steps: int) -> None:
    """However early the search ends, no plan is better than what is left and what was found say."""
    distance, _ = random_places(0, whole=True)
    best = Case(distance, np.ones(40), 3).least(Case(distance, np.ones(40), 3).median)
    tree = MedianTree(distance, np.zeros(40, bool), 3, distance.min(axis=1), 0.0, lambda cost: cost - 1)
    known = [best + 5]
    asked = iter(range(steps))

    def offer(plan: np.ndarray) -> float:
        known.append(min(known[-1], float(distance[:, plan].min(axis=1).sum())))
        return known[-1]

    tree.run(known[0], offer, lambda: next(asked, None) is None)
    assert min(tree.bound, known[-1]) <= best <= known[-1]
    tree.run(known[-1], offer, lambda: False)
    assert tree.done
    assert known[-1] == best


@pytest.mark.parametrize("name", ["pmed1", "pmed2", "pmed3", "pmed5", "pmed10", "pmed11", "pmed15", "pmed20"])
def test_or_library_optima(name: str) -> None:
    """Beasley's optima are found and proven."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / f"{name}.txt")
    solution = solvers.p_median(distance, None, stations)
    assert (solution.status, solution.objective) == ("optimal", OPTIMA[name])
    assert solution.bound == OPTIMA[name]
    assert solution.selected.size == stations
    assert distance[:, solution.selected].min(axis=1).sum() == OPTIMA[name]


def test_seven_houses_in_a_row() -> None:
    """One station stands in the middle, two in the middles of 3 and 4 houses, seven leave nobody to walk."""
    assert solvers.p_median(LINE, None, 1).selected.tolist() == [3]
    assert solvers.p_median(LINE, None, 2).objective == 2 + 4
    assert solvers.p_median(LINE, None, 7).objective == 0
    assert solvers.p_median(LINE, [0, 0, 0, 0, 0, 0, 5], 1).selected.tolist() == [6]
    assert solvers.p_median(LINE, np.zeros(7), 2).objective == 0
    assert solvers.p_median(LINE, None, 2, required=[0]).selected.tolist() == [0, 4]
    assert solvers.p_median(LINE, None, 1, forbidden=[3]).objective == 13
    assert solvers.p_median(LINE, None, 2).assignment.size == 7


def test_nobody_to_serve() -> None:
    """Without demand points any stations do."""
    solution = solvers.p_median(np.zeros((0, 3)), [], 2)
    assert (solution.status, solution.objective, solution.selected.size) == ("optimal", 0.0, 2)


def test_who_cannot_be_served_is_named() -> None:
    """A demand point without a permitted site is uncoverable; too few stations are infeasible too."""
    apart = np.where(np.eye(3, dtype=bool), 1.0, np.inf)
    lost = solvers.p_median(apart, None, 2, forbidden=[1])
    assert (lost.status, lost.uncoverable.tolist()) == ("infeasible", [1])
    few = solvers.p_median(apart, None, 2)
    assert (few.status, few.uncoverable.tolist(), few.selected) == ("infeasible", [], None)
    assert solvers.p_median(apart, None, 3).objective == 3


@pytest.mark.parametrize("seed", range(60))
def test_any_multipliers_prove_a_true_bound(seed: int) -> None:
    """Random multipliers, good or bad, never prove more than enumeration reaches."""
    case = random_case(seed)
    rng = np.random.default_rng(seed)
    certificate = certify_median(rng.exponential(8, len(case.weight)))
    assert certificate.bound(instance(case)) <= case.least(case.median)


def test_the_certificate_proves_the_bound_by_itself() -> None:
    """What the solution says of its bound follows from the multipliers and the distances alone."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed10.txt")
    solution = solvers.p_median(distance, None, stations)
    assert solution.bound_kind == "dual-certificate"
    case = Case(distance, np.ones(len(distance)), stations)
    assert solution.certificate.bound(instance(case)) == solution.bound
    assert solution.certificate.bound(instance(Case(distance * 0.5, case.weight, stations))) < solution.bound


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"stations": 0}, "at least 1"),
        ({"stations": 1.5}, "whole number"),
        ({"stations": 8}, "only 7"),
        ({"stations": 6, "forbidden": [0, 1]}, "only 5"),
        ({"stations": 1, "required": [0, 1]}, "2 sites are required"),
        ({"required": [0], "forbidden": [0]}, "both"),
        ({"required": [7]}, "required"),
        ({"weight": [1.0]}, "weight"),
        ({"weight": [np.inf] * 7}, "weight"),
        ({"distance": -LINE}, "distance"),
        ({"distance": LINE * np.nan}, "distance"),
        ({"distance": [1.0]}, "distance"),
        ({"distance": np.zeros((3, 0))}, "distance"),
        ({"backend": "abacus"}, "abacus"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.p_median(**({"distance": LINE, "weight": None, "stations": 2} | arguments))


def test_a_cancelled_run_keeps_its_plan() -> None:
    """Asked to stop from the first moment, there still is a plan, and no bound above it."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed6.txt")
    cancel = threading.Event()
    cancel.set()
    solution = solvers.p_median(distance, None, stations, cancel=cancel)
    assert solution.status == "stopped"
    assert not solution.reproducible
    assert solution.selected.size == stations
    assert solution.objective >= OPTIMA["pmed6"]
    assert solution.bound is None or solution.bound <= OPTIMA["pmed6"]


def test_limits_end_it_with_a_true_bound() -> None:
    """A little time or work gives a plan and a bound around the optimum; work gives the same every time."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed17.txt")
    for limits in ({"time_limit": 0.5}, {"work_limit": 0.5}):
        solution = solvers.p_median(distance, None, stations, **limits)
        assert solution.bound <= OPTIMA["pmed17"] <= solution.objective
    again = solvers.p_median(distance, None, stations, work_limit=0.5)
    assert again.reproducible
    assert again.selected.tolist() == solution.selected.tolist()
    assert again.bound == solution.bound


def test_limits_hold_where_not_every_site_is_allowed() -> None:
    """Only the 60 nearest nodes may serve a node: plans keep to that, whenever the run ends."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed8.txt")
    distance[distance > np.sort(distance, axis=1)[:, [60]]] = np.inf
    for limits in ({"time_limit": 1.0}, {"work_limit": 0.3}):
        solution = solvers.p_median(distance, None, stations, **limits)
        assert solution.status != "infeasible"
        assert np.isfinite(distance[:, solution.selected].min(axis=1)).all()
        assert solution.bound <= solution.objective


def test_a_gap_is_enough() -> None:
    """Asked for 2 percent, a plan within it ends the run by the multipliers' proof."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed6.txt")
    solution = solvers.p_median(distance, None, stations, gap=0.02)
    assert solution.gap <= 0.02
    assert solution.bound <= OPTIMA["pmed6"] <= solution.objective


def test_events_never_get_worse() -> None:
    """Best falls and bound rises from event to event."""
    distance, stations = read_p_median(DATA / "orlib_pmed" / "pmed2.txt")
    events: list[Event] = []
    solution = solvers.p_median(distance, None, stations, on_event=events.append)
    bests = [event.best for event in events if event.best is not None]
    bounds = [event.bound for event in events if event.bound is not None]
    assert bests == sorted(bests, reverse=True)
    assert bounds == sorted(bounds)
    assert bests[-1] == solution.objective
    assert bounds[-1] <= solution.objective + 1e-6
    assert {"search", "bound", "solve"} <= {event.stage for event in events}
