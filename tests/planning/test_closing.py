"""Existing stations kept or closed at a cost: against every set, a plain model in PuLP, and the audit."""

from __future__ import annotations

import json
import math

import geopandas as gpd
import numpy as np
import pytest
from plain_closing import best as best_of_pulp
from small_facilities import Facilities

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.audit.blocks import block_bound
from chargeplan.errors import InputError
from chargeplan.planning import attempts
from chargeplan.planning.cover import cover
from chargeplan.planning.formulate import formulate
from chargeplan.planning.proof import certificate_record
from chargeplan.problem import caveats
from chargeplan.solvers.blocks import BlockBound
from chargeplan.solvers.bounds import lp_certificate, relax
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.solution import Solution

NEAR = {"name": "near", "radius": "1 km"}
AIM = {"name": "wide", "radius": "1500 m", "required": False}


@pytest.fixture(scope="module")
def priced(town_parts, case_of):
    """A town of which about half the sites have stations, with prices in tenths, some equal, some 0."""

    def build(seed, standards, points=14, sites=8, **objective):
        rng = np.random.default_rng([seed, 6])
        stands = rng.random(sites) < 0.55
        keep, close, cost = (rng.integers(0, top, sites) / 10 for top in (60, 40, 50))
        close[rng.random(sites) < 0.2] = math.nan
        status = np.where(stands, "existing", rng.choice(["candidate", "candidate", "required"], sites))
        parts = town_parts(seed, points=points, sites=sites, status=status)
        figures = {"cost": cost, "keep": np.where(stands, keep, math.nan), "close": close}
        layer = parts["sites"].assign(**figures)
        return case_of(demand=parts["demand"], sites=layer, standards=standards, objective=objective)

    return build


def solved(case, folder, **options):
    """The plan of a case, to the optimum."""
    return cp.solve(case.problem(folder), gap=0.0, threads=1, **options)


def agreed(plan):
    """Whether the audit agrees with the plan, as it is written."""
    return plan.record.audit.agrees, plan.record.audit.disagreements


@pytest.mark.parametrize("seed", range(8))
def test_the_cheapest_of_all_sets(priced, oracle, seed, tmp_path):
    """What is built, kept and closed costs the least of all that keeps the standard, in events too."""
    case = priced(seed, [NEAR | {"share": (0.7, 1.0)[seed % 2]}], minimise="cost")
    small, told = oracle(case), []
    least = small.solve()[0]
    plan = solved(case, tmp_path, on_event=told.append)
    assert plan.status == "optimal"
    assert (plan.objective, plan.bound, plan.record.cost) == pytest.approx((least,) * 3, rel=1e-12)
    assert small.spent(plan.open) == pytest.approx(least, rel=1e-12)
    assert [event.best for event in told if event.best is not None][-1] == plan.objective
    assert agreed(plan) == (True, [])


@pytest.mark.parametrize("seed", range(8))
def test_the_most_within_a_budget(priced, oracle, seed, tmp_path):
    """Within what is asked, closing stations that cost more than they serve pays for better ones."""
    whole = oracle(priced(seed, [AIM], maximise="weight", budget=1e9))
    spent = [whole.spent(opened) for opened in whole._choices()]
    case = priced(seed, [AIM], maximise="weight", budget=round(min(spent) + 0.25 * np.ptp(spent), 1))
    small = oracle(case)
    plan = solved(case, tmp_path)
    assert plan.status == "optimal"
    assert (plan.objective, plan.bound) == pytest.approx((small.solve()[0],) * 2, rel=1e-12)
    assert plan.record.cost == pytest.approx(small.spent(plan.open), rel=1e-12)
    assert agreed(plan) == (True, [])


@pytest.mark.parametrize("objective", [{"minimise": "cost"}, {"maximise": "weight", "budget": 40.0}])
def test_a_plain_model_in_pulp_agrees(priced, oracle, objective, tmp_path):
    """At 40 sites and 150 demand points a model written in PuLP has the same optimum."""
    standard = NEAR | {"share": 0.8} if "minimise" in objective else AIM
    case = priced(40, [standard], points=150, sites=40, **objective)
    sites = case.sites.assign(status=case.sites["status"].replace("required", "candidate"))
    case = type(case)(case.demand, sites, case.standards, case.objective)
    small = oracle(case)
    figures = {
        "cost": sites["cost"].tolist(),
        "keep": [None if math.isnan(value) else value for value in sites["keep"]],
        "close": [None if math.isinf(value) else value for value in small.close],
        "weight": case.demand["weight"].tolist(),
        "within": [np.flatnonzero(row).tolist() for row in small.promises[0].within],
        **({"share": 0.8} if "minimise" in objective else {"budget": 40.0}),
    }
    plan = solved(case, tmp_path)
    assert (plan.status, agreed(plan)) == ("optimal", (True, []))
    assert plan.objective == pytest.approx(best_of_pulp(figures), rel=1e-9)
    assert plan.record.stations.closed > 0


