"""Plans of distances with room, the capacitated p-median, against enumeration; and certificates changed."""

from __future__ import annotations

import copy
import json

import geopandas as gpd
import numpy as np
import pytest
from small_facilities import Facilities
from tampered_service import tampered_services

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.audit.allocating import allocated_bound
from chargeplan.kernels import memory

ROOM = [6.0, 5.0, 8.0, 3.0, 9.0, 4.0, 7.0, 5.0, 6.0, 7.0, 5.0]
INTERCITY = {"name": "intercity", "corridor": "corridors", "radius": "38 km", "strict": True}
NEAR = {"name": "near", "radius": "1 km", "required": False}
# What makes a case, how much weight a charger serves, and how many stations there are to be.
ASKED = {
    "plenty": ("distance", 30.0, {}),
    "tight": ("distance", 11.0, {}),
    "kept": ("distance, kept", 14.0, {}),
    "beside a promise": ("distance beside a promise", 9.0, {}),
    "table": ("distance by table", 12.0, {}),
    "beside a corridor": (
        "distance by road",
        8.0,
        {"standards": [INTERCITY, NEAR], "objective": {"minimise": "distance", "stations": 6}},
    ),
}


@pytest.fixture
def town_of(placed_cases, change):
    """A case whose sites have room, and whose stations serve so much weight with each charger."""

    def build(name, each, **changes):
        case = change(placed_cases[name](), **changes)
        sites = case.sites.assign(room=ROOM[: len(case.sites)])
        return change(case, sites=sites, objective=case.objective | {"weight_per_charger": each})

    return build


def least(case, oracle):
    """The least mean distance of all sets of so many sites, each serving as cheaply as its room permits."""
    small = oracle(case)
    aim = next(promise for promise in small.promises if not promise.required)
    way = np.isfinite(aim.metres[:, small.status != "forbidden"]).any(axis=1)
    capacity = case.sites["room"].to_numpy() * case.objective["weight_per_charger"]
    cost = (aim.metres * aim.weight[:, None])[way]
    asked = Facilities(cost, np.zeros(len(capacity)), capacity, aim.weight[way])
    served = [asked.served(np.flatnonzero(opened).tolist()) for opened in small.so_many()]
    return min(served, default=np.inf) / aim.weight[way].sum()


@pytest.mark.parametrize("name", ASKED)
def test_the_plan_is_the_nearest_with_room(town_of, oracle, name, tmp_path):
    """The objective is enumeration's, proven by a certificate that the audit adds up itself."""
    town, each, changes = ASKED[name]
    case = town_of(town, each, **changes)
    best = least(case, oracle)
    assert np.isfinite(best)
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.met) == ("optimal", True)
    assert plan.objective == pytest.approx(best, rel=1e-8)
    assert plan.bound == pytest.approx(best, rel=1e-7)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert plan.certificate["model"] == "capacitated-p-median"
    proven = float(allocated_bound(plan.problem, plan.certificate))
    assert proven == pytest.approx(plan.certificate["bound"], rel=1e-7)
    assert "mean distance of the aim to the stations that serve it" in plan.summary()


def test_room_moves_demand_away_from_the_nearest_station(town_of, tmp_path):
    """With room for everybody it is the p-median; with less, the mean distance is longer."""
    free, tight = (
        cp.solve(town_of("distance", each).problem(tmp_path), gap=0.0, threads=1) for each in (99.0, 11.0)
    )
    median = town_of("distance", 99.0)
    objective = {key: value for key, value in median.objective.items() if key != "weight_per_charger"}
    plain = cp.solve(median.problem(tmp_path).replace(objective=objective), gap=0.0, threads=1)
    assert free.objective == pytest.approx(plain.objective, rel=1e-9)
    assert tight.objective > plain.objective * 1.01
    (result,) = tight.standards
    ids, told = tight.problem.sites.ids, tight.certificate["service"]
    most = {}
    for demand, station, share in zip(*told.values(), strict=True):
        most[demand] = max(most.get(demand, (0.0, "")), (share, station))
    points = tight.problem.standards[0].points
    assert [most[name][1] for name in points.ids] == ids[result.station].tolist()
    served = cp.kernels.paired_distances(points.positions, tight.problem.sites.positions[result.station])
    np.testing.assert_allclose(result.distance_m, served, rtol=1e-12)
    near = audit(tight.problem, tight.open).standards[0].distance_m
    assert (result.distance_m > near - 1e-5).all()
    assert (result.distance_m > near + 1.0).any()


