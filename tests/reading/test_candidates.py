"""`[[candidates]]` and `[kinds]`: sites made of places, lines and polygons, with cost and room by kind."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod
from shapely import LineString, box

from chargeplan.errors import InputError

GEOD = Geod(ellps="WGS84")


@pytest.fixture
def town(region):
    """Three heaps of shops, a road and two districts."""
    random = np.random.default_rng(6)
    middles = np.repeat([[113.0, 28.0], [113.05, 28.0], [113.0, 28.05]], [30, 20, 10], axis=0)
    spots = middles + random.normal(0, 0.001, middles.shape)
    rows = [f"s{at},{x:.6f},{y:.6f},{1 + at % 3},mall" for at, (x, y) in enumerate(spots)]
    lonely = ["s60,113.2,28.2,9,kiosk"]
    region.write("shops.csv", "\n".join(["code,lon,lat,visits,what", *rows, *lonely]))
    line = LineString([(113.0, 28.0), (113.1, 28.0), (113.1, 28.05)])
    gpd.GeoDataFrame({"ref": ["G4"]}, geometry=[line], crs=4326).to_file(region.folder / "roads.geojson")
    districts = [box(113.0, 28.0, 113.03, 28.03), box(113.06, 28.0, 113.0601, 28.0001)]
    gpd.GeoDataFrame({"id": ["big", "small"]}, geometry=districts, crs=4326).to_file(
        region.folder / "areas.fgb"
    )
    return region


def rule(method: str, file: str = "shops.csv", **keys) -> dict:
    return {"name": "made", "file": file, "method": method, **keys}


def made(problem):
    """The sites beside those of the old way."""
    return problem.sites.take(~np.isin(problem.sites.ids, ["p", "q"]))


def faults(call, *args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return [str(fault) for fault in error.value.faults]


@pytest.mark.parametrize(
    ("keys", "remark"),
    [
        ({"method": "kmeans", "number": 3, "where": "what = 'mall'"}, "clusters by k-means"),
        (
            {"method": "hdbscan", "least": 8, "reach": "800 m"},
            "in no cluster, left out: 1 of 61 places",
        ),
    ],
)
def test_clusters(town, keys, remark) -> None:
    """A candidate at a shop of each heap, of the word's kind, at the cost and with the room asked."""
    problem = town.read(candidates=[rule(**keys, kind="centre", cost=40, room=12, weight="visits")])
    sites = made(problem)
    assert sites.ids.tolist() == ["made-1", "made-2", "made-3"]
    heaps = np.array([[113.0, 28.0], [113.05, 28.0], [113.0, 28.05]])
    assert np.abs(sites.positions - heaps).max() < 0.001
    assert set(sites.status) == {"candidate"}
    assert (set(sites.kind), set(sites.cost), set(sites.room)) == ({"centre"}, {40}, {12})
    assert problem.notes[-1].startswith("candidates made (shops.csv): 3 sites of 6")
    assert remark in problem.notes[-1]


def test_places_in_no_cluster_on_request(town) -> None:
    """They are sites of their own."""
    problem = town.read(candidates=[rule("hdbscan", least=8, reach="800 m", alone=True)])
    assert len(made(problem)) == 4
    assert "in no cluster, sites of their own: 1" in problem.notes[-1]


def test_along_roads(town) -> None:
    """Sites along a road are at most so far apart, its ends among them."""
    problem = town.read(candidates=[rule("along", "roads.geojson", spacing="2 km", road="ref")])
    sites = made(problem)
    assert set(sites.kind) == {"made"}
    steps = GEOD.inv(*sites.positions[:-1].T, *sites.positions[1:].T)[2]
    assert steps.max() <= 2000.0
    assert sites.positions[[0, -1]].tolist() == [[113.0, 28.0], [113.1, 28.05]]
    assert f"{len(sites)} sites of 1 feature (along lines)" in problem.notes[-1]


