"""Between plans and the columns of the joint model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.planning.joint import Planned
    from chargeplan.planning.joint_model import JointModel
    from chargeplan.solvers.matrix import MatrixModel

    Floats = NDArray[np.float64]

_LESS = 1.0 - 1e-6  # of what chargers carry, for what solvers of fractions take for kept


def start_of(model: JointModel, plan: Planned) -> Floats:
    """Write a plan in the model's columns.

    Parameters
    ----------
    model
        The model.
    plan
        Stations, whom they serve, and their chargers.
    """
    parts, opened, sized = model.parts, plan.outcome.open, plan.sized
    covering, class_of = parts.covering, parts.class_of
    values = np.zeros(model.matrix.objective.size)
    values[model.site] = opened
    soft = np.flatnonzero(~covering.must)
    values[model.site.size + np.arange(soft.size)] = covering.holds(opened)[soft]
    np.add.at(values, model.new[class_of], sized.new)
    values[model.homes] = sized.homes
    lack = np.maximum(sized.needed - sized.chargers, 0)
    if parts.groups is not None:
        values[model.load_missed] = lack
    built = sized.new.sum(axis=1) + lack.sum(axis=1)
    asked, have = (np.bincount(class_of, weights=of) for of in (parts.least * opened, built))
    values[model.least_missed] = np.maximum(asked - have, 0.0)
    _fill_rules(model, values)
    if parts.groups is not None:
        _fill_load(model, plan, values)
    return values


def _fill_rules(model: JointModel, values: Floats) -> None:
    rows, parts = model.parts.rows, model.parts
    kinds = len(parts.types)
    first = np.unique(parts.class_of, return_index=True)[1]
    columns = (first[:, None] * kinds + np.arange(kinds)[None, :]).ravel()
    end = parts.standing.size
    own = rows.coefficients[:, np.concatenate([columns, np.arange(end, end + model.homes.size)])]
    built = own @ np.concatenate([values[model.new].ravel(), values[model.homes]])
    there = rows.standing @ values[model.site]
    below = np.isfinite(rows.lower)
    values[model.rule_missed] = np.ceil(np.maximum(rows.lower - built - there, 0.0)[below] - 1e-9)
    above = np.maximum(built + there - rows.upper, 0.0)[model.limited]
    values[model.beyond], values[model.above] = np.ceil(above - 1e-9), above > 1e-9


def _fill_load(model: JointModel, plan: Planned, values: Floats) -> None:
    """Write down who charges where, and what chargers that takes."""
    groups, load = model.parts.groups, plan.sized.load
    assert groups is not None
    assert load is not None
    points = groups.of_point.size
    flow = load.flow
    if flow is None:
        flow = _nearest(model, plan.outcome.open)
    known = np.flatnonzero(groups.of_point >= 0)
    weight = groups.point_kw[known] / groups.kw[groups.of_point[known]]
    member = csr_array((weight, (groups.of_point[known], known)), shape=(groups.size, points))
    share = csr_array(member @ flow).toarray() if groups.size else np.zeros((0, model.site.size))
    group = np.repeat(np.arange(groups.size), np.diff(groups.indptr))
    of_pair = share[group, groups.site]
    total = np.cumsum(of_pair)
    place = np.arange(group.size) - groups.indptr[group]
    before = (total - of_pair)[groups.indptr[:-1]] if groups.size else np.empty(0)
    free = place < groups.shared[group]
    values[model.share] = np.where(free, of_pair, total - before[group])
    values[model.ahead] = np.bincount(group[free], weights=of_pair[free], minlength=groups.size)
    values[model.at] = np.bincount(groups.site, weights=of_pair * groups.kw[group], minlength=model.site.size)
    needed = plan.sized.needed.ravel()
    values[model.step] = model.step_at <= needed[model.step_of]


def _nearest(model: JointModel, opened: NDArray[np.bool_]) -> csr_array:
    """Have every demand point charge at the first open site of its order."""
    groups = model.parts.groups
    assert groups is not None
    first = np.full(groups.size, -1)
    for group in range(groups.size):
        sites = groups.site[groups.indptr[group] : groups.indptr[group + 1]]
        usable = sites[opened[sites]]
        first[group] = usable[0] if usable.size else -1
    known = np.flatnonzero(groups.of_point >= 0)
    site = first[groups.of_point[known]]
    known, site = known[site >= 0], site[site >= 0]
    return csr_array((np.ones(known.size), (known, site)), shape=(groups.of_point.size, opened.size))


def flow_of(model: JointModel, values: Floats, points: int) -> csr_array:
    """Return the shares of demand points that charge at each site, (N, M).

    Parameters
    ----------
    model, values
        The model, and values of its columns.
    points
        How many demand points there are.
    """
    groups = model.parts.groups
    assert groups is not None
    group = np.repeat(np.arange(groups.size), np.diff(groups.indptr))
    place = np.arange(group.size) - groups.indptr[group]
    own = values[model.share]
    before = np.where(place == groups.shared[group], values[model.ahead][group], np.roll(own, 1))
    share = np.where(place < groups.shared[group], own, own - before)
    share = np.where(share > 1e-9, np.minimum(share, 1.0), 0.0)  # less is what solvers leave of nothing
    share[values[model.site][groups.site] < 0.5] = 0.0
    total = np.bincount(group, weights=share, minlength=groups.size)
    share = np.divide(share, total[group], out=np.zeros_like(share), where=total[group] > 0.5)
    table = csr_array((share, groups.site, groups.indptr), shape=(groups.size, model.site.size))
    known = np.flatnonzero(groups.of_point >= 0)
    member = csr_array((np.ones(known.size), (known, groups.of_point[known])), shape=(points, groups.size))
    flow = csr_array(member @ table)
    flow.eliminate_zeros()
    return flow


def tightened(model: JointModel, matrix: MatrixModel, values: Floats) -> MatrixModel:
    """Fix all whole numbers, and have chargers carry a bit less.

    Parameters
    ----------
    model, matrix
        The model, and its matrix with whatever was added.
    values
        Of its columns.
    """
    fixed, rows = matrix.integral, matrix.rows.copy()
    place = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    rows.data[np.isin(place, model.carrying) & np.isin(rows.indices, model.step)] *= _LESS
    return replace(
        matrix, rows=rows, objective=np.zeros(matrix.objective.size),
        lower=np.where(fixed, np.round(values), matrix.lower),
        upper=np.where(fixed, np.round(values), matrix.upper),
    )  # fmt: skip
