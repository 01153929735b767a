"""Exact reductions of the covering form over several periods, undone in the answer.

Sites that stand from the beginning leave with what they serve; rows with the same sites, need and group are
merged, their weights added up; a site gives way to one that serves all its rows at no greater cost, which may
open and close in its stead; a row that must hold is no longer asked for where another of its group implies
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.kernels import dominated_columns, dominated_rows, merge_equal_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel

_ROUNDING = 1e-13  # of a target: a tenth of what the model forgives


@dataclass(frozen=True)
class PeriodsReduction:
    """A smaller model over some of the sites, and the way back.

    Parameters
    ----------
    original, model
        Before and after.
    sites
        Original index of every site that is left.
    offset
        Part of the objective that the sites decide that stand already.
    """

    original: MultiPeriodModel
    model: MultiPeriodModel
    sites: NDArray[np.int64]
    offset: float

    def undo(self, phases: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Turn open sites of the smaller model, (T, m) bool, into those of the original, (T, M) bool."""
        result = np.tile(self.original.standing, (self.original.periods, 1))
        result[:, self.sites] = phases
        return result

    def do(self, phases: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Turn open sites of the original into those of the smaller model; None where one is not in it."""
        left = phases & ~self.original.standing
        left[:, self.sites] = False
        return None if left.any() else phases[:, self.sites]


def among(
    model: MultiPeriodModel, chosen: NDArray[np.bool_], stop: Callable[[], bool] = lambda: False
) -> PeriodsReduction:
    """Reduce a model to some of its sites.

    Parameters
    ----------
    model
        What is asked.
    chosen
        (M,) bool, sites that may open; where these are all that may, no plan is lost that is better than
        those left.
    stop
        Asked now and then whether to leave it at what is reduced.
    """
    free = chosen & ~model.standing & ~model.closed
    counts = model.coverage.astype(np.int64)
    need = model.need - np.asarray(counts @ model.standing.astype(np.int64))
    held = need <= 0
    reachable = np.asarray(counts @ free.astype(np.int64)) >= need
    hopeless_must = model.must & ~reachable & ~held
    rows = np.flatnonzero((reachable | hopeless_must) & ~held & _used(model))
    weights = model.group_weights(held)
    left = np.maximum(model.targets * (1 - _ROUNDING) - weights, 0.0)
    offset = float(model.worth.sum() * (model.value @ weights)) if model.maximise else 0.0
    serving = np.asarray(counts[rows].sum(axis=0)) > 0
    sites = np.flatnonzero(free & (serving | model.due))
    small = replace(
        _on_sites(model, sites),
        coverage=model.coverage[rows][:, sites],
        need=need[rows],
        group=model.group[rows],
        weight=model.weight[rows],
        must=model.must[rows],
        targets=left,
    )
    small = _without_implied(_merged(small), stop)
    small, kept = _without_dominated(small, stop)
    return PeriodsReduction(model, small, sites[kept], offset)


def _used(model: MultiPeriodModel) -> NDArray[np.bool_]:
    """Rows that have to hold, or count, in any period: (N,)."""
    used = np.zeros(model.need.size, np.bool_)
    for t in range(model.periods):
        used |= model.must_hold(t) | model.counts(t)
    return used


def _on_sites(model: MultiPeriodModel, sites: NDArray[np.int64]) -> MultiPeriodModel:
    """Keep figures of some sites, none of which stands; the coverage is the caller's to cut."""
    none = np.zeros(sites.size, np.bool_)
    return replace(model, cost=model.cost[sites], due=model.due[sites], standing=none, closed=none)


def _merged(model: MultiPeriodModel) -> MultiPeriodModel:
    """Merge rows that hold together."""
    kind = (model.need * model.value.size + model.group) * 2 + model.must
    rows, member = merge_equal_rows(model.coverage, kind)
    weight = np.bincount(member, weights=model.weight, minlength=rows.size)
    return replace(
        model,
        coverage=model.coverage[rows],
        need=model.need[rows],
        group=model.group[rows],
        weight=weight.astype(np.float64),
        must=model.must[rows],
    )


def _without_implied(model: MultiPeriodModel, stop: Callable[[], bool]) -> MultiPeriodModel:
    """Ask no longer for rows that another of their group implies; they may still count."""
    must = model.must.copy()
    for group in range(model.value.size):
        rows = np.flatnonzero(model.must & (model.group == group))
        if rows.size:
            must[rows[dominated_rows(model.coverage[rows], model.need[rows], stop)]] = False
    lean = replace(model, must=must)
    used = np.flatnonzero(_used(lean))
    return replace(
        lean,
        coverage=lean.coverage[used],
        need=lean.need[used],
        group=lean.group[used],
        weight=lean.weight[used],
        must=lean.must[used],
    )


def _without_dominated(
    model: MultiPeriodModel, stop: Callable[[], bool]
) -> tuple[MultiPeriodModel, NDArray[np.int64]]:
    """Drop sites that another replaces at no greater cost, and say which are left."""
    if (model.need != 1).any() or model.due.any():
        return model, np.arange(model.sites)
    kept = np.flatnonzero(~dominated_columns(model.coverage, model.cost, stop))
    return replace(_on_sites(model, kept), coverage=model.coverage[:, kept]), kept
