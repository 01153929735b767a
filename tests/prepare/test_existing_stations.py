"""Existing stations: which count, and which are the same in two sources."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from chargeplan.errors import InputError
from chargeplan.prepare.existing import SameStation, Wanted, join, keep, merge, same_stations
from chargeplan.prepare.existing.plugs import Plug
from chargeplan.prepare.existing.schema import COLUMNS, Station, station_table
from chargeplan.prepare.faults import Faults

GEOD = Geod(ellps="WGS84")
HERE = (113.0, 28.0)


def east(metres):
    """A position so many metres east of HERE."""
    lon, lat, _ = GEOD.fwd(*HERE, 90.0, metres)
    return lon, lat


def table(source, *stations, **same):
    rows = [
        Station(id=f"{source}-{at}", source=source, **(same | given))
        for at, (given, _) in enumerate(stations)
    ]
    places = [east(metres) for _, metres in stations]
    return station_table(rows, gpd.points_from_xy(*zip(*places, strict=True)), Faults("f", source))


def kept(stations, **asked):
    return [int(name.partition("-")[2]) for name in keep(stations, Wanted(**asked))["id"]]


@pytest.fixture
def stations():
    plugs = (Plug("type2", 22.0, 2), Plug("ccs2", 150.0, 1))
    return table(
        "s",
        ({"access": "public", "always_open": True, "plugs": plugs, "ports": 2, "state": "open"}, 0),
        ({"access": "private", "always_open": False, "plugs": (Plug("ccs2", 50.0, None),)}, 10),
        ({"access": None, "always_open": None, "plugs": (), "state": "planned"}, 20),
        ({"access": "customers", "plugs": (Plug("unknown", None, 6),), "ports": 6}, 30),
    )


@pytest.mark.parametrize(
    ("asked", "drop", "kept_too"),
    [
        ({}, [0, 1, 3], []),
        ({"standing": False}, [0, 1, 2, 3], []),
        ({"access": ("public",)}, [0], []),
        ({"access": ("public", "customers")}, [0, 3], []),
        ({"always_open": True}, [0], [3]),
        ({"connectors": ("ccs2",)}, [0, 1], [3]),
        ({"connectors": ("chademo",)}, [], [3]),
        ({"connectors": ("ccs2",), "least_kw": 100}, [0], [3]),
        ({"connectors": ("type2",), "least_kw": 100}, [], [3]),
        ({"least_kw": 50}, [0, 1], [3]),
        ({"least_ports": 2}, [0, 3], [1]),
        ({"least_ports": 2, "connectors": ("ccs2",)}, [], [1, 3]),
        ({"least_ports": 2, "connectors": ("type2", "ccs2")}, [0], [1, 3]),
        ({"least_ports": 3, "connectors": ("type2", "ccs2")}, [], [1, 3]),
    ],
)
def test_what_counts(stations, asked, drop, kept_too):
    """Every question has three answers; what is not stated is dropped, or kept on request."""
    assert kept(stations, **asked) == drop
    assert kept(stations, unknown="keep", **asked) == sorted([*drop, *kept_too])


def test_what_counts_is_counted(stations):
    """The remarks tell how many do not fit and how many do not say."""
    found = keep(stations, Wanted(access=("public",)))
    assert found.attrs["remarks"] == (
        "standing: 1 no, 2 not stated (kept)",
        "access public: 2 no, 1 not stated (dropped)",
        "that count: 1 of 4",
    )


def test_questions_that_cannot_be_asked():
    """All that is wrong with a question is said at once."""
    with pytest.raises(InputError) as caught:
        Wanted(access=("publc",), connectors="ccs2", least_kw=-1, least_ports=-2, unknown="guess")
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    assert "access: there is no 'publc'" in text
    assert "connectors = 'ccs2' must be a list" in text


@pytest.mark.parametrize(
    ("one", "other", "metres", "same"),
    [
        ({"name": "Rathaus"}, {"name": "Rathaus Ladestation"}, 95, True),
        ({"name": "Rathaus"}, {"name": "Rathaus"}, 105, False),
        ({"name": "Rathaus"}, {"name": "Bahnhof"}, 5, False),
        ({"name": "IONITY GmbH"}, {"operator": "Ionity"}, 50, True),
        ({"name": "五一广场充电站"}, {"name": "五一广场"}, 50, True),
        ({}, {"name": "Bahnhof"}, 20, True),
        ({}, {"name": "Bahnhof"}, 30, False),
        ({"name": "EV Charging Station"}, {"name": "Charging Point"}, 20, True),
        ({"name": "Rasthof", "operator": "EnBW"}, {"name": "Rasthof", "operator": "Ionity"}, 50, False),
        ({"name": "Rasthof", "operator": "EnBW"}, {"name": "Rasthof", "operator": "Ionity"}, 20, True),
        ({"name": "Mall P2"}, {"name": "P2, Mall"}, 50, True),
    ],
)
def test_the_same_station(one, other, metres, same):
    """Found by distance on the ellipsoid and by what it is called; whichever source comes first."""
    for tables in (
        [table("a", (one, 0)), table("b", (other, metres))],
        [table("b", (other, metres)), table("a", (one, 0))],
    ):
        joined = join(tables)
        pairs = same_stations(joined)
        assert len(pairs) == same
        assert len(joined) == 2
        if same:
            assert pairs["distance_m"].iloc[0] == pytest.approx(metres, abs=0.02)
            assert "in another source as well: 2 of 2 stations, kept" in joined.attrs["doubts"][0]


def test_a_source_has_no_station_twice():
    """Each station is given at most one of every other source: the likest, then the nearest."""
    one = table("a", ({"name": "P1 Mall"}, 0), ({"name": "P2 Mall"}, 20))
    other = table("b", ({"name": "P2 Mall"}, 5), ({"name": "P1 Mall"}, 25), ({"name": "P3 Mall"}, 10))
    pairs = same_stations(join([one, other]))
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [(0, 3), (1, 2)]
    assert len(join([one, other], merged=True)) == 3


def test_merged_stations_keep_what_each_source_says():
    """The first source leads; what it does not say is filled in; the others' ids are kept."""
    first = table("a", ({"name": "Rathaus"}, 0), ({"name": "Far"}, 900))
    second = table(
        "b", ({"name": "Rathaus", "ports": 4, "plugs": (Plug("ccs2", 50.0, 4),), "always_open": True}, 30)
    )
    third = table("c", ({"name": "Rathaus", "ports": 9, "access": "public"}, 60))
    joined = join([first, second, third], merged=True)
    assert joined["id"].tolist() == ["a-0", "a-1"]
    assert joined["merged"].tolist() == ["b-0; c-0", ""]
    row = joined.iloc[0]
    assert (row["ports"], row["access"], row["always_open"]) == (4, "public", True)
    assert row["plugs"] == (Plug("ccs2", 50.0, 4),)
    assert (row.geometry.x, row.geometry.y) == HERE
    assert joined["ports"].dtype == np.float64
    assert "in another source as well: 3 of 4 stations, merged, 2 fewer" in joined.attrs["remarks"][-1]


