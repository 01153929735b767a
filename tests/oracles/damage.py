"""Files damaged at random and read, in a process that may crash: what comes of it, one line of JSON each.

Run as a program it reads damaged files of one format; `hunt` starts it, and starts it again where it ended.
"""

from __future__ import annotations

import json
import math
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST = 10  # seconds of work that a reading may take
WAITED = 60  # seconds after which it hangs, however busy the machine is
MOST = 2**30  # bytes that it may take
_NUMBERS = (
    b"1e999",
    b"-1e300",
    b"NaN",
    b"inf",
    b"-0",
    b"9" * 40,
    b"null",
    b'""',
    b"[]",
    b"{}",
    b"1e308",
    b"<b>",
)
_BYTES = (
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\xf0\x7f",
    b"\xc3\x28",
)


@dataclass(frozen=True)
class Found:
    """A damaged file that was neither read nor refused as it should be."""

    name: str
    number: int
    what: str


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Damage some bytes: flipped, replaced by numbers at the edge, cut, doubled, moved, or cut off."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        at, length = chance.randrange(len(data)), chance.choice((1, 2, 4, 8, 32))
        way = chance.randrange(8)
        if way <= 1:
            data[at] ^= 1 << chance.randrange(8)
        elif way == 2:
            data[at] = chance.randrange(256)
        elif way == 3:
            new = chance.choice(_BYTES)
            data[at : at + len(new)] = new
        elif way == 4:
            data[at : at + length] = b""
        elif way == 5:
            data[at:at] = data[at : at + length * chance.choice((1, 8))]
        elif way == 6:
            _replace_number(data, at, chance)
        elif chance.random() < 0.3:
            del data[at:]
    return bytes(data)


def _replace_number(data: bytearray, at: int, chance: random.Random) -> None:
    """Put another value in place of the digits that stand at or after a place."""
    digits = b"0123456789.-"
    begin = next((place for place in range(at, len(data)) if data[place] in digits), None)
    if begin is None:
        return
    end = next((place for place in range(begin, len(data)) if data[place] not in digits), len(data))
    data[begin:end] = chance.choice(_NUMBERS)


def hunt(names: Sequence[str], seed: int, numbers: range, *, until: float = math.inf) -> Iterator[Found]:
    """Read damaged files, and tell which of them were neither read nor refused as they should be.

    Parameters
    ----------
    names
        Of the formats.
    seed, numbers
        Which files; the same seed and number give the same file of a format.
    until
        Moment, as `time.monotonic` tells it, after which no other is begun.
    """
    cases = [(number, name) for number in numbers for name in names]
    begin = 0
    while begin < len(cases) and time.monotonic() < until:
        asked = {"names": list(names), "seed": seed, "numbers": [*numbers], "begin": begin, "until": until}
        command = [sys.executable, __file__, json.dumps(asked)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        yield from (Found(*reversed(cases[line["case"]]), line["what"]) for line in lines if "what" in line)
        if run.returncode == 0:
            return
        tried = [line["tried"] for line in lines if "tried" in line]
        if not tried:
            yield Found(names[0], begin, f"did not begin: {run.stderr[-2000:]}")
            return
        late = run.returncode in (-signal.SIGALRM, -signal.SIGPROF)
        how = "took too long" if late else f"ended with {run.returncode}"
        yield Found(*reversed(cases[tried[-1]]), f"the process {how}: {run.stderr[-2000:]}")
        begin = tried[-1] + 1


def _read_many(names: Sequence[str], seed: int, numbers: Sequence[int], begin: int, until: float) -> None:
    from small_files import FORMATS, make

    with tempfile.TemporaryDirectory() as folder:
        sound = {}
        for name in names:
            home = Path(folder) / name
            home.mkdir()
            sound[name] = {path: path.read_bytes() for path in make(name, home)}
            FORMATS[name][2](next(iter(sound[name])))  # as it is, it must be read; and everything is imported
        _bound_memory()
        cases = [(number, name) for number in numbers for name in names]
        for case in range(begin, len(cases)):
            if time.monotonic() > until:
                return
            number, name = cases[case]
            _damage(sound[name], random.Random(f"{name} {seed} {number}"))
            _tell(tried=case)
            signal.alarm(WAITED)
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            _read(FORMATS[name][2], next(iter(sound[name])), case)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)


def _damage(parts: dict[Path, bytes], chance: random.Random) -> None:
    """Write the parts of a file, one of them damaged, the first more often than another."""
    first = next(iter(parts))
    victim = chance.choice([*parts, first, first])
    for path, content in parts.items():
        path.write_bytes(damaged(content, chance) if path == victim else content)


def _read(read, path: Path, case: int) -> None:
    from chargeplan.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(path)
    except InputError as error:
        if not all(str(fault).strip() for fault in error.faults) or not error.faults:
            _tell(case=case, what="an error that says nothing")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is no InputError
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename}, line {frame.tb_lineno}" if frame else ""
        what = f"{type(error).__name__}: {str(error)[:300]} ({where})"
        _tell(case=case, what=what)


def _tell(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _bound_memory() -> None:
    """Allow so many bytes beyond what the process has by now."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        pages = int(file.read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST,) * 2)


if __name__ == "__main__":
    _read_many(**json.loads(sys.argv[1]))
