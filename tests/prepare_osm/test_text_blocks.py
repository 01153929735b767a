"""Texts with a zero byte are found before osmium reads them, however a block is packed."""

from __future__ import annotations

import io
import lzma
import struct
import zlib

import pytest

from chargeplan.errors import InputError
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.text_blocks import texts_with_zeros


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


PACKINGS = {
    "plain": lambda block: field(1, block),
    "zlib": lambda block: field(2, len(block)) + field(3, zlib.compress(block)),
    "lzma": lambda block: field(2, len(block)) + field(4, lzma.compress(block)),
}


def extract(texts: list[bytes], packing: str, kind: bytes = b"OSMData") -> bytes:
    block = field(1, b"".join(field(1, text) for text in [b"", *texts])) + field(17, 100)
    blob = PACKINGS[packing](block)
    header = field(1, kind) + field(3, len(blob))
    return struct.pack(">I", len(header)) + header + blob


@pytest.mark.parametrize("packing", PACKINGS)
def test_zeros_are_counted(packing) -> None:
    """By text and over all blocks; the empty text and long ones are sound."""
    sound = extract([b"highway", b"", b"x" * 300], packing)
    broken = extract([b"speed\0\0\0\x80", b"name", b"\0"], packing)
    assert texts_with_zeros(io.BytesIO(sound)) == 0
    assert texts_with_zeros(io.BytesIO(sound + broken + broken)) == 4


def test_what_is_no_table_is_passed_over() -> None:
    """The header of the file, other packings, and whatever is broken: osmium tells of that."""
    broken = extract([b"a\0b"], "plain")
    assert texts_with_zeros(io.BytesIO(extract([b"a\0b"], "zlib", b"OSMHeader"))) == 0
    unknown = field(7, b"zstd")
    header = field(1, b"OSMData") + field(3, len(unknown))
    packed = struct.pack(">I", len(header)) + header + unknown
    assert texts_with_zeros(io.BytesIO(packed + broken)) == 1
    for end in range(len(broken)):
        assert texts_with_zeros(io.BytesIO(broken[:end])) == 0


def test_a_bomb_is_not_unpacked_whole() -> None:
    """A blob gives no more than the format allows."""
    bomb = field(2, 2**20) + field(3, zlib.compress(bytes(200 * 2**20)))
    header = field(1, b"OSMData") + field(3, len(bomb))
    assert texts_with_zeros(io.BytesIO(struct.pack(">I", len(header)) + header + bomb)) == 0


def test_such_an_extract_is_refused(town, tmp_path) -> None:
    """With one error, where osmium alone ends the process."""
    name = tmp_path / "town.osm.pbf"
    name.write_bytes(town.read_bytes() + extract([b"na\0me"], "zlib"))
    with pytest.raises(InputError, match="damaged or cut off: 1 text with a zero byte"):
        Extract(name)
