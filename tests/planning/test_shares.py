"""Shares that are reached exactly, or missed by a hair: the solver, the plan and the audit say the same."""

from __future__ import annotations

import pytest

import chargeplan as cp


@pytest.fixture
def row(row_of_places):
    """Places 3 km apart, each with a demand point of a given weight and a site of its own."""

    def solve(weight, share, **options):
        places = row_of_places(weight)
        standards = [{"name": "share", "radius": "1 km", "share": share}]
        problem = cp.Problem(**places, standards=standards, objective={"minimise": "stations"})
        return cp.solve(problem, gap=0.0, threads=1, **options)

    return solve


@pytest.mark.parametrize("weight", [0.1, 0.7, 1 / 3, 3.0])
@pytest.mark.parametrize(("count", "of"), [(5, 14), (10, 13), (7, 10), (1, 3)])
def test_a_share_reached_exactly_is_reached(row, weight, count, of):
    """k of n equal points are k/n of the weight, however the weights and the share are rounded."""
    plan = row([weight] * of, count / of)
    assert (plan.status, plan.objective, plan.met) == ("optimal", count, True)
    assert plan.record.audit.agrees, plan.record.audit.disagreements


@pytest.mark.parametrize("backend", ["ortools:cp-sat", "ortools:highs", "pulp:cbc"])
def test_a_share_missed_by_a_hair_is_missed(row, backend):
    """97 % of 25,000,033 people are 24,250,032.01: one person more than the greatest place has."""
    plan = row([24_250_032.0, 750_000.0, 1.0], 0.97, backend=backend)
    assert (plan.status, plan.objective, plan.met) == ("optimal", 2.0, True)
    assert plan.record.audit.agrees, plan.record.audit.disagreements


def test_a_share_of_no_weight_asks_for_nothing(row):
    """Where no demand point has a weight, any share of it is reached without a station."""
    plan = row([0.0, 0.0], 0.5)
    assert (plan.objective, plan.met) == (0.0, True)
    assert plan.record.audit.agrees, plan.record.audit.disagreements
