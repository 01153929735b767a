"""What a reader of any answer to a problem must know of its data, the same words wherever it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    if not (problem.sites.status == "existing").any():
        yield "No existing station is known to this scenario; if there are, it overstates new building."
