"""Coverage: for every pair what Geod (on the Earth) or hypot (in the plane) says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from sklearn.neighbors import BallTree

from chargeplan import kernels
from chargeplan.errors import InputError
from chargeplan.kernels import geodesy, memory, radius_coverage

GEOD = Geod(ellps="WGS84")
# The same examples in every run; the first may have to wait for the compiler.
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=40)
HALF = [20003931.4, 20003931.5, 20004000.0]  # metres: from pole to pole, and from anywhere to anywhere
RADII = [0.0, 1e-3, 1.0, 1000.0, 50e3, 400e3, 1e6, 1e6 + 1, 5e6, 1.5e7, *HALF, 3e7]


def all_distances(demand: np.ndarray, sites: np.ndarray, metric: str = "geodesic") -> np.ndarray:
    """Every distance the slow way."""
    if metric == "euclidean":
        return np.hypot(*(demand[:, None] - sites[None]).transpose(2, 0, 1))
    pairs = np.broadcast_arrays(demand[:, None, 0], demand[:, None, 1], sites[None, :, 0], sites[None, :, 1])
    return GEOD.inv(*map(np.ascontiguousarray, pairs))[2]


def check(demand: np.ndarray, sites: np.ndarray, radius: float, metric: str = "geodesic") -> None:
    """Compare both comparisons for all pairs with the slow way."""
    metres = all_distances(demand, sites, metric)
    for strict, expected in ((False, metres <= radius), (True, metres < radius)):
        within = kernels.coverage(demand, sites, radius, metric=metric, strict=strict)
        assert within.shape == expected.shape
        assert within.dtype == np.bool_
        assert within.data.all()
        assert all(np.all(np.diff(row) > 0) for row in np.split(within.indices, within.indptr[1:-1])), (
            "sites must ascend within each row"
        )
        np.testing.assert_array_equal(within.toarray(), expected)
        by_site = kernels.coverage(demand, sites, radius, metric=metric, strict=strict, by="site")
        np.testing.assert_array_equal(by_site.toarray(), expected.T)
        assert by_site.has_canonical_format


def check_distances(demand: np.ndarray, sites: np.ndarray, radius: float, metric: str = "geodesic") -> None:
    """Compare stored distances with the matrix: the same bits but where Geod was asked, for being so near."""
    within = kernels.coverage(demand, sites, radius, metric=metric)
    found = kernels.coverage_distances(demand, sites, radius, metric=metric)
    np.testing.assert_array_equal(found.indptr, within.indptr)
    np.testing.assert_array_equal(found.indices, within.indices)
    assert found.dtype == np.float64
    assert np.all(found.data <= radius)
    rows = np.repeat(np.arange(len(demand)), np.diff(found.indptr))
    matrix = kernels.distance_matrix(demand, sites, metric=metric)[rows, found.indices]
    far = np.abs(matrix - radius) > 100 * max(1.0, radius / 1e6) ** 3
    np.testing.assert_array_equal(found.data[far], matrix[far])
    np.testing.assert_allclose(found.data, matrix, rtol=0, atol=0.03)
    by_site = kernels.coverage_distances(demand, sites, radius, metric=metric, by="site")
    np.testing.assert_array_equal(by_site.toarray(), found.toarray().T)


def on_the_globe(rng: np.random.Generator, count: int) -> np.ndarray:
    """Positions spread evenly over the Earth."""
    return np.column_stack((rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))))


@pytest.mark.parametrize("radius", RADII)
def test_all_over_the_earth(rng: np.random.Generator, radius: float) -> None:
    """Anywhere, with equal points and antipodes among them, membership is Geod's, for any radius."""
    demand = on_the_globe(rng, 60)
    antipodes = np.column_stack((demand[10:20, 0] + 180, -demand[10:20, 1]))
    sites = np.concatenate((on_the_globe(rng, 40), demand[:10], antipodes))
    check(demand, sites, radius)


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("place", [(0.0, 90.0), (0.0, -90.0), (180.0, 0.0), (-179.9, 65.0)])
def test_near_the_poles_and_across_the_antimeridian(
    rng: np.random.Generator, radius: float, place: tuple[float, float]
) -> None:
    """Where longitudes jump or meet, membership is Geod's."""
    distances = rng.uniform(0, min(1.5 * radius, 1.9e7), 80)
    lon, lat, _ = GEOD.fwd(
        np.full(80, place[0]), np.full(80, place[1]), rng.uniform(-180, 180, 80), distances
    )
    points = np.column_stack((lon, lat))
    check(np.concatenate((points[:50], [place])), np.concatenate((points[50:], [place])), radius)


