"""Build the layers of the Changsha-Zhuzhou-Xiangtan instance from its sources.

::

    python -m chargeplan.instances.czt.build [--out FOLDER]

The same sources give the same bytes. What is modelled, and how, is said in `people`, `candidates`, `corridors`
and the README beside this file.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.spatial import cKDTree

from chargeplan.instances.czt import candidates, corridors, people
from chargeplan.prepare.datum import gcj02_to_wgs84

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).resolve().parent
PEOPLE_2025 = 17_500_000  # residents by 2025 in the three-year action plan (2023-2025)
CITIES = {"长沙市": "Changsha", "株洲市": "Zhuzhou", "湘潭市": "Xiangtan"}
BORDER_TOLERANCE = 0.001  # degrees; of the borders drawn on the map
WALK = 1_000.0  # metres; the radius of the coverage figures
LENGTH_FACTOR = 1.15  # road length of a schematic corridor

# Built-up area, km2, beside which the modelled urban area is printed; the README says where they are from.
BUILT_UP = {"Changsha": 567.32, "Zhuzhou": 142.19, "Xiangtan": 79.2}


@dataclass(frozen=True)
class Sources:
    """The committed inputs, in WGS-84; `districts` carry `people`, `city_share`, `central`, `name`, `city`."""

    districts: gpd.GeoDataFrame
    centres: pd.DataFrame
    places: gpd.GeoDataFrame
    metro: pd.DataFrame
    waypoints: pd.DataFrame

    @property
    def cities(self) -> gpd.GeoDataFrame:
        """One polygon per city."""
        return self.districts[["city", "geometry"]].dissolve("city").reset_index()

    @property
    def place_positions(self) -> people.Floats:
        """Longitude, latitude of the GeoNames places."""
        return shapely.get_coordinates(self.places.geometry.to_numpy())


@dataclass(frozen=True)
class Layers:
    """What is built."""

    demand: pd.DataFrame
    sites: pd.DataFrame
    pieces: list[corridors.Piece]
    borders: gpd.GeoDataFrame


def read_sources(folder: Path) -> Sources:
    """Read the committed inputs; metro stations are converted from GCJ-02."""
    text = {"adcode": str}
    districts = gpd.read_file(folder / "districts.geojson").rename(columns={"district": "name_zh"})
    districts["people"] = districts["adcode"].map(
        pd.read_csv(folder / "population_2020.csv", dtype=text).set_index("adcode")["population"]
    )
    districts = districts.merge(pd.read_csv(folder / "shares.csv", dtype=text), on="adcode", validate="1:1")
    districts["city"] = districts["city"].map(CITIES)
    metro = pd.read_csv(folder / "changsha_metro_stations.csv").drop_duplicates("station").reset_index(drop=True)
    metro[["lon", "lat"]] = gcj02_to_wgs84(metro[["lon", "lat"]].to_numpy()).round(7)
    return Sources(
        districts=districts,
        centres=pd.read_csv(folder / "centres.csv", dtype=text),
        places=gpd.read_file(folder / "places.geojson"),
        metro=metro,
        waypoints=pd.read_csv(folder / "corridors.csv"),
    )


def build(sources: Sources) -> Layers:
    """Build all layers."""
    raster = people.rasterise(sources.districts)
    city = people.metro_kernels(sources.metro[["lon", "lat"]].to_numpy()) + people.centre_kernels(sources.centres)
    cells = people.density(raster, sources.districts, city, sources.place_positions)
    pieces = corridors.pieces(sources.waypoints, sources.cities)
    return Layers(
        demand=demand_table(sources.districts, people.demand_cells(raster, cells)),
        sites=site_table(sources, raster, cells, corridors.service_areas(pieces)),
        pieces=pieces,
        borders=borders(sources.districts),
    )


def demand_table(districts: gpd.GeoDataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Make the demand layer: whole people of 2020 and of 2025 in every cell, each district exact."""
    index = cells["district"].to_numpy()
    totals = districts["people"].to_numpy()
    grown = people.whole_people(PEOPLE_2025, totals.astype(np.float64))
    weight = cells["people"].to_numpy()
    degrees = people.to_degrees(cells[["x", "y"]].to_numpy())
    table = pd.DataFrame(
        {
            "id": _cell_ids(cells, districts["adcode"].to_numpy()[index]),
            "lon": degrees[:, 0],
            "lat": degrees[:, 1],
            "people_2020": people.whole_people_by_district(totals, index, weight),
            "people_2025": people.whole_people_by_district(grown, index, weight),
            "class": np.array(people.CLASSES)[cells["class"].to_numpy()],
            "city": districts["city"].to_numpy()[index],
            "district": districts["name"].to_numpy()[index],
            "district_zh": districts["name_zh"].to_numpy()[index],
            "adcode": districts["adcode"].to_numpy()[index],
            "central": districts["central"].to_numpy()[index],
        }
    )
    return table[table["people_2020"] > 0].reset_index(drop=True)


