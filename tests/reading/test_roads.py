"""Corridors and roads: graphs that a reader can derive, and brute force on ones that they cannot."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, MultiLineString, Point

from chargeplan.errors import InputError
from chargeplan.prepare.nearest import nearest_on_lines, nearest_position
from chargeplan.prepare.polylines import Polylines
from chargeplan.prepare.roads import Entrances, corridor_network, road_network

GEOD = Geod(ellps="WGS84")
DEGREE = 111_319.49  # metres of the equator in a degree


def distances(access) -> np.ndarray:
    """Metres by road from every demand point to every site, by SciPy."""
    graph = access.graph
    table = dijkstra(csr_array((graph.lengths, graph.indices, graph.indptr)), indices=access.demand.node)
    return table[:, access.sites.node] + access.demand.leg[:, None] + access.sites.leg[None, :]


def lines(*coordinates) -> np.ndarray:
    return np.array([LineString(line) for line in coordinates], dtype=object)


def write(region, name, geometry, **columns) -> None:
    gpd.GeoDataFrame(columns, geometry=list(geometry), crs=4326).to_file(region.folder / name)


def corridor(region, geometry, sites, *, standard=None, **layer):
    """Read a corridor along the equator with sites at the given places."""
    write(region, "roads.geojson", geometry, ref=[f"G{n}" for n in range(len(geometry))])
    region.write("sites.csv", "lon,lat\n" + "".join(f"{lon},{lat}\n" for lon, lat in sites))
    return region.read(
        demand=[],
        corridors=[{"name": "roads", "file": "roads.geojson", **layer}],
        standards=[{"name": "far", "corridor": "roads", "radius": "50 km", **(standard or {})}],
    )


def test_points_along_a_corridor(region) -> None:
    """A--------B----C: steps of at most 1 km, equal along each piece; B belongs to both.

    A to B is 0.09 degrees of the equator, 10.02 km: 11 steps; B to C 0.02 degrees, 2.23 km: 3 steps.
    """
    problem = corridor(region, lines([(0, 0), (0.09, 0)], [(0.09, 0), (0.11, 0)]), [(0, 0)], length_factor=1)
    points = problem.standards[0].points
    assert len(points) == 12 + 4 - 1
    longitude = np.sort(points.positions[:, 0])
    expected = np.concatenate([np.linspace(0, 0.09, 12), np.linspace(0.09, 0.11, 4)[1:]])
    np.testing.assert_allclose(longitude, expected, rtol=0, atol=1e-7)
    assert points.weight.sum() == pytest.approx(0.11 * DEGREE / 1000)
    middle = np.isclose(points.positions[:, 0], 0.09)
    assert points.weight[middle] == pytest.approx((0.09 / 11 + 0.02 / 3) / 2 * DEGREE / 1000)
    assert len(set(points.ids)) == len(points)
    assert problem.standards[0].corridor == "roads"


def test_length_factor(region) -> None:
    """The factor lengthens roads, weights and the ways from sites to the road, and shortens the steps."""
    sites = [(0.05, 0.01)]
    near = corridor(region, lines([(0, 0), (0.05, 0)]), sites, length_factor=1).standards[0]
    far = corridor(region, lines([(0, 0), (0.05, 0)]), sites, length_factor=1.3).standards[0]
    assert far.points.weight.sum() == pytest.approx(1.3 * near.points.weight.sum())
    assert distances(far.access).max() == pytest.approx(1.3 * distances(near.access).max())
    assert len(far.points) == 9
    assert len(near.points) == 7


def test_sites_enter_at_ends_of_pieces(region) -> None:
    """A site beside the middle of a piece must go to its nearer end first; a site at an end is there."""
    problem = corridor(region, lines([(0, 0), (0.2, 0)]), [(0.08, 0.01), (0.2, 0)], length_factor=1)
    access = problem.standards[0].access
    assert access.sites.leg[1] == 0
    leg = GEOD.inv(0.08, 0.01, 0, 0)[2]
    assert access.sites.leg[0] == pytest.approx(leg, abs=1e-6)
    table = distances(access)
    start = int(np.isclose(problem.standards[0].points.positions[:, 0], 0).argmax())
    np.testing.assert_allclose(table[start], [leg, 0.2 * DEGREE], rtol=1e-7)


def test_sites_enter_anywhere(region) -> None:
    """With interchange "anywhere" the same site enters at the foot of its perpendicular."""
    problem = corridor(
        region, lines([(0, 0), (0.2, 0)]), [(0.08, 0.01), (0.2, 0)], length_factor=1, interchange="anywhere"
    )
    access = problem.standards[0].access
    leg = GEOD.inv(0.08, 0.01, 0.08, 0)[2]
    np.testing.assert_allclose(access.sites.leg, [leg, 0], atol=1e-6)
    start = int(np.isclose(problem.standards[0].points.positions[:, 0], 0).argmax())
    np.testing.assert_allclose(distances(access)[start], [0.08 * DEGREE + leg, 0.2 * DEGREE], rtol=1e-6)


def test_pieces_meet_at_ends_only(region) -> None:
    """Pieces that cross, or share a vertex inside, do not meet there; those that share an end do.

        C
        |      A-B and C-D share the vertex X inside both: no way from A to C.
    A---X---B  B-C share ends: the way from A to C leads through B.
        |
        D
    """
    cross = lines([(0, 0), (0.1, 0), (0.2, 0)], [(0.1, 0.1), (0.1, 0), (0.1, -0.1)])
    problem = corridor(region, cross, [(0.1, 0.1)], length_factor=1)
    assert problem.warnings == (
        "corridor roads is in 2 parts that no road connects; lines meet where they share a vertex",
    )
    points = problem.standards[0].points
    start = int((points.positions == 0).all(axis=1).argmax())
    assert np.isinf(distances(problem.standards[0].access)[start, 0])
    joined = corridor(region, [*cross, LineString([(0.2, 0), (0.1, 0.1)])], [(0.1, 0.1)], length_factor=1)
    table = distances(joined.standards[0].access)
    start = int((joined.standards[0].points.positions == 0).all(axis=1).argmax())
    assert table[start, 0] == pytest.approx(0.2 * DEGREE + GEOD.inv(0.2, 0, 0.1, 0.1)[2])
    assert joined.warnings == ()


def test_served_pieces(region) -> None:
    """`where` says which pieces are demand; the others still lead to stations."""
    pieces = lines([(0, 0), (0.09, 0)], [(0.09, 0), (0.11, 0)])
    problem = corridor(region, pieces, [(0.11, 0)], standard={"where": "ref = 'G0'"}, length_factor=1)
    standard = problem.standards[0]
    assert len(standard.points) == 12
    assert standard.points.weight.sum() == pytest.approx(0.09 * DEGREE / 1000)
    assert distances(standard.access).max() == pytest.approx(0.11 * DEGREE)
    assert distances(standard.access).min() == pytest.approx(0.02 * DEGREE)
    assert problem.lines["roads"]["ref"].tolist() == ["G0", "G1"]


def test_straight_distance_to_corridor_points(region) -> None:
    """With metric "geodesic" corridor points are reached straight, without roads."""
    problem = corridor(region, lines([(0, 0), (0.1, 0)]), [(0, 0)], standard={"metric": "geodesic"})
    assert problem.standards[0].metric == "geodesic"
    assert problem.standards[0].access is None


def test_other_stations_enter_by_the_same_rule(region) -> None:
    """Any stations can be put on the roads as sites are, and demand points stay where they are."""
    for interchange in ("nodes", "anywhere"):
        sites = [(0.03, 0.002), (0.19, -0.01), (0.2, 0)]
        problem = corridor(region, lines([(0, 0), (0.1, 0), (0.2, 0.05)]), sites, interchange=interchange)
        access = problem.standards[0].access
        again = access.for_sites(problem.sites.positions)
        np.testing.assert_array_equal(distances(again), distances(access))
        one = access.for_sites(problem.sites.positions[1:2])
        np.testing.assert_allclose(distances(one)[:, 0], distances(access)[:, 1], rtol=1e-12)


def test_bends_and_parallel_pieces() -> None:
    """A piece is as long as its bends; of two pieces between the same ends the graph keeps both ways."""
    network = corridor_network(
        lines([(0, 0), (0.003, 0)], [(0, 0), (0.0015, 0.002), (0.003, 0)]), 1.0, "nodes", 1000.0
    )
    assert network.lengths == pytest.approx([0.003 * DEGREE, 2 * GEOD.inv(0, 0, 0.0015, 0.002)[2]], rel=1e-6)
    ends = Entrances.at_nodes(np.array([0, 1]))
    graph, _, _ = network.enter(ends, ends)
    assert graph.lengths == pytest.approx([0.003 * DEGREE] * 2, rel=1e-6)


def test_roads_join_where_they_share_a_vertex() -> None:
    """Road lines meet at every shared vertex, and only there; a MultiLineString is several lines."""
    network = road_network(
        np.array(
            [
                LineString([(0, 0), (0.1, 0), (0.2, 0)]),
                MultiLineString([[(0.1, 0), (0.1, 0.1)], [(0.05, -0.1), (0.05, 0.1)]]),
            ],
            dtype=object,
        ),
        np.zeros(2, dtype=np.int8),
    )
    assert len(network.nodes) == 6
    assert len(network.ends) == 4
    assert network.parts() == 2
    assert network.lengths.sum() == pytest.approx(0.2 * DEGREE + 3 * GEOD.inv(0, 0, 0, 0.1)[2])


def road(region, geometry, demand, sites, **columns):
    """Read a road network with demand points and sites at the given places."""
    write(region, "net.gpkg", geometry, **columns)
    for name, places in (("demand.csv", demand), ("sites.csv", sites)):
        region.write(name, "lon,lat\n" + "".join(f"{lon},{lat}\n" for lon, lat in places))
    standard = {"name": "near", "demand": "people", "radius": "5 km", "metric": "road"}
    return region.read(network={"file": "net.gpkg"}, standards=[standard])


def test_demand_and_sites_snap_to_roads(region) -> None:
    """Way = leg to the road + along it + leg to the site."""
    problem = road(region, lines([(0, 0), (0.1, 0)]), [(0.02, 0.003)], [(0.07, -0.004)])
    legs = GEOD.inv(0.02, 0.003, 0.02, 0)[2] + GEOD.inv(0.07, -0.004, 0.07, 0)[2]
    assert distances(problem.standards[0].access)[0, 0] == pytest.approx(0.05 * DEGREE + legs, rel=1e-6)
    assert problem.standards[0].metric == "road"


@pytest.mark.parametrize(
    ("oneway", "expected"),
    [("yes", [0.05, 0.35]), ("-1", [0.35, 0.05]), ("no", [0.05, 0.05]), (None, [0.05, 0.05])],
)
def test_oneway(region, oneway, expected) -> None:
    """A one-way street is left along it only; the way back leads around the block.

    The street runs 0.1 degrees along the equator, the way around it is 0.3 degrees. From W (at 0.02) to E (at
    0.07) it is 0.05 degrees along the street; from E to W against it 0.03 + 0.3 + 0.02.
    """
    block = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.1, 0.1), (0, 0.1), (0, 0)])
    places = [(0.02, 0), (0.07, 0)]
    problem = road(region, block, places, places, oneway=[oneway, "no"])
    table = distances(problem.standards[0].access)
    assert [table[0, 1] / DEGREE, table[1, 0] / DEGREE] == pytest.approx(expected, rel=1e-2)
    assert np.diag(table) == pytest.approx(0.0, abs=1e-3)


def test_lengths_of_the_layer(region) -> None:
    """A column `length` replaces the measured length, shared out where the line is cut."""
    block = lines([(0, 0), (0.1, 0), (0.2, 0)], [(0.1, 0), (0.1, 0.1)])
    problem = road(region, block, [(0, 0)], [(0.2, 0), (0.1, 0.1)], length=[30_000.0, 500.0])
    assert distances(problem.standards[0].access)[0] == pytest.approx([30_000, 15_500], rel=1e-6)


@pytest.mark.parametrize("unit", [0.001, 3.2808, 1 / 1609.344, 1 / DEGREE])
def test_lengths_that_are_no_metres(region, unit) -> None:
    """Lengths in km, feet, miles or degrees would bring everything near: they are a fault of the column."""
    block = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.1, 0.1)], [(0.1, 0.1), (0, 0)])
    metres = np.array([11_132.0, 11_057.0, 15_690.0])
    with pytest.raises(InputError, match=r"column length: lengths are .* \(median\), and so no metres"):
        road(region, block, [(0, 0)], [(0.1, 0)], length=metres * unit)


def test_lengths_that_were_never_filled_in(region) -> None:
    """A road of some extent has a length: 0 is a fault of its row; a point of a road may have none."""
    block = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.1, 0.1)])
    with pytest.raises(InputError, match="row 2, column length: the length is 0, of a line of 11,057 m"):
        road(region, block, [(0, 0)], [(0.1, 0)], length=[11_132.0, 0.0])
    dot = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.1, 0.000001)])
    assert road(region, dot, [(0, 0)], [(0.1, 0)], length=[11_132.0, 0.0]).standards


def test_letters_that_mean_two_things(region) -> None:
    """A database's t and f are not to and from: only beside b, for both ways, are they directions."""
    block = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.1, 0.1), (0, 0.1), (0, 0)])
    places = [(0.02, 0), (0.07, 0)]
    with pytest.raises(InputError, match="column oneway: t and f may mean true and false"):
        road(region, block, places, places, oneway=["t", "f"])
    table = distances(road(region, block, places, places, oneway=["T", "B"]).standards[0].access)
    assert table[0, 1] > 0.3 * DEGREE > table[1, 0]


