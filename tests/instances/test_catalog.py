"""The shipped instances by name."""

import re

import pytest

from chargeplan.errors import InputError
from chargeplan.instances import catalog
from chargeplan.scenario import Scenario

NAMES = [
    "czt-2025", "czt-2025-phased", "czt-2021", "xiangtan-2024", "zhuzhou-14fyp", "texas", "liechtenstein",
    "porto_alegre",
]  # fmt: skip


def test_all_instances_are_listed_with_their_plans():
    """The catalogue lists the eight instances, each with the title of its own scenario file."""
    shipped = catalog.shipped()
    assert [instance.name for instance in shipped] == NAMES
    for instance in shipped:
        scenario = Scenario.read(instance.path)
        assert (scenario.name, scenario.title) == (instance.name, instance.title)
        assert re.search("20[0-9]{2}", scenario.title)
        assert scenario.source


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_a_scenario_ships(name):
    """Every layer that a shipped scenario names lies beside it."""
    scenario = Scenario.read(catalog.resolve(name))
    layers = [*scenario.demand, *scenario.sites, *scenario.corridors, *scenario.areas]
    assert all(scenario.path(layer.file).is_file() for layer in layers)


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_end_by_gap_or_work_not_by_the_clock(name):
    """A shipped scenario gives the same answer on every machine."""
    solve = Scenario.read(catalog.resolve(name)).solve
    assert solve.time_limit is None
    assert solve.gap is not None
    assert solve.work_limit is not None


def test_czt_is_the_plan_of_2025():
    """The short name stands for the newest plan."""
    assert catalog.resolve("czt") == catalog.resolve("czt-2025")


def test_a_path_wins_over_a_name(tmp_path, monkeypatch):
    """A file or a scenario folder called like a shipped instance is the one that is meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "czt").write_text("schema = 1\n")
    (tmp_path / "texas").mkdir()
    (tmp_path / "texas" / "scenario.toml").write_text("schema = 1\n")
    assert catalog.resolve("czt").resolve() == tmp_path / "czt"
    assert catalog.resolve("texas").resolve() == tmp_path / "texas" / "scenario.toml"


def test_a_folder_without_scenario_does_not_hide_a_shipped_name(tmp_path, monkeypatch):
    """A folder called czt that holds no scenario.toml is not meant by czt."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "czt").mkdir()
    assert catalog.resolve("czt").name == "czt-2025.toml"


@pytest.mark.parametrize(
    ("wrong", "said"), [("czt-2024", "czt-2025"), ("texsa", "texas"), ("zzz", "xiangtan-2024")]
)
def test_an_unknown_name_is_answered_with_names(wrong, said):
    """An unknown name raises one InputError that proposes shipped names."""
    with pytest.raises(InputError, match=said):
        catalog.resolve(wrong)


def test_a_folder_without_a_scenario_is_said_to_be_one(tmp_path):
    """A folder that holds no scenario.toml is named as the reason."""
    with pytest.raises(InputError, match=r"folder without scenario\.toml"):
        catalog.resolve(tmp_path)


@pytest.mark.parametrize("name", [*NAMES, "czt"])
def test_an_exported_instance_is_whole(name, tmp_path):
    """An exported instance is a scenario folder with all of its layers and its attribution."""
    written = catalog.export(name, tmp_path / "mine")
    assert catalog.resolve(tmp_path / "mine") == written
    scenario = Scenario.read(written)
    assert scenario.tables() == Scenario.read(catalog.resolve(name)).tables()
    layers = [*scenario.demand, *scenario.sites, *scenario.corridors, *scenario.areas]
    assert all(scenario.path(layer.file).is_file() for layer in layers)
    assert (tmp_path / "mine" / "README.md").is_file()


def test_export_overwrites_nothing(tmp_path):
    """Exporting onto a file that is there is refused, naming the file, and writes nothing."""
    (tmp_path / "sites.csv").write_text("mine")
    with pytest.raises(InputError, match=r"sites\.csv"):
        catalog.export("czt", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sites.csv"]
