"""Chargers, mixes, sizing, grid and periods: what may be asked, what stands already, and every fault."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod
from shapely import Point

from chargeplan.errors import InputError
from chargeplan.problem import Problem
from chargeplan.scenario import MixRule, Scenario

GEOD = Geod(ellps="WGS84")
UNASKED = "[[chargers]]: no [[mix]] and no [sizing] says how many; none are planned"
FAST = {"type": "fast", "kw": 120}
SLOW = {"type": "slow", "kw": 7}
HOME = {"type": "home", "kw": 7, "at": "homes"}
LOADED = {"type": "fast", "kw": 120, "load_share": 1.0, "stay": "30 min"}
PERIODS = [{"name": "2026"}, {"name": "2027"}]


def faults(call, *args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return [str(fault).removeprefix("scenario: ") for fault in error.value.faults]


def test_what_may_be_asked(region) -> None:
    """All tables together, with what they mean in numbers."""
    region.write("grid.csv", "id,lon,lat,spare_kw\nA,113,28,500\n")
    scenario = region.scenario(
        chargers=[
            {**FAST, "cost": 6, "load_share": 0.4, "stay": "30 min", "mean_kw": 80},
            {**SLOW, "load_share": 0.6, "stay": "4 h"},
            HOME,
        ],
        mix=[
            {"type": "fast", "at_least": 450, "new": True},
            {"type": "slow", "share": 0.7, "district": "Yuhu"},
            {"total": 2000, "tolerance": 0.05},
        ],
        sizing={"kwh": 0.5, "wait": "10 min", "vehicles": 0.02},
        grid={"file": "grid.csv", "simultaneity": 0.6},
        periods=[{"name": "2026", "budget": 5, "shares": {"urban": 0.5}}, {"name": "2027", "budget": 9}],
        phasing={"carry_over": True, "discount": 0.03},
    )
    fast, slow, home = scenario.chargers
    assert (fast.stay_s, slow.stay_s, home.stay_s) == (1800.0, 14400.0, None)
    assert [each.at_stations for each in scenario.chargers] == [True, True, False]
    assert (scenario.sizing.wait_s, scenario.sizing.least, scenario.sizing.chance) == (600.0, 1, 0.1)
    assert scenario.periods[1].growth == 1.0
    assert Scenario.parse(scenario.tables(), region.folder) == scenario


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ({"at_least": 450}, (450, np.inf)),
        ({"at_most": 5}, (0, 5)),
        ({"at_least": 3, "at_most": 3}, (3, 3)),
        ({"share": 0.7, "type": "slow"}, (0, np.inf)),
        ({"total": 12}, (12, 12)),
        ({"total": 200_000, "tolerance": 0.05}, (190_000, 210_000)),
        ({"total": 10, "tolerance": 0.1}, (9, 11)),
        ({"total": 1000, "tolerance": 0.001}, (999, 1001)),  # 1000.9999999999999 in floating point
        ({"total": 1000, "tolerance": 0.999}, (1, 1999)),  # 1.0000000000000009
        ({"total": 10, "tolerance": 0.04}, (10, 10)),
    ],
)
def test_limits_of_a_rule(rule, limits) -> None:
    """They are whole numbers; about a total means as far from it as the tolerance is written."""
    parsed = MixRule.model_validate(rule)
    assert (parsed.least, parsed.most) == limits


@pytest.mark.parametrize(
    ("table", "item", "message"),
    [
        ("chargers", {"type": "fast"}, "[[chargers]] 1 (fast), kw: is missing"),
        ("chargers", {**FAST, "type": ["fast"]}, "[[chargers]] 1, type: input should be a valid string"),
        ("chargers", {**LOADED, "load_share": 10**400}, "(fast), load_share: input should be a"),
        ("chargers", {**FAST, "kw": 0}, "[[chargers]] 1 (fast), kw: input should be greater than 0, not 0"),
        ("chargers", {**FAST, "at": "home"}, "at: input should be 'stations' or 'homes', not 'home'"),
        ("chargers", {**FAST, "stay": 30}, "stay: '30' is not a number with a unit (s, min, h), such as"),
        ("chargers", {**FAST, "mean_kw": 130}, "(fast): mean_kw = 130 is more than kw = 120"),
        ("chargers", {**HOME, "stay": "1 h", "mean_kw": 3}, "stay, mean_kw: for chargers at stations"),
        ("mix", {"type": "fast"}, "[[mix]] 1 (fast): needs at_least, at_most, total or share"),
        ("mix", {"at_least": 3, "total": 4}, "total takes no at_least and no at_most beside it"),
        ("mix", {"at_least": 3, "tolerance": 0.1}, "tolerance is for total"),
        ("mix", {"at_least": 3, "at_most": 2}, "at_least = 3 is more than at_most = 2"),
        ("mix", {"share": 0.5}, "share needs the type whose share it is"),
        ("mix", {"at_least": 10**400}, "at_least: input should be less than or equal to 1000000000"),
        ("mix", {"total": 10**400}, "total: input should be less than or equal to 1000000000"),
        ("sizing", {"wait": "5 min"}, "[sizing]: wait: only with kwh; without a load nobody waits"),
        ("sizing", {"chance": 0.2, "assignment": "balanced"}, "chance, assignment: only with kwh"),
        ("sizing", {"chance": 1.0}, "[sizing], chance: input should be less than 1, not 1.0"),
        ("sizing", {"kwh": 1, "wait": "0 min"}, "'0 min' is not a positive, finite length of way or time"),
        ("sizing", {"waits": "5 min"}, "[sizing], waits: unknown key; did you mean wait?"),
        ("grid", {}, "[grid], file: is missing"),
        ("grid", {"file": "g.csv", "spare_kw": -1}, "spare_kw: -1 is neither the name of a column nor"),
        ("grid", {"file": "g.csv", "spare_kw": 10**400}, "0 is neither the name of a column nor"),
        ("grid", {"file": "g.csv", "simultaneity": 0.0}, "simultaneity: input should be greater than 0"),
        ("periods", {"name": 2026}, "[[periods]] 1, name: input should be a valid string, not 2026"),
        ("periods", {"name": "2026", "shares": {"urban": 2}}, "shares, urban: input should be less than or"),
        ("phasing", {"discount": 1.0}, "[phasing], discount: input should be less than 1, not 1.0"),
    ],
)
def test_keys_that_are_wrong(region, table, item, message) -> None:
    """What cannot be meant is refused, with its place."""
    given = {"chargers": [FAST], "periods": PERIODS}
    given[table] = item if table in ("sizing", "grid", "phasing") else [item]
    assert message in "\n".join(faults(region.scenario, **given))


@pytest.mark.parametrize(
    ("tables", "messages"),
    [
        (
            {"mix": [{"at_least": 3}, {"type": "fast", "at_least": 3}], "sizing": {}, "grid": {"file": "g"}},
            [
                "[sizing]: there are no [[chargers]]",
                "[grid]: there are no [[chargers]]",
                "[[mix]] 1: there are no [[chargers]]",
                "[[mix]] 2, type: there are no [[chargers]] of type 'fast'",
            ],
        ),
        ({"chargers": [FAST, FAST]}, ["[[chargers]]: 2 are called 'fast'"]),
        (
            {"chargers": [FAST, HOME], "mix": [{"type": "home", "share": 0.5, "district": "Yuhu"}]},
            [
                "[[mix]] 1, share: 'home' is at homes; shares are those of the chargers at stations",
                "[[mix]] 1, district: 'home' is at homes; homes are given to districts by their demand",
            ],
        ),
        (
            {
                "chargers": [FAST, SLOW],
                "mix": [
                    {"type": "fast", "share": 0.5},
                    {"type": "slow", "share": 0.6},
                    {"type": "slow", "share": 0.4, "district": "Yuhu"},
                    {"type": "fast", "share": 0.4, "district": "Yuhu"},
                    {"type": "slow", "share": 0.9, "new": True},
                ],
            },
            ["[[mix]], share: those of fast, slow add up to 1.1, which is more than 1"],
        ),
        (
            {"chargers": [HOME], "sizing": {}},
            ["[sizing]: all [[chargers]] are at homes, so there is nothing"],
        ),
        (
            {"chargers": [LOADED]},
            ["[[chargers]] 1 (fast), load_share: [sizing] states no kwh to be shared"],
        ),
        (
            {"chargers": [{**LOADED, "load_share": 0.5}, SLOW], "sizing": {"kwh": 1}},
            ["[[chargers]], load_share: the parts at stations add up to 0.5, not to 1"],
        ),
        (
            {"chargers": [FAST], "sizing": {"kwh": 1}},
            ["load_share: the parts at stations add up to 0, not to"],
        ),
        (
            {"chargers": [SLOW, {**FAST, "load_share": 1}], "sizing": {"kwh": 1, "wait": "1 min"}},
            ["[[chargers]] 2 (fast), stay: is missing; [sizing] wait needs it"],
        ),
        (
            {"chargers": [LOADED], "sizing": {"kwh": 1, "standard": "rural"}},
            ["[sizing], standard: there is no standard on a demand layer called 'rural'"],
        ),
        (
            {
                "chargers": [LOADED],
                "sizing": {"kwh": 1, "vehicles": 2},
                "standards": [{"name": x, "demand": "people", "radius": "1 km"} for x in "abc"],
            },
            ["[sizing], standard: 3 are on demand layers; say whose demand points charge"],
        ),
        (
            {
                "chargers": [LOADED],
                "sizing": {"kwh": 1, "vehicles": 2},
                "corridors": [{"name": "roads", "file": "roads.csv"}],
                "standards": [{"name": "far", "corridor": "roads", "radius": "50 km"}],
            },
            [
                "[sizing], kwh: no standard is on a demand layer, so there is nobody who charges",
                "[sizing], vehicles: no standard is on a demand layer, so there is nobody who charges",
            ],
        ),
        (
            {
                "chargers": [FAST],
                "sizing": {"joint": True},
                "objective": {"minimise": "stations", "weight_per_charger": 3.0},
                "periods": PERIODS,
            },
            [
                '[sizing], joint: sites and chargers are decided together for minimise = "cost" only',
                "[sizing], joint: decides who charges where; [objective] weight_per_charger does not go with",
                "[sizing], joint: does not go with [[periods]]: chargers are sized after siting, year by",
                '[[periods]]: periods are for minimise = "cost" and maximise = "weight"',
                "[[periods]]: [objective] weight_per_charger does not go with periods",
            ],
        ),
        (
            {"sites": [{"name": "places", "file": "sites.csv", "substation": "s"}]},
            ["[[sites]] 1 (places), substation: there is no [grid]"],
        ),
        ({"phasing": {}}, ["[phasing]: there are no [[periods]]"]),
        ({"periods": [*PERIODS, *PERIODS[:1]]}, ["[[periods]]: 2 are called '2026'"]),
        (
            {"periods": [{"name": "2026", "budget": 3}, {"name": "2027"}], "phasing": {"carry_over": True}},
            ["[phasing], carry_over: needs a budget in every period; without one: 2027"],
        ),
        (
            {
                "standards": [
                    {"name": "urban", "demand": "people", "radius": "1 km", "share": 0.9},
                    {"name": "aim", "demand": "people", "radius": "1 km", "required": False},
                ],
                "periods": [
                    {"name": "a", "shares": {"rural": 0.5, "urban": 0.95, "aim": 0.5}},
                    {"name": "b", "shares": {"urban": 0.9}},
                    {"name": "c", "shares": {"urban": 0.5}},
                ],
            },
            [
                "[[periods]] 1 (a), shares: there is no standard called 'rural'",
                "[[periods]] 1 (a), shares: 0.95 of 'urban' is more than its own share, 0.9",
                "[[periods]] 1 (a), shares: 'aim' is an aim; shares are those of required standards",
                "[[periods]] 3 (c), shares: 0.5 of 'urban' is less than its own share, 0.9, which is due by",
            ],
        ),
    ],
)
def test_what_does_not_go_together(region, tables, messages) -> None:
    """Rules between the tables: every broken one is said, once, and nothing else."""
    said = faults(region.scenario, **tables)
    assert len(said) == len(messages), said
    assert all(any(message in line for line in said) for message in messages), said


def test_all_faults_in_one_message(region) -> None:
    """Those of tables, between tables and in layers arrive together."""
    region.write("sites.csv", "id,lon,lat,status,substation,chargers_fast\np,113,28,existing,Z,2.5\n")
    region.write("grid.csv", "id,lon,lat,spare_kw\nA,113,28,500\n")
    region.write("grid2.csv", "id,lon,lat,spare_kw\nA,113,28,-5\nA,113,28.1,much\n")
    text = """
