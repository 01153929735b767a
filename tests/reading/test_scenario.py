"""The scenario file: what is accepted, and what is said of what is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chargeplan.errors import InputError
from chargeplan.scenario import Scenario, init_text, reading, tables
from chargeplan.scenario.wording import _MODELS

KEYS = sorted({key for model in _MODELS.values() for key in model.model_fields} | {"x"})


def faults(call, *args, **kwargs) -> str:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return str(error.value)


def test_template_is_a_scenario(tmp_path) -> None:
    """What `chargeplan init` prints can be read as it is."""
    file = tmp_path / "scenario.toml"
    file.write_text(init_text(), encoding="utf-8")
    scenario = Scenario.read(tmp_path)
    assert scenario.file == file
    assert scenario.standards[0].radius_m == 1000.0
    assert scenario.solve.seed == 0


@pytest.mark.parametrize("table", _MODELS)
def test_template_shows_every_key(table) -> None:
    """Every key of every table stands in the template, commented or not."""
    common = set(tables.Layer.model_fields)
    wanted = set(_MODELS[table].model_fields)
    section = re.split(r"\[+" + table + r"[.\w]*\]+", init_text())[1]
    shown = set(
        re.findall(r"^#? ?(\w+) = ", section.split("\n[[")[0] if table != "mix" else section, re.MULTILINE)
    )
    assert wanted - shown - common == set()
    assert re.search(rf"^(# )?\[+{table}[.\w]*\]+", init_text(), re.MULTILINE)


def test_every_fault_in_one_message(tmp_path) -> None:
    """Wrong keys, wrong values and wrong references are all named, each with its place."""
    file = tmp_path / "scenario.toml"
    file.write_text(
        """
