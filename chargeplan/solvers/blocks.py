"""Bounds tighter than the LP's: rows in blocks that are solved to optimality, each site's price shared.

What `block_certificate` describes is improved until it stalls or proves the plan: the LP's multipliers give
the first shares; neighbouring blocks join while both together can still be solved; subgradient steps move
shares towards the blocks that use a site (Lagrangian decomposition: Guignard & Kim 1987; steps after Polyak
1969).
The answer depends on the seed and the work alone, not on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from chargeplan.solvers.block_certificate import (
    BlockCertificate,
    Prices,
    as_objective,
    block_matrix,
    certifiable_scale,
    price,
)
from chargeplan.solvers.bounds import multipliers
from chargeplan.solvers.exact import Workers, solve_exactly
from chargeplan.solvers.partition import Part, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from chargeplan.solvers.bounds import Relaxation
    from chargeplan.solvers.exact import TimeLeft
    from chargeplan.solvers.matrix import MatrixModel
    from chargeplan.solvers.models.covering import CoveringModel
    from chargeplan.solvers.reduction import Reduction

    _Move = Callable[["_Team", float | None], bool]

_LEAF = 8.0  # open sites that the smallest blocks pay for, about
_LEAF_CAP = 4.0  # units of work for one of the smallest blocks
_FIRST_CAP, _LAST_CAP = 0.25, 4096.0  # units of work for two that join, from round to round
_STEP_CAP = 4.0  # times that, for one whose shares have moved
_HOPEFUL = 0.5  # share of the cap that two blocks may have taken if they are to join
_FAILURES = 2  # steps without progress after which they get shorter
_HOPE, _STALLED = 1e-2, 2e-6  # part of the bound gained by a unit of work: expected at first, and too little
_FIRST_STEP, _LEAST_STEP = 0.3, 0.02  # of Polyak's


@dataclass(frozen=True)
class _Piece:
    """Rows of a block and the sites that serve them."""

    rows: NDArray[np.int64]
    sites: NDArray[np.int64]
    coverage: csr_array


@dataclass(frozen=True)
class _Block:
    """A block, its shares, and what is known of it.

    Parameters
    ----------
    piece
        Its rows and sites.
    wish
        (sites,) shares as real numbers, in units.
    share
        (sites,) shares.
    bound
        Proven, in units.
    opened
        (sites,) bool, open in the best solution found.
    work
        Units that the last proof took.
    solved
        Whether that solution is proven to be the best.
    """

    piece: _Piece
    wish: NDArray[np.float64]
    share: NDArray[np.int64]
    bound: int
    opened: NDArray[np.bool_]
    work: float = 0.0
    solved: bool = False


@dataclass(frozen=True)
class _State:
    """Blocks by the number of their part, and the multipliers of the coupling rows."""

    blocks: dict[int, _Block]
    targets: NDArray[np.float64]
    limit: float
    prices: Prices  # of the original model
    site: NDArray[np.int64]  # prices of the reduced model's sites
    worth: NDArray[np.int64]  # and what its rows are worth


class BlockBound:
    """A block bound that improves as it is given work.

    Parameters
    ----------
    reduction
        Of the model whose bound is wanted.
    relaxation
        Of ``reduction.model``; its multipliers give the first shares.
    seed
        Of the workers' random choices.
    threads
        How many blocks are solved at a time.
    stop
        Asked while blocks are cut whether the time is up; they are then larger than they should be.

    Raises
    ------
    InputError
        Costs or weights are too large for whole numbers.
    """

    def __init__(
        self,
        reduction: Reduction,
        relaxation: Relaxation,
        *,
        seed: int = 0,
        threads: int = 1,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.reduction = reduction
        self.model = reduction.model
        self.stalled = False
        self.spent = 0.0  # units of work in all
        self._begun = False  # whether every one of the smallest blocks has had its turn
        self._threads, self._seed = threads, seed
        self._cap, self._step = _FIRST_CAP, _FIRST_STEP
        self._failures = 0
        self._pace: dict[_Move, float] = {}  # units of bound per unit of work, lately
        self._tried: dict[tuple[int, int], float] = {}
        rows, targets, limit = multipliers(self.model, relaxation)
        self.scale = certifiable_scale(reduction.original, targets, limit)
        weight = rows * self.model.need
        self._multipliers = np.floor(rows * 2.0**self.scale).astype(np.int64)
        whole = split(self.model.coverage, weight, _leaf_weight(self.model, limit), stop)
        self._leaves = list(_leaves(whole))
        self._now = self._best = self._first(rows, self._priced(targets, limit))
        self._total: int | None = None

    @property
    def bound(self) -> float | None:
        """The best bound so far on the original model's objective; None before a block is solved."""
        known = self._total
        return None if known is None else as_objective(self.reduction.original, known, self.scale)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self._best.blocks)

    @property
    def overlap(self) -> float:
        """How many blocks share a site, on average: near 1 where demand is spread over a map."""
        sizes = sum(block.piece.sites.size for block in self._best.blocks.values())
        return sizes / max(self.model.cost.size, 1)

    def run(self, work: float, best: float | None, time_left: TimeLeft) -> float:
        """Improve the bound.

        Parameters
        ----------
        work
            Units of work; the step that exceeds them is finished.
        best
            Objective of the best plan, which the bound is to approach; None where none is known.
        time_left
            Asked now and then for the seconds left, None for no limit. What the clock cuts is not
            reproducible.

        Returns
        -------
        float
            Units of work spent.
        """
        with Workers(self._threads, time_left) as workers:
            team = _Team(workers, self.model, self._seed)
            while team.work < work and not self.stalled and not team.cut:
                self._advance(team, best)
        self.spent += team.work
        return team.work

    def _advance(self, team: _Team, best: float | None) -> None:
        """Do what has lately brought the most for its work: let blocks join, or move shares."""
        if self._total is None or not self._begun:
            first = replace(self._now, blocks=team.solve(self._now, self._now.blocks, _LEAF_CAP))
            self._begun = not team.cut
            self._offer(first)
            return
        before, spent = self._total, team.work
        if not self._pace:
            self._pace = dict.fromkeys((self._join, self._move_shares), _HOPE * max(abs(before), 1))
        move = max(self._pace, key=lambda move: self._pace[move])
        if self._pace[move] < _STALLED * max(abs(before), 1):
            self.stalled = True
        elif move(team, best):
            gained = (self._total - before) / max(team.work - spent, 0.1)
            self._pace[move] = 0.5 * (self._pace[move] + gained)
        else:
            self._pace[move] = 0.0

    # The first blocks

    def _priced(self, targets: NDArray[np.float64], limit: float) -> _State:
        """Return a state without blocks: what multipliers of the coupling rows make of the prices."""
        prices = price(self.reduction.original, self.scale, targets, limit)
        merged = self.reduction.merged
        worth = np.zeros(self.model.need.size, np.int64)
        np.add.at(worth, merged[merged >= 0], prices.row[merged >= 0])
        worth[self.model.must] = 0
        return _State({}, targets, limit, prices, prices.site[self.reduction.sites], worth)

    def _first(self, rows: NDArray[np.float64], state: _State) -> _State:
        """Cut the smallest blocks out; every site is paid as the multipliers of its rows say."""
        pieces = {number: _piece(self.model, rows) for number, rows in enumerate(self._leaves)}
        unit = 2.0**self.scale
        served = np.zeros(self.model.cost.size)
        paid = np.zeros(self.model.cost.size)
        for piece in pieces.values():
            served[piece.sites] += piece.coverage.sum(axis=0)
            paid[piece.sites] += (rows[piece.rows] @ piece.coverage) * unit
        slack = np.maximum(state.site - paid, 0.0) / np.maximum(served, 1.0)
        blocks = {}
        for number, piece in pieces.items():
            wish = (rows[piece.rows] @ piece.coverage) * unit + slack[piece.sites] * piece.coverage.sum(
                axis=0
            )
            nothing = np.zeros(piece.sites.size, np.int64)
            blocks[number] = _Block(piece, wish, nothing, 0, np.ones(piece.sites.size, np.bool_))
        shared = _rounded(blocks, state.site)
        return replace(state, blocks={number: self._unsolved(b, state.worth) for number, b in shared.items()})

    def _unsolved(self, block: _Block, worth: NDArray[np.int64]) -> _Block:
        """Return a block with what the LP's multipliers alone prove of it at its shares (`certificate`)."""
        piece, need = block.piece, self.model.need[block.piece.rows]
        must, worth = self.model.must[piece.rows], worth[piece.rows]
        pays = self._multipliers[piece.rows]
        over = np.minimum(block.share - pays @ piece.coverage.astype(np.int64), 0)
        held = np.where(must, need * pays, np.minimum(need * pays - worth, 0))
        return replace(block, bound=max(int(held.sum() + over.sum()), -int(worth.sum())), solved=False)

    # Progress

    def _offer(self, state: _State) -> bool:
        """Go on from a state, and keep it if its bound is the best so far."""
        self._now = state
        total = self._outside(state.prices) + sum(block.bound for block in state.blocks.values())
        if self._total is not None and total <= self._total:
            return False
        self._total, self._best = total, state
        return True

    def _outside(self, prices: Prices) -> int:
        """Add up what plans pay outside the blocks: for sites without choice, less rows that hold anyway."""
        original, reduction = self.reduction.original, self.reduction
        loose = ~original.must & (reduction.merged < 0) & ~original.unreachable()
        open_sites = original.opened | reduction.opened
        return prices.constant + int(prices.site[open_sites].sum()) - int(prices.row[loose].sum())

    def _join(self, team: _Team, best: float | None) -> bool:  # noqa: ARG002 - a move
        """Join neighbours as long as they can be solved together; False where none is left to try."""
        pairs = self._candidates()
        while not pairs and self._cap <= _LAST_CAP:
            self._cap *= 2.0
            pairs = self._candidates()
        any_tried = bool(pairs)
        while pairs and not team.cut:
            first = max(self._best.blocks) + 1
            joined = {first + n: self._together(*pair) for n, pair in enumerate(pairs)}
            solved = team.solve(self._best, joined, self._cap)
            self._replace(team, dict(zip(pairs, solved.items(), strict=True)))
            pairs = self._candidates()
        self._now = self._best
        return any_tried

    def _replace(self, team: _Team, joined: dict[tuple[int, int], tuple[int, _Block]]) -> None:
        """Put blocks that were solved in the place of the pairs that they join."""
        blocks = dict(self._best.blocks)
        for pair, (number, block) in joined.items():
            if block.solved:
                for half in pair:
                    del blocks[half]
                blocks[number] = block
            elif not team.cut:
                self._tried[pair] = self._cap
        state = replace(self._best, blocks=dict(sorted(blocks.items())))
        self._offer(state)
        self._best = state  # as good at least, and in fewer blocks

    def _candidates(self) -> list[tuple[int, int]]:
        """Pairs of solved blocks with hope to be solved together, those that differ the most first."""
        blocks = self._best.blocks
        quick = {n: b for n, b in blocks.items() if b.solved and b.work <= _HOPEFUL * self._cap}
        chosen: list[tuple[int, int]] = []
        taken: set[int] = set()
        for pair in _neighbours(quick, self.model, self._best.site):
            one, other = pair
            if (
                taken.isdisjoint(pair)
                and quick[one].work + quick[other].work <= _HOPEFUL * self._cap
                and self._tried.get(pair, 0.0) < self._cap
            ):
                taken.update(pair)
                chosen.append(pair)
        return chosen

    def _together(self, one: int, other: int) -> _Block:
        """Join two blocks; what is proven of them is proven of both."""
        halves = [self._best.blocks[one], self._best.blocks[other]]
        piece = _piece(self.model, np.sort(np.concatenate([half.piece.rows for half in halves])))
        wish, share = np.zeros(piece.sites.size), np.zeros(piece.sites.size, np.int64)
        opened = np.zeros(piece.sites.size, np.bool_)
        for half in halves:
            place = np.searchsorted(piece.sites, half.piece.sites)
            wish[place] += half.wish
            share[place] += half.share
            opened[place] |= half.opened
        return _Block(piece, wish, share, sum(half.bound for half in halves), opened)

    def _move_shares(self, team: _Team, best: float | None) -> bool:
        """Take a subgradient step and solve the blocks that it changes; False where it changes none."""
        before, moved = self._now, self._stepped(self._now, best)
        changed = {
            number: self._unsolved(block, moved.worth)
            for number, block in moved.blocks.items()
            if (block.share != before.blocks[number].share).any()
            or (moved.worth[block.piece.rows] != before.worth[block.piece.rows]).any()
        }
        solved = team.solve(moved, changed, _STEP_CAP * self._cap)
        if self._offer(replace(moved, blocks=moved.blocks | solved)):
            self._failures = 0
        elif not team.cut:
            self._failures += 1
        if self._failures >= _FAILURES:
            self._failures, self._now = 0, self._best
            self._step = max(self._step / 2.0, _LEAST_STEP)
        return bool(changed)

    def _stepped(self, state: _State, best: float | None) -> _State:
        """Pay more where a site is used than where it is not, and more for targets that are missed."""
        use = _uses(state.blocks, self.model, state.site)
        reached, spent = self._coupling(state)
        total = self._outside(state.prices) + sum(block.bound for block in state.blocks.values())
        unit = 2.0**self.scale
        norm = sum(
            float(((state.site[block.piece.sites] * use[number]) ** 2).sum())
            for number, block in state.blocks.items()
        )
        norm += float(((state.targets * reached * unit) ** 2).sum()) + (state.limit * spent * unit) ** 2
        length = self._step * self._distance(total, best) / max(norm, 1.0)
        targets = np.maximum(state.targets + length * unit * state.targets**2 * reached, 0.0)
        limit = max(state.limit + length * unit * state.limit**2 * spent, 0.0)
        coupled = bool((targets != state.targets).any()) or limit != state.limit
        priced = self._priced(targets, limit) if coupled else state
        wished = {
            number: replace(
                block,
                wish=block.wish + length * state.site[block.piece.sites].astype(float) ** 2 * use[number],
            )
            for number, block in state.blocks.items()
        }
        return replace(priced, blocks=_rounded(wished, priced.site))

    def _distance(self, total: int, best: float | None) -> float:
        """Units between the blocks' bound and what it is to approach."""
        if best is None:
            return 0.01 * abs(total) + 1.0
        aim = (-best if self.reduction.original.maximise else best) * 2.0**self.scale
        return max(aim - total, 1e-4 * abs(total) + 1.0)

    def _coupling(self, state: _State) -> tuple[NDArray[np.float64], float]:
        """How far the blocks' solutions miss the targets and exceed the limit, in the model's own measure."""
        model = self.model
        holds = np.zeros(model.need.size, np.bool_)
        spent = 0.0
        for block in state.blocks.values():
            rows, sites = block.piece.rows, block.piece.sites
            holds[rows] = (
                block.piece.coverage.astype(np.int64) @ block.opened.astype(np.int64) >= model.need[rows]
            )
            part = block.share / np.maximum(state.site[sites], 1)
            spent += float((model.usage[sites] * part * block.opened).sum())
        return model.targets - model.group_weights(holds), 0.0 if model.limit is None else spent - model.limit

    # The proof

    def certificate(self) -> BlockCertificate:
        """Write down the best bound so far for the original model, every site and row named.

        Returns
        -------
        BlockCertificate
            Rows that reduction merged are in the block of the row that stands for them; a site that reduction
            dropped as dominated pays what the one that replaces it pays; sites that were left no choice pay
            for the rows that left none, in a block of their own.
        """
        state, original = self._best, self.reduction.original
        numbers = list(state.blocks)
        block = self._block_of_rows(numbers)
        shares = [
            (self.reduction.sites[b.piece.sites], np.full(b.share.size, n), b.share)
            for n, b in enumerate(state.blocks.values())
        ]
        site, part, share = (np.concatenate(arrays) for arrays in zip(*shares, strict=True))
        site, part, share = self._with_stand_ins(block, state.prices.site, site, part, share)
        bounds = [state.blocks[number].bound for number in numbers]
        if self.reduction.forcing.size:
            block[self.reduction.forcing] = len(numbers)
            paid = np.zeros(original.cost.size, np.int64)
            np.add.at(paid, site, share)
            forced = np.unique(original.coverage[self.reduction.forcing].indices)
            forced = forced[~original.opened[forced] & ~original.closed[forced]]
            site = np.concatenate((site, forced))
            part = np.concatenate((part, np.full(forced.size, len(numbers))))
            share = np.concatenate((share, (state.prices.site - paid)[forced]))
            bounds.append(0)
        kept = share > 0
        proof = BlockCertificate(
            self.scale,
            block,
            state.targets,
            state.limit,
            site[kept],
            part[kept],
            share[kept],
            np.array(bounds, np.int64),
        )
        return self._forced(proof) if self.reduction.forcing.size else proof

    def _forced(self, proof: BlockCertificate) -> BlockCertificate:
        """Prove the block of the rows that left no choice."""
        last = proof.bounds.size - 1
        matrix, constant = proof.matrix(self.reduction.original, last)
        answer = solve_exactly(matrix, _LEAF_CAP, seed=self._seed)
        bounds = proof.bounds.copy()
        bounds[last] = constant + (answer.bound or 0)
        return replace(proof, bounds=bounds)

    def _block_of_rows(self, numbers: list[int]) -> NDArray[np.int64]:
        """Return the block of every original row, -1 for none: (N,)."""
        original, reduction = self.reduction.original, self.reduction
        place = np.full(self.model.need.size + 1, -1)
        for n, number in enumerate(numbers):
            place[self._best.blocks[number].piece.rows] = n
        block = place[reduction.merged]
        block[original.must] = -1
        block[reduction.rows] = place[:-1]
        return block

    def _with_stand_ins(
        self,
        block: NDArray[np.int64],
        prices: NDArray[np.int64],
        site: NDArray[np.int64],
        part: NDArray[np.int64],
        share: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Add the shares of dominated sites: those of the site that dominates each."""
        pairs = _dominators(self.reduction, block, prices)
        if not pairs.size:
            return site, part, share
        order = np.argsort(site, kind="stable")
        first, last = (np.searchsorted(site[order], pairs[:, 1], side=side) for side in ("left", "right"))
        counts = last - first
        entries = order[
            np.repeat(first - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) + np.arange(counts.sum())
        ]
        return (
            np.concatenate((site, np.repeat(pairs[:, 0], counts))),
            np.concatenate((part, part[entries])),
            np.concatenate((share, share[entries])),
        )


class _Team:
    """Workers that solve blocks of a model, and what they have spent."""

    def __init__(self, workers: Workers, model: CoveringModel, seed: int) -> None:
        self.work = 0.0
        self._workers, self._model, self._seed = workers, model, seed

    @property
    def cut(self) -> bool:
        """Whether the time is up."""
        return self._workers.cut

    def solve(self, state: _State, blocks: dict[int, _Block], cap: float) -> dict[int, _Block]:
        """Solve blocks at the state's prices, in any order, each with the same work."""
        done = self._workers.map(lambda block: self._solve(block, state.worth, cap), blocks.values())
        result = dict(zip(blocks, done, strict=True))
        self.work += sum(block.work for block in result.values())
        return result

    def _solve(self, block: _Block, worth: NDArray[np.int64], cap: float) -> _Block:
        piece, paid = block.piece, block.share > 0
        need, must = self._model.need[piece.rows], self._model.must[piece.rows]
        left = need - piece.coverage.astype(np.int64) @ (~paid).astype(np.int64)
        near = csr_array(piece.coverage[:, np.flatnonzero(paid)])
        matrix, constant = block_matrix(near, left, must, block.share[paid], worth[piece.rows])
        opened = ~paid
        if not matrix.objective.size:
            return replace(block, bound=constant, opened=opened, work=0.0, solved=True)
        start = _start(matrix, block.opened[paid].astype(np.float64))
        answer = self._workers.solve(matrix, cap, start=start, seed=self._seed, known=block.bound - constant)
        known = block.bound if answer.bound is None else max(block.bound, constant + answer.bound)
        if answer.values is None:
            return replace(block, bound=known, work=answer.work, solved=False)
        opened[paid] = answer.values[: int(paid.sum())] > 0.5
        return replace(block, bound=known, opened=opened, work=answer.work, solved=answer.optimal)


def _leaf_weight(model: CoveringModel, limit: float) -> float:
    """Weight of the rows of a smallest block: what they pay for a few sites."""
    cost = limit * model.usage + (0.0 if model.maximise else model.cost)
    return _LEAF * float(np.median(cost[cost > 0])) if (cost > 0).any() else np.inf


def _piece(model: CoveringModel, rows: NDArray[np.int64]) -> _Piece:
    near = model.coverage[rows]
    sites, place = np.unique(near.indices, return_inverse=True)
    return _Piece(
        rows,
        sites.astype(np.int64),
        csr_array((near.data, place.ravel(), near.indptr), shape=(rows.size, sites.size)),
    )


def _start(matrix: MatrixModel, opened: NDArray[np.float64]) -> NDArray[np.float64]:
    """Complete a choice of sites, 1 or 0, by the rows that then hold."""
    columns, n_asked = opened.size, matrix.objective.size - opened.size
    asked = matrix.rows[matrix.rows.shape[0] - n_asked :]
    need = -asked[:, columns:].diagonal()
    return np.concatenate((opened, (asked[:, :columns] @ opened >= need).astype(np.float64)))


def _leaves(part: Part) -> Iterator[NDArray[np.int64]]:
    """Go through the rows of the parts that stay whole."""
    pending = [part]
    while pending:
        part = pending.pop()
        if part.halves is None:
            yield part.rows
        pending += reversed(part.halves or ())


def _neighbours(
    blocks: dict[int, _Block], model: CoveringModel, prices: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Pair blocks that share sites, the pairs that disagree on the dearest sites first."""
    if len(blocks) < 2:
        return []
    numbers = list(blocks)
    sizes = [block.piece.sites.size for block in blocks.values()]
    place = (
        np.repeat(np.arange(len(numbers)), sizes),
        np.concatenate([block.piece.sites for block in blocks.values()]),
    )
    shape = (len(numbers), prices.size)
    used = np.concatenate([_used(block, model) for block in blocks.values()])
    here = csr_array((np.ones(used.size), place), shape=shape)
    open_here = csr_array((used, place), shape=shape)
    priced = csr_array((used * prices[place[1]], place), shape=shape)
    price = float(np.median(prices[prices > 0])) if (prices > 0).any() else 1.0
    one_sided = csr_array(priced @ here.T - priced @ open_here.T)
    weight = (one_sided + one_sided.T + 1e-3 * price * (here @ here.T)).tocoo()
    upper = np.flatnonzero((weight.row < weight.col) & (weight.data > 0))
    order = upper[np.lexsort((weight.col[upper], weight.row[upper], -weight.data[upper]))]
    return [(numbers[i], numbers[j]) for i, j in zip(weight.row[order], weight.col[order], strict=True)]


def _rounded(blocks: dict[int, _Block], prices: NDArray[np.int64]) -> dict[int, _Block]:
    """Make whole shares of the wishes, none negative, that add up to each site's price."""
    sites = np.concatenate([block.piece.sites for block in blocks.values()])
    wish = np.maximum(np.concatenate([block.wish for block in blocks.values()]), 0.0)
    total = np.bincount(sites, wish, minlength=prices.size)
    count = np.bincount(sites, minlength=prices.size)
    # Where nobody wishes to pay, all pay the same.
    wish = np.where(
        total[sites] > 0,
        wish * (prices / np.where(total > 0, total, 1.0))[sites],
        (prices / np.maximum(count, 1))[sites],
    )
    order = np.argsort(sites, kind="stable")
    first = np.searchsorted(sites[order], sites[order])
    upto = np.cumsum(wish[order])
    within = upto - np.concatenate(([0.0], upto))[first]
    last = np.append(np.diff(sites[order]) > 0, True)
    within = np.where(last, prices[sites[order]], np.minimum(np.round(within), prices[sites[order]]))
    start = np.append(True, last[:-1])
    share = np.empty(sites.size, np.int64)
    share[order] = np.where(start, within, np.diff(within, prepend=0.0)).astype(np.int64)
    ends = np.cumsum([block.piece.sites.size for block in blocks.values()])[:-1]
    parts = zip(blocks.items(), np.split(wish, ends), np.split(share, ends), strict=True)
    return {number: replace(block, wish=w, share=s) for (number, block), w, s in parts}


def _uses(
    blocks: dict[int, _Block], model: CoveringModel, prices: NDArray[np.int64]
) -> dict[int, NDArray[np.float64]]:
    """Return for each block how much more it uses its sites than the other blocks do."""
    used = {number: _used(block, model) for number, block in blocks.items()}
    total, count = np.zeros(prices.size), np.zeros(prices.size)
    for number, block in blocks.items():
        total[block.piece.sites] += used[number]
        count[block.piece.sites] += 1.0
    mean = total / np.maximum(count, 1.0)
    return {number: used[number] - mean[block.piece.sites] for number, block in blocks.items()}


def _used(block: _Block, model: CoveringModel) -> NDArray[np.float64]:
    """Return which sites a block cannot do without, of those that it has open; 1 or 0."""
    piece = block.piece
    served = piece.coverage.astype(np.int64) @ block.opened.astype(np.int64)
    tight = (served <= model.need[piece.rows]).astype(np.int64)
    needed = piece.coverage.T.astype(np.int64) @ tight > 0
    free = block.share == 0
    return np.where(free, block.opened & needed, block.opened).astype(np.float64)


def _dominators(
    reduction: Reduction, block: NDArray[np.int64], prices: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pair each site that reduction dropped as dominated with a kept one that serves its rows no dearer."""
    original = reduction.original
    dropped = ~(original.opened | original.closed | reduction.opened)
    dropped[reduction.sites] = False
    sites, rows = np.flatnonzero(dropped), np.flatnonzero(block >= 0)
    near = original.coverage[rows][:, sites].tocoo()
    stand = np.where(reduction.merged[rows] >= 0, reduction.merged[rows], -1)
    place = np.full(original.need.size, -1)
    place[reduction.rows] = np.arange(reduction.rows.size)
    stand = np.where(stand >= 0, stand, place[rows])
    shape = (sites.size, reduction.rows.size)
    served = csr_array((np.ones(near.nnz), (near.col, stand[near.row])), shape=shape)
    served.data[:] = 1.0  # merged rows are one row
    both = (served @ reduction.model.coverage.astype(np.float64)).tocoo()
    size = np.diff(served.indptr)
    fits = (both.data >= size[both.row]) & (prices[reduction.sites[both.col]] <= prices[sites[both.row]])
    found, at = np.unique(both.row[fits], return_index=True)
    if found.size < (size > 0).sum():
        raise AssertionError("reduction dropped a site that no other stands for")
    return np.stack((sites[found], reduction.sites[both.col[fits][at]]), axis=1)