@pytest.mark.parametrize("radius", [5.0, 1000.0, 50e3, 999e3, 1.2e6, 9e6])
def test_pairs_at_the_radius_to_the_nanometre(rng: np.random.Generator, radius: float) -> None:
    """Pairs a hair from the radius, where the chord cannot tell, are decided by Geod."""
    centre = on_the_globe(rng, 4)
    offsets = np.tile((0.0, 1e-9, -1e-9, 1e-8, -1e-7, 1e-6, -1e-6, 1e-4, -1e-2, 1.0), 10)
    start = np.repeat(centre[:1], offsets.size, axis=0)
    lon, lat, _ = GEOD.fwd(*start.T, rng.uniform(-180, 180, offsets.size), radius + offsets)
    check(np.column_stack((lon, lat)), centre, radius)
    check(centre, np.column_stack((lon, lat)), radius)


@EXAMPLES
@given(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=12),
    st.sampled_from(RADII),
)
def test_membership_is_that_of_geod_wherever_points_lie(demand: list, sites: list, radius: float) -> None:
    """Whatever positions hypothesis finds, no pair is decided otherwise than by Geod."""
    check(np.array(demand), np.array(sites), radius)


@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.sampled_from([300.0, 2500.0, 80e3]))
def test_symmetry_and_order_do_not_matter(seed: int, radius: float) -> None:
    """Swapping the two sides transposes the relation; shuffling points shuffles it alike."""
    rng = np.random.default_rng(seed)
    extent = radius / 111_000 * 3
    demand = np.array((112.9, 28.2)) + rng.uniform(-extent, extent, (30, 2))
    sites = np.array((112.9, 28.2)) + rng.uniform(-extent, extent, (20, 2))
    within = kernels.coverage(demand, sites, radius).toarray()
    np.testing.assert_array_equal(kernels.coverage(sites, demand, radius).toarray(), within.T)
    rows, columns = rng.permutation(30), rng.permutation(20)
    shuffled = kernels.coverage(demand[rows], sites[columns], radius).toarray()
    np.testing.assert_array_equal(shuffled, within[rows][:, columns])


@pytest.mark.parametrize("radius", [0.0, 1.0, 2.0, 5.0, np.sqrt(5.0), 0.1 * 3, 40.0])
def test_the_plane_agrees_with_hypot(rng: np.random.Generator, radius: float) -> None:
    """On a lattice, where many pairs lie exactly at the radius, and off it, hypot decides."""
    lattice = rng.integers(0, 12, (60, 2)).astype(float)
    check(lattice, rng.integers(0, 12, (40, 2)).astype(float), radius, "euclidean")
    check(lattice / 10, rng.integers(0, 12, (40, 2)) / 10, radius, "euclidean")
    check(rng.uniform(-9, 9, (60, 2)), rng.uniform(-9, 9, (40, 2)), radius, "euclidean")


def test_the_plane_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    """A few thousand pairs in the plane are those that BallTree finds."""
    demand, sites = rng.uniform(0, 40, (400, 2)), rng.uniform(0, 40, (150, 2))
    found = BallTree(sites).query_radius(demand, 5.0)
    within = kernels.coverage(demand, sites, 5.0, metric="euclidean")
    for row, expected in zip(np.split(within.indices, within.indptr[1:-1]), found, strict=True):
        np.testing.assert_array_equal(row, np.sort(expected))


@EXAMPLES
@given(
    st.lists(st.tuples(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150)), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150)), min_size=1, max_size=8),
    st.one_of(st.floats(0, 1e308), st.sampled_from([0.0, 5e-324, 1e-200, 1.0, 1e151])),
)
def test_the_plane_has_no_limits(demand: list, sites: list, radius: float) -> None:
    """However small or large the radius and the extent, hypot decides."""
    check(np.array(demand), np.array(sites), radius, "euclidean")


