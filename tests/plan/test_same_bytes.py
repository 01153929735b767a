"""Same seed, same bytes."""

from __future__ import annotations

import json

import pytest


def contents(folder):
    """Every file of a plan folder but plan.json, and what plan.json says."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files, json.loads(files.pop("plan.json"))


def same_but_for_seconds(one, other):
    """Whether two plan folders differ in the seconds of plan.json and in nothing else."""
    (files, plan), (other_files, other_plan) = contents(one), contents(other)
    assert files == other_files
    assert set(plan["files"]) == set(files)
    assert set(plan["seconds"]) == set(other_plan["seconds"])
    del plan["seconds"], other_plan["seconds"]
    assert json.dumps(plan) == json.dumps(other_plan)
    return plan


def test_a_small_scenario(small, written, command, tmp_path):
    """Two runs of the command write the same bytes, but for the seconds in plan.json."""
    assert command(small, tmp_path).returncode == 3
    plan = same_but_for_seconds(written, tmp_path / "plan")
    assert (plan["status"], plan["rest_status"], plan["reproducible"]) == ("infeasible", "optimal", True)


@pytest.mark.slow
def test_a_run_that_its_work_limit_ends(medium, command, tmp_path):
    """A scenario too hard to be proven ends by its work limit, twice at the same plan and bound."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        assert command(medium, folder).returncode == 0
    plan = same_but_for_seconds(*(folder / "plan" for folder in folders))
    assert (plan["status"], plan["reproducible"]) == ("feasible", True)
    assert plan["gap"] > 0.0
    assert plan["audit"]["agrees"], plan["audit"]["disagreements"]
