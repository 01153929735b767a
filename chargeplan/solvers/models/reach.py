"""Who can be served within a radius, as a set covering: the question behind the distance models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chargeplan.solvers.models.covering import CoveringModel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


def reach_model(near: csr_array, opened: NDArray[np.bool_], closed: NDArray[np.bool_]) -> CoveringModel:
    """Ask for the fewest stations that serve every demand point within a radius.

    Parameters
    ----------
    near
        (N, M) bool, which sites lie within the radius of which demand points.
    opened, closed
        (M,) bool, sites whose state is given.

    Returns
    -------
    CoveringModel
        Set covering with unit costs.
    """
    rows, sites = near.shape
    return CoveringModel(
        coverage=near,
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
