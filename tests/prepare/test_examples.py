"""The examples run as they are, from anywhere, and print what they find."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

import chargeplan as cp
from chargeplan.prepare.datum import gcj02_to_wgs84

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.tree
def test_shenzhens_stations_are_audited(tmp_path):
    """The figures are those of the shipped stations, counted by hand where that can be; nothing warns."""
    program = [sys.executable, "-W", "error", str(EXAMPLES / "shenzhen" / "audit.py")]
    done = subprocess.run(
        program,
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "40"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    rows = [line.split(",") for line in (EXAMPLES / "shenzhen" / "stations.csv").read_text().splitlines()[1:]]
    piles, zones = sum(int(row[3]) for row in rows), {row[4]: float(row[5]) for row in rows}
    assert f"{len(rows):,} stations with {piles:,} piles in {len(zones)} traffic zones" in said
    assert f"together have {sum(zones.values()) / 1e6:,.0f} km2" in said
    assert "130 stations stand at the position of another" in said
    assert "838 km2, some of them water, lie less than 1 km from a station" in said
    assert "15% of the area of these would be left, 148 km2" in said
    assert "39 stations have no other less than 1 km away" in said
    assert f"{sum(int(row[3]) >= 10 for row in rows)} stations have 10 piles or more" in said
    assert "cannot prove the promise kept anywhere" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def changsha():
    return cp.load(EXAMPLES / "changsha")


@pytest.mark.tree
def test_changshas_layers_become_a_problem(changsha):
    """Everybody counts once, and every site is where its layer has it."""
    folder = EXAMPLES / "changsha"
    districts = json.loads((folder / "districts.geojson").read_text(encoding="utf-8"))["features"]
    people = {each["properties"]["name"]: each["properties"]["people"] for each in districts}
    everybody = changsha.replace(standards=[{"radius": "3 km"}]).standards[0].points
    kwh = 0.25 * 0.1 * 35 * 0.16 * (1 - 0.6)  # the factors of [ev], of a person a day
    for name, count in people.items():
        assert everybody.weight[everybody.district == name].sum() == pytest.approx(count * kwh, rel=1e-9)
    assert any("5,090,493 people in 5 features" in said for said in changsha.notes)
    sites = changsha.sites
    assert Counter(sites.kind) == {"metro": 65, "ring": 22, "street": 225, "own": 4, "roaming": 1}
    assert sites.ids[sites.status == "existing"].tolist() == [
        "own-1",
        "own-2",
        "own-6",
        "own-8",
        "ocpi-CN-DEM-L2",
    ]
    assert dict(zip(sites.kind.tolist(), sites.cost.tolist(), strict=True)) == {
        "metro": 400,
        "ring": 600,
        "street": 300,
        "own": 0,
        "roaming": 0,
    }
    rows = [line.split(",") for line in (folder / "metro.csv").read_text(encoding="utf-8").splitlines()[1:]]
    metro = gcj02_to_wgs84(np.array([[float(row[3]), float(row[4])] for row in rows]))
    nearest = np.abs(sites.positions[sites.kind == "metro"][:, None] - metro).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-6  # degrees: each stands at a metro station, brought to WGS-84
    hills = shapely.from_geojson((folder / "hills.geojson").read_text(encoding="utf-8"))
    new = sites.positions[sites.status == "candidate"]
    assert not shapely.intersects(hills, shapely.points(new)).any()


@pytest.mark.tree
def test_changshas_plan_keeps_its_promise(changsha):
    """The example solves: every cell of the urban centre has a station near it, and the audit agrees."""
    plan = cp.solve(changsha, gap=0.1)
    assert plan.status in {"optimal", "feasible"}
    assert all(standard.met for standard in plan.standards)
    assert plan.record.audit.agrees
    assert plan.record.stations.existing == 5
    assert plan.record.stations.selected > 60
    assert plan.record.notes == list(changsha.notes)
