"""Small random questions over several periods, and their answers by trying every choice."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel


def question(seed: int, *, closes: bool = False, sites: int = 5, rows: int = 10) -> MultiPeriodModel:
    """Two standards, one an aim where weight is maximised; budgets, some of them missing; given sites."""
    rng = np.random.default_rng(seed)
    periods = 3 if closes else int(rng.integers(1, 4))
    coverage = rng.random((rows, sites)) < 0.45
    coverage[np.arange(rows), rng.integers(0, sites, rows)] = True
    need = np.where((rng.random(rows) < 0.15) & (coverage.sum(axis=1) > 1), 2, 1)
    group = rng.integers(0, 2, rows)
    weight = rng.integers(0, 9, rows).astype(float)
    maximise = closes or bool(rng.random() < 0.5)
    standing = rng.random(sites) < 0.12
    closed = (rng.random(sites) < 0.1) & ~standing
    cost = np.where(standing, 0.0, rng.integers(2, 14, sites) / 4)
    budgets = np.round(rng.random(periods) * cost.sum() * 5.2 / periods) / 4
    budgets[rng.random(periods) < 0.2] = np.inf
    whole, targets = np.zeros((periods, 2), bool), np.zeros((periods, 2))
    for group_number in range(1 if maximise else 2):
        total = weight[group == group_number].sum()
        for period in range(periods):
            draw = rng.random()
            whole[period, group_number] = draw < 0.25
            if 0.25 <= draw < 0.7:
                targets[period, group_number] = round(rng.random(), 2) * total
    price = (1.0 - rng.choice([0.0, 0.05, 0.3])) ** np.arange(periods)
    counted = closes or bool(rng.random() < 0.5)
    limit = float(rng.integers(1, 4)) if counted else round(float(cost.sum() * rng.random()) * 4) / 4
    return MultiPeriodModel(
        coverage=csr_array(coverage), need=need, group=group, weight=weight, must=np.ones(rows, bool),
        whole=whole, targets=targets, value=np.array([0.0, float(maximise)]),
        worth=price * np.round(1 + rng.random(periods), 2), price=price, cost=cost, budgets=budgets,
        limit=limit if maximise else None, counted=counted and maximise, standing=standing, closed=closed,
        due=(rng.random(sites) < 0.1) & ~standing & ~closed, carry_over=bool(rng.random() < 0.5),
        may_close=closes or bool(rng.random() < 0.3), maximise=maximise,
    )  # fmt: skip


def enumerated(model: MultiPeriodModel) -> tuple[float, float] | None:
    """The best objective and, minimising, the most served early; None where nothing is allowed."""
    free = np.flatnonzero(~model.standing & ~model.closed)
    periods = model.periods
    if model.may_close and model.counted:
        courses = list(itertools.product([False, True], repeat=periods))
    else:
        courses = [tuple(t >= begin for t in range(periods)) for begin in range(periods + 1)]
    keys = []
    for choice in itertools.product(courses, repeat=free.size):
        phases = np.tile(model.standing, (periods, 1))
        phases[:, free] = np.array(choice, bool).reshape(free.size, periods).T
        key = judged(model, phases)
        if key is not None:
            keys.append(key)
    if not keys:
        return None
    objective, early = min(keys)
    return (-objective if model.maximise else objective), -early


def judged(model: MultiPeriodModel, phases: np.ndarray) -> tuple[float, float] | None:
    """What a choice is worth, less being better; None where it is not allowed. Plain loops, on purpose."""
    spent = _spent(model, phases)
    if spent is None or not phases[-1][model.due].all():
        return None
    table = model.coverage.toarray()
    worth = early = 0.0
    for t in range(model.periods):
        for k in range(model.value.size):
            rows = [i for i in range(len(table)) if model.group[i] == k]
            held = [i for i in rows if table[i][phases[t]].sum() >= model.need[i]]
            weight = sum(model.weight[i] for i in held)
            if (model.whole[t, k] and len(held) < len(rows)) or weight < model.targets[t, k] - 1e-9:
                return None
            worth += model.worth[t] * model.value[k] * weight
            early += model.worth[t] * weight / max(model.weight[rows].sum(), 1e-9)
    if model.maximise:
        return -round(worth, 9), 0.0
    return round(float(model.price @ np.array(spent)), 9), -round(early, 9)


def _spent(model: MultiPeriodModel, phases: np.ndarray) -> list[float] | None:
    """What is spent in each period; None where that, or the number of stations, is too much."""
    before, left, spent = model.standing, 0.0, []
    for t in range(model.periods):
        paid = sum(model.cost[j] for j in range(model.sites) if phases[t, j] and not before[j])
        if np.isfinite(model.budgets[t]):
            have = model.budgets[t] + (left if model.carry_over else 0.0)
            if paid > have + 1e-9:
                return None
            left = have - paid
        if model.counted and model.limit is not None and (phases[t] & ~model.standing).sum() > model.limit:
            return None
        spent.append(paid)
        before = phases[t]
    if model.limit is not None and not model.counted and sum(spent) > model.limit + 1e-9:
        return None
    return spent


def shuffled(model: MultiPeriodModel, seed: int) -> MultiPeriodModel:
    """The same with its sites in another order."""
    order = np.random.default_rng(seed).permutation(model.sites)
    given = {name: getattr(model, name)[order] for name in ("cost", "standing", "closed", "due")}
    return replace(model, coverage=csr_array(model.coverage.toarray()[:, order]), **given)
