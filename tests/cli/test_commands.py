"""The smaller commands, as processes."""

from __future__ import annotations

import tomllib
from importlib.metadata import version

import pytest


def test_check_counts_what_is_there(town, run):
    """A sound scenario: exit 0, demand points, weight and sites on stdout."""
    done = run("check", ".")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("town: Four streets", "near", "600 m", "4", "100", "3 candidate"):
        assert word in done.stdout


def test_check_finds_faults(town, run):
    """An unsound scenario: exit 2 and the fault's place."""
    (town / "sites.csv").unlink()
    done = run("check", ".")
    assert done.returncode == 2
    assert "sites.csv" in done.stderr


@pytest.mark.parametrize(("stations", "code"), [("113.0,28.005\n113.0,28.025\n", 0), ("113.0,28.015\n", 3)])
def test_audit_tells_by_its_exit_code(town, run, stations, code):
    """Any station layer is judged: the two outer sites meet the standard, the middle one alone does not."""
    (town / "stations.csv").write_text("lon,lat\n" + stations, encoding="utf-8")
    done = run("audit", ".", "stations.csv")
    assert done.returncode == code, done.stderr
    assert ("100 %" in done.stdout) is (code == 0)


def test_audit_names_the_file_of_bad_stations(town, run):
    """A fault of the station layer says which file and row it is in."""
    (town / "stations.csv").write_text("id,lon,lat\nu,113.0,28.0\nu,113.0,28.0\n", encoding="utf-8")
    done = run("audit", ".", "stations.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: stations.csv, layer stations, row 2: its id 'u'")


def test_audit_agrees_with_the_plan(town, run):
    """The sites layer of a plan is audited as it was planned: only its open stations count."""
    assert run("solve", ".", "--quiet").returncode == 0
    assert run("audit", ".", "town-plan/sites.geojson").returncode == 0


def test_instances_are_listed_shown_and_exported(tmp_path, run):
    """The shipped cases have names; one can be read, and copied to be changed."""
    listed = run("instances").stdout
    assert listed == run("instances", "list").stdout
    assert {"czt-2025", "czt-2021", "texas"} <= {line.split()[0] for line in listed.splitlines()}
    shown = tomllib.loads(run("instances", "show", "texas").stdout)
    assert shown["name"] == "texas"
    assert run("instances", "export", "texas", "mine").returncode == 0
    assert tomllib.loads((tmp_path / "mine/scenario.toml").read_text(encoding="utf-8")) == shown


def test_an_unknown_instance_is_exit_2(run):
    """A name that is no instance is answered with the names that are near."""
    done = run("instances", "show", "texsa")
    assert done.returncode == 2
    assert "texas" in done.stderr


def test_backends_are_listed(run):
    """The backends that every installation has are installed here too."""
    lines = dict(line.split(maxsplit=1) for line in run("backends").stdout.splitlines())
    assert lines["ortools:cp-sat"].startswith("installed")
    assert lines["pulp:cbc"].startswith("installed")


def test_init_prints_a_scenario_that_is_toml(run):
    """The template is a scenario file: TOML with the tables that every scenario needs."""
    template = tomllib.loads(run("init").stdout)
    assert {"schema", "name", "demand", "sites", "standards", "objective"} <= set(template)


def test_version(run):
    """`--version` prints the installed version."""
    assert run("--version").stdout == f"chargeplan {version('chargeplan')}\n"