@pytest.mark.parametrize("extra", [{"weight_per_charger": 9.0}, {"cost_per_km": 0.05}])
def test_with_room_and_distances(priced, oracle, extra, tmp_path, change):
    """Where it matters who serves whom, a station is closed where its demand is served cheaper elsewhere."""
    case = priced(3, [NEAR | {"radius": "3 km"}], points=10, sites=7, minimise="cost", **extra)
    case = change(case, sites=case.sites.assign(room=[6.0, 5.0, 8.0, 3.0, 9.0, 7.0, 7.0]))
    small = oracle(case)
    promise = small.promises[0]
    cost = promise.metres / 1000 * extra.get("cost_per_km", 0.0) * promise.weight[:, None]
    room = (
        case.sites["room"].to_numpy() * extra["weight_per_charger"] if "weight_per_charger" in extra else None
    )
    facilities = Facilities(np.where(promise.within, cost, np.inf), small.cost, room, promise.weight)
    least = min(
        small.spent(opened) + facilities.served(np.flatnonzero(opened).tolist())
        for opened in small._choices()
    )
    plan = solved(case, tmp_path)
    assert plan.status == "optimal"
    assert (plan.objective, plan.bound) == pytest.approx((least,) * 2, rel=1e-8)
    assert plan.record.stations.closed > 0
    assert agreed(plan) == (True, [])


@pytest.fixture(scope="module")
def written(cases, tmp_path_factory):
    """A plan that closes stations: the problem, plan.json and certificate.json."""
    folder = tmp_path_factory.mktemp("closing")
    plan = solved(cases["closing"](), folder)
    assert (plan.bound_kind, plan.record.stations.closed) == ("dual-certificate", 2)
    plan.write(folder / "plan")
    texts = [
        (folder / "plan" / f"{name}.json").read_text(encoding="utf-8") for name in ("plan", "certificate")
    ]
    return plan, *texts


def found(written, opened=None, certificate=None, **claims):
    """What the audit says of the plan with some of it changed."""
    plan, told, proof = written
    report = audit(plan.problem, plan.open if opened is None else opened)
    return check_plan(json.loads(told) | claims, report, certificate or json.loads(proof))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, ""),
        ({"cost": 9.0}, "cost"),
        ({"objective": 9.0}, "objective"),
        ({"bound": 99.0}, "bound"),
        ({"stations": {"selected": 4, "existing": 3, "closed": 0, "total": 7}}, "closed stations"),
    ],
)
def test_figures_changed_by_hand_are_noticed(written, changed, word):
    """What is closed counts in the cost, the objective and the stations; as written all of it agrees."""
    lines = found(written, **changed)
    assert any(word in line for line in lines) if changed else lines == ()


def test_a_station_that_may_not_be_closed_has_to_be_open(written):
    """Closed without a price for it, it is named; one with a price makes another cost, and no other fault."""
    plan, *_ = written
    sites = plan.problem.sites
    kept = plan.open & (sites.status == "existing") & (sites.keep != sites.close)
    stays, may = (
        np.flatnonzero(kept & which)[0] for which in (np.isinf(sites.close), np.isfinite(sites.close))
    )
    for site, named in ((stays, True), (may, False)):
        opened = plan.open.copy()
        opened[site] = False
        lines = found(written, opened)
        assert (f"site {sites.ids[site]} is existing or required, and not open" in lines) is named
        assert any("the plan says cost is" in line for line in lines)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_multipliers_changed_by_hand_prove_less(written, factor):
    """Neither smaller nor greater multipliers prove the bound."""
    certificate = json.loads(written[2])
    for prices in certificate["u"].values():
        prices["value"] = [int(value * factor) for value in prices["value"]]
    assert any("proves only" in line for line in found(written, certificate=certificate))


@pytest.mark.parametrize("key", ["keep", "close"])
def test_the_certificate_is_of_these_prices(cases, change, written, key, tmp_path):
    """Where keeping or closing costs less than it did, the bound is not proven, and the cost is another."""
    case = cases["closing"]()
    cheaper = change(case, sites=case.sites.assign(**{key: case.sites[key] * 0.5})).problem(tmp_path)
    plan, told, proof = written
    lines = check_plan(json.loads(told), audit(cheaper, plan.open), json.loads(proof))
    assert any("proves only" in line for line in lines)
    assert any("the plan says cost is" in line for line in lines)


def test_blocks_share_what_closing_saves(priced, tmp_path):
    """The audit adds up at least the bound; no site pays more than keeping it costs beyond closing it."""
    problem = priced(38, [NEAR], points=300, sites=60, minimise="cost").problem(tmp_path)
    formulation = formulate(problem, [cover(standard, problem.sites) for standard in problem.standards])
    reduction = reduce(formulation.model)
    relaxation = relax(reduction.model)
    blocks = BlockBound(reduction, relaxation)
    blocks.run(1.0, None, lambda: None)
    proven = Solution(
        "feasible",
        certificate=lp_certificate(reduction, relaxation),
        block_certificate=blocks.certificate(),
    )
    record = certificate_record(problem, formulation, formulation.model, proven)
    told = json.loads(json.dumps(record))["blocks"]
    assert 0.0 < formulation.paid < told["bound"] <= float(block_bound(problem, told))
    assert told["bound"] == pytest.approx(float(block_bound(problem, told)), rel=1e-6)
    sites, shares = problem.sites, told["shares"]
    prices = dict(zip(sites.ids, sites.keep - sites.close, strict=True))
    place = next(k for k, name in enumerate(shares["site"]) if prices[name] > 0.0)
    shares["share"][place] = int(prices[shares["site"][place]] * (1 << told["scale"])) + 2
    with pytest.raises(InputError, match="pays the blocks"):
        block_bound(problem, told)


