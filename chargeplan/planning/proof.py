"""A certificate in the scenario's own words: standards and demand points instead of row numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.planning.formulate import Formulation
    from chargeplan.problem import Problem, Standard
    from chargeplan.solvers.block_certificate import BlockCertificate
    from chargeplan.solvers.certificate import DualCertificate
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Solution


def certificate_record(
    problem: Problem, formulation: Formulation, model: CoveringModel, solution: Solution
) -> dict[str, Any]:
    """Write down what proves the bound.

    Parameters
    ----------
    problem, formulation
        What was asked.
    model
        The model that was solved: the formulation's, or what was left of it.
    solution
        With its certificate.

    Returns
    -------
    dict
        For certificate.json: ``kind``, ``bound``, and for a dual certificate ``scale`` (multipliers are
        integers in units of 2^-scale), ``u`` (by standard, the demand points with a multiplier above 0),
        ``lambda`` (by standard with a share) and ``mu`` (of the limit). Where the bound is a backend's word,
        the best certificate stands beside it with the bound that it proves itself. Where blocks prove more,
        ``blocks`` holds them: ``scale``, ``backend`` (who proved them), ``bounds`` (of each block), ``rows``
        (by standard, the block of each demand point that is in one), ``shares`` (what an open site pays in a
        block), ``lambda`` and ``mu``.
    """
    certificate: DualCertificate | None = solution.certificate
    if certificate is None:
        bound = None if solution.bound is None else solution.bound + formulation.paid
        return {"kind": solution.bound_kind, "bound": bound}
    named = zip(problem.standards, formulation.rows, formulation.groups, strict=True)
    parts = [(standard, rows, group) for standard, rows, group in named]
    record = {
        "kind": "dual-certificate",
        "bound": certificate.bound(model) + formulation.paid,
        "scale": certificate.scale,
        "u": {
            standard.name: multipliers_by_id(standard.points.ids, certificate.rows[rows])
            for standard, rows, _ in parts
        },
        "lambda": {
            standard.name: int(certificate.targets[group])
            for standard, _, group in parts
            if group is not None and certificate.targets.size
        },
        "mu": certificate.limit,
    }
    if solution.block_certificate is not None:
        record["blocks"] = _blocks(problem, formulation, model, solution.block_certificate)
    return record


def _blocks(
    problem: Problem, formulation: Formulation, model: CoveringModel, certificate: BlockCertificate
) -> dict[str, Any]:
    named = list(zip(problem.standards, formulation.rows, formulation.groups, strict=True))
    return {
        "bound": certificate.bound(model) + formulation.paid,
        "scale": certificate.scale,
        "backend": certificate.backend,
        "bounds": certificate.bounds.tolist(),
        "rows": {standard.name: _places(standard, certificate.block[rows]) for standard, rows, _ in named},
        "shares": {
            "site": problem.sites.ids[certificate.site].tolist(),
            "block": certificate.part.tolist(),
            "share": certificate.share.tolist(),
        },
        "lambda": {
            standard.name: float(certificate.targets[group])
            for standard, _, group in named
            if group is not None and certificate.targets.size
        },
        "mu": certificate.limit,
    }


def _places(standard: Standard, block: NDArray[np.int64]) -> dict[str, list[Any]]:
    used = np.flatnonzero(block >= 0)
    return {"rows": standard.points.ids[used].tolist(), "block": block[used].tolist()}


def multipliers_by_id(
    ids: NDArray[np.object_], values: NDArray[np.int64], word: str = "rows"
) -> dict[str, list[Any]]:
    """Write down multipliers that are not 0, each beside the id that it belongs to.

    Parameters
    ----------
    ids, values
        (N,) each.
    word
        What the ids stand under.
    """
    used = np.flatnonzero(values)
    return {word: ids[used].tolist(), "value": values[used].tolist()}


def service(points: NDArray[np.object_], sites: NDArray[np.object_], flow: csr_array) -> dict[str, list[Any]]:
    """Name who serves what share of each demand point that takes room.

    Parameters
    ----------
    points, sites
        (N,) and (M,) ids.
    flow
        (N, M) shares.
    """
    own = flow.tocoo()
    return {
        "demand": points[own.coords[0]].tolist(),
        "station": sites[own.coords[1]].tolist(),
        "share": own.data.tolist(),
    }
