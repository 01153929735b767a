"""A problem and its coverage, written as the covering form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.errors import InputError
from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from chargeplan.problem import Problem, Sites, Standard
    from chargeplan.scenario import Objective


@dataclass(frozen=True)
class Formulation:
    """The covering form of a problem, and which of its rows belong to which standard.

    Parameters
    ----------
    model
        One row per demand point of each standard, in the order of the problem's standards.
    rows
        For every standard its slice of the rows.
    groups
        For every standard the number of its target, None where it has none.
    """

    model: CoveringModel
    rows: tuple[slice, ...]
    groups: tuple[int | None, ...]


@dataclass(frozen=True)
class _Part:
    """One standard's rows."""

    must: NDArray[np.bool_]
    value: NDArray[np.float64]
    target: float | None


def formulate(
    problem: Problem, coverage: Sequence[csr_array], objective: Objective | None = None
) -> Formulation:
    """Write a problem as the covering form.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    objective
        Another one than the scenario's.

    Returns
    -------
    Formulation
        A required standard's points must be served (its share, where that is below 1). An aim's points are
        worth their weight when maximising; when minimising, they must be served as far as the permitted sites
        reach.
    """
    objective, sites = objective or problem.scenario.objective, problem.sites
    maximise = objective.maximise is not None
    closed = sites.status == "forbidden"
    check_limit(objective, sites)
    parts = [
        _part(standard, relation, closed, maximise=maximise)
        for standard, relation in zip(problem.standards, coverage, strict=True)
    ]
    groups = _number(part.target is not None for part in parts)
    sizes = [standard.points.weight.size for standard in problem.standards]
    ends = np.cumsum(sizes).tolist()
    weights = [standard.points.weight for standard in problem.standards]
    model = CoveringModel(
        coverage=csr_array(vstack(coverage, format="csr")),
        need=np.repeat([standard.stations for standard in problem.standards], sizes),
        must=np.concatenate([part.must for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        group=np.repeat([-1 if group is None else group for group in groups], sizes),
        weight=np.concatenate(
            [w if g is not None else np.zeros(w.size) for w, g in zip(weights, groups, strict=True)]
        ),
        targets=np.array([part.target for part in parts if part.target is not None], np.float64),
        cost=station_prices(objective, sites),
        usage=_usage(objective, sites),
        limit=_limit(objective),
        opened=(sites.status == "existing") | (sites.status == "required"),
        closed=closed,
        maximise=maximise,
    )
    rows = tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    return Formulation(model, rows, groups)


def _part(standard: Standard, relation: csr_array, closed: NDArray[np.bool_], *, maximise: bool) -> _Part:
    weight = standard.points.weight
    nothing = np.zeros(weight.size)
    none = np.zeros(weight.size, np.bool_)
    if maximise and not standard.required:
        return _Part(none, weight, None)
    reachable = np.ones(weight.size, np.bool_)
    if not standard.required:
        reachable = relation.astype(np.int64) @ (~closed).astype(np.int64) >= standard.stations
    if standard.share == 1.0:
        return _Part(reachable, nothing, None)
    target = standard.share * weight.sum()
    return _Part(none, nothing, target if standard.required else min(target, float(weight[reachable].sum())))


def _number(flags: Iterable[bool]) -> tuple[int | None, ...]:
    """Count the true ones of some flags, from 0; None for the others."""
    numbers: list[int | None] = []
    count = 0
    for flag in flags:
        numbers.append(count if flag else None)
        count += flag
    return tuple(numbers)


def _new(sites: Sites) -> NDArray[np.bool_]:
    return np.asarray(sites.status != "existing", np.bool_)


def station_prices(objective: Objective, sites: Sites) -> NDArray[np.float64]:
    """Return what a plan pays for each site, (M,): nothing for one that stands already."""
    if objective.minimise is None:
        return np.zeros(sites.cost.size)
    price = sites.cost if objective.minimise == "cost" else np.ones(sites.cost.size)
    return np.where(_new(sites), price, 0.0)


def _usage(objective: Objective, sites: Sites) -> NDArray[np.float64]:
    """Return what each site takes, (M,), of the budget or of the number of new stations."""
    if objective.budget is not None:
        return np.where(_new(sites), sites.cost, 0.0)
    if objective.stations is not None:
        return _new(sites).astype(np.float64)
    return np.zeros(sites.cost.size)


def check_limit(objective: Objective, sites: Sites) -> None:
    """Refuse a limit that no plan can keep.

    Raises
    ------
    InputError
        The required sites alone exceed it.
    """
    limit, needed = _limit(objective), float(_usage(objective, sites)[sites.status == "required"].sum())
    if limit is not None and needed > limit * (1 + 1e-12):
        key = "stations" if objective.budget is None else "budget"
        raise InputError(f"[objective], {key} = {limit:g}: the required sites alone take {needed:g}")


def _limit(objective: Objective) -> float | None:
    limit = objective.budget if objective.budget is not None else objective.stations
    return None if limit is None else float(limit)
