"""Scenario folders that ask for distances, planned by `chargeplan solve` in a process of its own."""

from __future__ import annotations

import json
from functools import partial
from importlib.resources import files

import geopandas as gpd
import pytest

import chargeplan as cp
from chargeplan.audit import check_plan

WORDS = {
    "distance": "mean distance of the aims to the nearest station",
    "farthest": "farthest of the aims from its nearest station",
    "separation": "least distance of a new station from any other",
}


@pytest.fixture
def run(chargeplan, tmp_path):
    """Run a command of chargeplan beside a scenario folder."""
    return partial(chargeplan, cwd=tmp_path)


@pytest.mark.parametrize("name", ["distance, kept", "farthest beside a promise", "separation"])
def test_a_folder_is_planned_like_the_problem(placed_cases, oracle, run, name, tmp_path):
    """Exit 0, the best objective in words and in a folder that is valid, read back and agreed with."""
    jsonschema = pytest.importorskip("jsonschema")
    case = placed_cases[name]()
    best, sets = oracle(case).place()
    folder = case.write(tmp_path / "scenario")
    done = run("solve", "scenario", "-o", "plan", "--gap", "0", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert WORDS[name.split()[0].strip(",")] in done.stdout
    assert "no better plan exists" in done.stdout
    content = json.loads((tmp_path / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert content["objective"] == pytest.approx(best, abs=1e-5)
    small = oracle(case)
    opened = small.mask(gpd.read_file(tmp_path / "plan" / "sites.geojson"))
    assert frozenset(small.ids[opened]) in sets
    assert content["audit"]["agrees"], content["audit"]["disagreements"]
    schema = json.loads(files("chargeplan.plan").joinpath("plan.schema.json").read_text(encoding="utf-8"))
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(content))
    plan = cp.read_plan(tmp_path / "plan")
    assert check_plan(plan, cp.audit(cp.load(folder), plan.stations)) == ()


def test_stations_are_another_number_of_them(placed_cases, change, oracle, run, tmp_path):
    """`--stations` leaves an objective of distances what it is, and asks for so many."""
    case = placed_cases["distance"]()
    case.write(tmp_path / "scenario")
    done = run("solve", "scenario", "-o", "plan", "--json", "--gap", "0", "--stations", "4")
    assert done.returncode == 0, done.stderr
    more = change(case, objective=case.objective | {"stations": 4})
    assert json.loads(done.stdout)["objective"] == pytest.approx(oracle(more).place()[0], abs=1e-5)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"minimise": "distance", "budget": 5}, 'minimise = "distance" needs stations'),
        (
            {"minimise": "distance", "stations": 10},
            "[objective], stations = 10: only 9 sites may get a new one",
        ),
        ({"minimise": "cost", "stations": 3}, "stations and budget are for maximise"),
    ],
)
def test_what_cannot_be_asked_is_exit_2(placed_cases, change, run, objective, message, tmp_path):
    """One clear fault on stderr, nothing written, no traceback."""
    change(placed_cases["distance"](), objective=objective).write(tmp_path / "scenario")
    done = run("solve", "scenario", "-o", "plan")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "plan").exists()


def test_too_few_stations_are_exit_3(placed_cases, change, run, tmp_path):
    """The number that would do is said; the plan of the most weight within the radius is written."""
    few = {"minimise": "farthest", "stations": 1}
    change(placed_cases["farthest beside a promise"](), objective=few).write(tmp_path / "scenario")
    done = run("solve", "scenario", "-o", "plan", "--json")
    content = json.loads(done.stdout)
    assert (done.returncode, content["status"], content["bound"]) == (3, "infeasible", None)
    assert content["infeasible"]["limit_needed"] > 1
