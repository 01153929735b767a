"""A plan folder that was changed by hand: the audit's word against what it says."""

from __future__ import annotations

import json

import pytest

import chargeplan as cp
from chargeplan.audit import audit, check_plan


@pytest.fixture(scope="module")
def written(cases, tmp_path_factory):
    """A plan of the town with its roads: the audit, plan.json and certificate.json."""
    folder = tmp_path_factory.mktemp("plan")
    problem = cases["roads"]().problem(folder)
    plan = cp.solve(problem, gap=0.0, threads=1)
    plan.write(folder)
    assert plan.bound_kind == "dual-certificate"
    report = audit(problem, cp.read_plan(folder).stations)
    return report, *(
        (folder / f"{name}.json").read_text(encoding="utf-8") for name in ("plan", "certificate")
    )


def test_what_is_written_is_agreed_with(written):
    """The audit of the folder's own layer agrees with plan.json and certificate.json as they lie there."""
    report, plan, certificate = written
    assert check_plan(json.loads(plan), report, json.loads(certificate)) == ()


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("objective", 5.0, "objective"),
        ("cost", 5.0, "cost"),
        ("bound", 9.0, "bound"),
        ("gap", 0.5, "gap"),
        ("stations total", 3, "stations"),
        ("standards urban met", False, "met"),
        ("standards urban weight_covered", 1.0, "weight_covered"),
        ("standards urban radius_m", 2000.0, "radius_m"),
        ("standards intercity max_distance_m", 1.0, "max_distance_m"),
        ("standards intercity share", 0.5, "share"),
    ],
)
def test_a_changed_figure_is_noticed(written, path, value, word):
    """Whatever figure of plan.json is changed, the audit names it."""
    report, plan, certificate = written
    changed = json.loads(plan)
    *way, last = path.split()
    place = changed
    for key in way:
        place = place[key]
    assert place[last] != value
    place[last] = value
    found = check_plan(changed, report, json.loads(certificate))
    assert any(word in line for line in found), found


def test_multipliers_that_prove_more_than_is_true_are_noticed(written):
    """Neither a bound beyond its multipliers, nor smaller or greater multipliers, prove the bound."""
    report, plan, certificate = written
    bolder = json.loads(certificate)
    bolder["bound"] += 1.0
    told = json.loads(plan) | {"bound": bolder["bound"]}
    assert any("proves only" in line for line in check_plan(told, report, bolder))
    for factor in (0.5, 2.0):
        other = json.loads(certificate)
        for prices in other["u"].values():
            prices["value"] = [int(value * factor) for value in prices["value"]]
        found = check_plan(json.loads(plan), report, other)
        assert any("proves only" in line for line in found), (factor, found)


def test_a_missing_certificate_is_noticed(written):
    """A bound said to be proven by multipliers needs them."""
    report, plan, _ = written
    found = check_plan(json.loads(plan), report, {"kind": "backend", "bound": 1.0})
    assert any("there is none" in line for line in found)
