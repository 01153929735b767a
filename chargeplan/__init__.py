"""Plans EV charging networks: where stations go, how good that provably is, whether promises are kept.

::

    import chargeplan as cp

    problem = cp.load("czt")
    plan = cp.solve(problem, time_limit=60)
    plan.write("czt-plan")

Importing this package is cheap: what it offers is imported when it is first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from chargeplan.errors import (
    BackendCrashed,
    BackendError,
    BackendUnavailable,
    ChargeplanError,
    Fault,
    InputError,
    PlanFolderError,
    WrongAnswer,
)
from chargeplan.events import Event

if TYPE_CHECKING:
    import os

    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt

    from chargeplan import kernels, solvers
    from chargeplan.audit import AuditReport
    from chargeplan.plan import Plan, read_plan
    from chargeplan.planning import solve
    from chargeplan.problem import Problem
    from chargeplan.scenario import Scenario

    __version__: str

__all__ = [
    "AuditReport",
    "BackendCrashed",
    "BackendError",
    "BackendUnavailable",
    "ChargeplanError",
    "Event",
    "Fault",
    "InputError",
    "Plan",
    "PlanFolderError",
    "Problem",
    "Scenario",
    "WrongAnswer",
    "__version__",
    "audit",
    "kernels",
    "load",
    "read_plan",
    "solve",
    "solvers",
]

_HOMES = {
    "AuditReport": "chargeplan.audit",
    "Plan": "chargeplan.plan",
    "Problem": "chargeplan.problem",
    "Scenario": "chargeplan.scenario",
    "read_plan": "chargeplan.plan",
    "solve": "chargeplan.planning",
}

# The function below shares its name with the package that does the work. The first import of a package also
# puts it into its parent, so that has to happen here, before the function takes the name.
import_module("chargeplan.audit")


def audit(problem: Problem, stations: gpd.GeoDataFrame | npt.NDArray[np.bool_]) -> AuditReport:
    """Measure what a set of stations achieves, trusting nothing that a solver said.

    Parameters
    ----------
    problem
        What the stations are measured against.
    stations
        A layer of points in any CRS (polygons count by a point inside), of which only the rows with status
        ``selected`` or ``existing`` count if it has a column `status`; or an (M,) array of bool over the
        problem's sites.

    Returns
    -------
    AuditReport
        The standards, measured one by one.

    Raises
    ------
    InputError
        The layer has faults, or the mask does not fit.
    """
    from chargeplan.audit import audit as measure

    return measure(problem, stations)


def load(scenario: str | os.PathLike[str]) -> Problem:
    """Read a scenario and everything it names.

    Parameters
    ----------
    scenario
        A ``.toml`` file, a folder that holds ``scenario.toml``, or the name of a shipped instance such as
        ``"czt"``; an existing path wins.

    Returns
    -------
    Problem
        Read, checked, immutable.

    Raises
    ------
    InputError
        With every fault of the scenario and of its layers.
    """
    from chargeplan.instances import catalog
    from chargeplan.problem import Problem

    return Problem.read(catalog.resolve(scenario))


if not TYPE_CHECKING:  # hidden from type checkers, which would otherwise believe in any attribute

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            value = version("chargeplan")
        elif name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        elif name in __all__:
            value = import_module(f"chargeplan.{name}")
        else:
            raise AttributeError(f"module 'chargeplan' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
