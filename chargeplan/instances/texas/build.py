"""Build the layers of the Texas instance from its sources: ids are made, columns chosen, nothing is modelled.

::

    python -m chargeplan.instances.texas.build [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
CODES = {"STATEFP": 2, "COUNTYFP": 3, "TRACTCE": 6, "BLKGRPCE": 1}  # digits of each part of the FIPS code


def block_groups(source: Path) -> pd.DataFrame:
    """Read the block groups: FIPS code, id as a candidate site, position, people of 2010."""
    table = pd.read_csv(source)
    fips = pd.Series("", index=table.index)
    for column, digits in CODES.items():
        fips += table[column].astype(str).str.zfill(digits)
    return pd.DataFrame(
        {
            "id": fips,
            "site": "bg-" + fips,
            "lon": table["LONGITUDE"],
            "lat": table["LATITUDE"],
            "people": table["POPULATION"],
        }
    )


def stations(source: Path) -> pd.DataFrame:
    """Read the existing stations, all of them: some stand at the same position under two ids."""
    table = pd.read_csv(source, dtype={"id": str, "zip": str})
    return table.assign(id="afdc-" + table["id"])[["id", "lon", "lat", "name", "zip"]]


def main() -> None:
    """Build the layers, write them and print what they hold."""
    parser = argparse.ArgumentParser(description="Build the Texas layers from their sources.")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: the package's own)"
    )
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    people = block_groups(HERE / "sources" / "blockgroups_2010.csv")
    kept = stations(HERE / "sources" / "ev_stations_2022.csv")
    people.to_csv(out / "block_groups.csv", index=False, lineterminator="\n")
    kept.to_csv(out / "stations.csv", index=False, lineterminator="\n", encoding="utf-8")
    shared = kept.duplicated(["lon", "lat"]).sum()
    print(  # noqa: T201 - a program's report
        f"{len(people):,} block groups, {people['people'].sum():,} people; {len(kept):,} existing stations, "
        f"{shared} of them at the position of another"
    )


if __name__ == "__main__":
    main()
