"""What a plan says of its periods, checked: who opens when, what that costs, what each period achieves."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.exact import as_written, exact_sum
from chargeplan.audit.measure import audit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from chargeplan.audit.report import AuditedStandard, AuditReport
    from chargeplan.problem import Problem
    from chargeplan.scenario import Period

_RELATIVE = Fraction(1, 10**9)  # of sums, which a plan adds up in floating point
_ROUNDING = Fraction(1, 10**12)  # of a target


@dataclass(frozen=True)
class _Phase:
    """A period as the plan tells it, and what is open by its end."""

    period: Period
    told: Mapping[str, Any]
    open: NDArray[np.bool_]
    opened: NDArray[np.int64]

    @property
    def name(self) -> str:
        return self.period.name


def check_periods(
    claims: Mapping[str, Any], stations: gpd.GeoDataFrame | None, report: AuditReport
) -> Iterator[str]:
    """Check what a plan says of its periods.

    Parameters
    ----------
    claims
        The content of its plan.json.
    stations
        Its table of sites; None where only plan.json is known.
    report
        The audit of its stations, those of the last period.

    Yields
    ------
    str
        Every disagreement, in words.
    """
    problem, told = report.problem, claims.get("periods") or []
    asked = problem.scenario.periods
    if [each["name"] for each in told] != [period.name for period in asked]:
        yield "the periods of the plan are not those of the scenario"
        return
    if not asked:
        return
    faults: list[str] = []
    phases = list(_phases(problem, told, faults))
    yield from faults
    yield from _ends_there(phases, stations, report)
    spent = [exact_sum(problem.sites.cost[phase.opened]) for phase in phases]
    yield from _money(problem, phases, spent)
    served = [_served(problem, phase, report) for phase in phases]
    for number, (phase, standards) in enumerate(zip(phases, served, strict=True)):
        last = number == len(phases) - 1
        yield from _shares(claims["status"], phase, standards, last=last)
    yield from _objective(claims, problem, spent, served)
    yield from _status(claims, problem, phases, served)


def _phases(problem: Problem, told: Sequence[Mapping[str, Any]], faults: list[str]) -> Iterator[_Phase]:
    """Follow the plan from period to period, noting whatever cannot be."""
    sites, phasing = problem.sites, problem.scenario.phasing
    place = {name: index for index, name in enumerate(sites.ids)}
    now = np.asarray(sites.status == "existing", np.bool_)
    for period, each in zip(problem.scenario.periods, told, strict=True):
        opened = [place[name] for name in each["opened"] if name in place]
        closed = [place[name] for name in each["closed"] if name in place]
        strange = [name for name in (*each["opened"], *each["closed"]) if name not in place]
        faults += [f"{period.name}: {name} is none of the scenario's sites" for name in strange]
        again = [site for number, site in enumerate(opened) if now[site] or site in opened[:number]]
        faults += [f"{period.name}: {sites.ids[site]} opens and is open already" for site in again]
        barred = [site for site in opened if sites.status[site] == "forbidden"]
        faults += [f"{period.name}: site {sites.ids[site]} is forbidden, and opens" for site in barred]
        strange = [sites.ids[site] for site in closed if not now[site]]
        faults += [f"{period.name}: {name} closes and is not open" for name in strange]
        stays = closed if phasing is None or not phasing.may_close else []
        stays += [site for site in closed if sites.status[site] == "existing" and site not in stays]
        faults += [f"{period.name}: {sites.ids[site]} closes, and has to stay" for site in stays]
        now = now.copy()
        now[closed] = False
        now[opened] = True
        for word, number in (("stations_opened", len(opened)), ("stations_open", int(now.sum()))):
            if each[word] != number:
                says = f"the plan says {word} is {each[word]}, the audit finds {number}"
                faults.append(f"{period.name}: {says}")
        yield _Phase(period, each, now, np.array(opened, np.int64))


def _ends_there(
    phases: Sequence[_Phase], stations: gpd.GeoDataFrame | None, report: AuditReport
) -> Iterator[str]:
    """Check that the last period ends with the plan's stations, and that their table says when they open."""
    ids, last = report.problem.sites.ids, phases[-1].open
    if set(ids[last]) != set(report.opened.ids):
        yield "the stations open at the end of the last period are not those of the plan"
    if stations is None:
        return
    if "period" not in stations:
        yield "the table of sites does not say in which period a station opens"
        return
    says = dict(zip(stations["id"].astype(str), stations["period"], strict=True))
    begins = {str(ids[site]): phase.name for phase in phases for site in phase.opened if last[site]}
    for name, period in says.items():
        told = period if isinstance(period, str) else None
        if told != begins.get(name):
            yield f"{name}: the table of sites says period {told}, plan.json {begins.get(name)}"


