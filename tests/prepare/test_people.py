"""People of areas, of rasters, and the EV demand that comes of them."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from chargeplan.errors import InputError
from chargeplan.prepare.people_areas import spread_people
from chargeplan.prepare.people_demand import Factor, ev_demand
from chargeplan.prepare.people_raster import read_people_raster
from chargeplan.prepare.people_whole import whole_people, whole_people_by_area


def test_whole_people_go_to_the_largest_remainders():
    """10 people over weights 1, 1, 1: quotas of 3.33, the first of equals gets the one that is left."""
    assert whole_people(10, np.ones(3)).tolist() == [4, 3, 3]
    assert whole_people(7, np.array([0.5, 0.3, 0.2])).tolist() == [4, 2, 1]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**7), st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200))
def test_whole_people_are_exact_and_near_their_quota(total, weights):
    """Whatever the weights, nobody is lost, and no cell is a whole person off."""
    weight = np.array(weights)
    whole = whole_people(total, weight)
    assert whole.sum() == total
    assert np.abs(whole - total * weight / weight.sum()).max() <= 1.0 + 1e-6


def test_people_without_weight_are_not_lost():
    """Where nothing has weight nobody can live; nobody at all can live anywhere."""
    with pytest.raises(InputError, match="nowhere to live"):
        whole_people(3, np.zeros(2))
    assert whole_people(0, np.zeros(2)).tolist() == [0, 0]
    assert whole_people_by_area(np.array([3, 0]), np.array([1, 0, 0]), np.ones(3)).tolist() == [0, 2, 1]


def test_census_areas_are_spread_over_cells():
    """Totals are kept exactly, every row lies in its area, and density is even."""
    ring = shapely.Polygon(
        [(113.0, 28.0), (113.05, 28.0), (113.05, 28.04), (113.0, 28.04)],
        holes=[[(113.01, 28.01), (113.03, 28.012), (113.02, 28.03)]],
    )
    islands = shapely.MultiPolygon(
        [shapely.Point(113.08, 28.01).buffer(0.007), shapely.Point(113.08, 28.03).buffer(0.004)]
    )
    areas = gpd.GeoDataFrame({"code": ["A", "B"], "n": [12_345, 678]}, geometry=[ring, islands], crs=4326)
    cells = spread_people(areas, "n", 300.0, id="code")
    assert cells.groupby("area")["people"].sum().to_dict() == {"A": 12_345, "B": 678}
    assert (cells["people"] % 1 == 0).all()
    assert cells["id"].is_unique
    joined = cells.sjoin(areas, predicate="within")
    assert (joined["area"] == joined["code"]).all()
    assert len(joined) == len(cells)
    full = cells[cells["area"] == "A"]["people"].mode().iloc[0]
    km2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(shapely.orient_polygons(ring))[0]) / 1e6
    assert full / 0.09 == pytest.approx(12_345 / km2, rel=0.05)


def test_shares_of_people_are_exact_areas():
    """Without rounding, the people of every cell are those of its share of the area."""
    square = shapely.box(0.0, 0.0, 2_500.0, 1_000.0)
    areas = gpd.GeoDataFrame(
        {"n": [100.0]}, geometry=[square], crs="+proj=laea +lat_0=0 +lon_0=9 +ellps=WGS84"
    )
    cells = spread_people(areas, "n", 1_000.0, whole=False)
    assert cells["people"].sum() == pytest.approx(100.0, abs=1e-9)
    assert cells["people"].max() <= 40.0 + 1e-2


def triangles(corner, size):
    x, y = corner
    return shapely.Polygon([(x, y), (x + size, y), (x, y + size)])


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.floats(0, 0.2), st.floats(0, 0.2), st.floats(1e-5, 0.05), st.integers(0, 10**6)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([90.0, 400.0, 3_000.0]),
)
def test_totals_are_kept_whatever_the_areas(drawn, cell):
    """Tiny, overlapping and empty areas keep their people to the last one."""
    shapes = [triangles((113 + x, 28 + y), size) for x, y, size, _ in drawn]
    areas = gpd.GeoDataFrame({"n": [n for *_, n in drawn]}, geometry=shapes, crs=4326)
    cells = spread_people(areas, "n", cell)
    held = cells.groupby("area")["people"].sum()
    for row, count in enumerate(areas["n"], 1):
        assert held.get(f"areas-{row}", 0) == count


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        ({"n": [-5]}, {}, "-5 is negative"),
        ({"n": [None]}, {}, "missing"),
        ({"m": [1]}, {}, "no column 'n'"),
        ({"n": [1]}, {"cell": 0.0}, "more than 0"),
        ({"n": [1]}, {"cell": 0.01}, "make them larger"),
    ],
)
def test_areas_that_cannot_be_spread(table, options, says):
    """Numbers, columns and cells are checked."""
    areas = gpd.GeoDataFrame(table, geometry=[shapely.box(113, 28, 113.1, 28.1)], crs=4326)
    with pytest.raises(InputError, match=says):
        spread_people(areas, "n", **options)


def raster(path, values, *, crs="EPSG:4326", corner=(113.0, 28.1), step=0.01, nodata=-99999.0, count=1):
    rasterio = pytest.importorskip("rasterio")
    rows, columns = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=rows,
        width=columns,
        count=count,
        dtype="float32",
        crs=crs,
        nodata=nodata,
        transform=rasterio.Affine(step, 0.0, corner[0], 0.0, -step, corner[1]) if step else None,
    ) as file:
        for band in range(1, count + 1):
            file.write(values.astype("float32"), band)
    return path


@pytest.fixture
def values():
    random = np.random.default_rng(7)
    found = random.gamma(0.5, 40.0, (23, 31))
    found[3:6, 4:9] = -99999.0
    found[10, :] = 0.0
    return found


def test_a_raster_of_people_is_read(tmp_path, values):
    """Every cell with people is a row at its middle; what has no data has nobody."""
    cells = read_people_raster(raster(tmp_path / "pop.tif", values))
    lived = values > 0
    assert len(cells) == lived.sum()
    assert cells["people"].sum() == pytest.approx(values[lived].sum(), rel=1e-6)
    first = cells[cells["id"] == "0:0"].iloc[0]
    assert (first.geometry.x, first.geometry.y) == (113.005, 28.095)
    assert f"{len(cells):,} cells" in cells.attrs["remarks"][0]


@pytest.mark.parametrize("gather", [2, 5, 40])
def test_gathered_cells_keep_everybody(tmp_path, values, gather):
    """However many cells become one, nobody is lost, and it lies amid its people."""
    path = raster(tmp_path / "pop.tif", values)
    fine, coarse = read_people_raster(path), read_people_raster(path, gather=gather)
    assert coarse["people"].sum() == pytest.approx(fine["people"].sum(), abs=1e-6)
    assert len(coarse) <= np.ceil(23 / gather) * np.ceil(31 / gather)
    blocks = fine["id"].str.split(":", expand=True).astype(int) // gather
    for (row, column), rows in fine.groupby([blocks[0], blocks[1]]):
        one = coarse[coarse["id"] == f"{row}:{column}"].iloc[0]
        assert one["people"] == pytest.approx(rows["people"].sum())
        assert one.geometry.x == pytest.approx(np.average(rows.geometry.x, weights=rows["people"]), abs=1e-6)


def test_large_rasters_are_read_tile_by_tile(tmp_path, values, monkeypatch):
    """Tiles meet without a seam, whatever their size."""
    from chargeplan.prepare import people_raster

    path = raster(tmp_path / "pop.tif", values)
    whole = read_people_raster(path, gather=3)
    monkeypatch.setattr(people_raster, "_TILE", 7)
    tiled = read_people_raster(path, gather=3).sort_values("id", ignore_index=True)
    whole = whole.sort_values("id", ignore_index=True)
    assert tiled["id"].tolist() == whole["id"].tolist()
    np.testing.assert_allclose(tiled["people"], whole["people"], rtol=1e-12)


def test_only_people_of_the_area_are_taken(tmp_path, values):
    """Cells whose middle lies outside are left out, and counted; the area may be in any CRS."""
    path = raster(tmp_path / "pop.tif", values)
    box = shapely.box(113.05, 27.95, 113.2, 28.02)
    area = gpd.GeoDataFrame(geometry=[box], crs=4326)
    cells = read_people_raster(path, area=area.to_crs(32649))
    everybody = read_people_raster(path)
    assert cells["people"].sum() == pytest.approx(everybody[everybody.within(box)]["people"].sum())
    assert "outside the area" in cells.attrs["remarks"][0]


def test_rasters_in_other_systems(tmp_path):
    """A projected raster's cells come back in degrees."""
    path = raster(
        tmp_path / "utm.tif", np.array([[5.0]]), crs="EPSG:32649", corner=(700_000, 3_100_000), step=1000
    )
    (cell,) = read_people_raster(path).geometry
    back = gpd.GeoSeries([cell], crs=4326).to_crs(32649).iloc[0]
    assert (back.x, back.y) == (pytest.approx(700_500, abs=0.02), pytest.approx(3_099_500, abs=0.02))


