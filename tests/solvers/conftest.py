"""What the solver tests share."""

from __future__ import annotations

import pytest
from random_models import SETTINGS


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> str:
    """A setting of the covering form."""
    return str(request.param)
