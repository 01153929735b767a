"""From a scenario to a problem: what is read, and what is said of what is wrong."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point, box

from chargeplan.errors import InputError
from chargeplan.prepare.datum import wgs84_to_bd09, wgs84_to_gcj02
from chargeplan.problem import Problem, positions


def faults(call, *args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return [str(fault) for fault in error.value.faults]


def test_reads_demand_and_sites(region) -> None:
    """Columns of the keys' names are used; positions, weights, costs and statuses arrive as written."""
    problem = region.read()
    (standard,) = problem.standards
    assert standard.points.ids.tolist() == ["a", "b", "c"]
    assert standard.points.positions.tolist() == [[113.0, 28.0], [113.01, 28.0], [113.02, 28.01]]
    assert standard.points.weight.tolist() == [10, 20, 30]
    assert standard.points.district is None
    assert (standard.radius, standard.strict, standard.metric) == (1000.0, False, "geodesic")
    assert problem.sites.ids.tolist() == ["p", "q"]
    assert problem.sites.status.tolist() == ["candidate", "existing"]
    assert problem.sites.cost.tolist() == [5, 7]
    assert problem.sites.kind.tolist() == ["places", "places"]
    assert np.isinf(problem.sites.room).all()


def test_constants_where_there_are_no_columns(region) -> None:
    """Without columns: weight 1, cost 1, candidates, ids by row; what the scenario states holds for all."""
    region.write("demand.csv", "lon,lat\n113,28\n113.01,28\n")
    region.write("sites.csv", "lon,lat\n113,28\n")
    problem = region.read()
    assert problem.standards[0].points.ids.tolist() == ["people-1", "people-2"]
    assert problem.standards[0].points.weight.tolist() == [1, 1]
    assert problem.sites.ids.tolist() == ["places-1"]
    assert (problem.sites.cost[0], problem.sites.status[0]) == (1, "candidate")
    problem = region.read(
        demand=[{"name": "people", "file": "demand.csv", "weight": 3}],
        sites=[
            {
                "name": "places",
                "file": "sites.csv",
                "cost": 2.5,
                "room": 8,
                "kind": "metro",
                "status": "required",
            }
        ],
    )
    assert problem.standards[0].points.weight.tolist() == [3, 3]
    sites = problem.sites
    assert (sites.cost[0], sites.room[0], sites.kind[0], sites.status[0]) == (2.5, 8, "metro", "required")


def test_named_columns(region) -> None:
    """Keys name columns of any other name."""
    region.write("demand.csv", "code,lon,lat,pop,area\n007,113,28,5,Yuhu\n008,113.01,28,6,Yuetang\n")
    region.write(
        "sites.csv",
        "n,lon,lat,state,what,price,lots\n1,113,28,forbidden,park,9,\n2,113,28.1,existing,mall,8,4\n",
    )
    problem = region.read(
        demand=[{"name": "people", "file": "demand.csv", "id": "code", "weight": "pop", "district": "area"}],
        sites=[
            {
                "name": "places",
                "file": "sites.csv",
                "id": "n",
                "status": "state",
                "kind": "what",
                "cost": "price",
                "room": "lots",
            }
        ],
    )
    points = problem.standards[0].points
    assert points.ids.tolist() == ["007", "008"]
    assert points.weight.tolist() == [5, 6]
    assert points.district.tolist() == ["Yuhu", "Yuetang"]
    assert problem.sites.ids.tolist() == ["1", "2"]
    assert problem.sites.status.tolist() == ["forbidden", "existing"]
    assert problem.sites.kind.tolist() == ["park", "mall"]
    assert problem.sites.room.tolist() == [np.inf, 4]


def test_ids_that_are_numbers(region) -> None:
    """Whole numbers are ids without a decimal point, even where blanks made them floats."""
    region.write("sites.csv", "id,lon,lat\n12,113,28\n13,113,28.1\n")
    assert region.read().sites.ids.tolist() == ["12", "13"]
    region.write("sites.csv", "id,lon,lat\n12,113,28\n,113,28.1\n12,113,28.1\n")
    assert faults(region.read) == [
        "sites.csv, layer places, row 2, column id: the id is missing",
        "sites.csv, layer places, row 1, column id: the id '12' is given more than once",
        "sites.csv, layer places, row 3, column id: the id '12' is given more than once",
    ]


