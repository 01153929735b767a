"""Candidate sites: from clusters, along corridors, on grids; kinds, and areas without."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from scipy.spatial import cKDTree

from chargeplan.errors import InputError
from chargeplan.prepare.candidates_along import sites_along
from chargeplan.prepare.candidates_clusters import clusters_by_density, clusters_by_number
from chargeplan.prepare.candidates_grid import sites_on_grid
from chargeplan.prepare.candidates_table import Kind, joined, site_table, with_kinds, without

GEOD = Geod(ellps="WGS84")
PLANE = "+proj=laea +lat_0=28 +lon_0=113 +ellps=WGS84 +units=m"


def points(metres, **columns):
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(*np.transpose(metres)), crs=PLANE)


def metres(sites):
    found = sites.to_crs(PLANE).geometry
    return np.column_stack([found.x, found.y])


@pytest.fixture
def blobs():
    random = np.random.default_rng(3)
    middles = np.array([[0.0, 0.0], [5_000.0, 0.0], [0.0, 7_000.0]])
    sizes = (40, 20, 10)
    spots = np.vstack(
        [middle + random.normal(0, 150, (n, 2)) for middle, n in zip(middles, sizes, strict=True)]
    )
    return points(spots, n=np.ones(70))


@pytest.mark.parametrize(
    "find", [lambda p: clusters_by_number(p, 3), lambda p: clusters_by_density(p, 8, reach=800)]
)
def test_clusters_are_found(blobs, find):
    """Three heaps of places become three sites, each at a place of its heap, the heaviest first."""
    sites = find(blobs)
    assert sites["places"].sum() + (0 if "remarks" not in sites.attrs else 70 - sites["places"].sum()) == 70
    assert sites["places"].is_monotonic_decreasing
    where = metres(sites)
    expected = [[0, 0], [5_000, 0], [0, 7_000]]
    assert np.hypot(*(where - expected).T).max() < 200
    away = cKDTree(metres(blobs)).query(where)[0]
    assert away.max() < 0.02
    assert sites["id"].tolist() == ["cluster-1", "cluster-2", "cluster-3"]
    assert sites["reach_m"].between(100, 800).all()


def test_weight_draws_a_site():
    """A place of much weight has the site; places of no weight make no cluster."""
    spots = points([[0, 0], [300, 0], [600, 0], [9_000, 0], [9_300, 0]], visits=[1, 1, 50, 4, 0])
    sites = clusters_by_number(spots, 2, weight="visits")
    assert metres(sites)[:, 0].tolist() == pytest.approx([600, 9_000], abs=0.02)
    assert sites["weight"].tolist() == [52, 4]
    with pytest.raises(InputError, match="must be from 1 to 4"):
        clusters_by_number(spots, 5, weight="visits")


def test_the_same_seed_gives_the_same_sites(blobs):
    """Clusters are reproducible."""
    one, other = (clusters_by_number(blobs, 9, seed=4) for _ in range(2))
    assert one.equals(other)


def test_places_in_no_cluster_are_counted(blobs):
    """They are left out, or sites of their own."""
    lonely = points([[20_000, 20_000], [-20_000, 3_000]], n=[1.0, 1.0])
    both = gpd.GeoDataFrame(
        np.concatenate([blobs["n"], lonely["n"]]),
        columns=["n"],
        geometry=[*blobs.geometry, *lonely.geometry],
        crs=PLANE,
    )
    out = clusters_by_density(both, 8, reach=800)
    kept = clusters_by_density(both, 8, reach=800, alone=True)
    assert "left out" in out.attrs["remarks"][0]
    assert kept["places"].sum() == 72
    assert len(kept) == len(out) + 72 - out["places"].sum()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda p: clusters_by_number(p, 0), "must be from 1"),
        (lambda p: clusters_by_density(p, 1), "must be from 2"),
        (lambda p: clusters_by_density(p, 5, reach=-1), "reach = -1"),
        (lambda p: clusters_by_number(p, 2, weight="m"), "there is no such column"),
        (lambda p: clusters_by_number(p.assign(n=-1.0), 2, weight="n"), "row 1, column n: -1 is not"),
        (lambda p: clusters_by_number(p.assign(n=0.0), 2, weight="n"), "all weights are 0"),
        (lambda p: clusters_by_number(p.iloc[:0], 1), "no places"),
        (
            lambda p: clusters_by_number(p.set_geometry([None] * len(p), crs=4326), 2),
            "row 1: has no position",
        ),
    ],
)
def test_clusters_that_cannot_be(blobs, call, says):
    """What is asked is checked."""
    with pytest.raises(InputError, match=says):
        call(blobs)


def line(*positions):
    return shapely.LineString(positions)


def test_sites_stand_along_roads():
    """Pieces of a road are one line; both ends have a site; steps are equal and at most the spacing."""
    pieces = [
        line((113.0, 28.0), (113.1, 28.0)),
        line((113.3, 28.05), (113.1, 28.0)),
        line((113, 28), (113, 28.3)),
    ]
    roads = gpd.GeoDataFrame({"ref": ["G1", "G1", None]}, geometry=pieces, crs=4326)
    sites = sites_along(roads, 5_000.0, road="ref")
    length = sum(GEOD.geometry_length(piece) for piece in pieces[:2])
    own = sites[sites["road"] == "G1"]
    steps = np.diff(np.sort(own["along_m"]))
    assert own["along_m"].max() == pytest.approx(length, abs=0.1)
    assert steps.max() <= 5_000.0
    assert np.ptp(steps) < 0.3
    assert len(sites) == np.ceil(length / 5000) + 1 + np.ceil(GEOD.geometry_length(pieces[2]) / 5000)
    on_road = shapely.union_all(pieces)
    assert shapely.distance(on_road, sites.geometry).max() < 2e-7
    assert len(sites.geometry.drop_duplicates()) == len(sites)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(100, 102), st.floats(58, 60)), min_size=2, max_size=4, unique=True),
    st.floats(2_000, 50_000),
)
def test_no_stretch_is_longer_than_the_spacing(vertices, spacing):
    """Whatever the line: from its beginning to its end, each step to the next site is at most the spacing."""
    road = line(*np.round(vertices, 5))
    sites = sites_along(gpd.GeoDataFrame(geometry=[road], crs=4326), spacing)
    assert np.diff(np.sort(sites["along_m"])).max() <= spacing + 0.1 + 1e-6  # they are rounded to 0.1
    ends = shapely.points([road.coords[0], road.coords[-1]])
    assert shapely.distance(ends, shapely.union_all(sites.geometry.array)).max() < 1e-7


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"spacing": 0}, "more than 0"),
        ({"spacing": 10, "road": "nr"}, "no such column"),
        ({"spacing": 0.001}, "make the spacing larger"),
    ],
)
def test_corridors_that_cannot_be(options, says):
    """What is asked is checked, and so are the lines."""
    roads = gpd.GeoDataFrame(geometry=[line((113, 28), (113.1, 28))], crs=4326)
    with pytest.raises(InputError, match=says):
        sites_along(roads, **options)
    with pytest.raises(InputError, match="is a polygon"):
        sites_along(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326), 100.0)


@pytest.mark.parametrize(("pattern", "share"), [("hexagonal", 1 / np.sqrt(3)), ("square", np.sqrt(0.5))])
def test_a_grid_leaves_no_gap(pattern, share):
    """Away from the border no place is farther from a site than the pattern says."""
    area = gpd.GeoDataFrame(geometry=[shapely.box(-9_000, -7_000, 9_000, 7_000)], crs=PLANE)
    sites = sites_on_grid(area, 1_000.0, pattern=pattern)
    where = metres(sites)
    tree = cKDTree(where)
    inner = np.random.default_rng(1).uniform([-8_000, -6_000], [8_000, 6_000], (20_000, 2))
    assert tree.query(inner)[0].max() <= 1_000 * share * 1.001
    assert tree.query(where, k=2)[0][:, 1].min() == pytest.approx(1_000, abs=1)
    density = 1e6 if pattern == "square" else 1e6 * np.sqrt(0.75)
    assert len(sites) == pytest.approx(18_000 * 14_000 / density, rel=0.1)


def test_a_grid_across_the_antimeridian_is_even():
    """Areas on both sides of the 180th meridian, split there, are filled like one."""
    split = shapely.MultiPolygon([shapely.box(179.9, -17, 180, -16.8), shapely.box(-180, -17, -179.9, -16.8)])
    sites = sites_on_grid(gpd.GeoDataFrame(geometry=[split], crs=4326), 1_000.0, pattern="square")
    position = shapely.get_coordinates(sites.geometry.array)
    area = abs(GEOD.geometry_area_perimeter(shapely.box(0, -17, 0.2, -16.8))[0])
    assert len(sites) == pytest.approx(area / 1e6, rel=0.05)
    assert set(np.sign(position[:, 0])) == {-1.0, 1.0}
    one, other = position[:-1], position[1:]
    steps = GEOD.inv(*one.T, *other.T)[2]
    assert np.median(steps) == pytest.approx(1_000, abs=2)


def test_clusters_across_the_antimeridian_are_one():
    """A heap of places on both sides of the 180th meridian is one cluster."""
    random = np.random.default_rng(5)
    lon = 180 + random.normal(0, 0.002, 40)
    lon = np.where(lon > 180, lon - 360, lon)
    where = gpd.points_from_xy(
        np.append(lon, 179.0 + random.normal(0, 0.002, 20)), random.normal(-17, 0.002, 60)
    )
    sites = clusters_by_density(gpd.GeoDataFrame(geometry=where, crs=4326), 8, reach=800)
    assert sorted(sites["places"]) == [20, 40]


def test_every_area_has_a_site():
    """Areas too small for the grid have one inside; shared places are not doubled; holes stay empty."""
    ring = shapely.box(0, 0, 5_000, 5_000).difference(shapely.box(1_000, 1_000, 4_000, 4_000))
    tiny = shapely.box(9_010, 9_010, 9_020, 9_020)
    areas = gpd.GeoDataFrame(
        {"id": ["ring", "tiny", "over"]}, geometry=[ring, tiny, shapely.box(0, 0, 900, 900)], crs=PLANE
    )
    sites = sites_on_grid(areas, 400.0)
    assert sites["id"].is_unique
    assert len(sites.geometry.drop_duplicates()) == len(sites)
    assert (sites["area"] == "tiny").sum() == 1
    assert "over" not in set(sites["area"])
    assert sites.to_crs(PLANE).within(shapely.union_all([ring, tiny]).buffer(0.02)).all()
    assert sites.attrs["remarks"] == ("areas too small for the grid, with one site each: 1",)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"spacing": -1}, "more than 0"),
        ({"spacing": 0.1}, "make the spacing larger"),
        ({"spacing": 10, "pattern": "round"}, "pattern must be"),
    ],
)
def test_grids_that_cannot_be(options, says):
    """What is asked is checked."""
    with pytest.raises(InputError, match=says):
        sites_on_grid(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 5_000, 5_000)], crs=PLANE), **options)


def test_sites_have_the_cost_of_their_kind():
    """Costs and room by kind; kinds that there are not are named."""
    sites = site_table(
        np.array([[113.0, 28.0], [113.1, 28.0]]), "p", np.array(["mall", "fuel"], dtype=object)
    )
    priced = with_kinds(sites, {"mall": Kind(40.0, 12), "fuel": Kind(60.0)})
    assert priced["cost"].tolist() == [40.0, 60.0]
    assert priced["room"].tolist() == [12.0, np.inf]
    with pytest.raises(InputError, match="there is no kind 'fuel'"):
        with_kinds(sites, {"mall": Kind()})
    for wrong in ({"cost": -1}, {"cost": np.nan}, {"room": 0}):
        with pytest.raises(InputError):
            Kind(**wrong)


def test_no_site_stands_in_excluded_areas():
    """What lies inside or on the border is left out, and counted."""
    sites = site_table(np.array([[113.0, 28.0], [113.1, 28.0], [113.2, 28.0]]), "p", "mall")
    exclude = gpd.GeoDataFrame(geometry=[shapely.box(113.05, 27.9, 113.1, 28.1)], crs=4326).to_crs(3857)
    left = without(sites, gpd.GeoDataFrame(geometry=[shapely.box(113.05, 27.9, 113.1, 28.1)], crs=4326))
    assert left["id"].tolist() == ["p-1", "p-3"]
    assert left.attrs["remarks"][-1].endswith(": 1 of 3 candidate sites")
    assert "p-1" in without(sites, exclude)["id"].tolist()
    with pytest.raises(InputError, match="is a point"):
        without(sites, sites)


def test_tables_are_joined_with_their_remarks():
    """Ids are checked over all tables."""
    one, other = (site_table(np.array([[113.0, 28.0]]), name, "mall") for name in "ab")
    one.attrs["remarks"] = ("first",)
    together = joined([one, other])
    assert together["id"].tolist() == ["a-1", "b-1"]
    assert together.attrs["remarks"] == ("first",)
    with pytest.raises(InputError, match="'a-1' is in several"):
        joined([one, one])
    with pytest.raises(InputError, match="no table"):
        joined([])
    assert len(site_table(np.empty((0, 2)), "none", "mall")) == 0


def test_sites_are_layers_that_solve_takes(tmp_path):
    """A table written as it is is a site layer of a scenario."""
    from chargeplan.problem import Problem
    from chargeplan.scenario import Scenario

    area = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 3_000, 3_000)], crs=PLANE)
    with_kinds(sites_on_grid(area, 700.0), {"grid": Kind(3.0, 8)}).to_file(tmp_path / "sites.geojson")
    (tmp_path / "demand.csv").write_text("lon,lat\n113.01,28.01\n")
    tables = {
        "schema": 1,
        "name": "grid",
        "demand": [{"name": "people", "file": "demand.csv"}],
        "sites": [{"name": "grid", "file": "sites.geojson"}],
        "standards": [{"name": "near", "demand": "people", "radius": "1 km"}],
        "objective": {"minimise": "cost"},
    }
    problem = Problem.read(Scenario.parse(tables, tmp_path))
    assert set(problem.sites.cost) == {3.0}
    assert set(problem.sites.room) == {8.0}
