"""A writer to be killed: rewrites a plan folder for ever, every file of a plan saying the plan's number.

Run as ``python killed_writer.py FOLDER FIRST``. The files vary from plan to plan, so that each writing
replaces some, adds some and removes some.
"""

from __future__ import annotations

import sys
from itertools import count

from chargeplan.io.plan_folder import write_folder

SIZE = 200_000


def files(number: int) -> dict[str, bytes]:
    """The files of a plan: two that every plan has, and two that come and go."""
    names = [
        "sites.geojson",
        "demand.geojson",
        f"part-{number % 2}.geojson",
        f"part-{number % 3 + 2}.geojson",
    ]
    return {name: f"{number} {name}\n".encode() * (SIZE // 20) for name in names}


if __name__ == "__main__":
    for number in count(int(sys.argv[2])):
        write_folder(sys.argv[1], files(number), {"schema": 1, "number": number})
        print(number, flush=True)  # noqa: T201
