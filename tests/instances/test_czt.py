"""The Changsha-Zhuzhou-Xiangtan layers."""

import json
import math
import re
import subprocess
import sys
import tomllib
from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod
from scipy.spatial import cKDTree

from chargeplan.instances import catalog
from chargeplan.instances.czt.figures import urban_centres
from chargeplan.instances.czt.people import PLANE
from chargeplan.problem import Problem

FOLDER = catalog.resolve("czt").parent
LAYERS = ("demand.csv", "sites.csv", "corridors.geojson", "districts.geojson")
GEOD = Geod(ellps="WGS84")
LENGTH_FACTOR = 1.15


@pytest.fixture(scope="module")
def demand():
    return pd.read_csv(FOLDER / "demand.csv")


@pytest.fixture(scope="module")
def urban(demand):
    return demand[demand["class"] == "urban centre"]


@pytest.fixture(scope="module")
def sites():
    return pd.read_csv(FOLDER / "sites.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def borders():
    return gpd.read_file(FOLDER / "districts.geojson")


@pytest.fixture(scope="module")
def pieces():
    return json.loads((FOLDER / "corridors.geojson").read_text(encoding="utf-8"))["features"]


def counts_within(points, places, radius):
    """Places strictly nearer than a radius, by pyproj's geodesics alone."""
    start = points[["lon", "lat"]].to_numpy()
    end = places[["lon", "lat"]].to_numpy()
    stretch = [math.cos(math.radians(26.0)), 1.0]  # the widest degree of longitude: no near pair is missed
    rough = cKDTree(start * stretch).query_ball_tree(cKDTree(end * stretch), 1.02 * radius / 110_500.0)
    i = np.repeat(np.arange(len(start)), [len(near) for near in rough])
    j = np.concatenate([np.array(near, dtype=int) for near in rough])
    metres = GEOD.inv(start[i, 0], start[i, 1], end[j, 0], end[j, 1])[2]
    return np.bincount(i[metres < radius], minlength=len(start))


def test_ids_are_unique(demand, sites):
    """No demand cell and no site shares its id."""
    assert demand["id"].is_unique
    assert sites["id"].is_unique


def test_district_totals_are_kept_exactly(demand, borders):
    """The cells of each of the 23 districts add up to its published people."""
    cells = demand.groupby("adcode")["people_2020"].sum()
    published = borders.assign(adcode=borders["adcode"].astype(int)).set_index("adcode")["people_2020"]
    assert len(published) == 23
    assert cells.to_dict() == published.to_dict()
    assert demand.loc[demand["city"] == "Changsha", "people_2020"].sum() == 10_047_914


def test_people_of_2025_are_the_plans_and_in_proportion(demand):
    """17.5 million in all; every district grows by the same factor, to the nearest person or so."""
    assert demand["people_2025"].sum() == 17_500_000
    totals = demand.groupby("adcode")[["people_2020", "people_2025"]].sum()
    factor = 17_500_000 / totals["people_2020"].sum()
    assert (totals["people_2025"] - factor * totals["people_2020"]).abs().max() < 1.0


def test_every_cell_lies_in_its_district(demand, borders):
    """A cell's middle is in its district, but for parts of coarse cells and for simplified borders."""
    points = gpd.GeoDataFrame(
        demand[["adcode"]], geometry=gpd.points_from_xy(demand["lon"], demand["lat"]), crs="EPSG:4326"
    )
    found = points.sjoin(borders[["adcode", "geometry"]].astype({"adcode": int}), predicate="within")
    assert (found["adcode_left"] == found["adcode_right"]).mean() > 0.99
    assert len(found) > 0.99 * len(points)


def test_urban_centres_are_urban(urban):
    """There are 10,000 to 16,000 urban-centre cells of 250 m, of 1,500 people per km2 and more on average."""
    assert urban["id"].str.startswith("0.25km").all()
    assert 10_000 <= len(urban) <= 16_000
    for _, rows in urban.groupby("district"):
        assert rows["people_2020"].sum() / (len(rows) / 16) > 1_500


def test_urban_areas_are_near_the_published_built_up_areas(urban):
    """The city districts' urban-centre area is within 30 % of the published built-up area."""
    km2 = urban.groupby("district").size() / 16
    zhuzhou = [
        "Tianyuan District",
        "Hetang District",
        "Lusong District",
        "Shifeng District",
        "Lukou District",
    ]
    assert km2[zhuzhou].sum() == pytest.approx(142.19, rel=0.3)
    assert km2[["Yuhu District", "Yuetang District"]].sum() == pytest.approx(79.2, rel=0.3)
    assert len(urban[urban["city"] == "Changsha"]) / 16 == pytest.approx(567.32, rel=0.3)


def test_the_central_list_is_the_policys(demand):
    """The thirteen districts of the central list, and no other, are central."""
    central = set(demand.loc[demand["central"] == 1, "district"])
    changsha = {"Furong", "Tianxin", "Yuelu", "Kaifu", "Yuhua", "Wangcheng"}
    zhuzhou, xiangtan = {"Tianyuan", "Hetang", "Lusong", "Shifeng"}, {"Yuhu", "Yuetang"}
    assert central == {f"{name} District" for name in changsha | zhuzhou | xiangtan} | {"Changsha County"}


def test_there_are_enough_sites_of_every_kind(sites):
    """At least 3,000 sites; metro stations and towns are real, the others are marked synthetic."""
    assert len(sites) >= 3_000
    assert sites["kind"].value_counts()[["metro", "town"]].to_dict() == {"metro": 129, "town": 66}
    assert ((sites["synthetic"] == 0) == sites["kind"].isin(["metro", "town"])).all()
    assert (sites["cost"] > 0).all()
    assert (sites["room"] > 0).all()


def test_every_urban_cell_has_a_site_within_a_kilometre(urban, sites):
    """Strictly nearer than 1,000 m: at least one site everywhere, five and more on average."""
    count = counts_within(urban, sites[sites["kind"] != "swap"], 1_000.0)
    assert count.min() >= 1
    assert count.mean() >= 5
    assert count[(urban["central"] == 1).to_numpy()].mean() >= 6


def test_xiangtan_and_zhuzhou_can_serve_themselves(urban, sites):
    """The two cities' own sites reach every urban-centre cell that their scenarios name."""
    own = sites["city"] == "Xiangtan"
    core = urban[urban["district"].isin(["Yuhu District", "Yuetang District"])]
    assert counts_within(core, sites[own & (sites["kind"] != "swap")], 1_000.0).min() >= 1
    assert (
        counts_within(urban[urban["city"] == "Zhuzhou"], sites[sites["city"] == "Zhuzhou"], 2_500.0).min()
        >= 1
    )


def test_metro_stations_are_in_wgs84(sites):
    """Wuyi Square lies some 540 m west and 380 m north of where Chinese maps have it."""
    station = sites[sites["name_zh"] == "五一广场"].iloc[0]
    east, north = station["lon"] - 112.97639, station["lat"] - 28.194572
    assert east == pytest.approx(-0.0055, abs=0.0005)
    assert north == pytest.approx(0.0034, abs=0.0005)


def ends(piece):
    line = piece["geometry"]["coordinates"]
    return tuple(line[0]), tuple(line[-1])


def metres(piece):
    line = piece["geometry"]["coordinates"]
    return LENGTH_FACTOR * sum(GEOD.inv(*a, *b)[2] for a, b in pairwise(line))


def roads(pieces):
    graph = nx.Graph()
    for piece in pieces:
        graph.add_edge(*ends(piece), metres=metres(piece))
    return graph


def test_corridors_hang_together(pieces):
    """All roads form one connected graph, and the pieces of a road follow each other."""
    assert nx.is_connected(roads(pieces))
    for ref in {piece["properties"]["ref"] for piece in pieces}:
        own = [ends(piece) for piece in pieces if piece["properties"]["ref"] == ref]
        assert all(before[1] == after[0] for before, after in pairwise(own))


def test_corridor_pieces_know_the_region(pieces, borders):
    """The middle of a piece lies in the city it names, or outside the region if it names none."""
    cities = borders[["city", "geometry"]].dissolve("city").geometry.to_crs("EPSG:32649")
    for piece in pieces:
        city, region = piece["properties"]["city"], piece["properties"]["region"]
        line = gpd.GeoSeries([shapely.LineString(piece["geometry"]["coordinates"])], crs="EPSG:4326")
        middle = line.to_crs("EPSG:32649").iloc[0].interpolate(0.5, normalized=True)
        near = set(cities.index[cities.distance(middle) < 300.0])  # borders are simplified
        deep = set(cities.index[cities.buffer(-300.0).contains(middle)])
        assert region == ("inside" if city else "outside")
        assert {city} <= near if city else not deep


def test_service_areas_are_nodes_of_the_corridors(sites, pieces):
    """Service-area and way-point sites lie exactly, to 7 decimals, on ends of pieces."""
    nodes = {end for piece in pieces for end in ends(piece)}
    areas = sites[sites["kind"] == "service area"]
    assert {(row.lon, row.lat) for row in areas.itertuples()} <= nodes
    towns = sites[sites["kind"] == "town"]
    assert len({(row.lon, row.lat) for row in towns.itertuples()} & nodes) >= 15
    assert all(round(x, 7) == x for node in nodes for x in node)


@pytest.mark.parametrize("city", ["Changsha", "Zhuzhou", "Xiangtan"])
def test_every_corridor_point_can_be_served(city, sites, pieces):
    """Service areas and way-point towns alone are within 25 km by road, half the standard."""
    graph = roads(pieces)
    on_road = sites[sites["kind"].isin(["service area", "town"])]
    stations = {(row.lon, row.lat) for row in on_road.itertuples()} & set(graph)
    reach = nx.multi_source_dijkstra_path_length(graph, stations, weight="metres")
    inside = [piece for piece in pieces if piece["properties"]["city"] == city]
    farthest = max((reach[a] + reach[b] + metres(p)) / 2 for p in inside for a, b in [ends(p)])
    assert farthest < 25_000.0


def test_layers_are_small_and_geojson_is_right(borders, pieces):
    """About 3 MB at most; borders under 400 kB, valid, exterior rings counter-clockwise."""
    sizes = {name: (FOLDER / name).stat().st_size for name in LAYERS}
    assert sum(sizes.values()) < 3_100_000
    assert sizes["districts.geojson"] < 400_000
    assert borders.is_valid.all()
    parts = borders.geometry.explode(index_parts=False)
    assert all(part.exterior.is_ccw for part in parts)
    assert not shapely.coverage_invalid_edges(borders.geometry.to_numpy()).astype(bool).any()
    assert all(piece["properties"]["schematic"] for piece in pieces)


def test_the_readme_says_what_the_layers_hold(demand, urban, sites):
    """The figures that the README quotes are those of the layers."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    count = counts_within(urban, sites[sites["kind"] != "swap"], 1_000.0)
    averages = count[(urban["central"] == 1).to_numpy()].mean(), count.mean()
    quoted = [f"{len(demand):,} cells", f"{len(sites):,} candidate sites"]
    quoted += [f"{averages[0]:.1f} on average", f"{averages[1]:.1f} in all urban centres"]
    quoted += [f"{people:,}" for people in urban.groupby("city")["people_2020"].sum()]
    quoted += [f"{cells / 16:.1f}" for cells in urban.groupby("city").size()]
    assert [figure for figure in quoted if figure not in text] == []


def test_the_readme_lists_the_urban_centres(urban):
    """Each with its people and area: at least 50,000 people at 1,500 per km2, and all of them together."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([\d,]+) \| [\d,]+ \| ([\d.]+) \|$", text, re.MULTILINE)
    listed = [(int(people.replace(",", "")), float(km2)) for _, people, km2 in rows]
    assert [int(row[0]) for row in rows] == list(range(1, 16))
    found = urban_centres(urban)
    assert listed == list(zip(found["people_2020"], found["km2"], strict=True))
    assert all(people >= 50_000 for people, _ in listed)
    assert sum(people for people, _ in listed) == urban["people_2020"].sum()
    assert sum(km2 for _, km2 in listed) == len(urban) / 16


