"""Whether a file of a vector format is whole, and harmless to hand to the library that reads it.

GDAL reads what is left of a file that was cut off, follows links, runs the SQL that a file defines, and
unpacks what a few bytes stand for, however much it is. So each format is looked through before.
"""

from __future__ import annotations

import codecs
import os
import re
import sqlite3
import struct
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from xml.parsers import expat

from chargeplan.io.files import fault, head, shapefile_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_Answer = TypeVar("_Answer")
_PARTS = (".shx", ".dbf")  # without which a Shapefile is none
_INDICES = (".qix", ".sbn", ".sbx", ".idm", ".ind")  # which GDAL reads where they lie beside one
_UNWRITTEN = ("-wal", "-journal")  # what SQLite keeps beside a database while it is changed, or after a crash
_CODE_PAGE = re.compile(
    r"(ldid/|ansi[ _-]?|oem[ _-]?|windows[ _-]?|cp)?\d{1,5}|8859[_-]?\d+|utf-?8", re.ASCII
)
_ENCODINGS = frozenset({None, "utf-8", "us-ascii", "iso-8859-1"})  # of XML: any parser reads them alike
_DEEPEST = 200  # elements of XML, one in the other
_STORED = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"
_FEATURES = "SELECT table_name FROM gpkg_contents WHERE data_type = 'features'"
_STEPS = 1_000_000  # of SQLite's machine, between two looks at how many there were
_STEPS_PER_ROW = 1_000  # of a view's tables, at most
_UNPACKED = 100  # times the size of a Parquet file
_ALLOWED = 2**28  # bytes, or rows a hundredth of it, that are unpacked, or of a view, in any case


def check_shapefile(path: Path) -> None:
    """Check that a Shapefile is whole, that its parts lie with it, and that its encoding is one.

    Raises
    ------
    InputError
        Its length, or its table's, is not what the header says; a part is missing, or a link to another
        folder; its `.cpg` names no encoding.
    """
    folders = {path.parent.resolve(), path.resolve().parent}
    parts = shapefile_parts(path)
    indices = [path.with_suffix(suffix) for suffix in (*_INDICES, *map(str.upper, _INDICES))]
    for part in (*parts.values(), *indices):
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
    """Check that a GeoPackage is whole, and that a layer of it is a table, or a view of nothing but tables.

    What a view would do is asked of SQLite, which compiles it without running it: which tables it reads,
    whether it calls functions or itself. Then its rows and bytes are counted, as far as is allowed.

    Parameters
    ----------
    path
        The file.
    layer
        A table of it; None to look at the file as a whole.

    Raises
    ------
    InputError
        It is shorter than its header says, has changes beside it, is no such database, or the layer is a
        virtual table, has computed columns, or is a view that does more than read the columns of tables, or
        makes much more of them: reading those would run what the file says.
    """
    header = head(path, 100)
    if len(header) < 100:
        raise fault(path, "cannot be read: it is cut off")
    page, change, pages, valid = struct.unpack(">16xH6xII60xI4x", header)  # of SQLite's file format
    if change == valid and path.stat().st_size < pages * (65536 if page == 1 else page):
        raise fault(path, "cannot be read: it is cut off")
    for part in (path.with_name(path.name + suffix) for suffix in _UNWRITTEN):
        if os.path.lexists(part) and (not part.is_file() or part.stat().st_size):
            says = f"has changes that still lie in {part.name}: close it in the program that has it"
            raise fault(path, says)
    if (computed := _asked(path, partial(_computed, layer=layer or ""))) is not None:
        raise fault(path, f"{computed} is computed by SQL in the file, which is not run; save it as a table")


def feature_tables(path: Path) -> list[str]:
    """List the tables and views of a GeoPackage that hold features; GDAL would run its views to do so.

    Raises
    ------
    InputError
        It is no such database.
    """
    return _asked(path, lambda database: [str(name) for (name,) in database.execute(_FEATURES)])


