"""Numbers of chargers against enumeration and plain PuLP; who charges where; what is given out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_charging import (
    Town,
    asked_pulp,
    best_numbers,
    floors,
    missed_by,
    most_load,
    nearest_load,
    needed,
    random_town,
)

import chargeplan as cp
from chargeplan.planning.apportion import by_quotients, cut_to, give_out
from chargeplan.planning.load import Load
from chargeplan.planning.sizing import chargers_missed, size, sizing_cost
from chargeplan.solvers.solution import Limits

HOMES = {"type": "home", "kw": 7.0, "cost": 1.0, "at": "homes"}


def with_load(town, **sizing):
    """The town, whose people charge."""
    return replace(town, sizing={**town.sizing, "kwh": 8.0, "wait": "10 min", "chance": 0.3, **sizing})


def without_load(town):
    """The town without anybody who charges."""
    types = [{key: value for key, value in each.items() if key != "load_share"} for each in town.types]
    return replace(town, types=types)


def drawn(seed, sites=3, points=5):
    """A town, its stations, and what they need; of every third seed there is no load."""
    town = random_town(seed, sites=sites, points=points, kinds=1 + seed % 2)
    town = with_load(town) if seed % 3 else without_load(town)
    if seed % 4 == 3:
        town = replace(town, types=[*town.types, HOMES])
    question = town.question()
    rng = np.random.default_rng(seed)
    given = [question["given"][j] or rng.random() < 0.8 for j in range(sites)]
    opened = [j for j in range(sites) if given[j] and not question["forbidden"][j]]
    load = nearest_load(question, opened)
    need = needed(question, load) if seed % 3 else np.zeros((sites, len(question["price"])), int)
    return town, question, opened, load, need


def sized(town, opened, load, folder, backend="auto"):
    """What is planned for these stations."""
    problem = town.problem(folder)
    mask = np.isin(np.arange(len(town.cost)), opened)
    found = Load(load, 0.0) if "kwh" in town.sizing else None
    return problem, size(problem, mask, found, Limits(threads=1), backend)


@pytest.mark.parametrize("seed", range(8))
def test_numbers_are_the_cheapest_of_all(seed, tmp_path):
    """No other numbers miss fewer chargers, or as few for less; what is needed is what sums of Erlang say."""
    town, question, opened, load, need = drawn(seed)
    _, got = sized(town, opened, load, tmp_path)
    assert (got.needed[opened] == need[opened]).all()
    missed = missed_by(question, opened, need, got.new, got.homes)
    assert missed is not None  # rooms, grid, upper limits
    best = best_numbers(question, opened, need, most=4, homes=4 * len(question["home_price"]))
    assert best is not None
    cost = question["price"] @ got.new.sum(axis=0) + np.dot(question["home_price"], got.homes)
    if got.new.max(initial=0) <= 4 and got.homes.max(initial=0) <= 4:  # else enumeration goes not so far
        assert (missed, cost) == (best.missed, pytest.approx(best.cost))
    else:
        assert missed <= best.missed


@pytest.mark.parametrize("seed", range(100, 103))
def test_counted_together_or_one_by_one(seed, tmp_path):
    """Classes of stations lose nothing: plain PuLP, with every station by itself, finds the same."""
    town, question, opened, load, need = drawn(seed, sites=24, points=60)
    _, got = sized(town, opened, load, tmp_path)
    mask = np.isin(np.arange(24), opened).tolist()
    plain = asked_pulp(question, opened=mask, floors=floors(question, need).tolist())
    cost = question["price"] @ got.new.sum(axis=0) + np.dot(question["home_price"], got.homes)
    missed = missed_by(question, opened, need, got.new, got.homes)
    assert (missed, cost) == (plain["missed"], pytest.approx(plain["cost"], abs=1e-6))


def small_town(**changes):
    """Two stations 1 km apart with a demand point each, and types without a price."""
    types = [
        {"type": "slow", "kw": 7.0, "load_share": 0.5, "stay": "240 min"},
        {"type": "fast", "kw": 60.0, "load_share": 0.5, "stay": "40 min"},
    ]
    town = Town(
        points=np.array([[0.0, 0.0], [1000.0, 0.0]]), weight=np.array([10.0, 10.0]),
        sites=np.array([[0.0, 0.0], [1000.0, 0.0]]), cost=np.ones(2), room=np.full(2, np.inf),
        district=["a", "b"], status=["required", "required"], standing=np.zeros((2, 2), int), types=types,
        substations=np.array([[0.0, 0.0]]), spare=np.array([300.0]),
        standard={"name": "near", "radius": "2000 m", "strict": True}, sizing={"standard": "near"},
    )  # fmt: skip
    return replace(town, **changes)


def test_what_a_grid_cannot_feed_is_missed_and_nothing_else_is_built(tmp_path):
    """Where five of ten fast chargers can be fed there are five, and no slow ones that nobody needs."""
    types = [{"type": "slow", "kw": 7.0}, {"type": "fast", "kw": 60.0, "load_share": 1.0, "stay": "40 min"}]
    town = small_town(types=types, grid={"simultaneity": 1.0})
    town = with_load(town, kwh=240.0)
    question = town.question()
    load = nearest_load(question, [0, 1])
    assert needed(question, load)[:, 1].sum() > 10
    problem, got = sized(town, [0, 1], load, tmp_path)
    assert got.new.sum(axis=0).tolist() == [0, 5]
    assert chargers_missed(problem, np.ones(2, bool), got) == needed(question, load).sum() - 5


def test_shares_of_fractions_and_huge_numbers_are_planned(tmp_path):
    """A share of what stands, a billion chargers asked for, prices without end: nothing breaks."""
    standing = np.array([[0, 3], [0, 1]])
    rules = [
        {"type": "slow", "share": 0.7, "district": "a"},
        {"type": "fast", "at_least": 1_000_000_000},
    ]
    town = without_load(small_town(standing=standing, rules=rules, status=["existing", "existing"]))
    town = replace(town, types=[each | {"cost": 1 / 3} for each in town.types])
    _, got = sized(town, [0, 1], np.zeros(2), tmp_path)
    assert got.chargers[:, 1].sum() == 1_000_000_000
    assert got.chargers[0, 0] >= 0.7 * got.chargers[0].sum() - 1e-6


def test_no_stations_have_no_chargers(tmp_path):
    """Nothing is open, and homes get theirs all the same."""
    town = without_load(small_town(rules=[{"type": "home", "at_least": 7}], status=["candidate"] * 2))
    town = replace(town, types=[*town.types, HOMES])
    problem, got = sized(town, [], np.zeros(2), tmp_path)
    assert (got.new.sum(), got.homes.tolist(), sizing_cost(problem, got)) == (0, [7], 7.0)


def test_a_room_of_half_a_charger_is_no_room(tmp_path):
    """Halves do not add up to one."""
    rules = [{"type": "slow", "at_least": 6}]
    town = without_load(small_town(room=np.array([2.5, 2.5]), rules=rules))
    problem, got = sized(town, [0, 1], np.zeros(2), tmp_path)
    assert got.new.sum(axis=1).tolist() == [2, 2]
    assert chargers_missed(problem, np.ones(2, bool), got) == 2


def load_of(plan):
    """(M,) kW at the sites of a plan."""
    return plan.stations["load_kw"].to_numpy()


def test_everybody_charges_at_the_nearest_station(tmp_path):
    """As the audit of every demand point says; and nothing is lost."""
    town = with_load(random_town(7, sites=8, points=30))
    plan = cp.solve(town.problem(tmp_path), threads=1)
    opened = np.flatnonzero(plan.open).tolist()
    assert load_of(plan) == pytest.approx(nearest_load(town.question(), opened), abs=1e-3)
    assert plan.record.sizing.load_kw == pytest.approx(town.weight.sum() * 0.8)
    assert plan.record.sizing.lost_kw == 0.0


def test_balanced_demand_stays_within_rooms(tmp_path):
    """What the nearest station has no room for charges at the other; standing chargers of a type that is not
    needed take room too."""
    standing = np.array([[0, 4], [0, 0]])
    town = small_town(
        weight=np.array([10.0, 0.0]), room=np.array([6.0, 12.0]), standing=standing, status=["existing"] * 2
    )
    town = with_load(town, kwh=14.0, assignment="balanced", least=0)
    plan = cp.solve(town.problem(tmp_path), threads=1)
    chargers = plan.stations[["chargers_slow", "chargers_fast"]].to_numpy()
    assert load_of(plan).sum() == pytest.approx(14.0, abs=2e-3)
    assert (chargers.sum(axis=1) <= town.room).all()
    assert plan.record.sizing.met
    question = town.question()
    for site in range(2):
        assert load_of(plan)[site] * question["part"][0] <= most_load(question, 0, chargers[site, 0]) + 1e-3


def test_demand_beyond_the_radius_takes_room_first(tmp_path):
    """Whoever has no station within the radius charges at the nearest, and the others make room for that."""
    town = small_town(
        points=np.array([[0.0, 0.0], [500.0, 0.0], [-2500.0, 0.0]]), weight=np.array([5.0, 5.0, 5.0]),
        room=np.array([4.0, 20.0]), standard={"name": "near", "radius": "2000 m", "share": 0.6},
    )  # fmt: skip
    town = with_load(town, kwh=10.0, assignment="balanced")
    plan = cp.solve(town.problem(tmp_path), threads=1)
    assert load_of(plan).sum() == pytest.approx(15.0, abs=3e-3)
    assert load_of(plan)[0] >= 5.0 - 1e-3
    assert plan.record.sizing.chargers_short == 0


def test_a_line_to_the_substation_is_a_part_of_what_a_new_station_costs(tmp_path):
    """By whole metres; stations that stand have theirs."""
    town = without_load(small_town(status=["existing", "required"], grid={"cost_per_km": 2.5}))
    problem = town.problem(tmp_path)
    assert problem.sites.cost.tolist() == [1.0, pytest.approx(1.0 + 2.5)]
    assert problem.replace(name="again").sites.cost.tolist() == problem.sites.cost.tolist()
    plan = cp.solve(problem, threads=1)
    assert plan.record.cost == pytest.approx(3.5)
    assert plan.record.audit.agrees


def one_by_one(number, weight, have, most):
    """Give out one after the other, without a thought."""
    given = np.zeros(weight.size, int)
    usable = most >= 1
    share = weight if weight[usable].any() else np.ones(weight.size)
    for _ in range(number):
        quotients = [
            (-share[at] / (have[at] + given[at] + 1), at) for at in np.flatnonzero(given + 1 <= most)
        ]
        if not quotients:
            break
        given[min(quotients)[1]] += 1
    return given


@pytest.mark.parametrize("seed", range(40))
def test_quotients_are_taken_in_order(seed):
    """As many at once as can be, and the same as one by one."""
    rng = np.random.default_rng(seed)
    size_ = int(rng.integers(1, 7))
    weight = rng.random(size_) if seed % 2 else rng.integers(0, 4, size_).astype(float)
    have = rng.integers(0, 6, size_)
    most = np.where(rng.random(size_) < 0.5, np.inf, rng.integers(0, 9, size_))
    number = int(rng.integers(0, 60))
    assert (
        by_quotients(number, weight, have, most).tolist() == one_by_one(number, weight, have, most).tolist()
    )


def test_a_billion_is_given_out_at_once():
    """Whole parts are not given out one by one."""
    given = by_quotients(10**9, np.array([1.0, 2.0, 5.0]), np.zeros(3, int), np.full(3, np.inf))
    assert given.tolist() == [125_000_000, 250_000_000, 625_000_000]


@pytest.mark.parametrize("seed", range(40))
def test_all_chargers_of_a_class_fit_its_stations(seed):
    """Each gets what it needs and the least number, none more than fits, and nothing is left over."""
    rng = np.random.default_rng(seed)
    stations, types = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    room = np.where(rng.random(stations) < 0.3, np.inf, rng.integers(0, 9, stations))
    floor = cut_to(room, rng.integers(0, 5, (stations, types)))
    assert (floor.sum(axis=1) <= room).all()
    least = np.minimum(rng.integers(0, 3, stations), room).astype(int)
    totals = floor.sum(axis=0)
    for _ in range(int(np.maximum(least, floor.sum(axis=1)).sum() - floor.sum()) + int(rng.integers(0, 4))):
        if totals.sum() < room.sum():
            totals[rng.integers(types)] += 1
    given = give_out(totals, floor, least, room, np.zeros_like(floor), rng.random((stations, types)))
    assert given.sum(axis=0).tolist() == totals.tolist()
    assert (given >= floor).all()
    assert (given.sum(axis=1) <= room).all()
    assert (given.sum(axis=1) >= least).all()
