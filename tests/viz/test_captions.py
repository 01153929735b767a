"""The words on a map: never better than the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from chargeplan.viz import captions
from chargeplan.viz.style import lettering


def test_a_gap_is_rounded_away_from_the_optimum(town, plan_of):
    """4.12 % is said to be within 4.2 %."""
    assert "within 4.2 % of the best possible" in captions.headline(plan_of(town()))


def test_an_infeasible_plan_claims_no_quality(town, plan_of):
    """The gap of the plan for the rest is not that of the scenario."""
    line = captions.headline(plan_of(town(), status="infeasible"))
    assert "cannot all be met" in line
    assert "%" not in line


def test_a_distance_below_the_radius_does_not_read_as_the_radius(town, plan_of):
    """999.97 m is written as 999.9 m, and the two readings of a corridor's promise stand side by side."""
    problem = town()
    plan = plan_of(problem)
    near = replace(plan.standards[0], max_distance_m=math.nextafter(1000.0, 0.0))
    plan = replace(plan, standards=(near, plan.standards[1]))
    (_, urban, _), (_, intercity, _) = captions.figures(problem, plan)
    assert "farthest: 999.9 m" in urban
    assert "longest stretch between stations" in intercity


def test_a_required_standard_that_is_missed_is_marked(town, plan_of):
    """A missed aim is no failure, a missed requirement is."""
    nobody = np.zeros(12, bool)
    aim = town(
        standards=[{"radius": "1 km", "required": False}], objective={"maximise": "weight", "stations": 1}
    )
    must = town(standards=[{"radius": "1 km"}])
    ((heading, _, well),) = captions.figures(aim, plan_of(aim, nobody))
    assert (heading, well) == ("standard-1: an aim", True)
    ((heading, _, well),) = captions.figures(must, plan_of(must, nobody))
    assert (heading, well) == ("standard-1: required, not met", False)


def test_remarks_say_source_and_what_is_schematic(town, plan_of):
    """Sources, schematic corridors and what is not planned yet stand below every map."""
    standards = [
        {"name": "intercity", "corridor": "corridors", "radius": "5 km"},
        {"name": "all", "area": "areas", "radius": "1 km", "required": False},
    ]
    problem = town(source="A plan, 2025", standards=standards)
    text = captions.remarks(problem, plan_of(problem))
    assert "Source: A plan, 2025." in text
    assert "schematic, not surveyed: lengths times 1.15" in text
    assert "Asked for but not planned yet: standard all: area areas" in text


def test_letters_without_a_shape_become_boxes_and_are_explained(town, plan_of):
    """A Chinese title on a machine without a Chinese font is never drawn as a warning or nothing."""
    assert lettering().can_draw(lettering().spell("长沙 Changsha 𰻝"))
    problem = town(title="𰻝")  # a letter that no font here has
    assert "No Chinese font" in captions.remarks(problem, plan_of(problem))
