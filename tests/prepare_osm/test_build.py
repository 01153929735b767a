"""Scenario folders from extracts, by the command."""

import subprocess
import sys

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

import chargeplan as cp
from chargeplan.cli import app
from chargeplan.errors import InputError
from chargeplan.prepare.osm import extract, folder
from chargeplan.prepare.osm.build import Request, build
from chargeplan.problem import Problem


@pytest.fixture
def make(town, tmp_path):
    """Build the town by the command, and hand back the folder."""

    def make(*options, osm=town, out="built"):
        arguments = ["instances", "build", "--osm", str(osm), "-o", str(tmp_path / out), *map(str, options)]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return tmp_path / out

    return make


def test_a_built_scenario_is_solved_as_it_is(make):
    """The car park serves the house; the farm, 3 km away, gets a site at the kerb."""
    problem = Problem.read(make() / "scenario.toml")
    assert sorted(problem.sites.kind) == ["kerb", "parking"]
    plan = cp.solve(problem)
    assert plan.status == "optimal"
    assert (plan.stations["status"] == "selected").sum() == 2


def test_the_same_extract_gives_the_same_bytes(make):
    """Building twice gives the same files."""
    one, other = make(out="one/town"), make(out="two/town")
    names = sorted(path.name for path in one.iterdir())
    assert names == ["README.md", "demand.csv", "roads.fgb", "scenario.toml", "sites.csv"]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_nothing_is_overwritten(make, town, tmp_path):
    """Building into a folder with a file of that name is refused, and names it."""
    built = make()
    with pytest.raises(InputError, match=r"demand\.csv: is there already"):
        folder.check_target(built)


def test_names_cannot_become_formulas(make):
    """A name that a spreadsheet would run is written as text."""
    table = pd.read_csv(make() / "sites.csv")
    assert "'=1+1" in set(table["name"].dropna())


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("+1", "'+1"),
        (" @SUM(A1)", " '@SUM(A1)"),
        ("a;=1+1; -2", "a;'=1+1; '-2"),
        ("\uff1d1", "'\uff1d1"),
        ("Lot A-1 (=2)", "Lot A-1 (=2)"),
        ("Mo-Fr; Sa", "Mo-Fr; Sa"),
    ],
)
def test_what_a_spreadsheet_would_run(name, written):
    """At the beginning of a name, and behind what ends a cell elsewhere; in full width too."""
    assert folder._harmless(name) == written


def test_a_link_to_nowhere_is_not_written_through(tmp_path):
    """A link in the folder is there, even where what it leads to is not."""
    (tmp_path / "sites.csv").symlink_to(tmp_path.parent / "elsewhere.csv")
    with pytest.raises(InputError, match=r"sites\.csv: is there already"):
        folder.check_target(tmp_path)


def test_points_of_people_are_demand_as_they_are(make, tmp_path):
    """A CSV of points with a population column replaces built area; rows without people are none."""
    people = tmp_path / "people.csv"
    people.write_text("id,lon,lat,Population\na,20.001,10.0,5\nb,20.004,10.0,0\nc,20.005,10.004,7\n")
    built = make("--population", people)
    table = pd.read_csv(built / "demand.csv")
    assert table[["id", "weight"]].to_numpy().tolist() == [["a", 5], ["c", 7]]
    assert "`people.csv`" in (built / "README.md").read_text()


def test_an_area_leaves_the_rest_out(make, tmp_path):
    """Within the town's own bounds the farm is no demand, and the area is drawn on the map."""
    area = tmp_path / "bounds.geojson"
    gpd.GeoDataFrame(geometry=[shapely.box(19.99, 9.99, 20.01, 10.01)], crs=4326).to_file(area)
    built = make("--area", area)
    assert len(pd.read_csv(built / "demand.csv")) == 1
    assert pd.read_csv(built / "sites.csv")["kind"].tolist() == ["parking"]
    assert Problem.read(built / "scenario.toml").borders is not None


def test_stations_that_stand_are_kept_and_known_once(write, make, tmp_path):
    """A station in the extract and in the layer given is the given one; another of the extract stays."""
    nodes = {1: (0, 0), 2: (50, 0), 3: (1, 0.1), 4: (40, 0.1)}
    nodes |= {10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2)}
    ways = {
        1: ([1, 2], {"highway": "residential"}),
        2: ([10, 11, 12, 13, 10], {"building": "house"}),
    }
    tags = {number: {"amenity": "charging_station"} for number in (3, 4)}
    given = tmp_path / "mine.csv"
    given.write_text("id,lon,lat,name\nn4,20.0011,10.0001,Mine\n")
    built = make("--existing", given, osm=write(nodes, ways, tags, name="two.osm.pbf"))
    table = pd.read_csv(built / "stations.csv")
    assert table["id"].tolist() == ["given-n4", "osm-n4"]
    problem = Problem.read(built / "scenario.toml")
    assert (problem.sites.status == "existing").sum() == 2


