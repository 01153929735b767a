"""Sites and chargers in one model: against enumeration, plain PuLP, and the plan of sites first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_charging import Town, asked_pulp, best_plan, best_shared_plan, random_town

import chargeplan as cp
from chargeplan.audit import audit, check_plan


def asking(town, assignment, **sizing):
    """The town, whose people charge at the nearest station, or share them; ``"nobody"`` charges."""
    if assignment == "nobody":
        types = [{key: value for key, value in each.items() if key != "load_share"} for each in town.types]
        return replace(town, types=types)
    load = {"kwh": 4.0, "wait": "10 min", "chance": 0.3, "assignment": assignment}
    return replace(town, sizing={**town.sizing, **load, **sizing})


def planned(town, folder, **given):
    """The plan in turn, and the joint one."""
    limits = {"threads": 1, "gap": 0.0, **given}
    return tuple(cp.solve(town.problem(folder, joint=joint), **limits) for joint in (False, True))


def cost(plan):
    """What stations and chargers cost."""
    return plan.record.cost + plan.record.sizing.cost


def check(in_turn, joint):
    """The joint plan is no worse than the other, and says of itself what is so."""
    assert joint.record.audit.agrees, joint.record.audit.disagreements
    assert joint.objective == pytest.approx(cost(joint), rel=1e-12)
    assert joint.bound <= joint.objective
    assert joint.record.sizing.met >= in_turn.record.sizing.met
    if joint.record.sizing.met == in_turn.record.sizing.met is True:
        assert joint.objective <= cost(in_turn) * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_cheaper_at_the_nearest(seed, tmp_path):
    """Of all sets of stations with all numbers of chargers: the fewest missed, then the least cost."""
    town = asking(random_town(seed, sites=3, points=6, kinds=1 + seed % 2), "nearest")
    if seed == 3:
        town = replace(town, prices={"keep": np.full(3, 9.0), "close": np.full(3, 1.0)})
    in_turn, joint = planned(town, tmp_path)
    best = best_plan(town.question(), most=4)
    check(in_turn, joint)
    assert best is not None
    if best.missed == 0:
        assert (joint.status, joint.objective) == ("optimal", pytest.approx(best.cost))
        assert joint.record.sizing.met
    else:
        assert not joint.record.sizing.met


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_nothing_is_cheaper_where_demand_is_shared(seed, tmp_path):
    """Of all sets of stations with all numbers of chargers that a linear program finds to be enough."""
    town = asking(random_town(seed, sites=3, points=6, kinds=1), "balanced")
    town = replace(town, standard=town.standard | {"share": 1.0})
    in_turn, joint = planned(town, tmp_path)
    best = best_shared_plan(town.question(), most=7)
    check(in_turn, joint)
    if np.isfinite(best):
        assert (joint.status, joint.objective) == ("optimal", pytest.approx(best))
        assert joint.record.sizing.met
    elif joint.status != "infeasible":
        assert not joint.record.sizing.met


MEDIUM = [("nobody", 30, 80, 3), ("nobody", 30, 80, 6), ("nearest", 20, 60, 4), ("balanced", 8, 24, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "sites", "points", "seed"), MEDIUM)
def test_another_formulation_finds_the_same(assignment, sites, points, seed, tmp_path):
    """Plain PuLP, with one binary variable for each number of chargers and classic closest assignment."""
    town = asking(
        random_town(seed, sites=sites, points=points, kinds=2 if assignment == "nobody" else 1), assignment
    )
    town = replace(town, standard=town.standard | {"radius": "1700 m", "share": 1.0 if sites < 30 else 0.9})
    plain = asked_pulp(town.question())["cost"]
    in_turn, joint = planned(town, tmp_path)
    check(in_turn, joint)
    assert plain is not None
    assert (joint.status, joint.objective) == ("optimal", pytest.approx(plain, rel=1e-6))


def two_places(**changes):
    """A cheap site with room for two chargers and a dear one with room for all, at one place with demand."""
    town = Town(
        points=np.array([[0.0, 0.0], [300.0, 0.0]]), weight=np.array([10.0, 10.0]),
        sites=np.array([[0.0, 0.0], [200.0, 0.0]]), cost=np.array([1.0, 5.0]), room=np.array([2.0, 30.0]),
        district=["a", "a"], status=["candidate"] * 2, standing=np.zeros((2, 1), int),
        types=[{"type": "fast", "kw": 60.0, "cost": 1.0, "load_share": 1.0, "stay": "40 min"}],
        substations=np.array([[0.0, 0.0]]), spare=np.array([300.0]),
        standard={"name": "near", "radius": "2000 m", "strict": True}, sizing={"standard": "near"},
    )  # fmt: skip
    return replace(town, **changes)


def test_a_dearer_site_with_room_is_chosen(tmp_path):
    """In turn the cheap site is too small for the load; together the dear one is built."""
    in_turn, joint = planned(asking(two_places(), "nearest", kwh=90.0), tmp_path)
    assert (in_turn.stations["status"] == "selected").tolist() == [True, False]
    assert (in_turn.met, joint.met) == (False, True)
    assert (joint.stations["status"] == "selected").tolist() == [False, True]


def test_rules_without_a_load_choose_sites_too(tmp_path):
    """Nobody's load is known, and nine chargers have to be somewhere."""
    town = asking(two_places(rules=[{"type": "fast", "at_least": 9}]), "nobody")
    in_turn, joint = planned(town, tmp_path)
    assert (in_turn.met, joint.met) == (False, True)
    assert joint.objective == 5.0 + 9.0
    assert joint.record.bound_kind == "backend"


