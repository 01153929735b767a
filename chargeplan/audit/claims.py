"""A plan's own figures and certificate, checked against an audit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.audit.allocating import allocated_bound, leeway, served_cost
from chargeplan.audit.blocks import block_bound
from chargeplan.audit.certificate import certified_bound
from chargeplan.audit.certificate_file import read_proof
from chargeplan.audit.charging import check_chargers
from chargeplan.audit.periods import check_periods
from chargeplan.audit.placing import lost, placed_bound, placed_objective, room, separation
from chargeplan.audit.station_costs import cost_of, may_close
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from chargeplan.audit.report import AuditedStandard, AuditReport
    from chargeplan.plan import Plan
    from chargeplan.problem import Problem

_RELATIVE = 1e-9  # of sums of weights, which a plan adds up in floating point
_METRES = 2e-3  # of distances, which plan.json rounds to a millimetre
_ROUNDING = Fraction(1, 10**12)  # of a bound: a solver's target, share times weight, is a rounded number


def check_plan(
    plan: Plan | Mapping[str, Any], report: AuditReport, certificate: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Check what a plan says of itself against an audit of its stations.

    Parameters
    ----------
    plan
        A plan, or the content of its plan.json.
    report
        The audit of the plan's stations.
    certificate
        The content of its certificate.json; of a `Plan` its own.

    Returns
    -------
    tuple of str
        Every disagreement in words; empty when the audit agrees.
    """
    chargers: Iterator[str] = iter(())
    stations = None if isinstance(plan, Mapping) else plan.stations
    if isinstance(plan, Mapping):
        claims = plan
    else:
        claims, certificate = plan.record.model_dump(mode="json", by_alias=True), plan.certificate
        chargers = check_chargers(claims, plan.stations, report, certificate)
    found = [*_stations(claims, report), *_standards(claims, report), *_status(claims, report)]
    certificate = certificate or {}
    found += [*_objective(claims, report), *_service(claims, report, certificate)]
    found += check_periods(claims, stations, report)
    return (*found, *_gap(claims), *_bound(claims, report, certificate), *chargers)


def _stations(claims: Mapping[str, Any], report: AuditReport) -> Iterator[str]:
    """Check the number of stations, and the sites whose state the scenario gives."""
    sites, opened, told = report.problem.sites, report.opened, claims["stations"]
    known = opened.sites[opened.sites >= 0]
    if told["total"] != report.stations:
        yield f"the plan counts {told['total']:,} stations, the audit {report.stations:,}"
    stands = int((sites.status == "existing").sum())
    kept = int((sites.status[known] == "existing").sum())
    found = {"selected": report.stations - kept, "existing": kept, "closed": stands - kept}
    for word, number in found.items():
        if told.get(word, number) != number:  # plans of 0.1 say nothing of closed ones
            yield f"the plan counts {told[word]:,} {word} stations, the audit {number:,}"
    if opened.ids.size != known.size:
        yield f"{opened.ids.size - known.size:,} stations are none of the scenario's sites"
    for name in sites.ids[known[sites.status[known] == "forbidden"]]:
        yield f"site {name} is forbidden, and open"
    closed = np.isin(sites.status, ("existing", "required")) & ~may_close(report.problem)
    closed[known] = False
    for name in sites.ids[closed]:
        yield f"site {name} is existing or required, and not open"


def _standards(claims: Mapping[str, Any], report: AuditReport) -> Iterator[str]:
    """Check the figures of every standard."""
    claimed = dict(claims["standards"])
    for standard in report.standards:
        if standard.name not in claimed:
            yield f"{standard.name}: the plan says nothing of this standard"
            continue
        for figure, says, is_so in _figures(claimed.pop(standard.name), standard):
            yield f"{standard.name}: the plan says {figure} is {says}, the audit finds {is_so}"
    for name in claimed:
        yield f"{name}: the scenario has no such standard"


def _figures(claimed: Mapping[str, Any], standard: AuditedStandard) -> Iterator[tuple[str, Any, Any]]:
    """List figures that differ: name, what the plan says, what the audit finds."""
    same = {name: name for name in ("metric", "radius_m", "strict", "required", "demand_points", "met")}
    for figure, found in (same | {"stations": "backup", "target_share": "target"}).items():
        if claimed[figure] != getattr(standard, found):
            yield figure, claimed[figure], getattr(standard, found)
    for figure in ("weight", "weight_covered", "share"):
        if not _close(claimed[figure], getattr(standard, figure)):
            yield figure, claimed[figure], getattr(standard, figure)
    says, is_so = claimed["max_distance_m"], standard.max_distance_m
    if says is None or is_so is None:
        agree = says is is_so
    else:
        agree = abs(says - is_so) <= _METRES + _RELATIVE * is_so
    if not agree:
        yield "max_distance_m", says, is_so


