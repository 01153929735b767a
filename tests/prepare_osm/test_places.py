"""Sites, stations and homes of an extract."""

import numpy as np
import pytest
from osmium.osm.mutable import Relation

from chargeplan.prepare.osm.demand import demand_table
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.people import Population
from chargeplan.prepare.osm.places import read_places

ROAD = {"highway": "residential"}


def square(first, place, side):
    """Nodes of a square, and the ring that they make."""
    east, north = place
    corners = [(east, north), (east + side, north), (east + side, north + side), (east, north + side)]
    nodes = {first + at: corner for at, corner in enumerate(corners)}
    return nodes, [*nodes, first]


def test_sites_have_kind_room_and_a_place_inside(write):
    """Points and areas become sites by their tags; a tenth of a car park's places may get a charger."""
    nodes, ring = square(10, (0, 0), 1)
    nodes |= {number: (number, 5) for number in range(1, 8)}
    tags = {
        1: {"amenity": "fuel", "name": "Pump"},
        2: {"shop": "supermarket"},
        3: {"amenity": "parking", "parking": "underground"},
        4: {"amenity": "parking", "access": "private"},
        5: {"amenity": "bench"},
        6: {"amenity": "charging_station", "name": "Volt"},
        7: {"amenity": "charging_station", "access": "private"},
    }
    ways = {1: (ring, {"amenity": "parking", "capacity": "120"}), 2: ([1, 2], ROAD)}
    places = read_places(Extract(write(nodes, ways, tags)))
    rows = places.sites.set_index("id")
    assert rows["kind"].to_dict() == {"n1": "fuel", "n2": "supermarket", "n3": "garage", "w1": "parking"}
    assert rows["room"].to_dict() == {"n1": 6, "n2": 8, "n3": 20, "w1": 12}
    assert rows.loc["w1", ["lon", "lat"]].tolist() == pytest.approx([20.0005, 10.0005])
    assert places.stations["id"].tolist() == ["osm-n6"]


def test_a_multipolygon_is_one_place(write):
    """A car park with a hole is a site outside the hole."""
    outer, inner = square(10, (0, 0), 3)[0], square(20, (1, 1), 1)[0]
    ways = {1: ([*outer, 10], {}), 2: ([*inner, 20], {})}
    relation = Relation(
        id=5,
        version=1,
        members=[("w", 1, "outer"), ("w", 2, "inner")],
        tags={"type": "multipolygon", "amenity": "parking"},
    )
    places = read_places(Extract(write(outer | inner, ways, relations=[relation])))
    (site,) = places.sites.itertuples()
    assert site.id == "r5"
    east, north = (site.lon - 20.0) / 0.001, (site.lat - 10.0) / 0.001
    assert 0 < east < 3
    assert not (1 < east < 2 and 1 < north < 2)


def test_built_area_is_ground_times_storeys(write):
    """A house of 22 by 22 m and three storeys; one of no stated storeys counts two, apartments four."""
    nodes, ways = {}, {}
    kinds = [
        {"building": "house", "building:levels": "3"},
        {"building": "house"},
        {"building": "apartments"},
        {"building": "yes"},
        {"building": "yes", "shop": "kiosk"},
        {"building": "garage"},
    ]
    for at, tags in enumerate(kinds):
        corner, ring = square(10 * (at + 1), (3 * at, 0), 0.2)
        nodes |= corner
        ways[at + 1] = (ring, tags)
    homes = read_places(Extract(write(nodes, ways))).homes
    ground = 0.0002**2 * 109_639 * 110_606  # metres in a degree at latitude 10
    assert homes.built == pytest.approx(np.array([3, 2, 4, 2]) * ground, rel=1e-3)
    assert (homes.buildings, homes.sampled) == (4, 0)


def test_buildings_of_no_stated_use_are_homes_by_size_and_place(write):
    """Sheds, halls and whatever stands in an industrial area are no homes."""
    sizes = [0.03, 0.2, 0.9, 0.2]  # of 0.1 km: a shed of 11 m2, a house, a hall, a house among factories
    nodes, ways = square(90, (9, -1), 3)[0], {9: (square(90, (9, -1), 3)[1], {"landuse": "industrial"})}
    for at, side in enumerate(sizes):
        corner, ring = square(10 * (at + 1), (3 * at + (at == 3), 0), side)
        nodes |= corner
        ways[at + 1] = (ring, {"building": "yes"})
    homes = read_places(Extract(write(nodes, ways))).homes
    assert homes.buildings == 1
    assert homes.positions[0] == pytest.approx([20.0031, 10.0001])


def test_residential_areas_without_homes_are_sampled(write):
    """A mapped area without buildings is divided into squares of its size; one with a home is not."""
    bare, bare_ring = square(10, (0, 0), 10)
    lived_in, other_ring = square(20, (20, 0), 10)
    home, ring = square(30, (21, 1), 0.2)
    ways = {
        1: (bare_ring, {"landuse": "residential"}),
        2: (other_ring, {"landuse": "residential"}),
        3: (ring, {"building": "house"}),
    }
    homes = read_places(Extract(write(bare | lived_in | home, ways))).homes
    assert homes.buildings == 1
    assert 100 <= homes.sampled <= 160
    area = 0.01**2 * 109_639 * 110_606
    assert homes.built[1:].sum() == pytest.approx(0.3 * area, rel=2e-3)
    assert (homes.positions[1:, 0] < 20.0101).all()


def test_people_of_areas_spread_over_their_homes_and_none_is_lost(write):
    """An area's people go to its homes by built area; an area without homes keeps its own."""
    import shapely

    nodes, ways = {}, {}
    for at, (place, levels) in enumerate([((0, 0), "1"), ((5, 0), "3")]):
        corner, ring = square(10 * (at + 1), place, 0.2)
        nodes |= corner
        ways[at + 1] = (ring, {"building": "house", "building:levels": levels})
    homes = read_places(Extract(write(nodes, ways))).homes
    areas = np.array([shapely.box(19.99, 9.99, 20.01, 10.01), shapely.box(21.0, 9.0, 22.0, 10.0)])
    population = Population(
        ids=np.array(["full", "bare"], dtype=object),
        areas=areas,
        positions=np.array([[20.0, 10.0], [21.5, 9.5]]),
        people=np.array([40.0, 7.0]),
    )
    table = demand_table(homes, population)
    assert table["weight"].sum() == pytest.approx(47.0)
    assert sorted(table["weight"]) == pytest.approx([7.0, 10.0, 30.0])
    assert table.set_index("id").loc["bare", ["lon", "lat"]].tolist() == [21.5, 9.5]


def test_a_damaged_outline_is_no_place(write):
    """A car park that is no closed ring is left out, and the rest is read."""
    nodes, ring = square(10, (0, 0), 1)
    ways = {1: (ring[:3], {"amenity": "parking"}), 2: (ring, {"amenity": "parking"})}
    assert read_places(Extract(write(nodes, ways))).sites["id"].tolist() == ["w2"]
