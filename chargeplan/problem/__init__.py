"""What is known: a scenario's data, read, checked and turned into read-only arrays."""

from __future__ import annotations

from chargeplan.prepare.features import positions
from chargeplan.prepare.points import Points, Sites
from chargeplan.problem.caveats import caveats
from chargeplan.problem.charging import Charging
from chargeplan.problem.model import InputFile, RoadAccess, Standard
from chargeplan.problem.problem import Problem

__all__ = [
    "Charging",
    "InputFile",
    "Points",
    "Problem",
    "RoadAccess",
    "Sites",
    "Standard",
    "caveats",
    "positions",
]
