"""Which rows of a station layer count, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

import chargeplan as cp
from chargeplan.audit import audit
from chargeplan.audit.stations import open_stations


def test_only_selected_and_existing_rows_count(street, layer, place):
    """Of a plan's sites the open ones count; the others are named in the notes."""
    statuses = ["selected", "existing", "closed", "rejected", "forbidden", None]
    stations = layer([place(100.0 * k) for k in range(6)], id=list("uvwxyz"), status=statuses)
    report = audit(street(), stations)
    assert report.opened.ids.tolist() == ["u", "v"]
    assert len(report.notes) == 4


def test_without_a_status_every_row_counts(street, layer, place):
    """A foreign layer of stations has no status."""
    assert audit(street(), layer([place(0.0), place(1500.0)])).stations == 2


def test_another_crs_is_converted(street, layer, place):
    """The same stations in UTM are the same stations, to a centimetre."""
    stations = layer([place(0.0), place(1500.0)])
    here, there = (audit(street(), each).standards[0] for each in (stations, stations.to_crs(32649)))
    np.testing.assert_allclose(here.distance_m, there.distance_m, atol=0.02)
    np.testing.assert_array_equal(here.station, there.station)


def test_a_mask_and_its_layer_are_audited_alike(street, layer):
    """Opening sites by a mask or by a layer of the same points gives the same figures."""
    problem, mask = street(), np.array([True, False, True])
    stations = layer(problem.sites.positions[mask], id=problem.sites.ids[mask])
    by_mask, by_layer = audit(problem, mask), audit(problem, stations)
    assert by_mask.standards[0].to_dict() == by_layer.standards[0].to_dict()
    np.testing.assert_array_equal(by_mask.opened.sites, by_layer.opened.sites)


def test_polygons_count_by_a_point_inside(street, place):
    """A car park drawn as an area is a station."""
    area = gpd.GeoDataFrame(geometry=[shapely.Point(place(1500.0)).buffer(0.0005)], crs=4326)
    assert audit(street(), area).standards[0].covered.tolist() == [False, True, True, False]


def test_numbers_are_ids_like_text(street, layer, place):
    """Ids that a file holds as numbers are compared as text."""
    assert open_stations(street(), layer([place(0.0)], id=[7])).ids.tolist() == ["7"]


@pytest.mark.parametrize(
    ("shapes", "crs", "message"),
    [
        ([shapely.Point(113, 28)], None, "CRS"),
        ([shapely.Point(113, 28), None], 4326, "row 2: has no geometry"),
        ([shapely.Point()], 4326, "row 1: has no geometry"),
        ([shapely.Point(113, 28), shapely.LineString([(113, 28), (114, 28)])], 4326, "row 2: is a line"),
        ([shapely.Point(28, 113)], 4326, "row 1: lies at .* not on the Earth"),
        ([shapely.Point(113, 28), shapely.Point(113, np.nan)], 4326, "row 2: .* not a number"),
        ([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], 4326, "row 1: .* crosses itself"),
        ([], 4326, "holds no station"),
    ],
)
def test_what_is_no_station_is_refused(street, shapes, crs, message):
    """A faulty layer is named with its row, not measured."""
    with pytest.raises(cp.InputError, match=message):
        audit(street(), gpd.GeoDataFrame(geometry=shapes, crs=crs))


def test_a_station_listed_twice_is_not_its_own_backup(street, layer, place):
    """An id that two counted rows share is refused with the second row; rejected rows do not matter."""
    twice = {"id": ["u", "v", "u"], "status": ["selected", "selected", "existing"]}
    positions = [place(0.0), place(1500.0), place(0.0)]
    with pytest.raises(cp.InputError, match="row 3: its id 'u' is another station's too"):
        audit(street(), layer(positions, **twice))
    twice["status"][2] = "rejected"
    assert audit(street(), layer(positions, **twice)).stations == 2


def test_rows_without_an_id_are_told_apart(street, layer, place):
    """A missing id is no id that rows could share."""
    opened = open_stations(street(), layer([place(0.0), place(1500.0), place(9.0)], id=[None, "v", None]))
    assert opened.ids.tolist() == ["stations-1", "v", "stations-3"]


def test_stations_with_swapped_axes_are_refused(layer):
    """Where both orders lie on the Earth, the demand tells which one is meant."""
    problem = cp.Problem(
        demand=layer([(10.0, 50.0), (10.1, 50.1)]),
        sites=layer([(10.0, 50.0)]),
        standards=[{"radius": "1 km"}],
        objective={"minimise": "stations"},
    )
    with pytest.raises(cp.InputError, match="only with longitude and latitude swapped"):
        audit(problem, layer([(50.0, 10.0)]))
    assert audit(problem, layer([(80.0, 10.0)])).stations == 1


def test_a_status_counts_in_whatever_case(street, layer, place):
    """`Existing` and `SELECTED` are statuses too."""
    stations = layer([place(0.0), place(1500.0), place(9.0)], status=["Existing", " SELECTED", "Closed"])
    assert audit(street(), stations).stations == 2


def test_a_status_of_other_words_is_refused(street, layer, place):
    """A layer whose statuses are somebody else's would count as no stations; all rejected is an answer."""
    with pytest.raises(cp.InputError, match="'operational' is no status that a plan gives"):
        audit(street(), layer([place(0.0), place(9.0)], status=["Operational", "rejected"]))
    assert audit(street(), layer([place(0.0), place(9.0)], status=["rejected", None])).stations == 0


def test_every_fault_of_a_layer_is_named(street):
    """Two rows are wrong: both are said."""
    shapes = [None, shapely.Point(113, 28), shapely.LineString([(113, 28), (114, 28)])]
    with pytest.raises(cp.InputError) as caught:
        audit(street(), gpd.GeoDataFrame(geometry=shapes, crs=4326))
    assert [fault.row for fault in caught.value.faults] == [1, 3]


@pytest.mark.parametrize("mask", [np.ones(2, bool), np.ones(3, int), np.array([0, 2]), [True, False]])
def test_a_mask_must_fit_the_sites(street, mask):
    """Indices, or truth values of another number, are refused rather than guessed at."""
    with pytest.raises(cp.InputError, match="3 truth values"):
        audit(street(), mask)
