"""certificate.json holds the blocks that prove a bound, in the scenario's own words."""

from __future__ import annotations

import json

import numpy as np

import chargeplan as cp
from chargeplan.planning.cover import cover
from chargeplan.planning.formulate import formulate
from chargeplan.planning.proof import certificate_record
from chargeplan.solvers import backends
from chargeplan.solvers.block_certificate import BlockCertificate
from chargeplan.solvers.blocks import BlockBound
from chargeplan.solvers.bounds import lp_certificate, relax
from chargeplan.solvers.reduction import reduce
from chargeplan.solvers.solution import Solution


def test_blocks_are_read_back_as_they_were_proven() -> None:
    """Rows by standard and sites by id lead back to the certificate; its bound holds and is proven afresh."""
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
    assert record["kind"] == "dual-certificate"
    read = _read(problem, formulation.rows, record["blocks"])
    assert record["bound"] <= read.bound(model) == record["blocks"]["bound"]
    assert read.reprove(model, backends.find("ortools:cp-sat")) == proof.bound(model)


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
