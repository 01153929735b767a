"""A plan of a part of the shipped region, judged by the program that shares no code with chargeplan."""

from __future__ import annotations

import re

import pytest

import chargeplan as cp
from chargeplan.instances import catalog


@pytest.fixture(scope="module")
def xiangtan(tmp_path_factory):
    """The scenario `czt-2025` with all corridors, but the city of Xiangtan alone; and its plan."""
    folder = tmp_path_factory.mktemp("xiangtan")
    catalog.export("czt-2025", folder)
    file = folder / "scenario.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace(
        "kind <> 'swap'", "kind <> 'swap' AND (city = 'Xiangtan' OR kind IN ('service area', 'town'))"
    )
    text = text.replace("AND central = 1", "AND central = 1 AND city = 'Xiangtan'")
    file.write_text(re.sub(r"gap = [\d.]+", "gap = 0.1", text), encoding="utf-8")
    plan = cp.solve(cp.load(folder), threads=1)
    plan.write(folder / "plan")
    return folder, plan


def test_every_promise_is_kept(checker, xiangtan):
    """Every urban point is nearer than 1,000 m to a station, every corridor point than 50 km by road."""
    folder, plan = xiangtan
    assert plan.met
    findings = {finding.name: finding for finding in checker.check(folder / "plan", folder)}
    assert findings.keys() == {"urban", "intercity"}
    assert all(finding.kept for finding in findings.values())
    assert findings["urban"].distance.max() < 1000.0
    assert findings["intercity"].distance.max() < 50_000.0


def test_it_measures_what_the_plan_says(checker, xiangtan):
    """Weights and farthest points of plan.json are those that the independent program finds."""
    folder, plan = xiangtan
    for finding in checker.check(folder / "plan", folder):
        said = plan.record.standards[finding.name]
        assert said.weight == pytest.approx(finding.weight.sum())
        assert said.max_distance_m == pytest.approx(finding.distance.max(), abs=2e-3)


def test_the_audit_agrees(xiangtan):
    """So does the audit, which also verifies the certificate."""
    assert xiangtan[1].record.audit.agrees, xiangtan[1].record.audit.disagreements
