"""A given number of stations placed by distances: p-median, p-center and p-dispersion.

The scenario says how many stations are to be built, so those that stand already come on top. An aim's demand
points are what is measured, by the aim's metric; a required standard is kept exactly, as rows of a table of
distances that are infinite beyond its radius (p-median with maximum distances: Khumawala 1973).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.planning.covering import beside, open_sites
from chargeplan.planning.distances import Distances, measure, reserve_table
from chargeplan.planning.proof import multipliers_by_id
from chargeplan.planning.recording import Outcome
from chargeplan.planning.station_costs import check_limit
from chargeplan.planning.too_few import needs_more, new_ones, serve_the_most
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

    from chargeplan.plan.record import InfeasibleRecord
    from chargeplan.planning.attempts import Attempts
    from chargeplan.problem import Problem, Sites
    from chargeplan.solvers.center import CenterCertificate
    from chargeplan.solvers.dispersion import DispersionCertificate
    from chargeplan.solvers.median_certificate import MedianCertificate
    from chargeplan.solvers.separation import SeparationCertificate
    from chargeplan.solvers.solution import Solution

BEYOND = 20_037_509.0  # metres, half way around the Earth: what two existing sites count as apart


@dataclass(frozen=True)
class Given:
    """How many stations there are to be, and which sites' state is given: (M,) bool each."""

    stations: int
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    def keywords(self) -> dict[str, Any]:
        """Return the sites as the functions of `chargeplan.solvers` take them."""
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
    given = given_stations(problem)
    if problem.scenario.objective.counts == "separation":
        return _apart(problem, given, attempts)
    distances = measure(problem, coverage)
    near = _center if problem.scenario.objective.counts == "farthest" else _median
    outcome = near(problem, distances, given, attempts)
    if outcome.solution.status == "infeasible":
        counted = farthest if near is _center else mean_distance
        why = partial(_too_few, problem, coverage, distances, given, attempts)
        outcome = serve_the_most(problem, coverage, attempts, partial(counted, distances), why)
    notes = (*distances.remarks, *outcome.solution.notes)
    return replace(outcome, solution=replace(outcome.solution, notes=notes))


def given_stations(problem: Problem) -> Given:
    """Say how many stations there are to be, those that stand included.

    Raises
    ------
    InputError
        There are fewer sites than stations to build, or more required ones.
    """
    objective, status = problem.scenario.objective, problem.sites.status
    check_limit(objective, problem.sites)
    assert objective.stations is not None
    free = int(np.isin(status, ("candidate", "required")).sum())
    if objective.stations > free:
        raise InputError(f"[objective], stations = {objective.stations}: only {free} sites may get a new one")
    existing = status == "existing"
    total = objective.stations + int(existing.sum())
    return Given(total, existing | (status == "required"), status == "forbidden")


def _median(problem: Problem, distances: Distances, given: Given, attempts: Attempts) -> Outcome:
    """Bring the mean distance down: the solver's sums, over the weight that is measured."""
    total = measured_weight(distances)
    found = attempts.model(
        p_median, distances.metres, distances.weight, given.stations, unit=total, **given.keywords()
    )
    certificate: MedianCertificate | None = found.certificate
    record: dict[str, Any] = {"kind": found.bound_kind, "bound": over(found.bound, total)}
    if certificate is not None:
        asked = given.stations, given.opened, given.closed
        instance = MedianInstance(distances.metres, distances.weight, *asked)
        record = {
            "kind": "dual-certificate",
            "model": "p-median",
            "bound": over(_proven(found, certificate, instance), total),
            "scale": certificate.scale,
            "u": multipliers_of(problem, distances, certificate.multipliers),
        }
    opened = open_sites(found, given.opened)
    objective = None if found.selected is None else mean_distance(distances, opened)
    return outcome_of(replace(found, bound=over(found.bound, total)), opened, objective, record)


def _center(problem: Problem, distances: Distances, given: Given, attempts: Attempts) -> Outcome:
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
            "u": multipliers_of(problem, distances, certificate.covering.rows),
        }
    opened = open_sites(found, given.opened)
    objective = None if found.selected is None else farthest(distances, opened)
    return outcome_of(found, opened, objective, record)


def _apart(problem: Problem, given: Given, attempts: Attempts) -> Outcome:
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
    return outcome_of(found, open_sites(found, given.opened), found.objective, record, maximise=True)


def _fitting(problem: Problem, attempts: Attempts) -> Outcome:
    """Build as many stations as keep the distance; those that stand already count for nothing but it."""
    sites, objective = problem.sites, problem.scenario.objective
    table, new = _between(problem), new_ones(sites)
    opened, closed = np.isin(sites.status, ("existing", "required")), sites.status == "forbidden"
    given = Given(0, opened, closed).keywords()
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
    return outcome_of(found, open_sites(found, opened), found.objective, record, maximise=True)


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


def outcome_of(
    solution: Solution,
    opened: NDArray[np.bool_],
    objective: float | None,
    certificate: dict[str, Any],
    *,
    maximise: bool = False,
) -> Outcome:
    """Put the bound beside the objective, in the certificate too where it proves that bound.

    Parameters
    ----------
    solution
        Its bound in metres, or in stations.
    opened
        (M,) bool.
    objective
        As it is measured.
    certificate
        For certificate.json.
    maximise
        The sense.
    """
    solution = beside(solution, objective, maximise=maximise)
    if solution.bound_kind == "dual-certificate":
        certificate = certificate | {"bound": solution.bound}
    return Outcome(solution, opened, objective, certificate)


def measured_weight(distances: Distances) -> float:
    """Add up the weight of all that is measured.

    Raises
    ------
    InputError
        It is 0, and there is no mean.
    """
    total = float(distances.weight.sum())
    if total == 0.0:
        raise InputError('[objective], minimise = "distance": no demand point that is measured has a weight')
    return total


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


def over(bound: float | None, total: float) -> float | None:
    """Divide a bound on a sum by the weight that it is over."""
    return None if bound is None else bound / total


def multipliers_of(
    problem: Problem, distances: Distances, values: NDArray[np.int64]
) -> dict[str, dict[str, list[Any]]]:
    """Name the demand points with a multiplier above 0, by standard."""
    ends = np.cumsum([index.size for index in distances.rows])
    parts = zip(problem.standards, distances.rows, np.split(values, ends[:-1]), strict=True)
    return {
        standard.name: multipliers_by_id(standard.points.ids[index], part) for standard, index, part in parts
    }


def _too_few(
    problem: Problem, coverage: Sequence[csr_array], distances: Distances, given: Given, attempts: Attempts
) -> InfeasibleRecord:
    """Say how many stations are known to give every demand point a way to one, and keep what is required."""
    found = attempts.model(
        set_covering, np.isfinite(distances.metres), new_ones(problem.sites), **given.keywords()
    )
    task = "keep the required standards and give every demand point of an aim a way to one"
    return needs_more(problem, coverage, found, task)
