"""Public functions of the models, on published instances and on cases a reader can solve in the head."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chargeplan import solvers
from chargeplan.errors import InputError
from chargeplan.instances.orlib import read_set_covering

DATA = Path(__file__).parents[1] / "data"
OPTIMA = json.loads((DATA / "optima.json").read_text())
SPOPT = OPTIMA["spopt"]


@pytest.fixture(scope="module")
def san_francisco() -> tuple[pd.DataFrame, np.ndarray]:
    """Distances of 205 tracts to 16 stores, and the tracts' people in the same order."""
    long = pd.read_csv(DATA / "spopt" / "SF_network_distance_candidateStore_16_censusTract_205_new.csv")
    table = long.pivot_table(values="distance", index="DestinationName", columns="name")
    people = pd.read_csv(DATA / "spopt" / "SF_demand_205_centroid_uniform_weight.csv").set_index("NAME")[
        "POP2000"
    ]
    return table, people.loc[table.index].to_numpy(float)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPTIMA["orlib_scp"]["optimal"]))
def test_or_library_set_covering_optima(name: str) -> None:
    """The proven optima of scp41 to scp410 are found and proven."""
    coverage, cost = read_set_covering(DATA / "orlib_scp" / f"{name}.txt")
    solution = solvers.set_covering(coverage, cost)
    assert solution.status == "optimal"
    assert solution.objective == OPTIMA["orlib_scp"]["optimal"][name]
    assert coverage[:, solution.selected].sum(axis=1).min() >= 1
    assert cost[solution.selected].sum() == solution.objective


@pytest.mark.parametrize("backend", ["auto", "ortools:highs", "pulp:cbc"])
def test_spopt_set_covering(san_francisco: tuple[pd.DataFrame, np.ndarray], backend: str) -> None:
    """All tracts of San Francisco are within 5,000 m of 8 stores, no fewer; within 20 m of none."""
    distance = san_francisco[0].to_numpy()
    solution = solvers.set_covering(distance <= 5000, backend=backend)
    assert (solution.status, solution.objective) == ("optimal", SPOPT["set_covering_R5000_sites"])
    infeasible = solvers.set_covering(distance <= 20, backend=backend)
    assert infeasible.status == SPOPT["set_covering_R20"]
    assert infeasible.uncoverable.size > 0


@pytest.mark.parametrize("backend", ["auto", "ortools:scip", "pulp:cbc"])
def test_spopt_maximal_covering(san_francisco: tuple[pd.DataFrame, np.ndarray], backend: str) -> None:
    """Four stores serve 875,247 people within 5,000 m, and 21 tracts stay out."""
    table, people = san_francisco
    covered = table.to_numpy() <= 5000
    expected = SPOPT["maximal_covering_R5000_p4"]
    solution = solvers.maximal_covering(covered, people, stations=4, backend=backend)
    assert (solution.status, solution.objective) == ("optimal", expected["objective"])
    assert sorted(table.columns[solution.selected]) == sorted(expected["sites"])
    assert (solution.assignment == -1).sum() == expected["uncovered_demand_points"]


def test_a_row_of_houses() -> None:
    """Sites at 1 and 3 serve their neighbours: two serve all five, one three, and the ends never have two."""
    matrix = [[0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    assert solvers.set_covering(matrix).selected.tolist() == [1, 3]
    assert solvers.set_covering(matrix, share=0.6).objective == 1
    assert solvers.set_covering(matrix, backup=2).status == "infeasible"
    assert solvers.set_covering(matrix, backup=2).uncoverable.tolist() == [0, 1, 3]
    assert solvers.maximal_covering(matrix, [1, 1, 1, 1, 5], stations=1).objective == 7
    assert solvers.set_covering(matrix, required=[0]).selected.tolist() == [0, 1, 3]
    assert solvers.set_covering(matrix, forbidden=[3]).uncoverable.tolist() == [3]
    assert solvers.set_covering(matrix, cost=[1, 1, 1, 9], share=0.8).objective == 2


def test_a_budget_is_not_overspent() -> None:
    """With 10 to spend, the two cheap sites serve more than the dear one."""
    matrix = np.eye(3)
    solution = solvers.maximal_covering(matrix, [5, 4, 8], budget=10, cost=[4, 6, 10])
    assert solution.selected.tolist() == [0, 1]
    assert solution.objective == 9


def test_nothing_to_serve_needs_nothing() -> None:
    """Without demand points the best plan is empty and proven."""
    solution = solvers.set_covering(np.zeros((0, 3)))
    assert (solution.status, solution.objective, solution.selected.tolist()) == ("optimal", 0.0, [])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"share": 0.0}, "share"),
        ({"share": 1.1}, "share"),
        ({"backup": 0}, "backup"),
        ({"cost": [1.0]}, "cost"),
        ({"cost": [1.0, -1.0]}, "cost"),
        ({"weight": [np.nan, 1.0]}, "weight"),
        ({"required": [2]}, "required"),
        ({"forbidden": [-1]}, "forbidden"),
        ({"required": [0], "forbidden": [0]}, "both"),
        ({"backend": "abacus"}, "abacus"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], word: str) -> None:
    """Each wrong argument gets an error that names it."""
    with pytest.raises(InputError, match=word):
        solvers.set_covering(np.eye(2), **arguments)


def test_maximal_covering_needs_one_limit() -> None:
    """Both limits, or none, are refused."""
    with pytest.raises(InputError, match="stations or budget"):
        solvers.maximal_covering(np.eye(2), [1, 1])
    with pytest.raises(InputError, match="stations or budget"):
        solvers.maximal_covering(np.eye(2), [1, 1], stations=1, budget=1)


@pytest.mark.parametrize("name", [name for name in solvers.__all__ if name.islower()])
def test_every_model_takes_and_explains_the_same_keywords(name: str) -> None:
    """With the same defaults, where `help` shows them; any other is refused."""
    model = getattr(solvers, name)
    shown = inspect.signature(model).parameters
    expected = {
        "time_limit": None, "gap": 0.0, "work_limit": None, "backend": "auto", "threads": None, "seed": 0,
        "required": (), "forbidden": (), "on_event": None, "cancel": None,
    }  # fmt: skip
    assert {word: shown[word].default for word in expected} == expected
    assert all(shown[word].kind is inspect.Parameter.KEYWORD_ONLY for word in expected)
    assert all(word in model.__doc__.split("Returns")[0] for word in expected)
    given = [np.ones((2, 2))] * sum(part.default is part.empty for part in shown.values())
    with pytest.raises(TypeError, match="time_limt"):
        model(*given, time_limt=1)


def test_solutions_do_not_change() -> None:
    """A solution is frozen."""
    solution = solvers.set_covering(np.eye(2))
    with pytest.raises(AttributeError):
        solution.objective = 1.0
