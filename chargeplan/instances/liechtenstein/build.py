"""Build the Liechtenstein scenario from its extract, as `chargeplan instances build --osm FILE` does.

::

    python -m chargeplan.instances.liechtenstein.build [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from chargeplan.prepare.osm import build, folder

HERE = Path(__file__).resolve().parent
NOTE = (
    "The extract is a test file of valhalla/valhalla (MIT License). It is old, of July 2015, and knows no "
    "charging station: the plan is greenfield and overstates new building."
)


def main() -> None:
    """Build the scenario, write it and print the sizes of its files."""
    parser = argparse.ArgumentParser(description="Build the Liechtenstein scenario from its extract.")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: the package's own)"
    )
    out = parser.parse_args().out
    request = build.Request(
        osm=HERE / "sources" / "liechtenstein.osm.pbf", name="liechtenstein", place="Liechtenstein"
    )
    print(folder.write(out, request, build.build(request), [NOTE]))  # noqa: T201 - a program's report


if __name__ == "__main__":
    main()
