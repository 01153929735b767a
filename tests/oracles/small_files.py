"""A small sound file of every format that is read, and how each is read: to be damaged by tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
from shapely import Point, box

from chargeplan.prepare.existing import read_afdc, read_ocpi, read_open_charge_map
from chargeplan.prepare.osm.build import Request, build
from chargeplan.prepare.people_raster import read_people_raster
from chargeplan.problem import Problem
from chargeplan.scenario import Scenario

SITES = "id,lon,lat,cost\np,113.001,28.001,5\n"
SCENARIO = """\
schema = 1
name = "town"
[[demand]]
name = "people"
file = "demand.csv"
weight = "weight"
where = "class = 'urban' AND weight > 1"
[[sites]]
name = "places"
file = "sites.csv"
[[standards]]
name = "near"
demand = "people"
radius = "1 km"
required = false
[objective]
maximise = "weight"
stations = 2
[[chargers]]
type = "fast"
kw = 60.0
[[mix]]
type = "fast"
at_least = 2
[solve]
gap = 0.01
time_limit = 5
"""
DEMAND = (
    "id,lon,lat,weight,class\na,113.00,28.00,10,urban\nb,113.01,28.00,20,urban\nc,113.02,28.01,30,rural\n"
)
SHAPES = gpd.GeoDataFrame(
    {"id": ["a", "b", "c"], "weight": [10.0, 20.0, 30.0], "class": ["urban", "长沙", None]},
    geometry=[Point(113, 28), Point(113.01, 28), box(113.02, 28, 113.03, 28.01)],
    crs=4326,
)
POINTS = SHAPES.set_geometry(SHAPES.geometry.representative_point())
OCM = {
    "ID": 7,
    "OperatorInfo": {"Title": "A"},
    "UsageType": {"ID": 1},
    "StatusType": {"ID": 50},
    "NumberOfPoints": 3,
    "AddressInfo": {"Title": "B", "Latitude": 19.0, "Longitude": 72.0, "AccessComments": "24/7"},
    "Connections": [{"ConnectionTypeID": 33, "PowerKW": 60.0, "Quantity": 2}],
}
OCPI = {
    "country_code": "DE",
    "party_id": "ALL",
    "id": "L",
    "publish": True,
    "name": "Zuid",
    "coordinates": {"latitude": "51.0", "longitude": "3.7"},
    "operator": {"name": "A"},
    "opening_times": {"twentyfourseven": False, "regular_hours": [{"weekday": 1, "period_begin": "08:00"}]},
    "evses": [
        {
            "status": "AVAILABLE",
            "parking_restrictions": [],
            "connectors": [
                {
                    "standard": "IEC_62196_T2",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 32,
                }
            ],
        }
    ],
}
AFDC = """\
Fuel Type Code,Station Name,ID,Access Code,EV Level2 EVSE Num,EV Connector Types,Latitude,Longitude
ELEC,"Mall, north",42,public,4,J1772 CHADEMO,30.2672,-97.7431
CNG,Other,43,private,,,30.3,-97.7
"""


def as_demand(path: Path) -> None:
    """Read a layer as the demand of a scenario."""
    folder = path.parent
    (folder / "sites.csv").write_text(SITES, encoding="utf-8")
    tables = {
        "schema": 1,
        "name": "town",
        "demand": [{"name": "people", "file": path.name, "where": "weight > 1"}],
        "sites": [{"name": "places", "file": "sites.csv"}],
        "standards": [{"name": "near", "demand": "people", "radius": "1 km"}],
        "objective": {"minimise": "cost"},
    }
    Problem.read(Scenario.parse(tables, folder))


def as_scenario(path: Path) -> None:
    """Read a scenario file and the layers that it names."""
    (path.parent / "demand.csv").write_text(DEMAND, encoding="utf-8")
    (path.parent / "sites.csv").write_text(SITES, encoding="utf-8")
    Problem.read(path)


def as_extract(path: Path) -> None:
    """Build a scenario of an OpenStreetMap extract."""
    build(Request(path, "town"))


def _csv(path: Path) -> None:
    path.write_text(DEMAND, encoding="utf-8")


def _wkt(path: Path) -> None:
    path.write_text(
        'id,weight,wkt\na,10,POINT (113 28)\nb,3,"POLYGON ((113 28, 113.1 28, 113 28.1, 113 28))"\n'
    )


def _shapefile(path: Path) -> None:
    POINTS.to_file(path, encoding="GBK")


def _parquet(path: Path) -> None:
    SHAPES.to_parquet(path, compression=None)


def _layer(path: Path) -> None:
    SHAPES.to_file(path)


def _kml(path: Path) -> None:
    SHAPES.to_file(path, driver="LIBKML")


def _raster(path: Path) -> None:
    import rasterio

    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    transform = rasterio.Affine(0.01, 0, 113, 0, -0.01, 28)
    with rasterio.open(path, "w", transform=transform, **profile) as raster:
        raster.write(np.arange(64, dtype=np.float32).reshape(8, 8), 1)


def _extract(path: Path) -> None:
    import osmium
    from osmium.osm.mutable import Node, Way

    corners = [(0, 0), (0.005, 0), (0.005, 0.005), (0, 0.005)]
    houses = [(0.001 + east / 25, 0.001 + north / 25) for east, north in corners]
    file = osmium.io.File(str(path), "osm.pbf,pbf_compression=none")
    with osmium.SimpleWriter(file) as writer:
        for number, (east, north) in enumerate(corners + houses, 1):
            writer.add_node(Node(id=number, location=(20 + east, 10 + north), version=1))
        writer.add_way(Way(id=1, nodes=[1, 2, 3, 4, 1], tags={"highway": "residential"}, version=1))
        writer.add_way(Way(id=2, nodes=[5, 6, 7, 8, 5], tags={"building": "house"}, version=1))
        writer.add_way(Way(id=3, nodes=[5, 6, 7, 5], tags={"amenity": "parking", "name": "P"}, version=1))


Write, Read = Callable[[Path], None], Callable[[Path], object]
FORMATS: dict[str, tuple[str, Write, Read]] = {
    "GeoJSON": ("demand.geojson", _layer, as_demand),
    "GeoPackage": ("demand.gpkg", _layer, as_demand),
    "Shapefile": ("demand.shp", _shapefile, as_demand),
    "FlatGeobuf": ("demand.fgb", _layer, as_demand),
    "KML": ("demand.kml", _kml, as_demand),
    "GeoParquet": ("demand.parquet", _parquet, as_demand),
    "CSV": ("demand.csv", _csv, as_demand),
    "WKT": ("demand.csv", _wkt, as_demand),
    "OpenStreetMap": ("town.osm.pbf", _extract, as_extract),
    "Open Charge Map": (
        "ocm.json",
        lambda path: path.write_text(json.dumps([OCM]), encoding="utf-8"),
        read_open_charge_map,
    ),
    "OCPI": ("ocpi.json", lambda path: path.write_text(json.dumps([OCPI]), encoding="utf-8"), read_ocpi),
    "AFDC": ("afdc.csv", lambda path: path.write_text(AFDC, encoding="utf-8"), read_afdc),
    "GeoTIFF": ("people.tif", _raster, read_people_raster),
    "scenario": (
        "scenario.toml",
        lambda path: path.write_text(SCENARIO, encoding="utf-8"),
        as_scenario,
    ),
}


def make(name: str, folder: Path) -> list[Path]:
    """Write the sound file of a format: itself first, then its parts."""
    file, write, _ = FORMATS[name]
    path = folder / file
    write(path)
    return [path, *sorted(part for part in folder.glob(f"{path.stem}.*") if part != path)]
