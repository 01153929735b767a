"""`[people]` and `[ev]`: people of rasters, polygons and points become demand, and none is lost."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely import Point, box

from chargeplan.errors import InputError

STANDARD = [{"name": "urban", "demand": "dwellers", "radius": "1 km"}]
EV = {
    "cars_per_person": {"value": 0.3, "source": "yearbook 2024"},
    "electric_share": {"value": 0.1, "source": "registrations 2024"},
    "km_per_day": {"value": 40, "source": "survey 2022"},
    "kwh_per_km": {"value": 0.2, "source": "assumed"},
    "home_share": {"value": 0.75, "source": "assumed"},
}
PUBLIC_KWH = 0.3 * 0.1 * 40 * 0.2 * 0.25  # of a person a day


@pytest.fixture
def town(region):
    region.tables["demand"] = []
    region.tables["standards"] = STANDARD
    return region


def census(town, **columns):
    """Two census areas side by side, about 2 km by 2 km and 1 km by 2 km."""
    areas = [box(113.0, 28.0, 113.02, 28.018), box(113.02, 28.0, 113.03, 28.018)]
    table = {"code": ["A", "B"], "pop": [1234, 567], **columns}
    gpd.GeoDataFrame(table, geometry=areas, crs=4326).to_file(town.folder / "census.gpkg")


def raster(path, values, *, crs="EPSG:4326", bands=1):
    rasterio = pytest.importorskip("rasterio")
    rows, columns = values.shape
    shape = {"height": rows, "width": columns, "count": bands, "dtype": "float32", "crs": crs}
    place = rasterio.Affine(0.001, 0.0, 113.0, 0.0, -0.001, 28.01)
    with rasterio.open(path, "w", driver="GTiff", nodata=-1.0, transform=place, **shape) as file:
        for band in range(bands):
            file.write(np.where(values > 0, values * (band + 1), values).astype("float32"), band + 1)


def people(**keys) -> dict:
    return {"name": "dwellers", "file": "census.gpkg", "people": "pop", **keys}


def faults(call, *args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    return [str(fault) for fault in error.value.faults]


def demand(problem):
    return problem.standards[0].points


@pytest.mark.parametrize("whole", [True, False])
def test_census_areas_are_spread(town, whole) -> None:
    """Each area's people live in its cells, all of them; ids and districts tell whose they are."""
    census(town)
    problem = town.read(people=people(id="code", district="code", cell="300 m", whole=whole))
    points = demand(problem)
    for code, total in (("A", 1234), ("B", 567)):
        assert points.weight[points.district == code].sum() == pytest.approx(total, abs=1e-9)
    assert all(name.startswith(f"{code}:") for name, code in zip(points.ids, points.district, strict=True))
    assert (points.positions[points.district == "B", 0] >= 113.02).all()
    assert ((points.weight % 1 == 0).all()) == whole
    assert len(points) > 30
    assert problem.notes == (
        f"people dwellers: census.gpkg: 1,801 people in 2 features, spread over {len(points)} cells of 300 m",
    )
    assert "census.gpkg" in [source.name for source in problem.inputs]


def test_parts_of_people(town) -> None:
    """Areas that count half a person are rounded one by one, and the total that this makes is said."""
    census(town, pop=[100.4, 50.4])
    problem = town.read(people=people())
    assert demand(problem).weight.sum() == 150
    assert "151 people in 2 features" in problem.notes[0]
    assert "150 in whole people of each" in problem.notes[0]
    assert demand(town.read(people=people(whole=False))).weight.sum() == pytest.approx(150.8)


