"""Block bounds: never above the optimum, at least the LP's, and refused once tampered with."""

from __future__ import annotations

import time
from dataclasses import replace

import brute_force
import numpy as np
import pytest
from random_models import random_model
from scipy.sparse import csr_array

from chargeplan.errors import WrongAnswer
from chargeplan.solvers import backends
from chargeplan.solvers.backends.base import Hooks
from chargeplan.solvers.block_certificate import BlockCertificate
from chargeplan.solvers.blocks import BlockBound
from chargeplan.solvers.bounds import lp_certificate, relax
from chargeplan.solvers.engine import solve
from chargeplan.solvers.exact import Exact, Workers
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.partition import Part, split
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.solution import Limits


def unlimited() -> None:
    """No clock."""


def grid(side: int, seed: int, **parts: object) -> CoveringModel:
    """Demand points and sites on a square, covered within a distance."""
    rng = np.random.default_rng(seed)
    demand, sites = rng.random((30 * side, 2)) * side, rng.random((10 * side, 2)) * side
    near = np.hypot(*(demand[:, None] - sites[None]).transpose(2, 0, 1)) < 2.0
    near = near[near.any(axis=1)]
    return brute_force.covering_model(
        near, **{"cost": rng.integers(60, 160, 10 * side).astype(float)} | parts
    )


def improved(model: CoveringModel, work: float = 3.0, **settings: int) -> BlockBound:
    """A block bound with some work done."""
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    bound = BlockBound(reduction, relaxation, **settings)
    bound.run(work, None, unlimited)
    return bound


@pytest.mark.parametrize("seed", range(6))
def test_a_block_bound_never_exceeds_the_optimum(setting: str, seed: int) -> None:
    """In every setting the certificate's bound is true, and another backend proves its blocks."""
    model = random_model(setting, seed)
    expected = brute_force.best(model).objective
    if expected is None or not reduce(model).model.cost.size:
        return
    bound = improved(model)
    proof = bound.certificate()
    proven = proof.bound(model)
    assert proven >= expected - 1e-9 if model.maximise else proven <= expected + 1e-9
    assert proof.reprove(model, backends.find("ortools:cp-sat")) == proven


@pytest.mark.parametrize("seed", range(6))
def test_blocks_prove_no_less_than_the_lp(seed: int) -> None:
    """The first shares come from the LP's multipliers, so rounding to units is all that can be lost."""
    model = grid(20, seed)
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    bound = BlockBound(reduction, relaxation)
    bound.run(1e-9, None, unlimited)
    assert bound.blocks > 1
    assert bound.bound >= lp_certificate(reduction, relaxation).bound(model) - 1.0


def test_what_is_one_block_in_the_end_proves_the_optimum() -> None:
    """Blocks join until nothing is shared; the bound is then the optimum, and the work ends."""
    model = grid(20, 1)
    bound = improved(model, 1e9)
    assert bound.stalled
    answer = backends.find("ortools:cp-sat").solve(model.matrix(), Limits(), Hooks())
    assert bound.certificate().bound(model) == bound.bound == answer.objective


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["share", "budget"])
def test_blocks_beside_a_coupling_row_beat_the_lp(setting: str) -> None:
    """A share or a budget is paid for by its multiplier; blocks still prove more than the LP."""
    rng = np.random.default_rng(3)
    model = grid(14, 3)
    n_rows, n_sites = model.coverage.shape
    weight = rng.integers(1, 50, n_rows).astype(float)
    nobody = np.zeros(n_rows, bool)
    if setting == "share":
        model = replace(
            model,
            must=nobody,
            group=np.zeros(n_rows, int),
            weight=weight,
            targets=np.array([0.8 * weight.sum()]),
        )
    else:
        model = replace(
            model,
            must=nobody,
            value=weight,
            maximise=True,
            cost=np.zeros(n_sites),
            usage=model.cost,
            limit=1000.0,
        )
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    bound = BlockBound(reduction, relaxation)
    bound.run(6.0, None, unlimited)
    optimum = backends.find("ortools:cp-sat").solve(model.matrix(), Limits(), Hooks()).objective
    lp = lp_certificate(reduction, relaxation).bound(model)
    proven = bound.certificate().bound(model)
    assert lp > proven >= optimum if model.maximise else lp < proven <= optimum