def test_rasters_that_cannot_be_read(tmp_path, values):
    """Each is one error that names the file."""
    for name, content, says in [
        ("text.tif", b"people", "is not a GeoTIFF"),
        ("cut.tif", raster(tmp_path / "pop.tif", values).read_bytes()[:900], "cannot be read"),
        ("head.tif", b"II*\0", "cannot be read"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=says):
            read_people_raster(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_people_raster(tmp_path / "none.tif")
    with pytest.raises(InputError, match="not a file"):
        read_people_raster(tmp_path)
    with pytest.raises(InputError, match="has no band 2; it has 1"):
        read_people_raster(tmp_path / "pop.tif", band=2)
    with pytest.raises(InputError, match="at least 1"):
        read_people_raster(tmp_path / "pop.tif", gather=0)
    with pytest.raises(InputError, match="2 cells have less than nobody"):
        read_people_raster(raster(tmp_path / "minus.tif", np.array([[-1.0, -2.0, 3.0]])))
    with pytest.raises(InputError, match="nobody lives there"):
        read_people_raster(raster(tmp_path / "empty.tif", np.zeros((2, 2))))


def test_rasters_that_are_nowhere(tmp_path):
    """A raster that says not where it is is not guessed."""
    with pytest.raises(InputError, match="has no CRS"):
        read_people_raster(raster(tmp_path / "no.tif", np.ones((2, 2)), crs=None))
    with pytest.warns(UserWarning, match="transform"):
        path = raster(tmp_path / "plain.tif", np.ones((2, 2)), corner=(0.0, 0.0), step=None)
    with pytest.raises(InputError, match="says not where its cells are"):
        read_people_raster(path)


def test_rasters_that_are_off_the_earth(tmp_path):
    """Longitudes up to 360 are not guessed either."""
    with pytest.raises(InputError, match="outside -180 to 180"):
        read_people_raster(raster(tmp_path / "far.tif", np.ones((2, 2)), corner=(200.0, 10.0)))


@pytest.mark.filterwarnings("ignore")
def test_damaged_rasters_are_refused_or_read(tmp_path, values):
    """Bytes changed at random: nothing but an InputError is ever raised."""
    raw = raster(tmp_path / "pop.tif", values).read_bytes()
    random = np.random.default_rng(11)
    refused = 0
    for _ in range(150):
        damaged = bytearray(raw)
        for place in random.integers(4, 700, random.integers(1, 6)):
            damaged[place] = random.integers(256)
        (tmp_path / "damaged.tif").write_bytes(bytes(damaged))
        try:
            read_people_raster(tmp_path / "damaged.tif")
        except InputError:
            refused += 1
    assert 0 < refused < 150


def test_rasters_beyond_measure_need_an_area(tmp_path, values, monkeypatch):
    """What would take hours to read is refused; a part of it is read."""
    from chargeplan.prepare import people_raster

    path = raster(tmp_path / "pop.tif", values)
    monkeypatch.setattr(people_raster, "_MOST_CELLS", 100)
    with pytest.raises(InputError, match="23 x 31 cells to read"):
        read_people_raster(path)
    area = gpd.GeoDataFrame(geometry=[shapely.box(113.0, 28.05, 113.05, 28.1)], crs=4326)
    assert len(read_people_raster(path, area=area)) > 0
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(InputError, match="no valid area"):
        read_people_raster(path, area=gpd.GeoDataFrame(geometry=[bow], crs=4326))


def test_people_of_scaled_rasters_are_scaled(tmp_path):
    """A raster may store tenths of people as whole numbers, and say so."""
    rasterio = pytest.importorskip("rasterio")
    path = raster(tmp_path / "pop.tif", np.array([[10.0, 25.0, -99999.0]]))
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = [0.1], [2.0]
    assert read_people_raster(path)["people"].tolist() == pytest.approx([3.0, 4.5])


def test_cells_know_their_size(tmp_path):
    """Of gathered cells the size is that of all together."""
    path = raster(tmp_path / "pop.tif", np.ones((4, 4)))
    cell = abs(Geod(ellps="WGS84").geometry_area_perimeter(shapely.box(113, 28.09, 113.01, 28.1))[0]) / 1e6
    assert read_people_raster(path).attrs["km2"] == pytest.approx(cell, rel=1e-3)
    assert read_people_raster(path, gather=2).attrs["km2"] == pytest.approx(4 * cell, rel=1e-3)


def test_more_cells_than_can_be_demand_are_refused(tmp_path, values, monkeypatch):
    """Memory has an end; the message says what makes fewer of them."""
    from chargeplan.prepare import people_raster

    path = raster(tmp_path / "pop.tif", values)
    monkeypatch.setattr(people_raster, "_MOST_TAKEN", 100)
    with pytest.raises(InputError, match=r"more than 100 cells with people: gather more"):
        read_people_raster(path)
    assert len(read_people_raster(path, gather=5)) <= 100
    monkeypatch.setattr(people_raster, "_MOST_AT_ONCE", 10)
    with pytest.raises(InputError, match="packed together: save it in tiles"):
        read_people_raster(path)


def test_rasters_need_rasterio(tmp_path, monkeypatch):
    """Where it is missing, the message says what to install."""
    from chargeplan.prepare import people_raster

    monkeypatch.setattr(people_raster, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'chargeplan\[raster\]'"):
        read_people_raster(tmp_path / "pop.tif")


FACTORS = {
    "cars_per_person": Factor(0.3, "city yearbook 2023"),
    "electric_share": Factor("ev", "assumed"),
    "km_per_day": Factor(40, "travel survey 2019"),
    "kwh_per_km": Factor(0.15, "assumed"),
    "home_share": Factor(0.4, "assumed"),
}


@pytest.fixture
def towns():
    points = gpd.points_from_xy([113.0, 113.1], [28.0, 28.1])
    return gpd.GeoDataFrame({"people": [1000, 200], "ev": [0.1, 0.5]}, geometry=points, crs=4326)


def test_ev_demand_comes_of_people(towns):
    """1,000 people x 0.3 cars x 10 % x 40 km x 0.15 kWh, and 60 % of that in public."""
    found = ev_demand(towns, **FACTORS)
    np.testing.assert_allclose(found["evs"], [30.0, 30.0])
    np.testing.assert_allclose(found["kwh_per_day"], [180.0, 180.0])
    np.testing.assert_allclose(found["public_kwh_per_day"], [108.0, 108.0])
    assert found.attrs["assumptions"] == (
        "cars per person: 0.3 (city yearbook 2023)",
        "share of cars that are electric: column 'ev' (assumed)",
        "km per car and day: 40 (travel survey 2019)",
        "kWh per km: 0.15 (assumed)",
        "share of energy charged at home: 0.4 (assumed)",
    )
    assert "evs" not in towns.columns


def test_ev_demand_says_all_that_is_wrong(towns):
    """Factors without source, beyond measure, and columns that there are not."""
    wrong = FACTORS | {
        "cars_per_person": Factor(0.3, " "),
        "home_share": Factor(40, "percent"),
        "km_per_day": Factor("km", "survey"),
        "electric_share": Factor("people", "mixed up"),
    }
    with pytest.raises(InputError) as caught:
        ev_demand(towns, "inhabitants", **wrong)
    text = str(caught.value)
    for expected in (
        "people: there is no column 'inhabitants'",
        "cars_per_person has no source",
        "home_share = 40 is not a number from 0 to 1",
        "km_per_day: there is no column 'km'",
        "row 1, column people: electric_share = 1000 is not a number from 0 to 1, and 1 more rows",
    ):
        assert expected in text
