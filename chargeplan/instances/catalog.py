"""The shipped instances by name."""

from __future__ import annotations

import difflib
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

HERE = Path(__file__).resolve().parent
ALIASES = {"czt": "czt-2025"}
SCENARIO_FILE = "scenario.toml"

# In the order in which they are listed.
_FILES = {
    "czt-2025": "czt/czt-2025.toml",
    "czt-2025-phased": "czt/czt-2025-phased.toml",
    "czt-2021": "czt/czt-2021.toml",
    "xiangtan-2024": "czt/xiangtan-2024.toml",
    "zhuzhou-14fyp": "czt/zhuzhou-14fyp.toml",
    "texas": "texas/texas.toml",
    "liechtenstein": "liechtenstein/scenario.toml",
    "porto_alegre": "porto_alegre/scenario.toml",
}


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped instance: its name, its title (the public plan and its year), its scenario file."""

    name: str
    title: str
    path: Path


def shipped() -> tuple[Shipped, ...]:
    """List the shipped instances."""
    return tuple(
        Shipped(name, _load(HERE / file).get("title", ""), HERE / file) for name, file in _FILES.items()
    )


def resolve(name_or_path: str | PathLike[str]) -> Path:
    """Find a scenario file.

    Parameters
    ----------
    name_or_path
        A scenario file, a folder that holds ``scenario.toml``, or the name of a shipped instance; an existing
        file or such a folder wins over a name.

    Returns
    -------
    Path
        The scenario file.

    Raises
    ------
    InputError
        It is none of them; names that are nearly the same are proposed.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if (path / SCENARIO_FILE).is_file():
        return path / SCENARIO_FILE
    name = ALIASES.get(str(name_or_path), str(name_or_path))
    if name in _FILES:
        return HERE / _FILES[name]
    raise InputError(Fault(_not_found(path), file=str(name_or_path)))


def export(name: str, folder: str | PathLike[str]) -> Path:
    """Copy a shipped instance, to change it: its scenario as ``scenario.toml``, its layers and its README.

    Parameters
    ----------
    name
        Of a shipped instance.
    folder
        Where to; created if need be.

    Returns
    -------
    Path
        The new scenario file.

    Raises
    ------
    InputError
        There is no such instance, or a file of that name is in the folder already.
    """
    scenario = _of_name(name)
    target = Path(folder)
    sources = {target / SCENARIO_FILE: scenario}
    sources |= {
        target / file: scenario.parent / file for file in [*_layer_files(_load(scenario)), "README.md"]
    }
    taken = [
        Fault("is there already; nothing is overwritten", file=str(path)) for path in sources if path.exists()
    ]
    if taken:
        raise InputError(taken)
    target.mkdir(parents=True, exist_ok=True)
    for path, source in sources.items():
        shutil.copyfile(source, path)
    return target / SCENARIO_FILE


def _of_name(name: str) -> Path:
    if ALIASES.get(name, name) not in _FILES:
        raise InputError(Fault(_not_found(Path(name)), file=name))
    return HERE / _FILES[ALIASES.get(name, name)]


def _not_found(path: Path) -> str:
    if path.is_dir():
        return f"is a folder without {SCENARIO_FILE}"
    names = [*ALIASES, *_FILES]
    close = difflib.get_close_matches(str(path), names, cutoff=0.5)
    if close:
        return f"is neither a file nor a shipped instance; is {' or '.join(close)} meant?"
    return f"is neither a file nor a shipped instance ({', '.join(names)})"


def _load(scenario: Path) -> dict[str, Any]:
    return tomllib.loads(scenario.read_text(encoding="utf-8"))


def _layer_files(value: Any) -> Iterator[str]:
    """Find the files that a scenario names, each once."""
    found = dict.fromkeys(_files_in(value))
    yield from found


def _files_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"file", "matrix"} and isinstance(item, str):
                yield item
            else:
                yield from _files_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _files_in(item)
