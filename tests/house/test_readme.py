"""The README does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chargeplan.scenario import Scenario

pytestmark = pytest.mark.tree

TREE = Path(__file__).parents[2]


@pytest.fixture
def readme() -> str:
    """Text of the README."""
    return (TREE / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str) -> list[str]:
    """Code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_two_commands_are_there(readme):
    """A newcomer finds one line that plans and one line that tests, each from a new virtual environment."""
    lines = readme.splitlines()
    assert "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/chargeplan solve" in lines
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest" in lines


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
def test_python_examples_run(readme, place, tmp_path):
    """Each Python block runs by itself in an empty folder, without a warning, and what it asserts holds."""
    program = blocks("python", readme)[place]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_there_are_no_other_python_examples(readme):
    """Every Python block is among those that the test above runs."""
    assert len(blocks("python", readme)) == 2


def test_the_scenario_example_is_a_scenario(readme):
    """The scenario that the README shows has no fault."""
    (text,) = blocks("toml", readme)
    assert Scenario.parse(tomllib.loads(text)).name == "my-town"


def test_links_point_at_files(readme):
    """Every relative link of the README leads to a file of the tree."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme)
    assert targets
    assert [target for target in targets if not (TREE / target).is_file()] == []
