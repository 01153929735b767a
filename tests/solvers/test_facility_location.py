"""Facility location: against enumeration, published optima, and its certificate."""

from __future__ import annotations

import itertools
import json
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_facilities import Facilities, random_facilities

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.events import Event
from chargeplan.instances.orlib import FacilityLocation, read_facility_location
from chargeplan.solvers.allocation import AllocationInstance
from chargeplan.solvers.allocation_ascent import PlainDual
from chargeplan.solvers.allocation_certificate import certify_allocation
from chargeplan.solvers.allocation_core import left
from chargeplan.solvers.models.arrays import checked_sites
from chargeplan.solvers.models.facility_location import allocation_instance

DATA = Path(__file__).parents[1] / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())["orlib_cap"]["optimal"]
LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))  # seven houses in a row


def solved(case: Facilities, **keywords: object) -> solvers.AllocatedSolution:
    """The case through the public function."""
    return solvers.facility_location(
        case.cost, case.opening, case.capacity, case.demand,
        single_source=case.single_source, **case.given, **keywords,
    )  # fmt: skip


def asked(case: Facilities) -> AllocationInstance:
    """What a certificate is checked against."""
    sites = case.opening.size
    row, site = np.nonzero(np.isfinite(case.cost))
    given = [checked_sites(case.given.get(name, []), sites, name) for name in ("required", "forbidden")]
    return allocation_instance(
        len(case.cost), row, site, case.cost[row, site],
        opening=case.opening, demand=case.demand, capacity=case.capacity,
        given=(given[0], given[1]), single_source=case.single_source,
    )  # fmt: skip


def cap(name: str) -> FacilityLocation:
    """An OR-Library instance."""
    return read_facility_location(DATA / "orlib_cap" / f"{name}.txt")


def check_plan(case: Facilities, solution: solvers.AllocatedSolution) -> None:
    """The plan serves everybody within capacities at the cost that it says."""
    flow = solution.flow.toarray()
    np.testing.assert_allclose(flow.sum(axis=1), 1.0, atol=1e-9)
    assert (flow >= 0.0).all()
    closed = np.delete(np.arange(case.opening.size), solution.selected)
    assert not flow[:, closed].any()
    assert (flow[np.isinf(case.cost)] == 0.0).all()
    if case.capacity is not None:
        assert (case.demand @ flow <= case.capacity * (1 + 1e-9)).all()
    if case.single_source:
        assert ((flow == 0.0) | (flow == 1.0)).all()
    cost = case.opening[solution.selected].sum() + (np.where(flow > 0, case.cost, 0.0) * flow).sum()
    assert solution.objective == pytest.approx(cost, rel=1e-12, abs=1e-12)
    assert set(case.given.get("required", [])) <= set(solution.selected.tolist())
    assert not set(case.given.get("forbidden", [])) & set(solution.selected.tolist())
    assert (flow[np.arange(len(flow)), solution.assignment] == flow.max(axis=1)).all()


@pytest.mark.parametrize("seed", range(90))
def test_it_finds_and_proves_what_enumeration_finds(seed: int) -> None:
    """With capacities and without, split or not: the optimum is enumeration's, and the plan's own."""
    case = random_facilities(seed)
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


@pytest.mark.parametrize("name", OPTIMA)
def test_or_library_optima(name: str) -> None:
    """Beasley's optima are found and proven; whole or split, the plan keeps to the capacities."""
    instance = cap(name)
    case = Facilities(instance.assignment_cost, instance.opening_cost, instance.capacity, instance.demand)
    solution = solved(case)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMA[name], rel=1e-8)
    assert solution.gap <= 1e-9
    check_plan(case, solution)


@pytest.mark.parametrize("name", ["cap71", "cap74", "cap101", "cap104"])
def test_without_capacities_the_loose_instances_cost_the_same(name: str) -> None:
    """One site could take all demand there, so that capacities do not matter; the multipliers prove it."""
    instance = cap(name)
    solution = solvers.facility_location(instance.assignment_cost, instance.opening_cost)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMA[name], rel=1e-8)
    assert solution.bound_kind == "dual-certificate"


