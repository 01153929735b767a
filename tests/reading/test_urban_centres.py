"""`Problem.urban_centres`: the urban centres of whatever demand layers count people."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS, Geod

from chargeplan.errors import InputError
from chargeplan.prepare.plane import to_degrees

PLANE = "+proj=laea +lat_0=28 +lon_0=113 +ellps=WGS84 +units=m"
QUARTERS = np.array([(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])  # of the side of a cell


def dwellers() -> pd.DataFrame:
    """Four places in each of 12 x 18 cells of 1 km, whose corner lies at 0, 0 of the plane.

    90,000 people on 9 km2, 60,000 on 15 km2, and 48,000 on 4 km2, which are too few for a centre; 100 in all
    other cells. The first centre's last column of cells is in another district, and so are 500 people of it.
    """
    cells = np.full((12, 18), 100.0)
    cells[1:4, 1:4] = 10_000.0
    cells[1:4, 10:15] = 4_000.0
    cells[8:10, 1:3] = 12_000.0
    row, column = (each.repeat(4) for each in np.indices(cells.shape).reshape(2, -1))
    people = cells[row, column] / 4
    district = np.where(column < 3, "West", np.where(column < 9, "Middle", "East"))
    first = np.flatnonzero((row == 1) & (column == 1))[:2]
    people[first] = 500.0, 4_500.0
    district[first[0]] = "Speck"
    places = 1000.0 * (np.column_stack([column, row]) + np.tile(QUARTERS, (cells.size, 1)))
    lon, lat = to_degrees(places, CRS(PLANE)).T
    table = {"id": np.arange(len(people)), "lon": lon, "lat": lat, "people": people, "county": district}
    return pd.DataFrame(table)


@pytest.fixture
def town(region):
    dwellers().to_csv(region.folder / "demand.csv", index=False)
    region.tables["demand"] = [{"name": "people", "file": "demand.csv", "weight": "people"}]
    return region


def counted(centres) -> list[tuple[int, float, int, float]]:
    columns = ("centre", "people", "area_km2", "per_km2")
    return list(zip(*(centres[name].tolist() for name in columns), strict=True))


KNOWN = [(1, 90_000.0, 9, 10_000.0), (2, 60_000.0, 15, 4_000.0)]


def test_centres_by_people_area_and_district(town) -> None:
    """The most people first; a district with under 1 % of them does not name a centre."""
    town.tables["demand"][0]["district"] = "county"
    centres = town.read().urban_centres(plane=PLANE)
    assert counted(centres) == KNOWN
    assert centres["districts"].tolist() == [("West", "Middle"), ("East",)]
    assert set(centres["layer"]) == {"people"}
    areas = [Geod(ellps="WGS84").geometry_area_perimeter(shape)[0] / 1e6 for shape in centres.geometry]
    assert np.abs(areas) == pytest.approx([9, 15], rel=1e-3)


def test_centres_are_named_by_borders(town) -> None:
    """Without districts of the demand the polygons count, the first of two; outside there is no name."""
    (edge, _), (_, north) = to_degrees(np.array([[7_000.0, 0.0], [0.0, 12_000.0]]), CRS(PLANE))
    half = shapely.box(112.9, 27.9, edge, north)
    frame = gpd.GeoDataFrame({"name": ["Left", "Again"]}, geometry=[half, half], crs=4326)
    frame.to_file(town.folder / "areas.geojson")
    centres = town.read(areas=[{"name": "areas", "file": "areas.geojson"}]).urban_centres(plane=PLANE)
    assert counted(centres) == KNOWN
    assert centres["districts"].tolist() == [("Left",), ()]
    assert town.read().urban_centres(plane=PLANE)["districts"].tolist() == [(), ()]


def test_every_layer_that_counts_people_by_itself(town) -> None:
    """People of two layers are not added up; one that counts none is passed over, another has no centre."""
    table = dwellers()
    table.drop(columns="people").to_csv(town.folder / "jobs.csv", index=False)
    table.assign(people=1.0).to_csv(town.folder / "few.csv", index=False)
    more = {name: {"name": name, "file": f"{name}.csv"} for name in ("few", "jobs", "again")}
    table.to_csv(town.folder / "again.csv", index=False)
    demand = [more["few"], *town.tables["demand"], more["jobs"], more["again"]]
    centres = town.read(demand=demand).urban_centres(plane=PLANE)
    assert counted(centres) == KNOWN + KNOWN
    assert centres["layer"].tolist() == ["people", "people", "again", "again"]


def test_people_of_the_people_table(town) -> None:
    """`[people]` counts whatever its weight is; cells of more than 1 km cannot be."""
    layer = {"name": "people", "file": "demand.csv"}
    centres = town.read(demand=[], people=layer).urban_centres(plane=PLANE)
    assert counted(centres) == KNOWN
    with pytest.raises(InputError, match="cells of at most 1 km, not 2 km"):
        town.read(demand=[], people={**layer, "cell": "2 km"}).urban_centres()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("peple",), "demand.csv, layer people: there is no column 'peple' of people; did you mean people?"),
        (("county",), "layer people, column county: does not count people: in 864 of 864 rows"),
        (("lon", "EPSG:4326"), "is no plane in metres"),
        (("people", "EPSG:none"), "the plane cannot be used"),
    ],
)
def test_what_does_not_count_people(town, given, says) -> None:
    """The layer and its column are named."""
    with pytest.raises(InputError) as error:
        town.read().urban_centres(*given)
    assert says in str(error.value)


def test_nobody_counts_people(region) -> None:
    """Where no layer has the column, those there are are named."""
    with pytest.raises(InputError, match="no column 'people' counts people: say which does; there are id"):
        region.read().urban_centres()
