"""Which sites can serve which demand points of a standard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.sparse import csr_array

from chargeplan import kernels

if TYPE_CHECKING:
    from chargeplan.problem import Sites, Standard


def cover(standard: Standard, sites: Sites) -> csr_array:
    """Find the sites within a standard's radius of its demand points.

    Parameters
    ----------
    standard
        Its points, radius and metric.
    sites
        All sites, whatever their status.

    Returns
    -------
    csr_array
        (N, M) bool.
    """
    if standard.access is not None:
        access = standard.access
        return kernels.road_coverage(
            access.graph, access.demand, access.sites, standard.radius, strict=standard.strict
        )
    if standard.matrix is not None:
        return _within(standard.matrix, standard.radius, strict=standard.strict)
    return kernels.coverage(
        standard.points.positions, sites.positions, standard.radius, strict=standard.strict
    )


def _within(distance: csr_array, radius: float, *, strict: bool) -> csr_array:
    """Keep the pairs of a distance table that lie within the radius; a distance of 0 is an entry too."""
    near = distance.data < radius if strict else distance.data <= radius
    table = distance.tocoo()
    return csr_array((near[near], (table.coords[0][near], table.coords[1][near])), shape=distance.shape)
