"""What the engine's benchmarks measure: which instance, how long, beside whom, and what is asked of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from models import (
    CapacitatedFacilityLocation,
    MaximalCovering,
    PCenter,
    PMedian,
    Scenario,
    SetCovering,
    Streamed,
    Within,
    covering_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scipy.sparse import csr_array

TESTS = Path(__file__).parents[2] / "tests" / "data"
RADIUS = 1000.0  # metres, of a city's stations
PLAIN = ("HiGHS", "CP-SAT", "CP-SAT, 8 workers", "CBC")
CITY = {"full": (30_000, 5_000, 40_000.0), "small": (1_000, 200, 8_000.0)}
MILLION = {"full": (1_000_000, 20_000), "small": (2_000, 300)}


@dataclass(frozen=True)
class Case:
    """An instance and those who solve it.

    Parameters
    ----------
    group
        The table that it stands in.
    name
        Of the instance.
    make
        Draws or reads it.
    seconds
        Time limit, model building inside.
    who
        Solvers beside chargeplan.
    known
        The proven optimum, or the best objective that is known.
    asked
        What chargeplan's row should show, as text for the report.
    optimal
        Whether `known` is proven to be the optimum.
    """

    group: str
    name: str
    make: Callable[[], Any]
    seconds: float
    who: tuple[str, ...] = ()
    known: float | None = None
    asked: str = ""
    optimal: bool = True


def coverings(size: str, _data: Path | None) -> Iterator[Case]:
    """List coverings by tables of distances, beside PySAL spopt and plain solvers."""
    full = size == "full"
    points, sites, side, stations = (5_000, 500, 12_000.0, 20) if full else (300, 60, 6_000.0, 5)
    seconds, who = (120.0, ("spopt", *PLAIN)) if full else (2.0, ("spopt", "HiGHS"))

    def table() -> tuple[Within, np.ndarray]:
        demand, places = _city(points, sites, side)
        weight = np.random.default_rng(0).integers(1, 100, points).astype(float)
        distance = _distances(demand, places)
        near = distance.min(axis=1) <= RADIUS
        return Within(distance[near], RADIUS), weight[near]

    def covering() -> SetCovering:
        return SetCovering(table()[0], np.ones(sites))

    def maximal() -> MaximalCovering:
        return MaximalCovering(*table(), stations)

    group, shape = f"beside spopt, limit {seconds:.0f} s", f"{points:,} x {sites:,}"
    asked = "spopt 50 x slower, 5 x the memory"
    yield Case(group, f"set covering, {shape}", covering, seconds, who, asked=asked)
    yield Case(group, f"maximal covering, {shape}, p = {stations}", maximal, seconds, who, asked=asked)


def distances(size: str, _data: Path | None) -> Iterator[Case]:
    """List tables of distances, beside PySAL spopt and plain solvers."""
    full = size == "full"
    points, sites, stations = (1_000, 100, 10) if full else (60, 20, 4)
    seconds, who = (120.0, ("spopt", *PLAIN[:-1])) if full else (2.0, ("spopt", "HiGHS"))  # spopt's is CBC's

    def median() -> PMedian:
        return PMedian(*_square(points, sites), stations)

    def center() -> PCenter:
        return PCenter(_square(points, sites)[0], stations)

    group, shape = f"beside spopt, limit {seconds:.0f} s", f"{points:,} x {sites:,}, p = {stations}"
    yield Case(group, f"p-median, {shape}", median, seconds, who, asked="spopt 10 x slower")
    yield Case(group, f"p-center, {shape}", center, seconds, who, asked="spopt 10 x slower")


def city(size: str, _data: Path | None) -> Iterator[Case]:
    """List the city, in a minute and in five."""
    full = size == "full"
    name = "city, {:,} x {:,}".format(*CITY[size])
    asked = {60.0: "at most 889, bound 867", 300.0: "gap 2 %"}
    for seconds in (60.0, 300.0) if full else (2.0,):
        yield Case(
            f"{name}, {seconds:.0f} s",
            name,
            partial(city_covering, *CITY[size]),
            seconds,
            (*PLAIN, "set_cover"),
            asked=asked.get(seconds, ""),
        )


def czt(size: str, _data: Path | None) -> Iterator[Case]:
    """List the shipped region, planned as a whole, beside plain solvers of its covering model."""
    runs = [("czt", 60.0, "gap 5 %"), ("czt", 300.0, "gap 3 %"), ("czt-2021", 180.0, "gap 6 %")]
    for name, seconds, asked in runs if size == "full" else [("xiangtan-2024", 2.0, "")]:
        who = ("HiGHS", "CP-SAT")
        yield Case(f"{name}, {seconds:.0f} s", name, partial(_scenario, name), seconds, who, asked=asked)


def optima(size: str, data: Path | None) -> Iterator[Case]:
    """List published instances with known optima."""
    known, full = _published(data), size == "full"
    yield from _covering_optima(known, data, full=full)
    yield from _graph_optima(known, data, full=full)
    for name, cost in _first(known["orlib_cap"]["optimal"], full=full):
        make = partial(_facilities, _find(f"orlib_cap/{name}.txt", data))
        yield Case("OR-Library facility location", name, make, 60.0, ("HiGHS",), cost, "to 0.01 %")
    points, sites = (300, 60) if full else (20, 8)
    name, make = f"drawn, {points} x {sites}", partial(_drawn_facilities, points, sites)
    yield Case("capacitated facility location beside HiGHS", name, make, 60.0, ("HiGHS",))
    yield from _streamed_optima(known["cfl"], full=full)
    yield from list(_san_francisco(known["spopt"]))[: None if full else 1]


def million(size: str, _data: Path | None) -> Iterator[Case]:
    """List a million demand points, in a city and spread evenly."""
    full = size == "full"
    points, sites = MILLION[size]
    seconds = 600.0 if full else 2.0
    group = f"{points:,} x {sites:,}, {seconds:.0f} s"
    side = 80_000.0 if full else 10_000.0
    asked = "gap 5 %, 8 GB" if full else ""
    yield Case(
        group,
        f"city, {side / 1000:.0f} km",
        partial(city_covering, points, sites, side),
        seconds,
        asked=asked,
    )
    even = side / 2
    yield Case(group, f"uniform, {even / 1000:.0f} km", partial(_uniform, points, sites, even), seconds)


PROGRAMS: dict[str, Callable[[str, Path | None], Iterator[Case]]] = {
    "coverings": coverings,
    "distances": distances,
    "city": city,
    "czt": czt,
    "optima": optima,
    "million": million,
}


def city_covering(points: int, sites: int, side: float, seed: int = 0) -> SetCovering:
    """Draw the city and cover it within 1 km, without demand points that no site reaches."""
    return SetCovering(_near(*_city(points, sites, side, seed)), np.ones(sites))


def _covering_optima(known: dict[str, Any], data: Path | None, *, full: bool) -> Iterator[Case]:
    from chargeplan.instances.orlib import read_set_covering  # noqa: PLC0415

    def covering(path: Path) -> SetCovering:
        return SetCovering(*read_set_covering(path))

    optimal = known["orlib_scp"]["optimal"] | known.get("orlib_scp_5_and_6", {}).get("optimal", {})
    for name, cost in _first(optimal, full=full):
        make = partial(covering, _find(f"orlib_scp/{name}.txt", data))
        yield Case("OR-Library set covering", name, make, 60.0, (), cost, "proven in 60 s")
    for name, cost in known.get("orlib_rail", {}).get("best_known", {}).items() if full else ():
        yield Case(
            "OR-Library rail",
            name,
            partial(_rail, _find(f"orlib_rail/{name}", data)),
            60.0,
            (*PLAIN, "set_cover"),
            cost,
            "at most 175",
            optimal=False,
        )


def _graph_optima(known: dict[str, Any], data: Path | None, *, full: bool) -> Iterator[Case]:
    from chargeplan.instances.orlib import read_p_median  # noqa: PLC0415

    def median(name: str) -> PMedian:
        distance, stations = read_p_median(_find(f"orlib_pmed/{name}.txt", data))
        return PMedian(distance, np.ones(len(distance)), stations)

    def center(name: str) -> PCenter:
        return PCenter(*read_p_median(_find(f"orlib_pmed/{name}.txt", data)))

    graphs = known["orlib_pmed"]
    medians = list(_first(graphs["p_median_optimal"], full=full))
    for name, length in medians:
        make = partial(median, name)
        yield Case("OR-Library p-median", name, make, 60.0, (), length, "found; 17 of 20 proven in 60 s")
    for name, _ in medians:
        farthest = graphs.get("p_center_optimal", {}).get(name)
        make = partial(center, name)
        yield Case("OR-Library p-center", name, make, 30.0, (), farthest, "proven in 30 s")


def _streamed_optima(known: dict[str, Any], *, full: bool) -> Iterator[Case]:
    group = "Cordeau, Furini and Ljubić, points streamed and merged"
    published = {
        (row["m"], row["R"], row.get("sites"), row.get("share")): float(
            row.get("optimal", row.get("optimal_cost"))
        )
        for row in (*known["maximal_covering"], *known["partial_set_covering"])
    }
    asked = {1_000_000: "8 s after drawing", 20_000_000: "20 s after drawing"}
    rows = [key for key in published if full or key[:2] == (10_000, 5.5)]
    rows += [(points, 5.5, None, share) for points in asked for share in (0.5, 0.7) if full]
    rows += [(20_000_000, 5.5, 10, None)] if full else []
    for points, radius, stations, share in rows:
        what = f"{points:,}, R {radius:g}, " + (f"p = {stations}" if stations else f"share {share:g}")
        make = partial(Streamed, points, radius, stations, share)
        optimum = published.get((points, radius, stations, share))
        yield Case(group, what, make, 60.0, (), optimum, asked.get(points, "exact"))


def _san_francisco(known: dict[str, Any]) -> Iterator[Case]:
    maximal = known["maximal_covering_R5000_p4"]["objective"]
    group, who = "San Francisco, spopt's figures", ("spopt",)

    def case(name: str, make: Callable[[np.ndarray, np.ndarray], Any], optimum: float) -> Case:
        return Case(group, name, lambda: make(*_stores()), 60.0, who, optimum, "exact")

    def within(table: np.ndarray) -> Within:
        return Within(table, 5_000.0)

    yield case(
        "set covering, 5 km",
        lambda table, _: SetCovering(within(table), np.ones(table.shape[1])),
        known["set_covering_R5000_sites"],
    )
    yield case("maximal covering, 5 km, p = 4", lambda t, w: MaximalCovering(within(t), w, 4), maximal)
    mean = known["p_median_p4_mean_distance"]
    yield case("p-median, p = 4, mean distance", lambda t, w: PMedian(t, w / w.sum(), 4), mean)
    yield case("p-center, p = 4", lambda table, _: PCenter(table, 4), known["p_center_p4"])


def _published(data: Path | None) -> dict[str, Any]:
    """Read the known optima, those of the project and of the folder that was named."""
    known = json.loads((TESTS / "optima.json").read_text(encoding="utf-8"))
    if data is not None and (data / "optima.json").exists():
        known |= json.loads((data / "optima.json").read_text(encoding="utf-8"))
    return dict(known)


def _find(file: str, data: Path | None) -> Path:
    """Find an instance in the folder that was named, or in the project."""
    if data is not None and (data / file).exists():
        return data / file
    return TESTS / file


def _first(values: dict[str, float], *, full: bool) -> Iterable[tuple[str, float]]:
    return list(values.items())[: None if full else 1]


def _rail(path: Path) -> SetCovering:
    """Read OR-Library's rail format: rows and columns; of each column its cost, how many rows, and which."""
    from scipy.sparse import csc_array  # noqa: PLC0415

    numbers = np.array(path.read_text(encoding="ascii").split(), int)
    rows, columns = numbers[:2].tolist()
    cost, members, place = np.empty(columns), [], 2
    for column in range(columns):
        cost[column], count = numbers[place : place + 2]
        members.append(numbers[place + 2 : place + 2 + count] - 1)
        place += 2 + int(count)
    indptr = np.concatenate(([0], np.cumsum([each.size for each in members])))
    indices = np.concatenate(members)
    relation = csc_array((np.ones(indices.size, bool), indices, indptr), shape=(rows, columns))
    return SetCovering(relation.tocsr(), cost)


