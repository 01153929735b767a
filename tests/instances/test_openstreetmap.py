"""The instances that are built from OpenStreetMap extracts."""

import subprocess
import sys

import geopandas as gpd
import pytest
from geopandas.testing import assert_geodataframe_equal

import chargeplan as cp
from chargeplan.instances import catalog
from chargeplan.problem import Problem

NAMES = ["liechtenstein", "porto_alegre"]


@pytest.mark.parametrize(
    ("name", "demand", "sites", "weight"),
    [("liechtenstein", 1_755, 287, 2_966_259), ("porto_alegre", 1_116, 1_213, 811_711)],
)
def test_the_scenarios_are_read_without_fault(name, demand, sites, weight):
    """Liechtenstein's homes and car parks, Porto Alegre's people and hexagons, each with real roads."""
    problem = Problem.read(catalog.resolve(name))
    (standard,) = problem.standards
    assert (len(standard.points.ids), len(problem.sites.ids)) == (demand, sites)
    assert standard.points.weight.sum() == pytest.approx(weight, abs=1)
    assert standard.metric == "road"
    assert not problem.warnings


@pytest.mark.parametrize("name", NAMES)
def test_sources_and_licence_are_named(name):
    """The README that goes wherever the layers go names OpenStreetMap and its licence."""
    text = (catalog.resolve(name).parent / "README.md").read_text(encoding="utf-8")
    assert "© OpenStreetMap contributors" in text
    assert "Open Database License" in " ".join(text.split())
    assert "MIT License" in text


@pytest.mark.slow
@pytest.mark.tree
@pytest.mark.parametrize("name", NAMES)
def test_the_layers_are_what_their_program_builds(name, tmp_path):
    """Building again gives the same tables to the byte, and the same roads whatever GDAL wrote them."""
    program = [sys.executable, "-m", f"chargeplan.instances.{name}.build", "--out", str(tmp_path)]
    subprocess.run(program, check=True, capture_output=True)
    committed = catalog.resolve(name).parent
    for file in ("demand.csv", "sites.csv", "scenario.toml", "README.md"):
        assert (tmp_path / file).read_bytes() == (committed / file).read_bytes()
    roads = [gpd.read_file(folder / "roads.fgb") for folder in (tmp_path, committed)]
    assert_geodataframe_equal(*roads)


@pytest.mark.parametrize("name", NAMES)
def test_plans_serve_everybody_and_are_nearly_the_best(name):
    """Everybody has a station within 1 km by road, as the audit measures again; the gap is at most 5 %."""
    plan = cp.solve(cp.load(name))
    assert plan.gap <= 0.05
    report = cp.audit(plan.problem, plan.stations)
    assert report.met
    assert report.standards[0].share == 1.0
