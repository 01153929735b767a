"""What an audit finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chargeplan.audit.stations import Stations
    from chargeplan.problem import Problem


@dataclass(frozen=True, eq=False)
class AuditedStandard:
    """A service standard, measured.

    Parameters
    ----------
    name, metric, radius_m, strict, required
        As the scenario states it.
    backup
        Stations that a demand point needs within the radius.
    target
        Share of the weight that has to be served.
    demand_points, weight, weight_covered, share
        What there is and what is served; where nothing has a weight, the share is that of the points.
    met
        Whether the share reaches the target, decided with exact fractions, the target read as it is written
        and 1e-12 of it forgiven, since weights such as 0.1 are rounded; a target of 1 asks for every demand
        point, even one without weight.
    max_distance_m, farthest
        The greatest distance from a demand point to its `backup`-th nearest station, and the id of that
        point, the first of equals. Where a point does not reach so many stations the distance is None and the
        id is that point's.
    unreached
        Demand points that do not reach `backup` stations at any distance.
    covered
        (N,) bool, demand points served as the standard asks.
    station, distance_m
        (N,) the nearest station, an index into the report's stations (-1 for none), and the metres to it (nan
        for none).
    backup_distance_m
        (N,) metres to the `backup`-th nearest station, nan for none.
    gaps
        For a corridor: by road number, the longest stretch between stations.
    """

    name: str
    metric: str
    radius_m: float
    strict: bool
    required: bool
    backup: int
    target: float
    demand_points: int
    weight: float
    weight_covered: float
    share: float
    met: bool
    max_distance_m: float | None
    farthest: str | None
    unreached: int
    covered: NDArray[np.bool_] = field(repr=False)
    station: NDArray[np.int64] = field(repr=False)
    distance_m: NDArray[np.float64] = field(repr=False)
    backup_distance_m: NDArray[np.float64] = field(repr=False)
    gaps: tuple[CorridorGap, ...] = ()

    @property
    def longest_gap_m(self) -> float | None:
        """The longest stretch between stations on any road of the corridor; None where one has no station."""
        stretches = [gap.gap_m for gap in self.gaps]
        return None if not stretches or None in stretches else max(filter(None, stretches), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for a JSON file."""
        figures = ("demand_points", "weight", "weight_covered", "share", "met")
        distances = ("max_distance_m", "farthest", "unreached")
        return {figure: getattr(self, figure) for figure in figures + distances}


@dataclass(frozen=True, slots=True)
class CorridorGap:
    """How far apart the stations of one road are.

    Parameters
    ----------
    ref
        The road's number.
    length_m
        Its length in metres.
    stations
        How many stations enter it within the standard's radius.
    gap_m
        The longest stretch between stations that are neighbours along the road, or between an end of the road
        and its nearest station, in metres; None where no station enters it.
    """

    ref: str
    length_m: float
    stations: int
    gap_m: float | None


@dataclass(frozen=True, eq=False)
class AuditReport:
    """What a set of stations achieves, measured without any part of the solver.

    Parameters
    ----------
    problem
        What it was measured against.
    opened
        The stations.
    standards
        One entry for every service standard.
    notes
        What a reader should know, such as rows that were not counted.
    """

    problem: Problem = field(repr=False)
    opened: Stations = field(repr=False)
    standards: tuple[AuditedStandard, ...]
    notes: tuple[str, ...] = ()

    @property
    def stations(self) -> int:
        """How many stations were counted."""
        return len(self.opened.ids)

    @property
    def met(self) -> bool:
        """Whether every required standard is met; one that this release leaves out is not."""
        return self.measured_met and not self.problem.unmeasured

    @property
    def measured_met(self) -> bool:
        """Whether every required standard that was measured is met."""
        return all(standard.met for standard in self.standards if standard.required)

    def corridors(self) -> dict[str, dict[str, Any]]:
        """Return the longest stretches between stations by corridor standard, as plain values for JSON."""
        return {
            standard.name: {
                "longest_gap_m": standard.longest_gap_m,
                "roads": [asdict(gap) for gap in standard.gaps],
            }
            for standard in self.standards
            if standard.gaps
        }