def test_seven_houses_in_a_row() -> None:
    """Stations at 2 each: one house in two or three has one; at 100 one stands in the middle."""
    assert solvers.facility_location(LINE, np.full(7, 2.0)).objective == 3 * 2 + 4
    far = solvers.facility_location(LINE, np.full(7, 100.0))
    assert (far.objective, far.selected.tolist()) == (112.0, [3])
    assert solvers.facility_location(LINE, np.zeros(7)).objective == 0.0
    assert solvers.facility_location(LINE, np.full(7, 100.0), required=[0]).objective == 121.0
    assert solvers.facility_location(LINE, np.full(7, 100.0), forbidden=[3]).objective == 113.0


def test_a_capacity_that_is_exactly_enough() -> None:
    """Three stations of 0.3 for nine times 0.1: rounding does not make it too little, and all are used."""
    cost = np.zeros((9, 3))
    solution = solvers.facility_location(cost, np.ones(3), np.full(3, 0.3), np.full(9, 0.1))
    assert (solution.status, solution.objective) == ("optimal", 3.0)
    single = solvers.facility_location(cost, np.ones(3), np.full(3, 0.3), np.full(9, 0.1), single_source=True)
    assert (single.status, single.objective) == ("optimal", 3.0)
    assert np.bincount(single.assignment).tolist() == [3, 3, 3]


def test_a_demand_point_is_split_only_where_it_may_be() -> None:
    """A demand of 4 fits into two stations of 2, not into one."""
    split = solvers.facility_location([[0.0, 0.0]], [1.0, 1.0], [2.0, 2.0], [4.0])
    assert (split.status, split.objective) == ("optimal", 2.0)
    np.testing.assert_allclose(split.flow.toarray(), [[0.5, 0.5]])
    whole = solvers.facility_location([[0.0, 0.0]], [1.0, 1.0], [2.0, 2.0], [4.0], single_source=True)
    assert (whole.status, whole.uncoverable.tolist()) == ("infeasible", [0])


def test_a_packing_that_does_not_exist_is_infeasible() -> None:
    """Three demands of 2 do not fit whole into two stations of 3, though 6 is not more than 6."""
    solution = solvers.facility_location(
        np.zeros((3, 2)), np.ones(2), [3.0, 3.0], [2.0, 2.0, 2.0], single_source=True
    )
    assert (solution.status, solution.selected) == ("infeasible", None)


def test_demand_of_nothing_is_served_at_its_cost() -> None:
    """A demand point without demand uses no room, but has to be served."""
    solution = solvers.facility_location([[5.0, 1.0], [0.0, 9.0]], [0.0, 2.0], [3.0, 0.0], [0.0, 3.0])
    assert (solution.objective, solution.assignment.tolist()) == (3.0, [1, 0])


def test_nobody_to_serve() -> None:
    """Without demand points nothing opens but what is required."""
    solution = solvers.facility_location(np.zeros((0, 3)), [1.0, 2.0, 3.0], required=[1])
    assert (solution.status, solution.objective, solution.selected.tolist()) == ("optimal", 2.0, [1])


def test_who_cannot_be_served_is_named() -> None:
    """A demand point without a permitted site; and those that ask for more than their sites hold."""
    apart = np.where(np.eye(3, dtype=bool), 1.0, np.inf)
    lost = solvers.facility_location(apart, np.ones(3), forbidden=[1])
    assert (lost.status, lost.uncoverable.tolist()) == ("infeasible", [1])
    cost = [[1.0, np.inf], [1.0, np.inf], [1.0, 1.0]]
    short = solvers.facility_location(cost, [1.0, 1.0], [3.0, 9.0], [2.0, 2.0, 1.0])
    assert (short.status, short.uncoverable.tolist()) == ("infeasible", [0, 1])
    assert "ask for 4" in short.notes[0]
    assert "hold 3" in short.notes[0]
    total = solvers.facility_location(np.ones((3, 2)), np.ones(2), [1.0, 1.0])
    assert (total.status, total.uncoverable.tolist()) == ("infeasible", [0, 1, 2])


@pytest.mark.parametrize("backend", ["ortools:highs", "ortools:scip", "pulp:cbc"])
def test_every_backend_finds_the_same(backend: str) -> None:
    """An instance whose relaxation is not whole."""
    instance = cap("cap63")
    solution = solvers.facility_location(
        instance.assignment_cost, instance.opening_cost, instance.capacity, instance.demand, backend=backend
    )
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMA["cap63"], rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 20.0))
def test_any_multipliers_prove_a_true_bound(seed: int, spread: float) -> None:
    """Random multipliers and prices, good or bad, never prove more than enumeration reaches."""
    case = random_facilities(seed)
    if case.single_source:
        case = Facilities(case.cost, case.opening, case.capacity, case.demand, given=case.given)
    rng = np.random.default_rng(seed)
    instance = asked(case)
    prices = rng.exponential(spread, case.opening.size)
    certificate = certify_allocation(instance, rng.exponential(spread, len(case.cost)), prices)
    assert certificate.bound(instance) <= case.least() * (1 + 1e-12) + 1e-12


