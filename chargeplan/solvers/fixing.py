"""Sites that no better plan opens: reduced-cost fixing (Balas & Martin 1980)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.bounds import multipliers, worth
from chargeplan.solvers.reduction import reduce

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.bounds import Relaxation
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.reduction import Reduction

_ROUNDING = 1e-11  # part of the sums that their rounding may be off by


@dataclass(frozen=True)
class Proven:
    """What multipliers prove of a model, minimised: values count negative.

    Parameters
    ----------
    bound
        No plan has less; sums of floats that may have rounded are put on the safe side.
    price
        (M,) a plan with a site has its price more, where that is not negative.
    """

    bound: float
    price: NDArray[np.float64]


def proven(model: CoveringModel, relaxation: Relaxation) -> Proven:
    """Compute what multipliers prove.

    Parameters
    ----------
    model
        A model without given sites.
    relaxation
        Multipliers of its rows.
    """
    rows, targets, limit = multipliers(model, relaxation)
    price = limit * model.usage - model.coverage.astype(np.float64).T @ rows
    price += 0.0 if model.maximise else model.cost
    terms = [
        (model.need * rows)[model.must],
        targets * model.targets,
        np.array([-limit * (model.limit or 0.0)]),
        np.minimum(0.0, model.need * rows - worth(model, targets))[~model.must],
        np.minimum(0.0, price),
    ]
    rounding = _ROUNDING * sum(float(np.abs(term).sum()) for term in terms)
    return Proven(sum(float(term.sum()) for term in terms) - rounding, price)


def without_dear_sites(
    model: CoveringModel,
    relaxation: Relaxation,
    plan: NDArray[np.bool_],
    stop: Callable[[], bool] = lambda: False,
) -> Reduction:
    """Close the sites that only plans worse than a known one open, and reduce what is left.

    Parameters
    ----------
    model
        A reduced model: no site is given.
    relaxation
        Multipliers that prove a bound of it. A plan with a site of price r is worse than the bound by r.
    plan
        (M,) bool, a plan that the model allows.
    stop
        Asked on the way whether to stop: what is left is then larger than it need be.

    Returns
    -------
    Reduction
        Of the model, with the same optimum.
    """
    known = proven(model, relaxation)
    objective = model.objective(plan) * (-1.0 if model.maximise else 1.0)
    dear = known.price > max(objective - known.bound, 0.0)
    return reduce(replace(model, closed=model.closed | (dear & ~plan)), stop)
