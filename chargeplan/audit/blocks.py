"""A plan's block certificate, as far as arithmetic goes.

Rows lie in blocks, and what an open site costs is shared among the blocks. That the shares add up to no more
than the cost, and what the blocks' own bounds add up to, is checked here; that a block cannot be done for
less is proven by solving it (`reprove`).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, hstack

from chargeplan.audit.certificate import whole_objective, written_rows, written_sites
from chargeplan.audit.certificate_file import Blocks, PlacedRows, read_blocks
from chargeplan.audit.exact import exact_sum
from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from chargeplan.audit.exact import PricedRows, PricedSites
    from chargeplan.problem import Problem, Standard

_PLAIN: dict[str, Any] = {"u": {}, "lambda": {}, "mu": 0}  # a certificate without multipliers
_LARGEST = 1 << 52  # whole numbers that floating-point solvers take as they are


def block_bound(problem: Problem, blocks: Mapping[str, Any]) -> Fraction:
    """Add up what the blocks of a certificate prove, if each block's own bound is true.

    Parameters
    ----------
    problem
        What was asked.
    blocks
        ``bound``, ``scale``, ``bounds``, ``rows``, ``shares``, ``lambda`` and ``mu`` of certificate.json.

    Returns
    -------
    Fraction
        A lower bound when minimising, an upper bound when maximising; rounded to an integer where every
        objective is one.

    Raises
    ------
    InputError
        As `BlockProof.read`.
    """
    proof = BlockProof.read(problem, blocks)
    return proof.bound(proof.told.bounds)


@dataclass(frozen=True, eq=False)
class Block:
    """One block, written out: binary x with ``rows x >= least`` cost at least ``constant + min cost x``.

    Parameters
    ----------
    number
        Of the block.
    claimed
        What the certificate says that it costs at least.
    constant
        What rows that hold anyway are worth, negative.
    cost
        (C,) int64: of the sites that pay here their shares, then of rows that need not hold their worth,
        negative. All in units of 2^-scale.
    rows
        (R, C) coefficients.
    least
        (R,) int64.
    """

    number: int
    claimed: int
    constant: int
    cost: NDArray[np.int64]
    rows: csr_array
    least: NDArray[np.int64]

    @property
    def trivial_bound(self) -> int:
        """What the block costs at least whatever its rows ask."""
        return self.constant + int(self.cost[self.cost < 0].sum())

    def price(self, values: NDArray[np.float64]) -> int | None:
        """Add up exactly what a choice, (C,), costs; None where it is not allowed."""
        chosen = np.asarray(values) > 0.5
        allowed = chosen.shape == self.cost.shape and (
            (np.abs(values - chosen) < 1e-3).all()
            and (self.rows @ chosen.astype(np.int64) >= self.least).all()
        )
        return self.constant + int(self.cost[chosen].sum()) if allowed else None


@dataclass(frozen=True, eq=False)
class BlockProof:
    """A block certificate beside the scenario, written down afresh with the audit's own coverage.

    Parameters
    ----------
    told
        What certificate.json says.
    rows, sites
        The rows of every standard, and the sites.
    prices
        For every standard the multiplier of its share.
    block
        For every standard the block of each row, (N_k,), -1 for none.
    payer
        (E,) the sites that pay, by number.
    base
        What every plan pays besides the blocks.
    maximise
        The sense.
    """

    told: Blocks
    rows: Sequence[PricedRows]
    sites: PricedSites
    prices: Sequence[Fraction]
    block: Sequence[NDArray[np.int64]]
    payer: NDArray[np.int64]
    base: Fraction
    maximise: bool

    @classmethod
    def read(cls, problem: Problem, blocks: Mapping[str, Any]) -> BlockProof:
        """Read a certificate's blocks and check all that arithmetic can check.

        Parameters
        ----------
        problem
            What was asked.
        blocks
            ``blocks`` of certificate.json.

        Raises
        ------
        InputError
            Shares that are negative or more than a site's price; a site, a demand point, a standard or a
            block that is not there; a negative multiplier; an entry that is missing or of another kind.
        """
        told = read_blocks(blocks)
        if strange := (told.rows.keys() | told.lambda_.keys()) - {item.name for item in problem.standards}:
            raise InputError(
                f"the blocks name the standard {min(strange)!r}, which the scenario does not have"
            )
        sites, payer = written_sites(problem, _PLAIN), _payers(problem, told)
        site_prices = _site_prices(sites, Fraction(told.mu))
        _check_shares(told, payer, site_prices, sites)
        rows = [written_rows(problem, standard, _PLAIN) for standard in problem.standards]
        prices = [Fraction(told.lambda_.get(standard.name, 0.0)) for standard in problem.standards]
        block = [_places(standard, told) for standard in problem.standards]
        opened = (site_prices[site] for site in np.flatnonzero(sites.opened))
        base = sum(opened, Fraction(0)) - Fraction(told.mu) * sites.limit
        for part, price, placed in zip(rows, prices, block, strict=True):
            base += _besides(part, sites, placed, price)
        maximise = problem.scenario.objective.sense == "max"
        return cls(told, rows, sites, prices, block, payer, base, maximise)

    def bound(self, units: Sequence[int]) -> Fraction:
        """Add up what is proven, once each block is known to cost at least so many units.

        Parameters
        ----------
        units
            (B,) for every block.

        Returns
        -------
        Fraction
            As `block_bound`.
        """
        total = self.base + Fraction(sum(units), 1 << self.told.scale)
        if self.maximise:
            return Fraction(math.floor(-total)) if self._whole else -total
        return (Fraction(math.ceil(total)) if self._whole else total) + self.sites.anyway

    @cached_property
    def _whole(self) -> bool:
        return whole_objective(self.rows, self.sites)

    def blocks(self) -> list[Block]:
        """Write every block out.

        Raises
        ------
        InputError
            Shares or worths are too large for solvers.
        """
        stacked = _stack(self)
        return [stacked.block(number, claimed) for number, claimed in enumerate(self.told.bounds)]


@dataclass(frozen=True, eq=False)
class _Stacked:
    """The rows of all standards one under another, and who pays what where.

    Parameters
    ----------
    coverage
        (N, M).
    need, must, worth, home
        (N,) stations that a row needs, whether it has to hold, what it is worth, its block.
    site, part, share
        (E,) what an open site pays in a block, of those that may open.
    permitted
        (M,) bool.
    """

    coverage: csr_array
    need: NDArray[np.int64]
    must: NDArray[np.bool_]
    worth: NDArray[np.int64]
    home: NDArray[np.int64]
    site: NDArray[np.int64]
    part: NDArray[np.int64]
    share: NDArray[np.int64]
    permitted: NDArray[np.bool_]

    def block(self, number: int, claimed: int) -> Block:
        """Write a block out. Sites that pay nothing here are taken to be open."""
        rows = np.flatnonzero(self.home == number)
        mine = np.flatnonzero((self.part == number) & (self.share > 0))
        free = self.permitted.copy()
        free[self.site[mine]] = False
        payers = mine[self.permitted[self.site[mine]]]
        near = self.coverage[rows]
        left = self.need[rows] - near @ free.astype(np.int64)
        worth, must = self.worth[rows], self.must[rows]
        hold, asked = np.flatnonzero((left > 0) & must), np.flatnonzero((left > 0) & ~must & (worth > 0))
        chosen = np.concatenate((hold, asked))
        place = (hold.size + np.arange(asked.size), np.arange(asked.size))
        own = csr_array((-left[asked], place), shape=(chosen.size, asked.size))
        return Block(
            number=number,
            claimed=claimed,
            constant=-int(worth[(left <= 0) & ~must].sum()),
            cost=np.concatenate((self.share[payers], -worth[asked])),
            rows=csr_array(hstack((near[chosen][:, self.site[payers]], own), format="csr")),
            least=np.concatenate((left[hold], np.zeros(asked.size, np.int64))),
        )


def _stack(proof: BlockProof) -> _Stacked:
    told, sites = proof.told, proof.sites
    starts = np.cumsum([0, *(part.must.size for part in proof.rows)])
    row = np.concatenate([start + part.row for start, part in zip(starts, proof.rows, strict=False)])
    column = np.concatenate([part.column for part in proof.rows])
    pairs = (np.ones(row.size, np.int64), (row, column))
    return _Stacked(
        coverage=csr_array(pairs, shape=(int(starts[-1]), sites.cost.size)),
        need=np.concatenate([np.full(part.must.size, part.need) for part in proof.rows]),
        must=np.concatenate([part.must for part in proof.rows]),
        worth=np.concatenate(
            [_worths(part, price, told.scale) for part, price in zip(proof.rows, proof.prices, strict=True)]
        ),
        home=np.concatenate(proof.block),
        site=proof.payer,
        part=np.array(told.shares.block, np.int64),
        share=_counted(told.shares.share),
        permitted=~sites.closed,
    )


def _worths(part: PricedRows, price: Fraction, scale: int) -> NDArray[np.int64]:
    """Worth of rows that need not hold, (N,), in whole units, none too small."""
    worth = [0] * part.must.size
    for row in np.flatnonzero(~part.must & ((part.weight != 0) | (part.value != 0))).tolist():
        exact = Fraction(part.value[row]) + price * Fraction(part.weight[row])
        worth[row] = math.ceil(exact * (1 << scale))
    return _counted(worth)


def _counted(units: Sequence[int]) -> NDArray[np.int64]:
    if max(units, default=0) > _LARGEST:
        raise InputError("shares or worths of the blocks are too large for solvers")
    return np.array(units, np.int64)


def _site_prices(sites: PricedSites, limit: Fraction) -> list[Fraction]:
    """Return what every open site costs, the limit paid for."""
    figures = zip(sites.cost.tolist(), sites.usage.tolist(), strict=True)
    return [Fraction(cost) + limit * Fraction(usage) for cost, usage in figures]


def _payers(problem: Problem, told: Blocks) -> NDArray[np.int64]:
    """Return the sites that pay blocks, (E,), by number."""
    place = {name: index for index, name in enumerate(problem.sites.ids)}
    shares, count = told.shares, len(told.bounds)
    named = zip(shares.site, shares.block, shares.share, strict=True)
    if any(site not in place or not 0 <= block < count or share < 0 for site, block, share in named):
        raise InputError(
            "the blocks are paid by sites, or are numbers, that are not there, or a share is negative"
        )
    if len(set(zip(shares.site, shares.block, strict=True))) < len(shares.site):
        raise InputError("a site pays the same block twice")
    return np.array([place[name] for name in shares.site], np.int64)


def _check_shares(told: Blocks, payer: NDArray[np.int64], prices: list[Fraction], sites: PricedSites) -> None:
    """Check that no site pays more than it costs; one that is open anyway is paid for besides."""
    paid: Counter[int] = Counter()
    for site, units in zip(payer.tolist(), told.shares.share, strict=True):
        paid[site] += units
    for site, units in paid.items():
        share = Fraction(units, 1 << told.scale)
        most = Fraction(0) if sites.opened[site] else prices[site]
        if share > most:
            name = told.shares.site[payer.tolist().index(site)]
            raise InputError(f"site {name} pays the blocks {float(share)}, and costs {float(most)}")


def _besides(part: PricedRows, sites: PricedSites, block: NDArray[np.int64], price: Fraction) -> Fraction:
    """Return what a standard's share is worth, less what rows that are in no block may be worth at most."""
    permitted = ~sites.closed[part.column]
    reachable = np.bincount(part.row[permitted], minlength=part.must.size) >= part.need
    loose = reachable & ~part.must & (block < 0)
    return price * part.target - price * exact_sum(part.weight[loose]) - exact_sum(part.value[loose])


def _places(standard: Standard, told: Blocks) -> NDArray[np.int64]:
    """Return the block of every demand point, (N,), -1 for none."""
    place = {name: index for index, name in enumerate(standard.points.ids)}
    rows, count = told.rows.get(standard.name, PlacedRows()), len(told.bounds)
    block = np.full(len(place), -1)
    for name, number in zip(rows.rows, rows.block, strict=True):
        if name not in place or not 0 <= number < count or block[place[name]] >= 0:
            raise InputError(f"{standard.name}: demand point {name} is not there, or not in one block")
        block[place[name]] = number
    return block
