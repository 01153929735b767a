"""Degree of urbanisation: cells, and the centres that they form."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from chargeplan.errors import InputError
from chargeplan.instances import catalog
from chargeplan.prepare.urbanisation import (
    CENTRE,
    CLASSES,
    CLUSTER,
    RURAL,
    centres,
    degree_of_urbanisation,
    squares,
    urbanisation,
)


def test_urban_centres_need_density_and_people():
    """A ring of 20,000 per km2 is a centre, its gap too; 40,000 people are not; diagonals do not join."""
    cells = np.zeros((9, 9))
    cells[1:4, 1:4] = 20_000.0
    cells[2, 2] = 0.0  # a gap, filled
    cells[4, 4] = 40_000.0  # touches the ring by a corner only: a cluster of its own, too small for a centre
    classes = degree_of_urbanisation(cells)
    assert (classes[1:4, 1:4] == CENTRE).all()
    assert classes[4, 4] == CLUSTER
    assert (classes == CENTRE).sum() == 9
    assert (classes == RURAL).sum() == 81 - 10


def test_edges_of_urban_centres_are_smoothed():
    """A notch in a straight edge has five neighbours in the centre and joins it; a step has fewer."""
    cells = np.zeros((8, 8))
    cells[1:5, 1:7] = 10_000.0
    cells[1, 3] = 0.0
    classes = degree_of_urbanisation(cells)
    assert classes[1, 3] == CENTRE
    assert (classes == CENTRE).sum() == 24


def test_urban_clusters_join_by_corners():
    """Two cells of 3,000 people that touch by a corner are one cluster of 6,000."""
    cells = np.zeros((5, 5))
    cells[1, 1] = cells[2, 2] = 3_000.0
    assert (degree_of_urbanisation(cells) == CLUSTER).sum() == 2
    cells[2, 2] = 0.0
    assert (degree_of_urbanisation(cells) == RURAL).all()


def naive_centres(per_km2):
    """The manual's words, cell by cell, without any library."""
    rows, columns = per_km2.shape

    def grown(start, member, steps):
        found, front = {start}, [start]
        while front:
            row, column = front.pop()
            for down, right in steps:
                cell = row + down, column + right
                if 0 <= cell[0] < rows and 0 <= cell[1] < columns and cell not in found and member(cell):
                    found.add(cell)
                    front.append(cell)
        return found

    sides = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    dense = {(r, c) for r in range(rows) for c in range(columns) if per_km2[r, c] >= 1500}
    urban = set()
    while dense:
        centre = grown(next(iter(dense)), dense.__contains__, sides)
        dense -= centre
        if sum(per_km2[cell] for cell in centre) < 50_000:
            continue
        while True:
            more = {
                (r, c)
                for r in range(rows)
                for c in range(columns)
                if (r, c) not in centre and sum((r + i, c + j) in centre for i, j in around) >= 5
            }
            if not more:
                break
            centre |= more
        outside = set()
        holes = {(r, c) for r in range(rows) for c in range(columns)} - centre
        while holes - outside:
            hole = grown(next(iter(holes - outside)), holes.__contains__, sides)
            edge = any(r in (0, rows - 1) or c in (0, columns - 1) for r, c in hole)
            if edge or len(hole) >= 15:
                outside |= hole
            else:
                holes -= hole
                urban |= hole
        urban |= centre
    return urban


@pytest.mark.parametrize("seed", range(8))
def test_centres_are_those_of_the_manuals_words(seed):
    """Compiled labels and a naive reading agree on random towns, holes, bays and islands."""
    random = np.random.default_rng(seed)
    rough = random.lognormal(7.2, 1.2, (14, 17))
    smooth = (rough + np.roll(rough, 1, 0) + np.roll(rough, 1, 1) + np.roll(rough, -1, 0)) / 4
    found = degree_of_urbanisation(smooth)
    assert set(zip(*np.nonzero(found == CENTRE), strict=True)) == naive_centres(smooth)
    assert ((centres(smooth) > 0) == (found == CENTRE)).all()


def test_a_centre_inside_anothers_hole_is_part_of_it():
    """Nothing is left without a number, and numbers are whole from 1."""
    cells = np.full((9, 9), 0.0)
    cells[1:8, 1:8] = 3_000.0
    cells[2:7, 2:7] = 0.0
    cells[4, 4] = 60_000.0  # alone in a hole of 24 cells: too large to be filled
    assert centres(cells).max() == 2
    cells[3:6, 3:6] = 60_000.0  # the hole is now a ring of 16 cells around it, and the smoothing fills it
    assert set(np.unique(centres(cells))) == set(range(int(centres(cells).max()) + 1))