def test_points_stay_or_are_gathered(town) -> None:
    """Points are demand points as they are, without those where nobody lives; in cells nobody is lost."""
    random = np.random.default_rng(2)
    rows = [
        f"{at},{113 + x:.6f},{28 + y:.6f},{at % 5},{'east' if x > 0.01 else 'west'}"
        for at, (x, y) in enumerate(random.uniform(0, 0.02, (200, 2)))
    ]
    town.write("homes.csv", "\n".join(["id,lon,lat,people,side", *rows]))
    layer = {"name": "dwellers", "file": "homes.csv", "district": "side"}
    problem = town.read(people=layer)
    points = demand(problem)
    assert (len(points), points.weight.sum()) == (160, 400)
    assert "400 people in 200 features, at 160 points" in problem.notes[0]
    problem = town.read(people={**layer, "cell": "1 km"})
    gathered = demand(problem)
    assert f"400 people in 200 features, gathered in {len(gathered)} cells of 1 km" in problem.notes[0]
    assert len(gathered) < 30
    assert len(set(gathered.ids)) == len(gathered)
    for side in ("east", "west"):
        assert (
            gathered.weight[gathered.district == side].sum() == points.weight[points.district == side].sum()
        )
    middle = [np.average(each.positions, axis=0, weights=each.weight) for each in (points, gathered)]
    assert middle[0] == pytest.approx(middle[1], abs=1e-6)


def test_a_raster(town) -> None:
    """Cells with people are demand points; gathered, nobody is lost; another band is another count."""
    values = np.random.default_rng(3).gamma(0.5, 20.0, (10, 12))
    values[0, :4] = -1.0
    total = float(values[values > 0].astype("float32").astype(float).sum())
    raster(town.folder / "pop.tif", values, bands=2)
    layer = {"name": "dwellers", "file": "pop.tif"}
    problem = town.read(people=layer)
    assert len(demand(problem)) == (values > 0).sum()
    assert demand(problem).weight.sum() == pytest.approx(total, abs=1e-3)
    assert problem.notes[0] == f"people dwellers: pop.tif: {total:,.0f} people in 116 cells"
    gathered = demand(town.read(people={**layer, "gather": 4}))
    assert len(gathered) == 9
    assert gathered.weight.sum() == pytest.approx(total, abs=1e-3)
    assert demand(town.read(people={**layer, "band": 2})).weight.sum() == pytest.approx(2 * total, abs=1e-2)
    assert [source.name for source in problem.inputs] == ["sites.csv", "pop.tif"]


@pytest.mark.parametrize("kind", ["raster", "polygons", "points"])
def test_only_people_in_an_area(town, kind) -> None:
    """Those outside are left out and counted: inside and outside add up to all."""
    town.write(
        "area.csv",
        '"name","wkt"\ncentre,"POLYGON ((113 28, 113.006 28, 113.006 28.02, 113 28.02, 113 28))"\n',
    )
    areas = [{"name": "centre", "file": "area.csv"}]
    values = np.full((10, 12), 10.0)
    layer = {"name": "dwellers", "area": "centre"}
    if kind == "raster":
        raster(town.folder / "pop.tif", values)
        layer |= {"file": "pop.tif"}
    elif kind == "polygons":
        areas_of_people = gpd.GeoDataFrame(
            {"people": [1200]}, geometry=[box(113, 28, 113.012, 28.01)], crs=4326
        )
        areas_of_people.to_file(town.folder / "census.gpkg")
        layer |= {"file": "census.gpkg", "whole": False}
    else:
        town.write("homes.csv", "lon,lat,people\n113.001,28.001,600\n113.01,28.001,600\n")
        layer |= {"file": "homes.csv"}
    problem = town.read(areas=areas, people=layer)
    assert demand(problem).weight.sum() == pytest.approx(600, rel=0.03)
    assert (demand(problem).positions[:, 0] <= 113.006).all()
    (said,) = [each for each in problem.notes if "outside the area" in each or "outside" in each]
    left_out = 1200 - demand(problem).weight.sum()
    if kind != "raster":  # of a raster those are counted that lie in the tile that is read
        assert f"; left out, outside the area: {left_out:,.0f}" in said


