"""The demand points of a scenario's ``[people]``: people of a raster, of census polygons or of points.

Every person counts once: what is spread or gathered adds up to what was read, and what is left out is said.
With ``[ev]`` the weight is what their electric cars charge, else their number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import InputError
from chargeplan.prepare import columns
from chargeplan.prepare.faults import Faults
from chargeplan.prepare.features import POINTS, POLYGONS, WGS84, Features, load, positions
from chargeplan.prepare.people_areas import spread_people
from chargeplan.prepare.people_demand import Factor, ev_demand
from chargeplan.prepare.people_points import gather_people
from chargeplan.prepare.people_raster import read_people_raster
from chargeplan.prepare.points import Points
from chargeplan.units import format_count, format_length

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from chargeplan.prepare.files import Files
    from chargeplan.scenario import EvDemand, PeopleLayer, SourcedFactor

_LARGEST = 1.05  # km2, of cells whose people are counted per km2
_CELL = 250.0  # metres, the side of the cells that polygons are spread over where nothing is said
_FACTORS = ("cars_per_person", "electric_share", "km_per_day", "kwh_per_km", "home_share")
_UNITS = {
    "public_kwh_per_day": "kWh that electric cars charge in public a day",
    "kwh_per_day": "kWh that electric cars charge a day",
    "evs": "electric cars",
}


@dataclass(frozen=True, eq=False)
class PeopleDemand:
    """Demand points made of people.

    Parameters
    ----------
    points
        Weighted by people, or by what their electric cars charge.
    features
        The same as a layer: `id`, `people`, `weight`, and `district`, `class`, `per_km2` and `centre` where
        they are asked for.
    notes
        Totals read, kept and left out, and the factors with their sources.
    """

    points: Points
    features: Features
    notes: tuple[str, ...]


def read_people(
    layer: PeopleLayer, ev: EvDemand | None, files: Files, area: gpd.GeoDataFrame | None = None
) -> PeopleDemand:
    """Make demand points of people.

    Parameters
    ----------
    layer
        The scenario's table.
    ev
        The factors of EV demand; without them people are the weight.
    files
        Opens its file.
    area
        Polygons; only people inside count.

    Raises
    ------
    InputError
        With every fault of the file, its numbers and the factors; nobody lives there.
    """
    faults = Faults(layer.file, layer.name)
    try:
        if layer.is_raster:
            table, notes = _of_raster(layer, ev, files, area)
        else:
            table, notes = _of_layer(layer, ev, files, area)
        doubts = table.attrs.get("doubts", ())
        if layer.classes:
            table, said = _classed(table)
            notes += said
    except InputError as error:
        faults.adopt(error)
        raise InputError(faults.found) from None
    if float(table["weight"].sum()) <= 0:
        faults.add("[ev]: these people charge nothing: every weight is 0")
        raise InputError(faults.found)
    features = Features(
        layer.name, table, np.arange(1, len(table) + 1), Faults(layer.file, layer.name), doubts
    )
    return _demand(layer, ev, features, [f"people {layer.name}: {note}" for note in notes])


def _demand(layer: PeopleLayer, ev: EvDemand | None, features: Features, notes: list[str]) -> PeopleDemand:
    table = features.frame
    if ev is not None:
        total = f"{table['weight'].sum():,.0f} {_UNITS[ev.weight]}"
        factors = "; ".join(_said(name, getattr(ev, name)) for name in _FACTORS)
        notes.append(f"demand of {layer.name}: {total}; {factors}")
    district = table["district"].to_numpy(dtype=object) if "district" in table.columns else None
    points = Points(
        ids=table["id"].to_numpy(dtype=object),
        positions=positions(table),
        weight=table["weight"].to_numpy(dtype=np.float64),
        district=district,
    )
    return PeopleDemand(points, features, tuple(notes))


# --- rasters -----------------------------------------------------------------------------------------------


def _of_raster(
    layer: PeopleLayer, ev: EvDemand | None, files: Files, area: gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    def read(path: Path) -> gpd.GeoDataFrame:
        return read_people_raster(path, area=area, gather=layer.gather, band=layer.band)

    cells = files.read(layer.file, read)
    notes = list(cells.attrs.get("remarks", ()))
    if layer.classes and cells.attrs["km2"] > _LARGEST:
        size = f"{cells.attrs['km2']:.3g} km2"
        raise InputError(f"classes: people are counted per km2, and a cell (with gather) is {size} large")
    cells.attrs = {}
    return cells.assign(weight=_weight(cells, "people", ev)), notes


# --- polygons and points -----------------------------------------------------------------------------------


def _of_layer(
    layer: PeopleLayer, ev: EvDemand | None, files: Files, area: gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    frame = files.open(layer)
    surface = (shapely.get_dimensions(np.asarray(frame.geometry.array, dtype=object)) == 2).any()
    features = load(layer, layer.name, files.open, POLYGONS if surface else POINTS)
    places = _people_of(layer, ev, features)
    lived = places[places["people"] > 0].reset_index(drop=True)
    if len(lived) == 0:
        raise InputError("nobody lives there")
    cells, note = _cells_of_polygons(layer, ev, lived) if surface else _cells_of_points(layer, lived)
    if len(cells) == 0:
        raise InputError("nobody lives there, in whole people")
    kept, outside = _inside(cells, area)
    kept.attrs["doubts"] = features.remarks
    total = f"{lived['people'].sum():,.0f} people in {format_count(len(places), 'feature')}"
    return kept, [f"{layer.file}: {total}, {note}{outside}"]


def _cells_of_polygons(
    layer: PeopleLayer, ev: EvDemand | None, places: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, str]:
    """Spread polygons over cells, and say so."""
    cell = layer.cell_m or _CELL
    cells = _spread(places, cell, ev, whole=layer.whole)
    total = float(cells["people"].sum())
    rounded = "" if abs(total - places["people"].sum()) < 0.5 else f", {total:,.0f} in whole people of each"
    return cells, f"spread over {format_count(len(cells), 'cell')} of {format_length(cell)}{rounded}"


def _cells_of_points(layer: PeopleLayer, places: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, str]:
    """Gather points in cells, or leave them as they are, and say so."""
    if layer.cell_m is None:
        return places, f"at {format_count(len(places), 'point')}"
    cells = gather_people(places, layer.cell_m, sums=["weight"])
    return cells, f"gathered in {format_count(len(cells), 'cell')} of {format_length(layer.cell_m)}"


def _people_of(layer: PeopleLayer, ev: EvDemand | None, features: Features) -> gpd.GeoDataFrame:
    """Read who lives at each place, what they charge, and its id and district."""
    column = layer.people or "people"
    if layer.people is None and column not in features.frame.columns:
        there = ", ".join(str(name) for name in features.frame.columns if name != "geometry")
        features.faults.add(f"no column counts people: say which with people = ...; there are {there}")
    people = columns.numbers(features, layer.people, "people", 0.0)
    table = {"id": columns.ids(features, layer.id), "people": people}
    district = columns.words(features, layer.district, "district")
    if district is not None:
        table["district"] = district
    if not features.faults.found:
        table["weight"] = _weight_of_rows(features, column, ev)
    if features.faults.found:
        raise InputError(features.faults.found)
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry=features.frame.geometry.to_numpy(), crs=WGS84)


def _weight_of_rows(features: Features, column: str, ev: EvDemand | None) -> npt.NDArray[np.float64]:
    """Weigh the people of every row, noting what is wrong with factors under the file's row numbers."""
    try:
        return _weight(features.frame, column, ev)
    except InputError as error:
        for fault in error.faults:
            row = None if fault.row is None else int(features.rows[fault.row - 1])
            features.faults.add(fault.message, row=row, column=fault.column)
        return np.zeros(len(features.frame))


