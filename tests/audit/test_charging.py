"""The audit counts chargers again, and refuses whatever a plan says of them that is not so."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point

import chargeplan as cp
from chargeplan.audit import audit, check_plan
from chargeplan.audit.charging import waiting_chance
from chargeplan.kernels import wait_exceeds

CHARGERS = [
    {"type": "slow", "kw": 7.0, "cost": 0.3, "load_share": 0.4, "stay": "3 h", "mean_kw": 6.0},
    {"type": "fast", "kw": 120.0, "cost": 6.0, "load_share": 0.6, "stay": "40 min", "mean_kw": 50.0},
    {"type": "home", "kw": 7.0, "at": "homes"},
]
SIZING = {"kwh": 0.06, "peak_share": 0.1, "wait": "10 min", "vehicles": 0.05}
MIX = [
    {"type": "fast", "at_least": 12, "new": True},
    {"type": "slow", "share": 0.5},
    {"type": "home", "total": 100},
    {"at_most": 400},
    {"type": "fast", "at_least": 4, "district": "north"},
]


def layer(rng, count, columns) -> gpd.GeoDataFrame:
    places = np.round(np.array([113.0, 28.0]) + rng.uniform(0, 0.05, (count, 2)), 7)
    table = {"id": [f"{columns['of']}{at}" for at in range(count)], "geometry": [Point(*xy) for xy in places]}
    table["district"] = np.where(places[:, 1] > 28.025, "north", "south")
    return gpd.GeoDataFrame(table | columns["more"], crs=4326)


def problem(periods: list[dict[str, object]] | None = None, **sizing: object) -> cp.Problem:
    rng = np.random.default_rng(1)
    demand = layer(rng, 60, {"of": "d", "more": {"weight": rng.integers(100, 3000, 60)}})
    status = np.where(np.arange(30) < 3, "existing", "candidate")
    more = {"status": status, "room": rng.integers(15, 40, 30), "cost": rng.integers(1, 9, 30)}
    more |= {"chargers_slow": np.where(np.arange(30) < 3, 2, 0), "chargers_fast": np.zeros(30, int)}
    sites = layer(rng, 30, {"of": "s", "more": more})
    return cp.Problem(
        demand=demand, sites=sites, standards=[{"radius": "2 km"}], objective={"minimise": "cost"},
        chargers=CHARGERS, mix=MIX, sizing={**SIZING, **sizing}, solve={"work_limit": 2.0},
        **({"periods": periods} if periods else {}),
    )  # fmt: skip


@pytest.fixture(scope="module", params=["nearest", "balanced"])
def plan(request) -> cp.Plan:
    return cp.solve(problem(assignment=request.param))


def test_the_audit_agrees(plan) -> None:
    """With chargers that stand, rules of all kinds, and who charges where decided either way."""
    assert plan.record.audit.agrees, plan.record.audit.disagreements
    sizing = plan.record.sizing
    assert sizing.met
    assert sizing.standing == {"slow": 6, "fast": 0}
    assert sizing.homes == {"home": 100}
    assert plan.record.chargers["slow"] >= 0.5 * (plan.record.chargers["slow"] + plan.record.chargers["fast"])
    assert 0.0 < sizing.worst_chance <= 0.1
    assert {"north", "south"} == sizing.districts.keys()
    assert sum(each.chargers["home"] for each in sizing.districts.values()) == 100


def disagreements(plan: cp.Plan, **changes: object) -> tuple[str, ...]:
    changed = replace(plan, **changes)
    return check_plan(changed, audit(plan.problem, plan.open))


def with_sizing(plan: cp.Plan, **figures: object) -> dict[str, object]:
    sizing = plan.record.sizing.model_copy(update=figures)
    return {"record": plan.record.model_copy(update={"sizing": sizing})}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"cost": 1.0}, "chargers cost 1.0"),
        ({"new": {"slow": 1, "fast": 1}}, "counts 1 new"),
        ({"standing": {"slow": 0, "fast": 0}}, "0 standing chargers of type slow"),
        ({"load_kw": 1.0}, "the load is 1.0 kW"),
        ({"worst_chance": 0.001}, "0.001 is the greatest chance"),
        ({"homes": {"home": 99}}, "chargers of type home at homes"),
        ({"rules": []}, "0 rules of [[mix]]"),
        ({"required": False}, "required of [sizing] is False"),
        ({"chance": 0.5}, "chance of [sizing] is 0.5"),
        ({"lost_kw": 9.0}, "9.0 kW reach no station"),
        ({"met": False}, "says that chargers are missing"),
    ],
)
def test_wrong_figures_are_refused(plan, figures, words) -> None:
    """Each figure of plan.json is found again."""
    assert any(words in line for line in disagreements(plan, **with_sizing(plan, **figures)))


def test_wrong_rules_and_districts_are_refused(plan) -> None:
    """A rule that is said to be kept, and a district's chargers."""
    rules = [plan.record.sizing.rules[0].model_copy(update={"chargers": 450}), *plan.record.sizing.rules[1:]]
    assert any("450" in line for line in disagreements(plan, **with_sizing(plan, rules=rules)))
    districts = dict(plan.record.sizing.districts)
    north = districts["north"]
    districts["north"] = north.model_copy(update={"chargers": {**north.chargers, "fast": 77}})
    assert any("77" in line for line in disagreements(plan, **with_sizing(plan, districts=districts)))