schema = 1
name = "a/b"
colour = "red"
[[demand]]
name = "people"
file = "demand.csv"
wieght = "w"
weight = -1
[[demand]]
name = "people"
datum = "gps"
[[sites]]
name = "places"
file = 3
[[standards]]
name = "urban"
demand = "nobody"
radius = "1"
[[standards]]
name = "far"
corridor = "roads"
radius = 1000
share = 1.5
[objective]
minimise = "cost"
budget = 3
[solve]
seed = "1"
""",
        encoding="utf-8",
    )
    said = faults(Scenario.read, file)
    for place in (
        "name: 'a/b'",
        "colour: unknown key",
        "[[demand]] 1 (people), wieght: unknown key; did you mean weight?",
        "[[demand]] 1 (people), weight: -1",
        "[[demand]] 2 (people), file: is missing",
        "[[demand]] 2 (people), datum:",
        "[[sites]] 1 (places), file:",
        "[[standards]] 1 (urban), radius: '1' is not a number with a unit",
        "[[standards]] 2 (far), radius: '1000' is not a number with a unit",
        "[[standards]] 2 (far), share:",
        "[objective]: stations and budget are for maximise",
        "[solve], seed:",
        "[[demand]]: 2 are called 'people'",
        "[[standards]] 1 (urban), demand: there is no [[demand]] called 'nobody'",
        "[[standards]] 2 (far), corridor: there is no [[corridors]] called 'roads'",
    ):
        assert f"{file}: {place}" in said


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({}, "exactly one of minimise and maximise"),
        ({"minimise": "cost", "maximise": "weight"}, "exactly one of minimise and maximise"),
        ({"maximise": "weight"}, "exactly one of stations and budget"),
        ({"maximise": "weight", "stations": 3, "budget": 5.0}, "exactly one of stations and budget"),
        ({"minimise": "cost", "stations": 3}, "are for maximise"),
        ({"maximise": "weight", "stations": 0}, "greater than or equal to 1"),
        ({"maximise": "weight", "stations": 3}, "no standard is an aim"),
        ({"minimise": "distance"}, 'minimise = "distance" needs stations'),
        ({"minimise": "farthest", "stations": 3, "budget": 5.0}, 'minimise = "farthest" needs stations'),
        ({"maximise": "separation", "budget": 5.0}, 'maximise = "separation" needs stations'),
        ({"minimise": "distance", "stations": 3}, "no standard is an aim (required = false), so nothing"),
        ({"maximise": "separation", "stations": 3}, '(urban), required: maximise = "separation" looks at'),
        ({"maximise": "distance", "stations": 3}, "'weight', 'separation' or 'stations'"),
        (
            {"minimise": "farthest", "stations": 3, "weight_per_charger": 2.0},
            'weight_per_charger is for minimise = "cost", "stations" or "distance"',
        ),
        ({"minimise": "distance", "weight_per_charger": 2.0}, 'minimise = "distance" needs stations'),
        (
            {"minimise": "distance", "stations": 3, "cost_per_km": 2.0},
            'cost_per_km is for minimise = "cost"',
        ),
        ({"maximise": "weight", "budget": 3.0, "weight_per_charger": 2.0}, "weight_per_charger is for mini"),
        ({"minimise": "stations", "cost_per_km": 2.0}, 'cost_per_km is for minimise = "cost"'),
        ({"minimise": "cost", "weight_per_charger": 0.0}, "greater than 0"),
        ({"maximise": "stations"}, 'maximise = "stations" and separation need each other'),
        ({"minimise": "cost", "separation": "2 km"}, 'maximise = "stations" and separation need each other'),
        ({"maximise": "stations", "separation": "2 km", "stations": 3}, "takes no stations and no budget"),
        ({"maximise": "stations", "separation": "2"}, "'2' is not a number with a unit"),
        ({"maximise": "stations", "separation": "2 km"}, 'maximise = "stations" looks at the sites alone'),
        ({"minimise": "cost", "cost_per_km": -1.0}, "greater than 0"),
    ],
)
def test_objective(region, objective, message) -> None:
    """An objective is one thing, with the limit that it needs."""
    assert message in faults(region.scenario, objective=objective)


@pytest.mark.parametrize(
    ("standard", "message"),
    [
        ({"required": False, "stations": 2}, "is about the nearest station, not about a backup"),
        ({"required": True, "stations": 2}, "is about the nearest station, not about a backup"),
        ({"required": True, "share": 0.9}, "keeps required standards for all demand points only"),
    ],
)
@pytest.mark.parametrize("word", ["distance", "farthest"])
def test_what_distances_cannot_keep(region, word, standard, message) -> None:
    """A backup, or a share that is required, beside an objective of distances is refused, never ignored."""
    aim = {"name": "aim", "demand": "people", "radius": "1 km", "required": False}
    other = {"name": "other", "demand": "people", "radius": "2 km"} | standard
    objective = {"minimise": word, "stations": 2}
    assert message in faults(region.scenario, objective=objective, standards=[aim, other])


@pytest.mark.parametrize(
    ("standards", "message"),
    [
        ([{}], "no standard is an aim (required = false), so nothing is measured"),
        ([{"required": False}, {"required": False}], "exactly one aim takes room; there are 2"),
        ([{"required": False, "demand": None, "corridor": "roads"}], "on a demand layer; 'all 0' is not"),
        ([{"required": False}, {"share": 0.9}], "keeps required standards for all demand points only"),
    ],
)
def test_whom_stations_have_room_for(region, standards, message) -> None:
    """The mean distance with room is that of one aim on a demand layer."""
    plain = {"demand": "people", "radius": "1 km"}
    named = [plain | {"name": f"all {k}"} | change for k, change in enumerate(standards)]
    tables = [{key: value for key, value in table.items() if value is not None} for table in named]
    objective = {"minimise": "distance", "stations": 2, "weight_per_charger": 2.0}
    assert message in faults(region.scenario, objective=objective, standards=tables)


@pytest.mark.parametrize(
    ("standards", "message"),
    [
        ([{"required": False}], "required: cost_per_km is for required standards of share 1"),
        ([{"share": 0.9}], "share: cost_per_km is for required standards of share 1"),
        ([{"stations": 2}], "stations: cost_per_km is for required standards of share 1"),
        ([{}, {"radius": "3 km"}], "exactly one standard on a demand layer is served; there are 2"),
    ],
)
def test_whom_stations_can_serve(region, standards, message) -> None:
    """Who serves whom is decided for one standard on a demand layer, each of its demand points once."""
    plain = {"demand": "people", "radius": "1 km"}
    named = [plain | {"name": f"all {k}"} | change for k, change in enumerate(standards)]
    objective = {"minimise": "cost", "cost_per_km": 2.0}
    assert message in faults(region.scenario, objective=objective, standards=named)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demand": None}, "exactly one of demand, corridor and area"),
        ({"corridor": "roads"}, "exactly one of demand, corridor and area"),
        ({"metric": "matrix"}, "need each other"),
        ({"matrix": "m.csv"}, "need each other"),
        ({"metric": "euclidean"}, "not in this release"),
        ({"rule": "spacing"}, "for standards on a corridor"),
        ({"metric": "road"}, "needs a [network]"),
        ({"share": 0.0}, "greater than 0"),
        ({"stations": 0}, "greater than or equal to 1"),
        ({"radius": "0 km"}, "not a positive, finite length"),
        ({"radius": "21000 km"}, "more than half way around the Earth"),
        ({"radius": "10 min"}, "not a number with a unit"),
        ({"strict": 1}, "valid boolean"),
    ],
)
def test_standard(region, change, message) -> None:
    """A standard that cannot be meant is refused, and the reason said."""
    given = {"name": "urban", "demand": "people", "radius": "1 km", **change}
    given = {key: value for key, value in given.items() if value is not None}
    assert message in faults(region.scenario, standards=[given])


def test_default_metric(region) -> None:
    """Points are reached straight, corridors by road, unless the standard says otherwise."""
    scenario = region.scenario(
        corridors=[{"name": "roads", "file": "r.geojson"}],
        standards=[
            {"name": "urban", "demand": "people", "radius": "1 km"},
            {"name": "far", "corridor": "roads", "radius": "50 km"},
            {"name": "near", "corridor": "roads", "radius": "50 km", "metric": "geodesic"},
        ],
    )
    assert [spec.measured_by for spec in scenario.standards] == ["geodesic", "road", "geodesic"]


def test_nothing_asked(region) -> None:
    """Without sites or standards there is nothing to plan."""
    said = faults(region.scenario, sites=[], standards=[])
    assert "no candidate sites" in said
    assert "no service standards" in said


def test_travel_times_are_refused(region) -> None:
    """A network in seconds is not in this release, and that is said."""
    assert "not in this release" in faults(region.scenario, network={"file": "r.gpkg", "unit": "seconds"})


def test_mix_names_a_type(region) -> None:
    """A mix of chargers that no table describes is a fault."""
    said = faults(region.scenario, mix=[{"type": "fast", "at_least": 3}, {"type": "slow"}])
    assert "[[mix]] 1, type: there are no [[chargers]] of type 'fast'" in said
    assert "[[mix]] 2 (slow): needs at_least, at_most, total or share" in said


def test_frozen(region) -> None:
    """A scenario cannot be changed; `replace` makes another and checks it."""
    scenario = region.scenario()
    with pytest.raises(ValidationError, match="frozen"):
        scenario.name = "other"
    assert scenario.replace(name="other").name == "other"
    assert scenario.replace(name="other").folder == scenario.folder
    assert scenario.replace() == scenario
    assert scenario.replace(objective=scenario.objective) == scenario
    assert "unknown key" in faults(scenario.replace, colour="red")


def test_tables_are_what_was_given(region) -> None:
    """The tables of a scenario give the same scenario again."""
    scenario = region.scenario(solve={"gap": 0.01})
    assert Scenario.parse(scenario.tables(), region.folder) == scenario
    assert scenario.tables()["solve"] == {"gap": 0.01}


def test_files_stay_inside_the_folder(region) -> None:
    """A scenario opens no file outside its folder, by whatever way."""
    scenario = region.scenario()
    outside = region.folder.parent / "outside.csv"
    outside.touch()
    (region.folder / "link.csv").symlink_to(outside)
    assert scenario.path("demand.csv") == (region.folder / "demand.csv").resolve()
    for file in ("../demand.csv", str(outside), "link.csv", "a/../../b.csv"):
        assert "outside the scenario's folder" in faults(scenario.path, file)


def test_files_given_by_hand(region, tmp_path_factory) -> None:
    """Files of the command line may lie anywhere, and ask the plain question."""
    demand, sites = region.folder / "demand.csv", region.folder / "sites.csv"
    scenario = Scenario.from_files(demand, sites, "1 km")
    assert scenario.path(str(demand.absolute())) == demand.resolve()
    assert scenario.standards[0].required
    assert scenario.objective.minimise == "cost"
    budget = Scenario.from_files(demand, sites, "1 km", budget=9.0)
    assert not budget.standards[0].required
    assert budget.objective.budget == 9.0
    assert "not a number with a unit" in faults(Scenario.from_files, demand, sites, "1")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"schema = ", "is not TOML"), (b"name = '\xff'", "is not UTF-8"), (None, "there is no such file")],
)
def test_unreadable_file(tmp_path, content, message) -> None:
    """A file that is no scenario at all is named."""
    file = tmp_path / "scenario.toml"
    if content is not None:
        file.write_bytes(content)
    said = faults(Scenario.read, file)
    assert said.startswith(f"{file}: {message}")


@pytest.mark.parametrize("wrong", ["demand", {"name": "x", "file": "y"}, [3], [["a"]], 7])
def test_tables_of_the_wrong_kind(region, wrong) -> None:
    """A value where a table should be is a fault, not a crash."""
    assert "is not written as a table" in faults(region.scenario, demand=wrong)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(tables=st.dictionaries(st.sampled_from([*_MODELS, "schema", "name", "x"]), VALUES, max_size=6))
def test_nonsense_is_a_fault(tables) -> None:
    """Whatever a file says, the answer is a scenario or a list of faults, and the sound layers are found."""
    scenario, faults = reading._validate(tables, None)
    assert (scenario is None) == bool(faults)
    assert reading._sound_inputs(tables) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a = {'[' * 100_000}", "nested too deeply"),
        (f"a = {'[' * 300}{']' * 300}", ""),
        (f"schema = {'1' * 5000}", "is not TOML"),
    ],
    ids=["endless", "deep", "digits"],
)
def test_toml_beyond_measure(tmp_path, text, message) -> None:
    """Nesting and numbers beyond measure are faults of the file, not crashes."""
    file = tmp_path / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    said = faults(Scenario.read, file)
    assert str(file) in said
    assert message in said


def test_paths_that_are_none(region) -> None:
    """A file name with NUL and a link to itself are faults of that file."""
    assert "cannot be a file" in faults(region.scenario().path, "a\0.csv")
    (region.folder / "loop.csv").symlink_to("loop.csv")
    assert "link in a circle" in faults(region.scenario().path, "loop.csv")
