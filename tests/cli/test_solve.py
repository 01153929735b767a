"""`chargeplan solve`, as a process."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys

import geopandas as gpd
import pytest
from shapely import box

import chargeplan as cp


def replace(path, old, new):
    """Edit a file of the town."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_town_is_planned(town, chargeplan_afresh):
    """The two sites that are needed are chosen, exit 0, and stdout says so in a planner's words."""
    done = chargeplan_afresh("solve", "scenario.toml", cwd=town)
    assert (done.returncode, done.stderr) == (0, "")
    plan = json.loads((town / "town-plan/plan.json").read_text(encoding="utf-8"))
    assert (plan["status"], plan["objective"], plan["gap"]) == ("optimal", 2.0, 0.0)
    assert plan["standards"]["near"]["met"] is True
    sites = gpd.read_file(town / "town-plan/sites.geojson").set_index("id")["status"]
    assert sites.to_dict() == {"ab": "selected", "bc": "rejected", "cd": "selected"}
    assert "Every required standard is met." in done.stdout
    assert "2 new, 0 existing" in done.stdout
    assert "no better plan exists" in done.stdout


def test_json_stands_alone_on_stdout(town, run):
    """With --json, stdout is the content of plan.json and nothing else."""
    done = run("solve", ".", "--json")
    written = (town / "town-plan/plan.json").read_text(encoding="utf-8")
    assert json.loads(done.stdout) == json.loads(written)


def test_quiet_says_nothing(town, run):
    """With --quiet a good run prints nothing at all; the folder is where -o says."""
    done = run("solve", town, "--quiet", "-o", "elsewhere")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (town / "elsewhere/plan.json").is_file()


