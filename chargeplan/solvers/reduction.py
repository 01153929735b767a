"""Exact reductions of the covering form, undone in the answer.

Each is applied only where it keeps the optimum:

=====================  =========================================================================
given sites            always; rows that sites already open satisfy leave, others need fewer sites
rows out of reach      rows that need not hold and cannot
equal rows             rows with the same sites, need and kind; values and weights add up
dominated rows         rows that must hold, implied by another that must hold
dominated sites        while every need is 1: another site serves all its rows at no greater cost and usage
sites serving nothing  always
=====================  =========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels import dominated_columns, dominated_rows, merge_equal_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.models.covering import CoveringModel


# What is subtracted from a target or a limit may round; this part of the whole is forgiven, a tenth of what
# `CoveringModel.allows` forgives.
_ROUNDING = 1e-13


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Reduction:
    """A smaller model with the same optimum, and the way back.

    Parameters
    ----------
    original, model
        Before and after.
    rows, sites
        Original index of every row (a representative of its merged rows) and site that is left.
    merged
        (N,) for every original row the reduced row that stands for it, -1 for none.
    opened
        (M,) bool, original sites known to be open.
    forcing
        Original rows that left no choice: with them served, sites had to be open.
    offset
        Part of the objective that is already decided.
    """

    original: CoveringModel
    model: CoveringModel
    rows: NDArray[np.int64]
    sites: NDArray[np.int64]
    merged: NDArray[np.int64]
    opened: NDArray[np.bool_]
    forcing: NDArray[np.int64]
    offset: float

    def undo(self, open_sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Turn open sites of the reduced model into open sites of the original, (M,) bool."""
        result = self.opened.copy()
        result[self.sites[open_sites]] = True
        return result

    def then(self, further: Reduction) -> Reduction:
        """Return this reduction and, after it, a `further` one of its model, as one."""
        merged = np.append(further.merged, -1)[self.merged]
        return Reduction(
            original=self.original,
            model=further.model,
            rows=self.rows[further.rows],
            sites=self.sites[further.sites],
            merged=merged,
            opened=self.undo(further.opened),
            forcing=np.concatenate((self.forcing, self.rows[further.forcing])),
            offset=self.offset + further.offset,
        )


def reduce(model: CoveringModel, stop: Callable[[], bool] = _never) -> Reduction:
    """Reduce a covering model, exactly, until nothing more gives way.

    Parameters
    ----------
    model
        Every row that must hold can be served by the permitted sites.
    stop
        Asked now and then, perhaps by several threads, whether to leave it at what is reduced: given sites
        are taken out and equal rows merged all the same, which takes moments and spares more.

    Returns
    -------
    Reduction
        The reduced model, without given sites, and how to undo it.
    """
    n_rows, n_sites = model.coverage.shape
    every_row, every_site, none = np.arange(n_rows), np.arange(n_sites), np.empty(0, np.int64)
    step = Reduction(model, model, every_row, every_site, every_row, np.zeros(n_sites, np.bool_), none, 0.0)
    step = _settle(step)
    while True:
        before = step.model.coverage.shape
        step = _drop_dominated_sites(_drop_dominated_rows(_merge_rows(step), stop), stop)
        step = _open_forced(step)
        if step.model.opened.any():
            step = _settle(step)
        if step.model.coverage.shape == before or stop():
            return step


def _keep(step: Reduction, rows: NDArray[np.bool_], sites: NDArray[np.bool_]) -> Reduction:
    """Keep the rows and sites marked, and every figure of the model as it is."""
    if rows.all() and sites.all():
        return step
    old = step.model
    row, site = np.flatnonzero(rows), np.flatnonzero(sites)
    place = np.full(rows.size + 1, -1)
    place[row] = np.arange(row.size)
    model = replace(
        old,
        coverage=old.coverage[row][:, site],
        need=old.need[row],
        must=old.must[row],
        value=old.value[row],
        group=old.group[row],
        weight=old.weight[row],
        cost=old.cost[site],
        usage=old.usage[site],
        opened=old.opened[site],
        closed=old.closed[site],
    )
    return replace(step, model=model, rows=step.rows[row], sites=step.sites[site], merged=place[step.merged])


