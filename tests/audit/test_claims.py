"""A plan's own figures and certificate against an audit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit import audit, certified_bound, check_plan

OPEN = np.array([True, True, True])


def plan_of(report, **changes):
    """What plan.json would say of the audited stations."""
    standards = {
        standard.name: {
            "metric": standard.metric, "radius_m": standard.radius_m, "strict": standard.strict,
            "required": standard.required, "demand_points": standard.demand_points, "met": standard.met,
            "weight": standard.weight, "weight_covered": standard.weight_covered, "share": standard.share,
            "stations": standard.backup,
            "target_share": standard.target,
            "max_distance_m": round(standard.max_distance_m, 3),
        }
        for standard in report.standards
    }  # fmt: skip
    cost = {"cost": float(report.stations)}
    proof = {"sense": "min", "objective": 3.0, "bound": 3.0, "gap": 0.0, "bound_kind": "backend"}
    stations = {"status": "optimal", "stations": {"total": report.stations}}
    return cost | proof | stations | {"standards": standards} | changes


@pytest.fixture
def honest(street):
    """An audit of all three stations, and a plan that says the same."""
    report = audit(street(), OPEN)
    return report, plan_of(report)


def test_an_honest_plan_is_agreed_with(honest):
    """The audit's own figures leave nothing to object to."""
    report, plan = honest
    assert check_plan(plan, report) == ()


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("metric", "road"),
        ("radius_m", 700.0),
        ("strict", True),
        ("required", False),
        ("demand_points", 5),
        ("met", False),
        ("weight", 10.0 + 1e-7),
        ("weight_covered", 9.0),
        ("share", 0.999),
        ("stations", 2),
        ("target_share", 0.9),
        ("max_distance_m", 499.0),
        ("max_distance_m", None),
    ],
)
def test_every_false_figure_is_found(honest, figure, value):
    """Each figure of a standard is compared, alone."""
    report, plan = honest
    plan = copy.deepcopy(plan)
    plan["standards"]["near"][figure] = value
    (found,) = check_plan(plan, report)
    assert figure in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stations": {"total": 2}}, "2 stations"),
        ({"status": "infeasible"}, "infeasible"),
        ({"cost": 2.0}, "cost is 2.0"),
        ({"objective": 4.0, "gap": 0.25}, "objective is 4.0"),
        ({"bound": 2.0}, "gap is 0.0"),
        ({"bound": None}, "without an objective and a bound"),
        ({"bound_kind": "dual-certificate"}, "there is none"),
        ({"standards": {}}, "says nothing"),
    ],
)
def test_every_false_claim_about_the_whole_is_found(honest, changes, words):
    """Counts, status, gap and the kind of proof are checked too."""
    report, plan = honest
    found = check_plan(plan | changes, report)
    assert len(found) == 1
    assert words in found[0]


def test_an_optimal_plan_must_meet_its_standards(street):
    """One station of three serves half: that cannot be called optimal."""
    report = audit(street(), np.array([False, True, False]))
    assert any("optimal" in found for found in check_plan(plan_of(report), report))


def test_sites_keep_their_given_state(street):
    """Forbidden stays closed, existing and required stay open."""
    problem = street(status=("forbidden", "existing", "required"))
    report = audit(problem, np.array([True, False, False]))
    found = " ".join(check_plan(plan_of(report, status="feasible"), report))
    assert "s0 is forbidden" in found
    assert "s1 is existing or required" in found
    assert "s2 is existing or required" in found


def test_stations_of_nowhere_are_no_plan(street, layer, place):
    """A plan is made of the scenario's sites; a foreign station in it is named."""
    report = audit(street(), layer([place(0.0), place(1500.0), place(3000.0)], id=["s0", "s1", "x"]))
    assert any("none of the scenario's sites" in found for found in check_plan(plan_of(report), report))


def test_no_plan_is_better_than_its_bound(honest):
    """Three stations cannot be fewer than four proven to be needed."""
    report, plan = honest
    (found,) = check_plan(plan | {"bound": 4.0, "gap": 1 / 3}, report)
    assert "better than the bound" in found


