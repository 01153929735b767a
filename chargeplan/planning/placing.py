"""A given number of stations placed by distances: p-median, p-center and p-dispersion.

The scenario says how many stations are to be built, so those that stand already come on top. An aim's demand
points are what is measured, by the aim's metric; a required standard is kept exactly, as rows of a table of
distances that are infinite beyond its radius (p-median with maximum distances: Khumawala 1973).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.plan.record import InfeasibleRecord
from chargeplan.planning.covering import beside, cover_demand, open_sites, without_bound
from chargeplan.planning.distances import Distances, measure, reserve_table
from chargeplan.planning.formulate import check_limit
from chargeplan.planning.radius_needed import radii_needed
from chargeplan.planning.recording import Outcome
from chargeplan.scenario import Objective
from chargeplan.solvers.center import CenterInstance
from chargeplan.solvers.dispersion import DispersionInstance
from chargeplan.solvers.median_certificate import MedianInstance
from chargeplan.solvers.models.minimum_separation import minimum_separation
from chargeplan.solvers.models.p_center import p_center
from chargeplan.solvers.models.p_dispersion import p_dispersion
from chargeplan.solvers.models.p_median import p_median
from chargeplan.solvers.models.set_covering import set_covering
from chargeplan.solvers.separation import SeparationInstance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.planning.attempts import Attempts
    from chargeplan.problem import Problem, Sites
    from chargeplan.solvers.center import CenterCertificate
    from chargeplan.solvers.dispersion import DispersionCertificate
    from chargeplan.solvers.median_certificate import MedianCertificate
    from chargeplan.solvers.separation import SeparationCertificate
    from chargeplan.solvers.solution import Solution

BEYOND = 20_037_509.0  # metres, half way around the Earth: what two existing sites count as apart


@dataclass(frozen=True)
class _Given:
    """How many stations there are to be, and which sites' state is given: (M,) bool each."""

    stations: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    def keywords(self) -> dict[str, Any]:
        return {"required": np.flatnonzero(self.opened), "forbidden": np.flatnonzero(self.closed)}


def place_stations(problem: Problem, coverage: Sequence[csr_array], attempts: Attempts) -> Outcome:
    """Plan stations so that they are near to the demand, or far from each other.

    Parameters
    ----------
    problem
        What is asked.
    coverage
        (N_k, M) relation of every standard.
    attempts
        Asks the solver.

    Raises
    ------
    InputError
        There are fewer sites than stations to build, or more required ones; the table of distances takes more
        memory than is free; nothing has a weight, or a way to a site.
    """
    attempts.watch.enter("measure")
    if problem.scenario.objective.fits:
        return _fitting(problem, attempts)
    given = _given(problem)
    if problem.scenario.objective.counts == "separation":
        return _apart(problem, given, attempts)
    distances = measure(problem, coverage)
    near = _center if problem.scenario.objective.counts == "farthest" else _median
    outcome = near(problem, distances, given, attempts)
    if outcome.solution.status == "infeasible":
        outcome = _rest(problem, coverage, distances, attempts)
    notes = (*distances.remarks, *outcome.solution.notes)
    return replace(outcome, solution=replace(outcome.solution, notes=notes))


def _given(problem: Problem) -> _Given:
    objective, status = problem.scenario.objective, problem.sites.status
    check_limit(objective, problem.sites)
    assert objective.stations is not None
    free = int(np.isin(status, ("candidate", "required")).sum())
    if objective.stations > free:
        raise InputError(f"[objective], stations = {objective.stations}: only {free} sites may get a new one")
    existing = status == "existing"
    total = objective.stations + int(existing.sum())
    return _Given(total, existing | (status == "required"), status == "forbidden")


def _median(problem: Problem, distances: Distances, given: _Given, attempts: Attempts) -> Outcome:
    """Bring the mean distance down: the solver's sums, over the weight that is measured."""
    total = float(distances.weight.sum())
    if total == 0.0:
        raise InputError('[objective], minimise = "distance": no demand point that is measured has a weight')
    found = attempts.model(
        p_median, distances.metres, distances.weight, given.stations, unit=total, **given.keywords()
    )
    certificate: MedianCertificate | None = found.certificate
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": _over(found.bound, total)}
    if certificate is not None:
        asked = given.stations, given.opened, given.closed
        instance = MedianInstance(distances.metres, distances.weight, *asked)
        record = {
            "kind": "dual-certificate",
            "model": "p-median",
            "bound": _over(_proven(found, certificate, instance), total),
            "scale": certificate.scale,
            "u": _multipliers(problem, distances, certificate.multipliers),
        }
    opened = open_sites(found, given.opened)
    objective = None if found.selected is None else mean_distance(distances, opened)
    return _outcome(replace(found, bound=_over(found.bound, total)), opened, objective, record)


