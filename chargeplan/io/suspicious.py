"""Whether a file of a vector format is whole, and harmless to hand to the library that reads it.

GDAL reads what is left of a file that was cut off, follows links, runs the SQL that a file defines, and
unpacks what a few bytes stand for, however much it is. So each format is looked through before.
"""

from __future__ import annotations

import codecs
import re
import sqlite3
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from chargeplan.io.files import fault, head

if TYPE_CHECKING:
    from pathlib import Path

_PARTS = (".shx", ".dbf")  # without which a Shapefile is none
_CODE_PAGE = re.compile(
    r"(ldid/|ansi[ _-]?|oem[ _-]?|windows[ _-]?|cp)?\d{1,5}|8859[_-]?\d+|utf-?8", re.ASCII
)
_ENCODINGS = frozenset({None, "utf-8", "us-ascii", "iso-8859-1"})  # of XML: any parser reads them alike
_DEEPEST = 200  # elements of XML, one in the other
_UNPACKED = 100  # times the size of a Parquet file
_ALLOWED = 2**28  # bytes, or rows a hundredth of it, that are unpacked in any case


def check_shapefile(path: Path) -> None:
    """Check that a Shapefile is whole, that its parts lie with it, and that its encoding is one.

    Raises
    ------
    InputError
        Its length, or its table's, is not what the header says; a part is missing, or a link to another
        folder; its `.cpg` names no encoding.
    """
    folders = {path.parent.resolve(), path.resolve().parent}
    parts = {}
    for part in path.parent.iterdir():
        if part.name.lower().startswith(f"{path.stem.lower()}."):
            parts[part.suffix.lower()] = part
            if _resolved(part).parent not in folders:
                raise fault(path, f"its part {part.name} is a link out of its folder")
    for suffix in _PARTS:
        if suffix not in parts:
            raise fault(path, f"cannot be read: its part {path.stem}{suffix} is missing")
    for part in parts.values():
        if not part.is_file():
            raise fault(path, f"cannot be read: its part {part.name} is not a file")
    header = head(path, 28)
    if len(header) < 28 or path.stat().st_size != 2 * struct.unpack(">i", header[24:])[0]:
        raise fault(path, "cannot be read: its length is not what its header says")
    _check_dbase(path, parts[".dbf"])
    if ".cpg" in parts:
        _check_code_page(path, parts[".cpg"])


def _check_dbase(path: Path, table: Path) -> None:
    header = head(table, 32)
    if len(header) == 32:
        rows, before, width = struct.unpack("<IHH", header[4:12])
        if table.stat().st_size >= before + rows * width and before > 32:
            return
    raise fault(path, f"cannot be read: {table.name} is shorter than its header says")


def _check_code_page(path: Path, part: Path) -> None:
    """Refuse an encoding that GDAL does not know: it would take the text for Latin-1 without a word."""
    name = head(part, 64).decode("ascii", errors="replace").strip()
    if name and not _CODE_PAGE.fullmatch(name.lower()):
        try:
            codecs.lookup(name)
        except (LookupError, ValueError):
            raise fault(path, f"{part.name} names no encoding that is known: {name!r}") from None


def has_code_page(path: Path) -> bool:
    """Say whether a Shapefile says how its text is encoded, beside it or in its table."""
    if any(path.with_suffix(suffix).exists() for suffix in (".cpg", ".CPG")):
        return True
    tables = (path.with_suffix(suffix) for suffix in (".dbf", ".DBF"))
    return any(head(table, 30)[29:30] not in (b"", b"\0") for table in tables if table.exists())


def check_geopackage(path: Path, layer: str | None = None) -> None:
    """Check that a GeoPackage is whole, and that a layer of it is stored, not computed by SQL in the file.

    Parameters
    ----------
    path
        The file.
    layer
        A table of it; None to look at the file as a whole.

    Raises
    ------
    InputError
        It is shorter than its header says, is no such database, or the layer is a view, a virtual table, or
        has computed columns: reading those would run what the file says.
    """
    header = head(path, 100)
    if len(header) < 100:
        raise fault(path, "cannot be read: it is cut off")
    page, change, pages, valid = struct.unpack(">16xH6xII60xI4x", header)  # of SQLite's file format
    if change == valid and path.stat().st_size < pages * (65536 if page == 1 else page):
        raise fault(path, "cannot be read: it is cut off")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as database:
            computed = _computed(database, layer)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise fault(path, f"cannot be read: {error}") from None
    if computed is not None:
        raise fault(path, f"{computed} is computed by SQL in the file, which is not run; save it as a table")


def _computed(database: sqlite3.Connection, layer: str | None) -> str | None:
    """Name what the file would compute: the layer, or a table of GeoPackage itself."""
    for kind, name, sql in database.execute("SELECT type, name, sql FROM sqlite_master"):
        if str(name).lower() != (layer or "").lower() and not str(name).lower().startswith("gpkg_"):
            continue
        if kind == "view" or str(sql).lower().lstrip().startswith("create virtual"):
            return f"layer {name!r}"
        if kind == "table":
            columns = database.execute(f'PRAGMA table_xinfo("{str(name).replace(chr(34), chr(34) * 2)}")')
            if any(hidden in (2, 3) for *_, hidden in columns):
                return f"a column of {name!r}"
    return None


def check_kml(path: Path) -> None:
    """Check that a file is XML without a document type: entities are how a few bytes become gigabytes.

    Raises
    ------
    InputError
        It is no XML, declares a document type or a rare encoding, or is nested beyond measure.
    """
    depth = 0

    def begin(name: str, _: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and name.rpartition(":")[2] != "kml":
            raise fault(path, f"is XML of another kind: <{name}>, not <kml>")
        if depth > _DEEPEST:
            raise fault(path, f"is nested more than {_DEEPEST} elements deep")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: Any) -> None:
        raise fault(path, "declares a document type (<!DOCTYPE>), which is not read: it may hold entities")

    def declaration(_: str, encoding: str | None, __: int) -> None:
        if (encoding.lower() if encoding else None) not in _ENCODINGS:
            raise fault(path, f"is encoded as {encoding}; save it as UTF-8")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.StartDoctypeDeclHandler, parser.XmlDeclHandler = doctype, declaration
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
    except (expat.ExpatError, ValueError) as error:
        raise fault(path, f"cannot be read: is no XML: {error}") from None


def check_parquet(path: Path) -> None:
    """Check that a Parquet file does not hold so few different values that it unpacks to more than memory.

    Raises
    ------
    InputError
        It is damaged, or its columns unpack to a hundred times its size, or its rows have less than a byte.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional dependency
    from pyarrow import parquet  # noqa: PLC0415

    try:
        about = parquet.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise fault(path, f"cannot be read: {error}") from None
    size = path.stat().st_size
    unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if unpacked > max(_ALLOWED, _UNPACKED * size) or about.num_rows > max(_ALLOWED // 100, size):
        raise fault(path, f"is {size:,} bytes that unpack to {about.num_rows:,} rows: too little for so many")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # RuntimeError before Python 3.13
        raise fault(path, "cannot be read: is a link in a circle") from None
