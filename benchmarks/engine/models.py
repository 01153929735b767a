"""What the solvers are asked: arrays, the textbook model of them, and the arithmetic that checks a plan.

Every class has the same methods. `solved` calls chargeplan's own function; `matrix` writes the model as the
textbook does, sites' variables first, for solvers that take a matrix; `value` is the objective of a set of
open sites, or a ValueError where that is no plan; `tiny` is an instance of the same kind, to warm up with.
"""

# ruff: noqa: D102 - said above, once for all classes

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_array, csr_array, eye_array, hstack, kron, vstack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chargeplan.instances.orlib import FacilityLocation
    from chargeplan.kernels import Patterns
    from chargeplan.problem import Problem
    from chargeplan.solvers import Solution
    from chargeplan.solvers.matrix import MatrixModel


@dataclass(frozen=True, eq=False)
class Within:
    """A coverage by a table of distances, (N, M), and a radius; compared by whoever needs the relation."""

    distance: np.ndarray
    radius: float

    def relation(self) -> csr_array:
        return csr_array(self.distance <= self.radius)


@dataclass(frozen=True, eq=False)
class SetCovering:
    """Every demand point has a station: (N, M) coverage, (M,) cost."""

    coverage: csr_array | Within
    cost: np.ndarray
    maximise: ClassVar[bool] = False

    @property
    def sites(self) -> int:
        return self.cost.size

    def relation(self) -> csr_array:
        return self.coverage.relation() if isinstance(self.coverage, Within) else self.coverage

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import solvers  # noqa: PLC0415 - not in the peers' processes

        return solvers.set_covering(self.relation(), self.cost, **limits)

    def matrix(self) -> MatrixModel:
        rows = self.relation().astype(np.float64)
        at_least = np.ones(rows.shape[0])
        return _model(self.cost, rows, at_least, np.full(at_least.size, np.inf), whole=self.sites)

    def value(self, selected: np.ndarray) -> float:
        alone = np.flatnonzero(self.relation()[:, selected].sum(axis=1) == 0)
        if alone.size:
            raise ValueError(f"{alone.size} demand points have no station")
        return float(self.cost[selected].sum())

    @classmethod
    def tiny(cls) -> SetCovering:
        """Draw points and sites around a circle: no reduction solves it, so a bound has to be found."""
        apart = np.abs(np.arange(60)[:, None] / 3.0 - np.arange(20)[None, :])
        return SetCovering(Within(np.minimum(apart, 20.0 - apart), 1.2), np.ones(20))


def covering_of(name: str) -> Problem:
    """Read a shipped scenario, and leave its covering: its standards at the least cost, without rooms."""
    import chargeplan as cp  # noqa: PLC0415

    problem = cp.load(name)
    if not problem.scenario.objective.allocates:
        return problem
    return problem.replace(objective={"minimise": problem.scenario.objective.minimise}, mix=[], sizing=None)


@dataclass(frozen=True, eq=False)
class Scenario(SetCovering):
    """A shipped scenario that asks for a set covering; chargeplan plans it as `chargeplan solve` does."""

    name: str

    def solved(self, **limits: Any) -> Solution:
        import chargeplan as cp  # noqa: PLC0415 - not in the peers' processes
        from chargeplan.solvers import Solution  # noqa: PLC0415

        plan = cp.solve(covering_of(self.name), **limits)
        selected = np.flatnonzero(plan.stations["status"].isin(["selected", "existing"]))
        return Solution(plan.status, plan.objective, plan.bound, plan.gap, plan.bound_kind, selected)


@dataclass(frozen=True, eq=False)
class MaximalCovering:
    """Most weight within reach of some stations: (N, M) coverage, (N,) weight."""

    coverage: csr_array | Within
    weight: np.ndarray
    stations: int
    maximise: ClassVar[bool] = True

    @property
    def sites(self) -> int:
        return self.relation().shape[1]

    relation = SetCovering.relation

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import solvers  # noqa: PLC0415 - not in the peers' processes

        return solvers.maximal_covering(self.relation(), self.weight, self.stations, **limits)

    def matrix(self) -> MatrixModel:
        relation = self.relation().astype(np.float64)
        points, sites = relation.shape
        number = csr_array(np.ones((1, sites)))
        rows = block_array([[relation, -eye_array(points)], [number, None]], format="csr")
        lower, upper = np.append(np.zeros(points), -np.inf), np.append(np.full(points, np.inf), self.stations)
        objective = np.append(np.zeros(sites), self.weight)
        return _model(objective, rows, lower, upper, whole=sites, maximise=True)

    def value(self, selected: np.ndarray) -> float:
        _check_number(selected, self.stations)
        return float(self.weight[self.relation()[:, selected].sum(axis=1) > 0].sum())

    @classmethod
    def tiny(cls) -> MaximalCovering:
        return cls(SetCovering.tiny().coverage, np.arange(1.0, 61.0), 3)