def test_check_lists_the_same_urban_centres(urban):
    """`check --urban` makes them of the demand points again, in the plane of the cells.

    The largest has 3 km2 in which nobody lives, and so no demand point: the README's area leaves them out.
    """
    listed = urban_centres(urban)
    found = Problem.read(catalog.resolve("czt")).urban_centres("people_2020", PLANE)
    assert found["people"].tolist() == listed["people_2020"].tolist()
    assert (found["area_km2"] - listed["km2"]).tolist() == [3.0, *[0.0] * 14]
    assert [", ".join(names) for names in found["districts"]] == listed["districts"].tolist()


@pytest.mark.parametrize(
    "name", ["czt-2025", "czt-2025-phased", "czt-2021", "xiangtan-2024", "zhuzhou-14fyp"]
)
def test_scenarios_are_read_without_fault(name):
    """Every scenario is read, has points in each of its standards, and no warnings; all of it is planned."""
    problem = Problem.read(catalog.resolve(name))
    assert all(len(standard.points.ids) > 1_000 or standard.corridor for standard in problem.standards)
    assert all(standard.strict for standard in problem.standards)
    assert not problem.not_planned
    assert not problem.warnings


def test_numbers_of_chargers_are_stated():
    """The plans' numbers of chargers stand in their scenario files."""
    mixes = {
        name: tomllib.loads((FOLDER / f"{name}.toml").read_text())["mix"]
        for name in ("xiangtan-2024", "czt-2021")
    }
    assert {"type": "fast", "at_least": 450, "new": True} in mixes["xiangtan-2024"]
    assert {"total": 200_000, "tolerance": 0.05} in mixes["czt-2021"]


@pytest.mark.slow
@pytest.mark.tree
def test_the_layers_are_what_their_program_builds(tmp_path):
    """Building again from the committed sources gives the same bytes."""
    program = [sys.executable, "-m", "chargeplan.instances.czt.build", "--out", str(tmp_path)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    assert "sites nearer than 1 km" in done.stdout
    for name in LAYERS:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
