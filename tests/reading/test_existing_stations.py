"""`[[existing]]`: stations of any source become sites that stand, filtered, put together and counted."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, Point, Polygon, box

from chargeplan.errors import InputError
from chargeplan.prepare.datum import wgs84_to_gcj02
from chargeplan.problem import Problem

TABLE = (
    "code,lon,lat,name,operator,access,always_open,connectors,kw,ports,state\n"
    "1,113.000,28.000,Town Hall,StateGrid,public,yes,gbt_dc,120,4,open\n"
    "2,113.010,28.000,Depot,StateGrid,private,yes,gbt_dc,120,4,open\n"
    "3,113.020,28.000,Mall,Teld,public,no,gbt_ac,7,8,open\n"
    "4,113.030,28.000,Museum,Teld,,,,,,\n"
    "5,113.040,28.000,Old Mill,Teld,public,yes,gbt_dc,60,2,closed\n"
)


def ocm(number: int, lon: float, lat: float, name: str, **fields) -> dict:
    place = {"Title": name, "Longitude": lon, "Latitude": lat}
    return {"ID": number, "AddressInfo": place, "UsageTypeID": 1, "StatusTypeID": 50, **fields}


OCM = [
    ocm(7, 113.0003, 28.0, "Town Hall charging station", NumberOfPoints=6),
    ocm(8, 113.050, 28.0, "Harbour"),
    ocm(9, 113.060, 28.0, "Gone", StatusTypeID=200),
]


@pytest.fixture
def town(region):
    region.write("stations.csv", TABLE)
    region.write("ocm.json", json.dumps(OCM))
    return region


def table(**keys) -> dict:
    return {
        "name": "city",
        "file": "stations.csv",
        "source": "table",
        "columns": {"id": "code"},
        "standing": False,
        "unstated": "keep",
        **keys,
    }


def standing(problem) -> dict[str, float]:
    """Ids and rooms of the stations that stand, but for the one of the old way."""
    chosen = (problem.sites.status == "existing") & (problem.sites.ids != "q")
    return dict(zip(problem.sites.ids[chosen].tolist(), problem.sites.room[chosen].tolist(), strict=True))


def faults(call, *args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return [str(fault) for fault in error.value.faults]


def test_a_table_of_stations_stands_beside_the_sites(town) -> None:
    """They are sites of status existing, at no cost, with room for their ports; site layers stay."""
    before = town.read()
    problem = town.read(existing=[table()])
    assert problem.sites.ids.tolist()[:2] == before.sites.ids.tolist() == ["p", "q"]
    assert problem.sites.status.tolist()[:2] == ["candidate", "existing"]
    assert standing(problem) == {"city-1": 4, "city-2": 4, "city-3": 8, "city-4": np.inf, "city-5": 2}
    assert set(problem.sites.kind[2:]) == {"city"}
    assert problem.sites.cost[2:].tolist() == [0.0] * 5
    assert problem.sites.positions[2].tolist() == [113.0, 28.0]
    assert problem.notes == ("existing stations city (stations.csv): 5 stations; that count: 5 of 5",)
    assert problem.warnings == ()
    assert [source.name for source in problem.inputs] == ["demand.csv", "sites.csv", "stations.csv"]


def test_stations_may_have_room_for_more(town) -> None:
    """As many chargers as the table says, and no fewer than there are ports."""
    problem = town.read(existing=[table(room=6)])
    assert standing(problem) == {"city-1": 6, "city-2": 6, "city-3": 8, "city-4": 6, "city-5": 6}


@pytest.mark.parametrize(
    ("keys", "ids", "said"),
    [
        ({"access": ["public"]}, "1345", "access public: 1 no, 1 not stated (kept)"),
        (
            {"access": ["public"], "unstated": "drop"},
            "135",
            "access public: 1 no, 1 not stated (dropped)",
        ),
        ({"always_open": True}, "1245", "open day and night: 1 no, 1 not stated"),
        ({"connectors": ["gbt_dc"]}, "1245", "gbt_dc: 1 no, 1 not stated"),
        ({"least_kw": 100}, "124", "plug of at least 100 kW: 2 no"),
        ({"least_ports": 4, "unstated": "drop"}, "123", "at least 4 such ports: 1 no, 1 not"),
        ({"standing": True}, "1234", "standing: 1 no, 1 not stated (kept)"),
        (
            {"access": ["public"], "always_open": True, "least_kw": 100, "unstated": "drop"},
            "1",
            "that count: 1 of 5",
        ),
        ({"where": "name <> 'Mall'"}, "1245", "4 stations"),
    ],
)
def test_filters(town, keys, ids, said) -> None:
    """Each filter leaves out what it says; what a source does not say is dropped or kept, and counted."""
    problem = town.read(existing=[table(**keys)])
    assert list(standing(problem)) == [f"city-{number}" for number in ids]
    assert said in problem.notes[-1]


@pytest.mark.parametrize(
    ("merge", "ids"), [(None, ["ocm-7", "ocm-8"]), ("50 m", ["ocm-8"]), ("20 m", ["ocm-7", "ocm-8"])]
)
def test_stations_of_two_sources(town, merge, ids) -> None:
    """The same station in two sources is counted always, and merged on request, within the distance asked."""
    second = {"name": "ocm", "file": "ocm.json", "source": "openchargemap"}
    second |= {"merge": merge} if merge else {}
    problem = town.read(existing=[table(), second])
    found = standing(problem)
    assert list(found) == [*(f"city-{number}" for number in range(1, 6)), *ids]
    said = [*problem.warnings, *problem.notes]
    together, city, other = said
    assert len(problem.warnings) == (merge is None)  # a station twice is doubtful, one merged is counted
    expected = {
        None: "in another source as well: 2 of 7 stations, kept as they are",
        "50 m": "in another source as well: 2 of 7 stations, merged, 1 fewer",
        "20 m": "in another source as well: 0 of 7 stations, merged, 0 fewer",
    }
    assert together == f"existing stations ocm (ocm.json) and those above: {expected[merge]}"
    assert city.startswith("existing stations city (stations.csv): 5 stations")
    fewer = ", merged into those above: 1" if len(ids) == 1 else ""
    assert other.startswith(f"existing stations ocm (ocm.json): 2 stations{fewer}; left out, as removed: 1;")
    assert f"that count: {len(ids)} of {len(ids)}" in other


def test_a_source_may_have_any_name(town) -> None:
    """None of them is the one that stands for all sources above."""
    second = {"name": "above", "file": "ocm.json", "source": "openchargemap", "merge": "50 m"}
    found = standing(town.read(existing=[table(), second]))
    assert list(found) == [*(f"city-{number}" for number in range(1, 6)), "ocm-8"]


def test_openstreetmap_and_ocpi(town) -> None:
    """Features of OpenStreetMap that are no stations are left out; an OCPI file is read beside them."""
    features = gpd.GeoDataFrame(
        {
            "osm_id": [11, 12, 13],
            "amenity": ["charging_station", "parking", "charging_station"],
            "capacity": ["4", "90", "2"],
        },
        geometry=[Point(113.0, 28.1), Point(113.1, 28.1), box(113.2, 28.1, 113.2002, 28.1002)],
        crs=4326,
    ).to_crs(4547)
    features.to_file(town.folder / "osm.gpkg")
    place = {"latitude": "28.2", "longitude": "113.0"}
    evses = [{"uid": "1", "status": "AVAILABLE", "connectors": [{"standard": "GBT_DC"}]}]
    town.write("ocpi.json", json.dumps([{"id": "L1", "coordinates": place, "evses": evses}]))
    problem = town.read(
        existing=[
            {"name": "osm", "file": "osm.gpkg", "source": "openstreetmap"},
            {"name": "hub", "file": "ocpi.json", "source": "ocpi", "kind": "roaming"},
        ]
    )
    assert standing(problem) == {"osm-11": 4, "osm-13": 2, "ocpi-L1": 1}
    assert problem.sites.kind.tolist()[-1] == "roaming"
    assert problem.sites.positions[3] == pytest.approx([113.2001, 28.1001], abs=1e-4)
    assert any("left out, no charging stations: 1 feature" in said for said in problem.notes)


def test_openstreetmap_stations_for_bicycles(town) -> None:
    """They are left out with a note, and the others keep the numbers of their rows."""
    features = gpd.GeoDataFrame(
        {
            "osm_id": [11, 12, 13, 13],
            "amenity": ["bench", *["charging_station"] * 3],
            "motorcar": [None, "no", "yes", None],
        },
        geometry=[Point(113.0 + step, 28.1) for step in (0.1, 0.2, 0.3, 0.4)],
        crs=4326,
    )
    layer = {"name": "osm", "file": "osm.gpkg", "source": "openstreetmap"}
    features.to_file(town.folder / "osm.gpkg")
    first, second = faults(town.read, existing=[layer])
    assert "row 3" in first
    assert "row 4" in second
    features.iloc[:3].to_file(town.folder / "osm.gpkg")
    problem = town.read(existing=[layer])
    assert list(standing(problem)) == ["osm-13"]
    (note,) = problem.notes
    assert "1 station; charging stations left out, as no car may use them: 1; left out, no charg" in note


def test_the_us_afdc(town) -> None:
    """The US table is read as it is downloaded."""
    head = "Fuel Type Code,Station Name,EV Network,Latitude,Longitude,ID,EV Level2 EVSE Num\n"
    town.write("afdc.csv", head + "ELEC,Hall,X,28.0,113.0,17,2\nCNG,Gas,X,28.0,113.1,18,\n")
    problem = town.read(existing=[{"name": "us", "file": "afdc.csv", "source": "afdc"}])
    assert standing(problem) == {"afdc-17": 2}
    assert "1 station; left out, of other fuels: 1;" in problem.notes[0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "osm"}, "[[existing]] 1 (city), source: input should be 'table', 'openstreetmap'"),
        ({"publik": True}, "[[existing]] 1 (city), publik: unknown key"),
        ({"acces": ["public"]}, "unknown key; did you mean access?"),
        ({"least_kw": -1}, "[[existing]] 1 (city), least_kw: input should be greater than or equal to 0"),
        ({"merge": "near"}, "[[existing]] 1 (city), merge: 'near' is not a number with a unit"),
        ({"source": "ocpi"}, 'columns is for source = "table"; those of "ocpi" are known'),
        ({"source": "ocpi", "columns": {}, "where": "x"}, "where: only layers of"),
        ({"source": "afdc", "columns": {}, "datum": "gcj02"}, 'positions of "afdc" are WGS-84'),
        ({"name": "places"}, "[[sites]]: 2 are called 'places'"),
    ],
)
def test_keys_that_are_wrong(town, keys, message) -> None:
    """A key that cannot be meant is refused with its place."""
    assert message in "\n".join(faults(town.scenario, existing=[table(**keys)]))


def test_every_fault_of_every_source(town) -> None:
    """What is wrong with filters, columns, fields, ids and files is all said at once, with its place."""
    town.write(
        "stations.csv", TABLE.replace("113.020", "x").replace("\n2,", "\n1,").replace(",7,8,", ",7,-8,")
    )
    town.write("ocm.json", json.dumps([{**OCM[0], "AddressInfo": {"Title": "x"}}]))
    said = faults(
        town.read,
        existing=[
            table(connectors=["gbt"], access=["publik"]),
            {"name": "ocm", "file": "ocm.json", "source": "openchargemap"},
            {"name": "gone", "file": "gone.json", "source": "ocpi"},
            table(name="other", columns={"id": "cod", "colour": "x"}),
        ],
    )
    assert "stations.csv, layer city: access: there is no 'publik'; did you mean public?" in said
    assert any(fault.startswith("stations.csv, layer city: connectors: there is no 'gbt'") for fault in said)
    assert "stations.csv, layer city, row 3, column ports: -8 is negative" in said
    assert "stations.csv, layer city, row 1, column id: the id 'city-1' is given more than once" in said
    assert any(fault.startswith("stations.csv, layer city, row 3, column geometry") for fault in said)
    assert any(fault.startswith("ocm.json, layer ocm, row 1, column geometry") for fault in said)
    assert "gone.json, layer gone: there is no such file" in said
    assert (
        "stations.csv, layer other, column cod: id = 'cod': there is no such column; did you mean code?"
        in said
    )


def test_ids_that_two_tables_share(town) -> None:
    """A station that is a site of another layer as well is named, and so is one in two files of a source."""
    town.write("sites.csv", "id,lon,lat\ncity-3,113,28\n")
    (said,) = faults(town.read, existing=[table()])
    assert said == "stations.csv, layer city, row 3: the id 'city-3' is in another site layer as well"
    one = {"name": "ocm", "file": "ocm.json", "source": "openchargemap"}
    said = faults(town.read, existing=[one, {**one, "name": "again"}])
    assert said[0].startswith("ocm.json, layer again, row 1, column id: the id 'ocm-7' is in another table")


def test_rows_are_those_of_the_file(town) -> None:
    """A fault names the row of the file, whatever was filtered or left out before."""
    town.write("sites.csv", "id,lon,lat\ncity-3,113,28\nocm-8,113,28\n")
    second = {"name": "ocm", "file": "ocm.json", "source": "openchargemap"}
    town.write("ocm.json", json.dumps([OCM[2], *OCM[:2]]))
    said = faults(town.read, existing=[table(where="code <> 1"), second])
    assert [each.partition(":")[0] for each in said] == [
        "stations.csv, layer city, row 3",
        "ocm.json, layer ocm, row 3",
    ]


def test_the_same_id_in_two_files_of_a_source(town) -> None:
    """With merge it is the same station, whatever it is called; far away it is another one, and renamed."""
    later = [ocm(7, 113.0005, 28.0, "Rathaus", NumberOfPoints=9), ocm(8, 113.3, 28.0, "Harbour")]
    town.write("later.json", json.dumps(later))
    one = {"name": "ocm", "file": "ocm.json", "source": "openchargemap"}
    problem = town.read(existing=[one, {**one, "name": "later", "file": "later.json", "merge": "100 m"}])
    assert standing(problem) == {"ocm-7": 6, "ocm-8": np.inf, "ocm-8-2": np.inf}
    assert any("2 of 4 stations, merged, 1 fewer" in note for note in problem.notes)
    (doubt,) = problem.warnings
    assert "too far apart to be one: 1, such as ocm-8 is now ocm-8-2" in doubt
    (place,) = problem.doubtful
    assert (place.file, place.row, place.position) == ("later.json", 2, (113.3, 28.0))
    assert place.message.endswith("ocm-8 is now ocm-8-2")


def test_an_id_is_known_after_its_station_was_merged(town) -> None:
    """A third file has a station of the second that is one of the first by now: it is known by its id."""
    town.write("later.json", json.dumps([ocm(7, 113.0004, 28.0, "Rathaus")]))
    ocms = {"source": "openchargemap", "merge": "50 m"}
    problem = town.read(
        existing=[
            table(),
            {"name": "ocm", "file": "ocm.json", **ocms},
            {"name": "later", "file": "later.json", **ocms},
        ]
    )
    assert list(standing(problem)) == [*(f"city-{number}" for number in range(1, 6)), "ocm-8"]


@pytest.mark.parametrize(
    ("operators", "merge", "ids"),
    [
        (("EnBW", "Ionity"), "100 m", ["ocpi-enbw-1", "ocpi-ionity-1"]),
        (("EnBW", "Ionity"), None, ["ocpi-enbw-1", "ocpi-ionity-1"]),
        (("EnBW", "enbw "), "100 m", ["ocpi-enbw-1"]),
        (("Shell; Recharge", "Shell Recharge"), "100 m", ["ocpi-shell_recharge-1"]),
        ((None, None), "100 m", ["ocpi-1"]),
        ((None, "EnBW"), "100 m", ["ocpi-1", "ocpi-enbw-1"]),
    ],
)
def test_ocpi_ids_are_those_of_an_operator(town, operators, merge, ids) -> None:
    """OCPI 2.1.1 names no party: stations of one id, 40 m apart, are one if their operators are, else two."""
    for name, operator, lon in (("one", operators[0], "113.0"), ("two", operators[1], "113.0004")):
        place = {"id": 1, "coordinates": {"latitude": "28.2", "longitude": lon}}
        place |= {"operator": {"name": operator}} if operator else {}
        town.write(f"{name}.json", json.dumps([place]))
    second = {"name": "two", "file": "two.json", "source": "ocpi"} | ({"merge": merge} if merge else {})
    problem = town.read(existing=[{"name": "one", "file": "one.json", "source": "ocpi"}, second])
    assert list(standing(problem)) == ids


def test_one_ocpi_file_of_many_operators(town) -> None:
    """Of one operator an id that is given twice is a fault; of two it is two stations."""
    place = {"id": "L1", "coordinates": {"latitude": "28.2", "longitude": "113.0"}}
    both = [place | {"operator": {"name": name}} for name in ("EnBW", "Ionity")]
    layer = {"name": "hub", "file": "hub.json", "source": "ocpi"}
    town.write("hub.json", json.dumps(both))
    assert list(standing(town.read(existing=[layer]))) == ["ocpi-enbw-L1", "ocpi-ionity-L1"]
    town.write("hub.json", json.dumps([both[0], both[0]]))
    said = faults(town.read, existing=[layer])
    assert "the id 'ocpi-enbw-L1' is given more than once" in said[0]


def test_doubts_about_a_file_of_stations_are_no_counts(town) -> None:
    """What was repaired in a table of stations is a warning, as it is in any layer."""
    bowtie = Polygon([(113.0, 28.0), (113.01, 28.01), (113.01, 28.0), (113.0, 28.01)])
    gpd.GeoDataFrame({"code": [1]}, geometry=[bowtie], crs=4326).to_file(town.folder / "lots.gpkg")
    problem = town.read(existing=[table(file="lots.gpkg")])
    (doubt,) = problem.warnings
    assert doubt.startswith("lots.gpkg: polygons that cross or touch themselves: 1 of 1 polygon;")
    (place,) = problem.doubtful
    assert str(place).startswith("lots.gpkg, layer city, row 1, column geometry: crosses or touches itself")
    assert place.position == pytest.approx((113.005, 28.005), abs=1e-6)


def test_a_file_outside_the_folder_is_not_read(town) -> None:
    """As for every layer."""
    file = "../stations.csv"
    assert "outside the scenario's folder" in faults(town.read, existing=[table(file=file)])[0]


def test_stations_of_which_none_counts(town) -> None:
    """Beside other sites that is a count; alone there would be no site."""
    none = table(least_kw=900, unstated="drop")
    problem = town.read(existing=[none])
    assert "that count: 0 of 5" in problem.notes[0]
    assert standing(problem) == {}
    (said,) = faults(town.read, existing=[none], sites=[])
    assert said.startswith("there is no site: no station of [[existing]] counts")


def suspected(region, **tables) -> list[str]:
    """What is said of layers that look shifted; every standard is about whatever demand there is."""
    layers = [*tables.get("demand", []), *([tables["people"]] if "people" in tables else [])]
    if layers:
        tables["standards"] = [{"name": "urban", "demand": layers[0]["name"], "radius": "9 km"}]
    return [said for said in region.read(**tables).warnings if "looks shifted" in said]


def test_layers_that_look_shifted(region) -> None:
    """GCJ-02 read as WGS-84 is suspected, beside roads and beside another source; declared it is not.

    Demand and surveyed lines are looked at beside roads too, people gathered in a grid are not.
    """
    random = np.random.default_rng(4)
    places = np.column_stack([112.9 + random.integers(0, 20, 60) * 0.0051, random.uniform(28.0, 28.1, 60)])
    roads = [LineString([(112.9 + at * 0.0051, 28.0), (112.9 + at * 0.0051, 28.1)]) for at in range(20)]
    gpd.GeoDataFrame(geometry=roads, crs=4326).to_file(region.folder / "roads.gpkg")
    for name, found in (("a.csv", places), ("b.csv", wgs84_to_gcj02(places))):
        rows = (f"{lon:.7f},{lat:.7f}" for lon, lat in found)
        region.write(name, "\n".join(["lon,lat", *rows]))
    shifted = [LineString(wgs84_to_gcj02(shapely.get_coordinates(road))) for road in roads]
    gpd.GeoDataFrame(geometry=shifted, crs=4326).to_file(region.folder / "b.geojson")
    one = {"name": "one", "file": "a.csv", "source": "table"}
    other = {"name": "other", "file": "b.csv", "source": "table"}
    suspects = [said for said in region.read(existing=[one, other]).warnings if "looks shifted" in said]
    assert len(suspects) == 1
    assert suspects[0].startswith("b.csv: other looks shifted: read as gcj02")
    beside = region.read(existing=[other], network={"file": "roads.gpkg"}).warnings
    assert any(said.startswith("b.csv: other looks shifted: read as gcj02") for said in beside)
    network = {"file": "roads.gpkg"}
    for doubtful in (
        {"demand": [{"name": "homes", "file": "b.csv"}]},
        {"people": {"name": "homes", "file": "b.csv", "people": "lon"}, "demand": []},
        {"corridors": [{"name": "homes", "file": "b.geojson", "length_factor": 1.0}]},
    ):
        (said,) = suspected(region, network=network, **doubtful)
        assert said.partition(": ")[2].startswith("homes looks shifted: read as gcj02")
    for silent in ({"cell": "500 m"}, {"datum": "gcj02"}):
        people = {"name": "homes", "file": "b.csv", "people": "lon", **silent}
        assert not suspected(region, people=people, demand=[], network=network)
    declared = [one, {**other, "datum": "gcj02"}]
    for network in ({}, {"network": {"file": "roads.gpkg"}}):
        assert not any("looks shifted" in said for said in region.read(existing=declared, **network).warnings)


def test_layers_given_in_python(town) -> None:
    """Files of existing stations and of places stand beside layers that are given as tables."""
    demand = gpd.GeoDataFrame(geometry=[Point(113, 28)], crs=4326)
    stations = str(town.folder / "stations.csv")
    problem = Problem(
        demand=demand,
        sites=demand,
        standards=[{"radius": "1 km"}],
        objective={"minimise": "cost"},
        existing=[table(file=stations)],
        candidates=[{"name": "made", "file": stations, "method": "kmeans", "number": 2, "kind": "heap"}],
        kinds={"heap": {"cost": 3}, "sites": {"cost": 2}},
    )
    assert problem.sites.cost.tolist() == [2, 3, 3, 0, 0, 0, 0, 0]
    assert [source.name for source in problem.inputs] == [stations]


def test_an_extract_of_openstreetmap(town) -> None:
    """Its charging stations are read, and nothing else of it."""
    osmium = pytest.importorskip("osmium")
    file = town.folder / "town.osm.pbf"
    writer = osmium.SimpleWriter(str(file))
    tags = {"amenity": "charging_station", "name": "Hall", "capacity": "4"}
    closed = tags | {"access": "private"}
    for number, given in (
        (1, tags),
        (2, {"amenity": "parking"}),
        (3, closed),
        (4, tags | {"bicycle": "yes"}),
    ):
        node = osmium.osm.mutable.Node(id=number, location=(113.0, 28.0), tags=given, version=1)
        writer.add_node(node)
    writer.close()
    layer = {"name": "osm", "file": "town.osm.pbf", "source": "openstreetmap"}
    problem = town.read(existing=[layer])
    assert standing(problem) == {"osm-n1": 4}
    assert "as no car may use them: 1" in problem.notes[0]
    assert "left out, of access=no, private or the like: 1" in problem.notes[0]
    said = faults(town.read, existing=[{**layer, "file": "none.osm.pbf"}])
    assert said[0].startswith("none.osm.pbf, layer osm:")


def test_counts_are_shown_by_check_and_kept_in_the_plan(town, chargeplan) -> None:
    """What is left out, and why, stands on the screen and in plan.json."""
    scenario = """
schema = 1
name = "town"
demand = [{ name = "people", file = "demand.csv" }]
sites = [{ name = "places", file = "sites.csv" }]
standards = [{ name = "urban", demand = "people", radius = "9 km" }]
objective = { minimise = "cost" }
[[existing]]
name = "city"
file = "stations.csv"
source = "table"
access = ["public"]
"""
    town.write("scenario.toml", scenario)
    shown = " ".join(chargeplan("check", ".", cwd=town.folder).stdout.split())
    said = "access public: 1 no, 1 not stated (dropped)"
    assert said in shown
    assert "Sites 4: 3 existing, 1 candidate" in shown  # one stood before, two count
    solved = chargeplan("solve", ".", "-o", "plan", cwd=town.folder)
    assert solved.returncode == 0
    assert said in " ".join(solved.stdout.split())
    record = json.loads((town.folder / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert said in record["notes"][0]
    assert record["warnings"] == []
