"""A scenario made of an extract: roads, sites, stations, demand and corridors, and what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from chargeplan.errors import Fault, InputError
from chargeplan.io.layers import read_layer
from chargeplan.prepare.features import POLYGONS, WGS84, Features, load
from chargeplan.prepare.osm.corridors import corridor_pieces, entered
from chargeplan.prepare.osm.demand import demand_table
from chargeplan.prepare.osm.extract import Extract
from chargeplan.prepare.osm.kinds import KINDS
from chargeplan.prepare.osm.people import open_population
from chargeplan.prepare.osm.places import read_places
from chargeplan.prepare.osm.reach import Reach
from chargeplan.prepare.osm.roads import Roads, read_roads
from chargeplan.prepare.osm.stations import read_stations, standing
from chargeplan.scenario import AreaLayer
from chargeplan.units import parse_length

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from chargeplan.prepare.osm.homes import Homes
    from chargeplan.prepare.osm.people import Population

LONGEST_LEG = 500.0  # metres between a place and the nearest road, at most
MARGIN = 0.05  # degrees around the area asked for, in which roads still count


@dataclass(frozen=True)
class Request:
    """What to build a scenario from.

    Parameters
    ----------
    osm
        An OpenStreetMap extract, ``.osm.pbf``.
    name
        Of the scenario.
    population
        People: a raster (GeoTIFF), or a layer of points or polygons; without it the built area of homes
        stands for people.
    people
        The column of the population that counts them, where it is not called so.
    area
        A layer of polygons that demand and sites must lie in.
    existing
        A layer of stations that stand, beside those that the extract knows.
    radius
        Of the standard, with its unit.
    place
        What the region is called, for the title; its name where left out.
    """

    osm: Path
    name: str
    population: Path | None = None
    people: str | None = None
    area: Path | None = None
    existing: Path | None = None
    radius: str = "1 km"
    place: str = ""


@dataclass(frozen=True, eq=False)
class Built:
    """The layers of a scenario, and what became of what was read.

    Parameters
    ----------
    roads
        Lines with `id`, `class`, `name`, `ref`, `oneway`, `speed` (km/h).
    demand
        Demand points: `id`, `lon`, `lat`, `weight`.
    sites
        Candidate sites: `id`, `name`, `kind`, `cost`, `room`, `lon`, `lat`.
    stations
        Stations that stand: as `standing` makes them.
    corridors
        As `corridor_pieces` makes them.
    area
        Polygons, or None.
    unit
        What demand is weighed in.
    date
        The day of the latest change of a road.
    counts
        What was read, left out and put together, by words.
    remarks
        What the readers of stations have to say.
    """

    roads: gpd.GeoDataFrame
    demand: pd.DataFrame
    sites: pd.DataFrame
    stations: pd.DataFrame
    corridors: gpd.GeoDataFrame
    area: gpd.GeoDataFrame | None
    unit: str
    date: str
    counts: Counter[str]
    remarks: tuple[str, ...] = ()


def build(
    request: Request, sites: pd.DataFrame | None = None, on_stage: Callable[[str], None] | None = None
) -> Built:
    """Make the layers of a scenario.

    Parameters
    ----------
    request
        What from.
    sites
        Candidate sites with the columns of `Built.sites`, instead of those that the extract knows; they are
        put where they enter the roads, and none is added to them.
    on_stage
        Is told what begins, in a few words: large extracts take minutes.

    Raises
    ------
    InputError
        An input cannot be read or has faults; the extract has no roads, or nothing says where people live.
    """
    radius = parse_length(request.radius)
    say = on_stage or _silent
    extract = Extract(request.osm)
    people = None if request.population is None else open_population(request.population, request.people)
    area = None if request.area is None else _read_area(request.area)
    given = None if request.existing is None else read_stations(request.existing)
    counts: Counter[str] = Counter()
    say("reading roads")
    roads = read_roads(extract)
    counts.update(roads.counts)
    keep = _driven(roads, area, request, counts)
    lines = roads.lines(keep)
    reach = Reach(lines)
    say("reading places")
    places = read_places(extract)
    counts.update(places.counts)
    say("placing demand")
    population = None if people is None else people(_bounds(lines if area is None else area))
    demand = _demand(request, places.homes, population, area, reach, counts)
    stations = _stations(places.stations, given, area, reach, counts)
    say("placing sites")
    if sites is None:
        found = _near(_inside(places.sites, area, "sites", counts), reach, LONGEST_LEG, "sites", counts)
        sites = _with_kerbs(_priced(found), demand, stations, reach, radius)
    else:
        sites = _on_roads(_inside(sites, area, "sites", counts), reach, counts)
    demand = _reached(demand, [sites, stations], reach, radius, counts)
    say("drawing corridors")
    return Built(
        roads=lines,
        demand=demand,
        sites=sites,
        stations=stations,
        corridors=_corridors(roads, keep, [sites, stations], counts),
        area=area,
        unit="m2 of homes" if population is None else "people",
        date=extract.date,
        counts=counts,
        remarks=tuple(stations.attrs.get("remarks", ())),
    )


def lonlat(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Take the positions out of a table, (N, 2) degrees."""
    return table[["lon", "lat"]].to_numpy(dtype=np.float64)


