"""The Texas layers."""

import subprocess
import sys

import pandas as pd
import pytest

from chargeplan.instances import catalog
from chargeplan.problem import Problem

FOLDER = catalog.resolve("texas").parent


@pytest.fixture(scope="module")
def groups():
    return pd.read_csv(FOLDER / "block_groups.csv", dtype={"id": str})


@pytest.fixture(scope="module")
def stations():
    return pd.read_csv(FOLDER / "stations.csv", dtype={"zip": str})


def test_all_block_groups_and_people_are_there(groups):
    """15,811 block groups with a 12-digit FIPS code of Texas hold the 25,145,561 people of the census."""
    assert len(groups) == 15_811
    assert groups["people"].sum() == 25_145_561
    assert groups["id"].is_unique
    assert groups["id"].str.fullmatch(r"48\d{10}").all()
    assert (groups["site"] == "bg-" + groups["id"]).all()


def test_all_existing_stations_are_there(groups, stations):
    """2,320 stations have ids of their own, apart from those of the candidate sites."""
    assert len(stations) == 2_320
    assert stations["id"].is_unique
    assert not set(stations["id"]) & set(groups["site"])
    assert stations.duplicated(["lon", "lat"]).sum() == 61


def test_the_scenario_is_read_without_fault():
    """15,811 demand points, as many candidate sites, and 2,320 stations that are kept."""
    problem = Problem.read(catalog.resolve("texas"))
    (standard,) = problem.standards
    assert (len(standard.points.ids), standard.points.weight.sum()) == (15_811, 25_145_561)
    assert (problem.sites.status == "candidate").sum() == 15_811
    assert (problem.sites.status == "existing").sum() == 2_320
    assert not problem.warnings


@pytest.mark.tree
def test_the_layers_are_what_their_program_builds(tmp_path):
    """Building again gives the same bytes."""
    program = [sys.executable, "-m", "chargeplan.instances.texas.build", "--out", str(tmp_path)]
    subprocess.run(program, check=True, capture_output=True)
    for name in ("block_groups.csv", "stations.csv"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
