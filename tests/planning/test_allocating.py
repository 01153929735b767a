"""Plans of stations with room, and of distances that cost, against enumeration; and certificates changed."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from small_facilities import Facilities
from tampered_service import tampered_services

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.audit.allocating import allocated_bound

ROOM = [6.0, 5.0, 8.0, 3.0, 9.0, 4.0, 7.0, 5.0, 6.0]
STATUS = ["existing", "candidate", "required", "forbidden", *["candidate"] * 5]
NEAR = {"name": "near", "radius": "2500 m", "strict": True}
TABLE = {"name": "table", "radius": "900 m", "metric": "matrix"}


def least(case, oracle):
    """The least cost of all plans of a case, infinite where there is none."""
    small, objective = oracle(case), case.objective
    loaded = small.promises[0]
    per_km, each = objective.get("cost_per_km", 0.0), objective.get("weight_per_charger")
    cost = np.where(loaded.within, 0.0, np.inf)
    cost[loaded.within] += (loaded.metres / 1000 * per_km * loaded.weight[:, None])[loaded.within]
    others = [np.where(other.within, 0.0, np.inf) for other in small.promises[1:]]
    opening = small.cost if objective["minimise"] == "cost" else np.ones(len(small.ids))
    return Facilities(
        np.concatenate([cost, *others]),
        np.where(small.new, opening, 0.0),
        None if each is None else case.sites["room"].to_numpy() * each,
        np.concatenate([loaded.weight, np.zeros(sum(map(len, others)))]),
        given={
            "required": np.flatnonzero(np.isin(small.status, ["existing", "required"])).tolist(),
            "forbidden": np.flatnonzero(small.status == "forbidden").tolist(),
        },
    ).least()


@pytest.fixture
def town_of(placed_cases, change):
    """The town of a case with room at its sites, and another objective."""

    def build(name, standards, **objective):
        case = placed_cases[name]()
        room = (ROOM * 2)[: len(case.sites)]
        return change(case, sites=case.sites.assign(room=room), standards=standards, objective=objective)

    return build


ASKED = {
    "room": ("distance", [NEAR], {"minimise": "cost", "weight_per_charger": 10.0}),
    "room, stations": ("distance", [NEAR], {"minimise": "stations", "weight_per_charger": 8.0}),
    "price": ("distance", [NEAR], {"minimise": "cost", "cost_per_km": 0.05}),
    "price and room": (
        "distance", [NEAR], {"minimise": "cost", "cost_per_km": 0.05, "weight_per_charger": 10.0},
    ),
    "kept": (
        "distance, kept", [NEAR | {"radius": "4 km"}],
        {"minimise": "cost", "cost_per_km": 0.02, "weight_per_charger": 12.0},
    ),
    "table": ("distance by table", [TABLE], {"minimise": "cost", "cost_per_km": 4.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_the_plan_is_the_cheapest(town_of, change, oracle, name, tmp_path):
    """The objective is the least of all sets of sites, each with the least that serving can cost."""
    town, standards, objective = ASKED[name]
    case = town_of(town, standards, **objective)
    if name == "table":  # the last demand point has no distance to any site
        case = change(case, demand=case.demand[:-1])
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.met) == ("optimal", True)
    assert plan.objective == pytest.approx(least(case, oracle), rel=1e-8)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    proven = float(allocated_bound(plan.problem, plan.certificate))
    assert proven == pytest.approx(plan.certificate["bound"], rel=1e-7)


def test_a_corridor_beside_takes_no_room(placed_cases, change, oracle, tmp_path):
    """Roads have to be in reach as well, and their km are nobody's load."""
    case = placed_cases["distance by road"]()
    intercity = {key: value for key, value in case.standards[0].items() if key != "required"}
    room = [4.0] * len(case.sites)
    case = change(
        case,
        sites=case.sites.assign(room=room),
        standards=[NEAR | {"radius": "4 km"}, intercity],
        objective={"minimise": "cost", "weight_per_charger": 12.0},
    )
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    covering = {"minimise": "cost"}
    free = cp.solve(change(case, objective=covering).problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.met) == ("optimal", True)
    assert plan.objective >= free.objective
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    load = case.demand["weight"].sum()
    sites = plan.stations
    near = sites["id"].isin(plan.certificate["service"]["station"])
    assert near.sum() * 4.0 * 12.0 >= load


def test_too_little_room_is_infeasible(town_of, tmp_path):
    """Said why; the stations that cover the demand are the plan for the rest, and nothing is proven."""
    case = town_of("distance", [NEAR], minimise="cost", weight_per_charger=1.0)
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.bound) == ("infeasible", None)
    assert "too little room" in plan.record.infeasible.reasons[0]
    farthest = max(standard.max_distance_m for standard in plan.standards)
    assert 0.0 < plan.record.infeasible.radius_needed_m["near"] <= farthest + 1e-3
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_room_has_to_be_stated(placed_cases, change, tmp_path):
    """Without the room of any site nothing would be limited."""
    case = change(
        placed_cases["distance"](),
        standards=[NEAR],
        objective={"minimise": "cost", "weight_per_charger": 1.0},
    )
    with pytest.raises(cp.InputError, match="no site states its room"):
        cp.solve(case.problem(tmp_path))


@pytest.mark.parametrize(("each", "code"), [(8.0, 0), (1.0, 3)])
def test_a_folder_with_room_is_planned(town_of, each, code, chargeplan, tmp_path):
    """The command plans it, exit 0; beyond all room it is exit 3."""
    folder = town_of("distance", [NEAR], minimise="stations", weight_per_charger=each).write(tmp_path / "in")
    done = chargeplan("solve", folder, "-o", "plan", "--json", cwd=tmp_path)
    content = json.loads(done.stdout)
    assert (done.returncode, content["audit"]["agrees"]) == (code, True), done.stderr
    assert content["status"] == {0: "optimal", 3: "infeasible"}[code]


@pytest.fixture
def written(town_of, tmp_path):
    """A plan with room and prices: the audit of its stations, its claims, its certificate."""
    case = town_of("distance", [NEAR], **ASKED["price and room"][2])
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    claims = plan.record.model_dump(mode="json", by_alias=True)
    return audit(plan.problem, plan.open), claims, copy.deepcopy(dict(plan.certificate))


def test_tampered_service_is_refused(written):
    """A share too small or negative, a closed station, one too many, nobody at all: each is named."""
    report, claims, certificate = written
    assert check_plan(claims, report, certificate) == ()
    for words, service in tampered_services(certificate["service"], report.problem.sites.ids).items():
        found = check_plan(claims, report, certificate | {"service": service})
        assert any(words in line for line in found), (words, found)
    assert check_plan(claims, report, {**certificate, "service": None})
    other = claims | {"objective": claims["objective"] + 0.5}
    assert any("objective" in line for line in check_plan(other, report, certificate))


def test_tampered_multipliers_are_refused(written):
    """A bolder bound, other multipliers, none, negative ones, another model's: none proves the bound."""
    report, claims, certificate = written
    for change in (
        {"bound": certificate["bound"] + 0.01},
        {"scale": certificate["scale"] + 1},
        {"u": {"near": {"rows": certificate["u"]["near"]["rows"], "value": [1 << 50] * 24}}},
        {"u": {}},
        {"u": {"near": {"rows": ["d0"], "value": [-1]}}},
        {"v": {"sites": ["s0"], "value": [-1]}},
        {"v": {"sites": ["nowhere"], "value": [1]}},
        {"v": None},
        {"model": "p-median"},
    ):
        found = check_plan(claims, report, certificate | change)
        assert any("proves only" in line or "certificate is faulty" in line for line in found), change
