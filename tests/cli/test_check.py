"""`chargeplan check`: the problem places in a table, on a map and as GeoJSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

SCRIPT = "<script>alert(1)</script>"
DEMAND = f"""\
id,lon,lat,weight
"{SCRIPT}",113.0,28.00,10
"{SCRIPT}",113.0,28.01,20
c,113.0,28.02,-3
d,200,28.03,40
"""


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def broken(town):
    (town / "demand.csv").write_text(DEMAND, encoding="utf-8")
    return town


def test_faults_are_a_table(broken, run) -> None:
    """Every fault is a row on stdout, with its place on the Earth; stderr counts them and names the files."""
    done = run("check", ".")
    assert done.returncode == 2
    assert done.stderr == "Error: 4 faults in demand.csv\n"
    lines = done.stdout.splitlines()
    assert lines[0].strip() == "Problem places"
    assert [head.strip() for head in lines[1].split("  ") if head.strip()] == [
        "#",
        *("File", "Layer", "Row", "Column", "Longitude, latitude", "What is wrong"),
    ]
    (negative,) = (line for line in lines if "-3 is negative" in line)
    assert negative.split()[1:7] == ["demand.csv", "streets", "3", "weight", "113.00000,", "28.02000"]


def test_faults_of_the_scenario_are_a_table(town, run) -> None:
    """What is wrong with the scenario file itself has no place in a layer."""
    (town / "scenario.toml").write_text("schema = 7", encoding="utf-8")
    done = run("check", ".", "--map", "map.html")
    assert (done.returncode, "Row" in done.stdout.splitlines()[1]) == (2, False)
    page = Page((town / "map.html").read_text(encoding="utf-8"))
    assert page.all("svg") == []
    assert "there are no service standards" in page.text


def test_map(broken, run) -> None:
    """A marker for every fault that has a place, leading to its row; and the same bytes the next time."""
    assert run("check", ".", "--map", "map.html").returncode == 2
    content = (broken / "map.html").read_bytes()
    page = Page(content.decode())
    numbers = {circle["id"] for circle in page.all("circle")}
    assert len(numbers) == 3
    assert len(page.all("circle")) == 3
    assert {f"fault-{number}" for number in range(1, 5)} <= {row.get("id") for row in page.all("tr")}
    assert {link["href"] for link in page.all("a")} <= {
        f"#{element['id']}" for _, element in page.elements if element.get("id")
    }
    assert "4 faults; 3 with a place on the map" in page.text
    assert run("check", ".", "--map", "map.html").returncode == 2
    assert (broken / "map.html").read_bytes() == content


def test_nothing_of_a_layer_runs_in_the_map(broken, run) -> None:
    """Names are words, whatever they hold; and the page forbids itself all that is not its own style."""
    run("check", ".", "--map", "map.html")
    page = Page((broken / "map.html").read_text(encoding="utf-8"))
    assert SCRIPT in page.text
    assert page.all("script") == page.all("img") == []
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    (policy,) = (meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_geojson(broken, run) -> None:
    """The problem places as a layer: a point where the place is known, null where it is not."""
    assert run("check", ".", "--map", "places.geojson").returncode == 2
    features = json.loads((broken / "places.geojson").read_text(encoding="utf-8"))["features"]
    found = {row["properties"]["message"]: row for row in features}
    assert found["-3 is negative"]["geometry"] == {"type": "Point", "coordinates": [113, 28.02]}
    assert found["-3 is negative"]["properties"]["row"] == 3
    assert [row["geometry"] for text, row in found.items() if "out of range" in text] == [None]


def test_every_kind_of_input_is_on_the_map(town, run) -> None:
    """People, stations that stand and what candidates are made of are drawn as layers are, and counted."""
    (town / "people.csv").write_text("lon,lat,people\n113,28,7\n113.01,28.01,8\n", encoding="utf-8")
    (town / "own.csv").write_text("id,lon,lat\n1,113,28.03\n2,113,28.02\n2,113,28.02\n", encoding="utf-8")
    more = """
