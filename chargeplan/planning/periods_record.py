"""What plan.json and the table of sites say of periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.plan.record import PeriodRecord, PeriodStandardRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chargeplan.planning.periods_model import PeriodsTask
    from chargeplan.problem import Problem, Standard

_ROUNDING = 1e-12  # of a sum of weights, relative


def period_records(
    problem: Problem, task: PeriodsTask, phases: NDArray[np.bool_]
) -> tuple[PeriodRecord, ...]:
    """Write down what every period pays, opens and achieves.

    Parameters
    ----------
    problem, task
        What was asked.
    phases
        (T, M) bool, the sites open by the end of each period.
    """
    model = task.model
    spent, holds, opened = model.spent(phases), model.holds(phases), model.openings(phases)
    left = model.handed_on(spent)
    before = np.vstack((model.standing, phases[:-1]))
    ids = problem.sites.ids
    return tuple(
        PeriodRecord(
            name=period.name,
            budget=period.budget,
            spent=float(spent[t]),
            carried=float(left[t]),
            growth=period.growth,
            stations_opened=int(opened[t].sum()),
            stations_open=int(phases[t].sum()),
            opened=ids[opened[t]].tolist(),
            closed=ids[before[t] & ~phases[t]].tolist(),
            standards={
                standard.name: _standard(standard, holds[t][rows], task.shares[t, k], period.growth)
                for k, (standard, rows) in enumerate(
                    zip(problem.standards, task.formulation.rows, strict=True)
                )
            },
        )
        for t, period in enumerate(problem.scenario.periods)
    )


def _standard(
    standard: Standard, covered: NDArray[np.bool_], asked: float, growth: float
) -> PeriodStandardRecord:
    weight = standard.points.weight
    total, served = float(weight.sum()), float(weight[covered].sum())
    share = served / total if total > 0 else float(covered.mean()) if covered.size else 1.0
    due = standard.required and not np.isnan(asked)
    met = None
    if due:
        met = bool(covered.all()) if asked == 1.0 else served >= asked * total * (1 - _ROUNDING)
    return PeriodStandardRecord(
        asked=float(asked) if due else None,
        share=share,
        weight=growth * total,
        weight_covered=growth * served,
        met=met,
    )


def period_columns(problem: Problem, phases: NDArray[np.bool_] | None) -> Mapping[str, NDArray[np.object_]]:
    """Return what the table of sites says of periods: that in which a station opened, of those open at last.

    Parameters
    ----------
    problem
        What was asked.
    phases
        (T, M) bool, the sites open by the end of each period; None without periods.
    """
    if phases is None:
        return {}
    names = np.array([period.name for period in problem.scenario.periods], object)
    shut = ~phases
    # The last period in which it was not open yet, or -1: it opened in the next one.
    last_shut = np.where(shut.any(axis=0), len(names) - 1 - shut[::-1].argmax(axis=0), -1)
    opened = phases[-1] & (problem.sites.status != "existing")
    column = np.full(phases.shape[1], None, object)
    column[opened] = names[last_shut[opened] + 1]
    return {"period": column}
