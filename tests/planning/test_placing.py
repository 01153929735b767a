"""Plans of distances, p-median, p-center and p-dispersion, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit.placing import placed_bound
from chargeplan.kernels import memory
from chargeplan.units import format_distance


@pytest.fixture(scope="module")
def small(placed, oracle):
    """The case, measured afresh."""
    return oracle(placed)


@pytest.fixture(scope="module")
def planned(placed, backend, tmp_path_factory):
    """A case solved to the optimum."""
    return cp.solve(placed.problem(tmp_path_factory.mktemp("case")), gap=0.0, backend=backend, threads=1)


def test_the_plan_is_the_best_of_all_sets_of_sites(small, planned):
    """Objective and stations are those of a best set, and what is required is kept."""
    best, sets = small.place()
    opened = small.mask(planned.stations)
    assert (planned.status, planned.met) == ("optimal", True)
    assert planned.objective == pytest.approx(best, abs=1e-5)
    assert format_distance(planned.objective) in planned.summary()
    assert planned.bound == pytest.approx(best, abs=1e-5)
    assert frozenset(small.ids[opened]) in sets
    assert planned.record.cost == pytest.approx(small.cost[opened & small.new].sum())


def test_the_audit_agrees_and_the_certificate_holds(planned):
    """The audit finds the same objective, and its own arithmetic proves the bound, but for rounding."""
    assert planned.record.audit.agrees, planned.record.audit.disagreements
    assert planned.certificate["kind"] == "dual-certificate"
    proven = float(placed_bound(planned.problem, planned.certificate))
    assert proven == pytest.approx(planned.certificate["bound"], rel=1e-7)
    if planned.bound_kind == "dual-certificate":
        assert planned.certificate["bound"] == planned.bound


def test_demand_is_served_by_the_nearest_station(small, planned):
    """Every demand point is with its nearest open station, and at the distance that pyproj measures."""
    opened = small.mask(planned.stations)
    for promise, result in zip(small.promises, planned.standards, strict=True):
        found = np.where(result.station < 0, np.inf, result.distance_m)
        near = promise.metres[:, opened].min(axis=1)
        np.testing.assert_allclose(np.sort(found), np.sort(near), atol=1e-5)


@pytest.mark.parametrize("name", ["separation", "separation, kept"])
@pytest.mark.parametrize("metres", [600, 1500])
def test_as_many_stations_as_keep_a_distance(placed_cases, change, oracle, name, metres, tmp_path):
    """The number is that of the largest set of sites of which no new one is too near to another."""
    asked = {"maximise": "stations", "separation": f"{metres} m"}
    case = change(placed_cases[name](), objective=asked)
    best = oracle(case).fit(metres)
    if best < 0:
        with pytest.raises(cp.InputError, match=r"required or existing sites are too near: s\d and s\d"):
            cp.solve(case.problem(tmp_path), gap=0.0)
        return
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.objective, plan.bound) == ("optimal", best, best)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert placed_bound(plan.problem, plan.certificate) == plan.certificate["bound"]


@pytest.mark.parametrize("word", ["distance", "farthest"])
def test_a_demand_point_without_a_way_is_left_out_and_said(placed_cases, word, tmp_path):
    """One demand point has no distance in the table: the others are planned, and a remark says so."""
    plan = cp.solve(placed_cases[f"{word} by table"]().problem(tmp_path), gap=0.0)
    assert any("near: 1 demand point has no way to any site" in line for line in plan.record.warnings)


def test_events_are_in_metres(placed_cases, tmp_path):
    """What is told on the way is what the plan says in the end: a mean distance, not a sum."""
    told = []
    plan = cp.solve(placed_cases["distance"]().problem(tmp_path), gap=0.0, on_event=told.append)
    assert [event.best for event in told if event.best is not None][-1] == pytest.approx(plan.objective)
    assert [event.bound for event in told if event.bound is not None][-1] == pytest.approx(plan.bound)


@pytest.mark.parametrize("word", ["distance", "farthest"])
def test_a_promise_that_so_few_stations_cannot_keep(placed_cases, change, word, tmp_path):
    """Infeasible, with the number that would do, and the plan of the most weight within the radius."""
    case = change(placed_cases[f"{word} beside a promise"](), objective={"minimise": word, "stations": 2})
    plan = cp.solve(case.problem(tmp_path), gap=0.0)
    assert (plan.status, plan.record.rest_status, plan.met) == ("infeasible", "feasible", False)
    assert plan.bound is None
    assert plan.record.infeasible.limit_needed > plan.record.infeasible.limit == 2
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert any("not those of the least distance" in line for line in plan.record.warnings)


@pytest.mark.parametrize("word", ["distance", "farthest"])
def test_stations_that_cannot_be_reached_by_all(placed_cases, change, row_of_places, word, tmp_path):
    """Three demand points with a way to their own site only, and two stations: infeasible, three would do."""
    distances = {(f"d{k}", f"s{k}"): 100.0 for k in range(3)}
    case = change(
        placed_cases[f"{word} by table"](),
        **row_of_places([1.0, 2.0, 3.0]),
        distances=distances,
        objective={"minimise": word, "stations": 2},
    )
    plan = cp.solve(case.problem(tmp_path), gap=0.0)
    assert (plan.status, plan.record.stations.selected, plan.objective) == ("infeasible", 2, 100.0)
    why = plan.record.infeasible
    assert (why.limit, why.limit_needed, why.limit_at_least) == (2, 3, 3)
    assert why.reasons[0].endswith("; 3 can, and no less")
    assert set(why.radius_needed_m) == {s.name for s in plan.standards if s.required}
    assert plan.record.audit.agrees, plan.record.audit.disagreements


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": {"minimise": "distance", "stations": 8}}, "only 7 sites may get a new one"),
        ({"objective": {"minimise": "farthest", "stations": 8}}, "only 7 sites may get a new one"),
        ({"objective": {"maximise": "separation", "stations": 8}}, "only 7 sites may get a new one"),
    ],
)
def test_more_stations_than_sites(placed_cases, change, changes, message, tmp_path):
    """Of nine sites one exists and one is forbidden."""
    problem = change(placed_cases["distance, kept"](), **changes).problem(tmp_path)
    with pytest.raises(cp.InputError, match=message):
        cp.solve(problem)


def test_a_separation_takes_two_stations(placed_cases, change, tmp_path):
    """One new station and none that exists has no distance to keep."""
    alone = {"maximise": "separation", "stations": 1}
    with pytest.raises(cp.InputError, match="takes two stations"):
        cp.solve(change(placed_cases["separation"](), objective=alone).problem(tmp_path))


def test_a_mean_of_nothing(placed_cases, change, tmp_path):
    """Demand points without weight have no mean distance."""
    case = placed_cases["distance"]()
    weightless = case.demand.assign(weight=0.0)
    with pytest.raises(cp.InputError, match="no demand point that is measured has a weight"):
        cp.solve(change(case, demand=weightless).problem(tmp_path))


@pytest.mark.parametrize("name", ["distance", "farthest", "separation"])
def test_a_table_beyond_memory_is_refused(placed_cases, name, tmp_path, monkeypatch):
    """What a table of all distances takes is announced before it is taken."""
    problem = placed_cases[name]().problem(tmp_path)
    cp.solve(problem)
    monkeypatch.setattr(memory, "free_memory", lambda: 2_000)
    with pytest.raises(cp.InputError, match=r'= "\w+": .* takes .* GiB, more than'):
        cp.solve(problem)