# --- layers that are given -------------------------------------------------------------------------------


def _read_area(path: Path) -> gpd.GeoDataFrame:
    layer = AreaLayer(name="area", file=str(path))
    features = load(layer, layer.name, lambda asked: read_layer(asked.file), POLYGONS)
    _sound(features)
    return features.frame[["geometry"]]


def _sound(features: Features) -> None:
    if features.faults.found:
        raise InputError(features.faults.found)


def _bounds(layer: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """West, south, east, north of a layer with a margin, in degrees."""
    west, south, east, north = layer.total_bounds + np.array([-MARGIN, -MARGIN, MARGIN, MARGIN])
    return np.array([max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)])


def _silent(_: str) -> None:
    """Say nothing."""


def _peopled(homes: Homes, population: Population | None, counts: Counter[str]) -> pd.DataFrame:
    """Make demand points, and count what they are made of."""
    if population is None or population.areas is not None:
        counts["buildings"], counts["residential squares"] = homes.buildings, homes.sampled
    if population is not None:
        counts["people"], counts["people outside"] = round(population.total), round(population.outside)
        counts["rows without people"] = int((population.people == 0).sum())
        counts["cells without data"] = population.unknown
    return demand_table(homes, population)


# --- what of it counts -----------------------------------------------------------------------------------


def _driven(
    roads: Roads, area: gpd.GeoDataFrame | None, request: Request, counts: Counter[str]
) -> npt.NDArray[np.bool_]:
    """Choose the edges in and around the area between which one can drive either way."""
    among = np.ones(len(roads.edge), dtype=bool)
    if area is not None:
        among = roads.within(area.total_bounds + np.array([-MARGIN, -MARGIN, MARGIN, MARGIN]))
        if not among.any():
            raise InputError(Fault("holds no road in the area", file=str(request.osm)))
    keep = roads.strong_part(among)
    counts["road metres"] = round(roads.length[keep].sum())
    counts["road metres apart"] = round(roads.length[among & ~keep].sum())
    counts["road metres outside"] = round(roads.length[~among].sum())
    return keep


def _inside(
    table: pd.DataFrame, area: gpd.GeoDataFrame | None, word: str, counts: Counter[str]
) -> pd.DataFrame:
    """Choose the rows inside the area."""
    if area is None or table.empty:
        return table
    tree = shapely.STRtree(np.asarray(area.geometry.array))
    inside = np.zeros(len(table), dtype=bool)
    inside[tree.query(shapely.points(lonlat(table)), predicate="intersects")[0]] = True
    return _kept(table, inside, f"{word} outside", counts)


def _near(table: pd.DataFrame, reach: Reach, longest: float, word: str, counts: Counter[str]) -> pd.DataFrame:
    """Choose the rows that a road comes near."""
    near = reach.foot(lonlat(table))[1] <= longest
    return _kept(table, near, f"{word} far from roads", counts)