def test_what_no_plan_can_keep_is_missed_by_as_few_as_can_be(tmp_path):
    """Forty chargers do not fit; the standard is kept, all rooms are full, and eight are missed."""
    town = asking(two_places(rules=[{"type": "fast", "at_least": 40}]), "nobody")
    in_turn, joint = planned(town, tmp_path)
    assert joint.record.standards["near"].met
    assert not joint.met
    assert joint.record.sizing.new == {"fast": 32}
    assert joint.objective == 1.0 + 5.0 + 32.0
    assert in_turn.record.sizing.new == {"fast": 2}


def test_a_station_that_is_a_burden_is_closed(tmp_path):
    """It costs less to keep than to close, but its room is too small for those who would charge there."""
    town = two_places(
        status=["existing", "candidate"], prices={"keep": np.zeros(2), "close": np.full(2, 3.0)}
    )
    in_turn, joint = planned(asking(town, "nearest", kwh=90.0), tmp_path)
    assert in_turn.record.stations.closed == 0
    assert joint.record.stations.closed == 1
    assert (in_turn.met, joint.met) == (False, True)
    assert joint.record.cost == 5.0 + 3.0


def test_unreachable_demand_is_infeasible_and_planned_for_the_rest(tmp_path):
    """The standard cannot be kept; the others get stations and chargers, and all is said."""
    points = np.array([[0.0, 0.0], [300.0, 0.0], [9000.0, 0.0]])
    town = asking(two_places(points=points, weight=np.array([10.0, 10.0, 1.0])), "nearest", kwh=90.0)
    in_turn, joint = planned(town, tmp_path)
    assert joint.status == "infeasible"
    assert joint.record.infeasible.uncoverable == {"near": 1}
    assert (joint.stations["status"] == "selected").tolist() == [False, True]
    assert joint.record.sizing.load_kw == pytest.approx(21 * 9.0)
    check(in_turn, joint)


def test_too_large_a_model_leaves_the_plan_in_turn_with_a_bound(tmp_path, monkeypatch):
    """Its bound is below the optimum, and said to be the sum of two."""
    town = asking(two_places(room=np.full(2, 30.0)), "nearest", kwh=90.0)
    _, best = planned(town, tmp_path)
    monkeypatch.setattr("chargeplan.planning.joint_parts._PAIRS", 1)
    in_turn, joint = planned(town, tmp_path)
    assert joint.objective == cost(in_turn)
    assert 1.0 <= joint.bound <= best.objective
    assert any("too many demand points" in line for line in joint.record.warnings)
    check(in_turn, joint)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["ortools:cp-sat", "pulp:cbc"])
def test_every_backend_finds_it(backend, tmp_path):
    """One that takes no fractions is replaced where there is a load, which is said."""
    for assignment in ("nobody", "balanced"):
        town = asking(two_places(rules=[{"type": "fast", "at_least": 3}]), assignment, kwh=90.0)
        _, joint = planned(town, tmp_path, backend=backend)
        _, other = planned(town, tmp_path)
        assert (joint.status, joint.objective) == ("optimal", pytest.approx(other.objective))
        replaced = backend == "ortools:cp-sat" and assignment == "balanced"
        assert any("does not take fractions" in line for line in joint.record.warnings) == replaced


def test_the_audit_adds_up_what_is_claimed(tmp_path):
    """An objective without the chargers is refused."""
    _, joint = planned(asking(two_places(), "nearest"), tmp_path)
    claims = joint.record.model_dump(mode="json", by_alias=True)
    claims["objective"] = claims["cost"]
    found = check_plan(claims, audit(joint.problem, joint.open), joint.certificate)
    assert any("objective" in line for line in found)


def test_sized_is_what_a_plan_writes(tmp_path):
    """The table of sites and plan.json count the same chargers."""
    _, joint = planned(asking(two_places(), "balanced", kwh=90.0), tmp_path)
    assert joint.stations["chargers_fast"].sum() == joint.record.sizing.new["fast"]
    assert joint.record.sizing.worst_chance <= 0.3