@pytest.mark.parametrize("kind", ["raster", "polygons", "points", "cells"])
def test_ev_demand(town, kind) -> None:
    """The weight is what electric cars charge in public, to the last kWh; every source is said."""
    total = 1801.0
    layer = people(id="code")
    if kind == "raster":
        raster(town.folder / "pop.tif", np.full((5, 4), 90.05))
        layer = {"name": "dwellers", "file": "pop.tif"}
    elif kind == "polygons":
        census(town)
    else:
        town.write("homes.csv", "lon,lat,pop\n113.001,28.001,1234\n113.0012,28.001,567\n")
        layer = people(file="homes.csv", **({"cell": "1 km"} if kind == "cells" else {}))
    problem = town.read(people=layer, ev=EV)
    assert demand(problem).weight.sum() == pytest.approx(total * PUBLIC_KWH, rel=1e-6)
    (said,) = [each for each in problem.notes if each.startswith("demand of dwellers")]
    assert said == (
        f"demand of dwellers: {total * PUBLIC_KWH:,.0f} kWh that electric cars charge in public a day; "
        "cars_per_person 0.3 (yearbook 2024); electric_share 0.1 (registrations 2024); "
        "km_per_day 40 (survey 2022); kwh_per_km 0.2 (assumed); home_share 0.75 (assumed)"
    )
    evs = demand(town.read(people=layer, ev={**EV, "weight": "evs"}))
    assert evs.weight.sum() == pytest.approx(total * 0.03, rel=1e-6)


def test_factors_by_column(town) -> None:
    """A factor may differ from area to area; each area's demand is kept to the last kWh."""
    census(town, cars=[0.2, 0.5])
    ev = {**EV, "cars_per_person": {"value": "cars", "source": "census"}}
    points = demand(town.read(people=people(district="code"), ev=ev))
    for code, total, cars in (("A", 1234, 0.2), ("B", 567, 0.5)):
        expected = total * cars / 0.3 * PUBLIC_KWH
        assert points.weight[points.district == code].sum() == pytest.approx(expected, rel=1e-9)


def test_the_degree_of_urbanisation(town) -> None:
    """Classes are columns that a standard may select by; urban centres are listed with people and area."""
    town.tables["sites"] = [{"name": "places", "file": "sites.csv"}]
    square = gpd.GeoDataFrame(
        {"people": [180_000, 900]},
        geometry=[box(113.0, 28.0, 113.08, 28.07), box(113.2, 28.0, 113.24, 28.04)],
        crs=4326,
    )
    square.to_file(town.folder / "census.gpkg")
    standards = [{**STANDARD[0], "where": "class = 'urban centre' AND per_km2 > 1500"}]
    layer = {"name": "dwellers", "file": "census.gpkg", "cell": "500 m", "classes": True}
    problem = town.read(people=layer, standards=standards)
    assert 150_000 < demand(problem).weight.sum() <= 180_000
    (said,) = [each for each in problem.notes if "urban centre" in each]
    assert said.startswith("people dwellers: urban centres: 1 with 1")


def test_cells_too_coarse_for_classes(town) -> None:
    """Cells of more than 1 km2 would pile up their people in one, and make cities of villages."""
    raster(town.folder / "pop.tif", np.full((22, 22), 90.0))
    layer = {"name": "dwellers", "file": "pop.tif", "classes": True}
    assert town.read(people={**layer, "gather": 9}).notes[-1] == "people dwellers: no urban centre"
    with pytest.raises(InputError, match=r"dwellers: classes: .* a cell \(with gather\) is 1.3"):
        town.read(people={**layer, "gather": 11})


@pytest.mark.parametrize(
    ("keys", "ev", "message"),
    [
        ({"cell": "0 m"}, None, "[people], cell: '0 m' is not a positive, finite length"),
        ({"colour": 1}, None, "[people], colour: unknown key"),
        ({"gather": 3}, None, "[people]: gather: only for rasters"),
        ({"file": "pop.tif", "cell": "1 km"}, None, "[people]: people, cell: only for polygons or points"),
        ({"area": "centre"}, None, "[people], area: there is no [[areas]] called 'centre'"),
        ({"classes": True, "cell": "2 km"}, None, "needs cells of at most 1 km"),
        ({}, {**EV, "km_per_day": 40}, "[ev], km_per_day: is not written as a table"),
        ({}, {**EV, "km_per_day": {"value": 40}}, "[ev], km_per_day, source: is missing"),
        ({}, {**EV, "km_per_day": {"value": 40, "source": " "}}, "[ev], km_per_day, source: says nothing"),
        ({}, {**EV, "km_per_day": {"value": -1, "source": "x"}}, "[ev], km_per_day, value: -1"),
        (
            {},
            {**EV, "home_share": {"value": 0.5, "sorce": "x"}},
            "[ev], home_share, sorce: unknown key; did you mean source?",
        ),
        ({}, {"weight": "evs"}, "[ev], home_share: is missing"),
    ],
)
def test_keys_that_are_wrong(town, keys, ev, message) -> None:
    """What cannot be meant is refused, with its place."""
    tables = {"people": people(**keys)} | ({"ev": ev} if ev else {})
    assert message in "\n".join(faults(town.scenario, **tables))


