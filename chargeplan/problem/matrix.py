"""The user's own distance table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

if TYPE_CHECKING:
    import numpy.typing as npt

    from chargeplan.prepare.faults import Faults

_LONG = ["demand", "site", "distance"]


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
        Text. Either columns ``demand``, ``site`` and ``distance``, a row per pair; or a row per demand point,
        its id in the first column, and a column per site, headed by its id, blank where no distance is known.
    faults
        Added to: distances that are not numbers or negative, pairs given twice, ids that are missing.
    """
    rows = np.arange(1, len(table) + 1)
    if list(table.columns) != _LONG:
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


def _strangers(ids: npt.NDArray[np.object_], known: npt.NDArray[np.object_]) -> list[str]:
    return sorted(set(ids) - set(known))
