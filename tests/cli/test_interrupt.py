"""Ctrl-C, as a process receives it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

WAITS = """
from chargeplan.cli.interrupt import Interruption
from chargeplan.cli.progress import Progress
with Progress(quiet=False) as progress, Interruption(progress) as interruption:
    print("ready", flush=True)
    while not interruption.cancel.wait(0.01):  # forever would miss a signal just before it
        pass
print("stopped", flush=True)
"""

# One C call that lets other threads run and never looks for signals, as a solver's search is.
BUSY = """
import hashlib
from chargeplan.cli.interrupt import Interruption
from chargeplan.cli.progress import Progress
with Progress(quiet=False) as progress, Interruption(progress) as interruption:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""


# A command that is reading its input; where these tests run in the background, Ctrl-C may be off at first.
READS = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from chargeplan.cli import main, request
def read(self):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)  # signal.pause() would miss a signal just before it
request.Request.read = read
sys.argv = ["chargeplan", "solve", "czt", "-o", "no-such-folder-is-made"]
main()
"""


# A signal as a stage begins; then how long the run went on, and how it ended.
INTERRUPTED = """
import os, signal, sys, time
import chargeplan as cp
from chargeplan.cli.interrupt import Interruption
from chargeplan.cli.progress import Progress
sent = []
def listen(event):
    if event.stage == sys.argv[1] and not sent:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)
problem = cp.load("czt")
with Progress(quiet=True) as progress, Interruption(progress) as interruption:
    plan = cp.solve(problem, on_event=listen, cancel=interruption.cancel)
print(time.monotonic() - sent[0], plan.status, plan.objective >= plan.bound > 0, plan.reproducible)
"""


@pytest.fixture
def start():
    """Start a program and wait until it says that it is ready."""
    running = []

    def start(program: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True)
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_to_stop(start, number):
    """After one signal the run is cancelled, says so, and goes on to its ordinary end."""
    process = start(WAITS)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "stopped\n")
    assert "Stopping with the best plan so far" in err


def test_second_signal_ends_the_process_even_inside_a_solver(start):
    """The first signal is noticed, and the second ends the process, while the main thread is deep in C."""
    process = start(BUSY)
    process.send_signal(signal.SIGINT)
    assert "Stopping" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_reading_ends_the_command(start, number):
    """There is no plan yet: nothing is written, and the exit code says why."""
    process = start(READS)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Interrupted before there was a plan; nothing is written." in err
    assert "Traceback" not in err
    assert not Path("no-such-folder-is-made").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["search", "bound", "solve"])
def test_a_run_ends_soon_after_the_signal(stage):
    """In whichever stage the signal comes, plan and bound are there within seconds."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, stage], capture_output=True, text=True, check=True, timeout=300
    )
    seconds, *how = done.stdout.split()
    assert how == ["stopped", "True", "False"]
    assert float(seconds) < 20  # about 3 on a machine that does nothing else


def test_handlers_are_given_back():
    """Outside the block, Ctrl-C is Python's own again."""
    from chargeplan.cli.interrupt import Interruption
    from chargeplan.cli.progress import Progress

    before = signal.getsignal(signal.SIGINT)
    with Progress(quiet=True) as progress, Interruption(progress):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
