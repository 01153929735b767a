"""How the Changsha-Zhuzhou-Xiangtan layers are modelled, on cases a reader can work out."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from chargeplan.instances.czt import people
from chargeplan.instances.czt.candidates import Spots, spacing, throw_darts
from chargeplan.instances.czt.corridors import GEOD, LONGEST_PIECE, corridor_pieces, service_areas


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
