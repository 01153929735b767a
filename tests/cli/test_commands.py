"""The smaller commands, as processes."""

from __future__ import annotations

import tomllib
from importlib.metadata import version

import pytest

from chargeplan.cli import _complain, main
from chargeplan.errors import Fault, InputError


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


def test_nothing_of_an_input_steers_the_terminal(town, run):
    """Controls and bidi marks in a title, a status and an id are escaped; brackets are no markup."""
    scenario = town / "scenario.toml"
    text = scenario.read_text(encoding="utf-8").replace("Four streets", r"[red]\u001b]0;x\u202e[/no]")
    scenario.write_text(text, encoding="utf-8")
    table = "id,lon,lat,weight\n\x1b[2J[/b],113.0,28.00,10\n"
    (town / "demand.csv").write_text(table, encoding="utf-8")
    (town / "stations.csv").write_text(
        "lon,lat,status\n113,28.005,existing\n113,28,\x1b[1m\n", encoding="utf-8"
    )
    done = run("audit", ".", "stations.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"town: [red]\x1b]0;x\u202e[/no]" in done.stdout
    assert r"\x1b[2J[/b]" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_fault_is_one_line(capsys):
    """A name with a newline is one fault, not two; two faults are counted as two."""
    _complain(InputError(Fault("is wrong", file="a\nb\x1b[1m.csv")))
    assert capsys.readouterr().err == "Error: a\\nb\\x1b[1m.csv: is wrong\n"
    _complain(InputError([Fault("one\ntwo"), Fault("three")]))
    assert capsys.readouterr().err.splitlines() == ["Error: 2 faults", "  - one\\ntwo", "  - three"]


def test_a_mistake_of_ours_is_one_line(monkeypatch, capsys):
    """An exception that nobody foresaw ends with exit 1, one line and where it was, and no traceback."""

    def broken():
        raise OverflowError("too\nlarge")

    monkeypatch.setattr("chargeplan.cli.app", broken)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("Error: unexpected OverflowError: too\\nlarge (test_commands.py, line ")
    assert message.count("\n") == 1


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
