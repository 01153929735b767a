"""Why a problem has no plan, what would give it one, and the plan for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import WrongAnswer
from chargeplan.plan.record import InfeasibleRecord
from chargeplan.planning.radius_needed import radius_needed
from chargeplan.planning.station_costs import limit_of
from chargeplan.units import format_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.planning.formulate import Formulation
    from chargeplan.problem import Problem, Standard
    from chargeplan.scenario import Objective
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.solution import Solution


def without_unreachable(model: CoveringModel) -> CoveringModel:
    """Ask only for what the permitted sites can serve.

    Parameters
    ----------
    model
        Perhaps with rows or targets that no choice of sites can satisfy.

    Returns
    -------
    CoveringModel
        The same without those rows, and with those targets at what can be reached.
    """
    unreachable = model.unreachable()
    return replace(
        model,
        must=model.must & ~unreachable,
        targets=np.minimum(model.targets, model.group_weights(~unreachable)),
    )


def as_far_as_possible(model: CoveringModel) -> CoveringModel:
    """Turn rows and targets that the limit cannot satisfy together into value that comes before all other.

    Parameters
    ----------
    model
        A maximising model.
    """
    first = float(model.value.sum()) + 1.0
    grouped = model.group >= 0
    value = model.value + np.where(model.must, first, 0.0)
    weight = model.weight[grouped]
    value[grouped] += first * weight / weight[weight > 0].min(initial=np.inf)
    nobody = np.zeros(model.must.size, np.bool_)
    return replace(model, must=nobody, value=value, targets=np.empty(0), group=np.full(model.group.size, -1))


@dataclass(frozen=True)
class LeastLimit:
    """What is known of the smallest limit that satisfies every row and target.

    Parameters
    ----------
    known
        Usage of a plan that satisfies them; None where none was found.
    proven
        No smaller usage does; None where nothing is proven.
    """

    known: float | None
    proven: float | None

    def beside(self, taken: float) -> LeastLimit:
        """Count what every plan takes besides."""
        known, proven = (None if value is None else value + taken for value in (self.known, self.proven))
        return LeastLimit(known, proven)


def least_limit(model: CoveringModel, attempt: Callable[[CoveringModel], Solution]) -> LeastLimit:
    """Find the smallest number of stations, or budget, that satisfies every row and target.

    Parameters
    ----------
    model
        A maximising model whose limit is too small.
    attempt
        Solves a model within limits; both figures are as good as it gets.

    Raises
    ------
    WrongAnswer
        The limit is not too small.
    """
    nothing = np.zeros(model.value.size)
    found = attempt(replace(model, maximise=False, cost=model.usage, limit=None, value=nothing))
    limit = math.inf if model.limit is None else model.limit
    if found.objective is not None and found.objective <= limit * (1 + 1e-12):
        raise WrongAnswer(
            f"{limit:g} was called too little for the required standards; {found.objective:g} does"
        )
    return LeastLimit(found.objective, found.bound)


def explain(problem: Problem, formulation: Formulation, least: LeastLimit | None) -> InfeasibleRecord:
    """Say why the required standards cannot be met and what would make it possible.

    Parameters
    ----------
    problem, formulation
        What was asked.
    least
        The smallest limit that would do, where the limit is the reason.

    Returns
    -------
    InfeasibleRecord
        With the smallest radius of every required standard, whether it can hold or not.
    """
    model = formulation.model
    unreachable = model.unreachable()
    counts: dict[str, int] = {}
    radius: dict[str, float | None] = {}
    reasons: list[str] = []
    for standard, rows, group in zip(problem.standards, formulation.rows, formulation.groups, strict=True):
        if not standard.required:
            continue
        blocked = unreachable[rows]
        radius[standard.name] = radius_needed(standard, problem.sites, ~blocked)
        short = group is not None and _reach(model, group, unreachable) < model.targets[group] * (1 - 1e-12)
        if blocked.any() and (short or model.must[rows][blocked].any()):
            counts[standard.name] = int(blocked.sum())
            reasons.append(_reason(standard, blocked, radius[standard.name]))
    asked = limit_of(problem.scenario.objective)
    if least is not None:
        reasons.append(_limit_reason(problem.scenario.objective, asked, least))
    return InfeasibleRecord(
        reasons=reasons,
        uncoverable=counts,
        radius_needed_m=radius,
        limit=None if least is None else asked,
        limit_needed=None if least is None else least.known,
        limit_at_least=None if least is None else least.proven,
    )


def _reach(model: CoveringModel, group: int, unreachable: NDArray[np.bool_]) -> float:
    return float(model.group_weights(~unreachable)[group])


def _reason(standard: Standard, blocked: NDArray[np.bool_], radius: float | None) -> str:
    count, weight = int(blocked.sum()), standard.points.weight
    are = "demand point is" if count == 1 else "demand points are"
    reason = f"{standard.name}: {count:,} {are} out of reach of enough permitted sites"
    if standard.share < 1.0:
        most = float(weight[~blocked].sum() / weight.sum())
        reason += (
            f", the others are {format_share(most)} of the weight and {format_share(standard.share)} is asked"
        )
    if radius is None:
        return f"{reason}; with these sites no radius would do"
    more = "more than " if standard.strict else ""
    return f"{reason}; with these sites a radius of {more}{_rounded_up(radius)} would do"


def _rounded_up(metres: float) -> str:
    """Write a length to the next centimetre, so that whoever types it has enough."""
    centimetres = math.ceil(metres * 100)
    if centimetres < 100_000:
        return f"{centimetres / 100:.2f}".rstrip("0").rstrip(".") + " m"
    return f"{centimetres / 100_000:,.5f}".rstrip("0").rstrip(".") + " km"


def _limit_reason(asked: Objective, limit: float | None, least: LeastLimit) -> str:
    """Say what is too little, what is known to do, and what is proven not to."""

    def amount(value: float | None) -> str:
        figure = f"{value or 0.0:,.10g}"
        return f"a budget of {figure}" if asked.budget is not None else f"{figure} new stations"

    reason = f"{amount(limit)} cannot keep the required standards"
    if least.known is None:
        enough = "what would do was not found in the time"
    elif least.proven is not None and least.proven >= least.known * (1 - 1e-9):
        return f"{reason}; {amount(least.known)} can, and no less"
    else:
        enough = f"{amount(least.known)} can"
    if least.proven is None or limit is None or least.proven <= limit:
        return f"{reason}; {enough}"
    return f"{reason}; {enough}, and less than {amount(least.proven)} is proven not to"
