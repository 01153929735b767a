"""A scenario folder: layers, scenario.toml, and a README of what came from where."""

from __future__ import annotations

import io
import json
import os
import re
from typing import TYPE_CHECKING

import numpy as np
import pyogrio

from chargeplan.errors import Fault, InputError, printable
from chargeplan.io.geojson import feature_collection
from chargeplan.prepare.features import DECIMALS
from chargeplan.prepare.osm.readme import readme

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from chargeplan.prepare.osm.build import Built, Request

# What a spreadsheet would run: at the beginning, or behind a semicolon, which ends a cell where that is the
# usual separator; of East Asia in full width too.
_FORMULA = re.compile("(^|;)([ \u3000]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
_WORDS = ("id", "name", "operator", "hours", "plugs", "merged")  # columns with other people's words
FILES = (
    "scenario.toml", "README.md", "roads.fgb", "demand.csv", "sites.csv", "stations.csv", "corridors.geojson",
    "area.geojson", "extract.osm.pbf", "place.geojson",
)  # fmt: skip


def check_target(folder: Path) -> None:
    """Check that nothing in the folder would be overwritten.

    Raises
    ------
    InputError
        Naming every file that is there already, or the file that is in the folder's place.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(Fault("is not a folder", file=str(folder)))
    taken = [folder / name for name in FILES if os.path.lexists(folder / name)]  # a link to nowhere, too
    if taken:
        raise InputError(
            [Fault("is there already; nothing is overwritten", file=str(path)) for path in taken]
        )


def scenario_name(folder: Path) -> str:
    """Make the name of a scenario out of its folder's."""
    word = re.sub(r"[^\w .+-]+", "-", folder.resolve().name)[:100].strip(" -.+")
    return word if re.match(r"\w", word) else "scenario"


def write(folder: Path, request: Request, built: Built, notes: Sequence[str] = ()) -> dict[str, int]:
    """Write a scenario folder, over what is there; the same layers give the same bytes.

    Parameters
    ----------
    folder
        Created if need be.
    request, built
        What was asked, and what came of it.
    notes
        Paragraphs for the end of the README.

    Returns
    -------
    dict of str to int
        The files and their sizes in bytes.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    files = {
        "roads.fgb": _flatgeobuf(built.roads),
        "demand.csv": _csv(built.demand.assign(weight=built.demand["weight"].map("{:.10g}".format))),
    }
    if len(built.sites):
        files["sites.csv"] = _csv(built.sites[["id", "name", "kind", "cost", "room", "lon", "lat"]])
    if len(built.stations):
        files["stations.csv"] = _csv(built.stations)
    if len(built.corridors):
        files["corridors.geojson"] = feature_collection(built.corridors)
    if built.area is not None:
        files["area.geojson"] = feature_collection(built.area)
    files["README.md"] = readme(request, built, notes).encode()
    files["scenario.toml"] = _scenario(
        request, built, files
    ).encode()  # last: it makes a scenario of the rest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InputError(Fault(f"cannot be written to: {error.strerror}", file=str(folder))) from None
    return {name: len(content) for name, content in files.items()}


# --- layers ----------------------------------------------------------------------------------------------


def _flatgeobuf(roads: gpd.GeoDataFrame) -> bytes:
    """Write the roads in their order, and so without a spatial index, which sorts them."""
    compact = roads.astype({"oneway": np.int8, "speed": np.float32})
    file = io.BytesIO()
    pyogrio.write_dataframe(compact, file, driver="FlatGeobuf", layer="roads", SPATIAL_INDEX="NO")
    return file.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    degrees = {axis: table[axis].map(f"{{:.{DECIMALS}f}}".format) for axis in ("lon", "lat")}
    texts = {name: table[name].map(_harmless) for name in _WORDS if name in table}
    return table.assign(**degrees, **texts).to_csv(index=False, lineterminator="\n").encode()


def _harmless(value: object) -> str:
    """Write other people's words so that neither a spreadsheet nor a terminal runs them."""
    text = "" if value is None or value != value else printable(str(value))  # noqa: PLR0124 - NaN
    return _FORMULA.sub(r"\1\2'", text)


# --- scenario --------------------------------------------------------------------------------------------


def _scenario(request: Request, built: Built, files: Iterable[str]) -> str:
    region = request.place or request.name
    title = f"{region}: a station within {request.radius} of everybody by road{_as_of(built)}"
    source = f"{_SOURCE}. Costs, rooms and who lives where are assumptions: README.md."
    parts = [
        f"# Made by chargeplan from {_quoted(request.osm.name)}; README.md says what came from where.\n",
        f"schema = 1\nname = {_quoted(request.name)}\ntitle = {_quoted(title)}\nsource = {_quoted(source)}\n",
        f'[[demand]]\nname = "{_DEMAND}"\nfile = "demand.csv"                # weight: {built.unit}\n',
    ]
    if "sites.csv" in files:
        parts.append('[[sites]]\nname = "candidates"\nfile = "sites.csv"\n')
    if "stations.csv" in files:
        parts.append(
            '[[sites]]\nname = "stations"\nfile = "stations.csv"\nstatus = "existing"\nkind = "station"\n'
        )
    if "corridors.geojson" in files:
        parts.append('[[corridors]]\nname = "motorways"\nfile = "corridors.geojson"\nlength_factor = 1.0\n')
    if "area.geojson" in files:
        parts.append('[[areas]]\nname = "area"\nfile = "area.geojson"\n')
    parts.append('[network]\nfile = "roads.fgb"\n')
    parts.append(
        f'[[standards]]\nname = "near"\ndemand = "{_DEMAND}"\nradius = {_quoted(request.radius)}\n'
        'metric = "road"\n'
    )
    if "corridors.geojson" in files:
        parts.append(
            '[[standards]]\nname = "intercity"\ncorridor = "motorways"\nwhere = "part = \'carriageway\'"\n'
            f'radius = "{_INTERCITY}"\n'
        )
    best = "cost" if len(set(built.sites["cost"])) > 1 else "stations"
    parts += [f'[objective]\nminimise = "{best}"\n', "[solve]\ngap = 0.02\nwork_limit = 60\n"]
    return "\n".join(parts)


_SOURCE = "OpenStreetMap (© OpenStreetMap contributors, ODbL 1.0)"
_DEMAND = "people"
_INTERCITY = "50 km"


def _as_of(built: Built) -> str:
    return f" (OpenStreetMap of {built.date})" if built.date else ""


def _quoted(text: str) -> str:
    """Write a TOML string."""
    return json.dumps(printable(text), ensure_ascii=False)