def test_events_are_in_metres(town_of, tmp_path):
    """What is told on the way is a mean distance, not a sum."""
    told = []
    plan = cp.solve(town_of("distance", 11.0).problem(tmp_path), gap=0.0, on_event=told.append)
    assert [event.best for event in told if event.best is not None][-1] == pytest.approx(plan.objective)


def test_weightless_demand_is_served_by_the_nearest_station(town_of, change, tmp_path):
    """A demand point without weight takes no room, and is with the nearest station."""
    case = town_of("distance", 11.0)
    weight = case.demand["weight"].to_numpy().copy()
    weight[:6] = 0.0
    case = change(case, demand=case.demand.assign(weight=weight))
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    opened = np.flatnonzero(plan.open)
    (result,) = plan.standards
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    positions = plan.problem.standards[0].points.positions[:6]
    metres = cp.kernels.distance_matrix(positions, plan.problem.sites.positions[opened])
    assert result.station[:6].tolist() == opened[metres.argmin(axis=1)].tolist()


def test_demand_without_a_way_is_served_by_nobody(town_of, tmp_path):
    """The table knows no distance to the last demand point: said, written so, and no service is believed."""
    plan = cp.solve(town_of("distance by table", 12.0).problem(tmp_path), gap=0.0, threads=1)
    assert any("1 demand point has no way to any site" in line for line in plan.record.warnings)
    assert (plan.standards[0].station[-1], np.isnan(plan.standards[0].distance_m[-1])) == (-1, True)
    service = plan.certificate["service"]
    assert "d14" not in service["demand"]
    plan.write(tmp_path / "plan")
    demand = gpd.read_file(tmp_path / "plan" / "demand.geojson").set_index("id")
    assert demand["station"].isna().tolist() == (demand.index == "d14").tolist()
    more = {"demand": [*service["demand"], "d14"], "station": [*service["station"], service["station"][0]]}
    certificate = {**plan.certificate, "service": {**more, "share": [*service["share"], 1.0]}}
    claims = plan.record.model_dump(mode="json", by_alias=True)
    found = check_plan(claims, audit(plan.problem, plan.open), certificate)
    assert any("d14 is served to 1, not 0" in line for line in found), found


def test_too_few_stations_have_too_little_room(town_of, oracle, change, tmp_path):
    """Infeasible: said with figures, and with the number of stations that enumeration finds to do."""
    case = town_of("distance", 6.0)
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    assert (plan.status, plan.bound, plan.record.rest_status) == ("infeasible", None, "feasible")
    why = plan.record.infeasible
    numbers = range(3, len(case.sites) + 1)
    more = (change(case, objective=case.objective | {"stations": number}) for number in numbers)
    needed = next(other.objective["stations"] for other in more if np.isfinite(least(other, oracle)))
    assert (why.limit, why.limit_needed, why.limit_at_least) == (3, needed, needed)
    assert why.reasons[0] == f"3 new stations cannot have room for all demand; {needed} can, and no less"
    assert "3 stations hold 144 at most" in why.reasons[1]
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert any("not those of the least distance" in line for line in plan.record.warnings)


def test_all_sites_together_have_too_little_room(town_of, tmp_path):
    """No number of stations would do, and none is named."""
    plan = cp.solve(town_of("distance", 2.0).problem(tmp_path), gap=0.0, threads=1)
    why = plan.record.infeasible
    assert (plan.status, why.limit, why.limit_needed) == ("infeasible", None, None)
    assert "too little room: 24 demand points ask for 246 together" in why.reasons[0]
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_what_cannot_be_asked(town_of, change, tmp_path):
    """No room that is stated, more stations than sites, no weight, a backend that cannot split demand."""
    case = town_of("distance", 11.0)
    wrong = {
        "no site states its room": change(case, sites=case.sites.drop(columns="room")),
        "only 9 sites may get a new one": change(case, objective=case.objective | {"stations": 10}),
        "no demand point that is measured has a weight": change(case, demand=case.demand.assign(weight=0.0)),
    }
    for message, other in wrong.items():
        with pytest.raises(cp.InputError, match=message):
            cp.solve(other.problem(tmp_path))
    with pytest.raises(cp.InputError, match="whole shares"):
        cp.solve(case.problem(tmp_path), backend="ortools:cp-sat")


def test_a_table_beyond_memory_is_refused(town_of, tmp_path, monkeypatch):
    """What all pairs take is announced before it is taken: twelve tables of 24 times 9 distances."""
    problem = town_of("distance", 11.0).problem(tmp_path)
    monkeypatch.setattr(memory, "free_memory", lambda: 12 * 8 * 24 * 9 - 1)
    with pytest.raises(cp.InputError, match=r'= "distance": 24 demand points and 9 sites .* more than'):
        cp.solve(problem)


