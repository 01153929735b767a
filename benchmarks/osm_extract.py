"""A scenario from an extract of a whole country: seconds and memory of `chargeplan instances build`.

::

    python benchmarks/osm_extract.py [--megabytes 100] [--extract FILE]

No such extract ships. So one is made of real ones: Liechtenstein and Porto Alegre again and again, side by
side, with names of nodes, ways and relations of their own, and motorways from tile to tile: two carriageways,
with links to the streets and a rest area halfway. ``--extract`` keeps it there, or takes the one that is
there. The figures go into REPORT.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import osmium
from osmium.osm.mutable import Node, Relation, Way
from report import REPORT, conditions, replace_section, table

from chargeplan.instances import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADING = "A country's extract"
SOURCES = ("liechtenstein/sources/liechtenstein.osm.pbf", "porto_alegre/sources/poa_osm.pbf")
CORNER = (10.0, 40.0)  # degrees: the first tile's centre
APART = 0.35  # degrees between the centres of tiles
WITHOUT_DATES = 0.8  # of an extract's size, when changes are neither dated nor numbered
NAMES = 10**11  # between the names of things of one tile and the next
MOTORWAY = 40  # nodes on a carriageway between two tiles
HUB = ("primary", "secondary")  # classes of the street that a motorway is linked to

Place = tuple[float, float]
Tags = dict[str, str]


@dataclass
class Tile:
    """What an extract holds, its positions measured from its middle."""

    nodes: list[tuple[int, float, float, Tags]] = field(default_factory=list)
    ways: list[tuple[int, list[int], Tags]] = field(default_factory=list)
    relations: list[tuple[int, list[tuple[str, int, str]], Tags]] = field(default_factory=list)
    hub: int = 0

    @classmethod
    def read(cls, path: Path) -> Tile:
        """Read an extract whole."""
        tile = cls()
        for thing in osmium.FileProcessor(str(path)):
            tags = dict(thing.tags)
            if thing.is_node():
                tile.nodes.append((thing.id, thing.location.lon, thing.location.lat, tags))
            elif thing.is_way():
                tile.ways.append((thing.id, [node.ref for node in thing.nodes], tags))
            else:
                members = [(member.type, member.ref, member.role) for member in thing.members]
                tile.relations.append((thing.id, members, tags))
        tile._centre()
        return tile

    def _centre(self) -> None:
        """Measure positions from the middle; the hub is the node of a main street that is nearest to it."""
        east = sorted(lon for _, lon, _, _ in self.nodes)[len(self.nodes) // 2]
        north = sorted(lat for _, _, lat, _ in self.nodes)[len(self.nodes) // 2]
        self.nodes = [(name, lon - east, lat - north, tags) for name, lon, lat, tags in self.nodes]
        place = {name: lon**2 + lat**2 for name, lon, lat, _ in self.nodes}
        streets = [refs for _, refs, tags in self.ways if tags.get("highway") in HUB and "oneway" not in tags]
        self.hub = min((name for refs in streets for name in refs if name in place), key=place.__getitem__)


def write(path: Path, megabytes: float) -> int:
    """Write an extract of about so many megabytes; return how many tiles it holds."""
    files = [catalog.resolve("liechtenstein").parents[1] / source for source in SOURCES]
    tiles = [Tile.read(file) for file in files]
    pair = sum(file.stat().st_size for file in files) / 1e6 * WITHOUT_DATES
    count = max(1, round(megabytes / pair)) * len(tiles)
    side = max(2, round(count**0.5))
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path)) as writer:
        for number in range(count):
            _write_nodes(writer, tiles[number % len(tiles)], number, _middle(number, side))
        roads = list(_motorways(tiles, count, side))
        for name, place, tags in (node for nodes, _ in roads for node in nodes):
            writer.add_node(Node(id=name, location=place, tags=tags, version=1))
        for number in range(count):
            for name, refs, tags in tiles[number % len(tiles)].ways:
                named = [ref + number * NAMES for ref in refs]
                writer.add_way(Way(id=name + number * NAMES, nodes=named, tags=tags, version=1))
        for name, refs, tags in (way for _, ways in roads for way in ways):
            writer.add_way(Way(id=name, nodes=refs, tags=tags, version=1))
        for number in range(count):
            for name, members, tags in tiles[number % len(tiles)].relations:
                named = [(kind, ref + number * NAMES, role) for kind, ref, role in members]
                writer.add_relation(Relation(id=name + number * NAMES, members=named, tags=tags, version=1))
    return count


def _middle(number: int, side: int) -> Place:
    return CORNER[0] + APART * (number % side), CORNER[1] + APART * (number // side)


def _write_nodes(writer: osmium.SimpleWriter, tile: Tile, number: int, middle: Place) -> None:
    for name, east, north, tags in tile.nodes:
        place = middle[0] + east, middle[1] + north
        writer.add_node(Node(id=name + number * NAMES, location=place, tags=tags, version=1))


Nodes = list[tuple[int, Place, Tags]]
Ways = list[tuple[int, list[int], Tags]]


def _motorways(tiles: list[Tile], count: int, side: int) -> Iterator[tuple[Nodes, Ways]]:
    """Join every tile with the next of its row and of its column."""
    name = count * NAMES
    for number in range(count):
        for other in (number + 1, number + side):
            if other >= count or (other == number + 1 and other % side == 0):
                continue
            ends = [tiles[at % len(tiles)].hub + at * NAMES for at in (number, other)]
            ref = f"A{number}" if other == number + 1 else f"B{number}"
            for refs in (ends, ends[::-1]):
                begin, end = (
                    _middle(at, side) for at in ((number, other) if refs is ends else (other, number))
                )
                yield _carriageway(name, refs, begin, end, ref)
                name += 10 * MOTORWAY


def _carriageway(name: int, hubs: list[int], begin: Place, end: Place, ref: str) -> tuple[Nodes, Ways]:
    """Lead from one hub to the other, on the right of the line between them."""
    course = end[0] - begin[0], end[1] - begin[1]
    right = course[1] * 0.0005, -course[0] * 0.0005
    nodes: Nodes = []
    for at in range(MOTORWAY):
        share = (at + 1) / (MOTORWAY + 1)
        place = begin[0] + share * course[0] + right[0], begin[1] + share * course[1] + right[1]
        tags = {"highway": "motorway_junction", "ref": str(at)} if at in (0, MOTORWAY - 1) else {}
        nodes.append((name + at, place, tags))
    halfway = nodes[MOTORWAY // 2][1]
    nodes.append((name + MOTORWAY, (halfway[0] + right[0], halfway[1] + right[1]), {"highway": "rest_area"}))
    along = [node for node, _, _ in nodes[:MOTORWAY]]
    link = {"highway": "motorway_link", "oneway": "yes"}
    ways: Ways = [
        (name, along, {"highway": "motorway", "ref": ref, "maxspeed": "120", "lanes": "2"}),
        (name + 1, [hubs[0], along[0]], link),
        (name + 2, [along[-1], hubs[1]], link),
    ]
    return nodes, ways


# --- the build, in a process of its own ------------------------------------------------------------------


def build_here(extract: Path, target: Path) -> None:
    """Build the scenario in this process, and print seconds by stage and the greatest memory as JSON."""
    from chargeplan.prepare.osm import build, folder  # noqa: PLC0415 - in the child alone

    stages: list[tuple[str, float]] = []
    request = build.Request(extract, "country")
    built = build.build(request, on_stage=lambda stage: stages.append((stage, time.perf_counter())))
    stages.append(("writing", time.perf_counter()))
    folder.write(target, request, built)
    ends = [began for _, began in stages[1:]] + [time.perf_counter()]
    seconds = {stage: end - began for (stage, began), end in zip(stages, ends, strict=True)}
    counts = {
        "km of roads": round(built.counts["road metres"] / 1000),
        "homes": built.counts["buildings"],
        "demand points": len(built.demand),
        "sites": len(built.sites),
        "pieces of corridors": len(built.corridors),
    }
    print(json.dumps({"seconds": seconds, "counts": counts, "memory": _peak()}))


def _peak() -> float:
    """Return the greatest memory of this process so far, GB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


