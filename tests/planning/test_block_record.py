"""certificate.json holds the blocks that prove a bound, in the scenario's own words."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit.blocks import block_bound
from chargeplan.errors import InputError
from chargeplan.planning.cover import cover
from chargeplan.planning.formulate import formulate
from chargeplan.planning.proof import certificate_record
from chargeplan.solvers import backends
from chargeplan.solvers.block_certificate import BlockCertificate
from chargeplan.solvers.blocks import BlockBound
from chargeplan.solvers.bounds import lp_certificate, relax
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.solution import Solution

if TYPE_CHECKING:
    from chargeplan.planning.formulate import Formulation


@pytest.fixture(scope="module")
def proven() -> tuple[cp.Problem, Formulation, BlockCertificate, dict[str, Any]]:
    """A shipped scenario, its model, blocks that prove a bound of it, and what is written of them."""
    problem = cp.load("xiangtan-2024")
    formulation = formulate(problem, [cover(standard, problem.sites) for standard in problem.standards])
    model = formulation.model
    reduction = reduce(model)
    relaxation = relax(reduction.model)
    blocks = BlockBound(reduction, relaxation)
    blocks.run(1.0, None, lambda: None)
    proof = blocks.certificate()
    solution = Solution(
        "feasible", certificate=lp_certificate(reduction, relaxation), block_certificate=proof
    )
    record = json.loads(json.dumps(certificate_record(problem, formulation, model, solution)))
    return problem, formulation, proof, record


def test_blocks_are_read_back_as_they_were_proven(proven) -> None:
    """Rows by standard and sites by id lead back to the certificate; its bound holds and is proven afresh."""
    problem, formulation, proof, record = proven
    model = formulation.model
    assert record["kind"] == "dual-certificate"
    read = _read(problem, formulation.rows, record["blocks"])
    assert record["bound"] <= read.bound(model) == record["blocks"]["bound"]
    assert read.reprove(model, backends.find("ortools:cp-sat")) == proof.bound(model)


def test_the_audit_adds_up_the_same_bound(proven) -> None:
    """The audit's own arithmetic, with its own coverage, comes to the bound that the record states."""
    problem, _, _, record = proven
    assert block_bound(problem, record["blocks"]) == record["blocks"]["bound"]


def test_a_block_that_claims_more_changes_the_sum(proven) -> None:
    """The audit takes no total as read: what is claimed must be what the blocks add up to."""
    problem, _, _, record = proven
    blocks = copy.deepcopy(record["blocks"])
    blocks["bounds"][0] *= 2
    assert block_bound(problem, blocks) > record["blocks"]["bound"]


TAMPERED = {
    "a share raised": lambda blocks: blocks["shares"]["share"].__setitem__(0, 1 << 50),
    "a share below nothing": lambda blocks: blocks["shares"]["share"].__setitem__(0, -1),
    "a share paid twice": lambda blocks: [part.append(part[0]) for part in blocks["shares"].values()],
    "a site that is not there": lambda blocks: blocks["shares"]["site"].__setitem__(0, "nowhere"),
    "a demand point in two blocks": lambda blocks: [
        part.append(part[0]) for part in next(iter(blocks["rows"].values())).values()
    ],
    "a negative multiplier": lambda blocks: blocks.__setitem__("mu", -1.0),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_tampered_blocks_are_refused(proven, tamper) -> None:
    """Shares, places and multipliers that cannot be are a fault, not a bound."""
    problem, _, _, record = proven
    blocks = copy.deepcopy(record["blocks"])
    tamper(blocks)
    with pytest.raises(InputError):
        block_bound(problem, blocks)


def _read(problem: cp.Problem, slices: tuple[slice, ...], blocks: dict) -> BlockCertificate:
    block = np.full(slices[-1].stop, -1)
    for standard, rows in zip(problem.standards, slices, strict=True):
        told = blocks["rows"][standard.name]
        place = {name: row for row, name in enumerate(standard.points.ids.tolist())}
        block[rows.start + np.array([place[name] for name in told["rows"]], int)] = told["block"]
    site = {name: index for index, name in enumerate(problem.sites.ids.tolist())}
    return BlockCertificate(
        blocks["scale"],
        block,
        np.array([blocks["lambda"][s.name] for s in problem.standards if s.name in blocks["lambda"]]),
        blocks["mu"],
        np.array([site[name] for name in blocks["shares"]["site"]], int),
        np.array(blocks["shares"]["block"], int),
        np.array(blocks["shares"]["share"], int),
        np.array(blocks["bounds"], int),
    )
