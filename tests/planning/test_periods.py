"""Stations over several years: planned, written, audited, and why where that cannot be."""

from __future__ import annotations

import itertools
import json
from functools import partial
from importlib.resources import files

import geopandas as gpd
import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.errors import InputError

YEARS = [
    {"name": "2026", "budget": 3.0, "shares": {"urban": 0.3}},
    {"name": "2027", "budget": 5.0, "growth": 1.2, "shares": {"urban": 0.5}},
    {"name": "2028", "budget": 20.0, "growth": 1.5},
]
PHASING = {"discount": 0.05}


@pytest.fixture(scope="module")
def phased(cases, tmp_path_factory):
    """Make a problem of a case and periods."""

    def phased(name="cost", periods=YEARS, phasing=PHASING, **tables):
        problem = cases[name]().problem(tmp_path_factory.mktemp("case"))
        return problem.replace(periods=periods, phasing=phasing, **tables)

    return phased


@pytest.fixture(scope="module")
def written(phased, tmp_path_factory):
    """A plan of the town in three years: the problem, its plan, and the folder."""
    folder = tmp_path_factory.mktemp("plan")
    problem = phased()
    plan = cp.solve(problem, gap=0.0, threads=1)
    plan.write(folder)
    return problem, plan, folder


def _cheapest(problem):
    """The least discounted cost of all choices of a period for every site; measured by the audit alone."""
    sites, periods = problem.sites, problem.scenario.periods
    courses = np.array(list(itertools.product(range(len(periods) + 1), repeat=len(sites))))
    spent = np.stack([(courses == t) @ sites.cost for t in range(len(periods))], axis=1)
    courses = courses[(spent <= [period.budget for period in periods]).all(axis=1)]
    price = 0.95 ** np.arange(len(periods) + 1) * (np.arange(len(periods) + 1) < len(periods))
    cost = (price[courses] * sites.cost).sum(axis=1)
    measured = {}
    for choice in np.argsort(cost, kind="stable"):
        if _keeps(problem, courses[choice], measured):
            return cost[choice]
    return None


def _keeps(problem, begins, measured):
    """Whether stations that open then keep every share, and the standard in the end."""
    for t, period in enumerate(problem.scenario.periods):
        opened = begins <= t
        key = opened.tobytes()
        if key not in measured:
            measured[key] = audit(problem, opened).standards[0]
        found = measured[key]
        if found.share < period.shares.get("urban", 0.0) - 1e-12:
            return False
    return found.met


def test_a_small_town_is_built_at_the_least_cost(written):
    """Every choice of a year for every site is tried; the audit agrees with every figure."""
    problem, plan, _ = written
    assert (plan.status, plan.met) == ("optimal", True)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert plan.objective == pytest.approx(_cheapest(problem))
    for period, asked in zip(plan.record.periods, problem.scenario.periods, strict=True):
        assert period.spent <= asked.budget
        assert period.standards["urban"].met in (True, None)
    opened = [name for period in plan.record.periods for name in period.opened]
    assert len(opened) == len(set(opened)) == plan.record.stations.selected
    assert plan.record.periods[-1].stations_open == plan.record.stations.total
    assert plan.record.periods[-1].standards["urban"].asked == 1.0


def test_the_folder_says_when(written):
    """Every selected site has its period, every period a map of its own; the schema holds."""
    jsonschema = pytest.importorskip("jsonschema")
    _, plan, folder = written
    content = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert {"map.png", "map-2026.png", "map-2027.png", "map-2028.png"} <= set(content["files"])
    assert (folder / "map-2027.png").read_bytes().startswith(b"\x89PNG")
    schema = json.loads(files("chargeplan.plan").joinpath("plan.schema.json").read_text(encoding="utf-8"))
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(content))
    sites = gpd.read_file(folder / "sites.geojson")
    chosen = sites["status"] == "selected"
    assert sites.loc[~chosen, "period"].isna().all()
    told = {name: period["name"] for period in content["periods"] for name in period["opened"]}
    assert dict(zip(sites.loc[chosen, "id"], sites.loc[chosen, "period"], strict=True)) == told
    assert "2027: " in plan.summary()


