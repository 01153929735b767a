"""Build the Porto Alegre scenario: real roads, people by hexagon, a candidate site for every hexagon.

::

    python -m chargeplan.instances.porto_alegre.build [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from chargeplan.prepare.osm import build, folder

HERE = Path(__file__).resolve().parent
SITES = (
    "Candidate sites are the hexagons' centres, moved to the nearest road; all cost the same, and what is "
    "asked is the least number of stations. They are places on the road graph, not parking lots. No charging "
    "station is known to the extract: the plan is greenfield."
)
SOURCES = (
    "Roads and hexagons are sample data of ipeaGIT/r5r (MIT License); the hexagons are cells of H3, "
    "resolution 9."
)


def hexagon_sites(file: Path) -> pd.DataFrame:
    """Make a candidate site of every hexagon, whether anybody lives there or not."""
    hexagons = pd.read_csv(file)
    return pd.DataFrame(
        {
            "id": "site-" + hexagons["id"],
            "name": "",
            "kind": "hexagon",
            "cost": 1,
            "room": "",
            "lon": hexagons["lon"],
            "lat": hexagons["lat"],
        }
    )


def main() -> None:
    """Build the scenario, write it and print the sizes of its files."""
    parser = argparse.ArgumentParser(description="Build the Porto Alegre scenario from its sources.")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: the package's own)"
    )
    out = parser.parse_args().out
    hexagons = HERE / "sources" / "poa_hexgrid.csv"
    request = build.Request(
        osm=HERE / "sources" / "poa_osm.pbf", name="porto_alegre", population=hexagons, place="Porto Alegre"
    )
    built = build.build(request, hexagon_sites(hexagons))
    print(folder.write(out, request, built, [SITES, SOURCES]))  # noqa: T201 - a program's report


if __name__ == "__main__":
    main()
