"""The committed sources of the layers, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

CITIES = {"长沙市": "Changsha", "株洲市": "Zhuzhou", "湘潭市": "Xiangtan"}


@dataclass(frozen=True)
class Sources:
    """What `sources/` holds.

    Parameters
    ----------
    districts
        Polygons with `adcode`, `name`, `name_zh`, `city`, `people`, `city_share`, `central`.
    centres
        Urban centres of the density model: `weight`, `spread_km`, `lon`, `lat`.
    places
        Towns of GeoNames: `geonameid`, `name`, `name_zh`, `lon`, `lat`.
    metro
        Metro stations, each once: `station`, `lon`, `lat`, in the datum of the file (GCJ-02).
    waypoints
        Way-points of the corridors, in order: `ref`, `name`, `place`, `lon`, `lat`.
    """

    districts: gpd.GeoDataFrame
    centres: pd.DataFrame
    places: pd.DataFrame
    metro: pd.DataFrame
    waypoints: pd.DataFrame

    @property
    def cities(self) -> gpd.GeoDataFrame:
        """One polygon per `city`."""
        return self.districts[["city", "geometry"]].dissolve("city").reset_index()


def read(folder: Path) -> Sources:
    """Read the sources from their folder."""
    metro = pd.read_csv(folder / "changsha_metro_stations.csv").drop_duplicates("station")
    waypoints = pd.read_csv(folder / "corridors.csv").sort_values(["ref", "seq"], kind="stable")
    return Sources(
        districts=_districts(folder),
        centres=_table(folder / "centres.csv"),
        places=_places(folder / "places.geojson"),
        metro=metro.reset_index(drop=True),
        waypoints=waypoints.rename(columns={"longitude": "lon", "latitude": "lat"}),
    )


def _table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype={"adcode": str})


def _districts(folder: Path) -> gpd.GeoDataFrame:
    """Put the published people and the model's shares beside the polygons."""
    polygons = gpd.read_file(folder / "districts.geojson")[["adcode", "city", "district", "geometry"]]
    published = _table(folder / "population_2020.csv")[["adcode", "population"]]
    table = polygons.merge(published, on="adcode", validate="1:1")
    table = table.merge(_table(folder / "shares.csv"), on="adcode", validate="1:1")
    table["city"] = table["city"].map(CITIES)
    return table.rename(columns={"district": "name_zh", "population": "people"})


def _places(file: Path) -> pd.DataFrame:
    places = gpd.read_file(file)
    return pd.DataFrame(
        {
            "geonameid": places["geonameid"].astype(str),
            "name": places["name"],
            "name_zh": places["name_zh"].fillna(""),
            "lon": places.geometry.x,
            "lat": places.geometry.y,
        }
    )
