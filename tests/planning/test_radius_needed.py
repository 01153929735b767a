"""What would make a scenario feasible, against trying every radius and every set of sites."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import chargeplan as cp
from chargeplan.errors import WrongAnswer
from chargeplan.planning import attempts
from chargeplan.planning.cover import cover
from chargeplan.planning.infeasible import LeastLimit, _limit_reason, _rounded_up, least_limit
from chargeplan.planning.radius_needed import radius_needed
from chargeplan.planning.stopwatch import Stopwatch
from chargeplan.scenario import Objective
from chargeplan.solvers.solution import Limits, Solution

STATUS = ["existing", "candidate", "forbidden", "required", "candidate", "forbidden", *["candidate"] * 5]
ASKED = list(itertools.product([1.0, 0.9, 0.37], [1, 2, 7], ["1 m", "450 m", "40 km"]))
BY_ROAD = {
    "road": [(1.0, 1, "20 km"), (0.9, 2, "40 km"), (1.0, 2, "90 km")],
    "far road": [(1.0, 1, "40 km"), (0.37, 7, "20 km")],
}


def smallest(promise, permitted):
    """Try every distance as a radius, with every permitted site open."""
    metres = promise.metres[:, permitted]
    for radius in np.unique(metres[np.isfinite(metres)]):
        if promise.reached((metres <= radius).sum(axis=1) >= promise.stations):
            return float(radius)
    return None


def found(problem):
    """The smallest radius of the problem's only standard."""
    (standard,) = problem.standards
    permitted = (problem.sites.status != "forbidden").astype(np.int64)
    coverable = cover(standard, problem.sites).astype(np.int64) @ permitted >= standard.stations
    return radius_needed(standard, problem.sites, coverable)


def with_far_road(lines):
    """The roads and one more that no road and no site leads to."""
    far = gpd.GeoDataFrame({"ref": ["X"]}, geometry=[shapely.LineString([(115, 28), (115.1, 28)])], crs=4326)
    return gpd.GeoDataFrame(pd.concat([lines, far], ignore_index=True), crs=4326)


@pytest.mark.parametrize("name", ["cost", "own distances", "road", "far road"])
def test_the_smallest_radius(cases, oracle, change, tmp_path, monkeypatch, name):
    """By straight line, table and road, for shares and backups, from within the radius and from beyond it."""
    by_road = name in BY_ROAD
    monkeypatch.setattr("chargeplan.planning.radius_needed._CELLS", 600 if by_road else 40)  # some at a time
    base = cases["roads" if by_road else name]()
    if name == "far road":
        base = change(base, corridors=with_far_road(base.corridors))
    base = change(base, sites=base.sites.assign(status=STATUS[: len(base.sites)]))
    (standard, *_) = reversed(base.standards)
    answers = []
    for share, stations, radius in BY_ROAD.get(name, ASKED):
        asked = standard | {"share": share, "stations": stations, "radius": radius}
        case = change(base, standards=[asked], objective={"minimise": "stations"})
        small = oracle(case)
        needed = smallest(small.promises[0], small.status != "forbidden")
        answers.append(found(case.problem(tmp_path)))
        exact = (
            None if needed is None else pytest.approx(needed, abs=0.0 if name == "own distances" else 1e-5)
        )
        assert answers[-1] == exact, (share, stations, radius)
    assert any(answers)
    assert (None in answers) is (name in {"own distances", "far road"})


@pytest.mark.parametrize("strict", [False, True])
def test_exactly_the_radius(cases, change, tmp_path, strict):
    """At the radius that is named a standard holds, unless it asks for less than its radius."""
    case = cases["own distances"]()
    narrow = change(case, standards=[case.standards[0] | {"radius": "449 m", "strict": strict}])
    why = cp.solve(narrow.problem(tmp_path), threads=1).record.infeasible
    assert why.radius_needed_m == {"table": 450.0}
    assert why.reasons[0].endswith(f"a radius of {'more than ' if strict else ''}450 m would do")
    wider = change(case, standards=[case.standards[0] | {"radius": "450 m", "strict": strict}])
    assert (cp.solve(wider.problem(tmp_path), threads=1).status == "infeasible") is strict
    wider = change(case, standards=[case.standards[0] | {"radius": "450.00001 m", "strict": strict}])
    assert cp.solve(wider.problem(tmp_path), threads=1).status == "optimal"


