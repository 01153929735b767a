"""plan.json: what it holds, checked, with a JSON schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A part of plan.json: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StationCount(Record):
    """How many stations are open."""

    selected: int = Field(description="new ones, required sites included")
    existing: int = Field(description="kept ones")
    closed: int = Field(default=0, description="existing ones that are given up, which are not open")
    total: int


class StandardRecord(Record):
    """What the plan achieves of one service standard."""

    radius_m: float
    metric: Literal["geodesic", "road", "euclidean", "matrix"]
    strict: bool = Field(description="true: less than the radius; false: at most")
    required: bool = Field(description="false: an aim")
    stations: int = Field(description="how many stations have to serve a demand point; 2 is a backup")
    target_share: float
    demand_points: int
    weight: float
    weight_covered: float
    share: float
    area_share: float | None = Field(description="of the area within the radius; null where no area is given")
    max_distance_m: float | None = Field(
        description="from the farthest demand point to the last of the stations it needs; "
        "null where one is out of reach"
    )
    met: bool


class AuditRecord(Record):
    """What the audit, which trusts nothing of the solver, says of the plan."""

    agrees: bool
    disagreements: list[str]
    standards: dict[str, dict[str, Any]]
    corridors: dict[str, Any] = Field(description="longest stretch between stations, by corridor standard")


class InfeasibleRecord(Record):
    """Why the required standards cannot be met, and what would make it possible."""

    reasons: list[str]
    uncoverable: dict[str, int] = Field(
        description="demand points that no permitted sites can serve, by standard"
    )
    radius_needed_m: dict[str, float | None] = Field(
        description="smallest radius at which these sites, all open, keep each required standard; "
        "one that says less than its radius needs more than this; null where no radius would do"
    )
    limit: float | None = Field(
        description="the number of stations or the budget asked for, where that is too small"
    )
    limit_needed: float | None = Field(description="a number or budget that is known to do")
    limit_at_least: float | None = Field(
        default=None, description="no smaller number or budget does: proven; equal to limit_needed: the least"
    )


class RuleRecord(Record):
    """What a rule of ``[[mix]]`` asks, and what the plan has."""

    asked: str
    chargers: int = Field(description="those that the rule counts")
    met: bool


class SubstationRecord(Record):
    """What the new chargers draw at a substation."""

    spare_kw: float | None = Field(description="null where no limit is stated")
    drawn_kw: float = Field(description="kW of the new chargers times the simultaneity factor")
    stations: int


class DistrictRecord(Record):
    """The chargers of a district, at stations and at homes."""

    chargers: dict[str, int] = Field(description="by type")
    weight: float = Field(description="of the demand layer that charges, all of it")
    vehicles: float | None = Field(description="null where [sizing] states no vehicles")
    vehicles_per_charger: float | None


class SizingRecord(Record):
    """How many chargers there are, and what they have to keep."""

    cost: float = Field(description="of the new chargers and their connections, beside `cost`")
    new: dict[str, int] = Field(description="chargers built at stations, by type")
    standing: dict[str, int] = Field(description="chargers that stand already at open stations, by type")
    homes: dict[str, int] = Field(description="chargers at homes, by type")
    optimal: bool = Field(description="whether no cheaper numbers exist for these stations: proven")
    load_kw: float | None = Field(description="mean kW in the busiest hour; null where none is stated")
    lost_kw: float = Field(description="of it, what reaches no station")
    beyond_kw: float = Field(description="of it, what balancing finds no room for")
    wait_s: float
    chance: float = Field(description="of waiting longer than wait_s: at most, as asked")
    worst_chance: float | None = Field(description="at the station where it is greatest")
    worst_station: str | None
    stations_short: int = Field(description="with fewer chargers than their load needs")
    chargers_short: int
    rules: list[RuleRecord]
    substations: dict[str, SubstationRecord]
    districts: dict[str, DistrictRecord]
    required: bool
    met: bool = Field(description="no station is short and every rule is met")


class PeriodStandardRecord(Record):
    """What a service standard asks by the end of a period, and what it gets."""

    asked: float | None = Field(description="share of the weight; null where nothing is asked")
    share: float
    weight: float = Field(description="of all its demand points, grown")
    weight_covered: float
    met: bool | None = Field(description="null where nothing is asked")


class PeriodRecord(Record):
    """What is built in a period, and what there is by its end."""

    name: str
    budget: float | None = Field(description="null for no limit")
    spent: float = Field(description="what the stations opened in it cost")
    carried: float = Field(description="what is left of the budgets for the next period")
    growth: float = Field(description="factor on all weights")
    stations_opened: int
    stations_open: int = Field(description="by its end, existing ones included")
    opened: list[str] = Field(description="ids of the sites")
    closed: list[str] = Field(description="ids of the sites of stations that close again")
    chargers: dict[str, int] = Field(
        default={}, description="by its end at stations, by type, standing ones included"
    )
    chargers_cost: float = Field(default=0.0, description="of those that are built in it, beside `spent`")
    load_kw: float | None = Field(default=None, description="mean kW in its busiest hour")
    chargers_short: int = Field(default=0, description="fewer than its load needs")
    standards: dict[str, PeriodStandardRecord]


class InputRecord(Record):
    """An input file."""

    name: str
    sha256: str


class Provenance(Record):
    """Where the plan came from."""

    inputs: list[InputRecord]
    scenario: dict[str, Any]
    seed: int
    threads: int
    backend: str
    versions: dict[str, str]
    command: str | None


class PlanRecord(Record):
    """The whole of plan.json, but for `files`, which the plan folder adds."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    name: str
    title: str
    source: str
    sense: Literal["min", "max"]
    status: Literal["optimal", "feasible", "infeasible", "stopped"]
    rest_status: Literal["optimal", "feasible", "stopped"] | None = Field(
        description="when infeasible: how the plan for the rest ended; "
        "objective, bound and gap are then the rest's"
    )
    objective: float | None = Field(
        description="what [objective] counts: cost, stations or weight; for distances and separation, metres"
    )
    bound: float | None = Field(description="no plan is proven to be better than that, in the same unit")
    gap: float | None
    bound_kind: Literal["dual-certificate", "block-certificate", "backend"] | None
    stations: StationCount
    chargers: dict[str, int] = Field(description="by type, standing ones and those at homes included")
    sizing: SizingRecord | None = Field(default=None, description="null where no chargers are asked for")
    cost: float = Field(
        description="in the scenario's currency: of the selected stations, and what it takes to keep the "
        "existing ones and to close the others"
    )
    standards: dict[str, StandardRecord]
    periods: list[PeriodRecord] = Field(
        default=[], description="in their order; what is said elsewhere is said of the end of the last one"
    )
    infeasible: InfeasibleRecord | None
    audit: AuditRecord | None
    seconds: dict[str, float] = Field(description="by stage; the only figures that differ between equal runs")
    reproducible: bool = Field(description="false when the clock or a person cut the run")
    not_planned: list[str] = Field(description="what the scenario asks that this release does not plan yet")
    warnings: list[str] = Field(description="what is doubtful of the inputs or of the answer")
    notes: list[str] = Field(
        default=[], description="how much of what was read is kept, put together or left out, and why"
    )
    provenance: Provenance
    files: dict[str, str] = Field(default={}, description="SHA-256 of every other file of the folder")

    @property
    def counts(self) -> str:
        """What the objective is about, in the scenario's word, such as ``"cost"``."""
        asked = self.provenance.scenario["objective"]
        return str(asked.get("minimise") or asked.get("maximise"))


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of plan.json; it ships as ``chargeplan/plan/plan.schema.json`` too."""
    schema = PlanRecord.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
