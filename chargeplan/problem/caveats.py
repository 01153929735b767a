"""What a reader of any answer to a problem must know of its data, the same words wherever it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chargeplan.problem.problem import Problem


def caveats(problem: Problem) -> Iterator[str]:
    """Say what is schematic and what is not known, in sentences.

    Parameters
    ----------
    problem
        Whose data it is.
    """
    for corridor in problem.scenario.corridors:
        if corridor.length_factor != 1.0:
            factor = f"{corridor.length_factor:g}"
            yield f"Corridors ({corridor.name}) are schematic, not surveyed: lengths times {factor}."
    objective, sites = problem.scenario.objective, problem.sites
    priced = int(((sites.status == "existing") & np.isfinite(sites.close)).sum())
    if priced and objective.minimise != "cost" and objective.budget is None:
        stations = format_count(priced, "existing station")
        yield f"{stations} may be closed at a price, and stay: only money decides on that."
    if not (sites.status == "existing").any():
        yield "No existing station is known to this scenario; if there are, it overstates new building."