@dataclass(frozen=True, eq=False)
class PMedian:
    """Least weighted distance to the nearest station: (N, M) distance, (N,) weight."""

    distance: np.ndarray
    weight: np.ndarray
    stations: int
    maximise: ClassVar[bool] = False

    @property
    def sites(self) -> int:
        return self.distance.shape[1]

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import solvers  # noqa: PLC0415 - not in the peers' processes

        return solvers.p_median(self.distance, self.weight, self.stations, **limits)

    def matrix(self) -> MatrixModel:
        points, sites = self.distance.shape
        rows, lower, upper = _assignment(points, sites, self.stations)
        objective = np.append(np.zeros(sites), (self.weight[:, None] * self.distance).ravel())
        return _model(objective, rows, lower, upper, whole=sites)

    def value(self, selected: np.ndarray) -> float:
        _check_number(selected, self.stations)
        return float(self.weight @ self.distance[:, selected].min(axis=1))

    @classmethod
    def tiny(cls) -> PMedian:
        place = np.random.default_rng(0).random((80, 2)) * 100
        table = np.hypot(*(place[:60, None] - place[None, 60:]).transpose(2, 0, 1))
        return cls(np.rint(table), np.ones(60), 3)


@dataclass(frozen=True, eq=False)
class PCenter:
    """Least distance of whoever is farthest from a station: (N, M) distance."""

    distance: np.ndarray
    stations: int
    maximise: ClassVar[bool] = False

    @property
    def sites(self) -> int:
        return self.distance.shape[1]

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import solvers  # noqa: PLC0415 - not in the peers' processes

        return solvers.p_center(self.distance, self.stations, **limits)

    def matrix(self) -> MatrixModel:
        points, sites = self.distance.shape
        rows, lower, upper = _assignment(points, sites, self.stations)
        places = (np.repeat(np.arange(points), sites), np.arange(points * sites))
        own = csr_array((self.distance.ravel(), places), shape=(points, points * sites))
        reach = block_array([[csr_array((points, sites)), -own, csr_array(np.ones((points, 1)))]])
        rows = vstack((hstack((rows, csr_array((rows.shape[0], 1)))), reach), format="csr")
        lower = np.append(lower, np.zeros(points))
        upper = np.append(upper, np.full(points, np.inf))
        objective = np.append(np.zeros(sites * (points + 1)), 1.0)
        model = _model(objective, rows, lower, upper, whole=sites * (points + 1))
        return replace(model, upper=np.append(model.upper[:-1], self.distance.max()))

    def value(self, selected: np.ndarray) -> float:
        _check_number(selected, self.stations)
        return float(self.distance[:, selected].min(axis=1).max())

    @classmethod
    def tiny(cls) -> PCenter:
        return cls(PMedian.tiny().distance, 3)


@dataclass(frozen=True, eq=False)
class CapacitatedFacilityLocation:
    """Least cost of opening stations and serving the demand within their capacities."""

    instance: FacilityLocation
    maximise: ClassVar[bool] = False

    @property
    def sites(self) -> int:
        return self.instance.opening_cost.size

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import solvers  # noqa: PLC0415 - not in the peers' processes

        asked = self.instance
        return solvers.facility_location(
            asked.assignment_cost, asked.opening_cost, asked.capacity, asked.demand, **limits
        )

    def matrix(self) -> MatrixModel:
        asked = self.instance
        points, sites = asked.assignment_cost.shape
        rows, lower, upper = _assignment(points, sites, sites)
        loads = kron(asked.demand[None, :], eye_array(sites))
        rows = block_array([[rows], [block_array([[-_diagonal(asked.capacity), loads]])]], format="csr")
        lower, upper = np.append(lower, np.full(sites, -np.inf)), np.append(upper, np.zeros(sites))
        objective = np.append(asked.opening_cost, asked.assignment_cost.ravel())
        model = _model(objective, rows, lower, upper, whole=sites)
        return replace(model, implied=np.zeros(objective.size, bool))  # demand may be split

    def value(self, selected: np.ndarray) -> float:
        """Serve the demand from the open sites at the least cost: a transportation problem."""
        asked = self.instance
        points, sites = asked.assignment_cost.shape[0], selected.size
        served = linprog(
            asked.assignment_cost[:, selected].ravel(),
            A_ub=kron(asked.demand[None, :], eye_array(sites)),
            b_ub=asked.capacity[selected],
            A_eq=kron(eye_array(points), np.ones((1, sites))),
            b_eq=np.ones(points),
        )
        if not served.success:
            raise ValueError(f"the open sites cannot serve the demand: {served.message}")
        return float(served.fun + asked.opening_cost[selected].sum())

    @classmethod
    def tiny(cls) -> CapacitatedFacilityLocation:
        from chargeplan.instances.orlib import FacilityLocation  # noqa: PLC0415

        table = np.array([[0.0, 3.0], [3.0, 0.0]])
        return cls(FacilityLocation(table, np.ones(2), np.full(2, 1.5), np.ones(2)))