people = { name = "dwellers", file = "people.csv" }
existing = [{ name = "own", file = "own.csv", source = "table", where = "lat > 28.025" },
            { name = "twice", file = "own.csv", source = "table" }]
candidates = [{ name = "made", file = "people.csv", method = "places" }]
"""
    text = (town / "scenario.toml").read_text(encoding="utf-8")
    (town / "scenario.toml").write_text(more + text, encoding="utf-8")
    assert run("check", ".", "--map", "map.html").returncode == 2
    page = Page((town / "map.html").read_text(encoding="utf-8"))
    for name in ("dwellers (people), 2", "own (existing), 1", "made (candidates), 2"):
        assert name in page.text
    assert "twice (existing)" not in page.text  # it cannot be read; its faults have places all the same
    assert "2 faults; 2 with a place on the map" in page.text


def test_a_sound_scenario_has_a_map(town, run) -> None:
    """Where nothing is wrong, the map shows the layers, and says so."""
    done = run("check", ".", "--map", "map.html")
    assert (done.returncode, done.stderr) == (0, "")
    page = Page((town / "map.html").read_text(encoding="utf-8"))
    assert "Nothing is wrong with these layers." in page.text
    assert (len(page.all("svg")), page.all("circle"), page.all("table")) == (1, [], [])


def test_urban_centres_are_listed(town, run) -> None:
    """With people and area, in a table and as JSON; here one place of 60,000 people, in one cell of 1 km2."""
    (town / "demand.csv").write_text(
        "id,lon,lat,weight,folk,district\na,113,28,1,60000,Old \u202etown\nb,113.2,28,2,40000,New town\n",
        encoding="utf-8",
    )
    done = run("check", ".", "--urban", "--people", "folk")
    assert (done.returncode, done.stderr) == (0, "")
    title, heads, row = done.stdout.splitlines()[-3:]
    assert title.strip() == "Urban centres, by streets"
    assert re.split(r"\s{2,}", heads.strip()) == [
        *("#", "In", "Longitude, latitude", "People", "km2", "People per km2")
    ]
    number, district, _, *figures = re.split(r"\s{2,}", row.strip())
    assert (number, district, figures) == ("1", "Old \\u202etown", ["60,000", "1", "60,000"])
    found = json.loads(run("check", ".", "--urban", "--people", "folk", "--json").stdout)
    (centre,) = found["urban_centres"]
    lon, lat = centre.pop("position")
    assert abs(lon - 113) < 0.01
    assert abs(lat - 28) < 0.01
    assert centre == {
        "layer": "streets",
        "centre": 1,
        "districts": ["Old \u202etown"],
        "people": 60_000.0,
        "area_km2": 1,
        "per_km2": 60_000.0,
    }


def test_no_urban_centre(town, run) -> None:
    """That there is none is said; and that nobody is counted is a fault of the question."""
    done = run("check", ".", "--urban", "--people", "weight")
    assert done.returncode == 0
    assert "no urban centre" in done.stdout
    assert (
        json.loads(run("check", ".", "--urban", "--people", "weight", "--json").stdout)["urban_centres"] == []
    )
    done = run("check", ".", "--urban")
    assert (done.returncode, "no column 'people' counts people" in done.stderr) == (2, True)
    done = run("check", ".", "--people", "weight")
    assert (done.returncode, "--urban" in done.stderr) == (2, True)


def test_what_is_there_as_json(town, run) -> None:
    """Alone on stdout, with the map's name on stderr; faults are in it with their places."""
    done = run("check", ".", "--json", "--map", "map.html")
    assert (done.returncode, "map.html" in done.stderr) == (0, True)
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["sites"] == {"candidate": 3}
    assert (found["standards"]["near"]["demand_points"], found["standards"]["near"]["weight"]) == (4, 100.0)
    assert [source["name"] for source in found["inputs"]] == ["scenario.toml", "demand.csv", "sites.csv"]
    assert "urban_centres" not in found
    (town / "demand.csv").write_text(DEMAND, encoding="utf-8")
    done = run("check", ".", "--json", "--urban")
    found = json.loads(done.stdout)
    assert done.returncode == 2
    (negative,) = (fault for fault in found["faults"] if fault["message"] == "-3 is negative")
    assert (negative["row"], negative["position"]) == (3, [113.0, 28.02])
    assert "urban_centres" not in found


