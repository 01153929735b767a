"""Certificates of plans of distances, written by hand and changed by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.audit.placing import placed_bound, placed_objective

MEAN, FARTHEST = ({"minimise": word, "stations": 1} for word in ("distance", "farthest"))
APART = {"maximise": "separation", "stations": 3}
# Any site costs what is below of weight times metres: 10,000 in all from s1 or s2, 17,000 from s0.
PRICES = {"near": {"rows": list("abcd"), "value": [16 * u for u in (3_010, 4_010, 6_010, 12_010)]}}
MEDIAN = {"kind": "dual-certificate", "model": "p-median", "bound": 999.9, "scale": 4, "u": PRICES}
# Within less than 1,500 m of a there is s0 alone, of d s2 alone.
CENTER = {
    "kind": "dual-certificate", "model": "p-center", "bound": 1499.9, "scale": 4,
    "u": {"near": {"rows": ["a", "d"], "value": [16, 16]}},
}  # fmt: skip
# Three stations pay 3, and the two groups together 2.
GROUPS = [{"sites": ["s0", "s1"], "value": 1}, {"sites": ["s2"], "value": 1}]
DISPERSION = {"kind": "dual-certificate", "model": "p-dispersion", "bound": 1500.1, "groups": GROUPS}
ALL = [(MEAN, MEDIAN), (FARTHEST, CENTER), (APART, DISPERSION)]


def claims_of(problem, opened, certificate):
    """What plan.json would say of stations on the street, the objective as the audit measures it."""
    report = audit(problem, np.array(opened))
    (standard,) = report.standards
    objective, bound = placed_objective(report), certificate["bound"]
    return report, {
        "sense": problem.scenario.objective.sense, "status": "feasible", "cost": float(sum(opened)),
        "objective": objective, "bound": bound, "gap": abs(objective - bound) / objective,
        "bound_kind": "dual-certificate", "stations": {"total": sum(opened)},
        "standards": {
            "near": {
                "metric": standard.metric, "radius_m": standard.radius_m, "strict": standard.strict,
                "required": standard.required, "demand_points": 4, "met": standard.met,
                "weight": standard.weight, "weight_covered": standard.weight_covered,
                "share": standard.share, "stations": 1, "target_share": 1.0,
                "max_distance_m": standard.max_distance_m,
            }
        },
    }  # fmt: skip


@pytest.fixture(params=ALL, ids=["p-median", "p-center", "p-dispersion"])
def honest(request, street):
    """A plan of each model that says what is true, and its certificate."""
    objective, certificate = request.param
    opened = [True] * 3 if objective is APART else [False, True, False]
    report, claims = claims_of(street(required=False, objective=objective), opened, certificate)
    return report, claims, copy.deepcopy(certificate)


def test_honest_certificates_are_agreed_with(honest):
    """What is claimed is what the certificate proves."""
    report, claims, certificate = honest
    assert check_plan(claims, report, certificate) == ()


def test_a_bolder_bound_is_refused(honest):
    """A metre beyond what is true is not proven, whatever plan.json says with it."""
    report, claims, certificate = honest
    step = -1.0 if claims["sense"] == "max" else 1.0
    bound = certificate["bound"] + step
    certificate["bound"] = claims["bound"] = bound
    claims["gap"] = abs(claims["objective"] - bound) / claims["objective"]
    found = check_plan(claims, report, certificate)
    assert any("proves only" in line for line in found), found


@pytest.mark.parametrize(
    ("objective", "certificate", "change"),
    [
        (MEAN, MEDIAN, {"model": "p-center"}),
        (MEAN, MEDIAN, {"model": None}),
        (MEAN, MEDIAN, {"scale": -1}),
        (MEAN, MEDIAN, {"scale": "4"}),
        (MEAN, MEDIAN, {"u": None}),
        (MEAN, MEDIAN, {"u": {"near": {"rows": ["nobody"], "value": [16]}}}),
        (MEAN, MEDIAN, {"u": {"near": {"rows": ["a"], "value": [-16]}}}),
        (MEAN, MEDIAN, {"u": {"near": {"rows": ["a", "b"], "value": [1 << 62, 1]}}}),
        (FARTHEST, CENTER, {"bound": float("nan")}),
        (FARTHEST, CENTER, {"bound": -1.0}),
        (FARTHEST, CENTER, {"u": {"near": {"rows": ["a"], "value": [-16]}}}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0", "s9"], "value": 1}]}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0", "s0"], "value": 1}]}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0", "s1"], "value": -1}]}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0", "s1"]}]}),
    ],
)
def test_faulty_certificates_are_refused(street, objective, certificate, change):
    """Another model's, one without its parts, and multipliers that are none: one fault each."""
    with pytest.raises(cp.InputError):
        placed_bound(street(required=False, objective=objective), certificate | change)


