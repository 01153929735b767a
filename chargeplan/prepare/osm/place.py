"""An extract by the name of a place: OSMnx finds its borders, an Overpass server gives what is in them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from chargeplan.errors import InputError
from chargeplan.io.geojson import feature_collection

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

EXTRACT, BORDERS = "extract.osm.pbf", "place.geojson"
_MARGIN = 0.02  # degrees around the borders, for the roads that lead out and back
_KEYS = ("highway", "building", "landuse", "amenity", "shop")


def download(place: str, folder: Path) -> tuple[Path, Path]:
    """Download what OpenStreetMap has of a place.

    Parameters
    ----------
    place
        As one would search for it, such as ``"Vaduz, Liechtenstein"``.
    folder
        Where to; created if need be.

    Returns
    -------
    Path, Path
        The extract, and a layer with the place's borders.

    Raises
    ------
    InputError
        OSMnx or osmium is not installed; the servers cannot be reached, or know no such place.
    """
    if find_spec("osmnx") is None or find_spec("osmium") is None:
        raise InputError("places by name are found by OSMnx: pip install 'chargeplan[osmnx]'")
    osmnx: Any = import_module("osmnx")
    borders, answer = _asked(osmnx, place)
    folder.mkdir(parents=True, exist_ok=True)
    _write(answer, folder / EXTRACT)
    (folder / BORDERS).write_bytes(feature_collection(borders))
    return folder / EXTRACT, folder / BORDERS


def _asked(osmnx: Any, place: str) -> tuple[gpd.GeoDataFrame, bytes]:
    """Ask both servers; whatever goes wrong is said in one message."""
    requests: Any = import_module("requests")
    try:
        borders = osmnx.geocode_to_gdf(place)[["geometry"]]
        answer = requests.post(
            f"{osmnx.settings.overpass_url.rstrip('/')}/interpreter",
            data={"data": _query(borders.total_bounds, osmnx.settings.requests_timeout)},
            headers={"User-Agent": osmnx.settings.http_user_agent},
            timeout=osmnx.settings.requests_timeout,
        )
        answer.raise_for_status()
    except OSError as error:  # of requests: no network, no such host, a server that says no
        reason = type(error).__name__
        says = f"{place!r} needs a network, and the servers of OpenStreetMap cannot be reached ({reason}); "
        raise InputError(f"{says}without one, give an extract: --osm FILE") from None
    except (TypeError, ValueError) as error:  # of OSMnx: the answer is no place, or no area
        raise InputError(f"{place!r} is not found as an area: {error}") from None
    return borders, answer.content


def _query(bounds: Any, seconds: float) -> str:
    """Write a query of the Overpass language for what a scenario is made of."""
    west, south, east, north = bounds
    box = f"({south - _MARGIN:.6f},{west - _MARGIN:.6f},{north + _MARGIN:.6f},{east + _MARGIN:.6f})"
    things = "".join(f'nwr["{key}"]{box};' for key in _KEYS)
    return f"[out:xml][timeout:{seconds:.0f}];({things});(._;>;);out meta;"


def _write(answer: bytes, file: Path) -> None:
    import osmium  # noqa: PLC0415 - an extra

    try:
        with osmium.SimpleWriter(file, overwrite=True) as writer:
            for thing in osmium.FileProcessor(osmium.io.FileBuffer(answer, "osm")):
                writer.add(thing)
    except RuntimeError as error:
        file.unlink(missing_ok=True)
        raise InputError(f"the answer of the Overpass server cannot be read: {error}") from None
