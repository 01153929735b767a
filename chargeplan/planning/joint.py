"""Sites and chargers decided together: the plan in turn, first sites, then chargers, bettered by one model.

The plan in turn is where the solver begins, and it stays where nothing better is found. The bound is the
solver's; or, where the model is too large, what the stations alone must cost by the proof of their siting,
and the chargers alone by a relaxation. Each holds for every plan, so their sum does: a plan's cost is that of
its stations and that of its chargers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.errors import BackendError
from chargeplan.planning.covering import beside
from chargeplan.planning.joint_model import joint_model
from chargeplan.planning.joint_parts import joint_parts, without_covering
from chargeplan.planning.joint_values import flow_of, start_of, tightened
from chargeplan.planning.load import Load, hourly_kw, loading_standard, station_load
from chargeplan.planning.serve import serve
from chargeplan.planning.sizing import chargers_missed, size, sizing_cost
from chargeplan.planning.station_costs import plan_cost
from chargeplan.solvers.backends import find, fitting
from chargeplan.solvers.backends.base import Answer, Hooks, checked, limits_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.plan.answer import StandardResult
    from chargeplan.planning.attempts import Attempts
    from chargeplan.planning.joint_model import JointModel, JointParts
    from chargeplan.planning.recording import Outcome
    from chargeplan.planning.sizing import Sized
    from chargeplan.problem import Problem
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.solution import BoundKind, Limits, Status

    Floats = NDArray[np.float64]

_PROVEN = 1e-6  # of an objective: as near as solvers of fractions prove an optimum
_FIRST = 0.5  # of what is left, for the plan in turn, and for missing as few chargers as can be
_ROUNDING = 1e-9
_DECIMALS = 6  # of a cost, to tell cheaper plans from rounding
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class Planned:
    """Stations, whom they serve, and their chargers."""

    outcome: Outcome
    results: tuple[StandardResult, ...]
    sized: Sized


def is_joint(problem: Problem) -> bool:
    """Whether a scenario asks for sites and chargers to be decided together."""
    return problem.scenario.sizing is not None and problem.scenario.sizing.joint


def limits_in_turn(problem: Problem, limits: Limits) -> Limits:
    """Return the limits of the plan in turn: a part of all where sites and chargers are decided together."""
    if not is_joint(problem):
        return limits
    time, work = (
        None if value is None else _FIRST * value for value in (limits.time_limit, limits.work_limit)
    )
    return replace(limits, time_limit=time, work_limit=work)


def decide_jointly(
    problem: Problem, coverage: Sequence[csr_array], in_turn: Planned, attempts: Attempts
) -> Planned:
    """Decide sites and chargers together.

    Parameters
    ----------
    problem, coverage
        What is asked, and which sites serve whom.
    in_turn
        A plan of stations, and then of chargers, whose bound is one of its stations.
    attempts
        The limits, and who is asked.

    Returns
    -------
    Planned
        The plan that misses the fewest chargers, and costs the least of those, of all that were found. Its
        objective is what stations and chargers cost.
    """
    if in_turn.outcome.objective is None:
        return in_turn  # the limits were too short for any stations
    attempts.watch.enter("formulate")
    parts = joint_parts(problem, coverage)
    lacks = chargers_missed(problem, in_turn.outcome.open, in_turn.sized)
    if (
        parts.groups is None
        and problem.scenario.sizing is not None
        and problem.scenario.sizing.kwh is not None
    ):
        note = "too many demand points and sites to decide sites and chargers together: they were in turn"
        return _told(problem, in_turn, in_turn, _apart(parts, in_turn, lacks, attempts), notes=[note])
    solver = _Solver(problem, coverage, parts, attempts)
    plans = [in_turn]
    if lacks:
        plans += solver.better(in_turn, np.inf)[0]
        best = _best(problem, plans)
        lacks = chargers_missed(problem, best.outcome.open, best.sized)
    found, answer = solver.better(_best(problem, plans), lacks)
    best = _best(problem, [*plans, *found])
    bound = None if answer.bound is None else answer.bound + parts.paid
    if bound is None:
        bound = _apart(parts, in_turn, lacks, attempts)
    told = _told(problem, in_turn, best, bound, proven=answer.status == "optimal", notes=solver.notes)
    if not solver.by_clock:
        return told
    solution = replace(told.outcome.solution, reproducible=False)
    return replace(told, outcome=replace(told.outcome, solution=solution))


def _best(problem: Problem, plans: Sequence[Planned]) -> Planned:
    """Choose the first of the plans that miss the fewest chargers and cost the least of those."""
    return min(
        plans,
        key=lambda plan: (
            chargers_missed(problem, plan.outcome.open, plan.sized),
            round(cost_of(problem, plan), _DECIMALS),
        ),
    )


def cost_of(problem: Problem, plan: Planned) -> float:
    """Add up what stations and chargers cost."""
    return plan_cost(problem.sites, plan.outcome.open) + sizing_cost(problem, plan.sized)


@dataclass(eq=False)
class _Solver:
    """Asks a backend for better plans.

    Parameters
    ----------
    problem, coverage, parts
        What is asked.
    attempts
        The limits, and who is asked.
    notes, by_clock
        What went wrong, and whether the clock decided how much was searched.
    """

    problem: Problem
    coverage: Sequence[csr_array]
    parts: JointParts
    attempts: Attempts
    notes: list[str] = field(default_factory=list)
    by_clock: bool = False

    def better(self, plan: Planned, lacks: float) -> tuple[list[Planned], Answer]:
        """Begin with a plan, and look for cheaper ones that miss so many chargers at most.

        Where the number is infinite, look for those that miss fewer.
        """
        model = joint_model(self.parts, lacks)
        matrix = model.matrix if np.isfinite(lacks) else replace(model.matrix, objective=model.missed)
        try:
            part = 1.0 if np.isfinite(lacks) else _FIRST
            answer = self._asked(matrix, start_of(model, plan), part)
            found = [] if answer.values is None else self._read(model, matrix, answer.values, plan)
        except BackendError as error:  # there is a plan already
            self.notes.append(f"sites and chargers together: {error}")
            return [], Answer("stopped")
        return found, answer

    def _asked(self, matrix: MatrixModel, start: Floats, part: float = 1.0) -> Answer:
        """Ask with a part of what is left; another backend where the one does not take the numbers."""
        attempts = self.attempts
        solver = fitting(matrix) if attempts.backend == "auto" else find(attempts.backend)
        if not solver.takes(matrix):
            solver = fitting(matrix)
            note = f"{attempts.backend} does not take fractions; sites and chargers together: {solver.name}"
            self.notes += [] if note in self.notes else [note]
        left = attempts.watch.left(attempts.limits)
        attempts.watch.enter("joint")
        seconds, work = (None if of is None else part * of for of in (left.time_limit, left.work_limit))
        limits = limits_for(solver, left, seconds=seconds, work=work, gap=left.gap)
        hooks = Hooks(start=start, cancel=attempts.cancel)
        answer = checked(solver, matrix, solver.solve(matrix, limits, hooks))
        unproven = answer.status not in {"optimal", "infeasible"}
        self.by_clock |= unproven and limits.time_limit is not None
        return answer

    def _read(self, model: JointModel, matrix: MatrixModel, values: Floats, begun: Planned) -> list[Planned]:
        """Turn an answer into plans: with chargers as for given stations, and with its own.

        Shares that fill a number of chargers to the last bit may ask for one more, so those are looked for
        that leave a bit of room.
        """
        plans = self._planned(model, values, begun)
        shared = model.parts.groups is not None and bool(model.parts.groups.shared.any())
        claimed = float(matrix.objective @ values)
        if shared and any(self._counted(matrix, model, plan) > claimed + _PROVEN for plan in plans):
            again = self._asked(tightened(model, matrix, values), values)
            plans += [] if again.values is None else self._planned(model, again.values, begun)
        return plans

    def _counted(self, matrix: MatrixModel, model: JointModel, plan: Planned) -> float:
        """Return what a model counts of a plan."""
        if matrix is not model.matrix:
            return float(chargers_missed(self.problem, plan.outcome.open, plan.sized))
        return cost_of(self.problem, plan) - self.parts.paid

    def _planned(self, model: JointModel, values: Floats, begun: Planned) -> list[Planned]:
        problem, attempts = self.problem, self.attempts
        opened = values[model.site] > _HALF
        outcome = replace(begun.outcome, open=opened, assigned={}, flow={})
        results = tuple(
            serve(standard, relation, problem.sites, opened)
            for standard, relation in zip(problem.standards, self.coverage, strict=True)
        )
        load = self._load(model, values, outcome, results)
        sized = size(problem, opened, load, attempts.limits, attempts.backend)
        plans = [Planned(outcome, results, sized)]
        if load is not None:
            new, homes = (np.rint(values[own]).astype(np.int64) for own in (model.new, model.homes))
            plans.append(Planned(outcome, results, replace(sized, new=new, homes=homes)))
        return plans

    def _load(
        self, model: JointModel, values: Floats, outcome: Outcome, results: Sequence[StandardResult]
    ) -> Load | None:
        """Bring the load to the stations, as decided where it is shared, else to the nearest."""
        problem, sizing = self.problem, self.problem.scenario.sizing
        if sizing is None or sizing.kwh is None or sizing.assignment == "nearest":
            return station_load(problem, self.coverage, outcome, results)
        weight = problem.standards[loading_standard(problem, sizing)].points.weight
        flow = flow_of(model, values, weight.size)
        kw = hourly_kw(sizing) * weight
        lost = float((kw * (1.0 - flow.sum(axis=1))).sum().clip(0.0))
        lost = lost if lost > _ROUNDING * kw.sum() else 0.0
        return Load(np.asarray(flow.T @ kw, np.float64), lost, 0.0, flow)


def _apart(parts: JointParts, in_turn: Planned, lacks: int, attempts: Attempts) -> float | None:
    """Return what stations alone and chargers alone cost at least, together; None where one is not known.

    The siting's bound holds for the stations of every plan that keeps the standards; those that it never
    closes cost no more to keep. The chargers' is the linear relaxation of the model without standards and
    prices of sites: all its other rows hold for every plan that misses no more.
    """
    stations = in_turn.outcome.solution.bound
    if stations is None:
        return None
    matrix = joint_model(without_covering(parts), lacks).matrix
    relaxed = replace(matrix, integral=np.zeros(matrix.integral.size, np.bool_))
    answer = find("ortools:highs").solve(relaxed, replace(attempts.limits, work_limit=None, gap=0.0), Hooks())
    if answer.status != "optimal" or answer.objective is None:
        return None
    return stations + max(answer.objective - _PROVEN * max(abs(answer.objective), 1.0), 0.0)


def _told(
    problem: Problem,
    in_turn: Planned,
    best: Planned,
    bound: float | None,
    *,
    proven: bool = False,
    notes: Sequence[str] = (),
) -> Planned:
    """Say how good the best plan is, in what stations and chargers cost together."""
    objective, found = cost_of(problem, best), in_turn.outcome.solution
    if proven and bound is not None and abs(objective - bound) <= _PROVEN * max(abs(objective), 1.0):
        bound = objective
    kind: BoundKind | None = None if bound is None else "backend"
    solution = replace(
        found, bound=bound, bound_kind=kind, certificate=None, block_certificate=None,
        selected=np.flatnonzero(best.outcome.open), notes=(*found.notes, *notes),
    )  # fmt: skip
    solution = beside(solution, objective)
    status: Status = "optimal" if solution.gap is not None and solution.gap <= _ROUNDING else "feasible"
    if found.status == "stopped" and status == "feasible":
        status = found.status
    solution = replace(solution, status=status)
    certificate = {"kind": solution.bound_kind, "bound": solution.bound}
    outcome = replace(best.outcome, solution=solution, objective=objective, certificate=certificate)
    return replace(best, outcome=outcome)
