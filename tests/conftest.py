"""What all tests share."""

from __future__ import annotations

import os
import shutil

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs an absent program of the system, unless the machine is meant to have them all."""
    if os.environ.get("CHARGEPLAN_REQUIRE_SYSTEM") == "1":
        return
    for item in items:
        for marker in item.iter_markers("system"):
            (program,) = marker.args
            absent = shutil.which(program) is None
            item.add_marker(pytest.mark.skipif(absent, reason=f"{program} is not installed here"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail at once, and say why, where a program that must be there is absent."""
    for marker in item.iter_markers("system"):
        (program,) = marker.args
        if shutil.which(program) is None:
            pytest.fail(
                f"{program} is not installed, and CHARGEPLAN_REQUIRE_SYSTEM asks for it", pytrace=False
            )