def test_selections(region) -> None:
    """`where` of a layer selects its rows, that of a standard its points; row numbers stay the file's."""
    region.write("demand.csv", "lon,lat,class,weight\n113,28,urban,1\n113,28.1,urban,2\n113,28.2,rural,-3\n")
    standards = [
        {"name": "all", "demand": "people", "radius": "1 km"},
        {"name": "few", "demand": "people", "radius": "2 km", "where": "weight > 1"},
    ]
    demand = [{"name": "people", "file": "demand.csv", "where": "class = 'urban'"}]
    problem = region.read(demand=demand, standards=standards)
    assert [standard.points.ids.tolist() for standard in problem.standards] == [
        ["people-1", "people-2"],
        ["people-2"],
    ]
    (said,) = faults(region.read, standards=standards)
    assert said == "demand.csv, layer people, row 3, column weight: -3 is negative"


def test_selections_that_fail(region) -> None:
    """A selection that is no SQL, or that nothing passes, is a fault with its place."""
    said = faults(
        region.read,
        demand=[{"name": "people", "file": "demand.csv", "where": "weight > 1000"}],
        sites=[{"name": "places", "file": "sites.csv", "where": "colour = 'red'"}],
    )
    assert said[0] == "demand.csv, layer people: where = 'weight > 1000' keeps no row"
    assert "sites.csv, layer places: where = \"colour = 'red'\": no such column: colour" in said[1]
    standard = {"name": "urban", "demand": "people", "radius": "1 km"}
    (said,) = faults(region.read, standards=[{**standard, "where": "weight > 1000"}])
    assert said == "scenario: [[standards]] (urban), where = 'weight > 1000' keeps no row"
    (said,) = faults(region.read, standards=[{**standard, "where": "weight >"}])
    assert "syntax error; columns: id, lon, lat, weight, class" in said


def test_every_fault_of_every_file_in_one_message(region) -> None:
    """Faults of the scenario and of all layers are told together, with file, layer, row and column."""
    region.write(
        "demand.csv",
        "id,lon,lat,weight\na,113,28,1\na,113.1,28,-2\nb,,28,3\nc,113,28,x\nd,113,95,1\n,113,28,\n",
    )
    region.write("sites.csv", "id,lat,lon,status,cost\np,113,28,candidate,1\nq,113.1,28,open,2\n")
    gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_file(region.folder / "more.shp")
    (region.folder / "more.prj").unlink()
    region.write("roads.geojson", '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
                 '"geometry":{"type":"Point","coordinates":[113,28]}}]}')  # fmt: skip
    file = region.write(
        "scenario.toml",
        """
schema = 1
name = "bad"
colour = "red"
[[demand]]
name = "people"
file = "demand.csv"
[[demand]]
name = "jobs"
file = "absent.csv"
[[sites]]
name = "places"
file = "sites.csv"
room = "lots"
[[sites]]
name = "more"
file = "more.shp"
[[corridors]]
name = "roads"
file = "roads.geojson"
[[exclude]]
file = "../secret.geojson"
[[standards]]
name = "urban"
demand = "people"
radius = "1"
[objective]
minimise = "cost"
""",
    )
    said = faults(Problem.read, file)
    expected = [
        f"{file}: colour: unknown key",
        f"{file}: [[standards]] 1 (urban), radius: '1' is not a number with a unit",
        "absent.csv, layer jobs: there is no such file",
        "more.shp, layer more: has no CRS",
        "../secret.geojson, layer exclude: lies outside the scenario's folder",
        "demand.csv, layer people, row 3, column geometry: the position is missing or not a number",
        "demand.csv, layer people, row 5, column geometry: longitude 113, latitude 95 is out of range",
        "demand.csv, layer people, row 1, column id: the id 'a' is given more than once",
        "demand.csv, layer people, row 2, column id: the id 'a' is given more than once",
        "demand.csv, layer people, row 6, column id: the id is missing",
        "demand.csv, layer people, row 2, column weight: -2 is negative",
        "demand.csv, layer people, row 4, column weight: 'x' is not a number",
        "demand.csv, layer people, row 6, column weight: the weight is missing",
        "sites.csv, layer places, row 1, column geometry: longitude and latitude look swapped in 2 of 2 rows",
        "sites.csv, layer places, row 2, column status: 'open' is none of candidate, existing, required",
        "sites.csv, layer places, column lots: room = 'lots': there is no such column",
        "roads.geojson, layer roads, row 1, column geometry: is a point; read are LineString",
    ]
    missing = [place for place in expected if not any(line.startswith(place) for line in said)]
    assert missing == []
    assert len(said) == len(expected)


