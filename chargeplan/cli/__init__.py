"""The command `chargeplan`: parse, call, print.

One file per command; everything heavy is imported inside the commands, so that `chargeplan --help` is quick.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from chargeplan.cli.audit import audit
from chargeplan.cli.backends import backends
from chargeplan.cli.check import check
from chargeplan.cli.exits import Exit
from chargeplan.cli.init import init
from chargeplan.cli.instances import instances
from chargeplan.cli.solve import solve
from chargeplan.errors import BackendUnavailable, ChargeplanError, InputError, printable

__all__ = ["app", "main"]

app = typer.Typer(
    name="chargeplan",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(solve)
app.command()(audit)
app.command()(check)
app.add_typer(instances, name="instances")
app.command()(backends)
app.command()(init)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"chargeplan {version('chargeplan')}")
        raise typer.Exit


@app.callback()
def chargeplan(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Plan EV charging networks: where stations go, how good that provably is, whether promises are kept."""


def main() -> None:
    """Run the command line; errors made on purpose become one message and an exit code, never a traceback."""
    try:
        app()
    except (InputError, BackendUnavailable) as error:
        _complain(error)
        sys.exit(Exit.BAD_INPUT)
    except ChargeplanError as error:
        _complain(error)
        sys.exit(Exit.FAILED)
    except Exception as error:  # noqa: BLE001 - a mistake of ours: where it is helps, a page of frames does not
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        _complain(ChargeplanError(printable(f"unexpected {type(error).__name__}: {error} ({place})")))
        sys.exit(Exit.FAILED)


def _complain(error: ChargeplanError) -> None:
    faults = (
        list(map(str, error.faults))
        if isinstance(error, InputError)
        else [printable(line) for line in str(error).splitlines()]
    )
    if len(faults) == 1:
        typer.echo(f"Error: {faults[0]}", err=True)
    else:
        typer.echo(f"Error: {len(faults)} faults", err=True)
        for fault in faults:
            typer.echo(f"  - {fault}", err=True)