def test_faulty_columns_of_a_network(region) -> None:
    """Unknown directions and impossible lengths are faults with their rows."""
    block = lines([(0, 0), (0.1, 0)], [(0.1, 0), (0.2, 0)])
    with pytest.raises(InputError) as error:
        road(region, block, [(0, 0)], [(0, 0)], oneway=["yes", "sometimes"], length=[-1.0, np.nan])
    said = [str(fault) for fault in error.value.faults]
    assert "net.gpkg, layer network, row 2, column oneway: 'sometimes' is none of yes, no, -1" in said
    assert "net.gpkg, layer network, row 1, column length: -1 is negative" in said
    assert "net.gpkg, layer network, row 2, column length: the length is missing" in said


def test_nearest_point_of_lines_by_brute_force() -> None:
    """The nearest point of many lines is as near as the best of many places along all of them."""
    random = np.random.default_rng(3)
    start = random.uniform([112, 26], [114, 29], (60, 1, 2))
    bends = start + np.cumsum(random.normal(0, 0.02, (60, 5, 2)), axis=1)
    flat = Polylines.of(np.array([LineString(line) for line in bends], dtype=object))
    places = random.uniform([112, 26], [114, 29], (40, 2))
    line, share, foot = nearest_on_lines(places, flat)
    fine = np.concatenate([[piece.interpolate(t, normalized=True).coords[0] for t in np.linspace(0, 1, 400)]
                           for piece in map(LineString, bends)])  # fmt: skip
    for place, found in zip(places, foot, strict=True):
        _, _, away = GEOD.inv(*np.broadcast_to(place, fine.shape).T, *fine.T)
        assert GEOD.inv(*place, *found)[2] <= away.min() * 1.0001
    assert ((share >= 0) & (share <= 1)).all()
    whole = flat.along()
    for number, at, found in zip(line, share, foot, strict=True):
        assert LineString(bends[number]).distance(Point(found)) < 1e-9
        part = slice(flat.start[number], flat.start[number + 1])
        x = np.interp(at * whole[part][-1], whole[part], flat.vertices[part][:, 0])
        assert x == pytest.approx(found[0], abs=1e-9)


