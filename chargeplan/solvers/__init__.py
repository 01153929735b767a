"""Location models from arrays, solved and proven.

Each function takes arrays, and the engine's keywords ``time_limit, gap, work_limit, backend, threads, seed,
required, forbidden, on_event, cancel``, and returns one frozen `Solution`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chargeplan.solvers.allocation import AllocatedSolution
    from chargeplan.solvers.models.capacitated_covering import capacitated_set_covering
    from chargeplan.solvers.models.capacitated_p_median import capacitated_p_median
    from chargeplan.solvers.models.facility_location import facility_location
    from chargeplan.solvers.models.maximal_covering import maximal_covering
    from chargeplan.solvers.models.minimum_separation import minimum_separation
    from chargeplan.solvers.models.p_center import p_center
    from chargeplan.solvers.models.p_dispersion import p_dispersion
    from chargeplan.solvers.models.p_median import p_median
    from chargeplan.solvers.models.set_covering import set_covering
    from chargeplan.solvers.solution import Limits, Solution

__all__ = [
    "AllocatedSolution",
    "Limits",
    "Solution",
    "capacitated_p_median",
    "capacitated_set_covering",
    "facility_location",
    "maximal_covering",
    "minimum_separation",
    "p_center",
    "p_dispersion",
    "p_median",
    "set_covering",
]

_ROOMS = {
    "AllocatedSolution": "allocation",
    "Limits": "solution",
    "Solution": "solution",
    "capacitated_p_median": "models.capacitated_p_median",
    "capacitated_set_covering": "models.capacitated_covering",
    "facility_location": "models.facility_location",
    "maximal_covering": "models.maximal_covering",
    "minimum_separation": "models.minimum_separation",
    "p_center": "models.p_center",
    "p_dispersion": "models.p_dispersion",
    "p_median": "models.p_median",
    "set_covering": "models.set_covering",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    import importlib  # noqa: PLC0415

    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