def _money(problem: Problem, phases: Sequence[_Phase], spent: Sequence[Fraction]) -> Iterator[str]:
    """Check budgets and limits by exact sums."""
    asked, phasing = problem.scenario.objective, problem.scenario.phasing
    carries = phasing is not None and phasing.carry_over
    left = Fraction(0)
    for phase, paid in zip(phases, spent, strict=True):
        budget = phase.period.budget
        if phase.told["budget"] != budget or phase.told["growth"] != phase.period.growth:
            yield f"{phase.name}: budget and growth are not those of the scenario"
        if not _close(phase.told["spent"], paid):
            yield f"{phase.name}: the plan says spent is {phase.told['spent']}, the audit finds {float(paid)}"
        if budget is not None:
            most = Fraction(budget) + (left if carries else 0)
            if paid > most * (1 + _RELATIVE):
                yield f"{phase.name}: {float(paid)} is spent, which is more than the budget of {float(most)}"
            left = max(most - paid, Fraction(0)) if carries else Fraction(0)
        if abs(Fraction(phase.told["carried"]) - left) > _RELATIVE * max(left, Fraction(budget or 1)):
            says = f"the plan says carried is {phase.told['carried']}, the audit finds {float(left)}"
            yield f"{phase.name}: {says}"
    new = problem.sites.status != "existing"
    number = max(int((phase.open & new).sum()) for phase in phases)
    if asked.stations is not None and number > asked.stations:
        yield f"{number:,} new stations are more than the {asked.stations:,} asked for"
    total = sum(spent, exact_sum(problem.sites.keep[~new]))
    if asked.budget is not None and total > Fraction(asked.budget) * (1 + _RELATIVE):
        yield f"{float(total)} is spent in all periods, which is more than the budget of {asked.budget}"


def _served(problem: Problem, phase: _Phase, report: AuditReport) -> tuple[AuditedStandard, ...]:
    """Measure what is open by the end of a period."""
    if set(problem.sites.ids[phase.open]) == set(report.opened.ids):
        return report.standards
    return audit(problem, phase.open).standards


def _shares(status: str, phase: _Phase, standards: Sequence[AuditedStandard], *, last: bool) -> Iterator[str]:
    """Check what the plan says of every standard in a period, and that what is asked is kept."""
    told = phase.told["standards"]
    if set(told) != {standard.name for standard in standards}:
        yield f"{phase.name}: the standards of the plan are not those of the scenario"
        return
    growth = Fraction(phase.period.growth)
    for standard in standards:
        asked, each = _asked(phase.period, standard, last=last), told[standard.name]
        found: dict[str, Any] = {
            "asked": asked,
            "share": standard.share,
            "weight": growth * Fraction(standard.weight),
            "weight_covered": growth * Fraction(standard.weight_covered),
            "met": None if asked is None else _keeps(standard, asked),
        }
        for figure, is_so in found.items():
            says = each[figure]
            exact = isinstance(is_so, Fraction) or figure == "share"
            if says != is_so and not (exact and _close(says, Fraction(is_so))):
                shown = float(is_so) if isinstance(is_so, Fraction) else is_so
                differs = f"the plan says {figure} is {says}, the audit finds {shown}"
                yield f"{phase.name}: {standard.name}: {differs}"
        if found["met"] is False and status != "infeasible":
            covered = f"a share of {asked} is asked, and {standard.share} is covered"
            yield f"{phase.name}: {standard.name}: {covered}"


def _asked(period: Period, standard: AuditedStandard, *, last: bool) -> float | None:
    """Return the share that a period asks of a standard, None for none."""
    if not standard.required:
        return None
    if last:
        return standard.target
    return period.shares.get(standard.name) or None


def _keeps(standard: AuditedStandard, asked: float) -> bool:
    if asked == 1.0:
        return bool(standard.covered.all())
    target = as_written(asked) * Fraction(standard.weight) * (1 - _ROUNDING)
    return Fraction(standard.weight_covered) >= target


def _objective(
    claims: Mapping[str, Any],
    problem: Problem,
    spent: Sequence[Fraction],
    served: Sequence[Sequence[AuditedStandard]],
) -> Iterator[str]:
    """Check what the scenario counts: every period's cost, or the weight that it serves, discounted."""
    asked, phasing = problem.scenario.objective, problem.scenario.phasing
    kept = 1 - Fraction(0 if phasing is None else phasing.discount)
    if asked.sense == "min":
        stands = problem.sites.status == "existing"
        found = exact_sum(problem.sites.keep[stands])
        found += sum((kept**t * paid for t, paid in enumerate(spent)), Fraction(0))
    else:
        found = Fraction(0)
        for t, (period, standards) in enumerate(zip(problem.scenario.periods, served, strict=True)):
            aims = [Fraction(each.weight_covered) for each in standards if not each.required]
            found += kept**t * Fraction(period.growth) * sum(aims, Fraction(0))
    if claims["objective"] is not None and not _close(claims["objective"], found):
        yield f"the plan says objective is {claims['objective']}, the audit finds {float(found)}"


def _status(
    claims: Mapping[str, Any],
    problem: Problem,
    phases: Sequence[_Phase],
    served: Sequence[Sequence[AuditedStandard]],
) -> Iterator[str]:
    if claims["status"] != "infeasible":
        return
    for number, (phase, standards) in enumerate(zip(phases, served, strict=True)):
        for standard in standards:
            asked = _asked(phase.period, standard, last=number == len(phases) - 1)
            if asked is not None and not _keeps(standard, asked):
                return
    if phases[-1].open[problem.sites.status == "required"].all():
        yield "the plan is called infeasible, but every period keeps what is asked of it"


def _close(claimed: float, found: Fraction) -> bool:
    return abs(Fraction(claimed) - found) <= _RELATIVE * max(abs(found), _RELATIVE)
