"""How the Changsha-Zhuzhou-Xiangtan layers are modelled, on cases a reader can work out."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from chargeplan.instances.czt import people
from chargeplan.instances.czt.candidates import Spots, spacing, throw_darts
from chargeplan.instances.czt.corridors import GEOD, LONGEST_PIECE, corridor_pieces, service_areas
from chargeplan.instances.czt.people import CENTRE, CLUSTER, RURAL


def test_whole_people_go_to_the_largest_remainders():
    """10 people over weights 1, 1, 1: quotas of 3.33, the first of equals gets the one that is left."""
    assert people.whole_people(10, np.ones(3)).tolist() == [4, 3, 3]
    assert people.whole_people(7, np.array([0.5, 0.3, 0.2])).tolist() == [4, 2, 1]


@given(st.integers(0, 10**7), st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200))
def test_whole_people_are_exact_and_near_their_quota(total, weights):
    """Whatever the weights, nobody is lost, and no cell is a whole person off."""
    weight = np.array(weights)
    whole = people.whole_people(total, weight)
    assert whole.sum() == total
    assert np.abs(whole - total * weight / weight.sum()).max() <= 1.0 + 1e-6


def test_urban_centres_need_density_and_people():
    """A ring of 20,000 per km2 is a centre, its gap too; 40,000 people are not; diagonals do not join."""
    cells = np.zeros((9, 9))
    cells[1:4, 1:4] = 20_000.0
    cells[2, 2] = 0.0  # a gap, filled
    cells[4, 4] = 40_000.0  # touches the ring by a corner only: a cluster of its own, too small for a centre
    classes = people.degree_of_urbanisation(cells)
    assert (classes[1:4, 1:4] == CENTRE).all()
    assert classes[4, 4] == CLUSTER
    assert (classes == CENTRE).sum() == 9
    assert (classes == RURAL).sum() == 81 - 10


def test_edges_of_urban_centres_are_smoothed():
    """A notch in a straight edge has five neighbours in the centre and joins it; a step has fewer."""
    cells = np.zeros((8, 8))
    cells[1:5, 1:7] = 10_000.0
    cells[1, 3] = 0.0
    classes = people.degree_of_urbanisation(cells)
    assert classes[1, 3] == CENTRE
    assert (classes == CENTRE).sum() == 24


def test_urban_clusters_join_by_corners():
    """Two cells of 3,000 people that touch by a corner are one cluster of 6,000."""
    cells = np.zeros((5, 5))
    cells[1, 1] = cells[2, 2] = 3_000.0
    assert (people.degree_of_urbanisation(cells) == CLUSTER).sum() == 2
    cells[2, 2] = 0.0
    assert (people.degree_of_urbanisation(cells) == RURAL).all()


def test_people_are_spread_within_their_district():
    """Two districts side by side keep their totals; a city is denser than the country around it."""
    square = shapely.box(113.0, 28.0, 113.1, 28.1)
    districts = gpd.GeoDataFrame(
        {"people": [100_000, 7_000], "city_share": [0.8, 0.2]},
        geometry=[square, shapely.affinity.translate(square, xoff=0.1)],
        crs="EPSG:4326",
    )
    centre = pd.DataFrame({"weight": [80.0, 60.0], "spread_km": 1.5, "lon": [113.05, 113.15], "lat": 28.05})
    raster = people.rasterise(districts)
    grid = people.spread_people(raster, districts, people.centre_kernels(centre), np.array([[113.05, 28.05]]))
    assert grid.people[raster.district == 0].sum() == pytest.approx(100_000)
    assert grid.people[raster.district == 1].sum() == pytest.approx(7_000)
    assert grid.people[raster.district == people.OUTSIDE].sum() == 0.0
    row, column = raster.cells_of(people.to_plane([[113.05, 28.05], [113.01, 28.01]]))
    assert grid.people[row[0], column[0]] > 10 * grid.people[row[1], column[1]]


def test_cells_hold_their_nominal_area():
    """Corners of a square kilometre of the plane enclose 1 km2 on the ellipsoid, anywhere in the region."""
    for x, y in ((0.0, 0.0), (-110_000.0, 120_000.0), (80_000.0, -140_000.0)):
        corners = people.to_degrees([[x, y], [x + 1000.0, y], [x + 1000.0, y + 1000.0], [x, y + 1000.0]])
        area, _ = GEOD.polygon_area_perimeter(*corners.T)
        assert area == pytest.approx(1e6, rel=1e-4)


def test_darts_are_apart_and_leave_no_spot_alone():
    """Chosen spots keep their distance from each other, and every spot has a chosen one within its own."""
    random = np.random.default_rng(5)
    spots = Spots(random.uniform(0, 10_000, (2_000, 2)), random.uniform(1, 100, 2_000), np.full(2_000, 600.0))
    chosen = throw_darts(spots, np.array([[5_000.0, 5_000.0]]), np.random.default_rng(5))
    stations = np.vstack([[[5_000.0, 5_000.0]], spots.plane[chosen]])
    apart = np.linalg.norm(stations[:, None] - stations[None], axis=2)
    assert apart[np.triu_indices(len(stations), 1)].min() >= 600.0
    away = np.linalg.norm(spots.plane[:, None] - stations[None], axis=2).min(axis=1)
    assert away.max() < 600.0


def test_sites_are_closer_where_people_are():
    """Spacing shrinks with density, and is wider outside the central list and outside urban centres."""
    density, centre, central = np.array([1e3, 3e4, 1e3, 1e3]), np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1])
    edge, core, other, town = spacing(density, centre.astype(bool), central.astype(bool))
    assert core < edge < other < town


def test_corridors_are_cut_at_borders_and_service_areas():
    """A leg of 49 km through a city gets two service areas and two border points, all on the line."""
    cities = gpd.GeoDataFrame({"city": ["Middle"]}, geometry=[shapely.box(0.1, -1, 0.4, 1)], crs="EPSG:4326")
    waypoints = pd.DataFrame(
        {"ref": "G1", "name": "Road", "place": ["A", "B"], "lon": [0.0, 0.44], "lat": [0.0, 0.0]}
    )
    pieces = corridor_pieces(waypoints, cities)
    names = [pieces[0].start.name, *(piece.end.name for piece in pieces)]
    assert names == ["A", "border", "G1 service area 1", "G1 service area 2", "border", "B"]
    assert [piece.city for piece in pieces] == ["", "Middle", "Middle", "Middle", ""]
    assert [piece.start.position[0] for piece in pieces] == pytest.approx([0.0, 0.1, 0.44 / 3, 0.88 / 3, 0.4])
    assert max(piece.metres for piece in pieces) <= LONGEST_PIECE
    assert [node.name for node in service_areas(pieces)] == ["G1 service area 1", "G1 service area 2"]