def _cell_ids(cells: pd.DataFrame, adcodes: Sequence[str]) -> list[str]:
    """Name a cell by its size and place in the grid, with the district's code where districts share it."""
    sizes = {size: f"{size * people.CELL / 1000:g}km" for size in people.BLOCK}
    rows = zip(cells["size"], cells["column"], cells["row"], cells["shared"], adcodes, strict=True)
    return [f"{sizes[s]}E{c}N{r}" + (f"-{code}" if shared else "") for s, c, r, shared, code in rows]


def site_table(
    sources: Sources, raster: people.Raster, cells: people.Floats, service_areas: list[corridors.Node]
) -> pd.DataFrame:
    """Make the candidate sites: real places first, then modelled ones around them."""
    random = np.random.default_rng(candidates.SEED)
    per_km2 = people.blocks(cells, people.PER_KM)
    centre = people.degree_of_urbanisation(per_km2) == people.CENTRE
    real = pd.concat([_metro_sites(sources.metro), _town_sites(sources.places)])
    road = _service_area_sites(service_areas)
    spots = _parking_spots(sources, raster, cells, random)
    taken = people.to_plane(pd.concat([real, road])[["lon", "lat"]])
    parking = _modelled_sites("parking", spots, candidates.throw_darts(spots, taken, random))
    swap_spots = _swap_spots(sources, raster, cells)
    swap = _modelled_sites("swap", swap_spots, candidates.throw_darts(swap_spots, taken[:0], random))
    sites = pd.concat([real, road, parking, swap], ignore_index=True)
    plane = people.to_plane(sites[["lon", "lat"]])
    row, column = (place // people.PER_KM for place in raster.cells(plane))
    land = pd.Series(candidates.land_class(per_km2[row, column], centre[row, column]))
    sites["cost"] = candidates.costs(sites["kind"], land)
    sites["room"] = candidates.rooms(sites["kind"], random)
    nearest = sources.districts.iloc[_district_of(sites, sources.districts)]
    sites["city"], sites["district"] = nearest["city"].to_numpy(), nearest["name"].to_numpy()
    columns = ["id", "lon", "lat", "kind", "cost", "room", "synthetic", "name", "name_zh", "city", "district"]
    return sites[columns]


def _metro_sites(metro: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"metro-{number:03d}" for number in range(1, len(metro) + 1)],
            "lon": metro["lon"],
            "lat": metro["lat"],
            "kind": "metro",
            "synthetic": 0,
            "name": "",
            "name_zh": metro["station"],
        }
    )


def _town_sites(places: gpd.GeoDataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": "town-" + places["geonameid"].astype(str),
            "lon": places.geometry.x,
            "lat": places.geometry.y,
            "kind": "town",
            "synthetic": 0,
            "name": places["name"],
            "name_zh": places["name_zh"].fillna(""),
        }
    )


def _service_area_sites(nodes: list[corridors.Node]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"service-area-{number:02d}" for number in range(1, len(nodes) + 1)],
            "lon": [node.position[0] for node in nodes],
            "lat": [node.position[1] for node in nodes],
            "kind": "service area",
            "synthetic": 1,
            "name": [node.name for node in nodes],
            "name_zh": "",
        }
    )


def _modelled_sites(kind: str, spots: candidates.Spots, chosen: people.Ints) -> pd.DataFrame:
    degrees = people.to_degrees(spots.plane[np.sort(chosen)])
    return pd.DataFrame(
        {
            "id": [f"{kind}-{number:04d}" for number in range(1, len(degrees) + 1)],
            "lon": degrees[:, 0],
            "lat": degrees[:, 1],
            "kind": kind,
            "synthetic": 1,
            "name": "",
            "name_zh": "",
        }
    )