def _asked(path: Path, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
    """Ask a database something, read-only."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as database:
            return question(database)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise fault(path, f"cannot be read: {error}") from None


def _computed(database: sqlite3.Connection, *, layer: str) -> str | None:
    """Name what the file would compute: the layer, what it reads, or a table of GeoPackage itself."""
    stored = {str(name).lower(): (kind, str(name), str(sql)) for kind, name, sql in database.execute(_STORED)}
    for key, (kind, name, _) in stored.items():
        if key.startswith("gpkg_"):
            if kind == "view" or not _is_plain(database, stored, key):
                return f"table {name!r}"
        elif key == layer.lower():
            if kind == "view" and not _is_harmless_view(database, stored, name):
                return f"layer {name!r}"
            if kind == "table" and not _is_plain(database, stored, key):
                return f"layer {name!r}, or a column of it,"
    return None


def _is_plain(database: sqlite3.Connection, stored: Mapping[str, tuple[str, str, str]], key: str) -> bool:
    """Say whether a name is a table's whose columns are all stored."""
    kind, name, sql = stored.get(key, ("", "", ""))
    if kind != "table" or sql.lower().lstrip().startswith("create virtual"):
        return False
    return not any(
        hidden in (2, 3) for *_, hidden in database.execute(f"PRAGMA table_xinfo({_quoted(name)})")
    )


def _is_harmless_view(
    database: sqlite3.Connection, stored: Mapping[str, tuple[str, str, str]], view: str
) -> bool:
    """Say whether a view only reads plain tables, without functions, recursion or text put together."""
    tables, allowed = set(), True

    def permit(action: int, table: str | None, *_: str | None) -> int:
        nonlocal allowed
        if action == sqlite3.SQLITE_READ and table is not None:
            tables.add(table.lower())
        allowed &= action in (sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    database.set_authorizer(permit)
    try:
        steps = database.execute(f"EXPLAIN SELECT * FROM {_quoted(view)}").fetchall()  # noqa: S608 - quoted
    except sqlite3.DatabaseError:
        return False
    finally:
        database.set_authorizer(None)
    tables -= {view.lower()}
    if not allowed or any(step[1] == "Concat" for step in steps):
        return False
    return all(_is_plain(database, stored, table) for table in tables) and _is_bounded(database, tables, view)


def _is_bounded(database: sqlite3.Connection, tables: Iterable[str], view: str) -> bool:
    """Say whether a view has no more rows than its tables together, without repeating much in them."""
    most, steps = sum(_rows(database, table) for table in tables), 0

    def too_many() -> bool:
        nonlocal steps
        steps += _STEPS
        return steps > _STEPS + _STEPS_PER_ROW * most

    columns = [str(name) for _, name, *_ in database.execute(f"PRAGMA table_xinfo({_quoted(view)})")]
    bytes_of = " + ".join(f"coalesce(length(CAST({_quoted(name)} AS BLOB)), 0)" for name in columns)
    rows = f"SELECT * FROM {_quoted(view)} LIMIT {most + 1}"  # noqa: S608 - a name, quoted
    database.set_progress_handler(too_many, _STEPS)
    try:
        found = database.execute(f"SELECT count(*), total({bytes_of}) FROM ({rows})")  # noqa: S608
        count, size = found.fetchone()
    except sqlite3.OperationalError:  # interrupted
        return False
    finally:
        database.set_progress_handler(None, _STEPS)
    return bool(count <= most and size <= _ALLOWED)


def _rows(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])  # noqa: S608 - quoted


def _quoted(name: str) -> str:
    """Write a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


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
        It is damaged, or its columns unpack to a hundred times its size, or its rows, or the values of lists
        in them, have less than a byte.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional dependency
    from pyarrow import parquet  # noqa: PLC0415

    try:
        about = parquet.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise fault(path, f"cannot be read: {error}") from None
    size = path.stat().st_size
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    counts = [sum(group.column(at).num_values for group in groups) for at in range(about.num_columns)]
    most = max([about.num_rows, *counts])  # a row may hold a list of any length
    if unpacked > max(_ALLOWED, _UNPACKED * size) or most > max(_ALLOWED // 100, size):
        raise fault(path, f"is {size:,} bytes that unpack to {most:,} values: too little for so many")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # RuntimeError before Python 3.13
        raise fault(path, "cannot be read: is a link in a circle") from None