def test_nobody_asks_for_nothing(cases, change, tmp_path):
    """Half of no weight at all needs no radius; every point does, whatever it weighs."""
    case = cases["cost"]()
    demand = case.demand.assign(weight=0.0)
    for share, none in ((0.5, True), (1.0, False)):
        light = change(case, demand=demand, standards=[case.standards[0] | {"share": share}])
        assert (found(light.problem(tmp_path)) == 0.0) is none


@pytest.mark.parametrize(
    ("metres", "text"),
    [
        (449.991, "450 m"),
        (450.0, "450 m"),
        (0.001, "0.01 m"),
        (999.999, "1 km"),
        (40113.07123, "40.11308 km"),
    ],
)
def test_a_radius_is_rounded_up(metres, text):
    """Whoever types what is printed has enough."""
    assert _rounded_up(metres) == text


STANDARDS = {
    "every point": {"radius": "1 km"},
    "most of the weight": {"radius": "1 km", "share": 0.8},
    "backup": {"radius": "2600 m", "stations": 2},
}


@pytest.mark.parametrize("limit", ["stations", "budget"])
@pytest.mark.parametrize("promise", STANDARDS)
def test_the_least_limit(cases, change, oracle, tmp_path, limit, promise):
    """What is named as the least is: all sets of sites are tried, some sites given."""
    base = cases["cost"]()
    aim = {"name": "near", "radius": "500 m", "required": False}
    case = change(
        base,
        sites=base.sites.assign(status=["existing", "candidate", "required", *["candidate"] * 6]),
        standards=[STANDARDS[promise] | {"name": "urban"}, aim],
        objective={"maximise": "weight", limit: 3.25 if limit == "budget" else 2},
    )
    least = oracle(case).least_limit()
    plan = cp.solve(case.problem(tmp_path), gap=0.0, threads=1)
    asked = case.objective[limit]
    if least <= asked:
        assert plan.met
        return
    why = plan.record.infeasible
    assert (why.limit, why.limit_needed) == (asked, least)
    assert why.limit_at_least == pytest.approx(least, rel=1e-9)
    assert why.reasons == [_limit_reason(Objective(**case.objective), asked, LeastLimit(least, least))]


@pytest.mark.parametrize(
    ("known", "proven", "text"),
    [
        (7.0, 7.0, "2 new stations cannot keep the required standards; 7 new stations can, and no less"),
        (7.0, 5.0, "can, and less than 5 new stations is proven not to"),
        (7.0, 2.0, "standards; 7 new stations can"),
        (7.0, None, "standards; 7 new stations can"),
        (None, 5.0, "was not found in the time, and less than 5 new stations is proven not to"),
        (None, None, "standards; what would do was not found in the time"),
    ],
)
def test_what_is_proven_and_what_is_known_are_told_apart(known, proven, text):
    """A number that was found is not called the least unless that is proven."""
    reason = _limit_reason(Objective(maximise="weight", stations=2), 2.0, LeastLimit(known, proven))
    assert reason.endswith(text)


def test_a_limit_that_does_was_not_too_small(cases, tmp_path):
    """Where a plan within the limit turns up after all, whoever called the limit too small was wrong."""
    from chargeplan.planning.formulate import formulate

    problem = cases["stations beside roads"]().problem(tmp_path)
    relations = [cover(standard, problem.sites) for standard in problem.standards]
    model = formulate(problem, relations, problem.scenario.objective).model
    with pytest.raises(WrongAnswer, match="6 was called too little"):
        least_limit(model, lambda _: Solution("feasible", objective=6.0, bound=5.0))
    assert least_limit(model, lambda _: Solution("stopped")) == LeastLimit(None, None)


def test_half_of_the_time_is_left_for_the_rest(monkeypatch):
    """A part of what is left of the time and the work, and no limit where there is none."""
    given = []
    monkeypatch.setattr(
        attempts, "solve", lambda _, limits, **__: given.append(limits) or Solution("stopped")
    )
    for limits in (Limits(time_limit=1000.0), Limits(work_limit=10.0)):
        attempts.Attempts(Stopwatch(None), limits, "auto", None).covering(None, 0.5)
    assert 400.0 < given[0].time_limit <= 500.0
    assert (given[0].work_limit, given[1].work_limit, given[1].time_limit) == (None, 5.0, None)
