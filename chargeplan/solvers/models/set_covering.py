"""Set covering: the fewest or cheapest stations that serve the demand; also in part, also with backup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np

from chargeplan.errors import InputError
from chargeplan.solvers.engine import solve
from chargeplan.solvers.models.arrays import checked_coverage, checked_vector, first_server
from chargeplan.solvers.models.covering import CoveringModel
from chargeplan.solvers.models.keywords import Asked, takes_engine_keywords

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from scipy.sparse import csr_array

    from chargeplan.solvers.models.keywords import EngineKeywords
    from chargeplan.solvers.solution import Solution


@takes_engine_keywords
def set_covering(
    coverage: ArrayLike | csr_array,
    cost: ArrayLike | None = None,
    share: float = 1.0,
    weight: ArrayLike | None = None,
    backup: int = 1,
    **keywords: Unpack[EngineKeywords],
) -> Solution:
    """Find the cheapest stations that serve the demand points.

    Parameters
    ----------
    coverage
        (N, M) relation, dense or sparse: which of M sites serve which of N demand points.
    cost
        (M,) cost of a station at each site, 1 by default.
    share
        Share of the whole weight that must be served, greater than 0 and at most 1.
    weight
        (N,) weight of each demand point, 1 by default.
    backup
        How many stations have to serve a demand point for it to count as served.

    Returns
    -------
    Solution
        Its `objective` is the total cost. Infeasible where the sites cannot serve that share;
        `uncoverable` then holds the demand points that stand in the way of a full share.

    Raises
    ------
    InputError
        An argument of the wrong shape or range.

    References
    ----------
    Toregas, Swain, ReVelle & Bergman (1971), The location of emergency service facilities.
    Hogan & ReVelle (1986), Concepts and applications of backup coverage.
    """
    asked = Asked(**keywords)
    relation = checked_coverage(coverage)
    n_rows, n_sites = relation.shape
    opened, closed = asked.given(n_sites)
    if not 0.0 < share <= 1.0:
        raise InputError(f"share is {share}; it must be greater than 0 and at most 1")
    if backup < 1:
        raise InputError(f"backup is {backup}; it must be at least 1")
    weights = checked_vector(weight, n_rows, "weight")
    must = np.full(n_rows, share == 1.0)
    model = CoveringModel(
        coverage=relation,
        need=np.full(n_rows, backup),
        must=must,
        value=np.zeros(n_rows),
        group=np.where(must, -1, 0),
        weight=weights,
        targets=np.empty(0) if share == 1.0 else np.array([share * weights.sum()]),
        cost=checked_vector(cost, n_sites, "cost"),
        usage=np.zeros(n_sites),
        limit=None,
        opened=opened,
        closed=closed,
        maximise=False,
    )
    solution = solve(model, asked.limits, **asked.listening)
    return replace(solution, assignment=first_server(relation, solution.selected))