def test_a_plan_that_says_nothing_of_chargers_is_refused(plan) -> None:
    record = plan.record.model_copy(update={"sizing": None, "chargers": {}})
    assert any("says nothing of the chargers" in line for line in disagreements(plan, record=record))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda count, opened: np.where(opened, count + 50, count), "chargers and room for"),
        (lambda count, opened: np.where(opened, count, 1), "has chargers, and no station"),
        (lambda count, _: np.zeros_like(count), "stations have too few chargers"),
        (lambda count, _: count + 0.5, "something else than whole numbers"),
    ],
)
def test_wrong_tables_are_refused(plan, change, words) -> None:
    """The numbers of the table of sites are what is counted."""
    columns = dict(plan.site_columns)
    columns["chargers_fast"] = change(columns["chargers_fast"], plan.open)
    assert any(words in line for line in disagreements(plan, site_columns=columns))


def test_a_missing_column_is_refused(plan) -> None:
    columns = {name: values for name, values in plan.site_columns.items() if name != "chargers_slow"}
    assert any("no column chargers_slow" in line for line in disagreements(plan, site_columns=columns))


@pytest.mark.parametrize("column", ["load_kw", "wait_chance"])
def test_wrong_loads_and_waits_of_the_table_are_refused(plan, column) -> None:
    """Whoever opens the table of sites alone reads them."""
    columns = {**plan.site_columns, column: np.zeros(plan.open.size)}
    assert any(f"says {column} is 0" in line for line in disagreements(plan, site_columns=columns))


def test_who_charges_nowhere_is_refused(plan) -> None:
    """Certificate.json says less of who charges where, and plan.json calls that lost."""
    told, sizing = plan.certificate.get("charging"), plan.record.sizing
    first = {"demand": ["d0"], "station": [str(plan.problem.sites.ids[plan.open][0])], "share": [1.0]}
    cut = first if told is None else {key: values[len(values) // 2 :] for key, values in told.items()}
    certificate = {**plan.certificate, "charging": cut}
    changes = with_sizing(plan, lost_kw=sizing.load_kw / 2)
    assert any("reach no station" in line for line in disagreements(plan, **changes, certificate=certificate))
    if told is None:
        assert disagreements(plan, certificate=certificate) == ()
    else:
        said = disagreements(plan, certificate=certificate)
        assert any("charge nowhere" in line for line in said), said


def test_charging_where_there_is_nothing_is_refused() -> None:
    """Who charges where is checked: at open stations, and no more than everything."""
    plan = cp.solve(problem(assignment="balanced"))
    told = plan.certificate["charging"]
    closed = str(plan.problem.sites.ids[~plan.open][0])
    moved = {**told, "station": [closed, *told["station"][1:]]}
    doubled = {**told, "share": [2.0, *told["share"][1:]]}
    for charging, words in ((moved, "where no station is"), (doubled, "more than all of its energy")):
        certificate = {**plan.certificate, "charging": charging}
        assert any(words in line for line in disagreements(plan, certificate=certificate))


def test_charging_beyond_the_radius_is_refused() -> None:
    """Who has a station within the radius charges within it."""
    plan = cp.solve(problem(assignment="balanced"))
    told, asked = plan.certificate["charging"], plan.problem
    apart = cp.kernels.distance_matrix(asked.standards[0].points.positions, asked.sites.positions)
    point, site = np.unravel_index(np.where(plan.open[None, :], apart, 0.0).argmax(), apart.shape)
    name = str(asked.standards[0].points.ids[point])
    moved = [
        str(asked.sites.ids[site]) if each == name else station
        for each, station in zip(told["demand"], told["station"], strict=True)
    ]
    certificate = {**plan.certificate, "charging": {**told, "station": moved}}
    assert any("beyond the radius" in line for line in disagreements(plan, certificate=certificate))


def test_waits_agree_with_the_kernel() -> None:
    """Two formulas for one queue."""
    rng = np.random.default_rng(5)
    load = rng.uniform(0, 400, 500)
    chargers = np.floor(load + rng.uniform(-1, 30, 500)).clip(0).astype(np.int64)
    for patience in (0.0, 0.25, 3.0):
        expected = wait_exceeds(load, chargers, 1.0, patience)
        np.testing.assert_allclose(waiting_chance(load, chargers, patience), expected, rtol=1e-9, atol=1e-300)


@pytest.fixture(scope="module")
def phased() -> cp.Plan:
    """Three years: the load doubles, and the rules are due at the end."""
    years = [{"name": "1", "growth": 1.0}, {"name": "2", "growth": 1.4}, {"name": "3", "growth": 2.0}]
    years[0]["shares"] = {"standard-1": 0.4}
    years[1]["shares"] = {"standard-1": 0.7}
    return cp.solve(problem(periods=years))


def test_chargers_are_built_year_by_year(phased) -> None:
    """What was built stays, the load grows, and the last year has what the table of sites says."""
    assert phased.record.audit.agrees, phased.record.audit.disagreements
    years = phased.record.periods
    loads = [year.load_kw for year in years]
    assert loads == pytest.approx([loads[0], 1.4 * loads[0], 2.0 * loads[0]])
    for name in ("slow", "fast"):
        counts = [year.chargers[name] for year in years]
        assert counts == sorted(counts)
        assert counts[-1] == phased.record.chargers[name]
    assert sum(year.chargers_cost for year in years) == pytest.approx(phased.record.sizing.cost)
    assert years[-1].chargers_short == phased.record.sizing.chargers_short


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chargers": {"slow": 999, "fast": 0}}, "become fewer"),
        ({"chargers_cost": 1e6}, "the periods' chargers cost"),
    ],
)
def test_wrong_years_are_refused(phased, change, words) -> None:
    years = [phased.record.periods[0].model_copy(update=change), *phased.record.periods[1:]]
    record = phased.record.model_copy(update={"periods": years})
    said = disagreements(phased, record=record)
    assert any(words in line for line in said), said