def _center(problem: Problem, distances: Distances, given: _Given, attempts: Attempts) -> Outcome:
    """Bring the farthest demand point nearer."""
    found = attempts.model(p_center, distances.metres, given.stations, **given.keywords())
    certificate: CenterCertificate | None = found.certificate
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": found.bound}
    if certificate is not None:
        instance = CenterInstance(distances.metres, given.stations, given.opened, given.closed)
        record = {
            "kind": "dual-certificate",
            "model": "p-center",
            "bound": _proven(found, certificate, instance),
            "scale": certificate.covering.scale,
            "u": _multipliers(problem, distances, certificate.covering.rows),
        }
    opened = open_sites(found, given.opened)
    objective = None if found.selected is None else farthest(distances, opened)
    return _outcome(found, opened, objective, record)


def _apart(problem: Problem, given: _Given, attempts: Attempts) -> Outcome:
    """Keep new stations away from all others; what stands already may stand as near together as it does."""
    if given.stations < 2:
        raise InputError('[objective], maximise = "separation": a distance takes two stations')
    sites, table = problem.sites, _between(problem)
    found = attempts.model(p_dispersion, table, given.stations, **given.keywords())
    certificate: DispersionCertificate | None = found.certificate
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": found.bound}
    if certificate is not None:
        instance = DispersionInstance(np.minimum(table, table.T), given.stations, given.opened, given.closed)
        record = {
            "kind": "dual-certificate",
            "model": "p-dispersion",
            "bound": certificate.bound(instance),
            "groups": _groups(sites, certificate),
        }
    return _outcome(found, open_sites(found, given.opened), found.objective, record, maximise=True)


def _fitting(problem: Problem, attempts: Attempts) -> Outcome:
    """Build as many stations as keep the distance; those that stand already count for nothing but it."""
    sites, objective = problem.sites, problem.scenario.objective
    table, new = _between(problem), (sites.status != "existing").astype(np.float64)
    opened, closed = np.isin(sites.status, ("existing", "required")), sites.status == "forbidden"
    given = _Given(0, opened, closed).keywords()
    found = attempts.model(minimum_separation, table, objective.separation_m, new, **given)
    if found.status == "infeasible":
        near = " and ".join(_nearest_two(sites.ids[opened], table[np.ix_(opened, opened)]))
        raise InputError(f"[objective], separation: required or existing sites are too near: {near}")
    certificate: SeparationCertificate | None = found.certificate
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": found.bound}
    if certificate is not None:
        asked = SeparationInstance(np.minimum(table, table.T), objective.separation_m, new, opened, closed)
        record = {
            "kind": "dual-certificate",
            "model": "minimum-separation",
            "bound": certificate.bound(asked),
            "scale": certificate.scale,
            "groups": _groups(sites, certificate),
        }
    return _outcome(found, open_sites(found, opened), found.objective, record, maximise=True)


def _nearest_two(ids: NDArray[np.object_], between: NDArray[np.float64]) -> list[str]:
    apart = between.copy()
    np.fill_diagonal(apart, np.inf)
    return [str(ids[place]) for place in divmod(int(apart.argmin()), ids.size)]


def _between(problem: Problem) -> NDArray[np.float64]:
    """Measure the sites to each other, (M, M) metres."""
    sites = problem.sites
    what = f'maximise = "{problem.scenario.objective.counts}": {len(sites):,} sites'
    reserve_table(len(sites), len(sites), what)
    table = np.array(kernels.distance_matrix(sites.positions, sites.positions), np.float64)
    existing = np.flatnonzero(sites.status == "existing")
    table[np.ix_(existing, existing)] = BEYOND
    return table