def test_a_folder_read_back_is_agreed_with(written):
    """The audit of the folder's own stations finds what plan.json says, period by period."""
    problem, _, folder = written
    plan = cp.read_plan(folder)
    assert check_plan(plan, audit(problem, plan.stations)) == ()


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [
        ("0 spent", 2.5, "spent"),
        ("0 budget", 9.0, "budget"),
        ("1 growth", 1.0, "growth"),
        ("1 carried", 1.0, "carried"),
        ("1 stations_open", 9, "stations_open"),
        ("1 stations_opened", 9, "stations_opened"),
        ("0 standards urban share", 0.9, "share"),
        ("0 standards urban weight_covered", 1.0, "weight_covered"),
        ("0 standards urban asked", 0.1, "asked"),
        ("2 standards urban met", False, "met"),
        ("1 name", "2031", "periods"),
        ("2 closed", "s0 s1 s2 s3 s4 s5 s6 s7 s8", "closes"),
        ("2 opened", "s0 s1 s2 s3 s4 s5 s6 s7 s8", "is open already"),
        ("0 opened", "s0 s1 s2 s3 s4 s5 s6 s7 s8", "budget"),
        ("2 opened", "", "end of the last period"),
        ("1 opened", "nowhere", "none of the scenario's sites"),
    ],
)
def test_whatever_is_changed_by_hand_is_noticed(written, place, value, word):
    """A figure, a budget, a name, a station that opens in another year."""
    problem, plan, _ = written
    claims = plan.record.model_dump(mode="json", by_alias=True)
    *way, last = place.split()
    part = claims["periods"]
    for key in way:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[last] = value.split() if last in {"opened", "closed"} else value
    found = check_plan(claims, audit(problem, plan.open), plan.certificate)
    assert any(word in line for line in found), found


def test_another_year_in_the_table_of_sites_is_noticed(written):
    """And an objective that is not the discounted cost."""
    problem, plan, folder = written
    report = audit(problem, plan.open)
    back = cp.read_plan(folder)
    table = back.stations
    site = int(np.flatnonzero(table["status"] == "selected")[0])
    table.loc[site, "period"] = "2031"
    assert any("table of sites" in line for line in check_plan(back, report))
    claims = plan.record.model_dump(mode="json", by_alias=True) | {"objective": plan.record.cost}
    assert any("objective" in line for line in check_plan(claims, report, plan.certificate))


def test_without_discount_the_last_period_proves_the_whole(cases, phased, tmp_path):
    """What the stations cost in the end is the objective; they open as early as the budgets let them."""
    plain = cp.solve(cases["cost"]().problem(tmp_path), gap=0.0, threads=1)
    plan = cp.solve(phased(phasing={"carry_over": True}), gap=0.0, threads=1)
    assert (plan.status, plan.objective) == ("optimal", pytest.approx(plain.objective))
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    early, late = plan.record.periods[1], cp.solve(phased(), gap=0.0, threads=1).record.periods[1]
    assert early.standards["urban"].share >= late.standards["urban"].share


def test_weight_is_served_early(phased):
    """Most weight of an aim over the years, with a budget for all of them beside each one's own."""
    aim = [{"name": "urban", "radius": "1 km", "strict": True, "required": False}]
    years = [{key: each[key] for key in each if key != "shares"} for each in YEARS]
    objective = {"maximise": "weight", "budget": 9.0}
    plan = cp.solve(phased(standards=aim, objective=objective, periods=years), gap=0.0, threads=1)
    assert (plan.status, plan.record.audit.disagreements) == ("optimal", [])
    weights = [period.standards["urban"].weight_covered for period in plan.record.periods]
    assert plan.objective == pytest.approx(sum(0.95**t * weight for t, weight in enumerate(weights)))
    assert sum(period.spent for period in plan.record.periods) <= 9.0