@pytest.mark.parametrize("metric", ["geodesic", "euclidean"])
@pytest.mark.parametrize("radius", [0.0, 1e-9, 1e-300])
def test_points_that_all_coincide_and_tiny_radii(metric: str, radius: float) -> None:
    """Cells have a size even where neither the radius nor the extent gives them one."""
    check(np.array([[1.5, 2.5]] * 3), np.array([[1.5, 2.5]] * 2), radius, metric)
    check(np.array([[0.0, 0.0], [1e-308, 0.0]]), np.array([[0.0, 0.0]]), radius, metric)
    check(np.array([[0.0, 0.0], [90.0, 45.0]]), np.array([[90.0, 45.0]]), radius, metric)


@pytest.mark.parametrize("radius", [0.0, 1000.0, 50e3, 400e3, 1.2e6, 1.9e7])
def test_distances_are_those_of_the_matrix(rng: np.random.Generator, radius: float) -> None:
    """On the Earth and in the plane; a distance of 0 is stored too."""
    start = np.repeat(on_the_globe(rng, 3), 30, axis=0)
    lon, lat, _ = GEOD.fwd(*start.T, rng.uniform(-180, 180, 90), rng.uniform(0, 1.2, 90) * min(radius, 1.5e7))
    points = np.column_stack((lon, lat))
    check_distances(points, np.concatenate((points[::4], start[::30])), radius)
    check_distances(points * 1000, points[::3] * 1000, radius, "euclidean")
    assert kernels.coverage_distances(points, points, radius).diagonal().max() == 0
    assert kernels.coverage_distances(points, points, radius).nnz >= 90


def test_distances_at_the_radius_are_within(rng: np.random.Generator) -> None:
    """Pairs that only Geod can decide have Geod's distance, never one beyond the radius."""
    for radius in (1000.0, 50e3, 400e3, 9.9e5):
        start = np.repeat(on_the_globe(rng, 1), 60, axis=0)
        lon, lat, _ = GEOD.fwd(
            *start.T, rng.uniform(-180, 180, 60), radius + np.repeat((1e-8, 0, -1e-7, 1e-6, -1e-4, -1e-3), 10)
        )
        check_distances(start[:1], np.column_stack((lon, lat)), radius)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("by", ["demand", "site"])
def test_several_radii_are_found_in_one_pass(rng: np.random.Generator, strict: bool, by: str) -> None:
    """Each relation is the one that its radius alone gives, in the order they were asked for."""
    demand = np.array((112.9, 28.2)) + rng.uniform(-1, 1, (90, 2))
    exact = float(all_distances(demand[:1], demand[1:2])[0, 0])
    radii = [2000.0, 90e3, 0.0, exact, 2000.0, 5e6]
    found = kernels.coverage(demand, demand[::2], radii, strict=strict, by=by)
    assert len(found) == len(radii)
    for radius, within in zip(radii, found, strict=True):
        alone = kernels.coverage(demand, demand[::2], radius, strict=strict, by=by)
        np.testing.assert_array_equal(within.indptr, alone.indptr)
        np.testing.assert_array_equal(within.indices, alone.indices)
        assert within.indptr.dtype == np.int32
        assert not within.data.flags.writeable
    assert len(kernels.coverage(demand, demand, np.array([1.0, 2.0]), strict=strict, by=by)) == 2


@pytest.mark.usefixtures("small_pieces")
def test_crowds_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where a cell holds more points than share a list, nor where a block of rows is full."""
    demand, sites = rng.uniform(0, 2, (200, 2)), rng.uniform(0, 2, (90, 2))
    check(demand, sites, 1.5, "euclidean")
    assert kernels.coverage(np.zeros((1100, 2)), np.zeros((20, 2)), 9.0).nnz == 22_000
    assert kernels.coverage([[1.0, 1.0]], np.ones((33_000, 2)), 9.0).nnz == 33_000
    # Limits are compiled in: small ones act where kernels are not compiled.
    for limit in ("_TOGETHER", "_BLOCK", "_ROWS"):
        monkeypatch.setattr(radius_coverage, limit, 16)
    check(demand, sites, 1.5, "euclidean")
    check(demand, sites, 0.2, "euclidean")


def test_memory_is_announced_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the caller or the machine allows is an error that names pairs and size, and takes nothing."""
    points = np.zeros((200, 2))
    message = r"a coverage of 40,000 pairs takes .* GiB, more than the .* GiB that it may take"
    for ask in (kernels.coverage, kernels.coverage_distances):
        with pytest.raises(InputError, match=message):
            ask(points, points, 1.0, max_bytes=10**5)
        assert ask(points[:10], points, 1.0, max_bytes=10**5).nnz == 2000
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(InputError, match="that are free"):
        kernels.coverage(points, points, 1.0)