schema = 1
name = "region"
[[demand]]
name = "people"
file = "demand.csv"
[[sites]]
name = "places"
file = "sites.csv"
[[standards]]
name = "urban"
demand = "people"
radius = "1 km"
[objective]
minimise = "cost"
[[chargers]]
type = "fast"
kw = -120
[[mix]]
type = "slow"
at_least = 4
[sizing]
standard = "rural"
chance = 3
[[periods]]
name = "2026"
[phasing]
carry_over = true
[grid]
file = "GRID"
"""
    file = region.write("scenario.toml", text.replace("GRID", "grid.csv"))
    from_tables = [
        f"{file}: [[chargers]] 1 (fast), kw: input should be greater than 0, not -120",
        f"{file}: [sizing], chance: input should be less than 1, not 3",
        f"{file}: [[mix]] 1, type: there are no [[chargers]] of type 'slow'",
        f"{file}: [sizing], standard: there is no standard on a demand layer called 'rural'",
        f"{file}: [phasing], carry_over: needs a budget in every period; without one: 2026",
    ]
    said = faults(Problem.read, file)
    assert sorted(said) == sorted([
        *from_tables,
        "sites.csv, layer places, row 1, column chargers_fast: 2.5 is no whole number of chargers",
        "sites.csv, layer places, row 1, column substation: [grid] has no substation 'Z', named by p",
    ])  # fmt: skip
    region.write("scenario.toml", text.replace("GRID", "grid2.csv"))
    said = faults(Problem.read, file)
    assert sorted(said) == sorted([
        *from_tables,
        "sites.csv, layer places, row 1, column chargers_fast: 2.5 is no whole number of chargers",
        "grid2.csv, layer grid, row 1, column id: the id 'A' is given more than once",
        "grid2.csv, layer grid, row 2, column id: the id 'A' is given more than once",
        "grid2.csv, layer grid, row 1, column spare_kw: -5 is negative",
        "grid2.csv, layer grid, row 2, column spare_kw: 'much' is not a number",
    ])  # fmt: skip


def test_nearest_and_named_substations(region) -> None:
    """A site draws on what it names, else on the nearest; distances are those of pyproj."""
    random = np.random.default_rng(4)
    sites = np.round(random.uniform((112.5, 27.5), (113.5, 28.5), (40, 2)), 7)
    feeders = np.round(random.uniform((112.5, 27.5), (113.5, 28.5), (9, 2)), 7)
    names = ["" if at % 3 else f"F{at % 9}" for at in range(40)]
    rows = [f"s{at},{x!r},{y!r},{names[at]}" for at, (x, y) in enumerate(sites.tolist())]
    region.write("sites.csv", "\n".join(["id,lon,lat,feeder", *rows]))
    rows = [f"F{at},{x!r},{y!r},{100 * at}" for at, (x, y) in enumerate(feeders.tolist())]
    region.write("grid.csv", "\n".join(["code,lon,lat,free", *rows]))
    grid = region.read(
        sites=[{"name": "places", "file": "sites.csv", "substation": "feeder"}],
        grid={"file": "grid.csv", "id": "code", "spare_kw": "free"},
        chargers=[FAST],
    ).charging.grid
    away = np.array([GEOD.inv(*np.broadcast_to(site, (9, 2)).T, *feeders.T)[2] for site in sites])
    expected = [int(name[1:]) if name else int(row.argmin()) for name, row in zip(names, away, strict=True)]
    assert grid.of_site.tolist() == expected
    np.testing.assert_allclose(grid.distance_m, away[np.arange(40), expected], rtol=0, atol=1e-6)
    assert grid.substations.spare_kw.tolist() == [100.0 * at for at in range(9)]
    for column in (grid.of_site, grid.distance_m, grid.substations.spare_kw):
        assert not column.flags.writeable


def test_unknown_substations(region) -> None:
    """Every name that is not in the grid is told once, at its first row, with how many sites have it."""
    rows = [f"s{at},113,28,{'XYA'[at % 3]}" for at in range(60)]
    region.write("sites.csv", "\n".join(["id,lon,lat,substation", *rows]))
    region.write("grid.csv", "id,lon,lat\nA,113,28\n")
    said = faults(region.read, grid={"file": "grid.csv"}, chargers=[FAST])
    place = "sites.csv, layer places, row"
    assert said == [
        f"{place} 1, column substation: [grid] has no substation 'X', named by s0 and 19 other sites",
        f"{place} 2, column substation: [grid] has no substation 'Y', named by s1 and 19 other sites",
    ]


def test_what_is_doubtful_of_a_grid(region) -> None:
    """Substations without a limit, and those that are far away, are said; a number is for all."""
    region.write("grid.csv", "lon,lat,spare_kw\n113,28,500\n113,29.5,\n")
    region.write("sites.csv", "id,lon,lat\np,113,28\nq,113,31\n")
    problem = region.read(grid={"file": "grid.csv"}, chargers=[FAST])
    assert problem.charging.grid.substations.ids.tolist() == ["grid-1", "grid-2"]
    assert problem.warnings == (
        "grid.csv: substations whose kW to spare are not stated, which limit nothing: 1 of 2",
        UNASKED,
        "[grid]: some sites are far from their substations, such as q, 166.28 km away",
    )
    for_all = region.read(grid={"file": "grid.csv", "spare_kw": 250}, chargers=[FAST])
    assert for_all.charging.grid.substations.spare_kw.tolist() == [250, 250]


def test_chargers_that_stand(region) -> None:
    """Columns tell how many of which type; what has no type, or more than the room, is said."""
    region.write(
        "sites.csv",
        "id,lon,lat,status,room,chargers_slow,chargers_fast,chargers_swap\n"
        "p,113,28,existing,4,2,1,3\nq,113,28.1,existing,2,,4,\nr,113,28.2,candidate,,0,,\n"
        "s,113,28.3,existing,,,,\n",
    )
    problem = region.read(chargers=[FAST, HOME, SLOW])
    assert problem.charging.standing.tolist() == [[1, 2], [4, 0], [0, 0], [0, 0]]
    assert not problem.charging.standing.flags.writeable
    assert [each.type for each in problem.charging.homes] == ["home"]
    assert problem.warnings == (
        UNASKED,
        "chargers that stand and do not count, of type 'swap', which no [[chargers]] at stations is: 3",
        "existing stations of which no charger is stated, counted as without: 1",
        "sites where more chargers stand than there is room for: 1, such as q",
    )
    assert problem.replace(chargers=[SLOW]).charging.standing.tolist() == [[2], [0], [0], [0]]
    assert problem.replace(chargers=[]).charging is None


def test_chargers_that_cannot_stand(region) -> None:
    """Parts of chargers, less than none, text, and chargers where no station stands are faults, once each."""
    region.write(
        "sites.csv",
        "id,lon,lat,status,chargers_fast\np,113,28,existing,1.5\nq,113,28.1,existing,-1\n"
        "r,113,28.2,candidate,3\ns,113,28.3,forbidden,1\nt,113,28.4,existing,two\nu,113,28.5,existing,inf\n",
    )
    place = "sites.csv, layer places, row"
    here = "chargers stand only where the status is 'existing'; here it is"
    assert sorted(faults(region.read, chargers=[FAST])) == [
        f"{place} 1, column chargers_fast: 1.5 is no whole number of chargers",
        f"{place} 2, column chargers_fast: -1 is negative",
        f"{place} 3, column chargers_fast: {here} 'candidate'",
        f"{place} 4, column chargers_fast: {here} 'forbidden'",
        f"{place} 5, column chargers_fast: 'two' is not a number",
        f"{place} 6, column chargers_fast: the chargers_fast is infinite",
    ]


@pytest.mark.parametrize(
    ("ports", "connections", "counted", "unknown"),
    [
        (None, [(150, 2), (22, 3)], [2, 3], 0),
        (2, [(150, 2), (22, 2)], [2, 0], 0),  # a port has two plugs, and one is used at a time
        (3, [(22, 2), (150, 2)], [2, 1], 0),
        (6, [(150, None), (22, None)], [1, 5], 0),
        (4, [(150, None)], [4, 0], 0),
        (5, [(150, 2)], [2, 0], 3),
        (None, [(150, None)], [1, 0], 0),
        (None, [(None, 2), (22, 1)], [0, 1], 2),
        (3, [], [0, 0], 3),
        (None, [(29.1, 1), (28.9, 1)], [1, 1], 0),  # 28.98 is as many times 7 as 120 is times it
    ],
)
def test_chargers_of_existing_stations(region, ports, connections, counted, unknown) -> None:
    """As many as ports, of the strongest plugs, by the type whose kW are the fewest times more or less."""
    plugs = [{"ConnectionTypeID": 33, "PowerKW": kw, "Quantity": number} for kw, number in connections]
    place = {"Title": "Hall", "Longitude": 113.0, "Latitude": 28.0}
    station = {"ID": 7, "AddressInfo": place, "StatusTypeID": 50, "Connections": plugs}
    region.write("ocm.json", json.dumps([station | ({"NumberOfPoints": ports} if ports else {})]))
    region.write("sites.csv", "id,lon,lat\np,113.001,28.001\n")
    existing = [{"name": "ocm", "file": "ocm.json", "source": "openchargemap"}]
    problem = region.read(existing=existing, chargers=[FAST, SLOW])
    assert problem.charging.standing[problem.sites.status == "existing"].tolist() == [counted]
    lost = [line for line in problem.warnings if "do not count, of unknown kW" in line]
    assert lost == ([f"chargers that stand and do not count, of unknown kW: {unknown}"] if unknown else [])


def test_weight_of_districts(region) -> None:
    """It is that of the whole layer whose demand points charge, whatever part of it a standard is about."""
    region.write(
        "demand.csv",
        "id,lon,lat,weight,district\na,113,28,10,Yuhu\nb,113.01,28,20,Yuetang\nc,113.02,28,5,Yuhu\n",
    )
    region.write("other.csv", "id,lon,lat,district\na,113,28,Furong\n")
    tables = {
        "demand": [{"name": "people", "file": "demand.csv"}, {"name": "shops", "file": "other.csv"}],
        "standards": [
            {"name": "shops", "demand": "shops", "radius": "1 km"},
            {"name": "urban", "demand": "people", "radius": "1 km", "where": "weight > 9"},
        ],
        "chargers": [LOADED],
    }
    problem = region.read(sizing={"kwh": 1, "standard": "urban"}, **tables)
    assert problem.charging.district_weight == {"Yuetang": 20.0, "Yuhu": 15.0}
    problem = region.read(sizing={"kwh": 1, "standard": "shops"}, **tables)
    assert problem.charging.district_weight == {"Furong": 1.0}


def test_districts_of_rules(region) -> None:
    """One that there is not is a fault, whose nearest is proposed; sites without one are counted."""
    region.write("sites.csv", "id,lon,lat,district\np,113,28,Yuhu\nq,113,28.1,\nr,113,28.2,Yuetang\n")
    rule = {"at_least": 1, "type": "fast"}
    problem = region.read(chargers=[FAST], mix=[{**rule, "district": "Yuhu"}])
    assert problem.sites.district.tolist() == ["Yuhu", "", "Yuetang"]
    assert problem.warnings == ("sites without a district, which count in no rule of a district: 1",)
    mix = [{**rule, "district": "Yuhuu"}, rule, {**rule, "district": "Lukou"}]
    assert faults(region.read, chargers=[FAST], mix=mix) == [
        "[[mix]] 1, district: there is no district 'Yuhuu'; did you mean Yuhu?",
        "[[mix]] 3, district: there is no district 'Lukou'; known: Yuetang, Yuhu",
    ]
    region.write("sites.csv", "id,lon,lat\np,113,28\n")
    assert faults(region.read, chargers=[FAST], mix=mix[:1]) == [
        "[[mix]] 1, district: there is no district 'Yuhuu'; no layer has a column district"
    ]
    region.write("demand.csv", "id,lon,lat,weight\na,113,28,-1\n")  # its districts are not known then
    assert faults(region.read, chargers=[FAST], mix=mix) == [
        "demand.csv, layer people, row 1, column weight: -1 is negative"
    ]


def test_new_stations_pay_for_their_connection(region) -> None:
    """What a km costs is added to new sites, by whole metres of pyproj's distance; none to old ones."""
    region.write("grid.csv", "lon,lat\n113,28.05\n")
    free, paid = (
        region.read(chargers=[FAST], grid={"file": "grid.csv", "cost_per_km": money}) for money in (0, 30)
    )
    metres = round(GEOD.inv(113.001, 28.001, 113.0, 28.05)[2])
    assert free.sites.cost.tolist() == [5, 7]
    assert paid.sites.cost.tolist() == [pytest.approx(5 + 0.03 * metres, abs=1e-9), 7]


def test_a_grid_beside_frames(region) -> None:
    """The file of a grid lies where a program says, and is told among the inputs."""
    file = region.write("grid.csv", "id,lon,lat,spare_kw\nA,113,28,9\n")
    sites = gpd.GeoDataFrame({"substation": ["A"]}, geometry=[Point(113, 28)], crs=4326)
    problem = Problem(
        demand=sites.drop(columns="substation"),
        sites=sites,
        standards=[{"radius": 1000}],
        objective={"minimise": "cost"},
        chargers=[FAST],
        grid={"file": str(file)},
    )
    assert problem.charging.grid.of_site.tolist() == [0]
    assert [source.name for source in problem.inputs] == [str(file)]
    assert faults(problem.replace, grid={"file": "other.csv"}) == [
        "grid: layers are not replaced; read another problem"
    ]
