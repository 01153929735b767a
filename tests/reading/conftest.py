"""A small region that tests of reading change one thing of."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from chargeplan.problem import Problem
from chargeplan.scenario import Scenario

DEMAND = (
    "id,lon,lat,weight,class\na,113.00,28.00,10,urban\nb,113.01,28.00,20,urban\nc,113.02,28.01,30,rural\n"
)
SITES = "id,lon,lat,cost,status\np,113.001,28.001,5,candidate\nq,113.02,28.00,7,existing\n"


class Region:
    """A folder with layers, and the tables of a scenario about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: dict[str, Any] = {
            "schema": 1,
            "name": "region",
            "demand": [{"name": "people", "file": "demand.csv"}],
            "sites": [{"name": "places", "file": "sites.csv"}],
            "standards": [{"name": "urban", "demand": "people", "radius": "1 km"}],
            "objective": {"minimise": "cost"},
        }
        self.write("demand.csv", DEMAND)
        self.write("sites.csv", SITES)

    def write(self, name: str, text: str | bytes) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def scenario(self, **tables: Any) -> Scenario:
        """Ask with other tables."""
        return Scenario.parse({**copy.deepcopy(self.tables), **tables}, self.folder)

    def read(self, **tables: Any) -> Problem:
        """Read with other tables."""
        return Problem.read(self.scenario(**tables))


@pytest.fixture
def region(tmp_path: Path) -> Region:
    return Region(tmp_path)