def test_many_faults_of_one_kind_are_counted(region) -> None:
    """Twenty rows are named one by one, the others are counted."""
    rows = "".join(f"{113 + i / 100},28,-1\n" for i in range(50))
    region.write("demand.csv", f"lon,lat,weight\n{rows}")
    said = faults(region.read)
    assert len(said) == 21
    assert said[-1].startswith("demand.csv, layer people, row 50, column weight: and 30 more rows like these")


def test_ids_are_unique_over_all_site_layers(region) -> None:
    """An id that two site layers share is a fault of the later one; demand layers may share ids."""
    region.write("more.csv", "id,lon,lat\nr,113,28\nq,113,28.001\n")
    sites = [{"name": "places", "file": "sites.csv"}, {"name": "more", "file": "more.csv"}]
    (said,) = faults(region.read, sites=sites)
    assert said == "more.csv, layer more, row 2: the id 'q' is in another site layer as well"
    demand = [{"name": "people", "file": "demand.csv"}, {"name": "again", "file": "demand.csv"}]
    assert len(region.read(demand=demand).standards[0].points) == 3


def test_swapped_axes_that_are_in_range(region) -> None:
    """Axes that are swapped in one layer show by its extent where ranges say nothing."""
    region.write("demand.csv", "lon,lat\n9.5,47.1\n9.6,47.2\n")
    region.write("sites.csv", "lon,lat\n47.1,9.5\n")
    said = faults(region.read)
    assert any(line.startswith("sites.csv, layer places") and "swapped" in line for line in said)


def test_far_layers_are_not_swapped(region) -> None:
    """Layers that lie apart either way are left alone: nothing is wrong with their axes."""
    region.write("sites.csv", "lon,lat\n9.5,47.1\n")
    assert len(region.read().sites) == 1


def test_empty_layer(region) -> None:
    """A layer without rows is a fault."""
    region.write("sites.csv", "id,lon,lat\n")
    assert faults(region.read) == ["sites.csv, layer places: is empty"]


def test_positions_are_rounded_once(region) -> None:
    """Positions have 7 decimals before anything is computed."""
    region.write("demand.csv", "lon,lat\n113.123456789,28.987654321\n")
    (position,) = region.read().standards[0].points.positions
    assert position.tolist() == [113.1234568, 28.9876543]


@pytest.mark.parametrize(("datum", "shift"), [("gcj02", wgs84_to_gcj02), ("bd09", wgs84_to_bd09)])
def test_datum(region, datum, shift) -> None:
    """A layer in a shifted datum arrives where it really is, points and lines alike."""
    lon, lat = shift([[113.05, 28.05]])[0].tolist()
    region.write("demand.csv", f"lon,lat\n{lon!r},{lat!r}\n")
    line = [shift([place])[0].tolist() for place in ([113.0, 28.0], [113.1, 28.1])]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": line}}
    region.write("roads.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}))
    problem = region.read(
        demand=[{"name": "people", "file": "demand.csv", "datum": datum}],
        corridors=[{"name": "roads", "file": "roads.geojson", "datum": datum}],
    )
    assert problem.standards[0].points.positions.tolist() == [[113.05, 28.05]]
    ends = np.array(problem.lines["roads"].geometry[0].coords)
    np.testing.assert_allclose(ends, [[113.0, 28.0], [113.1, 28.1]], rtol=0, atol=1e-12)


def test_projected_layers(region) -> None:
    """A layer in another CRS is transformed; `crs` says so for a CSV, and overrides what a file states."""
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[Point(113.0, 28.0)], crs=4326).to_crs(32649)
    frame.to_file(region.folder / "demand.gpkg")
    x, y = frame.geometry[0].x, frame.geometry[0].y
    region.write("demand.csv", f"id,x,y\na,{x},{y}\n")
    for layer in ({"file": "demand.gpkg"}, {"file": "demand.csv", "crs": "EPSG:32649"}):
        problem = region.read(demand=[{"name": "people", **layer}])
        assert problem.standards[0].points.positions.tolist() == [[113.0, 28.0]]
    (said,) = faults(region.read, demand=[{"name": "people", "file": "demand.csv", "crs": "EPSG:1"}])
    assert "its CRS cannot be used" in said


def test_polygons_become_a_point_inside(region) -> None:
    """An area stands for one point inside it, even where its centre lies outside."""
    horseshoe = box(113, 28, 113.3, 28.3) - box(113.1, 28.1, 113.2, 28.3)
    gpd.GeoDataFrame({"id": ["u"]}, geometry=[horseshoe], crs=4326).to_file(region.folder / "demand.gpkg")
    problem = region.read(demand=[{"name": "people", "file": "demand.gpkg"}])
    assert horseshoe.contains(Point(problem.standards[0].points.positions[0]))


