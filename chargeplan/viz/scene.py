"""What a plan's map shows: the plan as layers ready for drawing, worked out once for all panels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from chargeplan.prepare.columns import DISTRICT_NAMES
from chargeplan.viz.circles import geodesic_circles
from chargeplan.viz.frame import Window, around
from chargeplan.viz.style import lettering

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from chargeplan.plan import Plan, StandardResult
    from chargeplan.prepare.polylines import Polylines
    from chargeplan.problem import Problem, Sites, Standard


@dataclass(frozen=True)
class Road:
    """The lines of a corridor that have one number.

    Parameters
    ----------
    ref
        The number, or an empty text.
    lines
        LineStrings.
    """

    ref: str
    lines: NDArray[np.object_]


@dataclass(frozen=True)
class Scene:
    """The layers of a map, from the bottom to the top.

    Parameters
    ----------
    borders, names
        Districts and what they are called, in letters that can be drawn; None where there are none.
    areas
        By radius in metres, the largest first: everything within that radius of a station.
    streets
        The lines of the road networks that demand other than corridors is measured along.
    covered, missed
        (N, 2) demand points by whether their standards are kept; a point of several standards is missed if
        one misses.
    roads, roads_beyond
        Corridor lines: those that must be served, and the rest of the layer.
    roads_missed
        (N, 2) corridor points that are not covered.
    sites
        (N, 2) positions by status: opened (in the period that is shown), selected, existing, forbidden,
        closed, candidate.
    """

    borders: gpd.GeoDataFrame | None
    names: list[str] | None
    areas: dict[float, shapely.Geometry]
    streets: tuple[Polylines, ...]
    covered: NDArray[np.float64]
    missed: NDArray[np.float64]
    roads: tuple[Road, ...]
    roads_beyond: tuple[Road, ...]
    roads_missed: NDArray[np.float64]
    sites: dict[str, NDArray[np.float64]]

    @property
    def smallest_radius(self) -> float:
        """Smallest radius in metres that is drawn as an area; infinite where none is."""
        return min(self.areas, default=math.inf)


def stage(problem: Problem, plan: Plan, fresh: NDArray[np.bool_] | None = None) -> Scene:
    """Work out the layers of a plan's map, with (M,) `fresh` sites marked as opened in the period shown."""
    covered, missed = _demand(problem, plan)
    return Scene(
        borders=problem.borders,
        names=None if problem.borders is None else district_names(problem.borders),
        areas=_areas(problem, plan.open),
        streets=tuple(_streets(problem)),
        covered=covered,
        missed=missed,
        roads=tuple(_roads(problem, asked=True)),
        roads_beyond=tuple(_roads(problem, asked=False)),
        roads_missed=_join(
            standard.points.positions[~result.covered]
            for standard, result in _results(problem, plan)
            if standard.corridor
        ),
        sites=_sites(problem.sites, plan.open, fresh),
    )


def region(problem: Problem) -> Window:
    """Return the window that holds the districts, or else all demand and all sites."""
    if problem.borders is not None and len(problem.borders):
        west, south, east, north = problem.borders.total_bounds
        return Window(west, south, east, north)
    return around(
        _join([problem.sites.positions, *(standard.points.positions for standard in problem.standards)])
    )


def tightest(problem: Problem) -> Standard | None:
    """Return the standard with the smallest radius in a straight line, required ones first, or None."""
    straight = [standard for standard in problem.standards if _is_straight(standard)]
    return min(straight, key=lambda standard: (not standard.required, standard.radius), default=None)


def _is_straight(standard: Standard) -> bool:
    return standard.metric == "geodesic" and standard.corridor is None


def _results(problem: Problem, plan: Plan) -> Iterator[tuple[Standard, StandardResult]]:
    return zip(problem.standards, plan.standards, strict=True)


