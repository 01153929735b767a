"""The heavy lifting, compiled by numba: coverage, distances, reductions, local search, waiting at stations.

Positions are (N, 2) float64, longitude and latitude, degrees, WGS-84; distances and radii are metres. What
is handed out is read-only. Importing this package is cheap: numba is imported with the first kernel that is
used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chargeplan.kernels.cover_search import CoverSearch
    from chargeplan.kernels.distance import distance_matrix, paired_distances
    from chargeplan.kernels.dominance import components, dominated_columns, dominated_rows
    from chargeplan.kernels.equal_rows import merge_equal_rows
    from chargeplan.kernels.first_use import prepare
    from chargeplan.kernels.maximal_search import MaximalSearch
    from chargeplan.kernels.median_search import MedianSearch
    from chargeplan.kernels.nearest import nearest_sites
    from chargeplan.kernels.network import RoadGraph, Snapped, road_coverage, road_distances
    from chargeplan.kernels.parallel_search import ParallelSearch
    from chargeplan.kernels.patterns import Patterns, cover_patterns
    from chargeplan.kernels.queueing import (
        allen_cunneen,
        erlang_c,
        least_servers,
        mean_wait,
        wait_exceeds,
    )
    from chargeplan.kernels.radius_coverage import coverage, coverage_distances

__all__ = [
    "CoverSearch",
    "MaximalSearch",
    "MedianSearch",
    "ParallelSearch",
    "Patterns",
    "RoadGraph",
    "Snapped",
    "allen_cunneen",
    "components",
    "cover_patterns",
    "coverage",
    "coverage_distances",
    "distance_matrix",
    "dominated_columns",
    "dominated_rows",
    "erlang_c",
    "least_servers",
    "mean_wait",
    "merge_equal_rows",
    "nearest_sites",
    "paired_distances",
    "prepare",
    "road_coverage",
    "road_distances",
    "wait_exceeds",
]

_HOMES = {
    "CoverSearch": "cover_search",
    "MaximalSearch": "maximal_search",
    "MedianSearch": "median_search",
    "ParallelSearch": "parallel_search",
    "Patterns": "patterns",
    "RoadGraph": "network",
    "Snapped": "network",
    "allen_cunneen": "queueing",
    "components": "dominance",
    "cover_patterns": "patterns",
    "coverage": "radius_coverage",
    "coverage_distances": "radius_coverage",
    "distance_matrix": "distance",
    "dominated_columns": "dominance",
    "dominated_rows": "dominance",
    "erlang_c": "queueing",
    "least_servers": "queueing",
    "mean_wait": "queueing",
    "merge_equal_rows": "equal_rows",
    "nearest_sites": "nearest",
    "paired_distances": "distance",
    "prepare": "first_use",
    "road_coverage": "network",
    "road_distances": "network",
    "wait_exceeds": "queueing",
}


if not TYPE_CHECKING:  # hidden from type checkers, which would otherwise believe in any attribute

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'chargeplan.kernels' has no attribute {name!r}")
        value = getattr(import_module(f"chargeplan.kernels.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
