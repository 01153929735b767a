"""What a scenario asks for that this release does not plan: said, never silently ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargeplan.units import format_length

if TYPE_CHECKING:
    from chargeplan.scenario import MixRule, Scenario, StandardSpec


def unplanned(scenario: Scenario) -> tuple[str, ...]:
    """List what a scenario asks for that is not planned yet, a line each; standards say their own parts."""
    lines = [_area(spec) for spec in scenario.standards if spec.area is not None]
    lines += [f"chargers: {_rule(rule)}: not planned yet" for rule in scenario.mix]
    if scenario.chargers and not scenario.mix:
        types = ", ".join(f"{charger.type} ({charger.kw:g} kW)" for charger in scenario.chargers)
        lines.append(f"chargers: numbers of {types}: not planned yet")
    return tuple(lines)


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


def _rule(rule: MixRule) -> str:
    """Put a rule into words: ``450 fast``, ``10 to 20 fast in Yuhu``, ``at most 5 slow``, ``50 % slow``."""
    words = []
    if rule.at_least is not None:
        words.append(f"{rule.at_least:,}" + (f" to {rule.at_most:,}" if rule.at_most is not None else ""))
    elif rule.at_most is not None:
        words.append(f"at most {rule.at_most:,}")
    if rule.share is not None:
        words.append(f"{100 * rule.share:g} %")
    where = f" in {rule.district}" if rule.district else ""
    return f"{', '.join(words)} {rule.type or 'of all types'}{where}"
