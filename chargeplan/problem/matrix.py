"""The user's own distance table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from chargeplan.prepare.polylines import geodesic

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.faults import Faults

_LONG = ["demand", "site", "distance"]
_FEWEST, _MOST = 20, 10_000  # pairs of which anything is said, and that are looked at
_SHORT = 0.4  # of the straight distance, in the middle: what is shorter is no way in metres


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between ids, pair by pair.

    Parameters
    ----------
    demand, site
        (P,) str.
    metres
        (P,) metres.
    """

    demand: npt.NDArray[np.object_]
    site: npt.NDArray[np.object_]
    metres: npt.NDArray[np.float64]


def read_distances(table: pd.DataFrame, faults: Faults) -> Distances:
    """Read a table of distances.

    Parameters
    ----------
    table
        Text. Either columns ``demand``, ``site`` and ``distance``, among others, a row per pair; or a row per
        demand point, its id in the first column, and a column per site, headed by its id, blank where no
        distance is known.
    faults
        Added to: distances that are not numbers or negative, pairs given twice, ids that are missing.
    """
    rows = np.arange(1, len(table) + 1)
    if not set(_LONG) <= set(table.columns):
        first = table.columns[0]
        table = table.assign(row=rows).melt(id_vars=[first, "row"], var_name="site", value_name="distance")
        table = table[table["distance"].notna()].rename(columns={first: "demand"})
        rows = table["row"].to_numpy()
    metres = pd.to_numeric(table["distance"], errors="coerce").to_numpy(dtype=np.float64)
    texts = table["distance"].to_numpy(dtype=object)
    wrong = ~(metres >= 0) | np.isinf(metres)
    faults.add_rows(wrong, rows, lambda at: f"{texts[at]!r} is no distance in metres", column="distance")
    for name in ("demand", "site"):
        faults.add_rows(table[name].isna().to_numpy(), rows, lambda _: "the id is missing", column=name)
    twice = table.duplicated(["demand", "site"]).to_numpy()
    faults.add_rows(twice, rows, lambda _: "this pair was given before")
    return Distances(table["demand"].to_numpy(dtype=object), table["site"].to_numpy(dtype=object), metres)


def arrange(
    given: Distances,
    demand: npt.NDArray[np.object_],
    sites: npt.NDArray[np.object_],
    layer: npt.NDArray[np.object_],
) -> tuple[csr_array, dict[str, list[str]]]:
    """Arrange distances by demand points and sites.

    Parameters
    ----------
    given
        The distances.
    demand, sites
        (N,) and (M,) ids.
    layer
        The ids of the whole demand layer, of which the standard may have selected some.

    Returns
    -------
    csr_array
        (N, M) metres; stored are the pairs that were given, those of 0 m as well.
    dict
        The ids of either kind that no layer knows.
    """
    row = pd.Index(demand).get_indexer(pd.Index(given.demand))
    column = pd.Index(sites).get_indexer(pd.Index(given.site))
    known = (row >= 0) & (column >= 0)
    unknown = {
        "demand point": _strangers(given.demand, layer),
        "site": _strangers(given.site, sites),
    }
    pairs = (given.metres[known], (row[known], column[known]))
    return csr_array(coo_array(pairs, shape=(len(demand), len(sites)))), unknown


def too_short(
    table: csr_array, demand: npt.NDArray[np.float64], sites: npt.NDArray[np.float64]
) -> str | None:
    """Say so where distances are far shorter than a straight line, as those in km or minutes are.

    Parameters
    ----------
    table
        (N, M) metres.
    demand, sites
        (N, 2) and (M, 2) longitude, latitude in degrees.
    """
    pairs = table.tocoo()
    some = np.linspace(0, pairs.nnz - 1, min(pairs.nnz, _MOST)).astype(np.int64)
    row, column = (axis[some] for axis in pairs.coords)
    straight = geodesic(demand[row], sites[column])
    apart = straight > 1.0
    if apart.sum() < _FEWEST:
        return None
    ratio = float(np.median(pairs.data[some][apart] / straight[apart]))
    if ratio >= _SHORT:
        return None
    return f"its distances are {ratio:.3g} times the straight ones (median): they must be metres"


def _strangers(ids: npt.NDArray[np.object_], known: npt.NDArray[np.object_]) -> list[str]:
    return sorted(set(ids) - set(known))
