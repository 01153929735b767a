"""The scenario itself, and how its file is read."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from chargeplan.errors import Fault, InputError
from chargeplan.scenario.chargers import (  # noqa: TC001 - pydantic reads them at run time
    ChargerType,
    MixRule,
    Period,
    Phasing,
    Sizing,
)
from chargeplan.scenario.inputs import Inputs
from chargeplan.scenario.rules import crossed
from chargeplan.scenario.tables import (
    Name,
    Objective,
    SolveOptions,
    StandardSpec,
)
from chargeplan.scenario.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike


class Scenario(Inputs):
    """Everything that is asked: inputs, standards, chargers, objective, limits."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Name
    title: str = ""
    source: str = ""
    standards: Annotated[tuple[StandardSpec, ...], Field(strict=False)] = ()
    objective: Objective
    chargers: Annotated[tuple[ChargerType, ...], Field(strict=False)] = ()
    mix: Annotated[tuple[MixRule, ...], Field(strict=False)] = ()
    sizing: Sizing | None = None
    periods: Annotated[tuple[Period, ...], Field(strict=False)] = ()
    phasing: Phasing | None = None
    solve: SolveOptions = SolveOptions()

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Scenario:
        """Read a scenario file, or the ``scenario.toml`` of a folder.

        Raises
        ------
        InputError
            With every fault of the file.
        """
        scenario, _, faults = read_leniently(path)
        if scenario is None:
            raise InputError(faults)
        return scenario

    @classmethod
    def parse(cls, tables: Mapping[str, Any], folder: str | PathLike[str] = ".") -> Scenario:
        """Check a scenario that is given as the tables of its file.

        Parameters
        ----------
        tables
            Keys and tables as TOML gives them.
        folder
            What relative files resolve against.

        Raises
        ------
        InputError
            With every fault.
        """
        scenario, faults = _validate({key: _as_tables(value) for key, value in tables.items()}, None)
        if scenario is None:
            raise InputError(faults)
        return scenario.located(Path(folder).absolute())

    @classmethod
    def from_files(
        cls,
        demand: str | PathLike[str],
        sites: str | PathLike[str],
        radius: str,
        *,
        stations: int | None = None,
        budget: float | None = None,
    ) -> Scenario:
        """Ask the plain question about two files: which sites serve all demand points within a radius.

        With `stations` or `budget` instead: which of them serve the most weight.

        Parameters
        ----------
        demand, sites
            Two layers with the default column names.
        radius
            With its unit, such as ``"1 km"``.
        stations, budget
            At most one of them.

        Raises
        ------
        InputError
            With every fault of the arguments.
        """
        files = {"demand": str(Path(demand).absolute()), "sites": str(Path(sites).absolute())}
        asked = {"stations": stations, "budget": budget}
        limits = {key: value for key, value in asked.items() if value is not None}
        scenario = cls.parse(
            {
                "schema": 1,
                "name": "coverage",
                **{table: [{"name": table, "file": file}] for table, file in files.items()},
                "standards": [{"name": "all", "demand": "demand", "radius": radius, "required": not limits}],
                "objective": {"maximise": "weight", **limits} if limits else {"minimise": "cost"},
            }
        )
        return scenario.located(Path.cwd(), given=frozenset(files.values()))

    def tables(self) -> dict[str, Any]:
        """Return the keys and tables that were given, as TOML has them."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)

    def replace(self, **tables: Any) -> Scenario:
        """Ask something else: the same scenario with other values of some keys or tables, checked again.

        Raises
        ------
        InputError
            With every fault of the changed scenario.
        """
        given = {key: _as_tables(value) for key, value in tables.items()}
        scenario, faults = _validate({**self.tables(), **given}, self._file)
        if scenario is None:
            raise InputError(faults)
        return scenario.located(self._folder, self._file, self._given)


_TOP_KEYS = [field.alias or name for name, field in Scenario.model_fields.items()]


def _as_tables(value: Any) -> Any:
    """Turn models back into TOML tables, so that they may be given in either form."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    if isinstance(value, list | tuple):
        return [_as_tables(item) for item in value]
    return value


def read_leniently(path: str | PathLike[str]) -> tuple[Scenario | None, Inputs, list[Fault]]:
    """Read a scenario file as far as it goes.

    Parameters
    ----------
    path
        A scenario file, or a folder that holds ``scenario.toml``.

    Returns
    -------
    Scenario or None
        None where there is any fault.
    Inputs
        The sound layers among its tables, so that their files can be checked in the same go.
    list of Fault
        Every fault of the file.

    Raises
    ------
    InputError
        The file cannot be read, or is no TOML.
    """
    file = Path(path)
    file = file / "scenario.toml" if file.is_dir() else file
    tables = _load(file)
    try:
        scenario, faults = _validate(tables, file)
        inputs = scenario if scenario is not None else _sound_inputs(tables)
    except RecursionError:
        raise InputError(Fault("is nested too deeply", file=str(file))) from None
    return scenario, inputs.located(file.absolute().parent, file), faults


def _load(file: Path) -> dict[str, Any]:
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise InputError(Fault("is not a file", file=str(file)))
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(Fault("there is no such file", file=str(file))) from None
    except OSError as error:
        raise InputError(Fault(f"cannot be read: {error.strerror}", file=str(file))) from None
    except UnicodeDecodeError:
        raise InputError(Fault("is not UTF-8 text", file=str(file))) from None
    except ValueError as error:  # also a number of more digits than Python reads
        raise InputError(Fault(f"is not TOML: {error}", file=str(file))) from None
    except RecursionError:
        raise InputError(Fault("is nested too deeply", file=str(file))) from None


def _validate(tables: Mapping[str, Any], file: Path | None) -> tuple[Scenario | None, list[Fault]]:
    name = str(file) if file is not None else "scenario"
    faults = [Fault(message, file=name) for message in crossed(tables)]
    try:
        scenario = Scenario.model_validate(tables)
    except ValidationError as error:
        return None, [Fault(say(item, tables, _TOP_KEYS), file=name) for item in error.errors()] + faults
    return (None if faults else scenario), faults


def _sound_inputs(tables: Mapping[str, Any]) -> Inputs:
    """Validate the layers alone, leaving out what is wrong."""
    left = {key: copy.deepcopy(value) for key, value in tables.items() if key in Inputs.model_fields}
    while True:
        try:
            return Inputs.model_validate(left)
        except ValidationError as error:
            for item in error.errors():
                _remove(left, item["loc"][:-1] if item["type"] == "missing" else item["loc"])
            left = {key: _without_gaps(value) for key, value in left.items()}


def _remove(tables: dict[str, Any], place: Sequence[str | int]) -> None:
    """Remove a value, leaving None in an array so that the places of its other items still hold."""
    holder: Any = tables
    for part in place[:-1]:
        holder = holder.get(part) if isinstance(holder, dict) else holder[part]
        if holder is None:  # removed as a whole, for another fault
            return
    if isinstance(holder, dict):
        holder.pop(place[-1], None)
    else:
        holder[place[-1]] = None


def _without_gaps(value: Any) -> Any:
    return [item for item in value if item is not None] if isinstance(value, list) else value
