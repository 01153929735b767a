"""The programs of the engine's benchmarks, small, so that they do not rot."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

sys.path.insert(0, str(Path(__file__).parent))

import city
import models
import run
from cases import PROGRAMS, Case
from solvers_alone import SOLVERS, absent

ANSWER = {"status": "optimal", "objective": 1.0, "bound": 1.0, "proof": "nobody", "seconds": 1.0, "memory": 1}
KINDS = [
    *(models.SetCovering, models.MaximalCovering, models.PMedian, models.PCenter),
    models.CapacitatedFacilityLocation,
]


def optimum(instance: Any) -> tuple[float, np.ndarray]:
    """Solve the textbook's model; return its objective and the open sites."""
    matrix = instance.matrix()
    sign = -1.0 if matrix.maximise else 1.0
    rows = LinearConstraint(matrix.rows, matrix.row_lower, matrix.row_upper)
    limits = Bounds(matrix.lower, matrix.upper)
    found = milp(sign * matrix.objective, integrality=matrix.integral, bounds=limits, constraints=rows)
    return sign * found.fun, np.flatnonzero(found.x[: instance.sites] > 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_textbook_model_is_the_one_that_chargeplan_solves(kind: Any) -> None:
    """The textbook's optimum is chargeplan's, and what the check makes of its stations."""
    instance = kind.tiny()
    objective, selected = optimum(instance)
    assert instance.value(selected) == pytest.approx(objective)
    assert instance.solved(gap=0.0).objective == pytest.approx(objective)


@pytest.mark.parametrize("who", list(SOLVERS))
def test_every_solver_answers(who: str) -> None:
    """Every solver that is installed covers a small city in a process of its own, and its plan holds."""
    reason = absent(who)
    if reason is not None:
        pytest.skip(reason)
    case = replace(next(PROGRAMS["coverings"]("small", None)), seconds=1.0)
    (row,) = run.compared(case, [who], threads=1, runs=1)
    assert not row.fault
    assert row.status in {"optimal", "feasible"}
    assert row.seconds is not None


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_every_instance_can_be_made(name: str) -> None:
    """Each program's small instances are read or drawn."""
    cases = list(PROGRAMS[name]("small", None))
    assert cases
    assert {type(case.make()).__module__ for case in cases} == {"models"}
    assert {who for case in cases for who in case.who} <= set(SOLVERS)


def test_a_program_writes_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command solves a program's cases and writes their figures into its section of the report."""
    (first, *_) = PROGRAMS["optima"]("small", None)
    written: dict[str, str] = {}
    monkeypatch.setitem(run.PROGRAMS, "optima", lambda _size, _data: iter([first]))
    monkeypatch.setattr(run, "replace_section", written.__setitem__)
    monkeypatch.setattr(sys, "argv", ["run.py", "optima", "--threads", "1"])
    run.main()
    assert list(written) == ["Engine: optima"]
    assert "- Command: `python benchmarks/engine/run.py optima --threads 1`" in written["Engine: optima"]
    assert "| scp41 | chargeplan | 429 | 429 | 429 | 0.00% |" in written["Engine: optima"]


def test_the_city_is_followed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The other command tells how plan and bound come together."""
    asked = ["--seconds", "1", "--demand", "500", "--sites", "100", "--side", "6000"]
    monkeypatch.setattr(sys, "argv", ["city.py", *asked])
    city.main()
    assert "stations, bound" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"selected": [], "objective": 0.0}, "no plan"),
        ({"selected": list(range(20)), "objective": 3.0}, "says 3"),
        ({"selected": list(range(20)), "objective": 20.0}, ""),
    ],
)
def test_a_wrong_plan_is_found(answer: dict[str, Any], fault: str) -> None:
    """A plan that leaves demand points alone, or costs what it does not say, is marked."""
    instance = models.SetCovering.tiny()
    case = Case("", "tiny", models.SetCovering.tiny, 1.0)
    row = run.checked(instance, case, "somebody", ANSWER | answer)
    assert row.fault.startswith(fault)
    assert bool(row.fault) is bool(fault)


def test_a_wrong_bound_is_found() -> None:
    """A bound beyond somebody's plan, or beyond the known optimum, is marked."""
    case = Case("", "tiny", models.SetCovering.tiny, 1.0)
    rows = [
        run.Row(case, "one", "feasible", 20.0, 11.0),
        run.Row(case, "other", "feasible", 10.0, 9.0),
        run.Row(case, "third", "stopped"),
    ]
    assert [bool(row.fault) for row in run.contradictions(rows, maximise=False)] == [True, False, False]
    assert [bool(row.fault) for row in run.contradictions(rows, maximise=True)] == [True, True, False]
    known = [replace(row, case=replace(case, known=8.0)) for row in rows]
    assert [bool(row.fault) for row in run.contradictions(known, maximise=False)] == [True, True, False]