def _parking_spots(
    sources: Sources, raster: people.Raster, cells: people.Floats, random: np.random.Generator
) -> candidates.Spots:
    """One spot in every 250 m cell of an urban centre, and one in every denser 1 km cell elsewhere."""
    per_km2 = people.blocks(cells, people.PER_KM)
    centre = people.degree_of_urbanisation(per_km2) == people.CENTRE
    row, column = np.nonzero((raster.district != people.OUTSIDE) & (cells > 0.0))
    square = (row // people.PER_KM, column // people.PER_KM)
    offset = random.integers(people.PER_KM, size=(2, *per_km2.shape))
    drawn = (row % people.PER_KM == offset[0][square]) & (column % people.PER_KM == offset[1][square])
    kept = centre[square] | (drawn & (per_km2[square] >= candidates.SUBURB))
    row, column = row[kept], column[kept]
    here = per_km2[row // people.PER_KM, column // people.PER_KM]
    urban = centre[row // people.PER_KM, column // people.PER_KM]
    central = sources.districts["central"].to_numpy(dtype=bool)[raster.district[row, column]]
    plane = np.column_stack([raster.x[column], raster.y[row]])
    return candidates.Spots(
        plane + random.uniform(-candidates.JITTER, candidates.JITTER, plane.shape),
        cells[row, column],
        candidates.spacing(here, urban, central),
    )


def _swap_spots(sources: Sources, raster: people.Raster, cells: people.Floats) -> candidates.Spots:
    """Cells of Zhuzhou's urban centres: its five-year plan names battery-swap stations."""
    fine = people.urban_classes(cells)
    zhuzhou = np.flatnonzero(sources.districts["city"] == "Zhuzhou")
    row, column = np.nonzero(np.isin(raster.district, zhuzhou) & (fine == people.CENTRE) & (cells > 0.0))
    plane = np.column_stack([raster.x[column], raster.y[row]])
    return candidates.Spots(plane, cells[row, column], np.full(len(row), candidates.SWAP_SPACING))


def _district_of(sites: pd.DataFrame, districts: gpd.GeoDataFrame) -> people.Ints:
    """Row of the district that holds a site, or that is nearest to it."""
    polygons = shapely.transform(districts.geometry.to_numpy(), people.to_plane)
    points = shapely.points(people.to_plane(sites[["lon", "lat"]]))
    found: people.Ints = shapely.STRtree(polygons).nearest(points)
    return found


def borders(districts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Simplify the districts' borders together, so that neighbours still share them."""
    simple = shapely.coverage_simplify(districts.geometry.to_numpy(), BORDER_TOLERANCE)
    rounded = shapely.transform(simple, lambda coordinates: coordinates.round(5))
    columns = ["adcode", "name", "name_zh", "city", "central", "people"]
    return gpd.GeoDataFrame(
        districts[columns].rename(columns={"people": "people_2020"}),
        geometry=shapely.orient_polygons(rounded),
        crs=districts.crs,
    )


def write(layers: Layers, folder: Path) -> list[Path]:
    """Write all layers into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    demand = _csv(layers.demand, folder / "demand.csv", decimals=6)
    sites = _csv(layers.sites, folder / "sites.csv", decimals=7)
    roads = _geojson(map(_piece_feature, layers.pieces), folder / "corridors.geojson")
    return [demand, sites, roads, _geojson(_border_features(layers.borders), folder / "districts.geojson")]


def _csv(table: pd.DataFrame, path: Path, decimals: int) -> Path:
    table = table.assign(**{axis: table[axis].map(f"{{:.{decimals}f}}".format) for axis in ("lon", "lat")})
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return path


def _geojson(features: Iterable[dict[str, Any]], path: Path) -> Path:
    lines = (json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _piece_feature(piece: corridors.Piece) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "ref": piece.ref,
            "name": piece.name,
            "from": piece.start.name,
            "to": piece.end.name,
            "region": "inside" if piece.city else "outside",
            "city": piece.city,
            "schematic": True,
        },
        "geometry": {"type": "LineString", "coordinates": [piece.start.position, piece.end.position]},
    }


def _border_features(table: gpd.GeoDataFrame) -> Iterable[dict[str, Any]]:
    for row in table.itertuples():
        properties = {key: getattr(row, key) for key in table.columns if key != "geometry"}
        geometry = shapely.geometry.mapping(row.geometry)
        yield {"type": "Feature", "properties": properties, "geometry": geometry}


def summary(layers: Layers) -> str:
    """Say what was built, in figures."""
    return "\n".join([*_people_lines(layers.demand), "", *_site_lines(layers), "", *_corridor_lines(layers.pieces)])


def _people_lines(demand: pd.DataFrame) -> Iterable[str]:
    yield f"{'city':10} {'people 2020':>12} {'people 2025':>12} {'urban people':>12} {'urban km2':>10} {'built-up km2':>13}"
    urban = demand[demand["class"] == "urban centre"]
    km2 = urban.groupby("city").size() * (people.CELL / 1000.0) ** 2
    for city, built_up in BUILT_UP.items():
        rows, town = demand[demand["city"] == city], urban[urban["city"] == city]
        counts = (rows["people_2020"].sum(), rows["people_2025"].sum(), town["people_2020"].sum())
        yield f"{city:10} " + " ".join(f"{n:12,}" for n in counts) + f" {km2[city]:10.1f} {built_up:13.1f}"
    for name, rows in demand.groupby("class"):
        yield f"{name}: {len(rows):,} demand cells, {rows['people_2020'].sum():,} people of 2020"
    central = urban[urban["central"] == 1]
    yield f"central list, urban centre: {len(central):,} cells, {central['people_2020'].sum():,} people of 2020"


def _site_lines(layers: Layers) -> Iterable[str]:
    by_kind = layers.sites.groupby("kind")
    for kind, rows in by_kind:
        yield f"{kind}: {len(rows):,} sites, cost {rows['cost'].min()}-{rows['cost'].max()}, room {rows['room'].sum():,}"
    yield f"all: {len(layers.sites):,} sites, room {layers.sites['room'].sum():,}"
    urban = layers.demand[layers.demand["class"] == "urban centre"]
    count = sites_within(urban, layers.sites[layers.sites["kind"] != "swap"], WALK)
    people_2020 = urban["people_2020"].to_numpy()
    for name, kept in (("all urban centres", count >= 0), ("central list", (urban["central"] == 1).to_numpy())):
        mean, weighted = count[kept].mean(), np.average(count[kept], weights=people_2020[kept])
        yield f"sites nearer than 1 km, {name}: least {count[kept].min()}, mean {mean:.2f}, by people {weighted:.2f}"


def sites_within(demand: pd.DataFrame, sites: pd.DataFrame, radius: float) -> people.Ints:
    """Count the sites strictly nearer than a radius (geodesic metres) to every demand point."""
    points, places = (table[["lon", "lat"]].to_numpy() for table in (demand, sites))
    near = cKDTree(people.to_plane(points)).sparse_distance_matrix(
        cKDTree(people.to_plane(places)), 1.01 * radius, output_type="ndarray"
    )
    start, end = points[near["i"]], places[near["j"]]
    metres = Geod(ellps="WGS84").inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2]
    return np.bincount(near["i"][metres < radius], minlength=len(points))


def _corridor_lines(pieces: list[corridors.Piece]) -> Iterable[str]:
    inside = [piece for piece in pieces if piece.city]
    km = sum(piece.metres for piece in inside) / 1000.0
    yield (
        f"corridors: {len({piece.ref for piece in pieces})} roads, {len(pieces)} pieces, {len(inside)} inside the "
        f"region: {km:,.0f} km straight, {LENGTH_FACTOR * km:,.0f} km by road"
    )
    yield f"service areas: {len(corridors.service_areas(pieces))} inside the region"


def main() -> None:
    """Build the layers, write them and print what they hold."""
    parser = argparse.ArgumentParser(description="Build the Changsha-Zhuzhou-Xiangtan layers from their sources.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: the package's own)")
    layers = build(read_sources(HERE / "sources"))
    files = write(layers, parser.parse_args().out)
    sizes = [f"{path.name}: {path.stat().st_size / 1000:,.0f} kB" for path in files]
    print(summary(layers), "", *sizes, sep="\n")  # noqa: T201 - a program's report


if __name__ == "__main__":
    main()
