"""Capacitated set covering: against enumeration, by hand, and its certificate."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from small_facilities import Facilities, random_facilities

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.solvers.models.arrays import checked_sites
from chargeplan.solvers.models.facility_location import allocation_instance


def covering_case(seed: int) -> Facilities:
    """A random case whose pairs cost nothing, with some demand points alike."""
    case = random_facilities(seed)
    rng = np.random.default_rng(seed)
    cost = np.where(rng.random(case.cost.shape) < 0.6, 0.0, np.inf)
    cost[-1] = cost[0]
    capacity = case.capacity
    if capacity is None:
        capacity = np.ceil(rng.random(case.opening.size) * case.demand.sum())
    return Facilities(cost, case.opening, capacity, case.demand, case.single_source, case.given)


def solved(case: Facilities, **keywords: object) -> solvers.AllocatedSolution:
    """The case through the public function."""
    return solvers.capacitated_set_covering(
        case.cost == 0.0, case.capacity, case.demand, case.opening,
        single_source=case.single_source, **case.given, **keywords,
    )  # fmt: skip


def check_plan(case: Facilities, solution: solvers.AllocatedSolution) -> None:
    """Everybody is served whole, within reach and capacities."""
    flow = solution.flow.toarray()
    np.testing.assert_allclose(flow.sum(axis=1), 1.0, atol=1e-9)
    assert (flow[case.cost > 0.0] == 0.0).all()
    assert (case.demand @ flow <= case.capacity * (1 + 1e-9)).all()
    assert solution.objective == pytest.approx(case.opening[solution.selected].sum(), rel=1e-12)
    assert set(solution.assignment.tolist()) <= set(solution.selected.tolist())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """Split or not: the optimum is enumeration's, the plan keeps to it, the multipliers prove no more."""
    case = covering_case(seed)
    expected = case.least()
    solution = solved(case, threads=1)
    if expected == np.inf:
        assert (solution.status, solution.selected) == ("infeasible", None)
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(expected, rel=1e-8, abs=1e-8)
    check_plan(case, solution)
    row, site = np.nonzero(case.cost == 0.0)
    given_sites = [
        checked_sites(case.given[name], case.opening.size, name) for name in ("required", "forbidden")
    ]
    instance = allocation_instance(
        len(case.cost), row, site, np.zeros(row.size), opening=case.opening, demand=case.demand,
        capacity=case.capacity, given=(given_sites[0], given_sites[1]), single_source=case.single_source,
    )  # fmt: skip
    proven = solution.certificate.bound(instance)
    assert proven <= solution.bound * (1 + 1e-12)
    if solution.bound_kind == "dual-certificate":
        assert proven == pytest.approx(solution.bound, rel=1e-9)


def test_capacity_makes_a_second_station_necessary() -> None:
    """One station reaches everybody, but holds half: a second one takes the rest."""
    coverage = [[True, True], [True, True], [True, False], [True, False]]
    assert solvers.capacitated_set_covering(coverage, [4.0, 4.0]).selected.tolist() == [0]
    two = solvers.capacitated_set_covering(coverage, [2.0, 2.0])
    assert (two.status, two.objective, two.assignment.tolist()) == ("optimal", 2.0, [1, 1, 0, 0])
    assert solvers.capacitated_set_covering(coverage, [np.inf, 1.0]).objective == 1.0


def test_one_source_can_need_more_stations() -> None:
    """Demands of 2, 2 and 2 fill two stations of 3 when split, three when not."""
    coverage, capacity, demand = np.ones((3, 3), np.bool_), np.full(3, 3.0), np.full(3, 2.0)
    assert solvers.capacitated_set_covering(coverage, capacity, demand).objective == 2.0
    assert solvers.capacitated_set_covering(coverage, capacity, demand, single_source=True).objective == 3.0


