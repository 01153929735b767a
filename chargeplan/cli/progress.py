"""One line on stderr while a run goes on: stage, best, bound, gap, time."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from chargeplan.events import Event


class Progress:
    """Shows events on a terminal's last line; silent where stderr is no terminal, or when asked to be.

    Parameters
    ----------
    quiet
        Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress as RichProgress
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bar = RichProgress(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("read", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._bar.update(self._task, description=describe(event))

    def announce_stop(self) -> None:
        """Say that the run is asked to stop."""
        self._console.print("Stopping with the best plan so far; once more to abort.", markup=False)

    def restore_terminal(self) -> None:
        """Give back the cursor, for a process that ends without leaving its `with` blocks."""
        if not self._bar.disable:
            self._console.show_cursor()


def describe(event: Event) -> str:
    """Put an event into words: ``"search  best 412  bound 398.2  gap 3.3 %"``."""
    numbers = (("best", event.best), ("bound", event.bound))
    words = [event.stage, *(f"{word} {value:,.6g}" for word, value in numbers if value is not None)]
    if event.gap is not None:
        words.append(f"gap {event.gap:.1%}")
    return "  ".join(words)
