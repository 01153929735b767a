"""Whatever a file of stations holds, it is read, or refused in one error; nothing else is ever raised."""

import copy
import json
import math

import geopandas as gpd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_files import OCM, OCPI

from chargeplan.errors import InputError
from chargeplan.prepare.existing import flat, read_ocpi, read_open_charge_map, stations_of_openstreetmap
from chargeplan.prepare.existing.schema import COLUMNS

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "DC", "AVAILABLE", "24/7", "1e400", "-5", "12,5", "<b>", "=1+1", "\u202e", "x" * 300]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def places_in(value, path=()):
    """Every place of a document that something else could stand at."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places_in(inner, (*path, key))


def changed(document, path, value):
    if not path:
        return value
    found = copy.deepcopy(document)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return found


def tried(read, path):
    """The table, or what the error says."""
    try:
        return read(path), []
    except InputError as error:
        return None, [str(fault) for fault in error.faults]


@pytest.mark.parametrize(("read", "record"), [(read_open_charge_map, OCM), (read_ocpi, OCPI)])
def test_json_with_anything_anywhere(tmp_path, read, record):
    """A value is replaced by another of any type: the station is read, or the error names the file."""
    path = tmp_path / "stations.json"
    places = list(places_in([record]))

    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(places), VALUES)
    def anything(place, value):
        path.write_text(json.dumps(changed([record], place, value)), encoding="utf-8")
        table, told = tried(read, path)
        assert all("stations.json" in line and len(line) < 1_000 for line in told)
        if table is None:
            return
        assert list(table.columns) == [*COLUMNS, "geometry"]
        assert all(plug.kw is None or math.isfinite(plug.kw) for plugs in table["plugs"] for plug in plugs)
        flat(table, {"slow": 0, "fast": 50})

    anything()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "socket:type2",
                "socket:type2:output",
                "socket::",
                "socket:x",
                "capacity",
                "access",
                "opening_hours",
            ]
        )
        | st.text(max_size=4),
        VALUES,
        max_size=5,
    )
)
def test_any_tags_of_openstreetmap(tags):
    """Tags are free text: no tag stops the reading."""
    frame = gpd.GeoDataFrame({"tags": [tags]}, geometry=gpd.points_from_xy([9.5], [47.1]), crs=4326)
    table = stations_of_openstreetmap(frame)
    assert len(flat(table, {"slow": 0})) == 1
