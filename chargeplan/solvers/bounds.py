"""Proven bounds: the LP relaxation, turned into a certificate on the original rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.backends import glop
from chargeplan.solvers.certificate import DualCertificate, certify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.events import Cancel
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.reduction import Reduction


_BUILT = 500_000  # entries of a linear program that are written down and read in a second, at the least


@dataclass(frozen=True)
class Relaxation:
    """Multipliers of an LP relaxation.

    Parameters
    ----------
    duals
        (R,) multipliers of the rows as ``>=`` rows of a minimisation, so not negative up to rounding.
    """

    duals: NDArray[np.float64]


def relax(
    model: CoveringModel, time_limit: float | None = None, cancel: Cancel | None = None
) -> Relaxation | None:
    """Solve the LP relaxation of a covering model.

    Parameters
    ----------
    model
        The model; what is integral is let go.
    time_limit
        Seconds; None for none.
    cancel
        Asked now and then whether to stop.

    Returns
    -------
    Relaxation or None
        With the optimal multipliers, or those that were known when the limit ended it; None where there are
        none, as where writing the program down would take all the time.

    Raises
    ------
    BackendCrashed
        The solver's process ended without an answer.
    """
    if time_limit is not None and model.coverage.nnz > _BUILT * time_limit:
        return None
    program = model.matrix()
    upper = program.upper
    if (model.need == 1).all():
        # No LP optimum needs a site more than once; without the limit the multipliers never pay a site more
        # than it costs, and so hold for the sites that reduction dropped as well.
        upper = np.where(np.arange(upper.size) < model.cost.size, np.inf, upper)
    linear = replace(
        program,
        objective=-program.objective if program.maximise else program.objective,
        upper=upper,
        integral=np.zeros(upper.size, np.bool_),
        maximise=False,
    )
    duals = glop.multipliers(linear, time_limit, cancel)
    if duals is None or not np.isfinite(duals).all():
        return None
    return Relaxation(np.where(np.isfinite(program.row_upper), -duals, duals))


def multipliers(
    model: CoveringModel, relaxation: Relaxation
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Sort multipliers: of the rows, (N,), of the targets, (K,), and of the limit."""
    n_rows, n_must = model.need.size, int(model.must.sum())
    duals = np.maximum(relaxation.duals, 0.0)
    rows = np.empty(n_rows)
    rows[model.must], rows[~model.must] = duals[:n_must], duals[n_must:n_rows]
    limit = float(duals[-1]) if model.limit is not None else 0.0
    return rows, duals[n_rows : n_rows + model.targets.size], limit


def lp_certificate(reduction: Reduction, relaxation: Relaxation) -> DualCertificate:
    """Carry the LP's multipliers over to the original model.

    Parameters
    ----------
    reduction
        Whose reduced model was relaxed.
    relaxation
        Of ``reduction.model``.

    Returns
    -------
    DualCertificate
        Rows that were merged share their multiplier by what they are worth; rows that were dropped get 0,
        which stays valid since a site dropped as dominated serves no more kept rows, at no less cost, than
        the one that replaces it.
    """
    reduced, original = reduction.model, reduction.original
    multiplier, targets, limit = multipliers(reduced, relaxation)
    rows = _spread(reduction, multiplier, targets)
    rows[reduction.forcing] = _prices(reduction, limit)
    return certify(original, rows, targets, limit)


def _spread(
    reduction: Reduction, multiplier: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share each reduced row's multiplier among the original rows it stands for."""
    original, merged = reduction.original, reduction.merged
    rows = np.zeros(original.need.size)
    rows[reduction.rows] = multiplier
    soft = np.flatnonzero(~original.must & (merged >= 0))
    shared = worth(original, targets)[soft]
    total = np.bincount(merged[soft], weights=shared, minlength=multiplier.size)[merged[soft]]
    rows[soft] = np.divide(multiplier[merged[soft]] * shared, total, out=np.zeros(soft.size), where=total > 0)
    # A row out of reach never holds: the multiplier that cancels its worth costs least.
    hopeless = ~original.must & original.unreachable()
    rows[hopeless] = (worth(original, targets) / original.need)[hopeless]
    return rows


def _prices(reduction: Reduction, limit: float) -> NDArray[np.float64]:
    """Multipliers of the rows that left no choice: enough to pay for the dearest site they forced open."""
    original = reduction.original
    price = (original.cost + limit * original.usage) * (reduction.opened & ~original.opened)
    forcing = original.coverage[reduction.forcing]
    return np.asarray(forcing.multiply(price[None, :]).max(axis=1).toarray()).ravel()


def worth(model: CoveringModel, targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each row is worth that need not hold, (N,), for multipliers of the targets, (K,)."""
    of_rows = model.value.copy() if model.maximise else np.zeros(model.need.size)
    grouped = model.group >= 0
    of_rows[grouped] += targets[model.group[grouped]] * model.weight[grouped]
    return of_rows