def test_nearest_position_by_brute_force() -> None:
    """The nearest of many places is the nearest on the ellipsoid, not in degrees."""
    random = np.random.default_rng(4)
    among, places = random.uniform([5, 55], [25, 70], (300, 2)), random.uniform([5, 55], [25, 70], (100, 2))
    nearest = nearest_position(places, among)
    for place, found in zip(places, nearest, strict=True):
        _, _, away = GEOD.inv(*np.broadcast_to(place, among.shape).T, *among.T)
        assert found == away.argmin()


def test_faults_of_corridor_layers(region) -> None:
    """Points where lines should be are a fault with their row."""
    with pytest.raises(InputError, match=r"row 2, column geometry: is a point; read are LineString"):
        corridor(region, [LineString([(0, 0), (0.1, 0)]), Point(0, 0)], [(0, 0)])


def test_many_steps_add_up() -> None:
    """Steps are never longer than allowed and add up to each piece, over random corridors."""
    random = np.random.default_rng(5)
    start = np.array([113.0, 28.0])
    pieces = [
        start + np.cumsum(random.normal(0, 0.03, (random.integers(2, 7), 2)), axis=0) for _ in range(40)
    ]
    network = corridor_network(
        np.array([LineString(np.round(p, 7)) for p in pieces], dtype=object), 1.15, "nodes", 1e3
    )
    assert network.lengths.max() <= 1000 + 1e-6
    for number, piece in enumerate(pieces):
        whole = GEOD.line_length(*np.round(piece, 7).T)
        steps = network.lengths[network.lines.feature == number]
        assert steps.sum() == pytest.approx(1.15 * whole)
        assert np.ptp(steps) < 1e-6
        assert len(steps) == np.ceil(1.15 * whole / 1000)
