"""Damaged files of every format that is read, at random, for as long as is asked.

::

    python benchmarks/fuzz_readers.py [--minutes 10] [--seed N] [--format NAME ...]

damages small sound files (`tests/oracles/small_files.py`) byte by byte and reads them in another process,
which may take ten seconds and a gigabyte for one file. A file is either read or refused in an error of ours;
whatever else happens is printed with the seed and number that make the file again. Exit code 1 if it does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "oracles"))

from damage import hunt
from small_files import FORMATS

ROUND = 100  # files of each format that one process reads


def main() -> int:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="of the damage; the day by default")
    parser.add_argument("--format", action="append", choices=list(FORMATS), help="only these")
    given = parser.parse_args()
    names = given.format or list(FORMATS)
    seed = int(time.time() // 86_400) if given.seed is None else given.seed
    end = time.monotonic() + 60 * given.minutes
    found, number = 0, 0
    while time.monotonic() < end:
        for one in hunt(names, seed, range(number, number + ROUND), until=end):
            found += 1
            print(f"{one.name}, seed {seed}, number {one.number}: {one.what}", flush=True)
        number += ROUND
    print(f"{found} findings; up to {number} damaged files of each of {len(names)} formats, seed {seed}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