def test_excluded_areas(region) -> None:
    """Candidates inside an excluded area or on its border are forbidden; what stands there stays."""
    region.write("sites.csv", "id,lon,lat,status\na,113.5,28.5,candidate\nb,113,28,candidate\n"
                 "c,114,28.5,candidate\nd,113.5,28.6,existing\n")  # fmt: skip
    areas = gpd.GeoDataFrame(geometry=[box(113.4, 28.4, 114, 29)], crs=4326)
    areas.to_file(region.folder / "green.geojson")
    problem = region.read(exclude=[{"file": "green.geojson"}])
    assert problem.sites.status.tolist() == ["forbidden", "candidate", "forbidden", "existing"]
    assert problem.warnings == ("existing or required sites in excluded areas, which stay: 1",)


def test_borders(region) -> None:
    """The polygons of areas are there for the map, in WGS-84."""
    districts = gpd.GeoDataFrame({"district": ["x"]}, geometry=[box(113, 28, 113.5, 28.5)], crs=4326)
    districts.to_crs(32649).to_file(region.folder / "districts.gpkg")
    problem = region.read(areas=[{"name": "districts", "file": "districts.gpkg"}])
    assert problem.borders.crs == "EPSG:4326"
    assert problem.borders["district"].tolist() == ["x"]
    assert region.read().borders is None


def test_provenance(region) -> None:
    """Every file that was read is listed with its SHA-256, the scenario's own first."""
    scenario = region.scenario()
    text = 'schema = 1\nname = "region"\nobjective = {minimise = "cost"}\n'
    for table in ("demand", "sites", "standards"):
        for item in scenario.tables()[table]:
            text += f"[[{table}]]\n" + "".join(f'{key} = "{value}"\n' for key, value in item.items())
    file = region.write("scenario.toml", text)
    problem = Problem.read(region.folder)
    assert [item.name for item in problem.inputs] == ["scenario.toml", "demand.csv", "sites.csv"]
    for item in problem.inputs:
        assert item.sha256 == hashlib.sha256((region.folder / item.name).read_bytes()).hexdigest()
    assert problem.scenario.file == file


def test_what_is_not_planned_is_said(region) -> None:
    """Areas, spacing and 'everywhere' are stated, never silently ignored."""
    line = gpd.GeoDataFrame(geometry=[LineString([(113, 28), (113.1, 28)])], crs=4326)
    line.to_file(region.folder / "roads.geojson")
    gpd.GeoDataFrame(geometry=[box(113, 28, 114, 29)], crs=4326).to_file(region.folder / "core.geojson")
    problem = region.read(
        corridors=[{"name": "roads", "file": "roads.geojson"}],
        areas=[{"name": "core", "file": "core.geojson"}],
        standards=[
            {"name": "urban", "demand": "people", "radius": "1 km", "guarantee": "everywhere"},
            {"name": "nevi", "corridor": "roads", "radius": "50 mi", "rule": "spacing"},
            {"name": "core", "area": "core", "radius": "1 km"},
        ],
    )
    assert problem.not_planned == (
        "standard core: area core: not planned yet; the whole standard is left out",
    )
    assert [standard.name for standard in problem.standards] == ["urban", "nevi"]
    assert "everywhere" in problem.standards[0].not_planned[0]
    assert "spacing" in problem.standards[1].not_planned[0]


def test_arrays_are_read_only(region) -> None:
    """Nothing in a problem can be changed."""
    problem = region.read()
    for table in (problem.sites, problem.standards[0].points):
        for column in vars(table).values():
            if column is not None:
                with pytest.raises(ValueError, match="read-only"):
                    column[0] = column[0]
    with pytest.raises(AttributeError):
        problem.name = "other"


def test_travels_to_other_processes(region) -> None:
    """A problem can be pickled, and is the same on the other side."""
    problem = region.read()
    again = pickle.loads(pickle.dumps(problem))
    assert again.scenario == problem.scenario
    assert again.sites.ids.tolist() == problem.sites.ids.tolist()
    assert again.replace(name="other").name == "other"


