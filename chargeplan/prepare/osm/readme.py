"""The README of a scenario folder: what came from where, how much, and what was assumed."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from chargeplan.errors import printable
from chargeplan.io.files import digest
from chargeplan.prepare.osm import build as building
from chargeplan.prepare.osm import corridors, homes
from chargeplan.prepare.osm.kinds import CURRENCY, KINDS, SHARE_OF_PARKING
from chargeplan.prepare.osm.tags import SPEEDS
from chargeplan.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chargeplan.prepare.osm.build import Built, Request

_WIDTH = 118
# What Markdown would take for more than text; some of it only where it stands alone, or begins a line.
_MARKUP = re.compile(
    r"[\\`*\[\]<>|~&$#] | (?<![^\W_])_ | _(?![^\W_]) | (?<!\S)[-+=](?=[-+=\s]|$) | (?<=\d)[.)](?=\s|$)"
    r"| :(?=//) | (?<=www)\.",
    re.VERBOSE,
)
_LICENCE = (
    "Contains information from OpenStreetMap, © OpenStreetMap contributors, available under the Open "
    "Database "
    "License (ODbL) 1.0: https://www.openstreetmap.org/copyright, "
    "https://opendatacommons.org/licenses/odbl/1-0/. The layers in this folder are a derived database: who "
    "passes them on does so under the same licence, with this notice. Other inputs have licences of their "
    "own."
)
_SITES = (
    "Sites: costs and rooms by kind, as in the table; of a car park with a stated capacity "
    f"{SHARE_OF_PARKING:.0%} may get chargers. No owner of a site was asked."
)


def readme(request: Request, built: Built, notes: Sequence[str]) -> str:
    """Write the README.

    Parameters
    ----------
    request, built
        What was asked, and what came of it.
    notes
        Paragraphs for its end.
    """
    paragraphs = [
        f"# {_escaped(request.name)}: what is in this folder",
        "A scenario for `chargeplan solve`, built from these files:",
        _table(["input", "file", "SHA-256"], _inputs(request)),
        _table(["layer", "what", "rows"], _layers(built)),
        "## Left out, joined, added",
        _bullets(remarks(request, built, _escaped)),
        "## Assumed",
        _bullets(_assumptions(built)),
        _table(["kind", "what it is", "sites", f"cost ({CURRENCY})", "room (chargers)"], _kinds(built)),
        "## Attribution and licence",
        textwrap.fill(_LICENCE, _WIDTH),
        *(textwrap.fill(note, _WIDTH) for note in notes),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _inputs(request: Request) -> list[list[object]]:
    given = {
        "OpenStreetMap extract": request.osm,
        "population": request.population,
        "area": request.area,
        "existing stations": request.existing,
    }
    return [[word, _code(path.name), _code(digest(path))] for word, path in given.items() if path is not None]


def _layers(built: Built) -> list[list[object]]:
    kilometres = built.counts["road metres"] / 1000.0
    total = built.demand["weight"].sum()
    rows: list[list[object]] = [
        ["`roads.fgb`", f"{kilometres:,.0f} km of roads for cars; speeds in km/h", f"{len(built.roads):,}"],
        ["`demand.csv`", f"demand points, together {total:,.0f} {built.unit}", f"{len(built.demand):,}"],
        ["`sites.csv`", "candidate sites", f"{len(built.sites):,}"],
    ]
    if len(built.stations):
        rows.append(["`stations.csv`", "charging stations that stand; they are kept", len(built.stations)])
    if len(built.corridors):
        rows.append(["`corridors.geojson`", "motorways and trunk roads in pieces", len(built.corridors)])
    if built.area is not None:
        rows.append(["`area.geojson`", "the area asked for", len(built.area)])
    return rows


def remarks(request: Request, built: Built, words: Callable[[str], str] = printable) -> Iterator[str]:
    """Say what became of the rest of what was read, a sentence or two each.

    Parameters
    ----------
    request, built
        What was asked, and what came of it.
    words
        How other people's words are written.
    """
    yield from _about_roads(built)
    yield from _about_demand(request, built)
    yield from _about_sites(request, built)
    yield from _about_stations(built)
    yield from (f"{words(remark[:1].upper() + remark[1:])}." for remark in built.remarks)
    counts = built.counts
    if pieces := counts["corridor pieces without sites"]:
        one = "piece of a corridor is left out: no site enters it."
        yield format_count(pieces, one, "pieces of corridors are left out: no site enters them.")
    if broken := counts["broken outlines"]:
        one = "outline of a place or building is left out: it is broken."
        yield format_count(broken, one, "outlines of places and buildings are left out: they are broken.")


def _about_roads(built: Built) -> Iterator[str]:
    counts = built.counts
    apart = counts["road metres apart"] / 1000.0
    yield f"{apart:,.1f} km of roads are left out: one cannot drive from them to the others and back."
    if outside := counts["road metres outside"]:
        yield f"{outside / 1000.0:,.1f} km of roads are left out: they are far outside the area."
    private = format_count(counts["ways for some only"], "way is", "ways are")
    drives = format_count(
        counts["yards and drives"],
        "as a driveway, parking aisle or the like",
        "as driveways, parking aisles and the like",
    )
    yield f"{private} left out as not for everybody's car, and {drives}."
    if cut := counts["ways cut"]:
        one = "way is cut where the extract lacks nodes of it."
        yield format_count(cut, one, "ways are cut where the extract lacks nodes of them.")
    if crossings := counts["crossings of the antimeridian"]:
        times = format_count(crossings, "time")
        yield f"{times} a way crosses the antimeridian: it is drawn in two parts, and they meet."


def _about_demand(request: Request, built: Built) -> Iterator[str]:
    counts, unit = built.counts, built.unit
    if request.population is None:
        yield "No population was given: the built area of homes stands for people."
    else:
        kept = built.demand["weight"].sum()
        yield f"Population: {counts['people']:,} people in all, of whom {kept:,.0f} are demand."
        where = "the area" if built.area is not None else "the roads of the extract"
        if outside := counts["people outside"]:
            one = f"person is left out, who lives far outside {where}."
            yield format_count(outside, one, f"people are left out: they live far outside {where}.")
        if unknown := counts["cells without data"]:
            one = "cell of the raster says nothing of people (nodata), and counts as nobody."
            many = "cells of the raster say nothing of people (nodata), and count as nobody."
            yield format_count(unknown, one, many)
        if empty := counts["rows without people"]:
            one = "row of the population has nobody, and is no demand."
            yield format_count(empty, one, "rows of the population have nobody, and are no demand.")
    if outside := counts["demand outside"]:
        held = f"({counts['demand outside, weight']:,} {unit})"
        one = f"demand point {held} is left out: it lies outside the area."
        yield format_count(outside, one, f"demand points {held} are left out: they lie outside the area.")
    far = format_count(counts["demand far from roads"], "demand point")
    sites = format_count(counts["sites far from roads"], "site")
    yield (
        f"{far} ({counts['demand far from roads, weight']:,} {unit}) and {sites} are left "
        f"out: no road comes within {building.LONGEST_LEG:g} m of them (of demand: or half the radius)."
    )
    if lost := counts["demand without sites"]:
        held = f"({counts['demand without sites, weight']:,} {unit})"
        one = f"demand point {held} is left out: no site is in its reach."
        yield format_count(lost, one, f"demand points {held} are left out: no site is in their reach.")
    if "buildings" in counts:
        homes_mapped = format_count(counts["buildings"], "building")
        squares = format_count(counts["residential squares"], "square")
        yield f"Homes: {homes_mapped}, and {squares} of residential areas in which no home is mapped."


def _about_sites(request: Request, built: Built) -> Iterator[str]:
    counts = built.counts
    if outside := counts["sites outside"]:
        one = "site is left out: it lies outside the area."
        yield format_count(outside, one, "sites are left out: they lie outside the area.")
    if closed := counts["sites for some only"]:
        one = "car park or other site is left out: it is not for everybody (`access`)."
        many = "car parks and other sites are left out: they are not for everybody (`access`)."
        yield format_count(closed, one, many)
    if kerbs := int((built.sites["kind"] == "kerb").sum()):
        added = format_count(kerbs, "site at the kerb is", "sites at the kerb are")
        yield (
            f"{added} added, so that all demand can be served: no other site reaches "
            f"some of it within {request.radius}."
        )


def _about_stations(built: Built) -> Iterator[str]:
    counts = built.counts
    known, given = counts["stations of the extract"], counts["stations given"]
    twice = format_count(
        counts["stations known twice"], "is in both and counts once", "are in both and count once"
    )
    closed = format_count(
        counts["stations not open to all"],
        "is left out, as it is not open to everybody",
        "are left out, as they are not open to everybody",
    )
    yield (
        f"Charging stations: {known:,} in the extract, besides {counts['stations for some only']:,} of "
        f"access=no, private or the like, and {given:,} given; {twice}; {closed}."
    )
    if outside := counts["stations outside"]:
        one = "station is left out: it lies outside the area."
        yield format_count(outside, one, "stations are left out: they lie outside the area.")
    if far := counts["stations far from roads"]:
        away = f"farther than {building.LONGEST_LEG:g} m from any road"
        yield format_count(far, f"station is {away}; it is kept.", f"stations are {away}; they are kept.")


def _assumptions(built: Built) -> Iterator[str]:
    """Say what was assumed of whatever is there."""
    yield (
        "Roads: ways of the classes below that everybody may drive along. Those of access=no or private "
        "and their "
        "like are left out, and so are driveways and parking aisles, whose length counts as the straight "
        "leg to "
        "the road. One-ways hold; motorways and roundabouts are one-way unless they say otherwise. Roads "
        "meet "
        "where they share a node. Turn restrictions, barriers, ferries and opening hours are not read."
    )
    speeds = ", ".join(f"{road} {speed:g}" for road, speed in SPEEDS.items())
    yield f"`speed` is what `maxspeed` says, else by class, km/h (the car profile of OSRM): {speeds}."
    yield (
        "A demand point is reached by the straight leg to the nearest road and the way from there, as one "
        "may "
        "drive."
    )
    if "buildings" in built.counts:
        low, high = homes.HOME_SIZE
        yield (
            f"Homes: buildings of the kinds {', '.join(homes.HOMES)}; and buildings of no stated kind or "
            "use, of "
            f"{low:g} to {high:,.0f} m2 on the ground, outside areas of the uses {', '.join(homes.WORK)}. "
            "Built "
            f"area is ground times storeys; where not stated, {homes.USUAL_STOREYS:g}, or "
            f"{homes.STOREYS['apartments']:g} in apartments and dormitories. A residential area without "
            "any home "
            f"counts {homes.DENSITY:g} m2 of homes per m2. Homes in the same hectare (of the equal-area grid "
            "EPSG:6933) are one demand point."
        )
    if len(built.corridors):
        yield (
            "Corridors: ways of the classes motorway and trunk, cut where another road meets them or a "
            "motorway "
            "junction is named. Each carriageway counts. Places of an interchange within "
            f"{corridors.INTERCHANGE:g} m are joined."
        )
    if set(KINDS) & set(built.sites["kind"]):
        yield _SITES


def _kinds(built: Built) -> list[list[object]]:
    number = built.sites["kind"].value_counts()
    rows: list[list[object]] = [
        [kind.name, kind.means, int(number[kind.name]), f"{kind.cost:g}", kind.room]
        for kind in KINDS.values()
        if kind.name in number
    ]
    others = sorted(set(number.index) - set(KINDS))
    return [
        *rows,
        *([_escaped(kind), "as given", int(number[kind]), "as given", "as given"] for kind in others),
    ]


def _escaped(text: str) -> str:
    """Write other people's words so that Markdown takes them for text: no link, no tag, no table."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def _code(text: str) -> str:
    """Write a name as code, in which only its end and that of a table's cell have to be kept from it."""
    return "`" + printable(text).replace("`", r"\x60").replace("|", r"\|") + "`"


def _bullets(lines: Iterator[str]) -> str:
    # A word is never cut: that would part a backslash from what it escapes.
    wrapper = textwrap.TextWrapper(
        _WIDTH,
        initial_indent="- ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join(map(wrapper.fill, lines))


def _table(header: list[str], rows: list[list[object]]) -> str:
    lines: list[Sequence[object]] = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