def _facilities(path: Path) -> CapacitatedFacilityLocation:
    from chargeplan.instances.orlib import read_facility_location  # noqa: PLC0415

    return CapacitatedFacilityLocation(read_facility_location(path))


def _drawn_facilities(points: int, sites: int) -> CapacitatedFacilityLocation:
    """Draw an instance as Cornuejols, Sridharan & Thizy (1991) do, with five times the capacity asked for."""
    from chargeplan.instances.orlib import FacilityLocation  # noqa: PLC0415

    rng = np.random.default_rng(0)
    demand = np.rint(rng.uniform(5, 35, points))
    capacity = np.rint(rng.uniform(10, 160, sites))
    capacity = np.rint(capacity * 5.0 * demand.sum() / capacity.sum())
    opening = np.rint(rng.uniform(0, 90, sites) + rng.uniform(100, 110, sites) * np.sqrt(capacity))
    distance = np.linalg.norm(rng.random((points, 1, 2)) - rng.random((sites, 2)), axis=2)
    return CapacitatedFacilityLocation(
        FacilityLocation(10.0 * distance * demand[:, None], opening, capacity, demand)
    )


def _stores() -> tuple[np.ndarray, np.ndarray]:
    """Distances of San Francisco's tracts to its stores, and the tracts' people."""
    import pandas as pd  # noqa: PLC0415

    folder = TESTS / "spopt"
    long = pd.read_csv(folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv")
    table = long.pivot_table(values="distance", index="DestinationName", columns="name")
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv").set_index("NAME")
    return table.to_numpy(), tracts["POP2000"].loc[table.index].to_numpy(float)


def _scenario(name: str) -> Scenario:
    """Write a shipped scenario as the covering model that its planning solves."""
    from chargeplan.planning.cover import cover  # noqa: PLC0415
    from chargeplan.planning.formulate import formulate  # noqa: PLC0415

    problem = covering_of(name)
    model = formulate(problem, [cover(standard, problem.sites) for standard in problem.standards]).model
    assert model.pure
    assert model.need.max() == 1
    assert not (model.opened | model.closed).any()
    return Scenario(model.coverage, model.cost, name)


def _city(points: int, sites: int, side: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    from chargeplan.instances.generators import city as draw  # noqa: PLC0415

    return draw(points, sites, side, seed)


def _uniform(points: int, sites: int, side: float) -> SetCovering:
    rng = np.random.default_rng(0)
    demand, places = rng.random((points, 2)) * side, rng.random((sites, 2)) * side
    return SetCovering(_near(demand, places), np.ones(sites))


def _square(points: int, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw distances, whole metres in a square of 10 km, and weights."""
    rng = np.random.default_rng(0)
    demand, places = rng.random((points, 2)) * 10_000, rng.random((sites, 2)) * 10_000
    return _distances(demand, places), rng.integers(1, 100, points).astype(float)


def _near(demand: np.ndarray, sites: np.ndarray) -> csr_array:
    from chargeplan.kernels import coverage  # noqa: PLC0415

    relation = coverage(demand, sites, RADIUS, metric="euclidean")
    return relation[np.diff(relation.indptr) > 0]


def _distances(demand: np.ndarray, sites: np.ndarray) -> np.ndarray:
    return np.rint(np.hypot(*(demand[:, None] - sites[None, :]).transpose(2, 0, 1)))
