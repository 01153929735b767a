"""Plans to draw, made without solving: every site that is not forbidden is open unless told otherwise."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

import chargeplan as cp
from chargeplan.audit.measure import audit
from chargeplan.plan.answer import Plan, StandardResult
from chargeplan.plan.record import AuditRecord, PlanRecord, StationCount


def points(positions, **columns):
    return gpd.GeoDataFrame(columns, geometry=shapely.points(positions), crs=4326)


@pytest.fixture
def town():
    """60 demand points and 12 sites in a town of about 4 km, with two districts and a road."""

    def build(spread=0.02, **tables):
        rng = np.random.default_rng(5)
        demand = points(rng.normal((113.0, 28.0), spread, (60, 2)))
        status = ["existing"] * 2 + ["forbidden"] + ["candidate"] * 9
        sites = points(rng.normal((113.0, 28.0), spread, (12, 2)), status=status)
        halves = [shapely.box(112.8, 27.8, 113.0, 28.2), shapely.box(113.0, 27.8, 113.2, 28.2)]
        road = [
            shapely.LineString([(112.85, 27.9), (113.0, 28.0)]),
            shapely.LineString([(113.0, 28.0), (113.2, 28.1)]),
        ]
        given = {
            "standards": [
                {"name": "urban", "demand": "demand", "radius": "1 km"},
                {"name": "intercity", "corridor": "corridors", "radius": "5 km", "where": "piece = 1"},
            ],
            "objective": {"minimise": "stations"},
            "areas": gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=halves, crs=4326),
            "corridors": gpd.GeoDataFrame({"ref": ["G1", "G1"], "piece": [1, 2]}, geometry=road, crs=4326),
        }
        return cp.Problem(demand=demand, sites=sites, **(given | tables))

    return build


@pytest.fixture
def plan_of():
    """A plan of a problem with some sites open."""

    def build(problem, opened=None, **record):
        opened = problem.sites.status != "forbidden" if opened is None else opened
        report = audit(problem, opened)
        results = tuple(_result(standard) for standard in report.standards)
        existing = int((opened & (problem.sites.status == "existing")).sum())
        total = int(opened.sum())
        says = PlanRecord.model_construct(
            name=problem.name,
            title=problem.scenario.title,
            source=problem.scenario.source,
            status="feasible",
            gap=0.0412,
            stations=StationCount(selected=total - existing, existing=existing, total=total),
            cost=float(total - existing),
            warnings=list(problem.warnings),
            not_planned=list(problem.not_planned),
            audit=AuditRecord(agrees=True, disagreements=[], standards={}, corridors=report.corridors()),
        )
        return Plan(says.model_copy(update=record), problem, opened, results, {})

    return build


def _result(found):
    return StandardResult(
        name=found.name,
        radius_m=found.radius_m,
        metric=found.metric,
        strict=found.strict,
        required=found.required,
        stations=found.backup,
        target_share=found.target,
        weight=found.weight,
        weight_covered=found.weight_covered,
        share=found.share,
        max_distance_m=found.max_distance_m,
        met=found.met,
        covered=found.covered,
        station=found.station,
        distance_m=found.distance_m,
        coverable=np.ones(found.demand_points, bool),
    )
