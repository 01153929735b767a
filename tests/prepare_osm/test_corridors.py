"""Motorways and trunk roads as corridors."""

import numpy as np
import pytest

from chargeplan.prepare.osm.corridors import corridor_pieces, entered
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.roads import read_roads

MOTORWAY = {"highway": "motorway", "ref": "A1"}
LINK = {"highway": "motorway_link", "oneway": "yes"}
LANE = {"highway": "secondary"}


@pytest.fixture
def motorway(write):
    """Two carriageways 20 m apart over 11 km, with an interchange in the middle.

    ::

        21 <-------- 22 <-- 23 <-------- 24      westbound
                       \\  /
                        50 -- 51                 secondary
                       /  \\
        11 -- 13 --> 12 --> 14 --------> 15      eastbound; 13 only joins two ways
    """
    nodes = {11: (0, 0), 13: (20, 0), 12: (49, 0), 14: (51, 0), 15: (100, 0)}
    nodes |= {21: (0, 0.2), 22: (49, 0.2), 23: (51, 0.2), 24: (100, 0.2), 50: (50, 0.1), 51: (50, 9)}
    ways = {
        1: ([11, 13], MOTORWAY),
        2: ([13, 12, 14, 15], MOTORWAY),
        3: ([24, 23, 22, 21], MOTORWAY),
        4: ([12, 50], LINK),
        5: ([50, 14], LINK),
        6: ([23, 50], LINK),
        7: ([50, 22], LINK),
        8: ([50, 51], LANE),
    }
    return read_roads(Extract(write(nodes, ways)))


def test_pieces_lead_from_interchange_to_interchange(motorway):
    """Each carriageway is cut where links meet it, and not where merely another way begins."""
    pieces = corridor_pieces(motorway, np.ones(len(motorway.edge), dtype=bool))
    along = pieces[pieces["part"] == "carriageway"]
    assert len(along) == 6
    assert set(along["ref"]) == {"A1"}
    places = motorway.position
    ends = np.array([list(line.coords)[:: len(line.coords) - 1] for line in along.geometry])
    names = {tuple(place): node for node, place in zip(motorway.node.tolist(), places.tolist(), strict=True)}
    found = {tuple(sorted(names[tuple(place)] for place in pair)) for pair in ends.tolist()}
    assert found == {(11, 12), (12, 14), (14, 15), (21, 22), (22, 23), (23, 24)}


def test_carriageways_are_joined_at_interchanges(motorway):
    """A site at one carriageway's interchange serves the other too; without the joints it would not."""
    pieces = corridor_pieces(motorway, np.ones(len(motorway.edge), dtype=bool))
    site = np.array([[20.049, 9.9999]])
    assert entered(pieces, site).all()
    along = pieces[pieces["part"] == "carriageway"]
    assert entered(along, site).sum() == 3


def test_corridors_that_no_site_enters_are_told(motorway):
    """Without a site nothing is entered."""
    pieces = corridor_pieces(motorway, np.ones(len(motorway.edge), dtype=bool))
    assert not entered(pieces, np.empty((0, 2))).any()


def test_without_motorways_there_are_no_corridors(write):
    """Streets make no corridor."""
    roads = read_roads(Extract(write({1: (0, 0), 2: (1, 0)}, {1: ([1, 2], LANE)})))
    assert corridor_pieces(roads, np.ones(1, dtype=bool)).empty
