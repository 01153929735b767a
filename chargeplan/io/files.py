"""Input files: whether they are what they seem, and what they contain to the byte."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from chargeplan.errors import Fault, InputError

if TYPE_CHECKING:
    from os import PathLike

    JSONValue: TypeAlias = "str | int | float | list[JSONValue] | frozenset[str] | None"

_FIRST_BYTES = {
    ".csv": b"",
    ".geojson": b"{",
    ".json": b"{",
    ".gpkg": b"SQLite format 3\0",
    ".fgb": b"fgb",
    ".shp": b"\x00\x00\x27\x0a",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
    ".kml": b"<",
}
_PIECE = 2**20  # bytes that are hashed at a time
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")  # of a Shapefile, all that says something of its layer


def fault(path: Path, message: str, row: int | None = None) -> InputError:
    """Make the error that says what is wrong with a file."""
    return InputError(Fault(message, file=str(path), row=row))


def not_utf8(path: Path, error: UnicodeDecodeError) -> InputError:
    """Make the error that says in which line a text stops being UTF-8."""
    line = error.object[: error.start].count(b"\n") + 1
    return fault(path, f"is not UTF-8 text (line {line}); save it as UTF-8")


def check_file(path: Path) -> None:
    """Check that a file is there, of a format that is read, and begins as its suffix says.

    Raises
    ------
    InputError
        It is not.
    """
    suffix = path.suffix.lower()
    try:
        there, is_file = path.exists(), path.is_file()
    except OSError as error:  # such as a name that is too long
        raise fault(path, f"cannot be read: {error.strerror}") from None
    if not there:
        raise fault(path, "there is no such file")
    if not is_file:
        raise fault(path, "is not a file")
    if suffix not in _FIRST_BYTES:
        raise fault(path, f"is of a format that is not read; read are {', '.join(_FIRST_BYTES)}")
    first = head(path, 64).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not first:
        raise fault(path, "is an empty file")
    if not first.startswith(_FIRST_BYTES[suffix]):
        raise fault(path, f"is not what its suffix {suffix} says")


def check_geojson(path: Path) -> list[int | float | str | None]:
    """Check that a file is JSON, and names its CRS rather than linking to it, since GDAL follows such links.

    Returns
    -------
    list of int, float, str or None
        The ids of the features, in their order: GDAL makes a column of them only where all are text.

    Raises
    ------
    InputError
        It is no JSON, or an object in it has a `crs` of another type than ``"name"``.
    """
    ids: list[int | float | str | None] = []

    def types(members: list[tuple[str, JSONValue]]) -> frozenset[str]:
        """Keep the types of an object alone; compare keys as GDAL does: whatever their case, up to a NUL."""
        read = [(key.partition("\0")[0].lower(), value) for key, value in members]
        for key, value in read:
            if key == "crs" and isinstance(value, frozenset) and value != {"name"}:
                raise fault(path, 'its "crs" is not given by name; only {"type": "name", ...} is read')
        kinds = frozenset(str(value) for key, value in read if key == "type")
        if kinds == {"Feature"}:
            given = dict(members).get("id")
            ids.append(given if isinstance(given, int | float | str) else None)
        return kinds

    try:
        json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=types)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from None
    except (ValueError, RecursionError) as error:
        raise fault(path, f"cannot be read: is no JSON: {error}") from None
    return ids


def shapefile_parts(path: Path) -> dict[str, Path]:
    """Find the parts of a Shapefile by their suffixes, which GDAL reads in small and in capital letters."""
    named = {suffix: [path.with_suffix(suffix), path.with_suffix(suffix.upper())] for suffix in _PARTS[1:]}
    there = {suffix: [part for part in parts if os.path.lexists(part)] for suffix, parts in named.items()}
    return {_PARTS[0]: path} | {suffix: parts[0] for suffix, parts in there.items() if parts}


def digest(path: str | PathLike[str]) -> str:
    """Return the SHA-256 of a file, for a Shapefile of all its parts one after the other, in hexadecimal."""
    path = Path(path)
    parts = list(shapefile_parts(path).values()) if path.suffix.lower() == ".shp" else [path]
    sha256 = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:  # rasters and extracts are larger than memory has to be
            while piece := file.read(_PIECE):
                sha256.update(piece)
    return sha256.hexdigest()


def head(path: Path, count: int) -> bytes:
    """Return the first bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