def test_free_memory_is_known_where_the_system_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On Linux it is what is available; elsewhere nothing is refused."""
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 9 kB\nMemAvailable:   2 kB\n", encoding="ascii")
    monkeypatch.setattr(memory, "_MEMINFO", told)
    assert memory.free_memory() == 2048
    told.unlink()
    assert memory.free_memory() is None
    assert kernels.coverage([[0, 0]], [[0, 0]], 1.0).nnz == 1


@pytest.mark.usefixtures("small_pieces")
def test_pieces_and_threads_change_nothing(rng: np.random.Generator) -> None:
    """Cut into many pieces, cells too, the relation is the same, doubtful pairs included."""
    demand = np.array((112.9, 28.2)) + rng.uniform(-0.02, 0.02, (150, 2))
    check(demand, np.concatenate((demand[:30], demand[100:])), 1000.0)
    check(demand, demand[::3], float(all_distances(demand[:1], demand[1:2])[0, 0]))
    check(on_the_globe(rng, 40), on_the_globe(rng, 40), 8e6)


def test_many_sites_around_few_points(rng: np.random.Generator) -> None:
    """Lists long enough for every step of the sort come out in order."""
    sites = rng.uniform(0, 10, (3000, 2))
    within = kernels.coverage(np.array([[5.0, 5.0], [0.0, 0.0]]), sites, 4.0, metric="euclidean")
    expected = np.hypot(*(sites - (5.0, 5.0)).T) <= 4.0
    np.testing.assert_array_equal(within.toarray()[0], expected)


def test_a_tiny_radius_over_the_whole_earth_needs_no_planet_of_cells(rng: np.random.Generator) -> None:
    """Cells are as many as fit a key, so a millimetre over the globe works and finds the equal points."""
    demand = on_the_globe(rng, 500)
    within = kernels.coverage(demand, demand[::-1], 1e-3)
    np.testing.assert_array_equal(within.indices, np.arange(500)[::-1])


def test_nothing_in_nothing_out() -> None:
    """No demand points or no sites make an empty relation of the right shape."""
    assert kernels.coverage(np.empty((0, 2)), [[0, 0]], 1.0).shape == (0, 1)
    assert kernels.coverage([[0, 0], [1, 1]], [], 1.0).shape == (2, 0)
    assert kernels.coverage_distances([[0, 0], [1, 1]], [], 1.0).shape == (2, 0)
    assert [part.shape for part in kernels.coverage([], [], (1.0, 2.0), by="site")] == [(0, 0), (0, 0)]
    assert kernels.coverage([[0, 0]], [[0, 0]], ()) == ()


def test_what_is_handed_out_is_read_only_and_small() -> None:
    """Nobody can change a relation by accident; its indices take 32 bits."""
    within = kernels.coverage([[0, 0]], [[0, 0]], 1.0)
    for part in (within.data, within.indices, within.indptr):
        assert not part.flags.writeable
    assert within.indices.dtype == within.indptr.dtype == np.int32


@pytest.mark.parametrize("kind", [np.float32, np.int64, object])
def test_any_numbers_in_any_layout_will_do(kind: type) -> None:
    """Other dtypes, lists, Fortran order and read-only input give the same answer."""
    points = np.array([[113, 28], [114, 28], [113, 29]])
    expected = kernels.coverage(points.astype(float), points.astype(float), 105e3).toarray()
    given_points = np.asfortranarray(points.astype(kind))
    given_points.flags.writeable = False
    np.testing.assert_array_equal(kernels.coverage(given_points, points.tolist(), 105e3).toarray(), expected)


@pytest.mark.parametrize(
    ("demand", "sites", "radius", "options", "message"),
    [
        ([[0, 91]], [[0, 0]], 1, {}, r"demand: position 0 is \[0.0, 91.0\]"),
        ([[0, 0]], [[0, 0], [np.nan, 0]], 1, {}, "sites: position 1 is"),
        ([[0, 0, 0]], [[0, 0]], 1, {}, r"demand must have the shape \(N, 2\)"),
        ([[0, 0]], [[0, 0]], -1, {}, "radius must be finite metres"),
        ([[0, 0]], [[0, 0]], np.inf, {}, "radius must be finite metres"),
        ([[0, 0]], [[0, 0]], 1, {"metric": "haversine"}, 'metric must be "geodesic" or "euclidean"'),
        ([[0, np.inf]], [[0, 0]], 1, {"metric": "euclidean"}, "not finite metres"),
        ([[0, 0]], [[0, 0]], (1, -2), {}, "radius must be finite metres"),
        ([[0, 0]], [[0, 0]], 1, {"by": "row"}, 'by must be "demand" or "site", not \'row\''),
    ],
)
def test_bad_input_is_named(demand: list, sites: list, radius: float, options: dict, message: str) -> None:
    """Every fault is an InputError that says what and where."""
    with pytest.raises(InputError, match=message):
        kernels.coverage(demand, sites, radius, **options)


@pytest.mark.parametrize("radius", [10.0, 5e3, 2e5, 9.9e5, 1.1e6, 8e6, 1.99e7])
def test_the_limits_of_the_chord_hold_everywhere(rng: np.random.Generator, radius: float) -> None:
    """No pair at a distance has a chord that the limits of that distance would decide wrongly."""
    start = np.concatenate((on_the_globe(rng, 400), [[0, 90], [0, 0]]))
    azimuth = np.concatenate((rng.uniform(-180, 180, 398), [0, 90, 180, 90]))
    lon, lat, _ = GEOD.fwd(*start.T, azimuth, np.full(402, radius))
    distance = GEOD.inv(*start.T, lon, lat)[2]
    ends = geodesy.ecef(np.ascontiguousarray(start)), geodesy.ecef(np.column_stack((lon, lat)))
    squares = ((ends[0] - ends[1]) ** 2).sum(axis=1)
    for square, metres in zip(squares, distance, strict=True):
        inner, outer = geodesy.geodesic_chord_limits(float(metres))
        assert inner < square < outer


def test_sines_and_cosines_are_right_to_the_last_bit_or_two(rng: np.random.Generator) -> None:
    """Quarter turns are exact, and any angle agrees with the C library."""
    np.testing.assert_array_equal(
        [geodesy._sine_cosine(angle) for angle in (0.0, 90.0, 180.0, 270.0, -90.0, 360.0)],
        [(0, 1), (1, 0), (0, -1), (-1, 0), (-1, 0), (0, 1)],
    )
    for angle in rng.uniform(-360, 360, 300):
        sine, cosine = geodesy._sine_cosine(angle)
        np.testing.assert_allclose(
            (sine, cosine), (np.sin(np.radians(angle)), np.cos(np.radians(angle))), atol=1e-15
        )


def test_ecef_is_that_of_proj(rng: np.random.Generator) -> None:
    """Earth-centred coordinates agree with PROJ's to a few hundredths of a micrometre."""
    from pyproj import Transformer

    points = on_the_globe(rng, 500)
    expected = Transformer.from_crs(4979, 4978, always_xy=True).transform(*points.T, np.zeros(500))
    np.testing.assert_allclose(geodesy.ecef(points), np.column_stack(expected), rtol=0, atol=3e-8)


def test_a_search_for_a_key_finds_the_first_place() -> None:
    """Near, far, before the first and after the last key alike."""
    keys = np.sort(np.random.default_rng(0).integers(0, 30, 50))
    for key in range(-1, 32):
        expected = int(np.searchsorted(keys, key))
        for start in range(expected + 1):
            assert radius_coverage._first_at(keys, start, key) == expected
