"""Who can be served within a radius, as a set covering: the question behind the distance models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def reach_model(
    distance: NDArray[np.float64],
    radius: float,
    opened: NDArray[np.bool_],
    closed: NDArray[np.bool_],
    *,
    strict: bool = False,
) -> CoveringModel:
    """Ask for the fewest stations that serve every demand point within a radius.

    Parameters
    ----------
    distance
        (N, M).
    radius
        How far a station may be.
    opened, closed
        (M,) bool, sites whose state is given.
    strict
        Whether it has to be less than the radius.

    Returns
    -------
    CoveringModel
        Set covering with unit costs.
    """
    rows, sites = distance.shape
    return CoveringModel(
        coverage=csr_array(distance < radius if strict else distance <= radius),
        need=np.ones(rows, np.int64),
        must=np.ones(rows, np.bool_),
        value=np.zeros(rows),
        group=np.full(rows, -1),
        weight=np.zeros(rows),
        targets=np.empty(0),
        cost=np.ones(sites),
        usage=np.zeros(sites),
        limit=None,
        opened=opened,
        closed=closed,
        maximise=False,
    )
