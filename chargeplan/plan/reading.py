"""A plan read back from its folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from chargeplan.errors import PlanFolderError
from chargeplan.io.plan_folder import read_folder
from chargeplan.plan.answer import Plan, StandardResult
from chargeplan.plan.record import PlanRecord, StandardRecord
from chargeplan.plan.tables import read_table

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import geopandas as gpd


def read_plan(folder: str | os.PathLike[str]) -> Plan:
    """Read a plan from its folder.

    Parameters
    ----------
    folder
        As `Plan.write` left it.

    Returns
    -------
    Plan
        With `problem` None: the scenario's own files are not in the folder.

    Raises
    ------
    PlanFolderError
        The folder is not whole, or not what its plan.json says.
    """
    content, paths = read_folder(folder)
    try:
        record = PlanRecord.model_validate(content)
    except ValidationError as error:
        raise PlanFolderError(f"{folder}: plan.json is not a plan of this release: {error}") from None
    files = {name: path.read_bytes() for name, path in paths.items()}
    sites, demand = read_table(files["sites.geojson"]), read_table(files["demand.geojson"])
    uncoverable = _uncoverable_ids(files)
    place = {site: index for index, site in enumerate(sites["id"].astype(str))}
    standards = tuple(
        _result(name, standard, demand[demand["standard"] == name], place, uncoverable.get(name, set()))
        for name, standard in record.standards.items()
    )
    return Plan(
        record=record,
        problem=None,
        open=sites["status"].isin(["selected", "existing"]).to_numpy(),
        standards=standards,
        certificate=json.loads(files["certificate.json"]),
        folder_files=files,
    )


def _uncoverable_ids(files: Mapping[str, bytes]) -> dict[str, set[str]]:
    if "uncoverable.geojson" not in files:
        return {}
    table = read_table(files["uncoverable.geojson"])
    return {str(name): set(group["id"].astype(str)) for name, group in table.groupby("standard")}


def _result(
    name: str,
    record: StandardRecord,
    demand: gpd.GeoDataFrame,
    place: Mapping[str, int],
    uncoverable: set[str],
) -> StandardResult:
    return StandardResult(
        name=name,
        **record.model_dump(exclude={"demand_points"}),
        covered=demand["covered"].to_numpy(bool),
        station=np.array([place.get(station, -1) for station in demand["station"]], np.int64),
        distance_m=demand["distance_m"].to_numpy(np.float64),
        coverable=~demand["id"].astype(str).isin(uncoverable).to_numpy(),
    )
