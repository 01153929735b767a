"""From the options of a command to the problem that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from chargeplan.problem import Problem
    from chargeplan.scenario import Scenario, StandardSpec

DEFAULT_SCENARIO = "czt"


@dataclass(frozen=True, slots=True)
class Request:
    """What `chargeplan solve` is asked: a scenario with overrides, or two files and a radius.

    Parameters
    ----------
    scenario
        A path or the name of a shipped instance; None for the default, or for files.
    demand, sites
        Layers, instead of a scenario.
    radius
        Text with a unit; overrides the radius of every standard but those of corridors.
    budget, stations
        Serve the most weight within one of them; or another number of stations, where the objective asks for
        one.
    """

    scenario: str | None = None
    demand: Path | None = None
    sites: Path | None = None
    radius: str | None = None
    budget: float | None = None
    stations: int | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and self.stations is not None:
            raise typer.BadParameter("--budget and --stations exclude each other")
        if self.demand is None and self.sites is None:
            return
        if self.scenario is not None:
            raise typer.BadParameter("a scenario names its own layers: leave it out, or --demand and --sites")
        if self.demand is None or self.sites is None or self.radius is None:
            raise typer.BadParameter("without a scenario, --demand, --sites and --radius are needed together")

    def read(self) -> Problem:
        """Read the problem.

        Raises
        ------
        InputError
            With every fault of the scenario and of its layers.
        """
        from chargeplan.instances import catalog
        from chargeplan.problem import Problem
        from chargeplan.scenario import Scenario

        if self.demand is not None and self.sites is not None and self.radius is not None:
            return Problem.read(
                Scenario.from_files(
                    self.demand, self.sites, self.radius, stations=self.stations, budget=self.budget
                )
            )
        path = catalog.resolve(self.scenario or DEFAULT_SCENARIO)
        changes = self.radius, self.budget, self.stations
        return Problem.read(path if changes == (None, None, None) else self._change(Scenario.read(path)))

    def _change(self, scenario: Scenario) -> Scenario:
        """Apply the overrides; corridors keep their radius, and stay required where the rest become aims.

        A number of stations leaves an objective that asks for one what it is.
        """
        limit = {"budget": self.budget} if self.budget is not None else {"stations": self.stations}
        wants_limit = None not in limit.values()
        placed = self.stations is not None and scenario.objective.places
        becomes_aim = wants_limit and scenario.objective.counts in ("cost", "stations")
        about_points = [standard for standard in scenario.standards if standard.corridor is None]
        standards = [
            self._change_standard(standard, becomes_aim=becomes_aim)
            if standard in (about_points or scenario.standards)
            else standard
            for standard in scenario.standards
        ]
        if not wants_limit:
            return scenario.replace(standards=standards)
        objective = scenario.objective.model_copy(update=limit) if placed else {"maximise": "weight", **limit}
        return scenario.replace(standards=standards, objective=objective)

    def _change_standard(self, standard: StandardSpec, *, becomes_aim: bool) -> StandardSpec:
        changes: dict[str, Any] = {}
        if self.radius is not None:
            changes["radius"] = self.radius
        if becomes_aim:
            changes["required"] = False
        return standard.model_copy(update=changes)