def test_files_instead_of_a_scenario(town, run):
    """Two layers and a radius are a scenario: all demand points within it, at least cost."""
    done = run("solve", "--demand", "demand.csv", "--sites", "sites.csv", "--radius", "0.6km", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["stations"]["selected"] == 2


def test_radius_is_overridden(town, run):
    """With a radius of 1.7 km the middle site alone serves all four."""
    done = run("solve", ".", "--radius", "1.7 km", "--json")
    plan = json.loads(done.stdout)
    assert (done.returncode, plan["objective"]) == (0, 1.0)
    assert plan["standards"]["near"]["radius_m"] == 1700.0


@pytest.mark.parametrize("option", ["--stations", "--budget"])
def test_a_limit_makes_it_maximal_covering(town, run, option):
    """One station serves c and d, 70 of the 100, and the standard has become an aim."""
    done = run("solve", ".", option, "1", "--json")
    plan = json.loads(done.stdout)
    assert (done.returncode, plan["sense"], plan["objective"]) == (0, "max", 70.0)
    assert plan["standards"]["near"]["required"] is False


def test_other_formats_lie_beside_the_geojson(town, run):
    """GeoPackage, GeoParquet and FlatGeobuf hold the same sites, and plan.json names them with hashes."""
    done = run("solve", ".", "--format", "gpkg,parquet,fgb", "--json")
    assert done.returncode == 0
    files = json.loads(done.stdout)["files"]
    assert {"sites.geojson", "town.gpkg", "sites.parquet", "sites.fgb"} <= set(files)
    folder = town / "town-plan"
    tables = [
        gpd.read_file(folder / "sites.geojson"),
        gpd.read_file(folder / "town.gpkg", layer="sites"),
        gpd.read_file(folder / "sites.fgb"),
        gpd.read_parquet(folder / "sites.parquet"),
    ]
    by_id = [table.set_index("id")["status"].to_dict() for table in tables]
    assert all(statuses == by_id[0] for statuses in by_id)


def test_an_unreachable_demand_point_is_exit_3(town, run):
    """What no site reaches is named and written; the plan for the rest is there; the exit code tells."""
    replace(town / "demand.csv", "d,113.0,28.03,40\n", "d,113.0,28.03,40\nfar,113.0,29.0,1\n")
    done = run("solve", ".")
    assert done.returncode == 3
    plan = json.loads((town / "town-plan/plan.json").read_text(encoding="utf-8"))
    assert (plan["status"], plan["rest_status"]) == ("infeasible", "optimal")
    assert gpd.read_file(town / "town-plan/uncoverable.geojson")["id"].tolist() == ["far"]
    assert plan["stations"]["selected"] == 2
    assert "Not met: near" in done.stdout


def test_every_fault_in_one_message(town, run):
    """Faults of the scenario and of two layers come together on stderr, exit 2, without a traceback."""
    replace(town / "scenario.toml", 'title = "Four streets"', 'titel = "Four streets"')
    replace(town / "demand.csv", "b,113.0,28.01,20", "a,113.0,28.01,-20")
    replace(town / "sites.csv", "cd,113.0,28.025", "cd,,28.025")
    done = run("solve", ".")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    for word in ("scenario.toml", "titel", "did you mean title", "demand.csv", "-20", "sites.csv", "row 3"):
        assert word in done.stderr
    assert not (town / "town-plan").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-place"], "no-such-place"),
        ([".", "--radius", "600"], "unit"),
        ([".", "--demand", "demand.csv"], "leave it out"),
        (["--demand", "demand.csv", "--radius", "1km"], "needed together"),
        ([".", "--budget", "1", "--stations", "1"], "exclude each other"),
        ([".", "--format", "shp"], "not shp"),
        ([".", "--backend", "abacus"], "abacus"),
        ([".", "--out", "demand.csv"], "not a folder"),
        ([".", "--out", ""], "needs the name of a folder"),
        ([".", "--out", "x" * 300], "cannot be written"),
        ([".", "--gap", "2"], "0.01 is 1 %"),
        ([".", "--gap", "nan"], "0.01 is 1 %"),
        ([".", "--time-limit", "-1"], "time_limit"),
        ([".", "--frobnicate"], "--frobnicate"),
    ],
)
def test_bad_usage_is_exit_2(town, run, arguments, message):
    """Options that cannot be meant end with exit 2 and a message, before any work."""
    done = run("solve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in re.sub(r"[\s│]+", " ", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["map.png", "uncoverable.geojson", "sites.fgb", "town.gpkg", "plan.json"])
def test_files_in_the_way_are_found_before_the_work(town, run, name):
    """A foreign file where one of the plan's may go ends the run before it is planned, and stays."""
    (town / "mine").mkdir()
    (town / "mine" / name).write_text("mine", encoding="utf-8")
    done = run("solve", ".", "--out", "mine", "--format", "gpkg,fgb", "--backend", "pulp:cbc")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"mine/{name}: stands where the plan must be written" in done.stderr
    assert [path.read_text(encoding="utf-8") for path in (town / "mine").iterdir()] == ["mine"]


def test_the_files_looked_for_are_those_written(town):
    """What the check before the work looks for is all that a plan folder can get."""
    command = importlib.import_module("chargeplan.cli.solve")
    replace(town / "demand.csv", "d,113.0,28.03,40\n", "d,113.0,28.03,40\nfar,113.0,29.0,1\n")
    plan = cp.solve(cp.load(town / "scenario.toml"))
    written = set(plan.files(command.FORMATS))
    assert written == set(command._file_names("town", command.FORMATS))


INTERRUPTED = """
import signal, sys, threading
import chargeplan.cli
command = sys.modules["chargeplan.cli.solve"]

class CtrlC(command.Progress):
    noticed = threading.Event()

    def __call__(self, event):
        if event.best is not None and not self.noticed.is_set():
            signal.raise_signal(signal.SIGINT)
            self.noticed.wait()

    def announce_stop(self):
        self.noticed.set()

command.Progress = CtrlC
chargeplan.cli.main()
"""


def interrupted(folder, *arguments):
    """Run `chargeplan` and press Ctrl-C when it has its first plan."""
    command = [sys.executable, "-c", INTERRUPTED, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_ctrl_c_writes_the_best_plan(town):
    """Interrupted, the run still writes a whole plan folder, and ends with exit 130."""
    done = interrupted(town, "solve", ".")
    assert (done.returncode, done.stderr) == (130, "")
    assert cp.read_plan(town / "town-plan").objective == 2.0


@pytest.mark.slow
def test_ctrl_c_stops_a_long_run(tmp_path):
    """Interrupted at its first plan, a long run ends with that plan, and says that it was cut."""
    done = interrupted(tmp_path, "solve", "czt", "--gap", "0", "-o", "plan")
    assert done.returncode == 130, done.stderr
    plan = cp.read_plan(tmp_path / "plan")
    assert (plan.status, plan.met, plan.reproducible) == ("stopped", True, False)


def test_a_required_standard_that_is_left_out_is_not_met(town, run):
    """A promise for an area is not planned yet: required, it gives exit 3 and a line; as an aim, neither."""
    gpd.GeoDataFrame(geometry=[box(112.9, 27.9, 113.1, 28.1)], crs=4326).to_file(town / "core.geojson")
    area = '[[areas]]\nname = "core"\nfile = "core.geojson"\n\n'
    promise = '[[standards]]\nname = "all of it"\narea = "core"\nradius = "1 km"\n\n[objective]'
    replace(town / "scenario.toml", "[objective]", area + promise)
    done = run("solve", "scenario.toml")
    assert done.returncode == 3
    assert "Not met: all of it: required, but not planned yet." in done.stdout
    audited = run("audit", "scenario.toml", "town-plan/sites.geojson")
    assert audited.returncode == 3
    assert "all of it: required, but not planned yet" in audited.stdout
    replace(town / "scenario.toml", 'area = "core"\n', 'area = "core"\nrequired = false\n')
    assert run("solve", "scenario.toml", "-o", "aim").returncode == 0
