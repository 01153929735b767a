"""Why a problem has no plan, what would give it one, and the plan for the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.plan.record import InfeasibleRecord
from chargeplan.planning.serve import distance_to_last_needed
from chargeplan.units import format_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.planning.formulate import Formulation
    from chargeplan.problem import Problem
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


def least_limit(model: CoveringModel, attempt: Callable[[CoveringModel], Solution]) -> float | None:
    """Find a number of stations, or a budget, that is known to satisfy every row and target.

    Parameters
    ----------
    model
        A maximising model whose limit is too small.
    attempt
        Solves a model.

    Returns
    -------
    float or None
        The usage of a plan that satisfies them; None where the search finds none.
    """
    nothing = np.zeros(model.value.size)
    return attempt(replace(model, maximise=False, cost=model.usage, limit=None, value=nothing)).objective


def explain(problem: Problem, formulation: Formulation, permitted_need: float | None) -> InfeasibleRecord:
    """Say why the required standards cannot be met and what would make it possible.

    Parameters
    ----------
    problem, formulation
        What was asked.
    permitted_need
        A limit that is known to do, where the limit is the reason.
    """
    model = formulation.model
    unreachable = model.unreachable()
    counts: dict[str, int] = {}
    radius: dict[str, float | None] = {}
    reasons: list[str] = []
    for standard, rows, group in zip(problem.standards, formulation.rows, formulation.groups, strict=True):
        blocked = unreachable[rows]
        short = group is not None and _reach(model, group, unreachable) < model.targets[group] * (1 - 1e-12)
        if not standard.required or not blocked.any() or not (short or model.must[rows][blocked].any()):
            continue
        counts[standard.name] = int(blocked.sum())
        last = distance_to_last_needed(standard, problem.sites, problem.sites.status != "forbidden")
        radius[standard.name] = _radius_needed(last, standard.points.weight, standard.share)
        reasons.append(_reason(standard.name, counts[standard.name], radius[standard.name]))
    if permitted_need is not None or not reasons:
        reasons.append(_limit_reason(model.limit, permitted_need))
    return InfeasibleRecord(
        reasons=reasons,
        uncoverable=counts,
        radius_needed_m=radius,
        limit=model.limit if permitted_need is not None else None,
        limit_needed=permitted_need,
    )


def _reach(model: CoveringModel, group: int, unreachable: NDArray[np.bool_]) -> float:
    return float(model.group_weights(~unreachable)[group])


def _radius_needed(distance: NDArray[np.float64], weight: NDArray[np.float64], share: float) -> float | None:
    """Smallest radius at which the permitted sites, all open, would serve the share."""
    order = np.argsort(distance, kind="stable")
    enough = np.cumsum(weight[order]) >= share * weight.sum() * (1 - 1e-12)
    place = distance.size - 1 if share == 1.0 else int(np.argmax(enough))
    needed = float(distance[order][place])
    return needed if np.isfinite(needed) else None


def _reason(name: str, count: int, radius: float | None) -> str:
    remedy = (
        "no radius would do" if radius is None else f"a radius of more than {format_length(radius)} would do"
    )
    are = "demand point is" if count == 1 else "demand points are"
    return f"{name}: {count:,} {are} out of reach of enough permitted sites; with these sites {remedy}"


def _limit_reason(limit: float | None, needed: float | None) -> str:
    if needed is None:
        return "the required standards contradict each other or the limit"
    return f"the required standards need more than {limit:,.6g}; {needed:,.6g} is known to do"