def test_replace(region) -> None:
    """Another objective or standard is asked about the same layers; the first problem stays as it was."""
    problem = region.read()
    other = problem.replace(
        name="other",
        objective={"maximise": "weight", "stations": 1},
        standards=[
            {"name": "aim", "demand": "people", "radius": 500, "required": False, "where": "weight > 15"}
        ],
    )
    assert other.name == "other"
    assert other.scenario.objective.stations == 1
    assert other.standards[0].points.ids.tolist() == ["b", "c"]
    assert other.standards[0].radius == 500.0
    assert other.sites is problem.sites
    assert other.inputs == problem.inputs
    assert problem.standards[0].name == "urban"
    assert "layers are not replaced" in faults(problem.replace, sites=[])[0]
    assert (
        "nothing is maximised" in faults(problem.replace, objective={"maximise": "weight", "stations": 1})[0]
    )


def test_positions_adapter() -> None:
    """Any points or polygons with a CRS become (N, 2) degrees; lines and frames without a CRS do not."""
    frame = gpd.GeoDataFrame(geometry=[Point(113, 28), box(0, 0, 2, 2), None], crs=4326)
    found = positions(frame)
    assert found[:2].tolist() == [[113.0, 28.0], [1.0, 1.0]]
    assert np.isnan(found[2]).all()
    assert not found.flags.writeable
    with pytest.raises(InputError, match="no CRS"):
        positions(gpd.GeoDataFrame(geometry=[Point(0, 0)]))
    with pytest.raises(InputError, match="lines have no position"):
        positions(gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=4326))


def test_layers_without_positions_in_range(region) -> None:
    """A projected layer that claims to be in degrees is told by its ranges."""
    region.write("demand.csv", "x,y\n693000,3098000\n")
    (said,) = faults(region.read)
    assert "longitude 693000, latitude 3.098e+06 is out of range" in said


def test_broken_shapes(region) -> None:
    """A shape that is none is a fault with its row, not a crash."""
    rings = [[[113, 28], [113.1, 28], [113.1, 28.1], [113, 28]], [[113, 28], [113.1, 28], [113.1, 28.1]]]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for ring in rings
    ]
    region.write("core.geojson", json.dumps({"type": "FeatureCollection", "features": features}))
    (said,) = faults(region.read, areas=[{"name": "core", "file": "core.geojson"}])
    assert said.startswith("core.geojson, layer core, row 2, column geometry: has no geometry")


def test_areas_that_cross_themselves(region) -> None:
    """An area whose border crosses itself has no inside that all agree on: a fault with its place."""
    bow_tie = [[113, 28], [114, 29], [114, 28], [113, 29], [113, 28]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [bow_tie]}}
    region.write("green.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (said,) = faults(region.read, exclude=[{"file": "green.geojson"}])
    assert said.startswith(
        "green.geojson, layer exclude, row 1, column geometry: is no valid area: Self-inter"
    )


def test_remarks_become_warnings(region) -> None:
    """What GDAL remarks while reading is passed on, not lost."""
    feature = {
        "type": "Feature",
        "id": 1,
        "properties": {},
        "geometry": box(113, 28, 114, 29).__geo_interface__,
    }
    region.write("core.geojson", json.dumps({"type": "FeatureCollection", "features": [feature, feature]}))
    problem = region.read(areas=[{"name": "core", "file": "core.geojson"}])
    assert len(problem.borders) == 2
    assert any(line.startswith("core.geojson: ") and "id = 1" in line for line in problem.warnings)


def test_folder_may_be_elsewhere(region, monkeypatch, tmp_path_factory) -> None:
    """Files are found relative to the scenario, wherever the command runs."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert len(region.read().sites) == 2
    assert Path.cwd() != region.folder


def test_ids_as_written(region) -> None:
    """Ids of a table are those that stand there, also where they look like numbers."""
    region.write("demand.csv", "id,lon,lat,weight\n1.10,113,28,1.50\n1.1,113.01,28,2\n1E5,113.001,28,1\n")
    points = region.read().standards[0].points
    assert points.ids.tolist() == ["1.10", "1.1", "1E5"]
    assert points.weight.tolist() == [1.5, 2.0, 1.0]


@pytest.mark.parametrize("weight", ["weight", 1e308])
def test_numbers_that_do_not_add_up(region, weight) -> None:
    """Numbers whose sum is infinite are refused, in a column and for all alike."""
    region.write("demand.csv", "id,lon,lat,weight\na,113,28,1e308\nb,113.01,28,1e308\n")
    demand = [{"name": "people", "file": "demand.csv", "weight": weight}]
    with pytest.raises(InputError, match=r"column weight: the numbers are too large to add up"):
        region.read(demand=demand)
