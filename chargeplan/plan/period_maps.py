"""A map for every period: all stations by its end, those that it opens marked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.audit import audit
from chargeplan.viz.captions import period_caption
from chargeplan.viz.map import draw_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from chargeplan.audit import AuditedStandard
    from chargeplan.plan.answer import Plan, StandardResult
    from chargeplan.problem import Problem


def map_names(periods: Sequence[str]) -> list[str]:
    """Name the map of each period: ``map-2026.png``; by its number where its name makes no plain file name.

    Parameters
    ----------
    periods
        Their names.
    """
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") for name in periods]
    taken = [name.casefold() for name in plain]
    return [
        f"map-{name if name and taken.count(name.casefold()) == 1 else f'period-{number}'}.png"
        for number, name in enumerate(plain, 1)
    ]


def period_maps(plan: Plan) -> Mapping[str, bytes]:
    """Draw the map of every period, by file name.

    Parameters
    ----------
    plan
        With its problem; without periods there is nothing to draw.
    """
    problem, phases = plan.problem, plan.phases
    if problem is None or phases is None:
        return {}
    names = map_names([period.name for period in plan.record.periods])
    before = problem.sites.status == "existing"
    maps: dict[str, bytes] = {}
    for number, (name, opened) in enumerate(zip(names, phases, strict=True)):
        then = _by_then(plan, problem, opened)
        maps[name] = draw_map(then, period_caption(problem, then, number, opened & ~before))
        before = opened
    return maps


def _by_then(plan: Plan, problem: Problem, opened: NDArray[np.bool_]) -> Plan:
    """Return the plan as it is with some of its stations, measured by the audit."""
    if (opened == plan.open).all():
        return plan
    measured = audit(problem, opened)
    sites = measured.opened.sites
    pairs = zip(measured.standards, plan.standards, strict=True)
    standards = tuple(_result(found, last, sites) for found, last in pairs)
    return replace(plan, open=opened, standards=standards)


def _result(found: AuditedStandard, last: StandardResult, sites: NDArray[np.int64]) -> StandardResult:
    station = np.where(found.station >= 0, sites[found.station] if sites.size else -1, -1)
    return replace(
        last,
        weight_covered=found.weight_covered,
        share=found.share,
        max_distance_m=found.max_distance_m,
        met=found.met,
        covered=found.covered,
        station=station,
        distance_m=found.distance_m,
    )