@pytest.mark.parametrize(
    ("limit", "words"), [({"stations": 2}, "more than the 2"), ({"budget": 2.5}, "budget of 2.5")]
)
def test_a_limit_is_kept(street, limit, words):
    """Three new stations at a cost of 1 each exceed a number of 2 and a budget of 2.5."""
    problem = street(required=False, objective={"maximise": "weight"} | limit)
    report = audit(problem, OPEN)
    plan = plan_of(report, sense="max", objective=10.0, bound=10.0)
    (found,) = check_plan(plan, report)
    assert words in found


def certificate_of(values, *, scale=4, bound, prices=None, limit=0):
    """Multipliers in units of 1/16 on the four demand points."""
    return {
        "kind": "dual-certificate", "scale": scale, "bound": bound,
        "u": {"near": {"rows": list("abcd"), "value": values}}, "lambda": prices or {}, "mu": limit,
    }  # fmt: skip


def test_prices_prove_a_bound(street):
    """A price of 1 on a, b and d: each of the three stations serves one of them, so three are needed."""
    assert certified_bound(street(), certificate_of([16, 16, 0, 16], bound=3)) == 3


def test_a_price_on_b_and_c_is_paid_by_one_station(street):
    """Half a price on each of all four proves 0.5 + 1 + 0.5 = 2 stations: s1 serves b and c."""
    assert certified_bound(street(), certificate_of([8, 8, 8, 8], bound=2)) == 2


def test_a_bound_is_rounded_up_where_objectives_are_integers(street):
    """Prices that prove 2.5 stations prove 3; with costs that are no integers they do not."""
    prices = certificate_of([16, 16, 0, 8], bound=3)
    assert certified_bound(street(), prices) == 3
    costly = street(objective={"minimise": "cost"})
    assert certified_bound(costly, prices) == 3  # costs of 1 are integers


def test_a_share_and_its_price_prove_a_bound(street):
    """Nine tenths of weight 10 need two stations: prices of 1/4 on weight, on rows what theirs is worth."""
    problem = street(share=0.9)
    prices = certificate_of([4, 4, 12, 16], bound=2, prices={"near": 4})
    proven = certified_bound(problem, prices)
    assert 1 < proven <= 2


def test_an_upper_bound_when_maximising(street):
    """One new station serves weight 5 at most: proven by mu = 5 and every point priced at its weight."""
    problem = street(required=False, objective={"maximise": "weight", "stations": 1})
    prices = certificate_of([16, 32, 48, 64], bound=5, limit=5 * 16)
    assert certified_bound(problem, prices) == 5


def test_an_exaggerated_certificate_is_found(honest):
    """The certificate claims three stations where its prices prove two."""
    report, plan = honest
    plan = plan | {"bound_kind": "dual-certificate"}
    (found,) = check_plan(plan, report, certificate_of([8, 8, 8, 8], bound=3))
    assert "proves only 2" in found


def test_the_plan_and_its_certificate_name_one_bound(honest):
    """The bound in plan.json is that of certificate.json."""
    report, plan = honest
    plan = plan | {"bound_kind": "dual-certificate"}
    (found,) = check_plan(plan, report, certificate_of([8, 8, 8, 8], bound=2))
    assert "its certificate 2" in found


@pytest.mark.parametrize(
    "change",
    [
        {"u": {"near": {"rows": ["nobody"], "value": [1]}}},
        {"u": {"near": {"rows": ["a", "b"], "value": [1]}}},
        {"u": {"near": {"rows": ["a"], "value": [-1]}}},
        {"u": {"near": {"rows": ["a"], "value": [1 << 70]}}},
        {"mu": -1},
    ],
)
def test_a_faulty_certificate_is_refused(honest, change):
    """Prices on unknown points, without a value, negative or beyond counting prove nothing."""
    report, plan = honest
    faulty = certificate_of([16, 16, 0, 16], bound=3) | change
    (found,) = check_plan(plan | {"bound_kind": "dual-certificate"}, report, faulty)
    assert "faulty" in found
    with pytest.raises(cp.InputError):
        certified_bound(report.problem, faulty)