def test_the_bytes_are_the_same_whatever_the_threads() -> None:
    """Blocks are solved in any order, and shares moved in one."""
    model = grid(20, 2)
    one, two = (improved(model, 5.0, threads=threads).certificate() for threads in (1, 2))
    for field in ("block", "site", "part", "share", "bounds", "targets"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


def test_work_given_in_pieces_is_work_given_at_once() -> None:
    """A bound that is improved now and then is the bound that is improved without a break."""
    model = grid(20, 4)
    now_and_then = improved(model, 1e-9)
    while now_and_then.run(1e-9, None, unlimited) and not now_and_then.stalled:
        if now_and_then.spent >= 3.0:
            break
    at_once = improved(model, 1e-9)
    at_once.run(3.0 - at_once.spent, None, unlimited)
    assert at_once.bound == now_and_then.bound


def test_a_clock_that_has_run_out_leaves_what_the_multipliers_prove() -> None:
    """Blocks that were not solved count with what the LP's multipliers say of them."""
    model = grid(20, 5)
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    bound = BlockBound(reduction, relaxation)
    assert bound.bound is None
    assert bound.run(10.0, None, lambda: 0.0) == 0.0
    lp = lp_certificate(reduction, relaxation).bound(model)
    assert lp - 1.0 <= bound.certificate().bound(model) == bound.bound <= lp


@pytest.mark.parametrize("seed", range(6))
def test_what_multipliers_prove_of_a_block_is_true(setting: str, seed: int) -> None:
    """In every setting, blocks that nobody solved are claimed no dearer than another backend proves them."""
    model = random_model(setting, seed)
    if brute_force.best(model).objective is None or not reduce(model).model.cost.size:
        return
    reduction = reduce(model)
    bound = BlockBound(reduction, relax(reduction.model))
    bound.run(10.0, None, lambda: 0.0)
    assert bound.certificate().reprove(model, backends.find("ortools:cp-sat")) == bound.bound


def test_blocks_that_were_solved_before_the_clock_ran_out_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that is cut in its midst proves more than no round and less than a whole one, and goes on."""
    model = grid(20, 5)
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    none, some, every = (BlockBound(reduction, relaxation) for _ in range(3))
    none.run(1e-9, None, lambda: 0.0)
    every.run(1e-9, None, unlimited)
    solve_one, left = Workers.solve, iter(range(every.blocks // 2))

    def solve_a_few(self: Workers, *args: object, **keywords: object) -> Exact:
        if next(left, None) is None:
            self.cut = True
            return Exact(None, None, 0.0)
        return solve_one(self, *args, **keywords)

    monkeypatch.setattr(Workers, "solve", solve_a_few)
    some.run(1e-9, None, unlimited)
    assert none.bound < some.bound < every.bound
    assert some.certificate().reprove(model, backends.find("ortools:cp-sat")) == some.bound
    monkeypatch.undo()
    some.run(1e-9, None, unlimited)
    assert some.bound == every.bound


PROOF = improved(grid(20, 6), 5.0)


def tampered(name: str, proof: BlockCertificate) -> BlockCertificate:
    first = np.arange(proof.share.size) == 0
    again = {field: np.append(getattr(proof, field), getattr(proof, field)[0]) for field in ("site", "part")}
    changed: dict[str, dict[str, object]] = {
        "share": {"share": proof.share + first},
        "negative": {"share": np.where(first, -1, proof.share)},
        "twice": again | {"share": np.append(proof.share, 0)},
        "block": {"block": proof.block + proof.bounds.size},
        "site": {"site": proof.site + 10_000},
        "multiplier": {"targets": np.array([1.0])},
        "limit": {"limit": 1.0},
        "scale": {"scale": -1},
    }
    return replace(proof, **changed[name])


@pytest.mark.parametrize(
    "name", ["share", "negative", "twice", "block", "site", "multiplier", "limit", "scale"]
)
def test_arithmetic_refuses_what_does_not_add_up(name: str) -> None:
    """Shares above a price, blocks and sites that are not there: none needs a solver to be refused."""
    with pytest.raises(WrongAnswer, match="a block certificate"):
        tampered(name, PROOF.certificate()).bound(PROOF.reduction.original)


def test_a_bound_that_no_block_has_is_refused_by_solving() -> None:
    """A block's bound raised by one unit adds up, and is refuted by its own optimum."""
    proof, model = PROOF.certificate(), PROOF.reduction.original
    bounds = proof.bounds.copy()
    bounds[0] += 1
    with pytest.raises(WrongAnswer, match="block 0"):
        replace(proof, bounds=bounds).reprove(model, backends.find("ortools:cp-sat"))


def test_a_row_moved_to_another_block_is_refused_by_solving() -> None:
    """With its rows gone, a block is cheaper than claimed."""
    proof, model = PROOF.certificate(), PROOF.reduction.original
    with pytest.raises(WrongAnswer, match="proves only"):
        replace(proof, block=np.where(proof.block == 0, -1, proof.block)).reprove(
            model, backends.find("ortools:cp-sat")
        )


def test_a_partition_names_every_row_once() -> None:
    """Parts halve until they are light enough; rows that no site connects part first."""
    relation = csr_array(np.kron(np.eye(2), np.tri(20) - np.tri(20, k=-3)).astype(bool))
    whole = split(relation, np.ones(40), 5.0)

    def leaves(part: Part) -> list[Part]:
        return [part] if part.halves is None else [leaf for half in part.halves for leaf in leaves(half)]

    assert sorted(np.concatenate([leaf.rows for leaf in leaves(whole)]).tolist()) == list(range(40))
    assert all(leaf.rows.size <= 5 for leaf in leaves(whole))
    assert {tuple(half.rows // 20) for half in whole.halves} == {(0,) * 20, (1,) * 20}


def leave_all_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prices close no site: maps as small as these would be solved by them alone."""
    monkeypatch.setattr("chargeplan.solvers.engine.without_dear_sites", lambda model, *_: reduce(model))


def test_the_engine_proves_by_blocks_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a map, what no backend proves at once is proven block by block, whatever the threads."""
    leave_all_sites(monkeypatch)
    monkeypatch.setattr("chargeplan.solvers.engine._FIRST_TRY", 1e-3)
    model = grid(26, 7)
    one, two = (solve(model, Limits(work_limit=20.0, threads=threads)) for threads in (1, 2))
    assert one.bound_kind == "block-certificate"
    assert one.block_certificate.bound(model) == one.bound <= one.objective
    assert one.bound > one.certificate.bound(model)
    assert one.reproducible
    assert (one.objective, one.bound) == (two.objective, two.bound)
    np.testing.assert_array_equal(one.selected, two.selected)
    np.testing.assert_array_equal(one.block_certificate.share, two.block_certificate.share)


def test_blocks_of_a_run_that_is_cut_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock ends a run in the midst of blocks; plan and bound are what was known."""
    leave_all_sites(monkeypatch)
    monkeypatch.setattr("chargeplan.solvers.engine._FIRST_TRY", 1e-3)
    began = time.monotonic()
    solution = solve(grid(60, 8), Limits(time_limit=2.0))
    assert time.monotonic() - began < 30.0
    assert solution.bound <= solution.objective
    assert not solution.reproducible or solution.status == "optimal"
