"""A problem and its coverage, written as the covering form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from chargeplan.planning.station_costs import limit_left, opened_anyway, station_prices, station_usage
from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from chargeplan.problem import Problem, Standard
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
    paid, taken
        What stations that stand cost any plan besides the model's objective, and take besides its limit.
    """

    model: CoveringModel
    rows: tuple[slice, ...]
    groups: tuple[int | None, ...]
    paid: float = 0.0
    taken: float = 0.0


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
    closed, limit = sites.status == "forbidden", limit_left(objective, sites)
    prices, usage = station_prices(objective, sites), station_usage(objective, sites)
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
        cost=prices.each,
        usage=usage.each,
        limit=limit,
        opened=opened_anyway(objective, sites),
        closed=closed,
        maximise=maximise,
    )
    rows = tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    return Formulation(model, rows, groups, prices.anyway, usage.anyway)


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
