"""The capacitated p-median: against enumeration, by hand, and its certificate."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_facilities import Facilities, random_clusters

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.solvers.allocation import AllocationInstance
from chargeplan.solvers.allocation_certificate import certify_allocation
from chargeplan.solvers.models.arrays import checked_sites
from chargeplan.solvers.models.facility_location import allocation_instance

LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))  # seven houses in a row
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


def solved(case: Facilities, **keywords: object) -> solvers.AllocatedSolution:
    """The case through the public function."""
    return solvers.capacitated_p_median(
        case.cost, None, case.stations, case.capacity, case.demand,
        single_source=case.single_source, **case.given, **keywords,
    )  # fmt: skip


def asked(case: Facilities) -> AllocationInstance:
    """What a certificate is checked against."""
    sites = case.opening.size
    row, site = np.nonzero(np.isfinite(case.cost))
    given_sites = [checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden")]
    return allocation_instance(
        len(case.cost), row, site, case.cost[row, site], opening=case.opening, demand=case.demand,
        capacity=case.capacity, given=(given_sites[0], given_sites[1]), single_source=case.single_source,
        stations=case.stations,
    )  # fmt: skip


def check_plan(case: Facilities, solution: solvers.AllocatedSolution) -> None:
    """So many stations serve everybody within capacities at the cost that the solution says."""
    flow = solution.flow.toarray()
    np.testing.assert_allclose(flow.sum(axis=1), 1.0, atol=1e-9)
    assert (flow >= 0.0).all()
    assert (flow[np.isinf(case.cost)] == 0.0).all()
    assert (case.demand @ flow <= case.capacity * (1 + 1e-9)).all()
    if case.single_source:
        assert ((flow == 0.0) | (flow == 1.0)).all()
    cost = (np.where(flow > 0, case.cost, 0.0) * flow).sum()
    assert solution.objective == pytest.approx(cost, rel=1e-12, abs=1e-12)
    assert solution.selected.size == case.stations
    assert set(solution.assignment.tolist()) <= set(solution.selected.tolist())
    assert set(case.given.get("required", [])) <= set(solution.selected.tolist())
    assert not set(case.given.get("forbidden", [])) & set(solution.selected.tolist())


@EXAMPLES
@given(seed=st.integers(0, 100_000))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """Split or not: the optimum is enumeration's, the plan keeps to it, the multipliers prove no more."""
    case = random_clusters(seed)
    expected = case.least()
    solution = solved(case, threads=1)
    if expected == np.inf:
        assert (solution.status, solution.selected, solution.flow) == ("infeasible", None, None)
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, rel=1e-8, abs=1e-8)
    assert solution.bound == pytest.approx(expected, rel=1e-8, abs=1e-8)
    assert solution.bound <= solution.objective
    check_plan(case, solution)
    assert solution.certificate.bound(asked(case)) <= solution.bound * (1 + 1e-9) + 1e-12


@EXAMPLES
@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 20.0))
def test_any_multipliers_prove_a_true_bound(seed: int, spread: float) -> None:
    """Random multipliers and prices, good or bad, never prove more than enumeration reaches."""
    case = random_clusters(2 * seed)
    rng = np.random.default_rng(seed)
    rows, prices = rng.exponential(spread, len(case.cost)), rng.exponential(spread, case.opening.size)
    instance = asked(case)
    assert certify_allocation(instance, rows, prices).bound(instance) <= case.least() * (1 + 1e-12) + 1e-12


def test_seven_houses_in_a_row() -> None:
    """All walk 6 houses to two stations of 4, as without capacities; 10 where one holds a house only."""
    assert solvers.capacitated_p_median(LINE, None, 2, np.full(7, np.inf)).objective == 6
    assert solvers.capacitated_p_median(LINE, None, 2, np.full(7, 4.0)).objective == 6
    assert solvers.capacitated_p_median(LINE, None, 1, np.full(7, 7.0)).selected.tolist() == [3]
    tight = solvers.capacitated_p_median(LINE, None, 7, np.ones(7))
    assert (tight.objective, tight.selected.size) == (0.0, 7)
    small = solvers.capacitated_p_median(LINE, None, 2, [0, 1, 0, 7, 0, 1, 0.0])
    assert (small.selected.tolist(), small.objective) == ([1, 3], 10.0)


def test_weights_are_demand_unless_it_is_given() -> None:
    """A house of weight 3 fills a station of 3, two thirds of it move; with a demand of 1 there is room."""
    distance = [[0.0, 1.0], [1.0, 5.0], [1.0, 5.0]]
    by_weight = solvers.capacitated_p_median(distance, [3.0, 1.0, 1.0], 2, [3.0, 9.0])
    assert (by_weight.status, by_weight.objective) == ("optimal", 4.0)
    by_demand = solvers.capacitated_p_median(distance, [3.0, 1.0, 1.0], 2, [3.0, 9.0], np.ones(3))
    assert (by_demand.status, by_demand.objective) == ("optimal", 2.0)


def test_what_no_such_number_of_stations_can_do_is_said() -> None:
    """Too little room together; a reach that so many do not have; a site that nobody may use."""
    few = solvers.capacitated_p_median(LINE, None, 2, np.full(7, 3.0))
    assert (few.status, few.uncoverable.tolist()) == ("infeasible", [])
    assert "7 together; 2 stations hold 6" in few.notes[0]
    apart = np.where(np.eye(4, dtype=bool), 1.0, np.inf)
    assert solvers.capacitated_p_median(apart, None, 3, np.full(4, 9.0)).status == "infeasible"
    lost = solvers.capacitated_p_median(apart, None, 3, np.full(4, 9.0), forbidden=[1])
    assert (lost.status, lost.uncoverable.tolist()) == ("infeasible", [1])
    assert solvers.capacitated_p_median(apart, None, 4, np.full(4, 9.0)).objective == 4.0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"stations": 0}, "at least 1"),
        ({"stations": 8}, "only 7"),
        ({"stations": 1, "required": [0, 1]}, "2 sites are required"),
        ({"capacity": [1.0]}, "capacity"),
        ({"capacity": -np.ones(7)}, "capacity"),
        ({"demand": [1.0]}, "demand"),
        ({"weight": -np.ones(7)}, "weight"),
        ({"distance": -LINE}, "distance"),
        ({"backend": "ortools:cp-sat"}, "whole shares"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    usual = {"distance": LINE, "weight": None, "stations": 2, "capacity": np.full(7, 5.0)}
    with pytest.raises(InputError, match=word):
        solvers.capacitated_p_median(**(usual | arguments))


@pytest.mark.parametrize("single_source", [False, True])
def test_limits_and_a_person_end_it_with_a_plan(single_source: bool) -> None:
    """Cancelled at once, short of time or work, or at a gap: a plan, and no bound above it."""
    rng = np.random.default_rng(4)
    places, demand = rng.integers(0, 100, (40, 2)), rng.integers(1, 20, 40).astype(float)
    cost = np.floor(np.linalg.norm(places[:, None] - places, axis=2))
    capacity = np.full(40, np.ceil(demand.sum() / 5 / 0.85))
    case = Facilities(cost, np.zeros(40), capacity, demand, single_source, stations=5)
    cancel = threading.Event()
    cancel.set()
    for limits in ({"cancel": cancel}, {"time_limit": 1.0}, {"work_limit": 0.5}, {"gap": 0.3}):
        solution = solved(case, **limits)
        assert solution.bound <= solution.objective
        check_plan(case, solution)