def places(cells, lon=113.0, lat=28.0):
    """Four places in every 1 km cell of an array, with a quarter of its people each."""
    crs = f"+proj=laea +lat_0={lat} +lon_0={lon} +ellps=WGS84 +units=m"
    row, column = np.nonzero(cells >= 0)
    quarters = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    points = [
        shapely.Point(1000 * (c + x), 1000 * (r + y))
        for r, c in zip(row, column, strict=True)
        for x, y in quarters
    ]
    people = np.repeat(cells[row, column] / 4, 4)
    return gpd.GeoDataFrame({"people": people}, geometry=points, crs=crs), crs


def test_places_are_classified_and_centres_listed():
    """Every place has its cell's class; a centre's people, area and outline are listed."""
    cells = np.zeros((8, 12))
    cells[1:4, 1:4] = 6_000.0
    cells[1:4, 8:10] = 10_000.0
    cells[6, 6] = 5_000.0
    frame, crs = places(cells)
    found, listed = urbanisation(frame, plane=crs)
    assert listed["people"].tolist() == [60_000.0, 54_000.0]
    assert listed["area_km2"].tolist() == [6, 9]
    assert [
        round(abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) / 1e6, 2)
        for shape in listed.geometry
    ] == [
        6.0,
        9.0,
    ]
    assert found.groupby("class")["people"].sum().to_dict() == {
        "rural": 0.0,
        "urban centre": 114_000.0,
        "urban cluster": 5_000.0,
    }
    assert (found["per_km2"].max(), found["centre"].max()) == (10_000.0, 2)
    assert set(found["class"]) <= set(CLASSES)
    assert found.loc[found["centre"] == 1].geometry.x.min() > 8_000


def test_nobody_lives_in_a_centre_where_there_is_none():
    """Empty lists are lists."""
    frame, _ = places(np.full((3, 3), 10.0))
    found, listed = urbanisation(frame)
    assert len(listed) == 0
    assert set(found["class"]) == {"rural"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"people": -1.0}, "at least 0"),
        ({"people": np.nan}, "at least 0"),
        ({"geometry": shapely.Point()}, "positions"),
    ],
)
def test_people_that_cannot_be_classified(change, says):
    """Numbers and positions are checked."""
    frame, _ = places(np.full((1, 1), 10.0))
    for column, value in change.items():
        frame[column] = frame[column].astype(object) if column == "people" else frame[column]
        frame.loc[0, column] = value
    with pytest.raises(InputError, match=says):
        squares(frame)


def test_regions_beyond_measure_are_refused():
    """The whole world in 1 km cells is not counted in one go."""
    points = gpd.points_from_xy([-170.0, 170.0], [-80.0, 80.0])
    frame = gpd.GeoDataFrame({"people": [1.0, 1.0]}, geometry=points, crs=4326)
    with pytest.raises(InputError, match="do it in parts"):
        squares(frame, plane="ESRI:54009")
    with pytest.raises(InputError, match="no plane in metres"):
        squares(frame, plane="EPSG:4326")
    with pytest.raises(InputError, match="cannot be used"):
        squares(frame, plane="EPSG:none")
    with pytest.raises(InputError, match="no column 'pop'"):
        squares(frame, "pop")


def test_the_urban_centres_of_czt():
    """Changsha's is the largest; who lives in its shipped urban-centre cells is in one.

    The shipped rural cells are 2 km wide, so only what is dense can be compared.
    """
    table = pd.read_csv(catalog.resolve("czt").parent / "demand.csv")
    frame = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=4326)
    plane = "+proj=laea +lat_0=27.4 +lon_0=113.1 +ellps=WGS84 +units=m +no_defs"
    found, listed = urbanisation(frame, "people_2020", plane)
    urban = found["class"] == "urban centre"
    shipped = table["class"] == "urban centre"
    assert found.loc[shipped & urban, "people_2020"].sum() > 0.99 * table.loc[shipped, "people_2020"].sum()
    largest = listed.iloc[0]
    assert largest.geometry.intersects(shapely.Point(112.97, 28.20))
    assert largest["people"] > 4_000_000
