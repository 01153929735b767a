"""What the joint model is made of, from a problem and its coverage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.kernels import dominated_rows, least_servers, merge_equal_rows
from chargeplan.planning.charger_rows import charger_prices, charger_rows, known
from chargeplan.planning.formulate import formulate
from chargeplan.planning.infeasible import without_unreachable
from chargeplan.planning.joint_demand import charging_groups
from chargeplan.planning.joint_model import JointParts
from chargeplan.planning.load import erlangs, loading_standard
from chargeplan.scenario import Sizing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chargeplan.planning.joint_demand import ChargingGroups
    from chargeplan.problem import Problem
    from chargeplan.scenario import ChargerType
    from chargeplan.solvers.models.covering import CoveringModel

    Floats = NDArray[np.float64]

_PAIRS = 400_000  # of a demand point and a site, beyond which no backend gets anywhere in minutes
_HALVINGS = 60


def joint_parts(problem: Problem, coverage: Sequence[csr_array]) -> JointParts:
    """Put together what is decided.

    Parameters
    ----------
    problem
        With chargers.
    coverage
        (N_k, M) relation of every standard.

    Returns
    -------
    JointParts
        Without groups where there is no load, or where there are too many demand points for one model.
    """
    charging, sizing, sites = known(problem), problem.scenario.sizing or Sizing(), problem.sites
    formulation = formulate(problem, coverage)
    covering, paid = _with_closing(problem, without_unreachable(formulation.model))
    groups = None
    if sizing.kwh is not None:
        number = loading_standard(problem, sizing)
        sure = covering.must[formulation.rows[number]]
        groups = charging_groups(
            problem, problem.standards[number], coverage[number], sure, covering.opened, _PAIRS
        )
    there = charging.standing.sum(axis=1)
    return JointParts(
        covering=_fewer_rows(covering),
        rows=charger_rows(problem, np.arange(len(sites))),
        prices=charger_prices(problem),
        types=charging.types,
        standing=charging.standing,
        left=np.where(covering.closed, 0.0, np.floor(np.maximum(sites.room - there, 0.0))),
        least=np.where(covering.closed, 0, np.maximum(sizing.least - there, 0)),
        groups=groups,
        carried=_carried(charging.types, sizing, groups, len(sites)),
        paid=paid,
    )


def without_covering(parts: JointParts) -> JointParts:
    """Leave out the standards, the prices of sites, and who charges where."""
    rows, sites = 0, parts.left.size
    covering = replace(
        parts.covering, coverage=csr_array((rows, sites), dtype=np.bool_), need=np.empty(rows, np.int64),
        must=np.empty(rows, np.bool_), value=np.empty(rows), group=np.empty(rows, np.int64),
        weight=np.empty(rows), targets=np.empty(0), cost=np.zeros(sites),
    )  # fmt: skip
    return replace(parts, covering=covering, groups=None, paid=0.0)


def _with_closing(problem: Problem, model: CoveringModel) -> tuple[CoveringModel, float]:
    """Decide on all stations that may close: with chargers, even one that costs less to keep may be a burden.

    An open one costs what keeping it does beyond closing it, which may be less than nothing.
    """
    sites, stands = problem.sites, problem.sites.status == "existing"
    free = stands & np.isfinite(sites.close)
    price = np.where(stands, 0.0, sites.cost)
    price[free] = sites.keep[free] - sites.close[free]
    paid = float(sites.close[free].sum() + sites.keep[stands & ~free].sum())
    return replace(model, cost=price, opened=(stands & ~free) | (sites.status == "required")), paid


def _fewer_rows(model: CoveringModel) -> CoveringModel:
    """Merge equal rows and drop those that others imply, whatever sites cost."""
    key = np.unique(
        np.column_stack([model.need, model.must, model.group]), axis=0, return_inverse=True
    )[1].ravel()  # fmt: skip
    first, group = merge_equal_rows(model.coverage, key)
    weight = np.bincount(group, weights=model.weight, minlength=first.size).astype(np.float64)
    keep = np.ones(first.size, np.bool_)
    must = np.flatnonzero(model.must[first])
    keep[must[dominated_rows(csr_array(model.coverage[first[must]]), model.need[first[must]])]] = False
    keep &= model.must[first] | (weight > 0.0)
    row = np.asarray(first)[keep]
    return replace(
        model, coverage=csr_array(model.coverage[row]), need=model.need[row], must=model.must[row],
        value=model.value[row], group=model.group[row], weight=weight[keep],
    )  # fmt: skip


def _carried(
    types: Sequence[ChargerType], sizing: Sizing, groups: ChargingGroups | None, sites: int
) -> tuple[Floats, ...]:
    """Find what so many chargers of each type carry at most, up to all that can come to one site."""
    if groups is None:
        return tuple(np.zeros(1) for _ in types)
    reach = np.zeros(sites)
    np.add.at(reach, groups.site, np.repeat(groups.kw, np.diff(groups.indptr)))
    most = erlangs(np.array([reach.max(initial=0.0)]), types)[0]
    return tuple(_most_load(each, sizing, load) for each, load in zip(types, most.tolist(), strict=True))


def _most_load(each: ChargerType, sizing: Sizing, load: float) -> Floats:
    """Find the greatest load of 0, 1, 2, ... chargers, until one number carries all."""
    promise = {"service_time": each.stay_s or 1.0, "wait": sizing.wait_s, "alpha": sizing.chance}
    chargers = np.arange(int(least_servers([load], **promise)[0]) + 1, dtype=np.float64)
    low, high = np.zeros(chargers.size), chargers.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        kept = least_servers(middle, **promise) <= chargers
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    return low
