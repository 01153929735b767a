"""Who is loaded where: PuLP and highspy never in chargeplan's own process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

SOLVES = """
import json, sys
import chargeplan as cp
plan = cp.solve(cp.load(sys.argv[1]), gap=0.0, backend=sys.argv[2], threads=1)
print(json.dumps([plan.status, plan.objective, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def solved(folder, backend):
    """Status, objective and loaded packages of a fresh process that has just solved a scenario."""
    command = [sys.executable, "-c", SOLVES, str(folder), backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pulp_stays_outside(cases, oracle, tmp_path):
    """After planning with PuLP, at a problem that reached it, neither pulp nor highspy is loaded here."""
    case = cases["share"]()
    status, objective, loaded = solved(case.write(tmp_path / "scenario"), "pulp:cbc")
    assert (status, objective) == ("optimal", pytest.approx(oracle(case).solve()[0]))
    assert not {"pulp", "highspy"} & set(loaded)


@pytest.mark.skipif(importlib.util.find_spec("highspy") is None, reason="highspy is not installed here")
@pytest.mark.parametrize("case_name", ["share", "two aims"])
def test_every_backend_works_with_highspy_installed(cases, oracle, tmp_path, case_name):
    """With highspy installed, which cannot share a process with OR-Tools, every backend finds the optimum."""
    from chargeplan.solvers import backends

    names = [backend.name for backend in backends.available()]
    assert {"ortools:cp-sat", "ortools:highs", "pulp:cbc", "pulp:highs"} <= set(names)
    case = cases[case_name]()
    folder, best = case.write(tmp_path / "scenario"), oracle(case).solve()[0]
    for name in names:
        status, objective, loaded = solved(folder, name)
        assert (status, objective) == ("optimal", pytest.approx(best)), name
        assert not {"pulp", "highspy"} & set(loaded), name