def test_the_certificate_proves_the_bound_by_itself() -> None:
    """What the solution says of its bound follows from multipliers and costs alone; others prove less."""
    instance = cap("cap62")
    case = Facilities(instance.assignment_cost, instance.opening_cost, instance.capacity, instance.demand)
    solution = solved(case)
    assert solution.bound_kind == "dual-certificate"
    assert solution.certificate.bound(asked(case)) == solution.bound
    cheaper = Facilities(case.cost, case.opening * 0.9, case.capacity, case.demand)
    assert solution.certificate.bound(asked(cheaper)) < solution.bound


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"assignment_cost": -LINE}, "assignment_cost"),
        ({"assignment_cost": LINE * np.nan}, "assignment_cost"),
        ({"assignment_cost": [1.0]}, "assignment_cost"),
        ({"assignment_cost": np.zeros((3, 0))}, "assignment_cost"),
        ({"opening_cost": np.ones(6)}, "opening_cost"),
        ({"opening_cost": -np.ones(7)}, "opening_cost"),
        ({"capacity": -np.ones(7)}, "capacity"),
        ({"capacity": np.full(7, np.nan)}, "capacity"),
        ({"capacity": np.ones(3)}, "capacity"),
        ({"demand": np.full(7, np.inf)}, "demand"),
        ({"required": [0], "forbidden": [0]}, "both"),
        ({"required": [7]}, "required"),
        ({"backend": "abacus"}, "abacus"),
        ({"capacity": np.full(7, 3.0), "backend": "ortools:cp-sat"}, "whole shares"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.facility_location(**({"assignment_cost": LINE, "opening_cost": np.ones(7)} | arguments))


def large() -> Facilities:
    """An instance that takes longer than a moment, seeded."""
    rng = np.random.default_rng(4)
    demand_xy, site_xy = rng.random((200, 1, 2)), rng.random((50, 2))
    cost = np.rint(1000 * np.linalg.norm(demand_xy - site_xy, axis=2))
    demand = rng.integers(5, 35, 200).astype(float)
    return Facilities(
        cost, rng.integers(400, 2000, 50).astype(float), rng.integers(150, 320, 50) * 1.0, demand
    )


@pytest.mark.parametrize("single_source", [False, True])
def test_a_cancelled_run_keeps_its_plan(single_source: bool) -> None:
    """Asked to stop from the first moment, there still is a plan, and no bound above it."""
    base = large()
    case = Facilities(base.cost, base.opening, base.capacity, base.demand, single_source)
    cancel = threading.Event()
    cancel.set()
    solution = solved(case, cancel=cancel)
    assert solution.status == "stopped"
    assert not solution.reproducible
    assert solution.bound <= solution.objective
    check_plan(case, solution)


def test_limits_end_it_with_a_true_bound() -> None:
    """A little time or work gives a plan and a bound; the same ones again unless the clock had a say."""
    case = large()
    for limits in ({"time_limit": 0.5}, {"work_limit": 0.5}):
        solution = solved(case, **limits)
        assert solution.bound <= solution.objective
        check_plan(case, solution)
    again = solved(case, work_limit=0.5)
    assert again.selected.tolist() == solution.selected.tolist() or not again.reproducible


def test_a_gap_is_enough() -> None:
    """Asked for 5 percent, a plan within it ends the run by the multipliers' proof."""
    case = large()
    solution = solved(case, gap=0.05)
    assert solution.gap <= 0.05
    assert (solution.status, solution.bound_kind) == ("feasible", "dual-certificate")


def test_events_never_get_worse() -> None:
    """Best falls and bound rises from event to event."""
    instance = cap("cap63")
    events: list[Event] = []
    solution = solvers.facility_location(
        instance.assignment_cost, instance.opening_cost, instance.capacity, instance.demand,
        on_event=events.append,
    )  # fmt: skip
    bests = [event.best for event in events if event.best is not None]
    bounds = [event.bound for event in events if event.bound is not None]
    assert bests == sorted(bests, reverse=True)
    assert bounds == sorted(bounds)
    assert bests[-1] == solution.objective
    assert bounds[-1] <= solution.objective * (1 + 1e-9)
    assert {"search", "bound", "solve"} <= {event.stage for event in events}


def test_whole_demand_is_split_among_capacities_that_are_not_whole() -> None:
    """Three stations of 8/3 take eight demand points of 1, though none takes three whole ones."""
    cost = np.tile([0.0, 1.0, 2.0, 9.0], (8, 1))
    solution = solvers.facility_location(cost, np.ones(4), np.full(4, 8 / 3))
    assert solution.status == "optimal"
    assert solution.selected.tolist() == [0, 1, 2]
    assert solution.objective == pytest.approx(3.0 + 8 / 3 * (0 + 1 + 2))


def plain(points: int = 300, sites: int = 60, opening: float = 900.0) -> Facilities:
    """A square with stations that serve any demand, seeded: too many pairs for its linear program."""
    rng = np.random.default_rng(5)
    cost = 1000.0 * np.linalg.norm(rng.random((points, 1, 2)) - rng.random((sites, 2)), axis=2)
    return Facilities(cost, opening * rng.uniform(0.7, 1.3, sites), None, np.ones(points))


def test_dual_ascent_is_tight_and_proves_what_it_says() -> None:
    """Ascent and adjustment alone come within 3 % of the optimum; steps from there within a quarter."""
    case = plain()
    instance, best = asked(case), solved(case).objective
    dual = PlainDual(instance)
    assert 0.97 * best <= dual.bound <= best
    assert certify_allocation(instance, dual.rows, dual.prices).bound(instance) == pytest.approx(dual.bound)
    dual.run(400, best)
    assert 0.9975 * best <= dual.bound <= best


def test_the_bound_without_capacities_follows_from_its_multipliers() -> None:
    """Whole numbers of the certificate, added up as exactly as the audit does, required sites and all."""
    base = plain()
    case = Facilities(
        base.cost, base.opening, None, base.demand, given={"required": [3], "forbidden": [7, 9]}
    )
    solution = solved(case, gap=0.01)
    assert (solution.bound_kind, solution.gap <= 0.01) == ("dual-certificate", True)
    check_plan(case, solution)
    unit = Fraction(1, 1 << solution.certificate.scale)
    u = [Fraction(rows) * unit for rows in solution.certificate.rows.tolist()]
    proven = sum(u)
    for site in np.delete(np.arange(60), [7, 9]).tolist():
        saved = sum((max(u[i] - Fraction(case.cost[i, site]), Fraction(0)) for i in range(300)), Fraction(0))
        added = Fraction(case.opening[site]) - saved
        proven += added if site == 3 else min(added, Fraction(0))
    assert 0.99 * solution.objective <= solution.bound <= proven <= solution.objective


@pytest.mark.parametrize("looks", [0, 1, 2, 4])
def test_a_dual_ascent_that_is_stopped_proves_a_true_bound(looks: int) -> None:
    """Stopped at any look: a bound below the optimum, and a plan that it points to in part."""
    case, left_looks = plain(80, 20), itertools.count(-looks)
    dual = PlainDual(asked(case), lambda: next(left_looks) >= 0)
    assert next(left_looks) <= 3
    assert 0.0 < dual.bound <= solved(case).objective


def test_work_decides_the_same_way_twice() -> None:
    """A limit of work gives the same plan and multipliers to the byte, and none of it is the clock's."""
    case = plain(600, 150)
    one, two = (solved(case, work_limit=0.2, threads=1) for _ in range(2))
    assert one.reproducible
    assert two.reproducible
    assert one.selected.tobytes() == two.selected.tobytes()
    assert one.certificate.rows.tobytes() == two.certificate.rows.tobytes()
    assert one.gap <= 0.05


def test_no_core_is_made_of_more_pairs_than_asked_for() -> None:
    """What a better plan may still use is listed up to a number of pairs, and holds every better plan."""
    case = plain()
    best = solved(case)
    dual = PlainDual(asked(case))
    rest = left(dual, best.objective, 10**6)
    assert rest is not None
    assert set(best.selected.tolist()) <= set(rest.sites.tolist())
    assert left(dual, best.objective, rest.pairs.size) is not None
    assert left(dual, best.objective, rest.pairs.size - 1) is None
    served = set(zip(range(300), best.assignment.tolist(), strict=True))
    instance = dual.instance
    assert served <= set(
        zip(instance.row[rest.pairs].tolist(), instance.site[rest.pairs].tolist(), strict=True)
    )