def _kept(table: pd.DataFrame, kept: npt.NDArray[np.bool_], word: str, counts: Counter[str]) -> pd.DataFrame:
    """Choose rows; count the others, and what they weigh."""
    counts[word] = int((~kept).sum())
    if "weight" in table:
        counts[f"{word}, weight"] = round(table.loc[~kept, "weight"].sum())
    chosen = table[kept].reset_index(drop=True)
    chosen.attrs = table.attrs
    return chosen


def _no_demand(request: Request) -> str:
    where = "in the area" if request.area is not None else "in it"
    if request.population is not None:
        return f"nobody lives {where}, says the population"
    return f"nothing says where people live: no home and no residential area {where}; give a population"


def _demand(
    request: Request,
    homes: Homes,
    population: Population | None,
    area: gpd.GeoDataFrame | None,
    reach: Reach,
    counts: Counter[str],
) -> pd.DataFrame:
    """Make the demand points inside the area that a road comes near."""
    demand = _inside(_peopled(homes, population, counts), area, "demand", counts)
    if demand.empty:
        raise InputError(Fault(_no_demand(request), file=str(request.osm)))
    longest = min(LONGEST_LEG, parse_length(request.radius) / 2.0)
    demand = _near(demand, reach, longest, "demand", counts)
    if demand.empty:
        raise InputError(Fault("no road comes near any demand", file=str(request.osm)))
    return demand


# --- sites and stations ----------------------------------------------------------------------------------


def _stations(
    known: gpd.GeoDataFrame,
    given: gpd.GeoDataFrame | None,
    area: gpd.GeoDataFrame | None,
    reach: Reach,
    counts: Counter[str],
) -> pd.DataFrame:
    """Choose the stations inside the area; those far from roads stay, as they stand, and are counted."""
    stations = _inside(standing(known, given, counts), area, "stations", counts)
    _near(stations, reach, LONGEST_LEG, "stations", counts)
    return stations


def _priced(sites: pd.DataFrame) -> pd.DataFrame:
    return sites.assign(cost=[KINDS[kind].cost for kind in sites["kind"]])


def _with_kerbs(
    sites: pd.DataFrame, demand: pd.DataFrame, stations: pd.DataFrame, reach: Reach, radius: float
) -> pd.DataFrame:
    """Add sites at the kerb until every demand point has one within the radius by road."""
    known = np.concatenate([lonlat(sites), lonlat(stations)])
    kerbs = reach.kerb_sites(lonlat(demand), demand["weight"].to_numpy(), known, radius)
    kind = KINDS["kerb"]
    rows = {
        "id": [f"kerb-{number}" for number in range(1, len(kerbs) + 1)],
        "name": "",
        "kind": kind.name,
        "room": kind.room,
        "lon": kerbs[:, 0],
        "lat": kerbs[:, 1],
    }
    tables = [table for table in (sites, _priced(pd.DataFrame(rows))) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else sites


def _reached(
    demand: pd.DataFrame, sites: list[pd.DataFrame], reach: Reach, radius: float, counts: Counter[str]
) -> pd.DataFrame:
    """Choose the demand points that any site reaches within the radius."""
    without = reach.unreached(lonlat(demand), np.concatenate([lonlat(table) for table in sites]), radius)
    return _kept(demand, ~without, "demand without sites", counts)


def _on_roads(sites: pd.DataFrame, reach: Reach, counts: Counter[str]) -> pd.DataFrame:
    """Move sites to the nearest road, and leave out those far from any."""
    near = _near(sites, reach, LONGEST_LEG, "sites", counts)
    lon, lat = reach.ahead(lonlat(near)).T
    return near.assign(lon=lon, lat=lat)


def _corridors(
    roads: Roads, keep: npt.NDArray[np.bool_], sites: list[pd.DataFrame], counts: Counter[str]
) -> gpd.GeoDataFrame:
    """Draw the corridors that sites can enter."""
    pieces = corridor_pieces(roads, keep)
    if pieces.empty:
        return pieces
    kept = entered(pieces, np.concatenate([lonlat(table) for table in sites]))
    counts["corridor pieces without sites"] = int((~kept).sum())
    return gpd.GeoDataFrame(pieces[kept].reset_index(drop=True), crs=WGS84)