def _demand(problem: Problem, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part demand points into those that are covered and those that are not, each place once."""
    asked = [(standard, result) for standard, result in _results(problem, plan) if not standard.corridor]
    positions = _join([standard.points.positions for standard, _ in asked])
    covered = np.concatenate([np.empty(0, np.bool_), *(result.covered for _, result in asked)])
    # As complex numbers they are told apart many times faster than as rows.
    places, index = np.unique(positions[:, 0] + 1j * positions[:, 1], return_inverse=True)
    unique = np.column_stack((places.real, places.imag))
    missed = np.zeros(len(unique), np.bool_)
    missed[index[~covered]] = True
    return unique[~missed], unique[missed]


def _roads(problem: Problem, *, asked: bool) -> Iterator[Road]:
    """Take the corridors' pieces that a standard asks to be served, or those that none does, road by road."""
    for name, pieces in problem.lines.items():
        chosen = np.zeros(len(pieces), np.bool_)
        for standard in problem.standards:
            if standard.corridor == name:
                chosen |= _asked_pieces(standard, len(pieces))
        kept = pieces[chosen == asked]
        refs = kept["ref"].fillna("").astype(str) if "ref" in kept else pd.Series("", index=kept.index)
        for ref, lines in kept.geometry.groupby(refs, sort=True):
            yield Road(str(ref), shapely.get_parts(lines.to_numpy()))


def _streets(problem: Problem) -> Iterator[Polylines]:
    """Take the lines of every road network that is no corridor, each once."""
    networks = [item.access.network for item in problem.standards if item.access and not item.corridor]
    for network in {id(network): network for network in networks}.values():
        yield network.lines


def _asked_pieces(standard: Standard, count: int) -> NDArray[np.bool_]:
    """Say which pieces of a corridor have all steps between demand points, (F,); without a network all."""
    if standard.access is None:
        return np.ones(count, np.bool_)
    network = standard.access.network
    demand = np.zeros(len(network.nodes), np.bool_)
    demand[standard.access.entrances.node] = True
    left_out = ~demand[network.ends].all(axis=1)
    return np.asarray(np.bincount(network.lines.feature[left_out], minlength=count) == 0)


def _areas(problem: Problem, opened: NDArray[np.bool_]) -> dict[float, shapely.Geometry]:
    """Unite the circles around all stations, for every radius of a required standard, or else of an aim."""
    straight = [standard for standard in problem.standards if _is_straight(standard)]
    drawn = [standard for standard in straight if standard.required] or straight
    radii = {standard.radius for standard in drawn}
    stations = problem.sites.positions[opened]
    return {
        radius: shapely.union_all(geodesic_circles(stations, radius))
        for radius in sorted(radii, reverse=True)
    }


def _sites(
    sites: Sites, opened: NDArray[np.bool_], fresh: NDArray[np.bool_] | None
) -> dict[str, NDArray[np.float64]]:
    kept, barred = sites.status == "existing", sites.status == "forbidden"
    new = np.zeros(opened.size, np.bool_) if fresh is None else fresh
    groups = {
        "candidate": ~opened & ~kept & ~barred,
        "closed": ~opened & kept,
        "forbidden": ~opened & barred,
        "existing": opened & kept,
        "selected": opened & ~kept & ~new,
        "opened": opened & new,
    }
    return {status: sites.positions[members] for status, members in groups.items()}


def district_names(borders: gpd.GeoDataFrame, *, every_letter: bool = False) -> list[str] | None:
    """Return the districts' names.

    Parameters
    ----------
    borders
        With one of the columns of `columns.DISTRICT_NAMES`.
    every_letter
        False: from the first of these columns whose every letter can be drawn. True: from the first.

    Returns
    -------
    list of str or None
        None where there is no such column.
    """
    for column in DISTRICT_NAMES:
        if column in borders and all(isinstance(name, str) for name in borders[column]):
            names = list(borders[column])
            if every_letter or all(map(lettering().can_draw, names)):
                return names
    return None


def _join(parts: Iterator[NDArray[np.float64]] | list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty((0, 2)), *parts])
