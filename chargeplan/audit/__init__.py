"""Is it true? What a set of stations achieves, and whether a plan says so, with no kernel and no solver.

==================  ===================================================================
`geodesic`          distances on the ellipsoid by pyproj
`road`              distances by road by SciPy's Dijkstra
`exact`             weights, shares and proven bounds in exact fractions
`stations`          the stations of a layer or a mask
`station_costs`     what building, keeping and closing stations costs
`measure`           the audit of a set of stations
`spacing`           the longest stretches between the stations of a corridor
`certificate`       the bound that a dual certificate proves
`certificate_file`  certificate.json, every entry checked
`blocks`            what the blocks of a block certificate add up to
`reprove`           every block proven again, by whatever prover the caller brings
`pairs`             pairs of demand points and sites, measured
`placing`           what plans of distances achieve, and the bounds that their certificates prove
`charging`          chargers, counted and measured again
`allocating`        who serves whom, and the bounds of plans where that matters
`periods`           who opens when, what that costs and what each period achieves
`claims`            a plan's own figures against an audit
==================  ===================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chargeplan.audit.certificate import certified_bound
    from chargeplan.audit.claims import check_plan
    from chargeplan.audit.measure import audit
    from chargeplan.audit.report import AuditedStandard, AuditReport, CorridorGap

__all__ = ["AuditReport", "AuditedStandard", "CorridorGap", "audit", "certified_bound", "check_plan"]

_HOMES = {
    "AuditReport": "report",
    "AuditedStandard": "report",
    "CorridorGap": "report",
    "audit": "measure",
    "certified_bound": "certificate",
    "check_plan": "claims",
}


if not TYPE_CHECKING:  # lazy (PEP 562), since `import chargeplan` imports this package

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        if name not in _HOMES:
            raise AttributeError(f"module 'chargeplan.audit' has no attribute {name!r}")
        value = getattr(import_module(f"chargeplan.audit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
