"""Build the layers of the Changsha-Zhuzhou-Xiangtan instance from its sources.

::

    python -m chargeplan.instances.czt.build [--out FOLDER]

The same sources give the same bytes. What is modelled, and how, is said in `people`, `candidates` and
`corridors`, and in the README beside this file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from chargeplan.instances.czt import inputs, people
from chargeplan.instances.czt.candidates import candidate_sites
from chargeplan.instances.czt.corridors import Piece, corridor_pieces, service_areas
from chargeplan.instances.czt.figures import summary
from chargeplan.prepare.datum import gcj02_to_wgs84
from chargeplan.prepare.people_whole import whole_people, whole_people_by_area
from chargeplan.prepare.urbanisation import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import geopandas as gpd

HERE = Path(__file__).resolve().parent
PEOPLE_2025 = 17_500_000  # residents of 2025 in the three-year action plan (2023-2025)
BORDER_TOLERANCE = 0.001  # degrees, of the borders drawn on the map


def main() -> None:
    """Build the layers, write them and print what they hold."""
    parser = argparse.ArgumentParser(
        description="Build the Changsha-Zhuzhou-Xiangtan layers from their sources."
    )
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: the package's own)"
    )
    out = parser.parse_args().out
    sources = in_wgs84(inputs.read(HERE / "sources"))
    grid = spread(sources)
    pieces = corridor_pieces(sources.waypoints, sources.cities)
    demand = demand_layer(sources.districts, people.demand_cells(grid))
    sites = candidate_sites(sources, grid, service_areas(pieces))
    out.mkdir(parents=True, exist_ok=True)
    write_csv(demand, out / "demand.csv", decimals=6)
    write_csv(sites, out / "sites.csv", decimals=7)
    write_geojson(map(piece_feature, pieces), out / "corridors.geojson")
    write_geojson(border_features(sources.districts), out / "districts.geojson")
    print(summary(demand, sites, pieces))  # noqa: T201 - a program's report


def in_wgs84(sources: inputs.Sources) -> inputs.Sources:
    """Convert the metro stations from GCJ-02; everything else is in WGS-84."""
    positions = gcj02_to_wgs84(sources.metro[["lon", "lat"]].to_numpy()).round(7)
    return dataclasses.replace(sources, metro=sources.metro.assign(lon=positions[:, 0], lat=positions[:, 1]))


def spread(sources: inputs.Sources) -> people.Grid:
    """Spread the districts' people over the grid."""
    metro = people.metro_kernels(sources.metro[["lon", "lat"]])
    city = metro + people.centre_kernels(sources.centres)
    raster = people.rasterise(sources.districts)
    return people.spread_people(raster, sources.districts, city, sources.places[["lon", "lat"]])


def demand_layer(districts: gpd.GeoDataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Make the demand layer: whole people of 2020 and of 2025 in every cell, every district exact."""
    index, weight = cells["district"].to_numpy(), cells["people"].to_numpy()
    totals = districts["people"].to_numpy()
    grown = whole_people(PEOPLE_2025, totals.astype(np.float64))
    table = pd.DataFrame(people.to_degrees(cells[["x", "y"]]), columns=["lon", "lat"])
    table.insert(0, "id", cell_ids(cells, districts["adcode"].to_numpy()[index]))
    table["people_2020"] = whole_people_by_area(totals, index, weight)
    table["people_2025"] = whole_people_by_area(grown, index, weight)
    table["class"] = np.array(CLASSES)[cells["class"].to_numpy()]
    for column in ("city", "name", "name_zh", "adcode", "central"):
        table[column.replace("name", "district")] = districts[column].to_numpy()[index]
    return table[table["people_2020"] > 0]


def cell_ids(cells: pd.DataFrame, adcodes: Iterable[str]) -> list[str]:
    """Name a cell by its size and place in the grid, with the district's code where districts share it."""
    sizes = cells["size"].map({size: f"{size * people.CELL / 1000.0:g}km" for size in people.BLOCK})
    parts = (f"-{code}" if shared else "" for code, shared in zip(adcodes, cells["shared"], strict=True))
    places = zip(sizes, cells["column"], cells["row"], parts, strict=True)
    return [f"{size}E{column}N{row}{part}" for size, column, row, part in places]


def write_csv(table: pd.DataFrame, path: Path, decimals: int) -> None:
    """Write a table with its positions to so many decimals of a degree."""
    positions = {axis: table[axis].map(f"{{:.{decimals}f}}".format) for axis in ("lon", "lat")}
    table.assign(**positions).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def write_geojson(features: Iterable[dict[str, Any]], path: Path) -> None:
    """Write a feature collection, a feature per line."""
    lines = (json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def piece_feature(piece: Piece) -> dict[str, Any]:
    """Make the feature of a piece of a corridor."""
    properties = {
        "ref": piece.ref,
        "name": piece.name,
        "from": piece.start.name,
        "to": piece.end.name,
        "region": "inside" if piece.city else "outside",
        "city": piece.city,
        "schematic": True,
    }
    geometry = {"type": "LineString", "coordinates": [piece.start.position, piece.end.position]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def border_features(districts: gpd.GeoDataFrame) -> Iterator[dict[str, Any]]:
    """Simplify the districts' borders together, so that neighbours still share them; a feature each."""
    simple = shapely.coverage_simplify(districts.geometry.to_numpy(), BORDER_TOLERANCE)
    rounded = shapely.orient_polygons(shapely.transform(simple, lambda coordinates: coordinates.round(5)))
    columns = ["adcode", "name", "name_zh", "city", "central", "people"]
    rows = districts[columns].rename(columns={"people": "people_2020"}).to_dict("records")
    for properties, geometry in zip(rows, rounded, strict=True):
        yield {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(geometry)}


if __name__ == "__main__":
    main()
