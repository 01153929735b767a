"""Bounds that a second solver can check: rows in blocks, every site's price shared among its blocks.

With multipliers lambda >= 0 on the targets and mu >= 0 on the limit, an open site costs
``cost_j + mu usage_j`` and a row that need not hold is worth ``value_i + lambda_k weight_i`` when it does (a
maximising model is minimised with its values negated). Each price is split into shares, one for every block
of rows that pays the site, none negative, adding up to the price at most. Then every plan costs at least::

    sum_k lambda_k target_k - mu limit + sum_{opened} price_j - sum_{rows in no block} worth_i
      + sum_b min (what block b pays at its shares - worth of its rows that hold)

Rows that must hold and are in no block are let go. Whether the shares add up is plain arithmetic; that a
block cannot be done for less is proven by solving it (`BlockCertificate.reprove`). Prices and worths are
whole numbers in units of 2^-scale, rounded to the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, hstack

from chargeplan.errors import InputError, WrongAnswer
from chargeplan.solvers import exact
from chargeplan.solvers.backends.base import Hooks
from chargeplan.solvers.matrix import MatrixModel
from chargeplan.solvers.solution import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chargeplan.solvers.backends.base import Backend
    from chargeplan.solvers.models.covering import CoveringModel

_NOISE = 1e-4  # of a unit, in what a backend says of a whole objective


@dataclass(frozen=True)
class Prices:
    """What sites cost and rows are worth once the coupling rows are paid for.

    Parameters
    ----------
    site
        (M,) int64 price of an open site.
    row
        (N,) int64 worth of a row that holds, 0 for rows that must.
    constant
        What every plan pays whatever it opens.
    """

    site: NDArray[np.int64]
    row: NDArray[np.int64]
    constant: int


def price(model: CoveringModel, scale: int, targets: NDArray[np.float64], limit: float) -> Prices:
    """Price a model's sites and rows, rounded so that no plan is made dearer.

    Parameters
    ----------
    model
        The model.
    scale
        Prices are in units of ``2.0**-scale``.
    targets, limit
        (K,) and scalar multipliers, not negative.

    Returns
    -------
    Prices
        In whole units.
    """
    unit = 2.0**scale
    worth = np.ceil(model.value * unit) if model.maximise else np.zeros(model.need.size)
    grouped = model.group >= 0
    worth[grouped] += np.ceil(_outward(targets[model.group[grouped]] * unit, model.weight[grouped], np.inf))
    worth[model.must] = 0.0
    site = np.floor(_outward(np.float64(limit * unit), model.usage, -np.inf))
    if not model.maximise:
        site += np.floor(model.cost * unit)
    constant = int(np.floor(_outward(targets * unit, model.targets, -np.inf)).sum())
    if model.limit is not None:
        constant -= int(np.ceil(_outward(np.float64(limit * unit), np.float64(model.limit), np.inf)))
    return Prices(site.astype(np.int64), worth.astype(np.int64), constant)


def _outward(
    multiplier: NDArray[np.float64] | np.float64, factor: NDArray[np.float64] | np.float64, towards: float
) -> NDArray[np.float64]:
    """Product, stepped to the safe side by one unit in the last place unless it is 0."""
    product = np.multiply(multiplier, factor)
    return np.where(product == 0.0, 0.0, np.nextafter(product, towards))


@dataclass(frozen=True)
class BlockCertificate:
    """Blocks, shares and multipliers that prove a bound.

    Parameters
    ----------
    scale
        Shares and bounds are in units of ``2.0**-scale``.
    block
        (N,) int64 block of every original row, -1 for none.
    targets, limit
        (K,) and scalar multipliers; floats, taken as exact.
    site, part, share
        (E,) int64: what an open site pays in a block. A site that is not named pays nothing there.
    bounds
        (B,) int64 what is proven of each block.
    backend
        Who proved them.
    """

    scale: int
    block: NDArray[np.int64]
    targets: NDArray[np.float64]
    limit: float
    site: NDArray[np.int64]
    part: NDArray[np.int64]
    share: NDArray[np.int64]
    bounds: NDArray[np.int64]
    backend: str = exact.BACKEND

    def bound(self, model: CoveringModel) -> float:
        """Add up what is proven, once arithmetic finds the shares in order.

        Parameters
        ----------
        model
            The model, in its original rows and sites.

        Returns
        -------
        float
            A lower bound when minimising, an upper bound when maximising, if every block's bound is true;
            rounded to an integer where every objective is one.

        Raises
        ------
        WrongAnswer
            Shares are negative or add up to more than a price; blocks, sites or multipliers are not there.
        """
        prices = price(model, self.scale, self.targets, self.limit)
        self._check(model, prices)
        total = prices.constant + int(prices.site[model.opened].sum()) + sum(self.bounds.tolist())
        loose = (self.block < 0) & ~model.must & ~model.unreachable()
        return as_objective(model, total - int(prices.row[loose].sum()), self.scale)

    def _check(self, model: CoveringModel, prices: Prices) -> None:
        n_sites, n_blocks = model.cost.size, self.bounds.size
        faults = {
            "rows": self.block.shape != model.need.shape
            or (self.block.size > 0 and not -1 <= self.block.min() <= self.block.max() < n_blocks),
            "multipliers": self.targets.shape != model.targets.shape
            or not (np.isfinite(self.targets).all() and (self.targets >= 0).all())
            or not 0.0 <= self.limit < math.inf
            or (self.limit > 0.0 and model.limit is None)
            or not 0 <= self.scale <= 60,
            "sites": not (_within(self.site, n_sites) and _within(self.part, n_blocks))
            or not self.site.shape == self.part.shape == self.share.shape,
        }
        for what, wrong in faults.items():
            if wrong:
                raise WrongAnswer(f"a block certificate names {what} that the model does not have")
        if (self.share < 0).any() or (self.share > prices.site[self.site]).any():
            raise WrongAnswer("a block certificate has a share below nothing or above the whole price")
        if np.unique(self.site * max(n_blocks, 1) + self.part).size < self.site.size:
            raise WrongAnswer("a block certificate shares a price with the same block twice")
        paid = np.zeros(n_sites, np.int64)
        np.add.at(paid, self.site, self.share)
        # A site that is open anyway is paid as a whole already.
        if (paid > np.where(model.opened, 0, prices.site)).any():
            raise WrongAnswer("a block certificate shares more than a site's price")

    def matrix(self, model: CoveringModel, block: int) -> tuple[MatrixModel, int]:
        """Write one block out for a backend.

        Parameters
        ----------
        model
            The model, in its original rows and sites.
        block
            Which.

        Returns
        -------
        model, constant
            To be minimised; what the block pays besides.
        """
        prices = price(model, self.scale, self.targets, self.limit)
        rows = np.flatnonzero(self.block == block)
        share = np.zeros(model.cost.size, np.int64)
        mine = self.part == block
        share[self.site[mine]] = self.share[mine]
        free = (share == 0) & ~model.closed
        sites = np.flatnonzero((share > 0) & ~model.closed)
        near = model.coverage[rows]
        left = model.need[rows] - np.asarray(near.astype(np.int64) @ free.astype(np.int64))
        return block_matrix(near[:, sites], left, model.must[rows], share[sites], prices.row[rows])

    def reprove(self, model: CoveringModel, backend: Backend, limits: Limits | None = None) -> float:
        """Prove the bound afresh: every block is solved by a backend.

        Parameters
        ----------
        model
            The model, in its original rows and sites.
        backend
            Best another one than that which proved the blocks first.
        limits
            For each block.

        Returns
        -------
        float
            As `bound`.

        Raises
        ------
        WrongAnswer
            The backend finds a block cheaper than the certificate claims, or cannot prove the claim.
        """
        total = self.bound(model)
        for block in range(self.bounds.size):
            proven = self._prove(model, block, backend, limits or Limits())
            if proven < self.bounds[block]:
                raise WrongAnswer(
                    f"block {block} of the certificate is said to cost at least {int(self.bounds[block])} "
                    f"units, but {backend.name} proves only {proven:g}"
                )
        return total

    def _prove(self, model: CoveringModel, block: int, backend: Backend, limits: Limits) -> float:
        matrix, constant = self.matrix(model, block)
        if not matrix.objective.size:
            return constant if (matrix.row_lower <= 0).all() else math.inf
        answer = backend.solve(matrix, limits, Hooks())
        if answer.status == "infeasible":
            return math.inf
        if answer.bound is None or not math.isfinite(answer.bound):
            return -math.inf
        return constant + math.ceil(answer.bound - _NOISE)


def _within(indices: NDArray[np.int64], size: int) -> bool:
    return bool(((indices >= 0) & (indices < size)).all())


def as_objective(model: CoveringModel, units: int, scale: int) -> float:
    """Turn a proven number of units into a bound on the objective, never too good.

    Parameters
    ----------
    model
        Its sense, and whether every objective is an integer.
    units, scale
        What every plan costs at least, in units of ``2.0**-scale``.

    Returns
    -------
    float
        A lower bound when minimising, an upper bound when maximising.
    """
    whole = 1 << scale
    if model.maximise:
        units = -units
    if model.integer_objective:
        return float(units // whole if model.maximise else -((-units) // whole))
    nearest = units / whole
    outward = math.inf if model.maximise else -math.inf
    return nearest if nearest * whole == units else math.nextafter(nearest, outward)


def block_matrix(
    coverage: csr_array,
    need: NDArray[np.int64],
    must: NDArray[np.bool_],
    share: NDArray[np.int64],
    worth: NDArray[np.int64],
) -> tuple[MatrixModel, int]:
    """Write a block out: the cheapest way to serve its rows, less what those that hold are worth.

    Parameters
    ----------
    coverage
        (n, m) rows of the block by the sites that it pays.
    need
        (n,) how many of these sites a row needs; those with 0 or less hold anyway.
    must, worth
        (n,) of the rows.
    share
        (m,) what the sites cost here.

    Returns
    -------
    model, constant
        Variables are the sites, then the rows that need not hold and may; what rows that hold anyway are
        worth, negative.
    """
    held = need <= 0
    hold = np.flatnonzero(~held & must)
    asked = np.flatnonzero(~held & ~must & (worth > 0))
    chosen = np.concatenate((hold, asked))
    place = (np.arange(asked.size) + hold.size, np.arange(asked.size))
    own = csr_array((-need[asked].astype(np.float64), place), shape=(chosen.size, asked.size))
    columns = share.size + asked.size
    matrix = MatrixModel(
        objective=np.concatenate((share, -worth[asked])).astype(np.float64),
        rows=csr_array(hstack((csr_array(coverage)[chosen].astype(np.float64), own), format="csr")),
        row_lower=np.concatenate((need[hold], np.zeros(asked.size))).astype(np.float64),
        row_upper=np.full(chosen.size, np.inf),
        lower=np.zeros(columns),
        upper=np.ones(columns),
        integral=np.ones(columns, np.bool_),
        implied=np.zeros(columns, np.bool_),
    )
    return matrix, -int(worth[held & ~must].sum())


def certifiable_scale(model: CoveringModel, targets: NDArray[np.float64], limit: float) -> int:
    """Choose units small enough that rounding costs little, and large enough for whole-number solvers.

    Parameters
    ----------
    model, targets, limit
        As `price` takes them.

    Returns
    -------
    int
        The scale.

    Raises
    ------
    InputError
        The numbers are too large.
    """
    site = limit * model.usage + (0.0 if model.maximise else model.cost)
    grouped = model.group >= 0
    worth = float(model.value.sum() + targets[model.group[grouped]] @ model.weight[grouped])
    typical = float(np.median(site[site > 0])) if (site > 0).any() else 1.0
    exact = bool(model.must.all()) and limit == 0.0 and model.integer_objective
    wanted = math.log2((_COARSE if exact else _FINE) / typical)
    room = math.log2(_ROOM / max(float(site.sum()) + worth, 1.0))
    scale = math.floor(min(max(wanted, 0.0), room))
    if scale < 0:
        raise InputError("costs and weights are too large to be shared in whole numbers")
    return scale


_COARSE, _FINE = 2.0**12, 2.0**22  # units in a typical price
_ROOM = 2.0**48  # units of all prices together
