"""Ctrl-C: the first asks the run to stop with its best plan, the second ends the process.

Before the run there is no plan to lose, and the first ends the process.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

from chargeplan.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chargeplan.cli.progress import Progress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns the first SIGINT or SIGTERM into a request to stop, and the second into the end of the process.

    A signal handler of Python's own waits until the main thread runs Python again, which can be a solver's
    whole run away. The wake-up descriptor is written at once, and a thread that waits for it sets `cancel`.

    Parameters
    ----------
    progress
        Is told of the first signal, and gives the terminal back before the second ends the process.
    """

    def __init__(self, progress: Progress) -> None:
        self.cancel = threading.Event()
        self._progress = progress
        self._wait_end, self._wake_end = socket.socketpair()

    def __enter__(self) -> Self:
        self._wake_end.setblocking(False)
        self._old_descriptor = signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        self._old_handlers = [signal.signal(number, _leave_it_to_the_descriptor) for number in _SIGNALS]
        self._waiting = threading.Thread(target=self._wait, daemon=True, name="interruption")
        self._waiting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in zip(_SIGNALS, self._old_handlers, strict=True):
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_descriptor)
        self._wake_end.close()  # the waiting thread reads what is left, then the end
        self._waiting.join()

    def _wait(self) -> None:
        with self._wait_end:
            while caught := self._wait_end.recv(1):
                if caught[0] not in _SIGNALS:
                    continue
                if self.cancel.is_set():
                    self._progress.restore_terminal()
                    os._exit(Exit.INTERRUPTED)
                self.cancel.set()
                self._progress.announce_stop()


@contextmanager
def ending_at_once() -> Iterator[None]:
    """End the command at the first SIGINT or SIGTERM, with nothing written.

    Raises
    ------
    typer.Exit
        One has come.
    """
    old = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Interrupted before there was a plan; nothing is written.", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, old)


def _leave_it_to_the_descriptor(number: int, frame: object) -> None:
    pass
