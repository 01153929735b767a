"""Stations that stand, whatever tells of them."""

import json

import pandas as pd
import pytest

from chargeplan.prepare.osm.stations import read_stations

AFDC = "Fuel Type Code,Station Name,Latitude,Longitude,ID,EV Network\nELEC,Mall,10.0,20.0,7,Volt\n"
OCM = [{"ID": 3, "UUID": "u", "AddressInfo": {"Title": "Mall", "Latitude": 10.0, "Longitude": 20.0}}]
OCPI = [
    {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "L1",
        "name": "Mall",
        "coordinates": {"latitude": "10.0", "longitude": "20.0"},
        "evses": [{"uid": "1", "status": "AVAILABLE", "connectors": []}],
    }
]
GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"id": 9, "name": "Mall"},
            "geometry": {"type": "Point", "coordinates": [20.0, 10.0]},
        }
    ],
}


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.csv", AFDC, "afdc"),
        ("a.json", json.dumps(OCM), "ocm"),
        ("b.json", json.dumps(OCPI), "ocpi"),
        ("c.json", json.dumps(GEOJSON), "given"),
        ("d.csv", "id,lon,lat,name\n1,20,10,Mall\n", "given"),
    ],
)
def test_the_source_is_told_by_what_the_file_holds(tmp_path, name, content, source):
    """One station, called Mall, in each of five formats."""
    path = tmp_path / name
    path.write_text(content)
    (station,) = read_stations(path).itertuples()
    assert (station.source, station.name) == (source, "Mall")
    assert (station.geometry.x, station.geometry.y) == (20.0, 10.0)
    assert isinstance(station.id, str)
    assert not pd.isna(station.id)