@pytest.mark.parametrize(
    ("objective", "certificate", "change"),
    [
        (MEAN, MEDIAN, {"scale": 3}),  # twice the multipliers
        (MEAN, MEDIAN, {"scale": 5}),  # half of them
        (MEAN, MEDIAN, {"u": {"near": {"rows": ["a"], "value": [16 * 3_000]}}}),
        (FARTHEST, CENTER, {"scale": 5}),
        (FARTHEST, CENTER, {"u": {"near": {"rows": ["a"], "value": [160]}}}),
        (FARTHEST, CENTER, {"u": {}}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0", "s2"], "value": 1}, {"sites": ["s1"], "value": 1}]}),
        (APART, DISPERSION, {"groups": [{"sites": ["s0"], "value": 1}, {"sites": ["s2"], "value": 1}]}),
        (APART, DISPERSION, {"groups": []}),
    ],
)
def test_other_multipliers_prove_less(street, objective, certificate, change):
    """Multipliers that are not those of the certificate do not prove its bound."""
    problem = street(required=False, objective=objective)
    opened = [True] * 3 if objective is APART else [False, True, False]
    report, claims = claims_of(problem, opened, certificate)
    found = check_plan(claims, report, certificate | change)
    twice = objective is MEAN and change.get("scale") == 3
    assert twice != any("proves only" in line for line in found), found


def test_a_promise_beside_distances_is_part_of_the_proof(street):
    """A multiplier on a required demand point is saved by every site within its radius, and counts once."""
    objective = MEAN | {"stations": 2}
    aim = {"name": "near", "radius": "600 m", "required": False}
    problem = street(required=False, objective=objective).replace(
        standards=[aim, {"name": "all", "radius": "4 km"}]
    )
    proof = MEDIAN | {"u": PRICES | {"all": {"rows": ["a"], "value": [16]}}}
    without, beside = (placed_bound(problem, certificate) for certificate in (MEDIAN, proof))
    assert float(without - beside) == pytest.approx(1 / 10)  # 1 - 2, over a weight of 10


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": 999.0}, "objective is 999.0"),
        ({"objective": 1000.1}, "objective is 1000.1"),
        ({"stations": {"total": 2}}, "2 stations"),
    ],
)
def test_a_false_distance_is_found(street, changes, words):
    """The mean distance from s1 is 1,000 m, and the audit measures it."""
    report, claims = claims_of(street(required=False, objective=MEAN), [False, True, False], MEDIAN)
    found = check_plan(claims | changes, report, MEDIAN)
    assert any(words in line for line in found), found


def test_fewer_stations_than_asked_for_are_found(street):
    """Two stations where three are to keep their distance from each other are no plan."""
    report, claims = claims_of(street(required=False, objective=APART), [True, False, True], DISPERSION)
    found = check_plan(claims, report, DISPERSION)
    assert any("2 new stations are not the 3 asked for" in line for line in found), found


def test_two_existing_stations_do_not_count_as_near(street):
    """What stands already stands as near together as it does: only new stations keep a distance."""
    status = ("existing", "existing", "candidate")
    objective = {"maximise": "separation", "stations": 1}
    problem = street(status=status, required=False, objective=objective)
    report = audit(problem, np.array([True] * 3))
    assert placed_objective(report) == pytest.approx(1500.0, abs=0.1)
    proof = DISPERSION | {"groups": [{"sites": ["s0", "s1"], "value": 1}, {"sites": ["s2"], "value": 1}]}
    assert placed_bound(problem, proof) > 20_000_000


FIT = {"maximise": "stations", "separation": "1600 m"}
FITTING = {
    "kind": "dual-certificate", "model": "minimum-separation", "bound": 2.0, "scale": 2,
    "groups": [{"sites": ["s0", "s1"], "value": 4}, {"sites": ["s2"], "value": 4}],
}  # fmt: skip


def test_how_many_stations_fit(street):
    """Two of three sites at 0, 1,500 and 3,000 m are 1,600 m apart: a group of the first two proves it."""
    problem = street(required=False, objective=FIT)
    report, claims = claims_of(problem, [True, False, True], FITTING | {"bound": 2.0})
    claims |= {"objective": 2.0, "bound": 2.0, "gap": 0.0}
    assert check_plan(claims, report, FITTING) == ()
    crowded, told = claims_of(problem, [True] * 3, FITTING)
    told |= {"objective": 3.0, "bound": 3.0, "gap": 0.0, "bound_kind": "backend"}
    assert any("from another" in line for line in check_plan(told, crowded, {}))


@pytest.mark.parametrize(
    "change",
    [
        {"groups": [{"sites": ["s0", "s1", "s2"], "value": 4}]},  # the first and the last may both be open
        {"groups": [{"sites": ["s0", "s1"], "value": -4}, {"sites": ["s2"], "value": 8}]},
        {"groups": [{"sites": ["s0", "s9"], "value": 4}]},
        {"scale": None},
        {"groups": None},
        {"model": "p-dispersion"},
    ],
)
def test_groups_that_are_none_prove_no_number(street, change):
    """Sites that are not all too near to each other are no group."""
    with pytest.raises(cp.InputError):
        placed_bound(street(required=False, objective=FIT), FITTING | change)


def test_smaller_multipliers_prove_more_stations(street):
    """A quarter of the price of a group leaves three quarters of each site to be counted."""
    problem = street(required=False, objective=FIT)
    cheaper = [{"sites": ["s0", "s1"], "value": 1}]
    assert placed_bound(problem, FITTING | {"groups": cheaper}) == 2  # 1/4 + 3/4 + 3/4 + 1, rounded down
    assert placed_bound(problem, FITTING | {"groups": []}) == 3
