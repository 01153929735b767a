"""One contract for every backend that is installed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from random_models import random_model
from scipy.sparse import csr_array

from chargeplan.errors import BackendCrashed, BackendUnavailable, InputError, WrongAnswer
from chargeplan.solvers import backends
from chargeplan.solvers.backends import process
from chargeplan.solvers.backends.base import Answer, Backend, Feature, Hooks, checked
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits

NAMES = [backend.name for backend in backends.available()]


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    """An installed backend."""
    return backends.find(request.param)


def program(rows: object, low: object, high: object, objective: object, **parts: object) -> MatrixModel:
    """A model of Booleans, with any part replaced."""
    c = np.asarray(objective, float)
    default = {
        "objective": c,
        "rows": csr_array(np.asarray(rows, float)),
        "row_lower": np.asarray(low, float),
        "row_upper": np.asarray(high, float),
        "lower": np.zeros(c.size),
        "upper": np.ones(c.size),
        "integral": np.ones(c.size, bool),
        "implied": np.zeros(c.size, bool),
    }
    return MatrixModel(**(default | parts))


def solved(backend: Backend, model: MatrixModel, **limits: float) -> Answer:
    """A checked answer."""
    return checked(backend, model, backend.solve(model, Limits(threads=1, **limits), Hooks()))


def test_the_default_backends_are_there() -> None:
    """OR-Tools and CBC come with chargeplan."""
    assert {"ortools:cp-sat", "ortools:scip", "ortools:highs", "pulp:cbc"} <= set(NAMES)


def test_a_triangle_needs_two_corners(backend: Backend) -> None:
    """Each edge of a triangle needs an end: two corners, though the LP says one and a half."""
    edges = [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    answer = solved(backend, program(edges, [1, 1, 1], [np.inf] * 3, [1, 1, 1]))
    assert answer.status == "optimal"
    assert answer.objective == 2.0
    assert answer.bound == pytest.approx(2.0, abs=1e-6)


def test_a_knapsack_is_maximised(backend: Backend) -> None:
    """Of weights 3, 4, 5 within 8, the first and last are worth most: 4 + 6."""
    answer = solved(backend, program([[3, 4, 5]], [-np.inf], [8], [4, 5, 6], maximise=True))
    assert (answer.status, answer.objective) == ("optimal", 10.0)
    assert answer.values.tolist() == [1, 0, 1]
    assert answer.bound >= 10.0 - 1e-6


def test_equal_limits_and_larger_integers(backend: Backend) -> None:
    """Exactly 7 of threes and twos at the least price: one three and two twos."""
    model = program([[3, 2]], [7], [7], [5, 3], upper=np.array([9.0, 9.0]))
    answer = solved(backend, model)
    assert answer.values.tolist() == [1, 2]


def test_decimals_are_exact(backend: Backend) -> None:
    """0.1 + 0.2 reaches 0.3, and costs are compared to the cent."""
    model = program([[0.1, 0.2, 0.3]], [0.3], [np.inf], [1.01, 1.02, 2.02])
    assert solved(backend, model).objective == pytest.approx(2.02)


def test_infeasible_is_said(backend: Backend) -> None:
    """Two of one Boolean cannot be."""
    assert solved(backend, program([[1, 1]], [3], [np.inf], [1, 1])).status == "infeasible"


def test_infeasible_is_said_where_only_fractions_fit(backend: Backend) -> None:
    """Of two rings of five neighbours no five can be chosen without two neighbours, though ten halves can."""
    ring = np.eye(5) + np.roll(np.eye(5), 1, axis=1)
    rows = np.vstack((np.kron(np.eye(2), ring), np.ones(10)))
    model = program(rows, [-np.inf] * 10 + [5], [1] * 10 + [np.inf], np.zeros(10))
    assert solved(backend, model).status == "infeasible"


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["mixed", "rows and budget", "two shares"])
def test_backends_agree_with_cp_sat(backend: Backend, setting: str) -> None:
    """On random covering models every backend's optimum is CP-SAT's."""
    model = random_model(setting, 0).matrix()
    expected = solved(backends.find("ortools"), model)
    answer = solved(backend, model)
    assert answer.status == expected.status
    assert answer.objective == pytest.approx(expected.objective)


def hard_model() -> MatrixModel:
    """A Steiner-triple-like covering model that takes minutes to prove."""
    rng = np.random.default_rng(1)
    rows = rng.random((400, 200)) < 0.05
    return program(
        rows[rows.any(axis=1)],
        np.ones(rows.any(axis=1).sum()),
        np.full(rows.any(axis=1).sum(), np.inf),
        np.ones(200),
    )


def test_a_time_limit_ends_with_a_plan_and_a_true_bound(backend: Backend) -> None:
    """After a second there is a feasible plan, with a bound below it where one is told."""
    began = time.monotonic()
    answer = solved(backend, hard_model(), time_limit=2.0)
    assert time.monotonic() - began < 20
    assert answer.status == "feasible"
    assert answer.bound is None or answer.bound <= answer.objective


def test_cancelling_ends_soon(backend: Backend) -> None:
    """Once cancelled, a solver that can be cancelled ends within seconds."""
    assert Feature.CANCEL in backend.features
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    began = time.monotonic()
    checked(
        backend,
        hard_model(),
        backend.solve(hard_model(), Limits(threads=1, time_limit=60), Hooks(cancel=cancel)),
    )
    assert time.monotonic() - began < 20


def test_a_start_is_taken(backend: Backend) -> None:
    """A feasible start changes no optimum."""
    edges = [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    model = program(edges, [1, 1, 1], [np.inf] * 3, [1, 1, 1])
    answer = checked(backend, model, backend.solve(model, Limits(), Hooks(start=np.ones(3))))
    assert answer.objective == 2.0


class Liar:
    """A backend that answers what it is told."""

    name = "liar"
    features: frozenset[Feature] = frozenset()


@pytest.mark.parametrize(
    "answer",
    [
        Answer("optimal", np.array([1.0, 0.0, 0.0]), 1.0, 1.0),
        Answer("optimal", np.array([1.0, 1.0, 0.0]), 1.0, 1.0),
        Answer("optimal", np.array([1.0, 1.0, 0.5]), 2.5, 2.0),
        Answer("optimal", np.array([1.0, 1.0, 0.0]), 2.0, 3.0),
        Answer("optimal", np.array([1.0, 2.0, 0.0]), 3.0, 2.0),
        Answer("optimal", np.array([1.0, np.nan, 0.0]), 2.0, 2.0),
    ],
    ids=[
        "breaks a row",
        "misstates the objective",
        "half a station",
        "bound beyond the plan",
        "out of range",
        "NaN",
    ],
)
def test_wrong_answers_are_errors(answer: Answer) -> None:
    """What breaks the model or contradicts itself never becomes a plan."""
    model = program([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [1, 1, 1], [np.inf] * 3, [1, 1, 1])
    with pytest.raises(WrongAnswer):
        checked(Liar(), model, answer)


def test_unknown_and_absent_backends() -> None:
    """An unknown name is the caller's fault; a known one may be absent."""
    with pytest.raises(InputError, match="abacus"):
        backends.find("abacus")
    absent = [name for name in backends.names() if name not in NAMES]
    for name in absent:
        with pytest.raises(BackendUnavailable, match=name):
            backends.find(name)