def test_stations_for_bicycles_alone_are_told(write, make):
    """Where no other station stands there is no layer of stations, and the README says why."""
    nodes = {1: (0, 0), 2: (50, 0), 3: (1, 0.1), 4: (40, 0.1)}
    nodes |= {10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2)}
    ways = {
        1: ([1, 2], {"highway": "residential"}),
        2: ([10, 11, 12, 13, 10], {"building": "house"}),
    }
    tags = {3: {"amenity": "charging_station", "bicycle": "yes"}, 4: {"amenity": "parking"}}
    built = make(osm=write(nodes, ways, tags, name="bicycles.osm.pbf"))
    assert not (built / "stations.csv").exists()
    assert "Charging stations left out, as no car may use them: 1." in (built / "README.md").read_text()


def test_a_motorway_becomes_a_corridor_with_a_standard(write, make):
    """A built scenario with a motorway asks for stations along it, and is read without fault."""
    nodes = {number: (10 * number, 0) for number in range(1, 9)} | {20: (40, 3)}
    nodes |= {10: (40, 2), 11: (40.2, 2), 12: (40.2, 2.2), 13: (40, 2.2)}
    ways = {
        1: (list(range(1, 9)), {"highway": "motorway", "oneway": "no", "ref": "A1"}),
        2: ([4, 20], {"highway": "secondary"}),
        3: ([10, 11, 12, 13, 10], {"building": "house"}),
    }
    built = make(osm=write(nodes, ways, name="road.osm.pbf"))
    problem = Problem.read(built / "scenario.toml")
    assert [standard.name for standard in problem.standards] == ["near", "intercity"]
    assert cp.solve(problem).status == "optimal"


# --- bad input -------------------------------------------------------------------------------------------


def refused(path, out, *options):
    """Run the command as a person would; it must end with one message, exit code 2 and no traceback."""
    command = [sys.executable, "-m", "chargeplan", "instances", "build", "--osm", path, "-o", out, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert not out.exists()
    return done.stderr


def test_a_truncated_extract_is_refused(town, tmp_path):
    """A file that ends in the middle is damaged, says the one message."""
    short = tmp_path / "short.osm.pbf"
    short.write_bytes(town.read_bytes()[:-40])
    assert "damaged or cut off" in refused(short, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no such file"),
        (b"", "is no OpenStreetMap extract"),
        (b"<osm version='0.6'/>", "is no OpenStreetMap extract"),
        (b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\x7f", "damaged or cut off"),
        (b"\x7f\xff\xff\xff\x0a\x09OSMHeader\x18\x7f", "is no OpenStreetMap extract"),
    ],
)
def test_what_is_no_extract_is_refused(tmp_path, content, says):
    """A missing file, an empty one, XML, and headers that lie are one InputError each."""
    path = tmp_path / "x.osm.pbf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        build(Request(path, "x"))


def test_a_folder_is_no_extract(tmp_path):
    """A folder in a file's place is refused."""
    with pytest.raises(InputError, match="is not a file"):
        build(Request(tmp_path, "x"))


def test_roads_without_any_homes_are_refused(write):
    """Without homes and without a population nobody is there to be served."""
    path = write({1: (0, 0), 2: (1, 0)}, {1: ([1, 2], {"highway": "residential"})})
    with pytest.raises(InputError, match="nothing says where people live"):
        build(Request(path, "x"))


def test_an_area_without_roads_is_refused(town, tmp_path):
    """An area elsewhere holds no road of the extract."""
    area = tmp_path / "far.geojson"
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(area)
    with pytest.raises(InputError, match="holds no road in the area"):
        build(Request(town, "x", area=area))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,lon,lat\na,20,10\n", "no column counts people"),
        ("id,lon,lat,people\na,20,10,-1\nb,20,10,many\n", r"row 1, column people: -1 is negative"),
        ("id,lon,lat,people\na,200,10,3\n", "out of range"),
    ],
)
def test_faults_of_the_population_are_named(town, tmp_path, text, says):
    """A population without numbers or places is refused by row and column."""
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        build(Request(town, "x", population=path))


def test_without_osmium_the_extra_is_named(town, monkeypatch):
    """Where osmium is not installed the message says what to install."""
    monkeypatch.setattr(extract, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'chargeplan\[osm\]'"):
        build(Request(town, "x"))


def test_scenario_names_come_from_folders(tmp_path):
    """Whatever the folder is called, the name is one that a scenario may have."""
    for given, name in (("li", "li"), ("a b", "a b"), ("-x?!", "x"), ("...", "scenario")):
        assert folder.scenario_name(tmp_path / given) == name
