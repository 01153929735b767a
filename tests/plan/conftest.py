"""A random scenario folder with two standards, and the command that plans it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SCENARIO = """\
schema = 1
name = "plain"
title = "Plain and two roads"
source = "made up"
demand = [{{ name = "people", file = "demand.csv" }}]
sites = [{{ name = "places", file = "sites.csv" }}]
corridors = [{{ name = "roads", file = "roads.geojson" }}]

[[standards]]
name = "urban"
demand = "people"
radius = "{radius}"
strict = true
share = {share}

[[standards]]
name = "intercity"
corridor = "roads"
radius = "20 km"
required = false

[objective]
minimise = "cost"

[solve]
gap = 0.0
work_limit = 2
threads = 2
seed = 7
"""


def write_scenario(folder: Path, *, points: int, sites: int, radius: str, share: float) -> Path:
    """Random points and sites in a square of 20 km, crossed by two roads; one point is out of reach."""
    rng = np.random.default_rng(points)
    folder.mkdir()
    low, high = (113.0, 28.0), (113.2, 28.18)
    where = rng.uniform(low, high, (sites, 2)).round(6)
    status = ["existing", "required", "forbidden", *["candidate"] * (sites - 3)]
    cost = rng.integers(100, 300, sites) / 100
    rows = [f"s{i},{x},{y},{status[i]},{cost[i]},parking" for i, (x, y) in enumerate(where)]
    (folder / "sites.csv").write_text("\n".join(["id,lon,lat,status,cost,kind", *rows]) + "\n")
    near = where[rng.integers(3, sites, points)] + rng.uniform(-0.004, 0.004, (points, 2))
    people = rng.integers(0, 50, points)
    rows = [f"{i},{x:.6f},{y:.6f},{people[i]}" for i, (x, y) in enumerate(near)]
    far = "湘 <far>,114.5,28.1,5"
    (folder / "demand.csv").write_text("\n".join(["id,lon,lat,weight", *rows, far]) + "\n", encoding="utf-8")
    courses = [[[112.9, 28.05], [113.1, 28.09], [113.4, 28.09]], [[113.1, 27.9], [113.12, 28.4]]]
    lines = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": course}}
        for course in courses
    ]
    roads = {"type": "FeatureCollection", "features": lines}
    (folder / "roads.geojson").write_text(json.dumps(roads))
    (folder / "scenario.toml").write_text(SCENARIO.format(radius=radius, share=share))
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 points and 20 sites."""
    return write_scenario(tmp_path_factory.mktemp("s") / "in", points=120, sites=20, radius="1 km", share=1.0)


@pytest.fixture(scope="session")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 points, 600 sites and a share of 90 %: too hard to be proven within the limit of work."""
    return write_scenario(
        tmp_path_factory.mktemp("m") / "in", points=1500, sites=600, radius="2 km", share=0.9
    )


@pytest.fixture(scope="session")
def command(
    chargeplan: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `chargeplan solve SCENARIO -o plan` in a folder."""

    def run(scenario: Path, folder: Path) -> subprocess.CompletedProcess[str]:
        return chargeplan("solve", scenario, "-o", "plan", "--quiet", cwd=folder)

    return run


@pytest.fixture(scope="session")
def written(small, command, tmp_path_factory) -> Path:
    """The plan folder of the small scenario, as the command leaves it; nobody may change it."""
    folder = tmp_path_factory.mktemp("written")
    done = command(small, folder)
    assert done.returncode == 3, done.stderr  # one point is out of reach
    return folder / "plan"
