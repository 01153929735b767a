"""The examples run as they are, from anywhere, and print what they find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.tree
def test_shenzhens_stations_are_audited(tmp_path):
    """The figures are those of the shipped stations, counted by hand where that can be; nothing warns."""
    program = [sys.executable, "-W", "error", str(EXAMPLES / "shenzhen" / "audit.py")]
    done = subprocess.run(
        program,
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "40"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    rows = [line.split(",") for line in (EXAMPLES / "shenzhen" / "stations.csv").read_text().splitlines()[1:]]
    piles, zones = sum(int(row[3]) for row in rows), {row[4]: float(row[5]) for row in rows}
    assert f"{len(rows):,} stations with {piles:,} piles in {len(zones)} traffic zones" in said
    assert f"together have {sum(zones.values()) / 1e6:,.0f} km2" in said
    assert "130 stations stand at the position of another" in said
    assert "838 km2, some of them water, lie less than 1 km from a station" in said
    assert "15% of the area of these would be left, 148 km2" in said
    assert "39 stations have no other less than 1 km away" in said
    assert f"{sum(int(row[3]) >= 10 for row in rows)} stations have 10 piles or more" in said
    assert "cannot prove the promise kept anywhere" in said
    assert list(tmp_path.iterdir()) == []
