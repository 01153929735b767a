"""What is asked: the scenario file, checked key by key.

A scenario is a TOML file. `Scenario.read` checks all of it and raises one `InputError` that names every
wrong key; the files that it names are opened later, by `chargeplan.problem`. `init_text` prints every key,
commented.
"""

from __future__ import annotations

from importlib import resources

from chargeplan.scenario.chargers import ChargerType, GridLayer, MixRule, Period, Phasing, Sizing
from chargeplan.scenario.inputs import Inputs
from chargeplan.scenario.reading import Scenario, read_leniently
from chargeplan.scenario.sources import (
    CandidateRule,
    EvDemand,
    ExistingLayer,
    KindOfSite,
    PeopleLayer,
    SourcedFactor,
)
from chargeplan.scenario.tables import (
    STATUSES,
    AreaLayer,
    CorridorLayer,
    DemandLayer,
    Exclusion,
    Layer,
    NamedLayer,
    Objective,
    RoadLayer,
    SiteLayer,
    SolveOptions,
    StandardSpec,
)

__all__ = [
    "STATUSES",
    "AreaLayer",
    "CandidateRule",
    "ChargerType",
    "CorridorLayer",
    "DemandLayer",
    "EvDemand",
    "Exclusion",
    "ExistingLayer",
    "GridLayer",
    "Inputs",
    "KindOfSite",
    "Layer",
    "MixRule",
    "NamedLayer",
    "Objective",
    "PeopleLayer",
    "Period",
    "Phasing",
    "RoadLayer",
    "Scenario",
    "SiteLayer",
    "Sizing",
    "SolveOptions",
    "SourcedFactor",
    "StandardSpec",
    "init_text",
    "read_leniently",
]


def init_text() -> str:
    """Return a scenario file with every key there is, commented, to start from."""
    return resources.files("chargeplan.scenario").joinpath("template.toml").read_text(encoding="utf-8")
