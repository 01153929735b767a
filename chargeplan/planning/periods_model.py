"""A problem with periods, written as the covering form over several periods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import InputError
from chargeplan.planning.formulate import formulate
from chargeplan.planning.station_costs import check_limit
from chargeplan.solvers.models.multi_period_covering import MultiPeriodModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.planning.formulate import Formulation
    from chargeplan.problem import Problem, Standard
    from chargeplan.scenario import Period, Phasing


@dataclass(frozen=True)
class PeriodsTask:
    """What is asked of every period.

    Parameters
    ----------
    model
        One row per demand point of each standard, one group per standard, in the problem's order.
    formulation
        What is asked of the last period alone.
    shares
        (T, K) share of each standard that is asked by the end of each period; nan for none.
    kept
        What keeping the stations that stand costs every plan besides.
    """

    model: MultiPeriodModel
    formulation: Formulation
    shares: NDArray[np.float64]
    kept: float


def periods_task(problem: Problem, coverage: Sequence[csr_array]) -> PeriodsTask:
    """Write a problem with periods down.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.

    Returns
    -------
    PeriodsTask
        Stations that stand stay. In the last period every standard is due as it is; where cost is minimised,
        aims are due there as far as the permitted sites reach.

    Raises
    ------
    InputError
        The required sites cost more than there is.
    """
    scenario, sites = problem.scenario, problem.sites
    objective, periods = scenario.objective, scenario.periods
    check_limit(objective, sites)
    formulation = formulate(problem, coverage)
    stands = sites.status == "existing"
    kept = math.fsum(sites.keep[stands].tolist())
    standards, closed = problem.standards, sites.status == "forbidden"
    sizes = [standard.points.weight.size for standard in standards]
    reachable = formulation.model.holds(~closed)
    required = np.array([standard.required for standard in standards], np.bool_)
    maximise = objective.maximise is not None
    shares = _shares(problem)
    total = np.array([standard.points.weight.sum() for standard in standards], np.float64)
    targets = np.where(np.nan_to_num(shares) < 1.0, np.nan_to_num(shares) * total, 0.0)
    reach = [standard.points.weight[reachable[rows]].sum() for standard, rows in _rows(problem, formulation)]
    discount, growth = _factors(periods, _phasing(problem))
    limit = objective.budget if objective.budget is not None else objective.stations
    model = MultiPeriodModel(
        coverage=formulation.model.coverage,
        need=formulation.model.need,
        group=np.repeat(np.arange(len(standards)), sizes),
        weight=np.concatenate([standard.points.weight for standard in standards]).astype(np.float64),
        must=np.repeat(required, sizes) | reachable,
        whole=shares == 1.0,
        targets=np.where(required, targets, np.minimum(targets, reach)),
        value=(~required & maximise).astype(np.float64),
        worth=discount * growth,
        price=discount,
        cost=np.where(stands, 0.0, sites.cost),
        budgets=np.array([math.inf if each.budget is None else each.budget for each in periods], np.float64),
        limit=None if limit is None else max(limit - kept * (objective.budget is not None), 0.0),
        counted=objective.stations is not None,
        standing=np.asarray(stands, np.bool_),
        closed=np.asarray(closed, np.bool_),
        due=np.asarray(sites.status == "required", np.bool_),
        carry_over=_phasing(problem).carry_over,
        may_close=_phasing(problem).may_close,
        maximise=maximise,
    )
    _check_required(model)
    return PeriodsTask(model, formulation, shares, kept)


def _rows(problem: Problem, formulation: Formulation) -> Iterator[tuple[Standard, slice]]:
    return zip(problem.standards, formulation.rows, strict=True)


def _phasing(problem: Problem) -> Phasing:
    from chargeplan.scenario import Phasing  # noqa: PLC0415 - for what is not stated

    return problem.scenario.phasing or Phasing()


def _shares(problem: Problem) -> NDArray[np.float64]:
    """Share of each standard that is due in each period, (T, K), nan for none."""
    periods, maximise = problem.scenario.periods, problem.scenario.objective.maximise is not None
    shares = np.full((len(periods), len(problem.standards)), np.nan)
    for k, standard in enumerate(problem.standards):
        for t, period in enumerate(periods):
            if period.shares.get(standard.name, 0.0) > 0.0:
                shares[t, k] = period.shares[standard.name]
        if standard.required or not maximise:
            shares[-1, k] = standard.share
    return shares


def _factors(periods: Sequence[Period], phasing: Phasing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a cost, and by what factor weight, counts in each period: (T,) each."""
    discount = np.array([(1.0 - phasing.discount) ** t for t in range(len(periods))], np.float64)
    return discount, np.array([period.growth for period in periods], np.float64)


def _check_required(model: MultiPeriodModel) -> None:
    """Refuse required sites that all the money there is does not pay."""
    money, needed = float(model.money()[-1]), float(model.cost[model.due].sum())
    if needed > money * (1 + 1e-12):
        raise InputError(
            f"[[periods]], budget: there is {money:g} in all periods together; the required sites alone take "
            f"{needed:g}"
        )