DOUBTFUL = """
existing = [{ name = "own", file = "own.csv", source = "table" },
            { name = "other", file = "other.csv", source = "table" }]
exclude = [{ file = "park.geojson" }]
"""


@pytest.fixture
def doubtful(town):
    """A station that two files have, and a required site in an excluded area."""
    (town / "own.csv").write_text("id,lon,lat\n1,113.1,28\n", encoding="utf-8")
    (town / "other.csv").write_text("id,lon,lat\n7,113.2,28\n8,113.1001,28\n", encoding="utf-8")
    ring = [[113.05, 28.0], [113.06, 28.0], [113.06, 28.01], [113.05, 28.01], [113.05, 28.0]]
    park = {"type": "Polygon", "coordinates": [ring]}
    (town / "park.geojson").write_text(json.dumps(park), encoding="utf-8")
    sites = (town / "sites.csv").read_text(encoding="utf-8").replace("cost\n", "cost,status\n")
    sites = sites.replace(",1\n", ",1,candidate\n") + "in,113.055,28.005,parking,1,required\n"
    (town / "sites.csv").write_text(sites, encoding="utf-8")
    text = (town / "scenario.toml").read_text(encoding="utf-8")
    (town / "scenario.toml").write_text(DOUBTFUL + text, encoding="utf-8")
    return town


def test_doubtful_places_are_on_the_map(doubtful, run) -> None:
    """Where nothing is wrong, the rows that warnings are about are marked, and told in the table."""
    done = run("check", ".", "--map", "map.html")
    assert done.returncode == 0
    assert "the doubtful ones are in map.html" in done.stdout
    page = Page((doubtful / "map.html").read_text(encoding="utf-8"))
    assert "Nothing is wrong with these layers. 2 doubts; 2 with a place on the map." in page.text
    assert "What is doubtful" in page.text
    assert {circle["id"] for circle in page.all("circle") if "id" in circle} == {"place-1", "place-2"}
    assert run("check", ".", "--map", "places.geojson").returncode == 0
    features = json.loads((doubtful / "places.geojson").read_text(encoding="utf-8"))["features"]
    found = {row["properties"]["layer"]: row for row in features}
    assert {row["properties"]["is"] for row in features} == {"doubtful"}
    assert found["other"]["properties"]["message"] == "other-8 seems to be own-1, 9.8 m away"
    assert found["other"]["properties"]["row"] == 2
    assert found["other"]["geometry"]["coordinates"] == [113.1001, 28]
    assert found["parking"]["properties"]["message"] == "in lies in an excluded area, and stays"
    assert found["parking"]["properties"]["row"] == 4
    assert found["parking"]["geometry"]["coordinates"] == [113.055, 28.005]
    listed = json.loads(run("check", ".", "--json").stdout)["doubtful"]
    assert [row["message"] for row in listed] == [row["properties"]["message"] for row in features]


def test_faults_come_before_doubts(doubtful, run) -> None:
    """Where something is wrong, that is what the map shows."""
    (doubtful / "demand.csv").write_text(DEMAND, encoding="utf-8")
    assert run("check", ".", "--map", "places.geojson").returncode == 2
    features = json.loads((doubtful / "places.geojson").read_text(encoding="utf-8"))["features"]
    assert {row["properties"]["is"] for row in features} == {"wrong"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map.png", "--map writes .html or .geojson"),
        ("there.geojson", "is there already"),
        ("no/such.html", "cannot be written"),
    ],
)
def test_targets_that_are_refused(town, run, name, message) -> None:
    """A layer is never overwritten, and what cannot be written is said."""
    (town / "there.geojson").write_text("mine", encoding="utf-8")
    done = run("check", ".", "--map", name)
    assert done.returncode == 2
    assert message in done.stderr
    assert (town / "there.geojson").read_text(encoding="utf-8") == "mine"
