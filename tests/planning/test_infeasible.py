"""What cannot be met: why, what would make it possible, and the best plan for the rest."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import chargeplan as cp
from chargeplan.errors import InputError
from chargeplan.planning import attempts
from chargeplan.solvers.solution import Solution


@pytest.fixture
def solve(tmp_path, backend):
    """Solve a case to the optimum."""

    def solve(case):
        return cp.solve(case.problem(tmp_path), gap=0.0, backend=backend, threads=1)

    return solve


def test_a_point_out_of_reach(out_of_reach, solve, oracle, change):
    """Infeasible; the rest is planned to its optimum, and the radius that is named is the one it takes."""
    plan = solve(out_of_reach)
    assert (plan.status, plan.record.rest_status, plan.met) == ("infeasible", "optimal", False)
    why = plan.record.infeasible
    assert why.uncoverable == {"urban": 1}
    needed = float(oracle(out_of_reach).promises[0].metres.min(axis=1).max())
    assert why.radius_needed_m == {"urban": pytest.approx(needed, abs=1e-5)}
    assert (why.limit, why.limit_needed) == (None, None)
    assert any("out of reach" in reason for reason in why.reasons)
    rest = oracle(change(out_of_reach, demand=out_of_reach.demand.iloc[:-1]))
    best, sets = rest.solve()
    assert plan.objective == plan.bound == best
    assert frozenset(rest.ids[rest.mask(plan.stations)]) in sets
    assert plan.record.audit.agrees, plan.record.audit.disagreements


@pytest.mark.parametrize("factor", [0.999999, 1.000001])
def test_the_radius_needed_is_the_least(out_of_reach, solve, change, factor):
    """A hair below the radius that is named the scenario is still infeasible; a hair above it is not."""
    needed = solve(out_of_reach).record.infeasible.radius_needed_m["urban"]
    wider = [out_of_reach.standards[0] | {"radius": f"{needed * factor:.6f} m"}]
    assert (solve(change(out_of_reach, standards=wider)).status == "optimal") is (factor > 1)


def test_what_is_out_of_reach_is_written(out_of_reach, solve, tmp_path):
    """uncoverable.geojson names the point, its standard and weight; a plan without such has no such file."""
    folder = tmp_path / "plan"
    plan = solve(out_of_reach)
    plan.write(folder)
    table = gpd.read_file(folder / "uncoverable.geojson").drop(columns="geometry")
    assert table.to_dict("records") == [{"id": "far", "standard": "urban", "required": True, "weight": 7.0}]
    back = cp.read_plan(folder)
    np.testing.assert_array_equal(back.standards[0].coverable, plan.standards[0].coverable)
    cp.solve(plan.problem.replace(standards=[{"radius": "50 km"}])).write(folder)
    assert not (folder / "uncoverable.geojson").exists()


def test_a_share_out_of_reach(out_of_reach, solve, change):
    """A share that needs the far point is infeasible, and what can be served is served."""
    weight = out_of_reach.demand["weight"].sum()
    share = float(1 - 3.5 / weight)
    plan = solve(change(out_of_reach, standards=[out_of_reach.standards[0] | {"share": share}]))
    assert (plan.status, plan.record.rest_status, plan.met) == ("infeasible", "optimal", False)
    assert "of the weight and" in plan.record.infeasible.reasons[0]
    assert plan.standards[0].weight_covered == weight - 7.0
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_more_backup_than_there_are_sites(out_of_reach, solve, change):
    """Ten stations for each point, of nine sites: no radius would do."""
    plan = solve(change(out_of_reach, standards=[out_of_reach.standards[0] | {"stations": 10}]))
    assert plan.record.infeasible.radius_needed_m == {"urban": None}
    assert "no radius would do" in plan.record.infeasible.reasons[0]
    assert plan.objective == 0.0
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_an_aim_out_of_reach_is_no_failure(out_of_reach, solve, change):
    """The same standard as an aim: planned as far as the sites reach, missed, and the plan is optimal."""
    plan = solve(change(out_of_reach, standards=[out_of_reach.standards[0] | {"required": False}]))
    assert (plan.status, plan.met, plan.record.infeasible) == ("optimal", True, None)
    assert not plan.standards[0].met
    assert (~plan.standards[0].covered).sum() == 1


@pytest.mark.parametrize("limit", ["stations", "budget"])
def test_a_limit_too_small(too_few, solve, oracle, change, limit):
    """The limit that is named is the least that does; within the given one most of it is served."""
    case = change(too_few, objective={"maximise": "weight", limit: 2})
    small = oracle(case)
    plan = solve(case)
    assert (plan.status, plan.record.rest_status, plan.met) == ("infeasible", "feasible", False)
    why = plan.record.infeasible
    assert (why.limit, why.limit_needed, why.limit_at_least) == (
        2.0,
        small.least_limit(),
        small.least_limit(),
    )
    word = "2 new stations" if limit == "stations" else "a budget of 2"
    assert why.reasons[0].startswith(f"{word} cannot keep the required standards; ")
    assert why.reasons[0].endswith("can, and no less")
    farthest = float(small.promises[0].metres.min(axis=1).max())
    assert (why.uncoverable, why.radius_needed_m) == ({}, {"urban": pytest.approx(farthest, abs=1e-5)})
    assert plan.bound is plan.gap is plan.bound_kind is None
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    promise = small.promises[0]
    most = max(promise.served(opened).sum() for opened in small._choices() if small._usage(opened) <= 2)
    assert plan.standards[0].covered.sum() == most
    needed = int(why.limit_needed) if limit == "stations" else why.limit_needed
    assert solve(change(case, objective={"maximise": "weight", limit: needed})).met


def test_a_limit_too_small_without_time_for_the_rest(too_few, change, tmp_path, monkeypatch):
    """Where no plan for the rest is found, what stands already is the plan, and the reasons are written."""
    sites = too_few.sites.assign(status=["existing"] + ["candidate"] * 8)
    problem = change(too_few, sites=sites, objective={"maximise": "weight", "stations": 1}).problem(tmp_path)
    solve, asked = attempts.solve, []

    def without_the_last(model, limits, **given):
        asked.append(model)
        return (
            Solution("stopped") if model.maximise and not model.must.any() else solve(model, limits, **given)
        )

    monkeypatch.setattr(attempts, "solve", without_the_last)
    plan = cp.solve(problem, gap=0.0, threads=1)
    assert [model.maximise for model in asked] == [True, False, True]  # once for each question
    assert (plan.status, plan.record.rest_status, plan.met) == ("infeasible", "stopped", False)
    assert plan.open.nonzero()[0].tolist() == [0]
    assert plan.record.infeasible.limit_needed == plan.record.infeasible.limit_at_least > 1
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_both_at_once(too_few, out_of_reach, solve, change):
    """A point out of reach and a limit too small for the others are both said."""
    far = out_of_reach.demand.tail(1)
    demand = gpd.GeoDataFrame(pd.concat([too_few.demand, far], ignore_index=True), crs=4326)
    plan = solve(change(too_few, demand=demand))
    why = plan.record.infeasible
    assert plan.status == "infeasible"
    assert why.uncoverable == {"urban": 1}
    assert (why.limit, len(why.reasons)) == (2.0, 2)
    assert plan.record.audit.agrees, plan.record.audit.disagreements


@pytest.mark.parametrize(("limit", "taken"), [({"stations": 2}, "take 3"), ({"budget": 0.5}, "budget = 0.5")])
def test_required_sites_beyond_the_limit_are_bad_input(too_few, solve, change, limit, taken):
    """Three required sites and room for two contradict each other before anything is planned."""
    sites = too_few.sites.assign(status=["required"] * 3 + ["candidate"] * 6)
    with pytest.raises(InputError, match=taken):
        solve(change(too_few, sites=sites, objective={"maximise": "weight", **limit}))