def _groups(sites: Sites, certificate: DispersionCertificate | SeparationCertificate) -> list[dict[str, Any]]:
    groups = np.split(certificate.sites, certificate.first[1:-1])
    return [
        {"sites": sites.ids[group].tolist(), "value": value}
        for group, value in zip(groups, certificate.multipliers.tolist(), strict=True)
    ]


def _outcome(
    solution: Solution,
    opened: NDArray[np.bool_],
    objective: float | None,
    certificate: dict[str, Any],
    *,
    maximise: bool = False,
) -> Outcome:
    """Put the bound beside the objective, in the certificate too where it proves that bound."""
    solution = beside(solution, objective, maximise=maximise)
    if solution.bound_kind == "dual-certificate":
        certificate = certificate | {"bound": solution.bound}
    return Outcome(solution, opened, objective, certificate)


def mean_distance(distances: Distances, opened: NDArray[np.bool_]) -> float | None:
    """Return the mean distance to the nearest open site, by weight; of the demand points that have a way."""
    near = distances.metres[:, opened].min(axis=1, initial=np.inf)
    reached = np.isfinite(near)
    weight = distances.weight[reached]
    return float((near[reached] * weight).sum() / weight.sum()) if weight.sum() > 0 else None


def farthest(distances: Distances, opened: NDArray[np.bool_]) -> float:
    """Return the longest distance to the nearest open site; of the demand points that have a way."""
    near = distances.metres[:, opened].min(axis=1, initial=np.inf)
    return float(near[np.isfinite(near)].max(initial=0.0))


def _proven(
    found: Solution, certificate: MedianCertificate | CenterCertificate, instance: Any
) -> float | None:
    """Return what a certificate proves, which is the bound where no backend has proven more."""
    return found.bound if found.bound_kind == "dual-certificate" else certificate.bound(instance)


def _over(bound: float | None, total: float) -> float | None:
    return None if bound is None else bound / total


def _multipliers(
    problem: Problem, distances: Distances, values: NDArray[np.int64]
) -> dict[str, dict[str, list[Any]]]:
    """Name the demand points with a multiplier above 0, by standard."""
    ends = np.cumsum([index.size for index in distances.rows])
    parts = zip(problem.standards, distances.rows, np.split(values, ends[:-1]), strict=True)
    return {standard.name: _named(standard.points.ids[index], part) for standard, index, part in parts}


def _named(ids: NDArray[np.object_], values: NDArray[np.int64]) -> dict[str, list[Any]]:
    used = np.flatnonzero(values)
    return {"rows": ids[used].tolist(), "value": values[used].tolist()}


def _rest(
    problem: Problem, coverage: Sequence[csr_array], distances: Distances, attempts: Attempts
) -> Outcome:
    """Explain why no plan exists, and serve the most weight within the radius with so many stations."""
    objective = problem.scenario.objective
    covering = Objective(maximise="weight", stations=objective.stations)
    found = cover_demand(problem, coverage, attempts, covering)
    counted = farthest if objective.counts == "farthest" else mean_distance
    value = None if found.solution.selected is None else counted(distances, found.open)
    why = found.infeasible or _too_few(problem, coverage, distances, attempts)
    note = "the stations serve the most weight within the radius, and are not those of the least distance"
    solution = without_bound(found.solution)
    solution = replace(solution, objective=value, notes=(*solution.notes, note))
    return Outcome(solution, found.open, value, {"kind": None, "bound": None}, why)


def _too_few(
    problem: Problem, coverage: Sequence[csr_array], distances: Distances, attempts: Attempts
) -> InfeasibleRecord:
    """Say how many stations are known to give every demand point a way to one, and keep what is required."""
    given, stations = _given(problem), problem.scenario.objective.stations
    new = (problem.sites.status != "existing").astype(np.float64)
    found = attempts.model(set_covering, np.isfinite(distances.metres), new, **given.keywords())
    known = "" if found.objective is None else f"; {found.objective:,.6g} are known to do"
    if found.objective is not None and found.objective == found.bound:
        known = f"; {found.objective:,.6g} can, and no less"
    reason = (
        f"{stations:,} new stations cannot keep the required standards and give every demand point of an aim "
        f"a way to one{known}"
    )
    return InfeasibleRecord(
        reasons=[reason],
        uncoverable={},
        radius_needed_m=radii_needed(problem, coverage),
        limit=float(stations or 0),
        limit_needed=found.objective,
        limit_at_least=found.bound,
    )