def _settle(step: Reduction) -> Reduction:
    """Take given sites out of the model, with all they decide, rows that are decided, and idle sites."""
    model = step.model
    counts = model.coverage.astype(np.int64)
    need = model.need - np.asarray(counts @ model.opened.astype(np.int64))
    holds = need <= 0
    hopeless = ~model.must & (np.asarray(counts @ (~model.closed).astype(np.int64)) < model.need)
    opened = step.opened.copy()
    opened[step.sites[model.opened]] = True
    spent = float(model.usage[model.opened].sum())
    decided = float(model.value[holds].sum()) if model.maximise else float(model.cost[model.opened].sum())
    settled = replace(
        model,
        need=np.where(holds, 1, need),
        targets=_left_to_reach(step, holds),
        limit=None
        if model.limit is None
        else model.limit - spent + _ROUNDING * abs(step.original.limit or 0.0),
    )
    step = replace(step, model=settled, opened=opened, offset=step.offset + decided)
    rows = ~(holds | hopeless)
    serving = np.asarray(rows.astype(np.int64) @ counts) > 0
    return _keep(step, rows, serving & ~(model.opened | model.closed))


def _left_to_reach(step: Reduction, holds: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what is left of the targets; a sum that rounding alone keeps from its target has reached it."""
    left = step.model.targets - step.model.group_weights(holds) - _ROUNDING * step.original.targets
    return np.maximum(left, 0.0)


def _merge_rows(step: Reduction) -> Reduction:
    """Merge rows that hold together; what they are worth adds up."""
    model = step.model
    kind = (model.need * (model.targets.size + 1) + model.group + 1) * 2 + model.must
    representative, member = merge_equal_rows(model.coverage, kind)
    if representative.size == model.need.size:
        return step
    value, weight = model.value.copy(), model.weight.copy()
    value[representative] = np.bincount(member, weights=model.value, minlength=representative.size)
    weight[representative] = np.bincount(member, weights=model.weight, minlength=representative.size)
    keep = np.zeros(model.need.size, np.bool_)
    keep[representative] = True
    step = replace(
        step,
        model=replace(model, value=value, weight=weight),
        merged=_chain(step.merged, representative[member]),
    )
    return _keep(step, keep, np.ones(model.cost.size, np.bool_))


def _chain(merged: NDArray[np.int64], onto: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(merged >= 0, onto[merged], -1) if onto.size else merged


def _drop_dominated_rows(step: Reduction, stop: Callable[[], bool] = _never) -> Reduction:
    """Drop rows that must hold and that another row that must hold implies."""
    model = step.model
    must = np.flatnonzero(model.must)
    if not must.size:
        return step
    keep = np.ones(model.need.size, np.bool_)
    keep[must[dominated_rows(model.coverage[must], model.need[must], stop)]] = False
    return _keep(step, keep, np.ones(model.cost.size, np.bool_))


def _drop_dominated_sites(step: Reduction, stop: Callable[[], bool] = _never) -> Reduction:
    """Drop sites that another replaces at no greater cost and usage."""
    model = step.model
    keep = np.asarray(model.coverage.sum(axis=0)) > 0
    # With two prices a site dominates only if neither is greater; no setting of the model has both.
    one_price = model.limit is None or not model.cost.any()
    if (model.need == 1).all() and one_price:
        price = model.cost if model.limit is None else model.usage
        keep &= ~dominated_columns(model.coverage, price, stop)
    return _keep(step, np.ones(model.need.size, np.bool_), keep)


def _open_forced(step: Reduction) -> Reduction:
    """Mark as given the sites without which a row that must hold cannot."""
    model = step.model
    tight = np.flatnonzero(model.must & (np.diff(model.coverage.indptr) <= model.need))
    opened = np.asarray(model.coverage[tight].sum(axis=0)) > 0
    telling = _one_row_per_site(model, tight)
    forcing = np.concatenate((step.forcing, step.rows[telling]))
    return replace(step, model=replace(model, opened=opened), forcing=forcing)


def _one_row_per_site(model: CoveringModel, tight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose of the rows that leave no choice enough to name every site they force open, and no more."""
    named: set[int] = set()
    telling: list[int] = []
    for row in tight.tolist():
        sites = model.coverage.indices[model.coverage.indptr[row] : model.coverage.indptr[row + 1]].tolist()
        if not named.issuperset(sites):
            named.update(sites)
            telling.append(row)
    return np.array(telling, np.int64)