def test_joining_checks_what_it_is_given():
    """No table, and ids that two share, are errors; tables without stations are none."""
    with pytest.raises(InputError, match="no table"):
        join([])
    with pytest.raises(InputError, match="the id 'a-0' is in several"):
        join([table("a", ({}, 0)), table("a", ({}, 0))])
    empty = table("b", ({}, 0)).iloc[:0]
    assert join([table("a", ({}, 0)), empty])["id"].tolist() == ["a-0"]
    assert len(join([empty, empty])) == 0


@pytest.mark.parametrize("wrong", [{"radius": -1}, {"likeness": 1.5}, {"blind_radius": np.nan}])
def test_rules_that_cannot_be(wrong):
    """A radius below 0 or a likeness beyond 1 is refused."""
    with pytest.raises(InputError):
        SameStation(**wrong)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["", "Rathaus", "Bahnhof", "Rathaus 2"]),
            st.integers(0, 300),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_merging_loses_no_source_twice(drawn):
    """No group has two stations of a source, and every station is in exactly one group."""
    groups = [
        table(source, *[({"name": name or None}, metres) for each, name, metres in drawn if each == source])
        for source in sorted({each for each, _, _ in drawn})
    ]
    joined = join(groups)
    result = join(groups, merged=True)
    members = [[row["id"], *filter(None, row["merged"].split("; "))] for _, row in result.iterrows()]
    assert sorted(name for group in members for name in group) == sorted(joined["id"])
    for group in members:
        assert len({name[0] for name in group}) == len(group)
    pairs = same_stations(joined)
    assert (pairs["distance_m"] <= 100.0).all()
    assert merge(joined, pairs)["merged"].tolist() == result["merged"].tolist()
    assert set(COLUMNS) <= set(result.columns)
