"""A block certificate proven again: every block is written out afresh and solved by somebody else.

The audit has no solver. It writes the blocks down, is handed a prover, and counts on nothing that the prover
says but bounds and choices: a choice that costs less than a block is said to cost is added up here, exactly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chargeplan.errors import BackendError
from chargeplan.events import Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from chargeplan.audit.blocks import Block, BlockProof
    from chargeplan.events import Cancel, OnEvent

_NOISE = 1e-4, 1e-9  # of a whole objective, absolute and relative, in what solvers say of it

Verdict = Literal["proven", "refuted", "unproven"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a prover found of a block.

    Parameters
    ----------
    bound
        What it proves ``cost x`` to be at least; None where it proves nothing.
    values
        (C,) the best x that it found, or None.
    """

    bound: float | None
    values: NDArray[np.float64] | None = None


Prover = Callable[["Block"], Finding]


@dataclass(frozen=True, slots=True)
class BlockVerdict:
    """What came of proving a block again.

    Parameters
    ----------
    number, claimed
        The block, and what the certificate says that it costs at least, in units of 2^-scale.
    proven
        What was proven this time.
    verdict
        ``"proven"``: as claimed; ``"refuted"``: a cheaper choice exists; else ``"unproven"``.
    seconds
        Spent on it.
    note
        Why the prover failed, where it did.
    """

    number: int
    claimed: int
    proven: int
    verdict: Verdict
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Reproof:
    """A block certificate that was proven again, as far as that went.

    Parameters
    ----------
    claimed, bound
        What the blocks add up to with the bounds that they claim, and with those that were proven again.
    blocks
        By block.
    scale
        Units are 2^-scale.
    maximise
        The sense.
    seconds
        By the wall clock.
    interrupted
        Whether a person ended it; blocks not tried are unproven.
    """

    claimed: Fraction
    bound: Fraction
    blocks: Sequence[BlockVerdict]
    scale: int
    maximise: bool
    seconds: float
    interrupted: bool

    @property
    def holds(self) -> bool:
        """Whether what was proven again is as good as what is claimed, and no block is refuted."""
        enough = self.bound <= self.claimed if self.maximise else self.bound >= self.claimed
        return enough and not self.numbers("refuted")

    def numbers(self, verdict: Verdict) -> list[int]:
        """Return the numbers of the blocks with a verdict."""
        return [block.number for block in self.blocks if block.verdict == verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain values for a JSON file; of blocks, those that are not proven."""
        kinds: tuple[Verdict, ...] = ("proven", "unproven", "refuted")
        return {
            "holds": self.holds,
            "claimed": float(self.claimed),
            "bound": outward(self.bound, maximise=self.maximise),
            "scale": self.scale,
            "blocks": {kind: len(self.numbers(kind)) for kind in kinds},
            "not_proven": [
                {
                    "block": block.number,
                    "verdict": block.verdict,
                    "claimed": block.claimed,
                    "proven": block.proven,
                    "note": block.note,
                }
                for block in self.blocks
                if block.verdict != "proven"
            ],
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
        }


def reprove(
    proof: BlockProof,
    prover: Prover,
    *,
    threads: int = 1,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Reproof:
    """Prove the blocks of a certificate again.

    Parameters
    ----------
    proof
        The certificate, its arithmetic checked.
    prover
        Proves what a block costs at least; may raise `BackendError`. Best another solver than the one that
        proved the blocks first. Called from `threads` threads.
    threads
        Blocks at a time.
    on_event, cancel
        Told of every block that is done; asked before every block.

    Returns
    -------
    Reproof
        Every block's verdict. A block of which the prover proves less counts with what was proven.

    Raises
    ------
    InputError
        Shares or worths are too large for solvers.
    """
    began = time.perf_counter()
    blocks = proof.blocks()
    known = [block.trivial_bound for block in blocks]
    verdicts: dict[int, BlockVerdict] = {}

    def judge(block: Block) -> BlockVerdict:
        started = time.perf_counter()
        if cancel is not None and cancel.is_set():
            return BlockVerdict(
                block.number, block.claimed, block.trivial_bound, "unproven", 0.0, "not tried"
            )
        return _judged(block, prover, started)

    with ThreadPoolExecutor(threads) as pool:
        largest_first = sorted(blocks, key=lambda block: -block.rows.nnz)
        for job in as_completed([pool.submit(judge, block) for block in largest_first]):
            verdict = job.result()
            verdicts[verdict.number] = verdict
            known[verdict.number] = verdict.proven
            if on_event is not None:
                bound = float(proof.bound(known))
                stage = f"prove again: {len(verdicts):,} of {len(blocks):,} blocks"
                on_event(Event(stage, bound=bound, seconds=time.perf_counter() - began))
    return Reproof(
        claimed=proof.bound(proof.told.bounds),
        bound=proof.bound(known),
        blocks=[verdicts[number] for number in range(len(blocks))],
        scale=proof.told.scale,
        maximise=proof.maximise,
        seconds=time.perf_counter() - began,
        interrupted=cancel is not None and cancel.is_set(),
    )


def _judged(block: Block, prover: Prover, started: float) -> BlockVerdict:
    """Judge a block by what the prover finds; one without variables by arithmetic."""
    finding, note = Finding(0.0, np.empty(0)), ""
    if block.cost.size:
        try:
            finding = prover(block)
        except BackendError as failure:
            finding, note = Finding(None), str(failure)
    proven = max(block.trivial_bound, _units(block, finding.bound))
    price = None if finding.values is None else block.price(finding.values)
    if price is not None:
        proven = min(proven, price)  # no bound beyond a choice that is there
    verdict: Verdict = "proven" if proven >= block.claimed else "unproven"
    if price is not None and price < block.claimed:
        verdict = "refuted"
    return BlockVerdict(block.number, block.claimed, proven, verdict, time.perf_counter() - started, note)


def _units(block: Block, bound: float | None) -> int:
    """Turn a solver's bound into whole units, its noise taken off."""
    if bound is None or not math.isfinite(bound):
        return block.trivial_bound
    absolute, relative = _NOISE
    return block.constant + math.ceil(bound - max(absolute, relative * abs(bound)))


def outward(bound: Fraction, *, maximise: bool) -> float:
    """Return the nearest float that is no better a bound.

    Parameters
    ----------
    bound
        Exact.
    maximise
        Whether it is an upper bound.
    """
    nearest = float(bound)
    if nearest < bound if maximise else nearest > bound:
        return math.nextafter(nearest, math.inf if maximise else -math.inf)
    return nearest