@pytest.mark.parametrize(("each", "code"), [(11.0, 0), (2.0, 3)])
def test_a_folder_is_planned(town_of, each, code, chargeplan, tmp_path):
    """The command plans it, exit 0, and reads the plan back; beyond all room it is exit 3."""
    folder = town_of("distance", each).write(tmp_path / "in")
    done = chargeplan("solve", folder, "-o", "plan", "--json", cwd=tmp_path)
    content = json.loads(done.stdout)
    assert (done.returncode, content["audit"]["agrees"]) == (code, True), done.stderr
    assert content["status"] == {0: "optimal", 3: "infeasible"}[code]
    plan = cp.read_plan(tmp_path / "plan")
    assert check_plan(plan, cp.audit(cp.load(folder), plan.stations)) == ()


@pytest.fixture
def written(town_of, tmp_path):
    """A plan with room: the audit of its stations, its claims, its certificate."""
    plan = cp.solve(town_of("distance", 11.0).problem(tmp_path), gap=0.0, threads=1)
    claims = plan.record.model_dump(mode="json", by_alias=True)
    return audit(plan.problem, plan.open), claims, copy.deepcopy(dict(plan.certificate))


def test_tampered_service_is_refused(written):
    """Who is served in part, from a closed site, beyond a room, or nearer than is true: each is named."""
    report, claims, certificate = written
    assert check_plan(claims, report, certificate) == ()
    for words, service in tampered_services(certificate["service"], report.problem.sites.ids).items():
        found = check_plan(claims, report, certificate | {"service": service})
        assert any(words in line for line in found), (words, found)
    assert any(
        "who serves whom" in line for line in check_plan(claims, report, {**certificate, "service": 1})
    )


def test_a_false_mean_distance_is_found(written):
    """A metre less than those who serve are away, and the mean to the nearest station, are both refused."""
    report, claims, certificate = written
    nearest = float(
        np.average(report.standards[0].distance_m, weights=report.problem.standards[0].points.weight)
    )
    assert nearest < claims["objective"] - 1.0
    for objective in (claims["objective"] - 1.0, nearest):
        found = check_plan(claims | {"objective": objective}, report, certificate)
        assert any("the plan says objective" in line for line in found), found
    few = {"provenance": claims["provenance"], "stations": claims["stations"] | {"total": 2}}
    assert any("2 stations" in line for line in check_plan(claims | few, report, certificate))


def test_tampered_multipliers_are_refused(written):
    """A bolder bound, other multipliers, none, negative ones, another model's: none proves the bound."""
    report, claims, certificate = written
    names = certificate["u"]["near"]["rows"]
    for change in (
        {"bound": certificate["bound"] + 0.01},
        {"scale": certificate["scale"] + 1},
        {"scale": 2000},
        {"u": {"near": {"rows": names, "value": [1 << 50] * len(names)}}},
        {"u": {}},
        {"u": {"near": {"rows": ["d0"], "value": [-1]}}},
        {"u": {"near": {"rows": ["d0"], "value": [1 << 70]}}},
        {"v": {"sites": [], "value": []}},
        {"v": {"sites": ["s0"], "value": [-1]}},
        {"v": {"sites": ["s0"], "value": [1 << 70]}},
        {"v": {"sites": ["nowhere"], "value": [1]}},
        {"v": None},
        {"model": "p-median"},
        {"model": "facility-location"},
    ):
        found = check_plan(claims, report, certificate | change)
        assert any("proves only" in line or "certificate is faulty" in line for line in found), change


def test_any_multipliers_prove_a_true_bound(written):
    """Random multipliers and prices, as the audit adds them up, never prove more than the optimum."""
    report, claims, _ = written
    ids, sites = report.problem.standards[0].points.ids.tolist(), report.problem.sites.ids.tolist()
    rng = np.random.default_rng(8)
    for spread in (10.0, 3_000.0, 20_000.0):
        for price in (0.0, 1.0, 500.0):
            u, v = rng.exponential(spread, len(ids)), rng.exponential(price, len(sites))
            told = {
                "kind": "dual-certificate", "model": "capacitated-p-median", "bound": 0.0, "scale": 10,
                "u": {"near": {"rows": ids, "value": (u * 1024).astype(int).tolist()}},
                "v": {"sites": sites, "value": (v * 1024).astype(int).tolist()},
            }  # fmt: skip
            assert 0 <= allocated_bound(report.problem, told) <= claims["objective"]