def _close(claimed: float, found: float) -> bool:
    return abs(claimed - found) <= _RELATIVE * max(abs(found), 1e-9)


def _objective(claims: Mapping[str, Any], report: AuditReport) -> Iterator[str]:
    """Check what the stations cost, what the scenario counts of them, and its limit."""
    sites, asked = report.problem.sites, report.problem.scenario.objective
    opened = report.opened.sites[report.opened.sites >= 0]
    new, cost = opened[sites.status[opened] != "existing"], _cost(report)
    if not _close(claims["cost"], cost):
        yield f"the plan says cost is {claims['cost']}, the audit finds {cost}"
    if asked.places:
        yield from _placed(claims, report, int(new.size))
    if asked.places or asked.allocates or report.problem.scenario.periods:
        return
    if asked.fits:
        yield from _fitting(report)
    objective = {"cost": cost + _chargers(claims, report), "stations": float(new.size)}.get(asked.counts)
    if objective is None:
        aims = [standard.weight_covered for standard in report.standards if not standard.required]
        objective = math.fsum(aims)
    if claims["objective"] is not None and not _close(claims["objective"], objective):
        yield f"the plan says objective is {claims['objective']}, the audit finds {objective}"
    if asked.stations is not None and new.size > asked.stations:
        yield f"{new.size:,} new stations are more than the {asked.stations:,} asked for"
    if asked.budget is not None and cost > asked.budget * (1 + _RELATIVE):
        yield f"a cost of {cost} is more than the budget of {asked.budget}"


def _chargers(claims: Mapping[str, Any], report: AuditReport) -> float:
    """Return what chargers cost, where the objective counts them: where they are decided with the sites."""
    sizing = report.problem.scenario.sizing
    told = claims.get("sizing")
    return float(told["cost"]) if sizing is not None and sizing.joint and told else 0.0


def _cost(report: AuditReport) -> float:
    """Add up what the stations cost, those that are closed included."""
    opened = np.zeros(len(report.problem.sites), np.bool_)
    opened[report.opened.sites[report.opened.sites >= 0]] = True
    return cost_of(report.problem, opened)


def _fitting(report: AuditReport) -> Iterator[str]:
    """Check that new stations keep the distance."""
    kept, asked = separation(report), report.problem.scenario.objective.separation_m
    if kept is not None and kept < asked - room(asked):
        yield f"a new station is {kept:.3f} m from another, and {asked:g} m are asked for"


def _placed(claims: Mapping[str, Any], report: AuditReport, new: int) -> Iterator[str]:
    """Check the distance that a plan claims, its number of stations, and that nobody is left out."""
    said, found = claims["objective"], placed_objective(report)
    if said is None:
        return
    served = report.problem.scenario.objective.allocates and claims["status"] != "infeasible"
    if not served and (found is None or abs(said - found) > room(found)):
        yield f"the plan says objective is {said}, the audit finds {found}"
    asked = report.problem.scenario.objective.stations
    if asked is not None and (new > asked or (new < asked and claims["status"] != "infeasible")):
        yield f"{new:,} new stations are not the {asked:,} asked for"
    if claims["status"] != "infeasible" and (without := lost(report)):
        yield f"{without:,} demand points have a way to a site, and none to a station"


def _service(claims: Mapping[str, Any], report: AuditReport, certificate: Mapping[str, Any]) -> Iterator[str]:
    """Check who serves whom, where that matters, and the objective with it."""
    asked, said = report.problem.scenario.objective, claims["objective"]
    if not asked.allocates or said is None:
        return
    infeasible = claims["status"] == "infeasible"
    if infeasible and asked.places:
        return
    sites, opened = report.problem.sites, report.opened.sites[report.opened.sites >= 0]
    new = opened[sites.status[opened] != "existing"]
    found = {"cost": _cost(report), "stations": float(new.size)}.get(asked.counts, 0.0)
    if not infeasible:
        try:
            found += served_cost(report, certificate)
        except InputError as error:
            yield f"who serves whom is faulty: {error}"
            return
    rounding = room(found) if asked.places else leeway(report.problem)
    if abs(said - found) > _RELATIVE * max(abs(found), 1e-9) + rounding:
        yield f"the plan says objective is {said}, the audit finds {found}"


