"""The Python door: layers given as GeoDataFrames."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely import LineString, Point, box

from chargeplan.errors import InputError
from chargeplan.problem import Problem
from chargeplan.scenario import Objective, StandardSpec

DEMAND = gpd.GeoDataFrame(
    {"id": ["a", "b"], "weight": [1, 2], "class": ["urban", "rural"]},
    geometry=[Point(113, 28), Point(113.01, 28)],
    crs=4326,
    index=[7, 3],
)
SITES = gpd.GeoDataFrame({"cost": [4.0]}, geometry=[Point(113.5, 28.5)], crs=4326)
ROADS = gpd.GeoDataFrame(geometry=[LineString([(113, 28), (113.1, 28)])], crs=4326)
MINIMISE = {"minimise": "cost"}


def test_plain_question() -> None:
    """Two frames, a radius in metres and an objective are a problem."""
    problem = Problem(demand=DEMAND, sites=SITES, standards=[{"radius": 1000}], objective=MINIMISE)
    (standard,) = problem.standards
    assert (standard.name, standard.radius, standard.required) == ("standard-1", 1000.0, True)
    assert standard.points.ids.tolist() == ["a", "b"]
    assert problem.sites.ids.tolist() == ["sites-1"]
    assert problem.sites.cost.tolist() == [4.0]
    assert problem.inputs == ()
    assert problem.name == "problem"


def test_same_as_the_file(region) -> None:
    """What Python gives and what a scenario file gives is the same problem."""
    from_file = region.read()
    frames = {
        name: gpd.read_file(region.folder / f"{name}.csv", X_POSSIBLE_NAMES="lon", Y_POSSIBLE_NAMES="lat")
        for name in ("demand", "sites")
    }
    given = Problem(
        demand={"people": frames["demand"].set_crs(4326)},
        sites={"places": frames["sites"].set_crs(4326)},
        standards=[StandardSpec(name="urban", demand="people", radius="1 km")],
        objective=Objective(minimise="cost"),
        name="region",
    )
    assert given.standards[0].points.ids.tolist() == from_file.standards[0].points.ids.tolist()
    assert given.standards[0].points.weight.tolist() == from_file.standards[0].points.weight.tolist()
    assert given.sites.status.tolist() == from_file.sites.status.tolist()
    assert given.scenario.standards == from_file.scenario.standards


def test_all_layers() -> None:
    """Corridors, roads, areas and exclusions are given the same way."""
    problem = Problem(
        demand={"people": DEMAND},
        sites={"old": SITES.assign(status="existing"), "new": SITES.to_crs(32649)},
        corridors={"g4": ROADS},
        network=ROADS,
        areas=gpd.GeoDataFrame(geometry=[box(113, 28, 114, 29)], crs=4326),
        exclude=gpd.GeoDataFrame(geometry=[box(113.4, 28.4, 114, 29)], crs=4326),
        standards=[
            {"name": "urban", "demand": "people", "radius": "1 km", "where": "class = 'urban'"},
            {"name": "far", "corridor": "g4", "radius": "50 km", "strict": True},
            {"name": "drive", "demand": "people", "radius": 2500.5, "metric": "road"},
        ],
        objective=MINIMISE,
        chargers=[{"type": "fast", "kw": 120}],
        title="A plan",
        solve={"gap": 0.02},
    )
    assert problem.sites.ids.tolist() == ["old-1", "new-1"]
    assert problem.sites.status.tolist() == ["existing", "forbidden"]
    assert [len(standard.points) for standard in problem.standards] == [1, 13, 2]
    assert problem.standards[2].access is not None
    assert problem.standards[2].radius == 2500.5
    assert problem.standards[1].strict
    assert list(problem.lines) == ["g4"]
    assert len(problem.borders) == 1
    assert [each.type for each in problem.charging.types] == ["fast"]
    assert problem.not_planned == ()
    assert problem.scenario.solve.gap == 0.02


def test_replace() -> None:
    """A problem that was given in Python can be asked something else as well."""
    problem = Problem(demand=DEMAND, sites=SITES, standards=[{"radius": 1000}], objective=MINIMISE)
    other = problem.replace(
        standards=[{"radius": "2 km", "required": False}], objective={"maximise": "weight", "stations": 1}
    )
    assert other.standards[0].radius == 2000
    assert other.scenario.objective.maximise == "weight"


def test_matrix_may_lie_anywhere(tmp_path) -> None:
    """A table that a program names is opened wherever it lies."""
    (tmp_path / "d.csv").write_text("demand,site,distance\na,sites-1,5\n", encoding="utf-8")
    standard = {"radius": 10, "metric": "matrix", "matrix": str(tmp_path / "d.csv")}
    problem = Problem(demand=DEMAND, sites=SITES, standards=[standard], objective=MINIMISE)
    assert problem.standards[0].matrix.nnz == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demand": DEMAND.set_crs(None, allow_override=True)}, "<demand>, layer demand: has no CRS"),
        ({"sites": SITES.assign(cost=-1)}, "<sites>, layer sites, row 1, column cost: -1 is negative"),
        ({"demand": {"people": DEMAND.assign(id="a")}}, "<demand people>, layer people, row 2, column id"),
        ({"sites": DEMAND.drop(columns="geometry")}, "<sites>: is not a GeoDataFrame with geometry"),
        (
            {"standards": [{"radius": "1"}]},
            "[[standards]] 1 (standard-1), radius: '1' is not a number with a unit",
        ),
        ({"standards": [{"radius": -5.0}]}, "[[standards]] 1 (standard-1), radius: '-5.0 m'"),
        ({"standards": []}, "there are no service standards"),
        ({"objective": {}}, "[objective]: needs exactly one of minimise and maximise"),
        ({"colour": "red"}, "colour: unknown key"),
    ],
)
def test_faults(change, message) -> None:
    """What is wrong is named by frame, row and column, or by table and key."""
    given = {"demand": DEMAND, "sites": SITES, "standards": [{"radius": 1000}], "objective": MINIMISE}
    with pytest.raises(InputError) as error:
        Problem(**{**given, **change})
    assert message in str(error.value)


def test_frames_are_left_alone() -> None:
    """The given frames are not changed."""
    demand, sites = DEMAND.copy(), SITES.copy()
    Problem(demand=demand, sites=sites, standards=[{"radius": 1000}], objective=MINIMISE)
    assert demand.equals(DEMAND)
    assert sites.equals(SITES)
