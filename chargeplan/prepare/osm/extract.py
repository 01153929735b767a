"""The extract itself: whether it is one, and a stream of what it holds."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargeplan.errors import Fault, InputError
from chargeplan.prepare.osm.tags import SPEEDS
from chargeplan.prepare.osm.text_blocks import texts_with_zeros
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from osmium import FileProcessor
    from osmium.osm import Area, Node, Way

_HEADER = b"\x0a\x09OSMHeader"  # of the first block, after its length
_LONGEST_HEADER = 64 * 1024  # bytes, as the format allows
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # when a change was made of which that is not said


class Extract:
    """An OpenStreetMap extract, read as a stream, again for every pass.

    Parameters
    ----------
    path
        An ``.osm.pbf`` file.

    Raises
    ------
    InputError
        osmium is not installed; there is no such file, or it does not begin as such a file does.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        _check_osmium()
        self._check()
        self._date = ""

    @property
    def date(self) -> str:
        """The day of the latest change of a road; blank where it is not said, or before they were read."""
        return self._date

    def roads(self) -> Iterator[tuple[Way | Node, dict[str, str]]]:
        """Stream the ways of classes that cars use, with their nodes' positions, and junctions; with tags."""
        import osmium  # noqa: PLC0415 - an extra

        entities = osmium.osm.NODE | osmium.osm.WAY
        stream = osmium.FileProcessor(self.path, entities).with_locations()
        wanted = [("highway", "motorway_junction"), *(("highway", road) for road in SPEEDS)]
        for thing, tags in self._guarded(stream.with_filter(osmium.filter.TagFilter(*wanted))):
            if thing.timestamp > _UNKNOWN:
                self._date = max(self._date, f"{thing.timestamp:%Y-%m-%d}")
            yield thing, tags

    def places(self, *keys: str) -> Iterator[tuple[Area | Node, dict[str, str]]]:
        """Stream the nodes and areas (closed ways, multipolygons) that have one of some keys; with tags."""
        import osmium  # noqa: PLC0415

        stream = osmium.FileProcessor(self.path).with_areas(osmium.filter.KeyFilter(*keys))
        stream = stream.with_filter(osmium.filter.EntityFilter(osmium.osm.NODE | osmium.osm.AREA))
        yield from self._guarded(stream.with_filter(osmium.filter.KeyFilter(*keys)))

    def _guarded(self, stream: FileProcessor) -> Iterator[tuple[Any, dict[str, str]]]:
        """Read on, tags included, which need not be text in a damaged file."""
        try:
            for thing in stream:
                yield thing, dict(thing.tags)
        except (RuntimeError, UnicodeDecodeError) as error:  # of libosmium: it wraps what its threads met
            raise self._broken(error) from None

    def _broken(self, error: Exception | str) -> InputError:
        return InputError(Fault(f"cannot be read, it is damaged or cut off: {error}", file=str(self.path)))

    def _check(self) -> None:
        try:
            if not self.path.exists():
                raise InputError(Fault("there is no such file", file=str(self.path)))
            if not self.path.is_file():
                raise InputError(Fault("is not a file", file=str(self.path)))
            with self.path.open("rb") as file:
                begin = file.read(4 + len(_HEADER))
        except OSError as error:
            raise InputError(Fault(f"cannot be read: {error.strerror}", file=str(self.path))) from None
        if len(begin) < 4 or begin[4:] != _HEADER or struct.unpack(">I", begin[:4])[0] > _LONGEST_HEADER:
            says = "is no OpenStreetMap extract in PBF format (.osm.pbf)"
            raise InputError(Fault(says, file=str(self.path)))
        with self.path.open("rb") as file:
            if count := texts_with_zeros(file):
                raise self._broken(f"{format_count(count, 'text')} with a zero byte")


def _check_osmium() -> None:
    if find_spec("osmium") is None:
        raise InputError("OpenStreetMap extracts are read by osmium: pip install 'chargeplan[osm]'")
