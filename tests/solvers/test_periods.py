"""What to open when: against enumeration, against a plain PuLP program, and in parts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from small_periods import enumerated, judged, question, shuffled

from chargeplan.solvers import periods_engine
from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel
from chargeplan.solvers.periods_budgets import least_factor
from chargeplan.solvers.periods_order import in_order, reordered
from chargeplan.solvers.solution import Limits

LIMITS = Limits(work_limit=20.0, threads=1)
ORACLES = Path(__file__).parent.parent / "oracles"


@pytest.mark.parametrize("seed", range(14))
def test_small_questions_are_answered_as_enumeration_does(seed):
    """The best objective, proven; of plans that cost the same the one that serves the most early."""
    model = question(seed)
    best, found = enumerated(model), periods_engine.solve(model, LIMITS)
    if best is None:
        assert (found.status, found.phases) == ("infeasible", None)
        return
    assert (found.status, found.objective) == ("optimal", pytest.approx(best[0], abs=1e-7))
    worth, early = judged(model, found.phases)
    assert (-worth if model.maximise else worth) == pytest.approx(best[0], abs=1e-7)
    assert early == pytest.approx(-best[1], abs=1e-6)
    assert found.selected.tolist() == np.flatnonzero(found.phases[-1]).tolist()


@pytest.mark.parametrize("seed", range(100, 106))
def test_a_limited_number_of_stations_may_move(seed):
    """Where stations may close and their number is limited, another may open in a later period."""
    model = question(seed, closes=True, sites=4, rows=8)
    best, found = enumerated(model), periods_engine.solve(model, LIMITS)
    if best is None:
        assert found.status == "infeasible"
        return
    assert (found.status, found.objective) == ("optimal", pytest.approx(best[0], abs=1e-7))
    closes = found.phases[:-1] & ~found.phases[1:]
    number = (found.phases[1:] & ~model.standing).sum(axis=1)
    assert (number[closes.any(axis=1)] == model.limit).all()  # none closes for nothing


def test_closing_is_worth_something():
    """With one station at a time and little money at first, the cheap one gives way to the good one."""
    model = MultiPeriodModel(
        coverage=csr_array(np.array([[True, False], [False, True]])), need=np.ones(2, int),
        group=np.zeros(2, int), weight=np.array([1.0, 9.0]), must=np.zeros(2, bool),
        whole=np.zeros((2, 1), bool), targets=np.zeros((2, 1)), value=np.ones(1), worth=np.ones(2),
        price=np.ones(2), cost=np.array([1.0, 5.0]), budgets=np.array([1.0, 5.0]), limit=1.0, counted=True,
        standing=np.zeros(2, bool), closed=np.zeros(2, bool), due=np.zeros(2, bool), carry_over=False,
        may_close=True, maximise=True,
    )  # fmt: skip
    assert periods_engine.solve(model, LIMITS).phases.tolist() == [[True, False], [False, True]]
    staying = replace(model, may_close=False)
    assert periods_engine.solve(staying, LIMITS).phases.tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("seed", range(10))
def test_in_parts_every_plan_is_allowed_and_every_bound_true(monkeypatch, seed):
    """What a large model goes through, on small ones: the optimum lies between objective and bound."""
    monkeypatch.setattr(periods_engine, "_SMALL", -1)
    model = question(seed)
    best, found = enumerated(model), periods_engine.solve(model, LIMITS)
    if best is None:
        assert found.phases is None
        return
    assert judged(model, found.phases) is not None
    least, most = sorted((found.objective, found.bound))
    assert least - 1e-7 <= best[0] <= most + 1e-7
    assert found.gap < 0.5


@pytest.mark.parametrize("seed", range(10))
def test_swaps_serve_more_and_break_nothing(seed):
    """From any allowed plan: no less is served, every budget, target and ceiling is kept."""
    model = replace(_medium(seed), standing=np.zeros(14, bool), maximise=True, limit=None)
    model = replace(model, budgets=model.budgets * 2, targets=model.targets / 4)
    first = in_order(model, np.ones(14, bool), late=True)
    if first is None:
        return
    tie = model.early(model.discounted(first) * 1.05)
    better = reordered(tie, first, 400, seed)
    assert tie.allows(better)
    assert tie.objective(better) >= tie.objective(first)
    assert (better[-1] == first[-1]).all()


def test_swaps_find_the_better_order():
    """A station of much weight first, one of little weight after it."""
    model = MultiPeriodModel(
        coverage=csr_array(np.array([[True, False], [False, True]])), need=np.ones(2, int),
        group=np.zeros(2, int), weight=np.array([1.0, 9.0]), must=np.ones(2, bool),
        whole=np.array([[False], [True]]), targets=np.zeros((2, 1)), value=np.ones(1), worth=np.ones(2),
        price=np.ones(2), cost=np.ones(2), budgets=np.ones(2), limit=None, counted=False,
        standing=np.zeros(2, bool), closed=np.zeros(2, bool), due=np.zeros(2, bool), carry_over=False,
        may_close=False, maximise=True,
    )  # fmt: skip
    first = np.array([[True, False], [True, True]])
    assert reordered(model, first, 50, 0).tolist() == [[False, True], [True, True]]


def test_the_order_of_sites_changes_nothing(monkeypatch):
    """But which of equal plans is found."""
    for seed in (3, 5, 8):
        model = question(seed)
        one, other = (periods_engine.solve(m, LIMITS) for m in (model, shuffled(model, seed)))
        assert (one.status, one.objective) == (other.status, pytest.approx(other.objective))


@pytest.mark.parametrize("seed", range(4))
def test_medium_questions_are_answered_as_plain_pulp_does(seed):
    """30 rows, 14 sites, 4 periods, written down once more, variable by variable, and solved by CBC."""
    model = _medium(seed)
    want = _by_pulp(model)
    found = periods_engine.solve(model, LIMITS)
    if want is None:
        assert found.status == "infeasible"
    else:
        assert (found.status, found.objective) == ("optimal", pytest.approx(want, rel=1e-6))


def _medium(seed: int) -> MultiPeriodModel:
    rng = np.random.default_rng(seed)
    base = question(seed, sites=14, rows=30)
    periods, maximise = 4, seed % 2 == 1
    total = np.bincount(base.group, base.weight, minlength=2)
    shares = np.array([[0.3, 0.2], [0.5, 0.2], [0.6, 0.4], [0.9, 0.6]])
    cost = np.where(base.standing, 0.0, np.round(rng.random(14) * 8 + 1, 1))
    price = 0.95 ** np.arange(periods)
    targets = shares * total * (np.array([1.0, 0.0]) if maximise else 1.0)
    whole = np.zeros((periods, 2), bool)
    whole[-1, 0], targets[-1, 0] = True, 0.0
    return replace(
        base, need=np.ones(30, int), targets=targets, whole=whole, price=price, cost=cost,
        worth=price * np.array([1.0, 1.2, 1.3, 1.5]), value=np.array([0.0, float(maximise)]),
        budgets=np.array([9.0, 9.0, 9.0, 30.0]), limit=34.0 if maximise else None, counted=False,
        closed=np.zeros(14, bool), due=np.zeros(14, bool), maximise=maximise, may_close=False,
    )  # fmt: skip


def _by_pulp(model: MultiPeriodModel) -> float | None:
    table = model.coverage.toarray()
    names = ("group", "weight", "targets", "whole", "value", "worth", "price", "cost", "standing")
    asked = {name: getattr(model, name).tolist() for name in names}
    asked |= {"rows": [np.flatnonzero(row).tolist() for row in table], "limit": model.limit}
    asked |= {"budgets": [None if np.isinf(b) else b for b in model.budgets.tolist()]}
    asked |= {"carry_over": model.carry_over, "maximise": model.maximise}
    program = str(ORACLES / "pulp_periods.py")
    done = subprocess.run(
        [sys.executable, program], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_person_who_stops_it_gets_what_is_known():
    """Stopped from the beginning, a plan that was found on the way is allowed, and its bound is true."""
    model = _medium(0)
    stop = threading.Event()
    stop.set()
    found = periods_engine.solve(model, LIMITS, cancel=stop)
    assert found.status == "stopped"
    assert found.phases is None or model.allows(found.phases)
    whole = periods_engine.solve(model, LIMITS)
    assert found.bound is None or found.bound <= whole.objective + 1e-9


@pytest.mark.parametrize("seed", [2, 4])
def test_the_factor_on_the_budgets_is_the_least(seed):
    """With it on all budgets there is a plan; with a little less there is none."""
    model = replace(_medium(seed), carry_over=False)
    scarce = replace(model, budgets=model.budgets / 20)
    assert periods_engine.solve(scarce, LIMITS).status == "infeasible"
    factor = least_factor(scarce, LIMITS)
    for times, status in ((factor, "optimal"), (factor * 0.999, "infeasible")):
        changed = replace(scarce, budgets=scarce.budgets * times)
        assert periods_engine.solve(changed, LIMITS).status == status
