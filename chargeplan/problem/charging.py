"""What is known of chargers: those that stand, the grid they draw on, and the weight of each district."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chargeplan.errors import Fault
from chargeplan.prepare.grid import connect
from chargeplan.scenario.wording import nearest
from chargeplan.units import format_distance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from chargeplan.prepare.grid import Grid
    from chargeplan.prepare.points import Points, Sites, Standing
    from chargeplan.problem.layers import Layers
    from chargeplan.scenario import ChargerType, GridLayer, Scenario

_FAR = (
    100_000.0  # metres from a site to its substation, beyond which one of them hardly lies where it is said
)


@dataclass(frozen=True, eq=False)
class Charging:
    """What is known of chargers.

    Parameters
    ----------
    types
        The types of chargers at stations, in the scenario's order: K of them.
    homes
        The types of chargers at homes.
    standing
        (M, K) chargers of each type that stand at each site; read-only.
    grid
        Which substation each site draws on; None without one.
    district_weight
        Weight of the demand layer that charges, whole, by district.
    """

    types: tuple[ChargerType, ...]
    homes: tuple[ChargerType, ...]
    standing: npt.NDArray[np.int64]
    grid: Grid | None
    district_weight: Mapping[str, float]


def read_charging(scenario: Scenario, layers: Layers) -> tuple[Charging | None, list[str], list[Fault]]:
    """Put together what the layers say of chargers.

    Parameters
    ----------
    scenario
        What is asked.
    layers
        What its layers hold.

    Returns
    -------
    Charging or None
        None where there are no ``[[chargers]]``, or where the sites or the demand that charges have faults.
    list of str
        Warnings.
    list of Fault
        What is wrong between the layers.
    """
    sites, demand = layers.sites, charging_layer(scenario)
    if not scenario.chargers or sites is None or (demand is not None and demand not in layers.demand):
        return None, [], []
    types = tuple(each for each in scenario.chargers if each.at_stations)
    standing, lost = _standing(sites, types)
    charging = Charging(
        types=types,
        homes=tuple(each for each in scenario.chargers if not each.at_stations),
        standing=standing,
        grid=None if layers.substations is None else connect(layers.substations, sites),
        district_weight={} if demand is None else _district_weight(layers.demand[demand].points),
    )
    faults = list(_unknown_districts(scenario, sites, charging.district_weight))
    return charging, list(_warnings(scenario, charging, sites, lost)), faults


def with_connections(sites: Sites, charging: Charging | None, layer: GridLayer | None) -> Sites:
    """Add the line from its substation to what each new station costs, by whole metres.

    Parameters
    ----------
    sites
        Without it.
    charging, layer
        Which substation each draws on, and what a km costs.
    """
    if charging is None or charging.grid is None or layer is None or not layer.cost_per_km:
        return sites
    line = np.round(charging.grid.distance_m) / 1000.0 * layer.cost_per_km
    return replace(
        sites, cost=np.where(sites.status == "existing", sites.cost, sites.cost + np.round(line, 9))
    )


def _standing(
    sites: Sites, types: Sequence[ChargerType]
) -> tuple[npt.NDArray[np.int64], dict[str | None, int]]:
    """Count the chargers that stand, (M, K), and those of no known type, by what they are said to be."""
    counts = np.zeros((len(sites), len(types)), np.int64)
    lost: dict[str | None, int] = {}
    for at, chargers in enumerate(sites.standing):
        for each in chargers:
            place = _type_of(each, types)
            if place is None:
                lost[each.type] = lost.get(each.type, 0) + each.number
            else:
                counts[at, place] += each.number
    counts.flags.writeable = False
    return counts, lost


def _type_of(charger: Standing, types: Sequence[ChargerType]) -> int | None:
    """Find the type that a charger is of: by its name, else the one whose kW are the fewest times its own."""
    if charger.type is not None:
        named = [at for at, each in enumerate(types) if each.type == charger.type]
        return named[0] if named else None
    if charger.kw is None or charger.kw <= 0 or not types:
        return None
    return int(np.argmin([abs(np.log(charger.kw / each.kw)) for each in types]))


def _district_weight(points: Points) -> dict[str, float]:
    """Add up the weight of demand points by district."""
    if points.district is None:
        return {}
    sums = pd.Series(points.weight).groupby(points.district, sort=True).sum()
    return {str(district): float(weight) for district, weight in sums.items()}


def charging_layer(scenario: Scenario) -> str | None:
    """Return the name of the demand layer whose people charge: of the standard that loads the stations."""
    named = None if scenario.sizing is None else scenario.sizing.standard
    on_demand = [spec for spec in scenario.standards if spec.demand is not None]
    chosen = [spec for spec in on_demand if named is None or spec.name == named]
    return chosen[0].demand if chosen else None


def _unknown_districts(scenario: Scenario, sites: Sites, weight: Mapping[str, float]) -> Iterator[Fault]:
    """Name the districts of rules that neither a site nor a demand point is in."""
    known = {*sites.district.tolist(), *weight} - {""}
    for number, rule in enumerate(scenario.mix, 1):
        if rule.district is not None and rule.district not in known:
            hint = nearest(rule.district, sorted(known)) if known else "; no layer has a column district"
            says = f"[[mix]] {number}, district: there is no district {rule.district!r}{hint}"
            yield Fault(says, str(scenario.file or "scenario"))


def _warnings(
    scenario: Scenario, charging: Charging, sites: Sites, lost: Mapping[str | None, int]
) -> Iterator[str]:
    if not scenario.mix and scenario.sizing is None:
        yield "[[chargers]]: no [[mix]] and no [sizing] says how many; none are planned"
    for name, count in lost.items():
        kind = "of unknown kW" if name is None else f"of type {name!r}, which no [[chargers]] at stations is"
        yield f"chargers that stand and do not count, {kind}: {count:,}"
    silent = (sites.status == "existing") & np.array([not each for each in sites.standing], dtype=bool)
    if silent.any():
        yield f"existing stations of which no charger is stated, counted as without: {int(silent.sum()):,}"
    if charging.grid is not None and charging.grid.distance_m.max(initial=0.0) > _FAR:
        at = int(charging.grid.distance_m.argmax())
        away = format_distance(float(charging.grid.distance_m[at]))
        yield f"[grid]: some sites are far from their substations, such as {sites.ids[at]}, {away} away"
    full = np.flatnonzero(charging.standing.sum(axis=1) > sites.room)
    if full.size:
        which = f"{full.size:,}, such as {sites.ids[full[0]]}"
        yield f"sites where more chargers stand than there is room for: {which}"
    if any(rule.district for rule in scenario.mix) and (unknown := int((sites.district == "").sum())):
        yield f"sites without a district, which count in no rule of a district: {unknown:,}"