@pytest.mark.parametrize("pattern", ["hexagonal", "square"])
def test_on_a_grid(town, pattern) -> None:
    """Sites inside polygons, so far from each other; a polygon too small for the grid has one."""
    problem = town.read(candidates=[rule("grid", "areas.fgb", spacing="1 km", pattern=pattern)])
    sites = made(problem)
    inside = [box(113, 28, 113.03, 28.03).covers(point) for point in gpd.points_from_xy(*sites.positions.T)]
    assert inside == [True] * (len(sites) - 1) + [False]
    assert 7 <= len(sites) <= 15
    assert "areas too small for the grid, with one site each: 1" in problem.notes[-1]


def test_a_site_at_each_place(town) -> None:
    """With the layer's ids and kinds, and cost and room by kind."""
    kinds = {"mall": {"cost": 60, "room": 20}, "kiosk": {"cost": 5}}
    problem = town.read(candidates=[rule("places", id="code", kind="what")], kinds=kinds)
    sites = made(problem)
    assert sites.ids.tolist() == [f"s{at}" for at in range(61)]
    assert sites.cost.tolist() == [60] * 60 + [5]
    assert sites.room.tolist() == [20] * 60 + [np.inf]


def test_what_is_said_goes_before_the_kind(town) -> None:
    """A table's key or a layer's column is stronger than the kind; layers of sites have kinds as well."""
    town.write("sites.csv", "id,lon,lat,kind,cost\np,113,28,mall,7\nq,113.01,28,fuel,8\n")
    town.write("plain.csv", "lon,lat,status\n113,28.1,candidate\n113,28.2,existing\n")
    problem = town.read(
        sites=[
            {"name": "places", "file": "sites.csv"},
            {"name": "plain", "file": "plain.csv", "kind": "fuel", "room": 3},
        ],
        candidates=[rule("kmeans", number=1, kind="mall", room=4)],
        kinds={"mall": {"cost": 60, "room": 20}, "fuel": {"cost": 30, "room": 6}},
    )
    assert problem.sites.ids.tolist() == ["p", "q", "plain-1", "plain-2", "made-1"]
    assert problem.sites.cost.tolist() == [7, 8, 30, 30, 60]
    assert problem.sites.room.tolist() == [20, 6, 3, 3, 4]


def test_kinds_that_there_are_not(town) -> None:
    """A new site whose cost nobody states is a fault; one with a cost is none; an idle kind is said."""
    kinds = {"mal": {"cost": 60}}
    said = faults(town.read, candidates=[rule("kmeans", number=2, kind="mall")], kinds=kinds)
    assert said == [
        "shops.csv, layer made, column kind: [kinds]: there is no kind 'mall' of sites; there are mal"
    ]
    problem = town.read(candidates=[rule("kmeans", number=2, kind="mall", cost=3)], kinds=kinds)
    assert made(problem).cost.tolist() == [3, 3]
    assert "[kinds.mal]: no site is of this kind" in problem.warnings


def test_none_inside_excluded_polygons(town) -> None:
    """Made sites are left out and counted; sites of layers stay, forbidden, as they always did."""
    gpd.GeoDataFrame(
        geometry=[box(113.04, 27.9, 113.06, 28.02), box(112.9995, 27.9995, 113.0015, 28.0015)], crs=4326
    ).to_file(town.folder / "parks.gpkg")
    exclude = [{"file": "parks.gpkg"}]
    problem = town.read(candidates=[rule("kmeans", number=3, where="what = 'mall'")], exclude=exclude)
    assert made(problem).ids.tolist() == ["made-3"]
    assert problem.sites.status.tolist() == ["forbidden", "existing", "candidate"]
    assert problem.notes[-1].endswith("(clusters by k-means); left out, in excluded areas: 2")
    said = faults(
        town.read,
        candidates=[rule("kmeans", number=1, where="lon > 113.04 and lon < 113.1")],
        exclude=exclude,
    )
    left = "1 site of 20 features (clusters by k-means); left out, in excluded areas: 1"
    assert said == [f"shops.csv, layer made: no candidate site is left: {left}"]


