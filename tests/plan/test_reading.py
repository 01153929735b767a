"""A plan read back from its folder, and written again."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import chargeplan as cp
from chargeplan.errors import PlanFolderError


@pytest.fixture(scope="module")
def plan(small):
    """The small scenario's plan, made in this process."""
    return cp.solve(cp.load(small))


@pytest.fixture(scope="module")
def back(plan, tmp_path_factory):
    """The same, written and read back."""
    folder = tmp_path_factory.mktemp("back")
    plan.write(folder)
    return cp.read_plan(folder)


def test_the_figures_are_the_same(plan, back):
    """Status, objective, bound, gap, proof, times and audit."""
    assert back.record.model_copy(update={"files": {}}) == plan.record
    assert dict(back.certificate) == dict(plan.certificate)
    for name in (
        "status",
        "sense",
        "objective",
        "bound",
        "gap",
        "bound_kind",
        "seconds",
        "reproducible",
        "met",
    ):
        assert getattr(back, name) == getattr(plan, name)
    assert back.summary() == plan.summary()
    assert back.problem is None


def test_who_is_served_is_the_same(plan, back):
    """Open sites, and of every demand point whether it is covered or could be, by which station, how far."""
    np.testing.assert_array_equal(back.open, plan.open)
    for there, here in zip(back.standards, plan.standards, strict=True):
        for name in ("covered", "station", "coverable"):
            np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
        np.testing.assert_allclose(there.distance_m, here.distance_m, atol=5.01e-4)
        figures = (
            "name",
            "radius_m",
            "metric",
            "strict",
            "required",
            "stations",
            "target_share",
            "met",
            "share",
        )
        assert all(getattr(there, figure) == getattr(here, figure) for figure in figures)


def test_the_tables_are_the_same(plan, back):
    """Sites and demand points, column by column."""
    for name in ("stations", "demand"):
        there, here = getattr(back, name), getattr(plan, name)
        assert there.crs == here.crs
        assert there.geometry.geom_equals_exact(here.geometry, 1e-9).all()
        for column in here.columns.drop("geometry"):
            same = pd.Series(there[column].to_numpy()), pd.Series(here[column].to_numpy())
            pd.testing.assert_series_equal(
                *(values.astype(object).where(values.notna(), None) for values in same)
            )


def test_ids_stay_what_they_are(tmp_path):
    """Ids that look like dates, numbers or nothing come back as texts; no station is no site called None."""
    ids = ["2024-01-01", "2024-01-02"]
    where = shapely.points([(113.0, 28.0), (113.1, 28.0)])
    (tmp_path / "table.csv").write_text("demand,site,distance\n2024-01-01,None,5\n")
    standard = {
        "radius": "1 km",
        "required": False,
        "metric": "matrix",
        "matrix": str(tmp_path / "table.csv"),
    }
    problem = cp.Problem(
        demand=gpd.GeoDataFrame({"id": ids}, geometry=where, crs=4326),
        sites=gpd.GeoDataFrame({"id": ["None", "007"]}, geometry=where, crs=4326),
        standards=[standard],
        objective={"minimise": "cost"},
    )
    cp.solve(problem).write(tmp_path / "plan")
    back = cp.read_plan(tmp_path / "plan")
    assert back.demand["id"].tolist() == ids
    assert back.stations["id"].tolist() == ["None", "007"]
    assert back.standards[0].station.tolist() == [0, -1]
    assert back.standards[0].coverable.tolist() == [True, False]


def test_written_again_the_bytes_are_the_same(written, tmp_path):
    """Writing what was read gives every file again, plan.json included."""
    cp.read_plan(written).write(tmp_path)
    for file in written.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_files_of_others_survive(small, written, command, tmp_path):
    """Planning into a folder that holds other files leaves them there, and the plan is whole."""
    folder = tmp_path / "plan"
    shutil.copytree(written, folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "photos").mkdir()
    (folder / "photos" / "map.png").write_bytes(b"mine too")
    assert command(small, tmp_path).returncode == 3
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "photos" / "map.png").read_bytes() == b"mine too"
    assert cp.read_plan(folder).objective == cp.read_plan(written).objective


def test_a_file_of_others_is_not_written_over(small, command, tmp_path):
    """A map.png that is no earlier plan's stops the writing, exit 2, before anything is changed."""
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "map.png").write_bytes(b"mine")
    done = command(small, tmp_path)
    assert done.returncode == 2
    assert "map.png" in done.stderr
    assert [path.name for path in (tmp_path / "plan").iterdir()] == ["map.png"]


@pytest.mark.parametrize("name", ["sites.geojson", "certificate.json", "map.png"])
def test_a_changed_file_is_refused(written, tmp_path, name):
    """One byte more in any file, and the folder is no plan; a missing one likewise."""
    folder = tmp_path / "plan"
    shutil.copytree(written, folder)
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(PlanFolderError, match=name):
        cp.read_plan(folder)
    (folder / name).unlink()
    with pytest.raises(PlanFolderError, match=name):
        cp.read_plan(folder)


def test_a_plan_of_another_kind_is_refused(written, tmp_path):
    """plan.json with an unknown key or without a known one is not believed."""
    folder = tmp_path / "plan"
    shutil.copytree(written, folder)
    content = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    (folder / "plan.json").write_text(json.dumps(content | {"more": 1}))
    with pytest.raises(PlanFolderError, match="more"):
        cp.read_plan(folder)
    del content["objective"]
    (folder / "plan.json").write_text(json.dumps(content))
    with pytest.raises(PlanFolderError, match="objective"):
        cp.read_plan(folder)
