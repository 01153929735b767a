"""The same cases as scenario folders, planned by `chargeplan solve` in a process of its own."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest


@pytest.fixture
def solve(chargeplan, tmp_path):
    """Write a case as a folder, run the command, and read what it says and writes."""

    def solve(case, *options):
        folder = case.write(tmp_path / "scenario")
        exactly = ("--gap", "0", "--threads", "1")
        done = chargeplan("solve", "scenario", "-o", "plan", "--json", *options, *exactly, cwd=folder.parent)
        assert done.returncode in {0, 3}, done.stderr
        return done.returncode, json.loads(done.stdout), tmp_path / "plan"

    return solve


@pytest.mark.parametrize(
    "name", ["states", "excluded", "aims", "roads", "budget beside roads", "own distances"]
)
def test_a_folder_is_planned_like_the_problem(cases, oracle, solve, name):
    """Exit 0, the best objective, a best set of stations, and an audit that agrees."""
    case = cases[name]()
    small = oracle(case)
    best, sets = small.solve()
    code, plan, folder = solve(case)
    assert (code, plan["status"]) == (0, "optimal")
    assert plan["objective"] == pytest.approx(best, rel=1e-12)
    assert frozenset(small.ids[small.mask(gpd.read_file(folder / "sites.geojson"))]) in sets
    assert plan["audit"]["agrees"], plan["audit"]["disagreements"]


def test_pulp_plans_the_same(cases, oracle, solve):
    """The command's backend option reaches the plan, and its optimum is the same."""
    case = cases["share"]()
    code, plan, _ = solve(case, "--backend", "pulp")
    assert (code, plan["provenance"]["backend"]) == (0, "pulp")
    assert plan["objective"] == pytest.approx(oracle(case).solve()[0], rel=1e-12)


def test_a_missed_aim_is_exit_0(out_of_reach, solve, change):
    """An aim that no site reaches is missed, said to be, and no failure."""
    aim = out_of_reach.standards[0] | {"required": False}
    code, plan, _ = solve(change(out_of_reach, standards=[aim]))
    assert (code, plan["status"], plan["standards"]["urban"]["met"]) == (0, "optimal", False)


def test_out_of_reach_is_exit_3(out_of_reach, solve):
    """Infeasible, the rest optimal, the point in a file of its own."""
    code, plan, folder = solve(out_of_reach)
    assert (code, plan["status"], plan["rest_status"]) == (3, "infeasible", "optimal")
    assert gpd.read_file(folder / "uncoverable.geojson")["id"].tolist() == ["far"]


def test_a_limit_too_small_is_exit_3(too_few, solve, oracle):
    """The limit that it takes is in plan.json; what is out of reach is the aim's alone."""
    code, plan, folder = solve(too_few)
    assert (code, plan["status"]) == (3, "infeasible")
    assert plan["infeasible"]["limit_needed"] == oracle(too_few).least_limit()
    assert not gpd.read_file(folder / "uncoverable.geojson")["required"].any()