def test_cp_sat_refuses_what_it_cannot_write() -> None:
    """A third is no decimal: CP-SAT says so instead of rounding."""
    cp_sat = backends.find("ortools")
    model = program([[1 / 3, 1]], [1 / 3], [np.inf], [1, 1])
    assert not cp_sat.takes(model)
    with pytest.raises(InputError, match="decimals"):
        cp_sat.solve(model, Limits(), Hooks())
    continuous = dataclasses.replace(program([[1, 1]], [1], [np.inf], [1, 1]), integral=np.zeros(2, bool))
    assert not cp_sat.takes(continuous)


@pytest.mark.parametrize("sense", [False, True])
def test_cp_sat_rounds_an_objective_to_the_safe_side(sense: bool) -> None:
    """Of thirds and roots the best is found, at its own value, and the bound is never too good."""
    worth = np.sqrt(np.arange(2.0, 8.0)) / 3
    model = program(np.ones((1, 6)), [3], [3], worth, maximise=sense)
    cp_sat = backends.find("ortools:cp-sat")
    assert cp_sat.takes(model)
    answer = solved(cp_sat, model)
    best = float(np.sort(worth)[::-1][:3].sum() if sense else np.sort(worth)[:3].sum())
    assert (answer.status, answer.objective) == ("optimal", pytest.approx(best, abs=1e-12))
    assert (answer.bound >= best) if sense else (answer.bound <= best)
    assert answer.bound == pytest.approx(best, rel=1e-9)


def test_cp_sat_is_given_the_model_that_its_own_functions_build() -> None:
    """What is written straight into the message is, term by term, what an object per term would write."""
    from ortools.sat.python import cp_model

    from chargeplan.solvers.backends.ortools_cp_sat import _build, _whole_rows

    model = program([[3, 0, -2, 7], [1, 1, 0, 0.5]], [2, -np.inf], [np.inf, 4], [1, 1, 1, 1])
    built, _, _ = _build(cp_model, model)
    plain = cp_model.CpModel()
    variables = [plain.new_int_var(0, 1, "") for _ in range(4)]
    data, lower, upper = _whole_rows(model)
    for row, (start, end) in enumerate(pairwise(model.rows.indptr.tolist())):
        terms = zip(model.rows.indices[start:end].tolist(), data[start:end].tolist(), strict=True)
        total = sum(coefficient * variables[column] for column, coefficient in terms)
        low = int(lower[row]) if np.isfinite(lower[row]) else cp_model.INT_MIN
        high = int(upper[row]) if np.isfinite(upper[row]) else cp_model.INT_MAX
        plain.add_linear_constraint(total, low, high)
    assert [str(row) for row in built.proto.constraints] == [str(row) for row in plain.proto.constraints]


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_worker_is_an_error_not_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the worker process dies, the backend says so."""
    started: list[subprocess.Popen[bytes]] = []
    start = process.start

    def start_and_kill(script: Path, arguments: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        worker = start(script, arguments, output)
        started.append(worker)
        os.killpg(worker.pid, signal.SIGKILL)
        return worker

    backend = backends.find("pulp")
    monkeypatch.setattr(process, "start", start_and_kill)
    with pytest.raises(BackendCrashed, match="pulp:cbc"):
        backend.solve(hard_model(), Limits(), Hooks())
    assert started


def test_a_hung_worker_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that outlives its time limit and grace is killed."""
    monkeypatch.setattr(process, "_GRACE", 0.0)
    backend = backends.find("pulp")
    with pytest.raises(BackendCrashed, match="time limit"):
        backend.solve(hard_model(), Limits(time_limit=0.05), Hooks())


def test_solving_prints_nothing() -> None:
    """Standard output stays clean, for `--json`, whatever the backend."""
    code = (
        "import numpy as np; from chargeplan import solvers\n"
        "from chargeplan.solvers import backends\n"
        "e = np.array([[1,1,0,0,0],[0,1,1,0,0],[0,0,1,1,0],[0,0,0,1,1],[1,0,0,0,1]])\n"
        "for b in backends.available(): assert solvers.set_covering(e, backend=b.name).objective == 3\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("", "")