def test_tables_that_need_each_other(region) -> None:
    """EV demand is that of people; a name stands for one layer of demand."""
    assert "[ev]: needs [people]" in "\n".join(faults(region.scenario, ev=EV))
    said = "\n".join(faults(region.scenario, people=people(name="people")))
    assert "[[demand]]: 2 are called 'people'" in said


@pytest.mark.parametrize(
    ("columns", "keys", "ev", "messages"),
    [
        (
            {"pop": [-5, "x"]},
            {},
            None,
            ["row 2, column pop: 'x' is not a number", "row 1, column pop: -5 is negative"],
        ),
        (
            {},
            {"people": None},
            None,
            ["no column counts people: say which with people = ...; there are code, pop"],
        ),
        (
            {},
            {"people": "pup"},
            None,
            ["column pup: people = 'pup': there is no such column; did you mean pop?"],
        ),
        (
            {"code": ["A", "A"]},
            {"id": "code"},
            None,
            ["row 1, column code: the id 'A' is given more than once"],
        ),
        ({"pop": [0, 0]}, {}, None, ["nobody lives there"]),
        (
            {"cars": [0.2, 9.0]},
            {"where": "code = 'B'"},
            "cars",
            ["row 2, column cars: [ev]: cars_per_person = 9"],
        ),
        ({}, {}, "cars", ["[ev]: cars_per_person: there is no column 'cars'"]),
        ({}, {"cell": "0.1 m"}, None, ["cells of 0.1 m would be"]),
        ({}, {}, 0, ["[ev]: these people charge nothing"]),
    ],
)
def test_layers_that_are_wrong(town, columns, keys, ev, messages) -> None:
    """Numbers, columns, ids and factors: file, layer, row and column are named."""
    census(town, **columns)
    given = {key: value for key, value in people(**keys).items() if value is not None}
    tables = {"people": given}
    if ev is not None:
        tables["ev"] = {**EV, "cars_per_person": {"value": ev, "source": "x"}}
    said = faults(town.read, **tables)
    assert all(fault.startswith("census.gpkg, layer dwellers") for fault in said)
    for message in messages:
        assert any(message in fault for fault in said)


def test_files_that_are_wrong(town) -> None:
    """Polygons beside points, a raster that is none, and a band that there is not."""
    mixed = gpd.GeoDataFrame(
        {"pop": [1, 2]}, geometry=[box(113, 28, 113.01, 28.01), Point(113, 28)], crs=4326
    )
    mixed.to_file(town.folder / "census.gpkg")
    (said,) = faults(town.read, people=people())
    assert "census.gpkg, layer dwellers, row 2, column geometry: is a point; read are Polygon" in said
    town.write("pop.tif", "no raster")
    layer = {"name": "dwellers", "file": "pop.tif"}
    assert faults(town.read, people=layer) == ["pop.tif, layer dwellers: is not a GeoTIFF"]
    raster(town.folder / "pop.tif", np.ones((2, 2)))
    assert faults(town.read, people={**layer, "band": 3}) == [
        "pop.tif, layer dwellers: has no band 3; it has 1"
    ]
    town.write("area.csv", 'name,wkt\nfar,"POLYGON ((10 50, 10 51, 11 51, 10 50))"\n')
    said = faults(town.read, people={**layer, "area": "far"}, areas=[{"name": "far", "file": "area.csv"}])
    assert "pop.tif, layer dwellers: nobody lives there" in said


def test_the_same_standards_asked_again(town) -> None:
    """A problem of people alone can be asked something else, and names its only demand layer by itself."""
    census(town)
    problem = town.read(people=people())
    again = problem.replace(standards=[{"radius": 500.0}])
    assert again.standards[0].points.weight.sum() == 1801
    with pytest.raises(InputError, match="people: layers are not replaced"):
        problem.replace(people=people())