def main() -> None:
    """Make the extract, build a scenario of it, and write the figures down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--extract", type=Path, help="where to keep it; taken as it is where it is there")
    parser.add_argument("--build", type=Path, nargs=2, metavar=("FILE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build_here(*given.build)
        return
    with tempfile.TemporaryDirectory(prefix="chargeplan-extract-") as scratch:
        extract = given.extract or Path(scratch, "country.osm.pbf")
        if not extract.exists():
            print(f"made of {write(extract, given.megabytes)} tiles", flush=True)
        call = [sys.executable, __file__, "--build", str(extract), str(Path(scratch, "country"))]
        found = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
        size = extract.stat().st_size / 1e6
    lines = _section(size, found)
    replace_section(HEADING, "\n".join([*conditions("osmium"), *lines]))
    print("\n".join([*lines, "", f"written into {REPORT}"]))


def _section(size: float, found: dict[str, dict[str, float]]) -> list[str]:
    seconds = found["seconds"]
    rows = [[stage, f"{took:.1f}"] for stage, took in seconds.items()]
    counts = ", ".join(f"{count:,} {word}" for word, count in found["counts"].items())
    return [
        f"- Command: `python benchmarks/osm_extract.py --megabytes {size:.0f}`",
        "",
        (
            f"`chargeplan instances build` of an extract of {size:.1f} MB: {sum(seconds.values()):.0f} s, "
            f"{found['memory']:.2f} GB of memory at most; {counts}."
        ),
        "",
        table(["stage", "seconds"], [*rows, ["together", f"{sum(seconds.values()):.1f}"]]),
    ]


if __name__ == "__main__":
    main()
