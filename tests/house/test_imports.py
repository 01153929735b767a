"""Importing is cheap, and what the package offers is what it says it offers."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from importlib import resources

import pytest

import chargeplan

HEAVY = {
    "geopandas", "matplotlib", "numba", "numpy", "ortools", "pandas", "pulp", "pydantic", "pyogrio", "pyproj",
    "scipy", "shapely", "sklearn",
}  # fmt: skip

HELP = """
import contextlib
from chargeplan.cli import main
sys.argv = ["chargeplan", "--help"]
with contextlib.suppress(SystemExit):
    main()
"""


def loaded_after(program: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a program."""
    listing = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('\\n' + repr(sorted(sys.modules)))"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()[-1]  # fmt: skip
    return {name.partition(".")[0] for name in ast.literal_eval(listing)}


@pytest.mark.parametrize(
    "program",
    [
        "import chargeplan",
        "import chargeplan.cli",
        HELP,
    ],
    ids=["import chargeplan", "import chargeplan.cli", "chargeplan --help"],
)  # fmt: skip
def test_nothing_heavy_is_imported_before_it_is_needed(program):
    """Neither the package nor the command's help loads a numerical or geographic library."""
    assert loaded_after(program) & HEAVY == set()


def test_solving_never_loads_highspy_or_pulp():
    """OR-Tools and highspy cannot share a process, and pulp imports highspy: neither is imported here."""
    program = (
        "import chargeplan.planning, chargeplan.solvers, chargeplan.solvers.backends as b\nb.available()"
    )
    assert loaded_after(program) & {"highspy", "pulp"} == set()


@pytest.mark.parametrize("name", chargeplan.__all__)
def test_every_public_name_is_there(name):
    """Each name of the public API can be had, and has a docstring if it is code."""
    value = getattr(chargeplan, name)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    """The lazy package says no to names it does not have, as any module does."""
    with pytest.raises(AttributeError, match="no attribute 'slove'"):
        chargeplan.slove  # noqa: B018


def test_audit_stays_a_function():
    """`cp.audit` is the function, whoever has meanwhile imported the modules that it is made of."""
    loaded_after("import chargeplan as cp, chargeplan.planning\ncp.audit.__code__")


def modules() -> list[str]:
    """Names of all modules of the package."""
    found = pkgutil.walk_packages(chargeplan.__path__, "chargeplan.")
    return [module.name for module in found if module.name != "chargeplan.__main__"]


@pytest.mark.parametrize("name", modules())
def test_all_is_correct(name):
    """Each module imports by itself; where it declares `__all__`, every name in it exists, and once."""
    module = importlib.import_module(name)
    declared = getattr(module, "__all__", [])
    assert len(declared) == len(set(declared))
    assert [item for item in declared if not hasattr(module, item)] == []


def test_the_package_is_typed():
    """Type checkers find the marker of PEP 561 beside the installed package."""
    assert resources.files("chargeplan").joinpath("py.typed").is_file()