def _status(claims: Mapping[str, Any], report: AuditReport) -> Iterator[str]:
    if claims["status"] == "optimal" and not report.measured_met:
        yield "the plan is called optimal, but a required standard is not met"
    limited = report.problem.scenario.objective.weight_per_charger is not None  # by more than the standards
    limited |= bool(report.problem.scenario.periods)  # each with shares of its own
    if claims["status"] == "infeasible" and report.measured_met and not (limited or lost(report)):
        yield "the plan is called infeasible, but every required standard is met"


def _gap(claims: Mapping[str, Any]) -> Iterator[str]:
    objective, bound, gap = claims["objective"], claims["bound"], claims["gap"]
    if objective is None or bound is None:
        if gap is not None:
            yield f"the plan says gap is {gap} without an objective and a bound"
        return
    beyond = bound - objective if claims["sense"] == "min" else objective - bound
    if beyond > _RELATIVE * max(abs(objective), 1.0):
        yield f"objective {objective} is better than the bound {bound}"
    expected = abs(objective - bound) / max(abs(objective), 1e-9)
    if gap is None or abs(gap - expected) > _RELATIVE * max(expected, 1.0):
        yield f"the plan says gap is {gap}; from objective and bound it is {expected}"


def _bound(claims: Mapping[str, Any], report: AuditReport, certificate: Mapping[str, Any]) -> Iterator[str]:
    """Check what multipliers and blocks prove, with the audit's own coverage, and whose bound it is."""
    try:
        proof = read_proof(certificate)
    except InputError as error:
        yield f"the certificate is faulty: {error}"
        return
    checks = {
        "dual-certificate": (_proven, certificate if proof.kind == "dual-certificate" else None, proof.bound),
        "block-certificate": (_added_up, proof.blocks, (proof.blocks or {}).get("bound")),
    }
    for kind, (check, told, bound) in checks.items():
        is_the_plans = claims["bound_kind"] == kind
        if told is not None:
            if is_the_plans and bound != claims["bound"]:
                yield f"the plan says bound is {claims['bound']}, its certificate {bound}"
            yield from _exceeded(claims["sense"], report.problem, kind, check, told)
        elif is_the_plans:
            yield f"the bound is said to be proven by a {_words(kind)}, and there is none"


def _words(kind: str) -> str:
    return kind.replace("-", " ")


def _exceeded(
    sense: str,
    problem: Problem,
    kind: str,
    check: Callable[[Problem, Mapping[str, Any]], tuple[Fraction, Fraction]],
    told: Mapping[str, Any],
) -> Iterator[str]:
    """Say whether a certificate claims more than it proves."""
    try:
        proven, leeway = check(problem, told)
    except InputError as error:
        yield f"the {_words(kind)} is faulty: {error}"
        return
    claimed = Fraction(float(told["bound"]))
    if claimed > proven + leeway if sense == "min" else claimed < proven - leeway:
        yield f"the {_words(kind)} claims a bound of {told['bound']} and proves only {float(proven)}"


def _proven(problem: Problem, certificate: Mapping[str, Any]) -> tuple[Fraction, Fraction]:
    """Return the bound that a certificate proves, and what rounding a claim may be beyond it."""
    if problem.scenario.objective.places:
        proof = allocated_bound if problem.scenario.objective.allocates else placed_bound
        proven = proof(problem, certificate)
        return proven, Fraction(room(float(proven)))
    if problem.scenario.objective.fits:
        return placed_bound(problem, certificate), Fraction(0)
    if problem.scenario.objective.allocates:
        proven = allocated_bound(problem, certificate)
        return proven, _ROUNDING * abs(proven) + Fraction(leeway(problem))
    proven = certified_bound(problem, certificate)
    return proven, _ROUNDING * abs(proven)


def _added_up(problem: Problem, blocks: Mapping[str, Any]) -> tuple[Fraction, Fraction]:
    """Return what blocks add up to, and what rounding a claim may be beyond it."""
    proven = block_bound(problem, blocks)
    return proven, _ROUNDING * abs(proven)
