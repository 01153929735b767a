"""The electricity grid as chargers meet it: substations with kW to spare, and which site draws on which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chargeplan.kernels import nearest_sites, paired_distances
from chargeplan.prepare import columns
from chargeplan.prepare.features import positions
from chargeplan.prepare.points import Columns
from chargeplan.units import format_count

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.features import Features
    from chargeplan.prepare.points import Sites
    from chargeplan.scenario import GridLayer


@dataclass(frozen=True, eq=False)
class Substations(Columns):
    """Substations or feeders.

    Parameters
    ----------
    ids
        (S,) str.
    positions
        (S, 2) longitude, latitude in degrees, WGS-84.
    spare_kw
        (S,) what each has left for new chargers, in kW; inf where it is not stated.
    """

    ids: npt.NDArray[np.object_]
    positions: npt.NDArray[np.float64]
    spare_kw: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Substations, and which of them every site draws on.

    Parameters
    ----------
    substations
        All of them.
    of_site
        (M,) the substation of each site.
    distance_m
        (M,) metres to it in a straight line on the ellipsoid.

    The arrays are read-only.
    """

    substations: Substations
    of_site: npt.NDArray[np.int64]
    distance_m: npt.NDArray[np.float64]


def read_substations(layer: GridLayer, features: Features) -> Substations:
    """Turn the grid's layer into substations, noting what is wrong in the features' faults."""
    return Substations(
        ids=columns.ids(features, layer.id),
        positions=positions(features.frame),
        spare_kw=columns.numbers(features, layer.spare_kw, "spare_kw", np.inf, blank=np.inf),
    )


def note_unknown(substations: Substations, sites: Sites, features: Features, column: str) -> None:
    """Note every substation that sites of a layer name and that there is not, at the first row that does.

    Parameters
    ----------
    substations
        All of them.
    sites, features
        A layer's sites, and its features, whose faults are added to.
    column
        The column that names substations.
    """
    known = {"", *substations.ids}
    lost = pd.Series(sites.substation).groupby(sites.substation, sort=False).indices
    for name, rows in lost.items():
        if name not in known:
            others = f" and {format_count(len(rows) - 1, 'other site')}" if len(rows) > 1 else ""
            says = f"[grid] has no substation {name!r}, named by {sites.ids[rows[0]]}{others}"
            features.faults.add(says, row=int(features.rows[rows[0]]), column=column)


def connect(substations: Substations, sites: Sites) -> Grid:
    """Have every site draw on the substation that it names, else on the nearest.

    Parameters
    ----------
    substations, sites
        All of them; sites name none that there is not.
    """
    place = {name: at for at, name in enumerate(substations.ids)}
    of_site = nearest_sites(sites.positions, substations.positions)[0][:, 0].astype(np.int64)
    named = np.flatnonzero(sites.substation != "")
    of_site[named] = [place[name] for name in sites.substation[named]]
    distance = paired_distances(sites.positions, substations.positions[of_site])
    for column in (of_site, distance):
        column.flags.writeable = False
    return Grid(substations, of_site, distance)
