"""What a scenario asks for that this release does not plan: said, never silently ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.units import format_length

if TYPE_CHECKING:
    from chargeplan.scenario import Scenario, StandardSpec


def unplanned(scenario: Scenario) -> tuple[str, ...]:
    """List what a scenario asks for that is not planned yet, a line each; standards say their own parts."""
    return tuple(_area(spec) for spec in scenario.standards if spec.area is not None)


def unplanned_parts(spec: StandardSpec) -> tuple[str, ...]:
    """List what one standard means beyond what is planned of it, a line each."""
    parts = []
    if spec.rule == "spacing":
        radius = format_length(spec.radius_m)
        parts.append(f'rule = "spacing": not planned yet; planned as a radius of {radius} instead')
    if spec.guarantee == "everywhere":
        parts.append('guarantee = "everywhere": not planned yet; promised at its demand points only')
    return tuple(parts)


def _area(spec: StandardSpec) -> str:
    return f"standard {spec.name}: area {spec.area}: not planned yet; the whole standard is left out"
