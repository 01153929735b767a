"""Existing charging stations of any source, in one table.

================  ============================================================================
`schema`          the table's columns, and how a source's stations become it
`plugs`           connectors by one name each, with kW and number; as text and back
`records`         records of a file, read field by field; every fault is noted
`openstreetmap`   features tagged `amenity=charging_station`
`openchargemap`   Open Charge Map's JSON
`ocpi`            Locations of OCPI 2.1.1 and 2.2, JSON
`tables`          the US AFDC's CSV, Shenzhen's UrbanEV table, and any table whose columns are told
`wanted`          what counts: public, open day and night, a connector, least kW and ports
`same`            the same station from two sources: found, counted, merged on request
================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chargeplan.prepare.existing.ocpi import read_ocpi
    from chargeplan.prepare.existing.openchargemap import read_open_charge_map
    from chargeplan.prepare.existing.openstreetmap import stations_of_openstreetmap
    from chargeplan.prepare.existing.same import SameStation, join, merge, same_stations
    from chargeplan.prepare.existing.schema import flat
    from chargeplan.prepare.existing.tables import URBANEV, read_afdc, read_station_table
    from chargeplan.prepare.existing.wanted import Wanted, keep

__all__ = [
    "URBANEV",
    "SameStation",
    "Wanted",
    "flat",
    "join",
    "keep",
    "merge",
    "read_afdc",
    "read_ocpi",
    "read_open_charge_map",
    "read_station_table",
    "same_stations",
    "stations_of_openstreetmap",
]

_HOMES = {
    "SameStation": "same",
    "URBANEV": "tables",
    "Wanted": "wanted",
    "flat": "schema",
    "join": "same",
    "keep": "wanted",
    "merge": "same",
    "read_afdc": "tables",
    "read_ocpi": "ocpi",
    "read_open_charge_map": "openchargemap",
    "read_station_table": "tables",
    "same_stations": "same",
    "stations_of_openstreetmap": "openstreetmap",
}


if not TYPE_CHECKING:  # lazy (PEP 562): each source loads what it needs

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        if name not in _HOMES:
            raise AttributeError(f"module 'chargeplan.prepare.existing' has no attribute {name!r}")
        value = getattr(import_module(f"chargeplan.prepare.existing.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
