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

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Code blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_two_commands_are_there():
    """A newcomer finds one line that plans and one line that tests, each from a new virtual environment."""
    lines = README.splitlines()
    assert "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/chargeplan solve" in lines
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest" in lines


@pytest.mark.slow
@pytest.mark.parametrize("program", blocks("python"))
def test_python_examples_run(program, tmp_path):
    """Each Python block runs by itself in an empty folder, and what it asserts holds."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_scenario_example_is_a_scenario(text):
    """The scenario that the README shows has no fault."""
    assert Scenario.parse(tomllib.loads(text)).name == "my-town"


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_links_point_at_files(target):
    """Every relative link of the README leads to a file of the tree."""
    assert (Path(__file__).parents[2] / target).is_file()