@pytest.mark.slow
def test_the_command_says_what_is_closed(cases, chargeplan, oracle, tmp_path):
    """Counted in the terminal and in plan.json; sites.geojson has the status, and reading it back agrees."""
    case = cases["closing"]()
    case.write(tmp_path / "scenario")
    done = chargeplan("solve", "scenario", "-o", "plan", "--gap", "0", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert told["stations"]["closed"] == 2
    assert told["stations"]["existing"] == 3
    assert "3 existing, 2 closed" in done.stdout
    small = oracle(case)
    sites = gpd.read_file(tmp_path / "plan" / "sites.geojson")
    assert (sites["status"] == "closed").sum() == 2
    assert told["cost"] == told["objective"] == small.spent(small.mask(sites)) == small.solve()[0]
    again = chargeplan("audit", "scenario", "plan", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_a_budget_too_small_names_the_least(cases, change, oracle, tmp_path):
    """What it takes counts keeping and closing; with that much the standard is met."""
    case = cases["closing within a budget"]()
    strict = [
        standard | {"share": 1.0} if standard["name"] == "most" else standard for standard in case.standards
    ]
    case = change(case, standards=strict)
    least = oracle(case).least_limit()
    plan = solved(case, tmp_path)
    why = plan.record.infeasible
    assert (plan.status, why.limit) == ("infeasible", 11.0)
    assert (why.limit_needed, why.limit_at_least) == pytest.approx((least, least))
    assert agreed(plan) == (True, [])
    assert solved(change(case, objective=case.objective | {"budget": least}), tmp_path).met


def test_a_budget_below_what_stands_is_bad_input(cases, change, tmp_path):
    """What keeping and closing take at least, and the required site, cannot be had for less."""
    case = cases["closing within a budget"]()
    small = change(case, objective=case.objective | {"budget": 1.0})
    with pytest.raises(InputError, match="the required sites and the stations that stand alone take"):
        solved(small, tmp_path)


def test_without_a_plan_nothing_is_closed(cases, tmp_path, monkeypatch):
    """Where the solver finds nothing in its time, what stands stays."""
    monkeypatch.setattr(attempts, "solve", lambda *_, **__: Solution("stopped"))
    plan = solved(cases["closing"](), tmp_path)
    assert (plan.status, plan.objective) == ("stopped", None)
    assert plan.record.stations.closed == 0


def test_where_money_decides_nothing_stations_stay(cases, change, tmp_path):
    """The mean distance with so many new stations: no station is closed, and whoever reads it is told."""
    case = change(cases["closing"](), standards=[AIM], objective={"minimise": "distance", "stations": 2})
    plan = solved(case, tmp_path)
    assert plan.record.stations.closed == 0
    assert (
        plan.record.cost
        == case.sites["keep"].sum() + case.sites["cost"][plan.stations["status"] == "selected"].sum()
    )
    assert any(
        "4 existing stations may be closed at a price, and stay" in line for line in caveats(plan.problem)
    )
    assert agreed(plan) == (True, [])


def test_prices_of_a_table_of_stations(town_parts, tmp_path):
    """`keep` and `close` of [[existing]] hold for all its stations; of [[sites]] a blank close is none."""
    parts = town_parts(1, points=5, sites=3)
    parts["demand"].to_file(tmp_path / "demand.geojson")
    parts["sites"].assign(close=[1.0, None, 2.0], keep=[None, 3.0, 1.0]).to_file(tmp_path / "sites.geojson")
    parts["sites"][["id", "geometry"]].to_file(tmp_path / "old.geojson")
    (tmp_path / "scenario.toml").write_text(
        """\
schema = 1
name = "priced"
objective = { minimise = "cost" }
demand = [{ name = "people", file = "demand.geojson" }]
sites = [{ name = "lots", file = "sites.geojson", status = "existing" }]
existing = [{ name = "old", file = "old.geojson", source = "table", keep = 2.5, close = 0.5 }]
standards = [{ name = "all", demand = "people", radius = "5 km" }]
""",
        encoding="utf-8",
    )
    sites = cp.load(tmp_path / "scenario.toml").sites
    old = np.char.startswith(sites.ids.astype(str), "old")
    assert (sites.keep[old].tolist(), sites.close[old].tolist()) == ([2.5] * 3, [0.5] * 3)
    assert (sites.keep[~old].tolist(), sites.close[~old].tolist()) == ([0.0, 3.0, 1.0], [1.0, math.inf, 2.0])