def test_who_cannot_be_served_is_named() -> None:
    """A demand point out of reach; demand points that their sites cannot hold, even if merged."""
    coverage = [[True, False], [True, False], [False, True]]
    short = solvers.capacitated_set_covering(coverage, [1.5, 5.0])
    assert (short.status, short.uncoverable.tolist()) == ("infeasible", [0, 1])
    assert "ask for 2 together" in short.notes[0]
    lost = solvers.capacitated_set_covering(coverage, [5.0, 5.0], forbidden=[1])
    assert (lost.status, lost.uncoverable.tolist()) == ("infeasible", [2])


def test_nobody_to_serve_and_no_demand() -> None:
    """Without demand points nothing opens; without demand any station in reach does."""
    assert solvers.capacitated_set_covering(np.zeros((0, 2), np.bool_), [1.0, 1.0]).objective == 0.0
    idle = solvers.capacitated_set_covering(np.ones((2, 2), np.bool_), [0.0, 0.0], [0.0, 0.0], [3.0, 2.0])
    assert (idle.objective, idle.assignment.tolist()) == (2.0, [1, 1])


def test_room_without_end_is_set_covering() -> None:
    """With room for all demand everywhere the optimum is that of set covering."""
    rng = np.random.default_rng(5)
    coverage = rng.random((40, 12)) < 0.3
    coverage[~coverage.any(axis=1), 0] = True
    cost = rng.integers(1, 9, 12).astype(float)
    free = solvers.set_covering(coverage, cost)
    assert solvers.capacitated_set_covering(
        csr_array(coverage), np.full(12, np.inf), None, cost
    ).objective == (free.objective)


def test_limits_and_a_person_end_it_with_a_plan() -> None:
    """Stopped at once or after a moment there is a plan, and a bound that is not above it."""
    rng = np.random.default_rng(2)
    reach = np.linalg.norm(rng.random((400, 1, 2)) - rng.random((60, 2)), axis=2) < 0.25
    reach = reach[reach.any(axis=1)]
    demand = rng.integers(1, 100, len(reach)).astype(float)
    capacity = rng.integers(600, 1800, 60).astype(float)
    case = Facilities(np.where(reach, 0.0, np.inf), np.ones(60), capacity, demand)
    cancel = threading.Event()
    cancel.set()
    for limits in ({"cancel": cancel}, {"time_limit": 1.0}, {"gap": 0.3}):
        solution = solved(case, **limits)
        assert solution.bound <= solution.objective
        check_plan(case, solution)


def test_rooms_are_found_the_same_way_again() -> None:
    """Some hundred demand points in rooms that they nearly fill: a small gap, and twice the same plan."""
    rng = np.random.default_rng(3)
    reach = np.linalg.norm(rng.random((500, 1, 2)) - rng.random((90, 2)), axis=2) < 0.22
    reach = reach[reach.any(axis=1)]
    demand = rng.integers(0, 100, len(reach)).astype(float)
    capacity = rng.choice([600.0, 1000.0], 90)
    case = Facilities(np.where(reach, 0.0, np.inf), rng.choice([60.0, 100.0, 160.0], 90), capacity, demand)
    one, other = (solved(case, gap=0.05, work_limit=4.0, seed=7, threads=1) for _ in range(2))
    check_plan(case, one)
    assert one.gap <= 0.05
    assert one.bound_kind == "dual-certificate"
    assert one.reproducible
    np.testing.assert_array_equal(one.selected, other.selected)
    assert (one.bound, one.objective) == (other.bound, other.objective)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"coverage": np.zeros((3, 0))}, "coverage"),
        ({"capacity": [1.0]}, "capacity"),
        ({"capacity": [-1.0, 1.0]}, "capacity"),
        ({"demand": [1.0]}, "demand"),
        ({"cost": [-1.0, 1.0]}, "cost"),
        ({"required": [2]}, "required"),
        ({"backend": "ortools:cp-sat"}, "whole shares"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.capacitated_set_covering(
            **({"coverage": np.ones((3, 2)), "capacity": [3.0, 3.0]} | arguments)
        )
