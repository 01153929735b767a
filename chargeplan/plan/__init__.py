"""What is answered: the stations, who is served by what, how good that provably is, and its sources."""

from __future__ import annotations

from chargeplan.plan.answer import Plan, StandardResult
from chargeplan.plan.reading import read_plan
from chargeplan.plan.record import PlanRecord

__all__ = ["Plan", "PlanRecord", "StandardResult", "read_plan"]
