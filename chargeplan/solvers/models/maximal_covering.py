"""Maximal covering: the most weight that a number of stations, or a budget, can serve."""

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
def maximal_covering(
    coverage: ArrayLike | csr_array,
    weight: ArrayLike,
    stations: int | None = None,
    budget: float | None = None,
    cost: ArrayLike | None = None,
    **keywords: Unpack[EngineKeywords],
) -> Solution:
    """Find the stations that serve the most weight.

    Parameters
    ----------
    coverage
        (N, M) relation, dense or sparse: which of M sites serve which of N demand points.
    weight
        (N,) weight of each demand point.
    stations
        How many stations at most, required ones included. Give this or `budget`.
    budget
        How much the stations may cost together, required ones included.
    cost
        (M,) cost of a station at each site, 1 by default; for `budget`.

    Returns
    -------
    Solution
        Its `objective` is the weight served.

    Raises
    ------
    InputError
        An argument of the wrong shape or range; both or neither of `stations` and `budget`.

    References
    ----------
    Church & ReVelle (1974), The maximal covering location problem.
    """
    asked = Asked(**keywords)
    relation = checked_coverage(coverage)
    n_rows, n_sites = relation.shape
    opened, closed = asked.given(n_sites)
    if (stations is None) == (budget is None):
        raise InputError("give either stations or budget")
    costs = checked_vector(cost, n_sites, "cost")
    model = CoveringModel(
        coverage=relation,
        need=np.ones(n_rows, np.int64),
        must=np.zeros(n_rows, np.bool_),
        value=checked_vector(weight, n_rows, "weight"),
        group=np.full(n_rows, -1),
        weight=np.zeros(n_rows),
        targets=np.empty(0),
        cost=np.zeros(n_sites),
        usage=costs if stations is None else np.ones(n_sites),
        limit=_checked_limit(stations, budget),
        opened=opened,
        closed=closed,
        maximise=True,
    )
    solution = solve(model, asked.limits, **asked.listening)
    return replace(solution, assignment=first_server(relation, solution.selected))


def _checked_limit(stations: int | None, budget: float | None) -> float:
    limit = float(stations if stations is not None else budget or 0.0)
    if not 0.0 <= limit < np.inf:
        raise InputError(f"{'budget' if stations is None else 'stations'} is {limit}; it must be 0 or more")
    return limit
