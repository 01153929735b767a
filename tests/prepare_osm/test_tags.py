"""What tags mean to a car."""

import pytest

from chargeplan.prepare.osm import tags


@pytest.mark.parametrize(
    ("said", "open_to_all"),
    [
        ({}, True),
        ({"access": "private"}, False),
        ({"access": "no", "motor_vehicle": "yes"}, True),
        ({"access": "yes", "motorcar": "no"}, False),
        ({"access": "agricultural;forestry"}, False),
        ({"motor_vehicle": "agricultural;destination"}, True),
        ({"access": "customers"}, True),
    ],
)
def test_the_most_particular_tag_says_who_may_enter(said, open_to_all):
    """`motorcar` overrides `motor_vehicle`, which overrides `access`; one open word is enough."""
    assert tags.is_open(said) is open_to_all


@pytest.mark.parametrize(
    ("said", "road"),
    [
        ({"highway": "residential"}, True),
        ({"highway": "footway"}, False),
        ({"highway": "track"}, False),
        ({"highway": "construction"}, False),
        ({"highway": "service"}, True),
        ({"highway": "service", "service": "parking_aisle"}, False),
        ({"highway": "service", "area": "yes"}, False),
        ({"highway": "residential", "access": "private"}, False),
    ],
)
def test_roads_are_what_everybody_may_drive_along(said, road):
    """Paths, roads to come, yards and private roads are no roads."""
    assert tags.is_road(said) is road


@pytest.mark.parametrize(
    ("said", "direction"),
    [
        ({"highway": "primary"}, 0),
        ({"highway": "primary", "oneway": "yes"}, 1),
        ({"highway": "primary", "oneway": "-1"}, -1),
        ({"highway": "motorway"}, 1),
        ({"highway": "motorway", "oneway": "no"}, 0),
        ({"highway": "motorway_link"}, 0),
        ({"highway": "tertiary", "junction": "roundabout"}, 1),
        ({"highway": "tertiary", "junction": "roundabout", "oneway": "-1"}, -1),
        ({"highway": "primary", "oneway": "reversible"}, 0),
    ],
)
def test_directions(said, direction):
    """A way is as it says; motorways and roundabouts are one-way unless they say otherwise."""
    assert tags.direction(said) == direction


@pytest.mark.parametrize(
    ("maxspeed", "speed"),
    [
        (None, 55.0),
        ("50", 50.0),
        ("50 km/h", 50.0),
        ("30 mph", 48.28032),
        ("30mph", 48.28032),
        ("walk", 7.0),
        ("none", 130.0),
        ("CH:urban", 50.0),
        ("DE:zone:30", 30.0),
        ("FR:zone30", 30.0),
        ("70;50", 50.0),
        ("signals", 55.0),
        ("0", 55.0),
        ("9999", 55.0),
        ("fast", 55.0),
    ],
)
def test_speeds(maxspeed, speed):
    """A posted speed is read in km/h; what cannot be read is the speed of the class."""
    said = {"highway": "secondary"} | ({} if maxspeed is None else {"maxspeed": maxspeed})
    assert tags.speed(said) == pytest.approx(speed)