def _spread(places: gpd.GeoDataFrame, cell: float, ev: EvDemand | None, *, whole: bool) -> gpd.GeoDataFrame:
    """Spread polygons over cells; every cell gets its people's share of what those of the polygon charge."""
    cells = spread_people(places, "people", cell, whole=whole)
    source = pd.Index(places["id"]).get_indexer(cells["area"])
    people = cells["people"].to_numpy()
    found = cells.assign(weight=people)
    if ev is not None:
        held = np.bincount(source, people, len(places))
        found["weight"] = people / held[source] * places["weight"].to_numpy()[source]
    if "district" in places.columns:
        found["district"] = places["district"].to_numpy(dtype=object)[source]
    return found


def _inside(cells: gpd.GeoDataFrame, area: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame, str]:
    """Keep those inside polygons, whose borders count as inside, and say how many live outside."""
    if area is None:
        return cells, ""
    kept = np.zeros(len(cells), dtype=bool)
    tree = shapely.STRtree(np.asarray(area.geometry.array))
    kept[tree.query(shapely.points(positions(cells)), predicate="intersects")[0]] = True
    if not kept.any():
        raise InputError("nobody lives in the area")
    outside = float(cells["people"].to_numpy()[~kept].sum())
    return cells[kept].reset_index(drop=True), f"; left out, outside the area: {outside:,.0f}"


# --- what they charge, and where they live -----------------------------------------------------------------


def _weight(places: gpd.GeoDataFrame, column: str, ev: EvDemand | None) -> npt.NDArray[np.float64]:
    """(N,) people, or what their electric cars charge."""
    if ev is None:
        return np.asarray(pd.to_numeric(places[column]), dtype=np.float64)
    given = {name: getattr(ev, name) for name in _FACTORS}
    factors = {name: Factor(each.value, each.source) for name, each in given.items()}
    try:
        found = ev_demand(places, column, **factors)[ev.weight]
    except InputError as error:
        raise InputError(
            [replace(fault, message=f"[ev]: {fault.message}") for fault in error.faults]
        ) from None
    return np.asarray(found, dtype=np.float64)


def _said(name: str, factor: SourcedFactor) -> str:
    value = f"column {factor.value!r}" if isinstance(factor.value, str) else f"{factor.value:g}"
    return f"{name} {value} ({factor.source.strip()})"


def _classed(table: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Add the degree of urbanisation, and list the urban centres."""
    from chargeplan.prepare.urbanisation import urbanisation  # noqa: PLC0415 - loads when it is needed

    classed, centres = urbanisation(table)
    listed = [
        f"{number} with {people:,.0f} people on {area:,} km2"
        for number, people, area in zip(
            centres["centre"], centres["people"], centres["area_km2"], strict=True
        )
    ]
    return classed, [f"urban centres: {'; '.join(listed)}" if listed else "no urban centre"]
