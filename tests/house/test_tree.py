"""The source tree keeps the house rules: links, import layers, what must never be committed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tree

TREE = Path(__file__).parents[2]
ROOMS = ["instances", "kernels", "solvers", "viz"]


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_relative_links(room):
    """The four rooms at the top level are relative links into the one package."""
    link = TREE / room
    assert link.is_symlink()
    assert link.readlink() == Path("chargeplan") / room
    assert (link / "__init__.py").is_file()


def test_imports_go_downward():
    """import-linter finds every contract of pyproject.toml kept."""
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint, "--no-logo", "--no-cache"], cwd=TREE, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def imported_by(path: Path) -> set[str]:
    """Top-level names that a source file imports absolutely."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_rooms_are_never_imported_bare():
    """Code and tests import `chargeplan.kernels`, never `kernels`, which may be somebody else's package."""
    folders = ("chargeplan", "tests", "benchmarks")
    sources = [path for folder in folders for path in (TREE / folder).rglob("*.py")]
    assert {path.name: bare for path in sources if (bare := imported_by(path) & set(ROOMS))} == {}
