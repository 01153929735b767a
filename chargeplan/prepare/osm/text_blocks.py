"""A look at the texts of an extract before osmium reads it.

osmium keeps texts one after the other, each ended by a zero byte, and trusts that there is none inside: one
in a damaged file makes it read memory that is not its own. The format is that of the OpenStreetMap wiki, "PBF
Format": blobs of protocol buffers, each packed by itself, with a table of all texts of a block.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_HEADER, _LONGEST_BLOB = 64 * 2**10, 32 * 2**20  # bytes, by the format
_VARINT, _BYTES = 0, 2  # of protocol buffers
_PARTS = 1000  # of a block, at which it is looked no further


def texts_with_zeros(file: BinaryIO) -> int:
    """Count the texts of an extract that hold a zero byte, up to where it is broken, which osmium will tell.

    Parameters
    ----------
    file
        At its beginning. Blocks that are packed by lz4 or zstd are passed over.
    """
    try:
        return sum(_in_table(table) for block in _blocks(file) for table in _tables(block))
    except (IndexError, ValueError, EOFError, struct.error, zlib.error, lzma.LZMAError):
        return 0


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Unpack block by block, but for the file's header."""
    while length := file.read(4):
        size = struct.unpack(">I", length)[0]
        header = dict(_fields(file.read(size))) if size <= _LONGEST_HEADER else {}
        data = header.get(3)
        if not isinstance(data, int) or data > _LONGEST_BLOB:
            return
        blob = file.read(data)
        if header.get(1) == b"OSMData":
            yield _unpacked(dict(_fields(blob)))


def _unpacked(blob: dict[int, int | bytes]) -> bytes:
    """Return what a blob holds: as it is, or packed by zlib or lzma; nothing of others."""
    plain, packed, by_lzma = (blob.get(field) for field in (1, 3, 4))
    if isinstance(plain, bytes):
        return plain
    if isinstance(packed, bytes):
        return zlib.decompressobj().decompress(packed, _LONGEST_BLOB)
    if isinstance(by_lzma, bytes):
        return lzma.LZMADecompressor().decompress(by_lzma, _LONGEST_BLOB)
    return b""


def _tables(block: bytes) -> Iterator[bytes]:
    """Find the tables of texts among the parts of a block, which are few, and the tables first of them."""
    for field, value in islice(_fields(block), _PARTS):
        if field == 1 and isinstance(value, bytes):
            yield value


def _in_table(table: bytes) -> int:
    """Count texts with a zero byte; one zero is there anyway, the length of the empty text that is first."""
    if table.count(0) <= 1:
        return 0
    return sum(isinstance(text, bytes) and 0 in text for _, text in _fields(table))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """List the fields of a message, as numbers or bytes; those of a fixed length are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            yield key >> 3, message[at : at + size]
            at += size
        elif kind in {1, 5}:
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"there is no kind {kind} of fields")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Read a number, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
