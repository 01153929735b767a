"""Blocks at random, proven by trying every choice: what they add up to is never better than the best plan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from chargeplan.audit.blocks import BlockProof
from chargeplan.audit.reprove import Finding, reprove

SCALE = 10
PURE = ["cost", "closing", "stations", "backup", "states", "own distances"]
COUPLED = ["share", "tight share", "aims", "two aims", "share beside an aim"]


def every_choice(block):
    """Open every set of the block's sites; rows that then hold are taken."""
    n_sites = int((block.cost > 0).sum())
    best, values = None, None
    for choice in itertools.product([0, 1], repeat=n_sites):
        sites = np.array(choice, np.int64)
        slack = block.rows[:, :n_sites] @ sites - block.least
        need = -block.rows[:, n_sites:].sum(axis=0)
        asked = slack[slack.size - need.size :] >= need
        if (slack[: slack.size - need.size] < 0).any():
            continue
        x = np.concatenate((sites, asked)).astype(float)
        price = float(block.cost @ x)
        if best is None or price < best:
            best, values = price, x
    return Finding(best, values)


def divided(problem, blocks, rng, lam, mu):
    """Rows in blocks at random, some in none, and prices shared at random, not always in full."""
    sites, asked = problem.sites, problem.scenario.objective
    new = sites.status != "existing"
    saved = np.maximum(sites.keep - sites.close, 0.0)
    price = {"cost": np.where(new, sites.cost, saved), "stations": new * 1.0, None: new * 0.0}[asked.minimise]
    if asked.maximise:
        price = mu * (new * sites.cost if asked.budget is not None else new * 1.0)
    units = np.floor(price * (1 << SCALE)).astype(int)
    units[sites.status == "required"] = 0
    share = rng.dirichlet(np.ones(blocks), len(sites)) * (rng.random((len(sites), 1)) < 0.8) * units[:, None]
    site, block = (
        np.nonzero(share.astype(int)) if blocks > 1 else (np.flatnonzero(units), units[units > 0] * 0)
    )
    paid = share.astype(int)[site, block] if blocks > 1 else units[site]
    rows = {}
    for standard in problem.standards:
        home = rng.integers(-1 if blocks > 1 else 0, blocks, len(standard.points))
        inside = home >= 0
        rows[standard.name] = {"rows": standard.points.ids[inside].tolist(), "block": home[inside].tolist()}
    return {
        "bound": 0.0, "scale": SCALE, "bounds": [0] * blocks, "rows": rows,
        "shares": {"site": sites.ids[site].tolist(), "block": block.tolist(), "share": paid.tolist()},
        "lambda": {standard.name: lam for standard in problem.standards}, "mu": mu,
    }  # fmt: skip


@pytest.mark.parametrize("name", PURE + COUPLED)
def test_no_plan_is_better_than_its_blocks(cases, oracle, tmp_path, name):
    """Shares, backups, given sites, aims and limits: whatever the shares and multipliers, the bound holds."""
    case = cases[name]()
    problem, best = case.problem(tmp_path), oracle(case).solve()[0]
    rng = np.random.default_rng(7)
    sign = -1 if problem.scenario.objective.maximise else 1
    bounds = []
    for blocks in (2, 3, 5):
        told = divided(
            problem, blocks, rng, lam=float(rng.choice([0.0, 0.01, 0.1])), mu=float(rng.random() * 20)
        )
        told["mu"] = told["mu"] if problem.scenario.objective.maximise else 0.0
        again = reprove(BlockProof.read(problem, told), every_choice)
        bounds.append(float(again.bound))
        assert sign * again.bound <= sign * best + 1e-9 * abs(best)
    assert len(set(bounds)) > 1  # they say something


@pytest.mark.parametrize("name", PURE)
def test_one_block_that_is_paid_in_full_is_the_problem(cases, oracle, tmp_path, name):
    """All rows in one block, all prices paid there: it proves the optimum."""
    case = cases[name]()
    problem = case.problem(tmp_path)
    told = divided(problem, 1, np.random.default_rng(0), lam=0.0, mu=0.0)
    assert reprove(BlockProof.read(problem, told), every_choice).bound == oracle(case).solve()[0]
