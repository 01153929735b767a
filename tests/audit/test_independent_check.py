"""The check that shares no code with chargeplan, on a small region; and the audit against it."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import chargeplan as cp
from chargeplan.audit.measure import audit

SCENARIO = """\
schema = 1
name = "region"
demand = [{ name = "people", file = "demand.csv", where = "class = 'town'" }]
sites = [{ name = "sites", file = "sites.csv" }]
corridors = [{ name = "roads", file = "roads.geojson", length_factor = 1.2 }]
objective = { minimise = "stations" }

[[standards]]
name = "urban"
demand = "people"
where = "central = 1"
radius = "4 km"
strict = true

[[standards]]
name = "intercity"
corridor = "roads"
where = "region = 'inside'"
radius = "9 km"
strict = true
"""


@pytest.fixture
def region(tmp_path):
    """A scenario folder: 300 cells, 40 sites, three roads that meet and one piece beyond the region."""
    rng = np.random.default_rng(11)
    cells = rng.uniform((112.9, 27.9), (113.1, 28.1), (300, 2)).round(6)
    kinds = np.where(rng.random(300) < 0.8, "town", "village")
    rows = [f"c{i},{x},{y},{i % 7},{kinds[i]},{i % 2}" for i, (x, y) in enumerate(cells)]
    (tmp_path / "demand.csv").write_text("\n".join(["id,lon,lat,weight,class,central", *rows]) + "\n")
    sites = rng.uniform((112.9, 27.9), (113.1, 28.1), (40, 2)).round(6)
    rows = [f"s{i},{x},{y}" for i, (x, y) in enumerate(sites)]
    (tmp_path / "sites.csv").write_text("\n".join(["id,lon,lat", *rows]) + "\n")
    pieces = [
        ("G1", "inside", [(112.9, 28.0), (112.95, 28.01), (113.0, 28.0)]),
        ("G1", "inside", [(113.0, 28.0), (113.1, 28.0)]),
        ("S2", "inside", [(113.0, 28.0), (113.0, 28.1)]),
        ("G1", "outside", [(113.1, 28.0), (113.3, 28.0)]),
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"ref": ref, "region": where},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for ref, where, line in pieces
    ]
    roads = {"type": "FeatureCollection", "features": features}
    (tmp_path / "roads.geojson").write_text(json.dumps(roads))
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path


def write_plan(folder, problem, opened):
    """The one file of a plan that the check reads."""
    folder.mkdir(exist_ok=True)
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "status": "selected" if is_open else "rejected"},
            "geometry": {"type": "Point", "coordinates": position},
        }
        for name, position, is_open in zip(
            problem.sites.ids, problem.sites.positions.tolist(), opened, strict=True
        )
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "sites.geojson").write_text(json.dumps(collection))
    return folder


@pytest.mark.parametrize("seed", range(5))
def test_the_audit_and_the_independent_check_agree(checker, region, seed):
    """Points, weights, distances and verdicts are the same, found by different code from the same files."""
    problem = cp.load(region)
    opened = np.random.default_rng(seed).random(40) < 0.15
    report = audit(problem, opened)
    findings = checker.check(write_plan(region / "plan", problem, opened), region)
    for finding, standard in zip(findings, report.standards, strict=True):
        assert finding.name == standard.name
        assert finding.kept is standard.met
        assert finding.weight.sum() == pytest.approx(standard.weight)
        assert finding.distance.max() == pytest.approx(standard.max_distance_m, abs=0.01)
    np.testing.assert_allclose(findings[0].distance, report.standards[0].distance_m, atol=1e-6)


def test_the_script_says_whether_the_promises_are_kept(checker, region, capsys):
    """Exit code 0 and 'kept' with every site open, 1 and the worst cases with none."""
    problem = cp.load(region)
    plan = write_plan(region / "plan", problem, np.ones(40, bool))
    assert checker.main([str(plan), str(region)]) == 0
    assert "NOT KEPT" not in capsys.readouterr().out
    write_plan(plan, problem, np.arange(40) == 0)
    assert checker.main([str(plan), str(region / "scenario.toml")]) == 1
    printed = capsys.readouterr().out
    assert "urban: " in printed
    assert "NOT KEPT" in printed


def test_no_station_keeps_no_promise(checker, region):
    """Without a station every distance is infinite."""
    problem = cp.load(region)
    for finding in checker.check(write_plan(region / "plan", problem, np.zeros(40, bool)), region):
        assert not finding.kept
        assert np.isinf(finding.distance).all()


def test_the_check_imports_nothing_of_chargeplan():
    """pyproj, NumPy, networkx and the standard library."""
    tree = ast.parse((Path(__file__).parents[1] / "independent_check.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert foreign == {"networkx", "numpy", "pyproj"}