def test_candidates_alone(town) -> None:
    """No other site is needed; several tables stand beside each other."""
    tables = [rule("kmeans", number=2), {**rule("along", "roads.geojson", spacing="9 km"), "name": "road"}]
    problem = town.read(sites=[], candidates=tables)
    assert problem.sites.ids.tolist() == ["made-1", "made-2", "road-1", "road-2", "road-3"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rule("cluster"), "[[candidates]] 1 (made), method: input should be 'places', 'kmeans'"),
        (rule("kmeans"), '[[candidates]] 1 (made): method = "kmeans" needs number'),
        (rule("grid"), 'method = "grid" needs spacing'),
        (rule("along", spacing="10"), "spacing: '10' is not a number with a unit"),
        (
            rule("along", spacing="1 km", number=3, least=4),
            'number is for method = "kmeans"; least is for method = "hdbscan"',
        ),
        (rule("kmeans", number=3, spacin="1 km"), "unknown key; did you mean spacing?"),
        (rule("hdbscan", least=1), "least: input should be greater than or equal to 2"),
        (rule("kmeans", number=3, id="code"), 'id is for method = "places"'),
        ({"name": "made", "method": "places"}, "file: is missing"),
        ({**rule("places"), "name": "places"}, "[[sites]]: 2 are called 'places'"),
    ],
)
def test_keys_that_are_wrong(town, table, message) -> None:
    """What cannot be meant is refused, with its place."""
    assert message in "\n".join(faults(town.scenario, candidates=[table]))


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"mall": {"cost": -1}}, "[kinds.mall], cost: input should be greater than or equal to 0"),
        ({"mall": {"price": 3}}, "[kinds.mall], price: unknown key"),
        ({"mall": 3}, "[kinds.mall]: is not written as a table"),
        ([{"name": "mall"}], "[kinds]: is not written as a table"),
        ({"mall": {"room": 0}}, "[kinds.mall], room: input should be greater than 0"),
    ],
)
def test_kinds_that_are_wrong(town, kinds, message) -> None:
    """The table of a kind is named."""
    assert message in "\n".join(faults(town.scenario, kinds=kinds))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rule("kmeans", number=90), "shops.csv, layer made: number = 90 must be from 1 to 61"),
        (rule("hdbscan", least=99), "shops.csv, layer made: least = 99 must be from 2 to 61"),
        (rule("kmeans", number=2, weight="what"), "row 1, column what: 'mall' is not a number"),
        (
            rule("kmeans", number=2, weight="visit"),
            "column visit: weight = 'visit': there is no such column; did you",
        ),
        (
            rule("along", spacing="1 km"),
            "shops.csv, layer made, row 1, column geometry: is a point; read are LineS",
        ),
        (rule("grid", "roads.geojson", spacing="1 km"), "column geometry: is a linestring; read are Polygon"),
        (
            rule("along", "roads.geojson", spacing="1 km", road="reff"),
            "column reff: road = 'reff': there is no such",
        ),
        (rule("grid", "areas.fgb", spacing="0.1 m"), "areas.fgb, layer made: there would be"),
        (rule("places", where="visits > 99"), "where = 'visits > 99' keeps no row"),
        (rule("places", id="visits"), "column visits: the id '1' is given more than once"),
        (rule("places", cost="price"), "column price: cost = 'price': there is no such column"),
        (rule("places", "none.csv"), "none.csv, layer made: there is no such file"),
    ],
)
def test_layers_that_are_wrong(town, table, message) -> None:
    """File, layer, row and column of what is wrong are named, once."""
    said = "\n".join(faults(town.read, candidates=[table]))
    assert message in said
    assert said.count(table["file"] + ", layer") == said.count("\n") + 1
