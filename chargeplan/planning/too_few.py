"""Where so many stations are too few: why, how many would do, and what the most of them can serve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chargeplan.plan.record import InfeasibleRecord
from chargeplan.planning.covering import cover_demand, without_bound
from chargeplan.planning.radius_needed import radii_needed
from chargeplan.planning.recording import Outcome
from chargeplan.scenario import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from chargeplan.planning.attempts import Attempts
    from chargeplan.problem import Problem, Sites
    from chargeplan.solvers.allocation import AllocatedSolution
    from chargeplan.solvers.solution import Solution


def serve_the_most(
    problem: Problem,
    coverage: Sequence[csr_array],
    attempts: Attempts,
    counted: Callable[[NDArray[np.bool_]], float | None],
    why: Callable[[], InfeasibleRecord],
) -> Outcome:
    """Explain why no plan exists, and serve the most weight within the radius with so many stations.

    Parameters
    ----------
    problem, coverage, attempts
        What is asked, the (N_k, M) relation of every standard, and what asks the solver.
    counted
        What the scenario counts, of the (M,) bool open sites.
    why
        Explains it where the required standards alone do not.
    """
    covering = Objective(maximise="weight", stations=problem.scenario.objective.stations)
    found = cover_demand(problem, coverage, attempts, covering)
    value = None if found.solution.selected is None else counted(found.open)
    reasons = found.infeasible or why()
    note = "the stations serve the most weight within the radius, and are not those of the least distance"
    solution = without_bound(found.solution)
    solution = replace(solution, objective=value, notes=(*solution.notes, note))
    return Outcome(solution, found.open, value, {"kind": None, "bound": None}, reasons)


def needs_more(
    problem: Problem,
    coverage: Sequence[csr_array],
    found: Solution,
    task: str,
    notes: Sequence[str] = (),
) -> InfeasibleRecord:
    """Say that so many stations are too few, and what is known of the number that would do.

    Parameters
    ----------
    problem, coverage
        What is asked, and the (N_k, M) relation of every standard.
    found
        The fewest stations, as its objective and its bound.
    task
        What so many cannot do.
    notes
        Figures that show it.
    """
    stations = problem.scenario.objective.stations
    known = "" if found.objective is None else f"; {found.objective:,.6g} are known to do"
    if found.objective is not None and found.objective == found.bound:
        known = f"; {found.objective:,.6g} can, and no less"
    return InfeasibleRecord(
        reasons=[f"{stations:,} new stations cannot {task}{known}", *notes],
        uncoverable={},
        radius_needed_m=radii_needed(problem, coverage),
        limit=float(stations or 0),
        limit_needed=found.objective,
        limit_at_least=found.bound,
    )


def too_little_room(
    problem: Problem, coverage: Sequence[csr_array], found: AllocatedSolution
) -> InfeasibleRecord:
    """Say that stations at all sites have too little room.

    Parameters
    ----------
    problem, coverage
        What is asked, and the (N_k, M) relation of every standard.
    found
        With the figures, where they are known, in its notes.
    """
    return InfeasibleRecord(
        reasons=[
            "the sites within reach have too little room" + "".join(f": {note}" for note in found.notes)
        ],
        uncoverable={},
        radius_needed_m=radii_needed(problem, coverage),
        limit=None,
        limit_needed=None,
    )


def new_ones(sites: Sites) -> NDArray[np.float64]:
    """Return 1 for each site that would be a new station, 0 for each that stands: (M,)."""
    return np.asarray(sites.status != "existing", np.float64)
