"""docs/scenario.md: every key of the scenario file stands in the table of its section, with an example."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from chargeplan import scenario

DOCS = Path(__file__).resolve().parents[2] / "docs" / "scenario.md"
ROW = re.compile(r"\| `(\w+)` \| `([^|]*)` \| ([^|]+) \|")
OF_LAYERS = scenario.NamedLayer.model_fields.keys()
# By what the section's heading names: the model, and the keys that the section of all layers explains.
TABLES = {
    "[[demand]]": scenario.DemandLayer,
    "[people]": scenario.PeopleLayer,
    "[ev]": scenario.EvDemand,
    "[[sites]]": scenario.SiteLayer,
    "[[existing]]": scenario.ExistingLayer,
    "[[candidates]]": scenario.CandidateRule,
    "[kinds.<name>]": scenario.KindOfSite,
    "[[corridors]]": scenario.CorridorLayer,
    "[[areas]]": scenario.AreaLayer,
    "[[exclude]]": scenario.Exclusion,
    "[network]": scenario.RoadLayer,
    "[[standards]]": scenario.StandardSpec,
    "[objective]": scenario.Objective,
    "[[chargers]]": scenario.ChargerType,
    "[[mix]]": scenario.MixRule,
    "[sizing]": scenario.Sizing,
    "[grid]": scenario.GridLayer,
    "[[periods]]": scenario.Period,
    "[phasing]": scenario.Phasing,
    "[solve]": scenario.SolveOptions,
}

pytestmark = pytest.mark.tree


@pytest.fixture(scope="module")
def sections() -> dict[str, dict[str, str]]:
    """The examples by key, by the heading of their section."""
    heads = DOCS.read_text(encoding="utf-8").split("\n## ")[1:]
    return {head.partition("\n")[0]: {key: value for key, value, _ in ROW.findall(head)} for head in heads}


def of_table(sections: dict[str, dict[str, str]], table: str) -> dict[str, str]:
    (found,) = (keys for heading, keys in sections.items() if f"`{table}`" in heading)
    return found


def test_every_table_is_explained() -> None:
    """The list of this test is that of the scenario file."""
    fields = scenario.Scenario.model_fields.keys() - {"schema_version", "name", "title", "source"}
    assert {re.sub(r"\.<name>|\W", "", table) for table in TABLES} == fields


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_table(sections, table) -> None:
    """Each key stands in its section, and no key that there is not."""
    model = TABLES[table]
    general = OF_LAYERS if issubclass(model, scenario.Layer) else set()
    assert model.model_fields.keys() - general <= of_table(sections, table).keys()
    shared = [TABLES[each] for each in TABLES if of_table(sections, each) is of_table(sections, table)]
    assert of_table(sections, table).keys() <= {key for each in shared for key in each.model_fields}


def test_keys_of_every_layer_and_of_the_top(sections) -> None:
    """The two sections that are about no table."""
    assert sections["Keys of every layer"].keys() == OF_LAYERS
    assert sections["Top level"].keys() == {"schema", "name", "title", "source"}


def wrong_keys(model: type[BaseModel], given: dict[str, object]) -> set[object]:
    """The keys whose own values are refused or that are missing; not what a table as a whole lacks."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return {each["loc"][0] for each in error.errors() if each["loc"]}
    return set()


@pytest.mark.parametrize("table", TABLES)
def test_every_example_is_one(sections, table) -> None:
    """An example is TOML, and a value that its key takes, whatever other keys it would need."""
    model = TABLES[table]
    general = sections["Keys of every layer"] if issubclass(model, scenario.Layer) else {}
    for key, text in {**general, **of_table(sections, table)}.items():
        if key in model.model_fields:
            assert key not in wrong_keys(model, tomllib.loads(f"{key} = {text}")), text