@dataclass(frozen=True, eq=False)
class Streamed:
    """Cordeau, Furini and Ljubić's points, merged into patterns as they are drawn.

    Maximal covering by so many `stations`, or the cheapest stations for a `share` of the weight. Drawing the
    points is clocked apart, as the stage ``"drawing"``.
    """

    points: int
    radius: float
    stations: int | None = None
    share: float | None = None
    cost: ClassVar[tuple[int, int]] = (10, 100)  # of a site, from and to, as the authors draw it for shares

    @property
    def maximise(self) -> bool:
        return self.stations is not None

    def solved(self, **limits: Any) -> Solution:
        from chargeplan import kernels, solvers  # noqa: PLC0415 - not in the peers' processes

        drawn = self._drawn()
        clocked = _Clocked(drawn.chunks())
        merged: Patterns = kernels.cover_patterns(clocked, drawn.sites, self.radius, metric="euclidean")
        if self.stations is not None:
            found = solvers.maximal_covering(merged.coverage, merged.weight, self.stations, **limits)
        else:
            share = self.share or 1.0
            found = solvers.set_covering(merged.coverage, drawn.cost, share, merged.weight, **limits)
        return replace(found, seconds=dict(found.seconds) | {"drawing": clocked.seconds})

    def value(self, selected: np.ndarray) -> float:
        drawn = self._drawn()
        served = total = 0.0
        for positions, weight in drawn.chunks():
            near = np.zeros(weight.size, bool)
            for x, y in drawn.sites[selected]:
                near |= np.hypot(positions[:, 0] - x, positions[:, 1] - y) <= self.radius
            served += float(weight[near].sum())
            total += float(weight.sum())
        if self.stations is not None:
            _check_number(selected, self.stations)
            return served
        if served < (self.share or 1.0) * total:
            raise ValueError(f"only {served / total:.4%} of the weight is served")
        return float(drawn.cost[selected].sum())

    def _drawn(self) -> Any:
        from chargeplan.instances.generators import cfl  # noqa: PLC0415

        return cfl(self.points, cost=(1, 1) if self.maximise else self.cost)

    @classmethod
    def tiny(cls) -> Streamed:
        return cls(200_000, 5.5, stations=2)


class _Clocked:
    """Pieces of something, and the seconds that they took to come."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        self._pieces = pieces
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Any]:
        while True:
            began = time.perf_counter()
            piece = next(self._pieces, None)
            self.seconds += time.perf_counter() - began
            if piece is None:
                return
            yield piece


def _model(
    objective: np.ndarray,
    rows: csr_array,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    whole: int,
    maximise: bool = False,
) -> MatrixModel:
    """Write a model with variables from 0 to 1: the first `whole` integers, the others implied to be."""
    from chargeplan.solvers.matrix import MatrixModel  # noqa: PLC0415 - clocked with the model

    integral = np.arange(objective.size) < whole
    zero, one = np.zeros(objective.size), np.ones(objective.size)
    return MatrixModel(objective, rows, lower, upper, zero, one, integral, ~integral, maximise)


def _assignment(points: int, sites: int, stations: int) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Rows of y_j and x_ij: every point assigned, to open sites only, and the number of stations."""
    pairs = points * sites
    each = kron(eye_array(points), np.ones((1, sites)))
    opened = kron(np.ones((points, 1)), eye_array(sites))
    number = csr_array(np.ones((1, sites)))
    rows = block_array([[None, each], [opened, -eye_array(pairs)], [number, None]], format="csr")
    lower = np.concatenate((np.ones(points), np.zeros(pairs), [-np.inf]))
    upper = np.concatenate((np.ones(points), np.full(pairs, np.inf), [stations]))
    return rows, lower, upper


def _diagonal(values: np.ndarray) -> csr_array:
    place = np.arange(values.size)
    return csr_array((values, (place, place)))


def _check_number(selected: np.ndarray, stations: int) -> None:
    if not 0 < selected.size <= stations:
        raise ValueError(f"{selected.size} stations, where {stations} are asked for")
