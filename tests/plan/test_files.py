"""What a plan folder holds, read by other people's programs."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files

import geopandas as gpd
import pytest
import shapely
from geojson_pydantic import FeatureCollection
from pydantic import TypeAdapter

from chargeplan.plan.record import PlanRecord, json_schema

LAYERS = ("sites", "demand", "coverage", "uncoverable")


@pytest.fixture
def plan(written):
    """What plan.json says."""
    return json.loads((written / "plan.json").read_text(encoding="utf-8"))


def test_the_folder_holds_what_it_names(written, plan):
    """Every file is named in plan.json, and no other is there."""
    expected = {f"{name}.geojson" for name in LAYERS} | {"certificate.json", "map.png"}
    assert set(plan["files"]) == expected
    assert {path.name for path in written.iterdir()} == expected | {"plan.json"}


def test_plan_json_is_as_its_schema_says(plan):
    """The model behind the published schema takes it strictly and unchanged; its keys are the schema's."""
    record = PlanRecord.model_validate_json(json.dumps(plan), strict=True)
    assert record.model_dump(mode="json", by_alias=True) == plan
    schema = json_schema()
    assert list(schema["properties"]) == list(plan)
    assert schema["additionalProperties"] is False
    used = {definition["title"] for definition in schema["$defs"].values()}
    assert {"StandardRecord", "AuditRecord", "InfeasibleRecord", "Provenance"} <= used


def test_the_schema_that_ships_is_current():
    """The file in the package is what the model says; write it anew with json_schema() when this fails."""
    shipped = files("chargeplan.plan").joinpath("plan.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == json_schema()


def test_plan_json_is_valid_by_the_shipped_schema(plan):
    """Another program's validator takes the plan, and refuses one with a key too few or of another type."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    assert not list(validator.iter_errors(plan))
    assert list(validator.iter_errors({**plan, "cost": "much"}))
    assert list(validator.iter_errors({key: value for key, value in plan.items() if key != "status"}))


@pytest.mark.parametrize("name", LAYERS)
def test_geojson(written, name):
    """RFC 7946: valid, no `crs`, at most 7 decimals, exterior rings against the clock and holes with it."""
    text = (written / f"{name}.geojson").read_text(encoding="utf-8")
    TypeAdapter(FeatureCollection).validate_json(text)
    content = json.loads(text)
    assert "crs" not in content
    assert content["features"]
    for feature in content["features"]:
        assert feature["id"] == feature["properties"]["id"]
        shape = shapely.geometry.shape(feature["geometry"])
        assert (shapely.get_coordinates(shape).round(7) == shapely.get_coordinates(shape)).all()
        for polygon in shape.geoms if shape.geom_type == "MultiPolygon" else ():
            assert polygon.exterior.is_ccw
            assert not any(hole.is_ccw for hole in polygon.interiors)


@pytest.mark.parametrize("name", LAYERS)
def test_geopandas_reads_it(written, plan, name):
    """The rows, columns and CRS are those of the design."""
    table = gpd.read_file(written / f"{name}.geojson")
    assert table.crs == "EPSG:4326"
    columns = {
        "sites": ["id", "status", "kind", "cost"],
        "demand": ["id", "weight", "standard", "radius_m", "covered", "station", "distance_m"],
        "coverage": ["id", "standard", "radius_m"],
        "uncoverable": ["id", "standard", "required", "weight"],
    }
    assert table.columns.drop("geometry").tolist() == columns[name]
    points = sum(standard["demand_points"] for standard in plan["standards"].values())
    assert len(table) == {"sites": 20, "demand": points, "coverage": 1}.get(name, len(table))
    if name == "demand":
        assert set(table["station"].dropna()) <= set(gpd.read_file(written / "sites.geojson")["id"])
        for standard, figures in plan["standards"].items():
            rows = table[table["standard"] == standard]
            assert rows.loc[rows["covered"], "weight"].sum() == pytest.approx(figures["weight_covered"])
    if name == "uncoverable":
        assert table.set_index("id").loc["湘 <far>", ["standard", "required", "weight"]].tolist() == [
            "urban",
            True,
            5.0,
        ]


def test_service_areas_hold_the_served(written, plan):
    """The area of a standard in a straight line holds what it serves and nothing else, up to 0.2 %."""
    area = gpd.read_file(written / "coverage.geojson").geometry.iloc[0]
    demand = gpd.read_file(written / "demand.geojson")
    demand = demand[demand["standard"] == "urban"]
    on_the_edge = (demand["distance_m"] - demand["radius_m"]).abs() < 0.002 * demand["radius_m"]
    inside = demand.geometry.within(area)
    assert (inside == demand["covered"])[~on_the_edge].all()


@pytest.mark.system("ogrinfo")
@pytest.mark.parametrize("name", LAYERS)
def test_ogrinfo_reads_it(written, name):
    """GDAL's own program counts the features, finds WGS-84 and complains of nothing."""
    file = written / f"{name}.geojson"
    done = subprocess.run(["ogrinfo", "-so", "-al", str(file)], capture_output=True, text=True, check=True)
    assert f"Feature Count: {len(json.loads(file.read_bytes())['features'])}" in done.stdout
    assert "WGS 84" in done.stdout
    assert done.stderr == ""


def test_the_map_is_a_picture(written):
    """map.png is a PNG of a size worth looking at."""
    content = (written / "map.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) > 10_000