@pytest.mark.parametrize("carry", [False, True])
def test_too_little_money_is_explained(phased, carry):
    """By the end of which year, how much there is, and what would do; the rest is planned within it."""
    years = [dict(YEARS[0], budget=2.0), dict(YEARS[1], budget=1.0), dict(YEARS[2], budget=1.0)]
    plan = cp.solve(phased(periods=years, phasing={"carry_over": carry}), gap=0.0, threads=1)
    assert (plan.status, plan.bound, plan.met) == ("infeasible", None, False)
    assert any("by the end of 2028 4 may be spent" in reason for reason in plan.record.infeasible.reasons)
    assert all(reason.endswith("and no less") for reason in plan.record.infeasible.reasons)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    assert sum(period.spent for period in plan.record.periods) <= 4.0


def test_budgets_that_fit_no_order_are_explained(phased):
    """There is money enough in all, but no year can pay any station; how much more would do is said."""
    cheap = {"name": "urban", "radius": "1 km", "strict": True, "share": 0.3}
    years = [{"name": name, "budget": 0.4} for name in map(str, range(2026, 2036))]
    plan = cp.solve(phased(standards=[cheap], periods=years, phasing={}), gap=0.0, threads=1)
    (reason,) = plan.record.infeasible.reasons
    assert reason.startswith("no order of opening keeps every budget")
    factor = float(reason.split("budgets ")[1].split()[0])
    wider = [dict(year, budget=0.4 * factor * 1.001) for year in years]
    assert cp.solve(phased(standards=[cheap], periods=wider, phasing={}), gap=0.0).status == "optimal"


def test_a_share_out_of_reach_is_explained(cases, out_of_reach, tmp_path):
    """The far point is due in the last year: what cannot be is said as without years."""
    problem = out_of_reach.problem(tmp_path).replace(periods=YEARS)
    plan = cp.solve(problem, gap=0.0, threads=1)
    assert (plan.status, plan.record.infeasible.uncoverable) == ("infeasible", {"urban": 1})
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_required_sites_that_cost_too_much_are_refused(phased):
    """More than all budgets together hold."""
    problem = phased("states", periods=[{"name": "2026", "budget": 0.0}], phasing=None)
    with pytest.raises(InputError, match="the required sites alone take"):
        cp.solve(problem, threads=1)


@pytest.fixture
def run(chargeplan, tmp_path):
    """Run a command of chargeplan beside a scenario folder."""
    return partial(chargeplan, cwd=tmp_path)


def _with_years(folder, years, phasing=""):
    lines = [
        f'[[periods]]\nname = "{year["name"]}"\nbudget = {year["budget"]}\ngrowth = {year.get("growth", 1.0)}'
        f"\nshares = {{ urban = {year['shares']['urban']} }}\n"
        if "shares" in year
        else f'[[periods]]\nname = "{year["name"]}"\nbudget = {year["budget"]}\n'
        for year in years
    ]
    file = folder / "scenario.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n".join([*lines, phasing]), encoding="utf-8")


def test_the_command_line_plans_years(cases, run, tmp_path):
    """Exit 0 and a table of periods; the folder is audited: exit 0; a changed plan.json is exit 2."""
    folder = cases["cost"]().write(tmp_path / "scenario")
    _with_years(folder, YEARS, "[phasing]\ndiscount = 0.05\n")
    done = run("solve", "scenario", "-o", "plan", "--gap", "0", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "Period" in done.stdout
    assert "2027" in done.stdout
    assert "map-2028.png" in done.stdout
    assert run("audit", "scenario", "plan").returncode == 0
    file = tmp_path / "plan" / "plan.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["periods"][0]["spent"] -= 0.25
    file.write_text(json.dumps(content), encoding="utf-8")
    refused = run("audit", "scenario", "plan")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "the plan says spent is" in " ".join(refused.stderr.split())


def test_budgets_that_do_not_do_are_exit_3(cases, run, tmp_path):
    """With the reason on stdout, and a plan for the rest."""
    folder = cases["cost"]().write(tmp_path / "scenario")
    _with_years(folder, [dict(year, budget=1.0) for year in YEARS])
    done = run("solve", "scenario", "-o", "plan", "--threads", "1")
    assert done.returncode == 3, done.stderr
    assert "too little for what is asked by then" in " ".join(done.stdout.split())
    assert (tmp_path / "plan" / "map-2026.png").exists()
